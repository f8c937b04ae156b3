//! The symmetric key in memory.

use core::fmt;

use super::{KeyError, MacKey, PreparedMac, Tag, hmac};
use crate::encoding::base64::{self, Base64Error};
use crate::error::OtherError;
use crate::secret::{REDACTED, SecretBytes};

#[cfg(feature = "alloc")]
use crate::secret::SecretText;

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
        SecretBytes::build(|bytes| {
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
        SecretBytes::copy_from(bytes).map_err(|_| KeyError::TooLong).and_then(Self::from_secret)
    }

    /// Takes secret bytes over as a key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Empty`].
    pub fn from_secret(bytes: SecretBytes) -> Result<Self, KeyError> {
        if bytes.expose_bytes().is_empty() {
            return Err(KeyError::Empty);
        }
        Ok(Self(bytes))
    }

    /// The raw bytes.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.expose_bytes()
    }

    /// The key as the service writes it, in base64.
    #[cfg(feature = "alloc")]
    pub fn expose_base64(&self) -> SecretText<'static> {
        SecretText::owned(base64::encode_secret(self.expose_bytes()))
    }

    /// The key that is the MAC of `message` under this one, built in its place.
    pub(crate) fn derive(&self, message: &[u8]) -> Result<Self, KeyError> {
        SecretBytes::build(|bytes| {
            let tag = bytes.first_chunk_mut().ok_or(BROKEN)?;
            hmac::hmac_sha256(self.expose_bytes(), &[message], tag).ok_or(BROKEN)?;
            Ok(Tag::LEN)
        })
        .map(Self)
    }
}

/// What cannot be, told instead of a wrong MAC.
const BROKEN: KeyError =
    KeyError::Other(OtherError::from_static("HMAC did not work: this is a mistake of hubward"));

impl MacKey for SymmetricKey {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        let mut tag = Tag::from_bytes([0; Tag::LEN]);
        hmac::hmac_sha256(self.expose_bytes(), parts, &mut tag.0).ok_or(BROKEN)?;
        Ok(tag)
    }

    fn prepare(&self, prefix: &[u8]) -> Option<PreparedMac> {
        PreparedMac::new(self.expose_bytes(), prefix)
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SymmetricKey({REDACTED})")
    }
}
