//! Keys as stores keep them: their bytes, and the handles of them.

use super::{KeyError, KeyKind};
use crate::secret::{LockOutcome, Memory, SecretArray, SecretBytes};

#[cfg(any(feature = "keystore-file", feature = "keystore-memory", feature = "keystore-os"))]
pub(super) use handles::{mac_key, signing_key};

/// The most bytes of a key: RSA with 4096 bits has less than 2400.
pub(super) const KEY_MAX: usize = 3072;

impl KeyKind {
    /// The number of the kind in what stores write.
    #[cfg(any(feature = "keystore-file", feature = "keystore-os"))]
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Symmetric => 1,
            Self::EcdsaP256 => 2,
            Self::EcdsaP384 => 3,
            Self::Rsa => 4,
        }
    }

    /// The kind of a number; `None` for one that is of no kind.
    #[cfg(any(feature = "keystore-file", feature = "keystore-os"))]
    pub(super) const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Symmetric),
            2 => Some(Self::EcdsaP256),
            3 => Some(Self::EcdsaP384),
            4 => Some(Self::Rsa),
            _ => None,
        }
    }
}

/// A key's bytes: those of a symmetric key, the scalar of an ECDSA key (SEC 1 section 2.3.7), or the
/// DER of an RSA key.
pub(super) struct KeyBytes {
    kind: KeyKind,
    bytes: Bytes,
}

enum Bytes {
    Short(SecretBytes),
    Long(SecretArray<KEY_MAX>),
}

impl KeyBytes {
    /// Lets `fill` write `len` bytes into their final place.
    pub(super) fn build(
        memory: Memory,
        kind: KeyKind,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), KeyError>,
    ) -> Result<Self, KeyError> {
        if len == 0 {
            return Err(KeyError::Empty);
        }
        if kind == KeyKind::Symmetric && len > SecretBytes::MAX_LEN {
            return Err(KeyError::TooLong);
        }
        let fill =
            |room: &mut [u8]| fill(room.get_mut(..len).ok_or(KeyError::TooLong)?).map(|()| len);
        let bytes = if len <= SecretBytes::MAX_LEN {
            Bytes::Short(SecretBytes::build_in(memory, |room| fill(room))?)
        } else {
            Bytes::Long(SecretArray::build(memory, |room| fill(room))?)
        };
        Ok(Self { kind, bytes })
    }

    pub(super) fn copy_from(memory: Memory, kind: KeyKind, bytes: &[u8]) -> Result<Self, KeyError> {
        Self::build(memory, kind, bytes.len(), |room| {
            room.copy_from_slice(bytes);
            Ok(())
        })
    }

    pub(super) const fn kind(&self) -> KeyKind {
        self.kind
    }

    pub(super) fn expose(&self) -> Result<&[u8], KeyError> {
        Ok(match &self.bytes {
            Bytes::Short(bytes) => bytes.expose()?,
            Bytes::Long(bytes) => bytes.expose()?,
        })
    }

    #[cfg(all(feature = "keystore-software", feature = "mlock"))]
    pub(super) fn to_memory(&self, memory: Memory) -> Result<Self, KeyError> {
        Self::copy_from(memory, self.kind, self.expose()?)
    }

    #[cfg_attr(
        not(feature = "mlock"),
        expect(clippy::unused_self, reason = "there is only one answer")
    )]
    pub(super) const fn lock_outcome(&self) -> Option<LockOutcome> {
        #[cfg(feature = "mlock")]
        return match &self.bytes {
            Bytes::Short(bytes) => bytes.lock_outcome(),
            Bytes::Long(bytes) => bytes.lock_outcome(),
        };
        #[cfg(not(feature = "mlock"))]
        None
    }
}

/// Fills a place with what nobody can guess.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), KeyError> {
    getrandom::fill(bytes).map_err(|_| {
        KeyError::Other(crate::error::OtherError::from_static(
            "the system's random number generator does not answer",
        ))
    })
}

/// What the stores make of them.
#[cfg(any(feature = "keystore-file", feature = "keystore-memory", feature = "keystore-os"))]
mod handles {
    use core::fmt;

