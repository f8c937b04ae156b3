//! Connection strings: who a device is, and its key.

use core::ffi::c_char;

use alloc::borrow::Cow;
use alloc::string::ToString as _;
use alloc::sync::Arc;

use super::boundary::{Out, TextIn, TextOut, call};
use super::failure::Failure;
use super::handle::{Handle, free, lend};
use super::key::hubward_mac_key;
use super::status::*;
use crate::identity::{Authentication, ConnectionString};
use crate::keystore::SymmetricKey;
use crate::sas::{ResourceUri, SasError};

/// A connection string authenticates with `SharedAccessKey`.
pub const HUBWARD_AUTHENTICATION_KEY: i32 = 1;
/// A connection string authenticates with `SharedAccessSignature`: a token that somebody else made.
pub const HUBWARD_AUTHENTICATION_TOKEN: i32 = 2;
/// A connection string authenticates with `x509=true`: a certificate that is configured elsewhere.
pub const HUBWARD_AUTHENTICATION_X509: i32 = 3;

/// An identity and what it authenticates with, as a connection string says them.
#[derive(Debug)]
pub struct hubward_connection_string(ConnectionString<'static>);

impl Handle for hubward_connection_string {}

/// Reads a connection string, as the portal shows it.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_connection_string_free`. `text` is only read: whoever
/// holds it wipes it. Threads: any.
///
/// Errors: those of connection strings (200 to 299).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_parse(
    text: *const c_char,
    text_len: usize,
    out: *mut *mut hubward_connection_string,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (text, out) = unsafe { (TextIn::new(text, text_len)?, Out::new(out)?) };
        let connection = ConnectionString::parse(text.read()?)?;
        out.give(hubward_connection_string(connection.into_owned()));
        Ok(())
    })
}

/// `HostName`: the hub, which tokens name even behind a gateway. `hubward_mqtt_host` is whom to connect to.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once. Errors: those of a call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_host(
    connection: *const hubward_connection_string,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { part(connection, out, cap, len, |it| Some(it.host().as_str().into())) }
}

/// `GatewayHostName`: the host to connect to instead of the hub.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_ABSENT` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_gateway(
    connection: *const hubward_connection_string,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { part(connection, out, cap, len, |it| it.gateway().map(|name| name.as_str().into())) }
}

/// `DeviceId`.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_ABSENT` if there is none, as in a policy's connection string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_device_id(
    connection: *const hubward_connection_string,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { part(connection, out, cap, len, |it| it.device_id().map(|name| name.as_str().into())) }
}

/// `ModuleId`.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_ABSENT` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_module_id(
    connection: *const hubward_connection_string,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { part(connection, out, cap, len, |it| it.module_id().map(|name| name.as_str().into())) }
}

/// `SharedAccessKeyName`: the policy that the key belongs to.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_ABSENT` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_policy_name(
    connection: *const hubward_connection_string,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe {
        part(connection, out, cap, len, |it| it.policy_name().map(|name| name.as_str().into()))
    }
}

/// What its tokens are for, as a plain URI: `host/devices/id`, `host/devices/id/modules/id`, or `host` for a policy
/// without a device. `hubward_signer_new` takes it.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once. Errors: those of a call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_resource(
    connection: *const hubward_connection_string,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { part(connection, out, cap, len, |it| Some(resource_of(it).to_string().into())) }
}

/// What it authenticates with: one of `HUBWARD_AUTHENTICATION_*`.
///
/// Ownership: the number is written to the caller's. Threads: any, several at once. Errors: those of a call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_authentication(
    connection: *const hubward_connection_string,
    out: *mut i32,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (connection, out) = unsafe { (lend(connection)?, Out::new(out)?) };
        out.set(match connection.0.authentication() {
            Authentication::SharedAccessKey(_) => HUBWARD_AUTHENTICATION_KEY,
            Authentication::SharedAccessSignature(_) => HUBWARD_AUTHENTICATION_TOKEN,
            Authentication::X509 => HUBWARD_AUTHENTICATION_X509,
        });
        Ok(())
    })
}

/// The ready-made token of a connection string with `SharedAccessSignature`. It is a credential: wipe the buffer after
/// use.
///
/// Ownership: the text is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_ABSENT` if it authenticates otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_token(
    connection: *const hubward_connection_string,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    let token = |it: &ConnectionString<'_>, out: TextOut| match it.authentication() {
        Authentication::SharedAccessSignature(token) => out.write(token.expose_text().as_bytes()),
        Authentication::SharedAccessKey(_) | Authentication::X509 => {
            Err(Failure::new(HUBWARD_ABSENT))
        }
    };
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (connection, out) = unsafe { (lend(connection)?, TextOut::new(out.cast(), cap, len)?) };
        token(&connection.0, out)
    })
}

/// Its key, to be used by `hubward_signer_from_mac_key`.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_mac_key_free`; it does not need the connection string
/// any more. Threads: any, several at once.
///
/// Errors: `HUBWARD_SIGNER_NO_KEY` if it authenticates otherwise; `HUBWARD_KEY_EMPTY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_mac_key(
    connection: *const hubward_connection_string,
    out: *mut *mut hubward_mac_key,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (connection, out) = unsafe { (lend(connection)?, Out::new(out)?) };
        out.give(hubward_mac_key::new(Arc::new(key_of(&connection.0)?)));
        Ok(())
    })
}

/// Wipes the key and frees the rest. NULL is fine.
///
/// Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_connection_string_free(
    connection: *mut hubward_connection_string,
) {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { free(connection) }
}

/// Writes a part of a connection string.
///
/// # Safety
///
/// As the header asks of pointers.
unsafe fn part(
    connection: *const hubward_connection_string,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
    part: for<'a> fn(&'a ConnectionString<'static>) -> Option<Cow<'a, str>>,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (connection, out) = unsafe { (lend(connection)?, TextOut::new(out.cast(), cap, len)?) };
        let part = part(&connection.0).ok_or(Failure::new(HUBWARD_ABSENT))?;
        out.write(part.as_bytes())
    })
}

/// What its tokens are for.
pub(super) fn resource_of(connection: &ConnectionString<'_>) -> ResourceUri {
    let host = connection.host();
    match (connection.device_id(), connection.module_id()) {
        (None, _) => ResourceUri::hub(host),
        (Some(device), None) => ResourceUri::device(host, device),
        (Some(device), Some(module)) => ResourceUri::module(host, device, module),
    }
}

/// The key in it.
pub(super) fn key_of(connection: &ConnectionString<'_>) -> Result<SymmetricKey, SasError> {
    match connection.authentication() {
        Authentication::SharedAccessKey(key) => Ok(SymmetricKey::from_bytes(key.expose_bytes())?),
        other => Err(SasError::NoKey { found: other.field() }),
    }
}
