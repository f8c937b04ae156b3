//! Keys as handles: what signs, and the keys in memory that do.
//!
//! A [`MacKey`] may be a few bytes in memory, a slot of a TPM or a secure element behind a C driver:
//! whoever signs cannot tell, and signing may fail. Keys that are in memory can also be *prepared*
//! for messages that share a beginning, as the tokens of one signer do: see [`MacKey::prepare`].

mod hmac;
mod symmetric;

pub use hmac::PreparedMac;
pub use symmetric::SymmetricKey;

use core::fmt;

use thiserror::Error;
use zeroize::Zeroize as _;

use crate::error::OtherError;
use crate::secret::{REDACTED, SecretBytes, constant_time_eq};

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, sync::Arc};

/// A key for HMAC-SHA256 (RFC 2104, FIPS 180-4), or a handle to one that never leaves its chip.
///
/// # Examples
///
/// A driver of a secure element, as the crate sees it:
///
/// ```
/// use hubward::OtherError;
/// use hubward::keystore::{KeyError, MacKey, Tag};
///
/// #[derive(Debug)]
/// struct SecureElement {
///     slot: u8,
/// }
/// # impl SecureElement {
/// #     fn hmac(&self, _: &[&[u8]]) -> Option<[u8; 32]> { None }
/// # }
///
/// impl MacKey for SecureElement {
///     fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
///         self.hmac(parts)
///             .map(Tag::from_bytes)
///             .ok_or(KeyError::Other(OtherError::from_static("the secure element does not answer")))
///     }
/// }
/// ```
pub trait MacKey: fmt::Debug + Send + Sync {
    /// HMAC-SHA256 over the concatenation of `parts`.
    ///
    /// # Errors
    ///
    /// A [`KeyError`] if the key is out of reach or refuses; keys in memory do not fail.
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError>;

    /// State for messages that begin with `prefix`; only keys in memory have one.
    ///
    /// # Security
    ///
    /// The state is as secret as the key, and it outlives the key: who holds it goes on signing
    /// messages with that beginning after the key was deleted from its store.
    fn prepare(&self, prefix: &[u8]) -> Option<PreparedMac> {
        let _ = prefix;
        None
    }
}

impl<K: MacKey + ?Sized> MacKey for &K {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        (**self).hmac_sha256(parts)
    }

    fn prepare(&self, prefix: &[u8]) -> Option<PreparedMac> {
        (**self).prepare(prefix)
    }
}

#[cfg(feature = "alloc")]
impl<K: MacKey + ?Sized> MacKey for Box<K> {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        (**self).hmac_sha256(parts)
    }

    fn prepare(&self, prefix: &[u8]) -> Option<PreparedMac> {
        (**self).prepare(prefix)
    }
}

#[cfg(feature = "alloc")]
impl<K: MacKey + ?Sized> MacKey for Arc<K> {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        (**self).hmac_sha256(parts)
    }

    fn prepare(&self, prefix: &[u8]) -> Option<PreparedMac> {
        (**self).prepare(prefix)
    }
}

/// An HMAC-SHA256 tag. Treated as a secret, because a derived key is one: redacted, wiped on drop,
/// compared in constant time. The bytes are stored inline: a tag that is moved may leave a copy behind.
pub struct Tag([u8; Tag::LEN]);

impl Tag {
    /// Bytes of a tag.
    pub const LEN: usize = 32;

    /// A tag that a key store computed.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The tag as big-endian words, as SHA-256 has them.
    pub(crate) fn to_words(&self) -> [u32; 8] {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(self.0.as_chunks().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        words
    }

    /// The bytes themselves.
    pub const fn expose_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// `true` if the tag is `expected`; the time taken does not depend on either.
    #[must_use]
    pub fn matches(&self, expected: &[u8; Self::LEN]) -> bool {
        constant_time_eq(&self.0, expected)
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Tag {}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({REDACTED})")
    }
}

/// Why a key could not be made or used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A key of no bytes.
    #[error("the key is empty")]
    Empty,
    /// The text of a key is not canonical base64 with padding.
    #[error(
        "the key is not canonical base64 with padding: copy the whole key, with any `=` at its end \
         and without spaces"
    )]
    NotBase64,
    /// More bytes than any key of the service has.
    #[error("the key has more than {max} bytes", max = SecretBytes::MAX_LEN)]
    TooLong,
    /// The store or chip that holds the key failed or refused.
    #[error("the store or chip that holds the key failed or refused")]
    Other(#[source] OtherError),
}
