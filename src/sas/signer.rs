//! Making tokens.

use core::fmt;
use core::ops::Range;
use core::time::Duration;

use thiserror::Error;

use super::resource::ResourceUri;
use super::{EXPIRY, POLICY, PREFIX, RESOURCE, SIGNATURE};
use crate::encoding::decimal::{Decimal, TenDigits};
use crate::encoding::signature;
use crate::encoding::text::{Text, TextBuilder};
use crate::error::OtherError;
use crate::identity::{
    Authentication, ConnectionString, Field, IdScope, PolicyName, RegistrationId,
};
use crate::keystore::{KeyError, MacKey, PreparedMac, SymmetricKey};
use crate::secret::{REDACTED, SecretBytes};
use crate::time::{TimeError, UnixTime};

#[cfg(feature = "mlock")]
use crate::secret::LockOutcome;
#[cfg(feature = "alloc")]
use {
    super::token::{SasToken, SasTokenParts},
    crate::secret::SecretText,
    alloc::string::String,
    zeroize::Zeroize as _,
};

/// `SharedAccessSignature sr=…&sig=`
const HEAD_MAX: usize = PREFIX.len() + RESOURCE.len() + ResourceUri::ENCODED_MAX + SIGNATURE.len();

/// `&skn=…`
const TAIL_MAX: usize = POLICY.len() + PolicyName::ENCODED_MAX;

/// No token is longer, in bytes: every bound of the names in it reached, every character that can be
/// escaped escaped, the longest expiry.
pub const SAS_TOKEN_MAX: usize =
    HEAD_MAX + signature::MAX_LEN + EXPIRY.len() + Decimal::MAX_LEN + TAIL_MAX;

/// The policy name of tokens for a DPS registration.
const REGISTRATION_POLICY: &str = "registration";

/// Makes tokens: one key, one resource, any number of expiries.
///
/// Key and resource are prepared once. A key in memory is turned into block states
/// ([`MacKey::prepare`]) and let go; any other key is kept and asked for each token. To use one key for
/// several signers, give each a `&key` or an `Arc` of it.
///
/// Without the feature `alloc` a signer holds its texts inline, about 2 kB.
///
/// # Examples
///
/// From a connection string to a token that is good for an hour:
///
#[cfg_attr(feature = "std", doc = "```")]
#[cfg_attr(not(feature = "std"), doc = "```text")]
/// use core::time::Duration;
/// use hubward::{Clock, ConnectionString, SasSigner, SystemClock};
///
/// let connection = ConnectionString::parse(
///     "HostName=contoso.azure-devices.net;DeviceId=pump-7;SharedAccessKey=Zm9vYmFy",
/// )?;
/// let signer = SasSigner::from_connection_string(&connection)?;
/// let token = signer.sign_for(Duration::from_secs(3600), SystemClock.now()?)?;
/// assert!(token.expose_token().starts_with("SharedAccessSignature sr=contoso.azure-devices.net"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Without an allocator, into a buffer:
///
/// ```
/// use hubward::keystore::SymmetricKey;
/// use hubward::{DeviceId, HubHost, ResourceUri, SAS_TOKEN_MAX, SasSigner, UnixTime};
///
/// let host = HubHost::new("contoso.azure-devices.net")?;
/// let resource = ResourceUri::device(&host, &DeviceId::new("pump-7")?);
/// let signer = SasSigner::new(SymmetricKey::from_base64("Zm9vYmFy")?, &resource)?;
///
/// let mut buffer = [0; SAS_TOKEN_MAX];
/// let len = signer.sign_into(UnixTime::from_secs(1_735_689_600), &mut buffer)?;
/// assert!(buffer[..len].ends_with(b"&se=1735689600"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SasSigner<K = SymmetricKey> {
    head: Text<HEAD_MAX>,
    tail: Text<TAIL_MAX>,
    key: Key<K>,
}

#[cfg_attr(
    not(feature = "alloc"),
    expect(clippy::large_enum_variant, reason = "there is no heap to put the state on")
)]
enum Key<K> {
    Prepared(PreparedMac),
    Handle(K),
}

