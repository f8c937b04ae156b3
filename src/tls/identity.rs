//! Who one end of a connection is: its certificate, and the key that proves it.

use core::fmt;

use alloc::sync::Arc;

use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::sign::{CertifiedKey, SigningKey as _};
use thiserror::Error;

use super::keys::TlsKey;
use crate::error::OtherError;
use crate::keystore::{KeyError, SigningKey};
use crate::time::UnixTime;
use crate::x509::{Certificate, DeviceCertificate, Thumbprint};

/// The certificate with its chain, and a handle to its private key, which may be in any store.
///
/// # Examples
///
/// ```no_run
/// # fn load(key: std::sync::Arc<dyn hubward::keystore::SigningKey>) -> Result<(), Box<dyn std::error::Error>> {
/// use hubward::tls::TlsIdentity;
/// use hubward::x509::DeviceCertificate;
///
/// let certificate = DeviceCertificate::from_pem(&std::fs::read("device.pem")?)?;
/// let identity = TlsIdentity::new(certificate, key)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsIdentity {
    certificate: DeviceCertificate,
    key: Arc<TlsKey>,
    certified: Arc<CertifiedKey>,
}

impl TlsIdentity {
    /// Puts a certificate and its key together. The chain is sent as it is: end entity first, then its
    /// issuers ([`DeviceCertificate::into_ordered`] puts them so).
    ///
    /// # Errors
    ///
    /// [`IdentityError::KeyDiffers`]; [`IdentityError::UnsupportedKey`].
    pub fn new(
        certificate: DeviceCertificate,
        key: Arc<dyn SigningKey>,
    ) -> Result<Self, IdentityError> {
        let end_entity = certificate.end_entity();
        if !end_entity.matches(&*key) {
            return Err(IdentityError::KeyDiffers);
        }
        let key = TlsKey::new(key, end_entity.public_key_kind());
        let key = Arc::new(key.ok_or(IdentityError::UnsupportedKey)?);
        let signing: Arc<dyn rustls::sign::SigningKey> = Arc::<TlsKey>::clone(&key);
        let certified = CertifiedKey::new(certificate.to_der(), signing);
        Ok(Self { certificate, key, certified: Arc::new(certified) })
    }

    /// The certificate with its chain.
    pub const fn certificate(&self) -> &DeviceCertificate {
        &self.certificate
    }

    /// The SHA-256 thumbprint of the end entity's certificate.
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::sha256(self.certificate.end_entity().der())
    }

    pub(super) const fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }

    /// Makes a signature in every way that TLS may ask for, and checks it with the certificate's key: what
    /// would fail in a handshake fails here. TLS 1.3 knows no PKCS#1 (RFC 8446 section 4.2.3).
    pub(super) fn test_sign(
        &self,
        algorithms: &WebPkiSupportedAlgorithms,
        is_tls13_only: bool,
    ) -> Result<(), IdentityError> {
        const MESSAGE: &[u8] = b"hubward: a test of the key, which nobody else has a use for";

        let mut tested = 0_usize;
        for scheme in self.key.schemes() {
            let known = algorithms.mapping.iter().find(|(known, _)| *known == scheme);
            let Some((_, algorithms)) = known else { continue };
            if is_tls13_only && !is_of_tls13(scheme) {
                continue;
            }
            let signer = self.key.choose_scheme(&[scheme]).ok_or(IdentityError::UnsupportedKey)?;
            let signature = signer.sign(MESSAGE).map_err(IdentityError::from_rustls)?;
            let public_key = self.certificate.end_entity().public_key_bits();
            // The first is that of TLS 1.3, where a scheme of ECDSA names its curve.
            let is_good = algorithms.first().is_some_and(|algorithm| {
                algorithm.verify_signature(public_key, MESSAGE, &signature).is_ok()
            });
            if !is_good {
                return Err(IdentityError::BadSignature);
            }
            tested += 1;
        }
        if tested == 0 {
            return Err(IdentityError::UnsupportedKey);
        }
        Ok(())
    }

    /// Whether the key signs for TLS 1.3. One that does not is not shown to servers that speak it.
    pub(super) fn signs_tls13(&self) -> bool {
        self.key.schemes().any(is_of_tls13)
    }

    /// Checks that the end entity's certificate is valid.
    pub(super) fn check_validity(&self, now: UnixTime) -> Result<(), IdentityError> {
        let validity = self.certificate.end_entity().validity();
        if now < validity.not_before {
            return Err(IdentityError::NotYetValid { not_before: validity.not_before, now });
        }
        if now > validity.not_after {
            return Err(IdentityError::Expired { not_after: validity.not_after, now });
        }
        Ok(())
    }
}

fn is_of_tls13(scheme: SignatureScheme) -> bool {
    use SignatureScheme::{RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512};

    !matches!(scheme, RSA_PKCS1_SHA256 | RSA_PKCS1_SHA384 | RSA_PKCS1_SHA512)
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate, key, certified: _ } = self;
        f.debug_struct("TlsIdentity")
            .field("certificate", &certificate.chain().first().map(Certificate::subject))
            .field("key", key)
            .finish_non_exhaustive()
    }
}

/// Why a certificate and a key were not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The key is not that of the certificate.
    #[error(
        "the private key does not belong to the certificate, the first of the chain: give the one that it \
         was requested with, or order the chain"
    )]
    KeyDiffers,
    /// The key signs nothing that TLS and the provider know.
    #[error(
        "the key signs in no way that TLS (1.3, where that is asked for alone) and the provider know: \
         give one of RSA from 2048 to 8192 bits, P-256 or P-384"
    )]
    UnsupportedKey,
    /// The key did not sign.
    #[error("the key did not sign when it was tested: {0}")]
    Key(#[source] KeyError),
    /// The signature is not by the certificate's key.
    #[error(
        "the key's signature was tested and is not by the certificate's key: its store is at fault"
    )]
    BadSignature,
    /// The certificate is not valid yet.
    #[error("the certificate is valid from {not_before} on, and now it is {now}")]
    NotYetValid {
        /// When it begins.
        not_before: UnixTime,
        /// When it was to be installed.
        now: UnixTime,
    },
    /// The certificate has expired.
    #[error("the certificate expired at {not_after}, and now it is {now}")]
    Expired {
        /// When it ended.
        not_after: UnixTime,
        /// When it was to be installed.
        now: UnixTime,
    },
    /// Something else.
    #[error("the key did not sign when it was tested")]
    Other(#[source] OtherError),
}

impl IdentityError {
    fn from_rustls(error: rustls::Error) -> Self {
        if let rustls::Error::Other(rustls::OtherError(inner)) = &error
            && let Some(error) = inner.downcast_ref::<KeyError>()
        {
            return Self::Key(error.clone());
        }
        Self::Other(OtherError::new(error))
    }
}