    use alloc::sync::Arc;

    use super::{Bytes, KeyBytes, fill_random};
    use crate::keystore::hmac;
    use crate::keystore::{
        KeyError, KeyKind, MacKey, NewKey, PreparedMac, Protection, SigningKey, Tag,
    };
    use crate::secret::{LockOutcome, Memory, REDACTED};

    #[cfg(not(feature = "keystore-software"))]
    const NO_PRIVATE_KEYS: KeyError =
        KeyError::UnsupportedAlgorithm("private keys: turn on the feature `keystore-software`");

    impl KeyBytes {
        const fn memory(&self) -> Memory {
            match &self.bytes {
                Bytes::Short(bytes) => bytes.memory(),
                Bytes::Long(bytes) => bytes.memory(),
            }
        }

        /// The bytes of a key that comes into a store.
        pub(in super::super) fn new(memory: Memory, key: NewKey<'_>) -> Result<Self, KeyError> {
            match key {
                NewKey::Generate(KeyKind::Symmetric) => {
                    Self::build(memory, KeyKind::Symmetric, Tag::LEN, fill_random)
                }
                NewKey::Symmetric(key) => {
                    Self::copy_from(memory, KeyKind::Symmetric, key.expose()?)
                }
                #[cfg(feature = "keystore-software")]
                NewKey::Generate(kind) => crate::keystore::software::generate(memory, kind),
                #[cfg(feature = "keystore-software")]
                NewKey::Private(der) => crate::keystore::software::parse(memory, der),
                #[cfg(not(feature = "keystore-software"))]
                NewKey::Generate(_) | NewKey::Private(_) => Err(NO_PRIVATE_KEYS),
            }
        }
    }

    /// A symmetric key in memory that a store handed out.
    struct StoredMacKey {
        key: Arc<KeyBytes>,
        protection: Protection,
    }

    impl MacKey for StoredMacKey {
        fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
            hmac::mac(self.key.expose()?, parts)
        }

        fn prepare(&self, prefix: &[u8]) -> Option<PreparedMac> {
            PreparedMac::new(self.key.memory(), self.key.expose().ok()?, prefix)
        }

        fn protection(&self) -> Protection {
            self.protection
        }

        fn lock_outcome(&self) -> Option<LockOutcome> {
            self.key.lock_outcome()
        }
    }

    impl fmt::Debug for StoredMacKey {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let Self { key: _, protection } = self;
            f.debug_struct("StoredMacKey")
                .field("key", &format_args!("{REDACTED}"))
                .field("protection", protection)
                .finish()
        }
    }

    /// The handle of a symmetric key.
    pub(in super::super) fn mac_key(
        key: Arc<KeyBytes>,
        protection: Protection,
    ) -> Result<Arc<dyn MacKey>, KeyError> {
        match key.kind {
            KeyKind::Symmetric => Ok(Arc::new(StoredMacKey { key, protection })),
            found => Err(KeyError::WrongKind { found: Some(found) }),
        }
    }

    /// The handle of a private key.
    pub(in super::super) fn signing_key(
        key: Arc<KeyBytes>,
        protection: Protection,
    ) -> Result<Arc<dyn SigningKey>, KeyError> {
        match key.kind {
            KeyKind::Symmetric => Err(KeyError::WrongKind { found: Some(KeyKind::Symmetric) }),
            _ => private_key(key, protection),
        }
    }

    #[cfg(feature = "keystore-software")]
    fn private_key(
        key: Arc<KeyBytes>,
        protection: Protection,
    ) -> Result<Arc<dyn SigningKey>, KeyError> {
        Ok(Arc::new(crate::keystore::SoftwareSigningKey::from_bytes(key, protection)?))
    }

    #[cfg(not(feature = "keystore-software"))]
    fn private_key(_: Arc<KeyBytes>, _: Protection) -> Result<Arc<dyn SigningKey>, KeyError> {
        Err(NO_PRIVATE_KEYS)
    }
}