impl SasSigner {
    /// A signer for what a connection string names: the module, else the device, else (in the policy
    /// form without a device) the hub. The policy's name goes into the tokens; a token made with a
    /// policy's key is still scoped to the device, where there is one.
    ///
    /// # Errors
    ///
    /// [`SasError::NoKey`] if the string authenticates with something else than a shared access key;
    /// [`SasError::Key`] for a key of no bytes.
    pub fn from_connection_string(connection: &ConnectionString<'_>) -> Result<Self, SasError> {
        let Authentication::SharedAccessKey(key) = connection.authentication() else {
            return Err(SasError::NoKey { found: connection.authentication().field() });
        };
        let host = connection.host();
        let resource = match (connection.device_id(), connection.module_id()) {
            (None, _) => ResourceUri::hub(host),
            (Some(device), None) => ResourceUri::device(host, device),
            (Some(device), Some(module)) => ResourceUri::module(host, device, module),
        };
        let key = SymmetricKey::from_bytes(key.expose_bytes())?;
        Ok(Self::assemble(key, &resource, connection.policy_name().map(PolicyName::as_str)))
    }

    /// A signer for an entity of Event Hubs or Service Bus, whose keys are used undecoded.
    ///
    /// # Errors
    ///
    /// [`SasError::NotServiceBus`] if `resource` is one of IoT Hub or DPS.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubward::sas::ServiceBusKey;
    /// use hubward::{PolicyName, ResourceUri, SAS_TOKEN_MAX, SasSigner, UnixTime};
    ///
    /// let signer = SasSigner::for_service_bus(
    ///     ServiceBusKey::from_text("sample-key")?,
    ///     &ResourceUri::service_bus("contoso-ns.servicebus.windows.net/myhub")?,
    ///     &PolicyName::new("send")?,
    /// )?;
    /// let mut buffer = [0; SAS_TOKEN_MAX];
    /// let len = signer.sign_into(UnixTime::from_secs(1_735_689_600), &mut buffer)?;
    /// assert_eq!(
    ///     core::str::from_utf8(&buffer[..len])?,
    ///     "SharedAccessSignature sr=contoso-ns.servicebus.windows.net%2Fmyhub\
    ///      &sig=z14iWpfqe3qRZCoEvIiCg5pAaVZ941HPKOI6Ax9DR%2F0%3D&se=1735689600&skn=send"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_service_bus(
        key: ServiceBusKey,
        resource: &ResourceUri,
        policy: &PolicyName,
    ) -> Result<Self, SasError> {
        if !resource.is_service_bus() {
            return Err(SasError::NotServiceBus);
        }
        Ok(Self::assemble(key.0, resource, Some(policy.as_str())))
    }

    /// The moment `lifetime` from `now` on, fractions of a second cut off, if a token should be made
    /// that expires then: the judgement of `SasSigner::sign_for`, for callers of
    /// [`SasSigner::sign_into`].
    ///
    /// # Errors
    ///
    /// [`SasError::ZeroLifetime`] for less than a second; [`SasError::Clock`] if `now` is before
    /// [`UnixTime::BUILD_FLOOR`], for a token made in 1970 has long expired;
    /// [`SasError::ExpiryOverflow`].
    pub fn expiry_for(lifetime: Duration, now: UnixTime) -> Result<UnixTime, SasError> {
        if lifetime.as_secs() == 0 {
            return Err(SasError::ZeroLifetime);
        }
        let now = now.believed_from(UnixTime::BUILD_FLOOR)?;
        now.checked_add(lifetime).ok_or(SasError::ExpiryOverflow)
    }
}

impl<K: MacKey> SasSigner<K> {
    /// A signer whose tokens name no policy: for the key of a device or module.
    ///
    /// Any resource of IoT Hub or DPS is taken, also one for which the service wants a policy named
    /// (see the table of [`ResourceUri`]): for a registration in DPS use
    /// [`SasSigner::for_registration`], for a hub or all its devices [`SasSigner::with_policy`].
    ///
    /// # Errors
    ///
    /// [`SasError::ServiceBus`] for a resource of Event Hubs or Service Bus, which has
    /// [a constructor of its own](SasSigner::for_service_bus).
    pub fn new(key: K, resource: &ResourceUri) -> Result<Self, SasError> {
        if resource.is_service_bus() {
            return Err(SasError::ServiceBus);
        }
        Ok(Self::assemble(key, resource, None))
    }

