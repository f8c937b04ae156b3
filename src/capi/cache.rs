//! Tokens renewed in time.

use core::ffi::{c_char, c_void};
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread_local;

use alloc::boxed::Box;
use alloc::sync::Arc;

use zeroize::Zeroizing;

use super::boundary::{Out, TextIn, TextOut, call};
use super::failure::{Failure, HasStatus};
use super::handle::{Handle, free, lend, share};
use super::key::{CallbackFailed, UserData};
use super::log;
use super::signer::{HUBWARD_SAS_TOKEN_MAX, hubward_signer};
use super::status::*;
use crate::error::OtherError;
use crate::keystore::KeyError;
use crate::sas::{
    CachedToken, Refusal, ResourceUri, SasError, SasToken, TokenCache, TokenId, TokenParseError,
    TokenPolicy, TokenSource,
};
use crate::time::UnixTime;

/// A token cache has a token that is good.
pub const HUBWARD_CACHE_USE: i32 = 1;
/// A token cache has none, and none was to be had.
pub const HUBWARD_CACHE_WAIT: i32 = 2;
/// A token cache cannot judge or make any, for nobody knows the time.
pub const HUBWARD_CACHE_CLOCK_UNKNOWN: i32 = 3;

/// A token was refused for the first time: poll, and try once more with the new one.
pub const HUBWARD_REFUSED_ONCE: i32 = 1;
/// The new one was refused as well: the clock is off, the key is another one, or the device is not known.
pub const HUBWARD_REFUSED_AGAIN: i32 = 2;
/// It was replaced before this was told: poll, and try once more with the one that is at hand.
pub const HUBWARD_REFUSED_REPLACED: i32 = 3;

/// The token of a device, renewed in time. It keeps no timer: poll it at each connect, and at the moment that the
/// answer before named.
pub struct hubward_token_cache {
    state: Mutex<State>,
    /// The mark of the thread that is in it; 0 if none is.
    inside: AtomicUsize,
}

struct State {
    cache: TokenCache<Box<dyn TokenSource + Send>>,
    /// Whether the token was not yet handed out: who asks for its size has it still before them.
    is_new: bool,
    /// What the log was told last, and is not told again.
    told: Option<SasError>,
}

impl Handle for hubward_token_cache {}

impl fmt::Debug for hubward_token_cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("hubward_token_cache").finish_non_exhaustive()
    }
}

/// What a token cache answers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct hubward_token_cache_result {
    /// When to poll again, in seconds since 1970; with `HUBWARD_CACHE_CLOCK_UNKNOWN` it is 0: once the clock is set.
    pub next: u64,
    /// One of `HUBWARD_CACHE_*`.
    pub action: i32,
    /// Why the token was not renewed though it should have been, or why there is none; else `HUBWARD_OK`.
    pub reason: hubward_status,
    /// 1 if the token was never handed out before: a connection that is up needs it too. Else 0.
    pub is_new: i32,
    /// Which of the cache's tokens it is: to be kept with the connection that is made with it, and handed to
    /// `hubward_token_cache_accepted` or `hubward_token_cache_refused`. 0 without a token.
    pub id: u32,
}

/// What makes the tokens of a cache instead of a signer: a service, or a chip that makes whole tokens. See
/// `hubward_mac_key_callbacks` for what such functions may do.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hubward_token_callbacks {
    /// Handed to each of the functions as it is; may be NULL.
    pub user_data: *mut c_void,
    /// Writes a token that expires at `expiry`, or earlier if that is longer than the source gives, to `out`, which
    /// has room for `cap` bytes (`HUBWARD_SAS_TOKEN_MAX`), and its length to `len`, without a NUL if there is one; and
    /// returns 0, or anything else if it cannot. Never NULL.
    pub token: Option<
        unsafe extern "C-unwind" fn(
            user_data: *mut c_void,
            expiry: u64,
            out: *mut c_char,
            cap: usize,
            len: *mut usize,
        ) -> i32,
    >,
    /// Called once, when the cache is freed; may be NULL.
    pub release: Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>,
}

impl fmt::Debug for hubward_token_callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("hubward_token_callbacks").finish_non_exhaustive()
    }
}

/// A cache of a signer's tokens, which signs when it is first polled. Tokens live for `lifetime_seconds` (3600 is
/// usual) and are renewed once `renew_percent` of that are over (80 is usual), each device at moments of its own.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_token_cache_free`. The signer's handle stays the
/// caller's, and can be freed before the cache. Threads: any, several at once.
///
/// Errors: `HUBWARD_CACHE_LIFETIME` unless it is a minute to a year; `HUBWARD_CACHE_PERCENT` unless it is 10 to 90.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_cache_new(
    signer: *const hubward_signer,
    lifetime_seconds: u64,
    renew_percent: u32,
    out: *mut *mut hubward_token_cache,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (out, signer) = unsafe { (Out::new(out)?, share(signer)?) };
        let policy = policy(lifetime_seconds, renew_percent)?;
        let resource = signer.resource().clone();
        out.give(hubward_token_cache::new(Box::new(SignerSource(signer)), &resource, policy));
        Ok(())
    })
}

