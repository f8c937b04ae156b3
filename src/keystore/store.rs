//! Stores of keys: using them, managing them, and changing several records at once.

use core::fmt;

use alloc::sync::Arc;
use alloc::vec::Vec;

use rustls_pki_types::{CertificateDer, PrivateKeyDer, SubjectPublicKeyInfoDer};

use super::{KeyError, KeyKind, KeyName, MacKey, Protection, SymmetricKey};
use crate::secret::LockOutcome;

/// A private key that signs, or a handle to one that never leaves its chip.
///
/// Messages are signed unhashed: which hash a signature takes is part of its algorithm.
pub trait SigningKey: fmt::Debug + Send + Sync {
    /// The public key with its algorithm (RFC 5280 section 4.1.2.7), in DER.
    fn public_key(&self) -> SubjectPublicKeyInfoDer<'_>;

    /// What this key can sign with, best first; never empty.
    fn algorithms(&self) -> &[SignatureAlgorithm];

    /// Signs `message`: the DER of an `ECDSA-Sig-Value` (RFC 3279 section 2.2.3), or the octets of an
    /// RSA signature (RFC 8017).
    ///
    /// # Errors
    ///
    /// [`KeyError::UnsupportedAlgorithm`] for an algorithm that is not among
    /// [`SigningKey::algorithms`]; another [`KeyError`] if the key is out of reach or refuses.
    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError>;

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

/// How a [`SigningKey`] signs. The names in TLS (RFC 8446 section 4.2.3) stand behind each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// ECDSA with P-256 and SHA-256: `ecdsa_secp256r1_sha256`.
    EcdsaP256Sha256,
    /// ECDSA with P-384 and SHA-384: `ecdsa_secp384r1_sha384`.
    EcdsaP384Sha384,
    /// RSASSA-PSS with SHA-256, salt as long as the hash: `rsa_pss_rsae_sha256`.
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384, salt as long as the hash: `rsa_pss_rsae_sha384`.
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512, salt as long as the hash: `rsa_pss_rsae_sha512`.
    RsaPssSha512,
    /// RSASSA-PKCS1-v1_5 with SHA-256: `rsa_pkcs1_sha256`.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384: `rsa_pkcs1_sha384`.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512: `rsa_pkcs1_sha512`.
    RsaPkcs1Sha512,
}