    /// A signer whose tokens name the policy that the key belongs to.
    ///
    /// # Errors
    ///
    /// As [`SasSigner::new`].
    pub fn with_policy(
        key: K,
        resource: &ResourceUri,
        policy: &PolicyName,
    ) -> Result<Self, SasError> {
        if resource.is_service_bus() {
            return Err(SasError::ServiceBus);
        }
        Ok(Self::assemble(key, resource, Some(policy.as_str())))
    }

    /// A signer for a device's registration in DPS, with the policy name `registration` that the
    /// service's documentation asks for.
    pub fn for_registration(key: K, scope: &IdScope, registration: &RegistrationId) -> Self {
        let resource = ResourceUri::dps_registration(scope, registration);
        Self::assemble(key, &resource, Some(REGISTRATION_POLICY))
    }

    fn assemble(key: K, resource: &ResourceUri, policy: Option<&str>) -> Self {
        let mut head = TextBuilder::new();
        head.push(PREFIX);
        head.push(RESOURCE);
        let start = head.as_str().len();
        head.push(resource.as_encoded());
        let end = head.as_str().len();
        // The message begins with the resource and a line feed, which is then taken back.
        head.push("\n");
        let key = match head.as_str().get(start..).and_then(|text| key.prepare(text.as_bytes())) {
            Some(prepared) => Key::Prepared(prepared),
            None => Key::Handle(key),
        };
        head.truncate(end);
        head.push(SIGNATURE);

        let mut tail = TextBuilder::new();
        if let Some(policy) = policy {
            tail.push(POLICY);
            tail.push_percent_encoded(policy);
        }
        Self { head: head.finish(), tail: tail.finish(), key }
    }

    /// Writes the token that expires at `expiry`, whole, to the beginning of `out`, and returns its
    /// length. What is behind it in `out` is left alone. Allocates nothing.
    ///
    /// Pure: any moment is signed, one that is past as well; [`SasSigner::expiry_for`] judges.
    ///
    /// # Errors
    ///
    /// [`SasError::BufferTooSmall`] says how many bytes this token needs, and nothing is written; a
    /// buffer of [`SAS_TOKEN_MAX`] bytes is always enough. [`SasError::Key`] if the key cannot be
    /// used; keys in memory always can, but for one in locked pages in a forked child.
    pub fn sign_into(&self, expiry: UnixTime, out: &mut [u8]) -> Result<usize, SasError> {
        match self.write_fast(expiry, out) {
            Some(len) => Ok(len),
            None => self.write(expiry, out),
        }
    }