/// A cache of tokens that something else makes. `resource` is what they are for, as a plain URI: the moments of the
/// device follow from it.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_token_cache_free`. `callbacks` is copied. From success
/// on, `user_data` is the cache's until `release` is called; where this fails, it stays the caller's and nothing is
/// called. Threads: any.
///
/// Errors: as `hubward_token_cache_new`; those of resources (300 to 302) and of the names in them (100 to 104);
/// `HUBWARD_NULL_POINTER`, also for `token`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_cache_from_callbacks(
    callbacks: *const hubward_token_callbacks,
    resource: *const c_char,
    resource_len: usize,
    lifetime_seconds: u64,
    renew_percent: u32,
    out: *mut *mut hubward_token_cache,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (callbacks, resource, out) =
            unsafe { (callbacks.as_ref(), TextIn::new(resource, resource_len)?, Out::new(out)?) };
        let Some(hubward_token_callbacks { user_data, token: Some(token), release }) =
            callbacks.copied()
        else {
            return Err(Failure::new(HUBWARD_NULL_POINTER));
        };
        let resource = ResourceUri::parse(resource.read()?)?;
        let policy = policy(lifetime_seconds, renew_percent)?;
        let user_data = UserData { user_data, release };
        let source = Box::new(CallbackSource { user_data, token });
        out.give(hubward_token_cache::new(source, &resource, policy));
        Ok(())
    })
}

/// The token for `now`, signed if need be. `result` says what to do; there is a token in `out` only with
/// `HUBWARD_CACHE_USE`, else an empty text. What is not good at `now` is never handed out. It is a credential: wipe the
/// buffer after use.
///
/// That a token could not be signed is no failure of the call, but a `reason` in the result: the one before may still
/// be good. To ask for the size counts as a poll and fills `result`, but does not hand the token out, nor does a buffer
/// that is too small: poll again.
///
/// Ownership: everything is written to what is the caller's. Threads: any, several at once: they wait for each other,
/// also while a driver signs.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_BUSY` from within a function that the cache calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_cache_poll(
    cache: *const hubward_token_cache,
    now: u64,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
    result: *mut hubward_token_cache_result,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (cache, out, result) =
            unsafe { (lend(cache)?, TextOut::new(out.cast(), cap, len)?, Out::new(result)?) };
        let mut inside = cache.enter()?;
        let State { cache, is_new, told } = &mut *inside.state;
        let reason = |error: Option<&SasError>, else_is| error.map_or(else_is, HasStatus::status);
        let mut answer = hubward_token_cache_result {
            next: 0,
            action: HUBWARD_CACHE_CLOCK_UNKNOWN,
            reason: HUBWARD_CLOCK_UNKNOWN,
            is_new: 0,
            id: 0,
        };
        let (text, error) = match cache.poll(UnixTime::from_secs(now)) {
            CachedToken::Use { token, id, next, is_new: is_signed, error } => {
                *is_new |= is_signed;
                answer.next = next.as_secs();
                answer.action = HUBWARD_CACHE_USE;
                answer.reason = reason(error, HUBWARD_OK);
                answer.is_new = i32::from(*is_new);
                answer.id = id.to_bits();
                (token.expose_token(), error)
            }
            CachedToken::Wait { until, error } => {
                answer.next = until.as_secs();
                answer.action = HUBWARD_CACHE_WAIT;
                answer.reason = reason(error, HUBWARD_TOKEN_REFUSED);
                ("", error)
            }
            CachedToken::ClockUnknown { now: _ } => ("", None),
        };
        let is_handed_out = !out.is_query() && answer.action == HUBWARD_CACHE_USE;
        let news = error.filter(|error| told.as_ref() != Some(error)).cloned();
        if error.is_none() || news.is_some() {
            told.clone_from(&news);
        }
        let written = out.write(text.as_bytes());
        if written.is_ok() {
            result.set(answer);
            *is_new &= !is_handed_out;
        }
        // The program's log may do what it wants with the cache.
        drop(inside);
        if let Some(error) = news {
            log::warning(&error);
        }
        written
    })
}