/// What hands out keys by name.
///
/// A handle is a snapshot: it goes on with the key that it was made for, also after the store has
/// replaced or deleted it.
///
/// # Errors
///
/// Both methods tell apart a name that is not there ([`KeyError::NotFound`]), a key of another kind
/// ([`KeyError::WrongKind`]), a store that does not open to what it was given ([`KeyError::Locked`]),
/// one that was damaged ([`KeyError::Corrupt`]) and one that refuses ([`KeyError::Refused`]).
///
/// # Examples
///
/// A token from a key that some store keeps:
///
/// ```
/// # fn sign(
/// #     store: &dyn hubward::keystore::KeyStore, resource: &hubward::ResourceUri, now: hubward::UnixTime,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use core::time::Duration;
/// use hubward::SasSigner;
/// use hubward::keystore::KeyName;
///
/// let key = store.mac_key(&KeyName::new("hub.primary")?)?;
/// let signer = SasSigner::new(key, resource)?;
/// let token = signer.sign_for(Duration::from_secs(3600), now)?;
/// # Ok(())
/// # }
/// ```
pub trait KeyStore: fmt::Debug + Send + Sync {
    /// The symmetric key `name`.
    ///
    /// # Errors
    ///
    /// See [the trait](KeyStore#errors).
    fn mac_key(&self, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError>;

    /// The private key `name`.
    ///
    /// # Errors
    ///
    /// See [the trait](KeyStore#errors), and [`KeyError::UnsupportedAlgorithm`] for a kind of key that
    /// this build cannot sign with.
    fn signing_key(&self, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError>;
}

/// A store whose keys can be managed. Each method changes all that it changes or nothing, and what it
/// changed is there for the next one who looks, in this process or another.
///
/// # Primary and secondary
///
/// IoT Hub keeps two keys for a device so that one can be replaced while the other is in use. Keep
/// both, sign with one, [`rotate`](KeyStoreAdmin::rotate) the other, and
/// [`swap`](KeyStoreAdmin::swap) them once the hub knows the new one:
///
/// ```
/// # fn renew(
/// #     store: &dyn hubward::keystore::KeyStoreAdmin, from_hub: &hubward::SymmetricKey,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use hubward::keystore::{KeyName, NewKey};
///
/// let (primary, secondary) = (KeyName::new("hub.primary")?, KeyName::new("hub.secondary")?);
/// store.rotate(&secondary, NewKey::Symmetric(from_hub))?;
/// // Who loads `hub.primary` from now on signs with the new key; the old one can be replaced next.
/// store.swap(&primary, &secondary)?;
/// # Ok(())
/// # }
/// ```
pub trait KeyStoreAdmin: KeyStore {
    /// Generates a key unless there is one of that name and kind; `true` if it did.
    ///
    /// # Errors
    ///
    /// [`KeyError::WrongKind`] if the name is taken by another kind;
    /// [`KeyError::UnsupportedAlgorithm`]; a failure of the store.
    fn create(&self, name: &KeyName, kind: KeyKind) -> Result<bool, KeyError>;

    /// Adds a key.
    ///
    /// # Errors
    ///
    /// [`KeyError::AlreadyExists`]; [`KeyError::InvalidPrivateKey`];
    /// [`KeyError::UnsupportedAlgorithm`]; a failure of the store.
    fn import(&self, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError>;

    /// Replaces a key by another of its kind. Handles of the old one go on with it, and a
    /// [change](super::rotation) of it that is in progress is superseded.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotFound`]; [`KeyError::WrongKind`]; as [`KeyStoreAdmin::import`].
    fn rotate(&self, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError>;

    /// Exchanges two keys: what was `a` is `b` from now on, and the other way round.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotFound`] if either is not there; [`KeyError::Refused`] if a
    /// [change](super::rotation) of `a` is not yet finished, or by a store that cannot do it at once; a
    /// failure of the store.
    fn swap(&self, a: &KeyName, b: &KeyName) -> Result<(), KeyError>;

    /// Deletes a key, the certificates that are kept under its name, and a
    /// [change](super::rotation) of it that is in progress, with its new key.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotFound`]; a failure of the store.
    fn delete(&self, name: &KeyName) -> Result<(), KeyError>;

    /// What the store has, in the order of the names.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn list(&self) -> Result<Vec<KeyInfo>, KeyError>;
}

/// Where a new key comes from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum NewKey<'a> {
    /// The system's random number generator.
    Generate(KeyKind),
    /// A symmetric key; the store keeps a copy.
    Symmetric(&'a SymmetricKey),
    /// A private key, unencrypted; the store keeps a copy, and wiping the original is up to the caller.
    Private(&'a PrivateKeyDer<'a>),
}

/// One line of [`KeyStoreAdmin::list`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The key's name.
    pub name: KeyName,
    /// Its kind.
    pub kind: KeyKind,
    /// How well it is protected in this store.
    pub protection: Protection,
}

impl KeyInfo {
    /// A line of a store's list.
    pub const fn new(name: KeyName, kind: KeyKind, protection: Protection) -> Self {
        Self { name, kind, protection }
    }
}

/// A store that keeps certificates beside its keys and changes several records at once: what
/// [`rotation`](super::rotation) stands on.
pub trait CredentialStore: KeyStoreAdmin {
    /// Shows `work` the store as it is and makes all the changes of `work` at once; none of them if
    /// `work` fails or the store does. Nobody else writes meanwhile.
    ///
    /// `work` is called once at most, and must call no store, only what it is given: it would wait for itself. A store that keeps
    /// a file may fail once the changes are in place: see its documentation.
    ///
    /// # Errors
    ///
    /// What `work` answers; a failure of the store.
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Records) -> Result<(), KeyError>,
    ) -> Result<(), KeyError>;

    /// The certificates that are kept under `name`, end entity first; empty if there are none.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn certificates(&self, name: &KeyName) -> Result<Vec<CertificateDer<'static>>, KeyError> {
        let mut found = Vec::new();
        self.transact(&mut |records| {
            found = read_certificates(records, Slot::Current, name)?;
            Ok(())
        })?;
        Ok(found)
    }

    /// Keeps `chain`, end entity first, under `name` in place of what was there; an empty one deletes.
    ///
    /// Whether it is the key's is not looked at.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotFound`] if there is no such key; a failure of the store.
    fn set_certificates(
        &self,
        name: &KeyName,
        chain: &[CertificateDer<'_>],
    ) -> Result<(), KeyError> {
        self.transact(&mut |records| {
            if records.kind(Slot::Current, name)?.is_none() {
                return Err(KeyError::NotFound);
            }
            write_certificates(records, Slot::Current, name, chain)
        })
    }
}

/// The three places of a credential: [`rotation`](super::rotation) moves keys between them. What
/// [`KeyStore`] and [`KeyStoreAdmin`] speak of is the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Slot {
    /// In use.
    Current,
    /// To be used once it is proved.
    Staged,
    /// No longer used, not yet deleted.
    Retired,
}