    /// The token that expires at `expiry`.
    ///
    /// Pure: any moment is signed, one that is past as well; [`SasSigner::sign_for`] judges.
    ///
    /// # Errors
    ///
    /// [`SasError::Key`] if the key cannot be used; keys in memory always can, but for one in locked pages
    /// in a forked child.
    #[cfg(feature = "alloc")]
    pub fn sign(&self, expiry: UnixTime) -> Result<SasToken<'static>, SasError> {
        let mut buffer = [0; SAS_TOKEN_MAX];
        let len = self.sign_into(expiry, &mut buffer)?;
        let written = buffer.get_mut(..len).ok_or(BROKEN)?;
        let token =
            core::str::from_utf8(written).ok().and_then(|text| self.read_back(text, expiry));
        written.zeroize();
        token.ok_or(BROKEN)
    }

    /// The token whose text this signer wrote.
    #[cfg(feature = "alloc")]
    fn read_back(&self, text: &str, expiry: UnixTime) -> Option<SasToken<'static>> {
        // The signature is what stands between the head and the next `&`.
        let head = self.head.as_str().len();
        let signature_len = text.get(head..)?.find('&')?;
        let policy = self.tail.as_str().strip_prefix(POLICY);
        let parts = SasTokenParts {
            resource: self.resource()?,
            signature: head..head + signature_len,
            policy: policy.map(|policy| text.len() - policy.len()..text.len()),
        };
        Some(SasToken::made(SecretText::owned(String::from(text)), expiry, parts))
    }

    /// The token that is good for `lifetime` from `now` on, fractions of a second cut off.
    ///
    /// The service publishes no longest lifetime; its SDKs take an hour. A short one limits what a
    /// stolen token is worth, a long one what a network outage costs.
    ///
    /// # Errors
    ///
    /// As [`SasSigner::expiry_for`] and [`SasSigner::sign`].
    #[cfg(feature = "alloc")]
    pub fn sign_for(
        &self,
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<SasToken<'static>, SasError> {
        self.sign(SasSigner::expiry_for(lifetime, now)?)
    }

    /// [`SasSigner::sign_into`] for a key in memory, an expiry of ten digits, and a buffer with room to
    /// spare: no bound depends on what the token turns out to be, so nothing is copied twice. `None`,
    /// and nothing written, for any other.
    #[inline]
    fn write_fast(&self, expiry: UnixTime, out: &mut [u8]) -> Option<usize> {
        const MIDDLE_MAX: usize = signature::MAX_LEN + EXPIRY.len() + TenDigits::LEN;

        let Key::Prepared(key) = &self.key else {
            return None;
        };
        let expiry = TenDigits::new(expiry.as_secs())?;
        let (head, tail) = (self.head.as_bytes(), self.tail.as_bytes());
        let (room_for_head, room) = out.split_at_mut_checked(head.len())?;
        room.get(..MIDDLE_MAX + tail.len())?;

        let signature = key.finish_ten(expiry)?;
        room_for_head.copy_from_slice(head);
        let mut len = signature::write(signature, room.first_chunk_mut()?)?;
        *room.get_mut(len..)?.first_chunk_mut()? = *EXPIRY.as_bytes().first_chunk::<4>()?;
        len += EXPIRY.len();
        expiry.write(room.get_mut(len..)?)?;
        len += TenDigits::LEN;
        if !tail.is_empty() {
            room.get_mut(len..len + tail.len())?.copy_from_slice(tail);
        }
        Some(head.len() + len + tail.len())
    }

    /// [`SasSigner::sign_into`] for everything.
    #[cold]
    fn write(&self, expiry: UnixTime, out: &mut [u8]) -> Result<usize, SasError> {
        let expiry = Decimal::new(expiry.as_secs());
        let head = self.head.as_bytes();
        let tag = match &self.key {
            Key::Prepared(key) => key.finish(expiry.as_bytes())?,
            Key::Handle(key) => {
                let resource = self.resource().and_then(|resource| head.get(resource));
                let message = [resource.ok_or(BROKEN)?, b"\n", expiry.as_bytes()];
                key.hmac_sha256(&message)?
            }
        };
        let mut signature = [0; signature::MAX_LEN];
        let signature_len = signature::write(tag.to_words(), &mut signature).ok_or(BROKEN)?;

        let parts = [
            head,
            signature.get(..signature_len).ok_or(BROKEN)?,
            EXPIRY.as_bytes(),
            expiry.as_bytes(),
            self.tail.as_bytes(),
        ];
        let needed = parts.iter().map(|part| part.len()).sum();
        let available = out.len();
        let mut room =
            out.get_mut(..needed).ok_or(SasError::BufferTooSmall { needed, available })?;
        for part in parts {
            let (start, rest) = room.split_at_mut(part.len());
            start.copy_from_slice(part);
            room = rest;
        }
        Ok(needed)
    }

    /// `sr` of its tokens: what they are for, as [`ResourceUri::as_encoded`] has it.
    pub fn resource_text(&self) -> &str {
        self.resource().and_then(|resource| self.head.as_str().get(resource)).unwrap_or_default()
    }

    /// How the memory of the prepared state is protected, or that of the key, if it has no such state and is
    /// asked for each token; `None` if the key is not in locked pages.
    #[cfg(feature = "mlock")]
    pub fn lock_outcome(&self) -> Option<LockOutcome> {
        match &self.key {
            Key::Prepared(prepared) => prepared.lock_outcome(),
            Key::Handle(key) => key.lock_outcome(),
        }
    }

    /// Where the resource is in the head.
    fn resource(&self) -> Option<Range<usize>> {
        const START: usize = PREFIX.len() + RESOURCE.len();

        let rest = self.head.as_str().get(START..)?.strip_suffix(SIGNATURE)?;
        Some(START..START + rest.len())
    }
}

/// What cannot be, told instead of a wrong token.
const BROKEN: SasError = SasError::Key(KeyError::Other(OtherError::from_static(
    "the signer is not whole: this is a mistake of hubward",
)));

impl<K> fmt::Debug for SasSigner<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head, tail, key: _ } = self;
        f.debug_struct("SasSigner")
            .field("head", &head.as_str())
            .field("tail", &tail.as_str())
            .field("key", &format_args!("{REDACTED}"))
            .finish()
    }
}