/// The hub refused the token that was handed out with this `id`. Once, a new one may help; what is refused after that
/// is tried further and further apart. Told of a token that has been replaced, it changes nothing. `refusal` is one of
/// `HUBWARD_REFUSED_*`.
///
/// Ownership: the number is written to the caller's. Threads: as `hubward_token_cache_poll`.
///
/// Errors: `HUBWARD_BUSY` from within a function that the cache calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_cache_refused(
    cache: *const hubward_token_cache,
    id: u32,
    now: u64,
    refusal: *mut i32,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (cache, refusal) = unsafe { (lend(cache)?, Out::new(refusal)?) };
        let (id, now) = (TokenId::from_bits(id), UnixTime::from_secs(now));
        refusal.set(match cache.enter()?.state.cache.refused(id, now) {
            // There was none.
            _ if id == TokenId::from_bits(0) => HUBWARD_REFUSED_REPLACED,
            Refusal::Once => HUBWARD_REFUSED_ONCE,
            Refusal::Again => HUBWARD_REFUSED_AGAIN,
            Refusal::Replaced => HUBWARD_REFUSED_REPLACED,
        });
        Ok(())
    })
}

/// The hub took the token that was handed out with this `id`. Say so each time, for what is refused later is then
/// refused for the first time. Told of a token that has been replaced, it changes nothing.
///
/// Ownership: nothing is kept. Threads: as `hubward_token_cache_poll`.
///
/// Errors: `HUBWARD_BUSY` from within a function that the cache calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_cache_accepted(
    cache: *const hubward_token_cache,
    id: u32,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let cache = unsafe { lend(cache)? };
        cache.enter()?.state.cache.accepted(TokenId::from_bits(id));
        Ok(())
    })
}

/// Wipes the token, and the key if nothing else needs it, and frees the rest. NULL is fine.
///
/// Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_cache_free(cache: *mut hubward_token_cache) {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { free(cache) }
}

fn policy(lifetime_seconds: u64, renew_percent: u32) -> Result<TokenPolicy, Failure> {
    // What does not fit is out of range as well.
    let percent = u8::try_from(renew_percent).unwrap_or(u8::MAX);
    Ok(TokenPolicy::new(Duration::from_secs(lifetime_seconds), percent)?)
}

impl hubward_token_cache {
    fn new(
        source: Box<dyn TokenSource + Send>,
        resource: &ResourceUri,
        policy: TokenPolicy,
    ) -> Self {
        let cache = TokenCache::new(source, resource, policy);
        Self {
            state: Mutex::new(State { cache, is_new: false, told: None }),
            inside: AtomicUsize::new(0),
        }
    }

    /// Waits for whoever is in it; but not for itself, as a function that the cache calls would.
    fn enter(&self) -> Result<Inside<'_>, Failure> {
        let mark = mark();
        // Only this thread writes its own mark.
        if self.inside.load(Ordering::Relaxed) == mark {
            return Err(Failure::new(HUBWARD_BUSY));
        }
        // A cache whose source panicked is as it was before it was asked.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.inside.store(mark, Ordering::Relaxed);
        Ok(Inside { state, inside: &self.inside })
    }
}

/// A number that no other living thread has, and never 0.
fn mark() -> usize {
    thread_local! {
        static MARK: u8 = const { 0 };
    }
    MARK.try_with(|mark| core::ptr::from_ref(mark).addr()).unwrap_or(usize::MAX)
}

struct Inside<'a> {
    state: MutexGuard<'a, State>,
    inside: &'a AtomicUsize,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.inside.store(0, Ordering::Relaxed);
    }
}

/// A signer, which others may use as well.
#[derive(Debug)]
struct SignerSource(Arc<hubward_signer>);

impl TokenSource for SignerSource {
    fn token(&mut self, expiry: UnixTime) -> Result<SasToken<'static>, SasError> {
        self.0.sign(expiry)
    }
}

struct CallbackSource {
    user_data: UserData,
    token: unsafe extern "C-unwind" fn(*mut c_void, u64, *mut c_char, usize, *mut usize) -> i32,
}

impl TokenSource for CallbackSource {
    fn token(&mut self, expiry: UnixTime) -> Result<SasToken<'static>, SasError> {
        let mut buffer = Zeroizing::new([0_u8; HUBWARD_SAS_TOKEN_MAX]);
        let mut len = 0;
        // SAFETY: the program gave the function and what belongs to it; both places are lent, and there is as much
        // room as is said.
        let answer = unsafe {
            (self.token)(
                self.user_data.user_data,
                expiry.as_secs(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut len,
            )
        };
        // One that leaves no place for a NUL fits in no buffer of the size that takes every token.
        let text = buffer.get(..len).filter(|text| text.len() < HUBWARD_SAS_TOKEN_MAX);
        let token = match (answer, text) {
            (0, Some(text)) => core::str::from_utf8(text)
                .map_err(OtherError::new)
                .and_then(|text| SasToken::parse(text).map_err(OtherError::new))
                .map(SasToken::into_owned),
            (0, None) => Err(OtherError::new(TokenParseError::NotAToken)),
            (code, _) => Err(OtherError::new(CallbackFailed { code })),
        };
        token.map_err(|cause| SasError::Key(KeyError::Other(cause)))
    }
}

impl fmt::Debug for CallbackSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSource").finish_non_exhaustive()
    }
}
