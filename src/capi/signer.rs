//! Signers: tokens into a caller's buffer.

use core::ffi::c_char;
use core::time::Duration;

use alloc::sync::Arc;

use super::boundary::{Out, TextIn, TextOut, call, compiled_in, read};
use super::connection_string::{key_of, resource_of};
use super::handle::{Handle, free, lend};
use super::key::hubward_mac_key;
use super::status::*;
use crate::identity::{ConnectionString, PolicyName, RegistrationId};
use crate::keystore::{MacKey, SymmetricKey};
use crate::sas::{GroupKey, ResourceUri, SAS_TOKEN_MAX, SasError, SasSigner, SasToken};
use crate::time::UnixTime;

/// A buffer of this size takes every token, its NUL included.
pub const HUBWARD_SAS_TOKEN_MAX: usize = 2007;

const _: () = assert!(HUBWARD_SAS_TOKEN_MAX == SAS_TOKEN_MAX + 1);

/// Makes tokens: one key, one resource, any number of expiries.
#[derive(Debug)]
pub struct hubward_signer {
    /// A key in memory is prepared, and then no more than a state.
    signer: SasSigner<Arc<dyn MacKey>>,
    /// What its tokens are for.
    resource: ResourceUri,
}

impl Handle for hubward_signer {}

impl hubward_signer {
    fn new(
        key: Arc<dyn MacKey>,
        resource: ResourceUri,
        policy: Option<&PolicyName>,
    ) -> Result<Self, SasError> {
        let signer = match policy {
            None => SasSigner::new(key, &resource),
            Some(policy) => SasSigner::with_policy(key, &resource, policy),
        };
        Ok(Self { signer: signer?, resource })
    }

    pub(super) const fn resource(&self) -> &ResourceUri {
        &self.resource
    }

    pub(super) fn sign(&self, expiry: UnixTime) -> Result<SasToken<'static>, SasError> {
        self.signer.sign(expiry)
    }
}

/// A signer for what a connection string names: the module, else the device, else the hub as a whole. The name of a
/// policy goes into the tokens.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_signer_free`. `text` is only read: whoever holds it
/// wipes it. Threads: any.
///
/// Errors: those of connection strings (200 to 299); `HUBWARD_SIGNER_NO_KEY` if it authenticates with something else
/// than a key; `HUBWARD_KEY_EMPTY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signer_from_connection_string(
    text: *const c_char,
    text_len: usize,
    out: *mut *mut hubward_signer,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (text, out) = unsafe { (TextIn::new(text, text_len)?, Out::new(out)?) };
        let connection = ConnectionString::parse(text.read()?)?;
        let (key, resource) = (key_of(&connection)?, resource_of(&connection));
        out.give(hubward_signer::new(Arc::new(key), resource, connection.policy_name())?);
        Ok(())
    })
}

/// `hubward_signer_from_connection_string` with the key in locked pages: see `hubward_mac_key_new_locked`.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_signer_free`. Threads: any. Needs the feature `mlock`.
///
/// Errors: as `hubward_signer_from_connection_string`; `HUBWARD_KEY_NOT_LOCKED` if locked memory is required and not
/// to be had; `HUBWARD_INVALID_ARGUMENT` for a policy that is none of `HUBWARD_LOCK_*`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signer_from_connection_string_locked(
    text: *const c_char,
    text_len: usize,
    policy: i32,
    out: *mut *mut hubward_signer,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (text, out) = unsafe { (TextIn::new(text, text_len)?, Out::new(out)?) };
        compiled_in!(feature = "mlock", (text, policy, out), {
            let policy = super::key::lock_policy(policy)?;
            let connection = ConnectionString::parse(text.read()?)?;
            let key = key_of(&connection)?.to_locked(policy)?;
            let resource = resource_of(&connection);
            out.give(hubward_signer::new(Arc::new(key), resource, connection.policy_name())?);
            Ok(())
        })
    })
}

/// A signer for a resource and a key. `resource` is the plain URI, which is encoded here: `host/devices/DEVICE`,
/// `host/devices/DEVICE/modules/MODULE`, `host`, `host/devices`, or `SCOPE/registrations/ID` for DPS. `key_base64` is
/// the key as the service shows it.
///
/// The tokens name no policy: for a policy's key, and for DPS, use `hubward_signer_with_policy`.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_signer_free`. The key's text is only read: whoever
/// holds it wipes it. Threads: any.
///
/// Errors: those of resources (300 to 302) and of the names in them (100 to 104); `HUBWARD_KEY_NOT_BASE64`;
/// `HUBWARD_KEY_EMPTY`; `HUBWARD_KEY_TOO_LONG`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signer_new(
    resource: *const c_char,
    resource_len: usize,
    key_base64: *const c_char,
    key_len: usize,
    out: *mut *mut hubward_signer,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (resource, key, out) = unsafe {
            (
                TextIn::new(resource, resource_len)?,
                TextIn::new(key_base64, key_len)?,
                Out::new(out)?,
            )
        };
        let resource = ResourceUri::parse(resource.read()?)?;
        let key = SymmetricKey::from_base64(key.read()?)?;
        out.give(hubward_signer::new(Arc::new(key), resource, None)?);
        Ok(())
    })
}

