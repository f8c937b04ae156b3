//! Keys for HMAC: in memory, or behind a driver of the program's.

use core::ffi::{c_char, c_void};
use core::fmt;

use alloc::sync::Arc;
use alloc::vec::Vec;

use thiserror::Error;
use zeroize::Zeroizing;

use super::boundary::{Out, TextIn, call, compiled_in, quietly};
use super::failure::Failure;
use super::handle::{Handle, free};
use super::status::*;
use crate::error::OtherError;
use crate::keystore::{KeyError, MacKey, SymmetricKey, Tag};

/// Locked memory as far as the system gives it.
pub const HUBWARD_LOCK_PREFER: i32 = 1;
/// Locked memory with all that belongs to it, or an error. Linux and Android only.
pub const HUBWARD_LOCK_REQUIRE: i32 = 2;

/// A key for HMAC-SHA256: in memory, in a store, or behind a driver that the program gives.
#[derive(Debug)]
pub struct hubward_mac_key(Arc<dyn MacKey>);

impl Handle for hubward_mac_key {}

impl hubward_mac_key {
    pub(super) fn new(key: Arc<dyn MacKey>) -> Self {
        Self(key)
    }

    pub(super) fn key(&self) -> &Arc<dyn MacKey> {
        &self.0
    }
}

/// A driver of a chip, or of anything else that can sign and keeps its key to itself.
///
/// The functions are called by whichever thread signs, by several at once if several do, also after the handle was
/// freed that was made of them: what needs the key holds it. They must not throw. They may call the library, but not
/// with the object that asks them just then (a token cache answers `HUBWARD_BUSY`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hubward_mac_key_callbacks {
    /// Handed to each of the functions as it is; may be NULL.
    pub user_data: *mut c_void,
    /// Writes the 32 bytes of HMAC-SHA256 over `message` to `tag` and returns 0, or returns anything else if it
    /// cannot, which the call then answers with `HUBWARD_KEY_FAILED`. 32 zero bytes are taken for none. The message is
    /// public and valid during the call only. Never NULL.
    pub hmac_sha256: Option<
        unsafe extern "C-unwind" fn(
            user_data: *mut c_void,
            message: *const u8,
            message_len: usize,
            tag: *mut u8,
        ) -> i32,
    >,
    /// Called once, when nothing needs the key any more, by whichever thread frees last; may be NULL.
    pub release: Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>,
}

impl fmt::Debug for hubward_mac_key_callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("hubward_mac_key_callbacks").finish_non_exhaustive()
    }
}

/// A key in memory, from its base64 text as the service shows it.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_mac_key_free`. The text is only read: whoever holds
/// it wipes it. Threads: any.
///
/// Errors: `HUBWARD_KEY_NOT_BASE64`; `HUBWARD_KEY_EMPTY`; `HUBWARD_KEY_TOO_LONG`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_mac_key_new(
    key_base64: *const c_char,
    key_len: usize,
    out: *mut *mut hubward_mac_key,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (key, out) = unsafe { (TextIn::new(key_base64, key_len)?, Out::new(out)?) };
        out.give(hubward_mac_key(Arc::new(SymmetricKey::from_base64(key.read()?)?)));
        Ok(())
    })
}

/// `hubward_mac_key_new` into locked pages: out of swap and of core dumps, and wiped in a forked child, where whatever
/// needs the key then answers `HUBWARD_KEY_WIPED_BY_FORK`. `policy` is one of `HUBWARD_LOCK_*`.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_mac_key_free`. Threads: any. Needs the feature `mlock`.
///
/// Errors: as `hubward_mac_key_new`; `HUBWARD_KEY_NOT_LOCKED` if locked memory is required and not to be had;
/// `HUBWARD_INVALID_ARGUMENT` for another policy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_mac_key_new_locked(
    key_base64: *const c_char,
    key_len: usize,
    policy: i32,
    out: *mut *mut hubward_mac_key,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (key, out) = unsafe { (TextIn::new(key_base64, key_len)?, Out::new(out)?) };
        compiled_in!(feature = "mlock", (key, policy, out), {
            let key = SymmetricKey::from_base64_locked(key.read()?, lock_policy(policy)?)?;
            out.give(hubward_mac_key(Arc::new(key)));
            Ok(())
        })
    })
}