/// What is kept beside keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// A chain of certificates.
    Certificates,
    /// How far a change of credential got.
    Journal,
}

/// A store as it is within one [`CredentialStore::transact`].
pub trait Records {
    /// The kind of a key; `None` if there is no such key.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn kind(&self, slot: Slot, name: &KeyName) -> Result<Option<KeyKind>, KeyError>;

    /// A handle of a symmetric key.
    ///
    /// # Errors
    ///
    /// As [`KeyStore::mac_key`].
    fn mac_key(&self, slot: Slot, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError>;

    /// A handle of a private key.
    ///
    /// # Errors
    ///
    /// As [`KeyStore::signing_key`].
    fn signing_key(&self, slot: Slot, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError>;

    /// Puts a key in a place, over what was there.
    ///
    /// # Errors
    ///
    /// As [`KeyStoreAdmin::import`], but for [`KeyError::AlreadyExists`].
    fn put_key(&mut self, slot: Slot, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError>;

    /// Moves a key to another place, over what was there.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotFound`]; a failure of the store.
    fn move_key(&mut self, from: (Slot, &KeyName), to: (Slot, &KeyName)) -> Result<(), KeyError>;

    /// Deletes a key, if it is there.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn delete_key(&mut self, slot: Slot, name: &KeyName) -> Result<(), KeyError>;

    /// A record; `None` if there is no such record.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn record(
        &self,
        kind: RecordKind,
        slot: Slot,
        name: &KeyName,
    ) -> Result<Option<Vec<u8>>, KeyError>;

    /// Writes a record over what was there; `None` deletes it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Refused`] if it is too long; a failure of the store.
    fn put_record(
        &mut self,
        kind: RecordKind,
        slot: Slot,
        name: &KeyName,
        content: Option<&[u8]>,
    ) -> Result<(), KeyError>;

    /// The current keys, in the order of the names.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    fn keys(&self) -> Result<Vec<(KeyName, KeyKind)>, KeyError>;
}

/// Each certificate behind its length, four bytes, big-endian.
pub(super) fn write_certificates(
    records: &mut dyn Records,
    slot: Slot,
    name: &KeyName,
    chain: &[CertificateDer<'_>],
) -> Result<(), KeyError> {
    let mut content = Vec::with_capacity(chain.iter().map(|der| 4 + der.len()).sum());
    for der in chain {
        let len = u32::try_from(der.len()).map_err(|_| refused("the certificate is too long"))?;
        content.extend(len.to_be_bytes());
        content.extend_from_slice(der);
    }
    let content = (!content.is_empty()).then_some(&*content);
    records.put_record(RecordKind::Certificates, slot, name, content)
}

pub(super) fn read_certificates(
    records: &dyn Records,
    slot: Slot,
    name: &KeyName,
) -> Result<Vec<CertificateDer<'static>>, KeyError> {
    let content = records.record(RecordKind::Certificates, slot, name)?.unwrap_or_default();
    parse_certificates(&content)
        .ok_or(corrupt("a chain of certificates does not end where it should"))
}

fn parse_certificates(mut content: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let mut chain = Vec::new();
    while !content.is_empty() {
        let (len, rest) = content.split_first_chunk()?;
        let (der, rest) = rest.split_at_checked(u32::from_be_bytes(*len).try_into().ok()?)?;
        chain.push(CertificateDer::from(der.to_vec()));
        content = rest;
    }
    Some(chain)
}

pub(super) const fn refused(why: &'static str) -> KeyError {
    KeyError::Refused(crate::error::OtherError::from_static(why))
}

pub(super) const fn corrupt(what: &'static str) -> KeyError {
    KeyError::Corrupt(crate::error::OtherError::from_static(what))
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<K: SigningKey + ?Sized> SigningKey for $pointer {
            fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
                (**self).public_key()
            }

            fn algorithms(&self) -> &[SignatureAlgorithm] {
                (**self).algorithms()
            }

            fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
                (**self).sign(algorithm, message)
            }

            fn protection(&self) -> Protection {
                (**self).protection()
            }

            fn lock_outcome(&self) -> Option<LockOutcome> {
                (**self).lock_outcome()
            }
        }

        impl<K: KeyStore + ?Sized> KeyStore for $pointer {
            fn mac_key(&self, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError> {
                (**self).mac_key(name)
            }

            fn signing_key(&self, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError> {
                (**self).signing_key(name)
            }
        }
    )*};
}

forward!(&K, Arc<K>);
