//! A key of any store, as `rcgen` wants to be given one: it never sees the private half.

use core::cell::RefCell;

use alloc::string::String;
use alloc::vec::Vec;

use rustls_pki_types::SubjectPublicKeyInfoDer;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::parse::{PublicKeyKind, Validity, read_public_key};
use super::pem::PemError;
use crate::error::OtherError;
use crate::keystore::{KeyError, SignatureAlgorithm, SigningKey};

/// A public key that a certificate or a request is for.
pub(super) struct PublicHalf {
    bits: Vec<u8>,
    algorithm: &'static rcgen::SignatureAlgorithm,
    pub(super) kind: PublicKeyKind,
    spki: Vec<u8>,
}

impl PublicHalf {
    pub(super) fn new(spki: &SubjectPublicKeyInfoDer<'_>) -> Result<Self, IssueError> {
        let (kind, bits) = read_public_key(spki).ok_or(IssueError::UnsupportedKey)?;
        let algorithm = match kind {
            PublicKeyKind::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            PublicKeyKind::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            PublicKeyKind::Rsa { bits } if bits >= 2048 => &rcgen::PKCS_RSA_SHA256,
            _ => return Err(IssueError::UnsupportedKey),
        };
        Ok(Self { bits, algorithm, kind, spki: spki.to_vec() })
    }

    pub(super) fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// RFC 7093 section 2, method 4 with SHA-256, cut to 160 bits.
    pub(super) fn key_id(&self) -> Vec<u8> {
        Sha256::digest(&self.spki).iter().copied().take(20).collect()
    }
}

impl rcgen::PublicKeyData for PublicHalf {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.algorithm
    }
}

/// A key that signs certificates or requests.
pub(super) struct RemoteKey<'a> {
    key: &'a dyn SigningKey,
    pub(super) public: PublicHalf,
    signature: SignatureAlgorithm,
    /// What `rcgen` has no place for.
    failure: RefCell<Option<KeyError>>,
}

impl<'a> RemoteKey<'a> {
    pub(super) fn new(key: &'a dyn SigningKey) -> Result<Self, IssueError> {
        let public = PublicHalf::new(&key.public_key())?;
        let signature = match public.kind {
            PublicKeyKind::EcdsaP256 => SignatureAlgorithm::EcdsaP256Sha256,
            PublicKeyKind::EcdsaP384 => SignatureAlgorithm::EcdsaP384Sha384,
            _ => SignatureAlgorithm::RsaPkcs1Sha256,
        };
        if !key.algorithms().contains(&signature) {
            return Err(IssueError::UnsupportedKey);
        }
        Ok(Self { key, public, signature, failure: RefCell::new(None) })
    }

    /// Tells what the key failed with, where `rcgen` only says that it did.
    pub(super) fn explain(&self, error: rcgen::Error) -> IssueError {
        match self.failure.take() {
            Some(failure) => IssueError::Key(failure),
            None => IssueError::from_rcgen(error),
        }
    }
}

impl rcgen::PublicKeyData for RemoteKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.public.algorithm
    }
}

impl rcgen::SigningKey for RemoteKey<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.key.sign(self.signature, message).map_err(|error| {
            self.failure.replace(Some(error));
            rcgen::Error::RemoteKeyError
        })
    }
}

/// Why a request or a certificate was not written, or one was not issued from.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IssueError {
    /// A kind of key that no certificate for the hub is made with.
    #[error(
        "the key is not one of RSA from 2048 bits, ECDSA P-256 and ECDSA P-384, or its store does not sign with it"
    )]
    UnsupportedKey,
    /// The key could not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The bytes are no certificate request.
    #[error("this is not a PKCS#10 certificate request: {0}")]
    NotARequest(&'static str),
    /// The PEM of the request is not right.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The request is not signed by the key that it names.
    #[error(
        "the request's signature is not by its own key: whoever sent it may not have the private key"
    )]
    NotPossessed,
    /// Nobody could tell whether the request is signed by the key that it names.
    #[error("the request's signature could not be checked: give an algorithm for its kind of key")]
    PossessionNotChecked,
    /// The request is for another ID.
    #[error("the request is for {found:?}, not for {expected:?}")]
    OtherId {
        /// What it should be for.
        expected: String,
        /// What it is for.
        found: String,
    },
    /// The certificate of the CA is none, or not for issuing.
    #[error("the CA's certificate cannot issue this: {0}")]
    NotACa(&'static str),
    /// The private key is not that of the CA's certificate.
    #[error("the private key does not belong to the CA's certificate")]
    KeyDiffers,
    /// The validity is empty, or goes beyond the year 9999, where certificates end.
    #[error("the validity is empty, or goes beyond the year 9999")]
    Validity,
    /// The certificate would be valid when that of the CA is not.
    #[error(
        "the CA's certificate is valid from {} to {}: give a validity within that",
        issuer.not_before, issuer.not_after
    )]
    OutlivesIssuer {
        /// The validity of the CA's certificate.
        issuer: Validity,
    },
    /// The name is that of the CA that issues.
    #[error(
        "the certificate would have the name of the CA that issues it: give one of the two another"
    )]
    SameName,
    /// A text that no name may have.
    #[error("the name is empty, too long (64 characters), or has control characters")]
    Name,
    /// The library that writes certificates failed.
    #[error("the certificate could not be written")]
    Other(#[source] OtherError),
}

impl IssueError {
    pub(super) fn from_rcgen(error: rcgen::Error) -> Self {
        Self::Other(OtherError::new(error))
    }
}
