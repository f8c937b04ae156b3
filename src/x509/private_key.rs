//! Private keys as they come out of files.

use core::fmt;

use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::pkcs5::{self, EncryptionScheme};
use pkcs8::{EncryptedPrivateKeyInfoRef, Error};
use rustls_pki_types::PrivateKeyDer;
use zeroize::Zeroize as _;

use super::der::{BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, Value};
use super::pem::{PemError, has_block};
use crate::secret::{REDACTED, SecretText};

/// A private key that was read: wiped on drop, shown as `<redacted>`. Give it to a store
/// ([`NewKey::Private`](crate::keystore::NewKey::Private)) or to what signs with it.
pub struct PrivateKey(PrivateKeyDer<'static>);

impl PrivateKey {
    pub(super) const fn new(der: PrivateKeyDer<'static>) -> Self {
        Self(der)
    }

    /// The key's DER.
    pub const fn expose_der(&self) -> &PrivateKeyDer<'static> {
        &self.0
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({REDACTED})")
    }
}

/// PBKDF2 (RFC 8018 section 5.2): OpenSSL asks for 2048, others for up to a million.
const ITERATIONS_MAX: u32 = 2_000_000;
/// scrypt (RFC 7914): (N + p)·r·128 bytes of memory, and N·p·r·128 of work. OpenSSL asks for 16 MiB.
const SCRYPT_BYTES_MAX: u64 = 64 * 1024 * 1024;
const SCRYPT_P_MAX: u64 = 16;

/// A private key in DER: PKCS#8, SEC 1 or PKCS#1, unencrypted. Wiping `der` is up to the caller.
///
/// What kind of key it is shows where it is put to use: in
/// [`NewKey::Private`](crate::keystore::NewKey::Private) or a software key.
///
/// # Errors
///
/// A [`PemError`]: [`PemError::Encrypted`] if the key is encrypted, [`PemError::IsPem`] for PEM,
/// [`PemError::CertificateNotKey`], and [`PemError::NoPrivateKey`] for anything else that is none.
pub fn private_key_from_der(der: &[u8]) -> Result<PrivateKey, PemError> {
    private_key(der, None)
}

/// The same for a key that may be encrypted: PKCS#8 with PBES2 (RFC 8018), with the bounds of
/// [`private_key_from_encrypted_pem`](super::private_key_from_encrypted_pem).
///
/// # Errors
///
/// As [`private_key_from_der`]; [`PemError::WrongPassphrase`]; [`PemError::KdfTooExpensive`];
/// [`PemError::UnsupportedEncryption`].
pub fn private_key_from_encrypted_der(
    der: &[u8],
    passphrase: &SecretText<'_>,
) -> Result<PrivateKey, PemError> {
    private_key(der, Some(passphrase))
}

fn private_key(der: &[u8], passphrase: Option<&SecretText<'_>>) -> Result<PrivateKey, PemError> {
    if der.len() > super::PEM_MAX {
        return Err(PemError::TooLong { len: der.len() });
    }
    if has_block(der) {
        return Err(PemError::IsPem);
    }
    let Some(outer) = Value::only(der, SEQUENCE) else {
        return Err(PemError::NoPrivateKey);
    };
    match outer.values().unwrap_or_default().first().map(|first| (first.identifier, first.content))
    {
        Some((INTEGER, [0 | 1])) => {
            let key = PrivateKeyDer::try_from(der).map_err(|_| PemError::NoPrivateKey)?;
            Ok(PrivateKey::new(key.clone_key()))
        }
        // `EncryptedPrivateKeyInfo`: the algorithm, and the key in an OCTET STRING.
        Some((SEQUENCE, _))
            if outer.exactly(SEQUENCE).is_some_and(|[_, key]| key.identifier == OCTET_STRING) =>
        {
            decrypt(der, passphrase.ok_or(PemError::Encrypted)?)
        }
        Some((SEQUENCE, _)) if is_certificate(outer) => Err(PemError::CertificateNotKey),
        _ => Err(PemError::NoPrivateKey),
    }
}

/// What is signed, the algorithm, and the signature. A request is signed as well, and has four parts at most.
fn is_certificate(outer: Value<'_>) -> bool {
    outer.exactly(SEQUENCE).is_some_and(|[signed, _, signature]| {
        signature.identifier == BIT_STRING && signed.values().is_some_and(|parts| parts.len() > 4)
    })
}

/// Decrypts a PKCS#8 `EncryptedPrivateKeyInfo`, once its cost is judged.
pub(super) fn decrypt(der: &[u8], passphrase: &SecretText<'_>) -> Result<PrivateKey, PemError> {
    // The errors of the libraries are dropped: they may quote what they read.
    let info =
        EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| PemError::UnsupportedEncryption)?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
        return Err(PemError::UnsupportedEncryption);
    };
    let affordable = match &parameters.kdf {
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.iteration_count > 0 => {
            pbkdf2.iteration_count <= ITERATIONS_MAX
        }
        // The library panics at an N of zero.
        Kdf::Scrypt(scrypt) if scrypt.cost_parameter > 1 => {
            let r = u64::from(scrypt.block_size);
            let p = u64::from(scrypt.parallelization);
            let blocks = scrypt.cost_parameter.checked_add(p);
            let bytes = blocks.and_then(|blocks| blocks.checked_mul(128 * r));
            bytes.is_some_and(|bytes| bytes <= SCRYPT_BYTES_MAX) && p <= SCRYPT_P_MAX
        }
        _ => return Err(PemError::UnsupportedEncryption),
    };
    if !affordable {
        return Err(PemError::KdfTooExpensive);
    }
    let decrypted =
        info.decrypt(passphrase.expose_text().as_bytes()).map_err(|error| match error {
            // The padding is wrong, or what was padded is no DER.
            Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed) | Error::Asn1(_) => {
                PemError::WrongPassphrase
            }
            _ => PemError::UnsupportedEncryption,
        })?;
    // A wrong passphrase whose padding is right by chance: one in 256.
    match PrivateKeyDer::try_from(decrypted.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(der)) => Ok(PrivateKey::new(der.clone_key().into())),
        _ => Err(PemError::WrongPassphrase),
    }
}
