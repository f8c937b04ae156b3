//! Keys as handles: what signs, and the stores that keep it.
//!
//! A [`MacKey`] or a [`SigningKey`] may be a few bytes in memory, a slot of a TPM or a secure element
//! behind a C driver: whoever signs cannot tell, and signing may fail. Keys that are in memory can also be
//! *prepared* for messages that share a beginning, as the tokens of one signer do: see
//! [`MacKey::prepare`].
//!
//! A [`KeyStore`] hands out keys by name. Managing them is a trait of its own, [`KeyStoreAdmin`]; changing
//! several things at once is [`CredentialStore`], and [`rotation`] stands on that.
//!
//! | store | feature | keeps | survives | [`Protection`] |
//! |---|---|---|---|---|
//! | `MemoryKeyStore` | `keystore-memory` | keys, certificates | nothing | `Plain` |
//! | `file::FileKeyStore` | `keystore-file` (Unix) | keys, certificates | everything but the disk | `Passphrase`, or that of the key that opens it |
//! | `SystemdCredentials` | `keystore-systemd` (Unix) | reads keys | is systemd's | `Plain` |
//! | `os::OsKeyStore` | `keystore-os` (Linux) | keys | the process, not a restart | `OperatingSystem` |
//!
//! [`AtLeast`] puts a policy in front of any of them. Private keys in memory are
//! `SoftwareSigningKey` (feature `keystore-software`), without which the stores keep none.

#[cfg(any(
    feature = "keystore-file",
    feature = "keystore-memory",
    feature = "keystore-os",
    feature = "keystore-software"
))]
mod bytes;
#[cfg(any(feature = "keystore-file", feature = "keystore-memory"))]
mod content;
#[cfg(all(feature = "keystore-file", unix))]
pub mod file;
#[cfg(all(any(feature = "keystore-file", feature = "keystore-systemd"), unix))]
pub mod fs_check;
mod hmac;
#[cfg(feature = "keystore-memory")]
mod memory;
mod name;
#[cfg(all(feature = "keystore-os", target_os = "linux"))]
pub mod os;
mod protection;
#[cfg(feature = "alloc")]
pub mod rotation;
#[cfg(feature = "keystore-software")]
mod software;
#[cfg(feature = "alloc")]
mod store;
mod symmetric;
#[cfg(all(feature = "keystore-systemd", unix))]
mod systemd;

pub use hmac::PreparedMac;
#[cfg(feature = "keystore-memory")]
pub use memory::MemoryKeyStore;
pub use name::{KeyName, KeyNameError};
#[cfg(feature = "alloc")]
pub use protection::AtLeast;
pub use protection::Protection;
#[cfg(feature = "keystore-software")]
pub use software::SoftwareSigningKey;
#[cfg(feature = "alloc")]
pub use store::{
    CredentialStore, KeyInfo, KeyStore, KeyStoreAdmin, NewKey, RecordKind, Records,
    SignatureAlgorithm, SigningKey, Slot,
};
pub use symmetric::SymmetricKey;
#[cfg(all(feature = "keystore-systemd", unix))]
pub use systemd::SystemdCredentials;

use core::fmt;

use thiserror::Error;
use zeroize::Zeroize as _;

use crate::error::OtherError;
use crate::secret::{LockOutcome, REDACTED, SecretBytes, SecretError, constant_time_eq};

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
    /// A [`KeyError`] if the key is out of reach or refuses; keys in memory do not fail, but for those in
    /// locked pages in a forked child ([`KeyError::WipedByFork`]).
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

    /// How well the key is protected, as far as its store knows.
    fn protection(&self) -> Protection {
        Protection::Plain
    }

    /// How the memory of the key is protected; `None` if it is not in locked pages and was not meant to
    /// be.
    fn lock_outcome(&self) -> Option<LockOutcome> {
        None
    }
}