/// A key of Event Hubs or Service Bus. Its *text* is the HMAC key, base64 or not: nothing is decoded,
/// unlike the keys of IoT Hub and DPS, so this type signs for no other service.
///
/// # Examples
///
/// ```
/// use hubward::sas::ServiceBusKey;
///
/// let key = ServiceBusKey::from_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
/// assert_eq!(format!("{key:?}"), "ServiceBusKey(<redacted>)");
/// # Ok::<(), hubward::keystore::KeyError>(())
/// ```
#[derive(PartialEq, Eq)]
pub struct ServiceBusKey(pub(super) SymmetricKey);

impl ServiceBusKey {
    /// Takes the key as the portal shows it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Empty`]; [`KeyError::TooLong`].
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        SymmetricKey::from_bytes(text.as_bytes()).map(Self)
    }

    /// Takes the bytes of the key's text over.
    ///
    /// # Errors
    ///
    /// [`KeyError::Empty`].
    pub fn from_secret(text: SecretBytes) -> Result<Self, KeyError> {
        SymmetricKey::from_secret(text).map(Self)
    }
}

impl fmt::Debug for ServiceBusKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceBusKey({REDACTED})")
    }
}

/// Why no token was made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SasError {
    /// The connection string has no key to sign with.
    #[error(
        "the connection string authenticates with {found}, not with SharedAccessKey: there is \
         nothing to sign with"
    )]
    NoKey {
        /// What it authenticates with.
        found: Field,
    },
    /// A resource of Service Bus where one of IoT Hub or DPS is needed.
    #[error("the resource is one of Event Hubs or Service Bus: use `SasSigner::for_service_bus`")]
    ServiceBus,
    /// A resource of IoT Hub or DPS where one of Service Bus is needed.
    #[error("the resource is not one of Event Hubs or Service Bus: use `SasSigner::with_policy`")]
    NotServiceBus,
    /// A lifetime of less than a second.
    #[error("the lifetime is less than a second: the token would be expired at once")]
    ZeroLifetime,
    /// The expiry does not fit in 64 bits.
    #[error("the expiry is too far in the future to be written: use a shorter lifetime")]
    ExpiryOverflow,
    /// The moment given as the present is not believable.
    #[error(transparent)]
    Clock(#[from] TimeError),
    /// The token does not fit; nothing was written.
    #[error("the token needs {needed} bytes and the buffer has {available}")]
    BufferTooSmall {
        /// Bytes of this token.
        needed: usize,
        /// Bytes of the buffer.
        available: usize,
    },
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A source of tokens gave one that has expired, or does so at once.
    #[error(
        "the token that its source gave expires at {expiry}, and now it is {now}: no use can be made of it"
    )]
    ShortLived {
        /// When it expires.
        expiry: UnixTime,
        /// When it was given.
        now: UnixTime,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keystore::Tag;

    #[derive(Debug)]
    struct Handle(SymmetricKey);

    impl MacKey for Handle {
        fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
            self.0.hmac_sha256(parts)
        }
    }

    #[test]
    fn the_fast_path_is_taken_for_what_it_is_for() {
        let key = || SymmetricKey::from_bytes(b"key").unwrap();
        let resource = ResourceUri::parse("h/devices/d").unwrap();
        let signer = SasSigner::new(key(), &resource).unwrap();
        let ten = UnixTime::from_secs(1_735_689_600);
        let mut out = [0; SAS_TOKEN_MAX];

        let len = signer.write_fast(ten, &mut out).unwrap();
        let mut slow = [0; SAS_TOKEN_MAX];
        assert_eq!(signer.write(ten, &mut slow), Ok(len));
        assert_eq!(out, slow);

        for other in [999_999_999, 10_000_000_000] {
            assert_eq!(signer.write_fast(UnixTime::from_secs(other), &mut out), None);
        }
        // A buffer that may be too small for what the signature turns out to be.
        assert_eq!(signer.write_fast(ten, &mut out[..len]), None);

        let handle = SasSigner::new(Handle(key()), &resource).unwrap();
        assert_eq!(handle.write_fast(ten, &mut out), None);
        assert_eq!(handle.write(ten, &mut out), Ok(len));
        assert_eq!(out, slow);
    }
}
