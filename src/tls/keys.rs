//! Keys of any store, as rustls signs with them.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::Signer;
use rustls::{Error, OtherError, SignatureScheme};

use crate::keystore::{SignatureAlgorithm, SigningKey};
use crate::x509::PublicKeyKind;

/// A handle to a key, whose kind is known.
#[derive(Debug)]
pub(super) struct TlsKey {
    key: Arc<dyn SigningKey>,
    algorithm: rustls::SignatureAlgorithm,
}

impl TlsKey {
    /// `None` if it signs nothing that TLS has a name for.
    pub(super) fn new(key: Arc<dyn SigningKey>, kind: PublicKeyKind) -> Option<Self> {
        let algorithm = match kind {
            PublicKeyKind::EcdsaP256 | PublicKeyKind::EcdsaP384 => {
                rustls::SignatureAlgorithm::ECDSA
            }
            // Providers verify no others.
            PublicKeyKind::Rsa { bits: 2048..=8192 } => rustls::SignatureAlgorithm::RSA,
            _ => return None,
        };
        let signs = key.algorithms().iter().any(|algorithm| scheme(*algorithm).is_some());
        signs.then_some(Self { key, algorithm })
    }

    /// What it signs with, best first.
    pub(super) fn schemes(&self) -> impl Iterator<Item = SignatureScheme> {
        self.key.algorithms().iter().filter_map(|algorithm| scheme(*algorithm))
    }
}

impl rustls::sign::SigningKey for TlsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.key.algorithms().iter().find_map(|&algorithm| {
            let scheme = scheme(algorithm).filter(|scheme| offered.contains(scheme))?;
            let key = Arc::clone(&self.key);
            let signer: Box<dyn Signer> = Box::new(TlsSigner { key, algorithm, scheme });
            Some(signer)
        })
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.key.public_key())
    }

    fn algorithm(&self) -> rustls::SignatureAlgorithm {
        self.algorithm
    }
}

#[derive(Debug)]
struct TlsSigner {
    key: Arc<dyn SigningKey>,
    algorithm: SignatureAlgorithm,
    scheme: SignatureScheme,
}

impl Signer for TlsSigner {
    /// The store's own error is inside of the one that rustls passes on, for `diagnose` to find.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signed = self.key.sign(self.algorithm, message);
        signed.map_err(|error| Error::Other(OtherError(Arc::new(error))))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// RFC 8446 section 4.2.3.
const fn scheme(algorithm: SignatureAlgorithm) -> Option<SignatureScheme> {
    Some(match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureAlgorithm::EcdsaP384Sha384 => SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureAlgorithm::RsaPssSha256 => SignatureScheme::RSA_PSS_SHA256,
        SignatureAlgorithm::RsaPssSha384 => SignatureScheme::RSA_PSS_SHA384,
        SignatureAlgorithm::RsaPssSha512 => SignatureScheme::RSA_PSS_SHA512,
        SignatureAlgorithm::RsaPkcs1Sha256 => SignatureScheme::RSA_PKCS1_SHA256,
        SignatureAlgorithm::RsaPkcs1Sha384 => SignatureScheme::RSA_PKCS1_SHA384,
        SignatureAlgorithm::RsaPkcs1Sha512 => SignatureScheme::RSA_PKCS1_SHA512,
    })
}
