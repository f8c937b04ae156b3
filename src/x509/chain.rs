//! Signatures of a chain, and the algorithms that check them.
//!
//! A signature is checked by one of the algorithms that the caller gives, which says by itself what kind of
//! key and which signature it is for. None that fits is "not checked", never "good".

use rustls_pki_types::SignatureVerificationAlgorithm;

use super::parse::{Certificate, PublicKeyKind};

/// The algorithms of rustls-webpki, over *ring*: ECDSA with P-256 and P-384, Ed25519, RSA from 2048 bits.
#[cfg(feature = "ring")]
pub static RING_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::ring::ECDSA_P256_SHA256,
    webpki::ring::ECDSA_P256_SHA384,
    webpki::ring::ECDSA_P384_SHA256,
    webpki::ring::ECDSA_P384_SHA384,
    webpki::ring::ED25519,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512,
    webpki::ring::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    webpki::ring::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    webpki::ring::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    webpki::ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// The algorithms of rustls-webpki, over AWS-LC: those of `RING_ALGORITHMS`, and ECDSA with P-521.
#[cfg(feature = "aws-lc-rs")]
pub static AWS_LC_RS_ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    webpki::aws_lc_rs::ECDSA_P256_SHA256,
    webpki::aws_lc_rs::ECDSA_P256_SHA384,
    webpki::aws_lc_rs::ECDSA_P256_SHA512,
    webpki::aws_lc_rs::ECDSA_P384_SHA256,
    webpki::aws_lc_rs::ECDSA_P384_SHA384,
    webpki::aws_lc_rs::ECDSA_P384_SHA512,
    webpki::aws_lc_rs::ECDSA_P521_SHA256,
    webpki::aws_lc_rs::ECDSA_P521_SHA384,
    webpki::aws_lc_rs::ECDSA_P521_SHA512,
    webpki::aws_lc_rs::ED25519,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    webpki::aws_lc_rs::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// What came of checking a signature, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SignatureCheck {
    Good,
    /// None of the algorithms is for that key and that signature.
    NotChecked,
    Bad,
}

/// Checks that `issuer`'s key signed `certificate`.
pub(super) fn check_signature(
    certificate: &Certificate,
    issuer: &Certificate,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> SignatureCheck {
    let (facts, by) = (certificate.facts(), issuer.facts());
    verify(
        algorithms,
        by.key_kind,
        (&by.key_algorithm, &by.public_key),
        (&facts.signature_algorithm, &facts.signature),
        certificate.signed(),
    )
}

/// Checks a signature by a key, both with the contents of their `AlgorithmIdentifier`.
pub(super) fn verify(
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    kind: PublicKeyKind,
    (key_algorithm, key): (&[u8], &[u8]),
    (signature_algorithm, signature): (&[u8], &[u8]),
    message: &[u8],
) -> SignatureCheck {
    let mut check = SignatureCheck::NotChecked;
    // Other sizes, and points that are compressed (SEC 1 section 2.3.3), the algorithms refuse, whatever
    // the signature, and nothing tells that apart.
    let is_taken = match kind {
        PublicKeyKind::Rsa { bits } => (2048..=8192).contains(&bits),
        PublicKeyKind::EcdsaP256 | PublicKeyKind::EcdsaP384 | PublicKeyKind::EcdsaP521 => {
            key.first() == Some(&4)
        }
        PublicKeyKind::Ed25519 | PublicKeyKind::Other => true,
    };
    for algorithm in algorithms {
        if algorithm.public_key_alg_id().as_ref() == key_algorithm
            && algorithm.signature_alg_id().as_ref() == signature_algorithm
        {
            match algorithm.verify_signature(key, message, signature) {
                Ok(()) => return SignatureCheck::Good,
                Err(_) if is_taken => check = SignatureCheck::Bad,
                Err(_) => {}
            }
        }
    }
    check
}