/// A key behind functions of the program's, such as the driver of a secure element.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_mac_key_free`. `callbacks` is copied. From success on,
/// `user_data` is the key's until `release` is called; where this fails, it stays the caller's and nothing is called.
/// Threads: any.
///
/// Errors: `HUBWARD_NULL_POINTER`, also for `hmac_sha256`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_mac_key_from_callbacks(
    callbacks: *const hubward_mac_key_callbacks,
    out: *mut *mut hubward_mac_key,
) -> hubward_status {
    call(|| {
        let null = Failure::new(HUBWARD_NULL_POINTER);
        // SAFETY: the caller keeps what the header asks of pointers.
        let (callbacks, out) = unsafe { (callbacks.as_ref(), Out::new(out)?) };
        let Some(hubward_mac_key_callbacks { user_data, hmac_sha256: Some(hmac_sha256), release }) =
            callbacks.copied()
        else {
            return Err(null);
        };
        let user_data = UserData { user_data, release };
        out.give(hubward_mac_key(Arc::new(CallbackKey { user_data, hmac_sha256 })));
        Ok(())
    })
}

/// Lets the key go: it is wiped once nothing needs it any more. Signers and caches made of it go on. NULL is fine.
///
/// Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_mac_key_free(key: *mut hubward_mac_key) {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { free(key) }
}

#[cfg(feature = "mlock")]
pub(super) fn lock_policy(policy: i32) -> Result<crate::secret::LockPolicy, Failure> {
    match policy {
        HUBWARD_LOCK_PREFER => Ok(crate::secret::LockPolicy::Prefer),
        HUBWARD_LOCK_REQUIRE => Ok(crate::secret::LockPolicy::Require),
        _ => Err(Failure::new(HUBWARD_INVALID_ARGUMENT)),
    }
}

/// What belongs to functions of the program's, let go once.
pub(super) struct UserData {
    pub(super) user_data: *mut c_void,
    pub(super) release: Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>,
}

// SAFETY: the pointer is only handed to the program's functions, of which the header says that any thread calls
// them.
unsafe impl Send for UserData {}
// SAFETY: as above, and several at once.
unsafe impl Sync for UserData {}

impl Drop for UserData {
    fn drop(&mut self) {
        let Self { user_data, release } = self;
        if let Some(release) = *release {
            // SAFETY: the program gave both, and nobody has them any more.
            let _ = quietly(|| unsafe { release(*user_data) });
        }
    }
}

struct CallbackKey {
    user_data: UserData,
    hmac_sha256: unsafe extern "C-unwind" fn(*mut c_void, *const u8, usize, *mut u8) -> i32,
}

impl MacKey for CallbackKey {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        let joined: Vec<u8>;
        let message = match parts {
            [message] => *message,
            _ => {
                joined = parts.concat();
                &joined
            }
        };
        // Wiped: a store can be encrypted with what comes of it.
        let mut tag = Zeroizing::new([0; Tag::LEN]);
        // SAFETY: the program gave the function and what belongs to it; the message is lent, and `tag` has room for
        // what is written to it.
        let answer = unsafe {
            (self.hmac_sha256)(
                self.user_data.user_data,
                message.as_ptr(),
                message.len(),
                tag.as_mut_ptr(),
            )
        };
        let tag = Tag::from_bytes(*tag);
        match answer {
            // No HMAC is that: it wrote none, and anybody could open a store under it.
            0 if tag.matches(&[0; Tag::LEN]) => Err(KeyError::Other(OtherError::from_static(
                "the program's function answers 0 and wrote no tag",
            ))),
            0 => Ok(tag),
            code => Err(KeyError::Other(OtherError::new(CallbackFailed { code }))),
        }
    }
}

impl fmt::Debug for CallbackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackKey").finish_non_exhaustive()
    }
}

/// A function of the program's did not do what it is for.
#[derive(Debug, Error)]
#[error("the program's function answers {code}")]
pub(super) struct CallbackFailed {
    pub(super) code: i32,
}
