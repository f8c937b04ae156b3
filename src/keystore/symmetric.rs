//! The symmetric key in memory.

use core::fmt;

use super::{BROKEN, KeyError, MacKey, PreparedMac, Tag, hmac};
use crate::encoding::base64::{self, Base64Error};
use crate::secret::{Memory, REDACTED, SecretBytes};

#[cfg(feature = "alloc")]
use crate::secret::SecretText;
#[cfg(feature = "mlock")]
use crate::secret::{LockOutcome, LockPolicy};

/// A symmetric key in memory: the shared access key of a device, module or policy.
///
/// Wiped on drop; equality is decided in constant time.
///
/// # Examples
///
/// ```
/// use hubward::keystore::{KeyError, SymmetricKey};
///
/// let key = SymmetricKey::from_base64("Zm9vYmFy")?;
/// assert_eq!(key.expose_bytes(), b"foobar");
/// assert_eq!(SymmetricKey::from_base64("Zm9vYmF"), Err(KeyError::NotBase64));
/// # Ok::<(), KeyError>(())
/// ```
#[derive(PartialEq, Eq)]
pub struct SymmetricKey(SecretBytes);

impl SymmetricKey {
    /// The most bytes of a key. IoT Hub's and DPS' own keys have 16 to 64.
    pub const MAX_LEN: usize = SecretBytes::MAX_LEN;

    /// Decodes the base64 text that the service hands out, without data-dependent branches. Wiping
    /// `text` is up to the caller.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotBase64`] for anything but canonical base64 with padding, whitespace included;
    /// [`KeyError::Empty`]; [`KeyError::TooLong`].
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        Self::from_base64_in(Memory::Plain, text)
    }

    /// [`SymmetricKey::from_base64`] into locked pages, so that the key is never in any other memory.
    ///
    /// # Errors
    ///
    /// As [`SymmetricKey::from_base64`], and [`KeyError::NotLocked`].
    #[cfg(feature = "mlock")]
    pub fn from_base64_locked(text: &str, policy: LockPolicy) -> Result<Self, KeyError> {
        Self::from_base64_in(Memory::Locked(policy), text)
    }

    pub(super) fn from_base64_in(memory: Memory, text: &str) -> Result<Self, KeyError> {
        SecretBytes::build_in(memory, |bytes| {
            base64::decode_secret(text, bytes).map_err(|error| match error {
                Base64Error::NotCanonical => KeyError::NotBase64,
                Base64Error::TooLong => KeyError::TooLong,
            })
        })
        .and_then(Self::from_secret)
    }

    /// Copies the raw bytes of a key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Empty`]; [`KeyError::TooLong`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::from_secret(SecretBytes::copy_from(bytes)?)
    }

    /// Takes secret bytes over as a key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Empty`].
    pub fn from_secret(bytes: SecretBytes) -> Result<Self, KeyError> {
        if bytes.expose()?.is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self(bytes))
    }

    /// Copies the key into locked pages; the states that are prepared from it and the keys that are
    /// derived from it go there too. Drop the original, and its own copy is wiped.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotLocked`] if the policy is [`LockPolicy::Require`] and the system does not give all
    /// of it; [`KeyError::WipedByFork`].
    #[cfg(feature = "mlock")]
    pub fn to_locked(&self, policy: LockPolicy) -> Result<Self, KeyError> {
        Ok(Self(self.0.to_locked(policy)?))
    }

    /// The raw bytes. None in a forked child, if the key is in locked pages.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.expose_bytes()
    }

    /// The raw bytes, or that a fork wiped them.
    #[cfg(any(feature = "keystore-file", feature = "keystore-memory", feature = "keystore-os"))]
    pub(super) fn expose(&self) -> Result<&[u8], KeyError> {
        Ok(self.0.expose()?)
    }

    /// The key as the service writes it, in base64.
    #[cfg(feature = "alloc")]
    pub fn expose_base64(&self) -> SecretText<'static> {
        SecretText::owned(base64::encode_secret(self.expose_bytes()))
    }

    /// The key that is the MAC of `message` under this one, built in its place.
    pub(crate) fn derive(&self, message: &[u8]) -> Result<Self, KeyError> {
        let key = self.0.expose()?;
        SecretBytes::build_in(self.0.memory(), |bytes| {
            let tag = bytes.first_chunk_mut().ok_or(BROKEN)?;
            hmac::mac_into(key, &[message], tag)?;
            Ok(Tag::LEN)
        })
        .map(Self)
    }
}

impl MacKey for SymmetricKey {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        hmac::mac(self.0.expose()?, parts)
    }

    fn prepare(&self, prefix: &[u8]) -> Option<PreparedMac> {
        PreparedMac::new(self.0.memory(), self.0.expose().ok()?, prefix)
    }

    #[cfg(feature = "mlock")]
    fn lock_outcome(&self) -> Option<LockOutcome> {
        self.0.lock_outcome()
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SymmetricKey({REDACTED})")
    }
}