/// `hubward_signer_new` for tokens that name the policy (`skn`) that the key belongs to: one of the hub's, or
/// "registration" for a device that registers with DPS.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_signer_free`. Threads: any.
///
/// Errors: as `hubward_signer_new`; those of names (100 to 104) for the policy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signer_with_policy(
    resource: *const c_char,
    resource_len: usize,
    policy: *const c_char,
    policy_len: usize,
    key_base64: *const c_char,
    key_len: usize,
    out: *mut *mut hubward_signer,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (resource, policy, key, out) = unsafe {
            (
                TextIn::new(resource, resource_len)?,
                TextIn::new(policy, policy_len)?,
                TextIn::new(key_base64, key_len)?,
                Out::new(out)?,
            )
        };
        let resource = ResourceUri::parse(resource.read()?)?;
        let policy = PolicyName::new(policy.read()?)?;
        let key = SymmetricKey::from_base64(key.read()?)?;
        out.give(hubward_signer::new(Arc::new(key), resource, Some(&policy))?);
        Ok(())
    })
}

/// A signer for a resource, as in `hubward_signer_new`, and a key that something else keeps: a store, or a driver of
/// the program's. `policy` may be NULL with a length of 0, for tokens that name none.
///
/// Ownership: `*out` is the caller's, to be freed with `hubward_signer_free`. The key's handle stays the caller's, and
/// can be freed before the signer. Threads: any, several at once.
///
/// Errors: those of resources (300 to 302) and of names (100 to 104).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signer_from_mac_key(
    resource: *const c_char,
    resource_len: usize,
    policy: *const c_char,
    policy_len: usize,
    key: *const hubward_mac_key,
    out: *mut *mut hubward_signer,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (resource, policy, key, out) = unsafe {
            (
                TextIn::new(resource, resource_len)?,
                TextIn::optional(policy, policy_len)?,
                lend(key)?,
                Out::new(out)?,
            )
        };
        let resource = ResourceUri::parse(resource.read()?)?;
        let policy = read(policy)?.map(PolicyName::new).transpose()?;
        let key = Arc::clone(key.key());
        out.give(hubward_signer::new(key, resource, policy.as_ref())?);
        Ok(())
    })
}

/// The token that expires at `expiry`, in seconds since 1970. Any moment is signed, one that is past as well:
/// `hubward_signer_expiry_for` judges. It is a credential: wipe the buffer after use.
///
/// A buffer of `HUBWARD_SAS_TOKEN_MAX` takes every token. To ask for the size costs as much as to sign.
///
/// Ownership: the token is written to the caller's buffer. Threads: any, several at once.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_KEY_FAILED` and the others of keys (500 to 599), with a key in plain
/// memory never; `HUBWARD_KEY_WIPED_BY_FORK` in a forked child, with one in locked memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signer_sign(
    signer: *const hubward_signer,
    expiry: u64,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (signer, mut out) = unsafe { (lend(signer)?, TextOut::new(out.cast(), cap, len)?) };
        let expiry = UnixTime::from_secs(expiry);
        if out.is_query() {
            let token = signer.sign(expiry)?;
            return out.finish(token.expose_token().len());
        }
        match signer.signer.sign_into(expiry, out.room()) {
            Ok(len) => out.finish(len),
            Err(SasError::BufferTooSmall { needed, .. }) => Err(out.too_small(needed)),
            Err(error) => Err(error.into()),
        }
    })
}

/// The moment `lifetime_seconds` from `now` on, if a token should be made that expires then: not if the clock was
/// never set.
///
/// Ownership: the moment is written to the caller's number. Threads: any.
///
/// Errors: `HUBWARD_CLOCK_UNKNOWN` if `now` is before the release of this version, as on a device that boots in 1970;
/// `HUBWARD_LIFETIME_ZERO`; `HUBWARD_EXPIRY_OVERFLOW`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signer_expiry_for(
    lifetime_seconds: u64,
    now: u64,
    expiry: *mut u64,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let expiry = unsafe { Out::new(expiry)? };
        let lifetime = Duration::from_secs(lifetime_seconds);
        expiry.set(SasSigner::expiry_for(lifetime, UnixTime::from_secs(now))?.as_secs());
        Ok(())
    })
}

/// Wipes the key, once nothing needs it any more, and frees the rest. Caches made of it go on. NULL is fine.
///
/// Ownership: the handle is given back and must not be used again. Threads: any, while no other uses it. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_signer_free(signer: *mut hubward_signer) {
    // SAFETY: the caller keeps what the header asks of pointers.
    unsafe { free(signer) }
}

/// The key of one device of a DPS enrollment group, in base64: HMAC-SHA256, under the group's key, over the
/// registration ID. It is a secret: wipe the buffer after use. The group's key belongs in the factory, never on a
/// device.
///
/// Ownership: the key is written to the caller's buffer. The group's key is only read: whoever holds it wipes it.
/// Threads: any.
///
/// Errors: `HUBWARD_BUFFER_TOO_SMALL`; `HUBWARD_KEY_NOT_BASE64`; `HUBWARD_KEY_EMPTY`; `HUBWARD_KEY_TOO_LONG`; those of
/// names (100 to 104).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_derive_device_key(
    group_key_base64: *const c_char,
    group_key_len: usize,
    registration_id: *const c_char,
    registration_id_len: usize,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> hubward_status {
    call(|| {
        // SAFETY: the caller keeps what the header asks of pointers.
        let (group_key, registration, out) = unsafe {
            (
                TextIn::new(group_key_base64, group_key_len)?,
                TextIn::new(registration_id, registration_id_len)?,
                TextOut::new(out.cast(), cap, len)?,
            )
        };
        let group_key = GroupKey::from_base64(group_key.read()?)?;
        let registration = RegistrationId::new(registration.read()?)?;
        let key = group_key.derive_device_key(&registration)?.expose_base64();
        out.write(key.expose_text().as_bytes())
    })
}
