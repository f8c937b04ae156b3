//! Tokens that are read: inspected and verified.

use core::ffi::c_char;
use core::time::Duration;

use alloc::string::ToString as _;

use super::boundary::{Out, TextIn, TextOut, call};
use super::failure::Failure;
use super::handle::{Handle, free, lend};
use super::status::*;
use crate::keystore::SymmetricKey;
use crate::sas::{ResourceUri, SasToken};
use crate::time::UnixTime;

/// A token that was read, to look into. Whether it is genuine only `hubward_token_verify` tells.
#[derive(Debug)]
pub struct hubward_token(SasToken<'static>);

impl Handle for hubward_token {}

/// Judges a token, for gateways and test hubs: that the key signed it, that it has not expired (for longer than
/// `tolerance_seconds`, for clocks that differ), and that it covers `resource` (a plain URI, `host/devices/id`) by
/// whole segments. `now` must come from a clock that knows the time, else expired tokens pass.
///
/// The signature is judged first, and compared in constant time. `HUBWARD_OK` is the one answer that lets somebody in.
/// Whoever has a key can sign for any resource: choose the key by who asks, and `resource` by what is asked for.
///
/// Ownership: nothing is kept. Threads: any.
///
/// Errors: those of tokens (400 to 409); `HUBWARD_TOKEN_SIGNATURE_MISMATCH`; `HUBWARD_TOKEN_EXPIRED`;
/// `HUBWARD_TOKEN_OUT_OF_SCOPE`; `HUBWARD_KEY_NOT_BASE64`, `HUBWARD_KEY_EMPTY` and `HUBWARD_KEY_TOO_LONG`; those of
/// resources (300 to 302) and of the names in them (100 to 104).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_verify(
    token: *const c_char,
    token_len: usize,
    key_base64: *const c_char,
    key_len: usize,
    resource: *const c_char,
    resource_len: usize,
    now: u64,
    tolerance_seconds: u64,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (token, key, resource) = unsafe {
            (
                TextIn::new(token, token_len)?,
                TextIn::new(key_base64, key_len)?,
                TextIn::new(resource, resource_len)?,
            )
        };
        let key = SymmetricKey::from_base64(key.read()?)?;
        let resource = ResourceUri::parse(resource.read()?)?;
        let token = SasToken::parse(token.read()?)?;
        let tolerance = Duration::from_secs(tolerance_seconds);
        token.verify(&key, &resource, UnixTime::from_secs(now), tolerance)?;
        Ok(())
    })
}

/// Reads a token as any SDK makes it, to look into.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_token_free`. `token` is only read: whoever holds it
/// wipes it. Threads: any.
///
/// Errors: those of tokens (400 to 409).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_parse(
    token: *const c_char,
    token_len: usize,
    out: *mut *mut hubward_token,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (token, out) = unsafe { (TextIn::new(token, token_len)?, Out::new(out)?) };
        out.give(hubward_token(SasToken::parse(token.read()?)?.into_owned()));
        Ok(())
    })
}

/// `sr`: what the token is for, encoded as it was sent.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_resource(
    token: *const hubward_token,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (token, out) = unsafe { (lend(token)?, TextOut::new(out.cast(), cap, len)?) };
        out.write(token.0.resource_text().as_bytes())
    })
}

/// `se`: the moment from which on the token is no longer good, in seconds since 1970.
///
/// Ownership: the moment is written to the caller's number. Threads: any, several at once. Errors: those of a call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_expiry(
    token: *const hubward_token,
    expiry: *mut u64,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (token, expiry) = unsafe { (lend(token)?, Out::new(expiry)?) };
        expiry.set(token.0.expiry().as_secs());
        Ok(())
    })
}

/// `skn`: the policy whose key signed it, as the token says. It is not signed: it may say which key to look up, and
/// means something only once the token verifies under that key.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_ABSENT` if the token names none; `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_policy_name(
    token: *const hubward_token,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (token, out) = unsafe { (lend(token)?, TextOut::new(out.cast(), cap, len)?) };
        let policy = token.0.policy_name().ok_or(Failure::new(HUBWARD_ABSENT))?;
        out.write(policy.as_str().as_bytes())
    })
}

/// The token with its signature hidden, for a log.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_describe(
    token: *const hubward_token,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (token, out) = unsafe { (lend(token)?, TextOut::new(out.cast(), cap, len)?) };
        out.write(token.0.to_string().as_bytes())
    })
}

/// Wipes and frees the token. NULL is fine.
///
/// Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_token_free(token: *mut hubward_token) {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { free(token) }
}