macro_rules! forward {
    ($pointer:ty) => {
        impl<K: MacKey + ?Sized> MacKey for $pointer {
            fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
                (**self).hmac_sha256(parts)
            }

            fn prepare(&self, prefix: &[u8]) -> Option<PreparedMac> {
                (**self).prepare(prefix)
            }

            fn protection(&self) -> Protection {
                (**self).protection()
            }

            fn lock_outcome(&self) -> Option<LockOutcome> {
                (**self).lock_outcome()
            }
        }
    };
}

forward!(&K);
#[cfg(feature = "alloc")]
forward!(Box<K>);
#[cfg(feature = "alloc")]
forward!(Arc<K>);

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

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// HMAC-SHA256: the shared access keys of IoT Hub and DPS.
    Symmetric,
    /// ECDSA with the curve P-256 (FIPS 186-5).
    EcdsaP256,
    /// ECDSA with the curve P-384 (FIPS 186-5).
    EcdsaP384,
    /// RSA (RFC 8017).
    Rsa,
}

impl KeyKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Symmetric => "symmetric",
            Self::EcdsaP256 => "ECDSA P-256",
            Self::EcdsaP384 => "ECDSA P-384",
            Self::Rsa => "RSA",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a key could not be made, kept or used.
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
    /// More bytes than any key of its kind has: 256 for a symmetric one.
    #[error("the key has more bytes than any of its kind: at most {max} for a symmetric one", max = SecretBytes::MAX_LEN)]
    TooLong,
    /// The bytes are not a private key, or one with parts that do not belong together.
    #[error(
        "this is not a private key that is understood: give an unencrypted PKCS#8 key in DER, for \
         instance from `openssl pkcs8 -topk8 -nocrypt -outform DER`"
    )]
    InvalidPrivateKey,
    /// A kind of key, or a way to sign, that this store or this build does not know.
    #[error("this store or build does not support {0}")]
    UnsupportedAlgorithm(&'static str),
    /// The store has no key of that name.
    #[error("the store has no key of that name: `list` shows the names that it has")]
    NotFound,
    /// The store has a key of that name already.
    #[error("the store has a key of that name already: delete it first, or rotate it")]
    AlreadyExists,
    /// The store has a key of that name, and it is of another kind.
    #[error("the key is of another kind: {}", found.map_or("a private key", KeyKind::name))]
    WrongKind {
        /// What is there; `None` for a private key that was not looked into.
        found: Option<KeyKind>,
    },
    /// The store does not open to what it was given: a wrong passphrase or key, or one that was changed
    /// meanwhile.
    #[error("the store is locked: give it its present passphrase or key")]
    Locked(#[source] OtherError),
    /// What the store holds was damaged or tampered with. It was left as it is.
    #[error("the store is damaged or was tampered with, and was left untouched: restore a copy")]
    Corrupt(#[source] OtherError),
    /// The store does not do that: it is read-only, full, or not permitted to.
    #[error("the store refuses")]
    Refused(#[source] OtherError),
    /// The key is less protected than the policy demands.
    #[error("the key's protection is {actual}, and at least {required} is demanded")]
    ProtectionTooLow {
        /// What the policy demands.
        required: Protection,
        /// What the key has.
        actual: Protection,
    },
    /// Locked memory was required, and the system does not give all that belongs to it.
    #[error("{}", SecretError::NotLocked(*.0))]
    NotLocked(LockOutcome),
    /// The key was in locked memory when this process was forked, and was wiped in it.
    #[error("{}", SecretError::WipedByFork)]
    WipedByFork,
    /// The store or chip that holds the key failed.
    #[error("the store or chip that holds the key failed")]
    Other(#[source] OtherError),
}

impl From<SecretError> for KeyError {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::TooLong { .. } => Self::TooLong,
            SecretError::NotLocked(outcome) => Self::NotLocked(outcome),
            SecretError::WipedByFork => Self::WipedByFork,
        }
    }
}

/// What cannot be, told instead of a wrong MAC.
const BROKEN: KeyError =
    KeyError::Other(OtherError::from_static("HMAC did not work: this is a mistake of hubward"));
