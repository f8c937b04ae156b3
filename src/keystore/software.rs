//! Private keys in memory.
//!
//! ECDSA is RustCrypto's, with nonces by RFC 6979; RSA is that of `aws-lc-rs` or `ring`. What they
//! leave behind in registers and freed memory is theirs; of the stack, the part that an ECDSA key was used
//! on is overwritten afterwards.

use core::fmt;

use alloc::sync::Arc;
use alloc::vec::Vec;

use p256::pkcs8::der::Decode as _;
use p256::pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroize as _;

use super::bytes::{KeyBytes, fill_random};
use super::{KeyError, KeyKind, Protection, SignatureAlgorithm, SigningKey};
use crate::secret::{LockOutcome, Memory, REDACTED};

#[cfg(feature = "mlock")]
use crate::secret::LockPolicy;

/// A private key in memory: ECDSA with P-256 or P-384; RSA where the feature `aws-lc-rs` or `ring` is
/// on.
///
/// # Examples
///
/// ```
/// use hubward::keystore::{KeyKind, SignatureAlgorithm, SigningKey, SoftwareSigningKey};
///
/// let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256)?;
/// let signature = key.sign(SignatureAlgorithm::EcdsaP256Sha256, b"message")?;
/// assert_eq!(signature[0], 0x30); // a DER sequence
/// # Ok::<(), hubward::KeyError>(())
/// ```
pub struct SoftwareSigningKey {
    key: Arc<KeyBytes>,
    public_key: SubjectPublicKeyInfoDer<'static>,
    protection: Protection,
}

impl SoftwareSigningKey {
    /// A new key of the system's random number generator.
    ///
    /// # Errors
    ///
    /// [`KeyError::UnsupportedAlgorithm`] for anything but P-256 and P-384.
    pub fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        Self::from_bytes(Arc::new(generate(Memory::Plain, kind)?), Protection::Plain)
    }

    /// Reads an unencrypted private key: PKCS#8 (RFC 5958), SEC 1 (RFC 5915) with its curve named, or
    /// PKCS#1 (RFC 8017). Wiping `der` is up to the caller.
    ///
    /// # Errors
    ///
    /// [`KeyError::InvalidPrivateKey`]; [`KeyError::UnsupportedAlgorithm`] for other kinds of keys, and
    /// for RSA if neither `aws-lc-rs` nor `ring` is on.
    pub fn from_der(der: &PrivateKeyDer<'_>) -> Result<Self, KeyError> {
        Self::from_bytes(Arc::new(parse(Memory::Plain, der)?), Protection::Plain)
    }

    /// Copies the key into locked pages. Drop the original, and its own copy is wiped.
    ///
    /// An RSA key is read anew for each signature, in memory of the library that signs, which is not
    /// locked.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotLocked`] if the policy is [`LockPolicy::Require`] and the system does not give all
    /// of it; [`KeyError::WipedByFork`].
    #[cfg(feature = "mlock")]
    pub fn to_locked(&self, policy: LockPolicy) -> Result<Self, KeyError> {
        Ok(Self {
            key: Arc::new(self.key.to_memory(Memory::Locked(policy))?),
            public_key: self.public_key.clone(),
            protection: self.protection,
        })
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.key.kind()
    }

    pub(super) fn from_bytes(key: Arc<KeyBytes>, protection: Protection) -> Result<Self, KeyError> {
        let bytes = key.expose()?;
        let spki = match key.kind() {
            KeyKind::EcdsaP256 => overwriting_stack(|| p256_key::public_key(bytes)),
            KeyKind::EcdsaP384 => overwriting_stack(|| p384_key::public_key(bytes)),
            KeyKind::Rsa => rsa_key::public_key(bytes),
            KeyKind::Symmetric => Err(KeyError::WrongKind { found: Some(KeyKind::Symmetric) }),
        };
        Ok(Self { public_key: SubjectPublicKeyInfoDer::from(spki?), key, protection })
    }
}

impl SigningKey for SoftwareSigningKey {
    fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        SubjectPublicKeyInfoDer::from(self.public_key.as_ref())
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        match self.key.kind() {
            KeyKind::EcdsaP256 => &[SignatureAlgorithm::EcdsaP256Sha256],
            KeyKind::EcdsaP384 => &[SignatureAlgorithm::EcdsaP384Sha384],
            KeyKind::Rsa => rsa_key::ALGORITHMS,
            KeyKind::Symmetric => &[],
        }
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let bytes = self.key.expose()?;
        match (self.key.kind(), algorithm) {
            (KeyKind::EcdsaP256, SignatureAlgorithm::EcdsaP256Sha256) => {
                overwriting_stack(|| p256_key::sign(bytes, message))
            }
            (KeyKind::EcdsaP384, SignatureAlgorithm::EcdsaP384Sha384) => {
                overwriting_stack(|| p384_key::sign(bytes, message))
            }
            (KeyKind::Rsa, algorithm) => rsa_key::sign(bytes, algorithm, message),
            _ => Err(KeyError::UnsupportedAlgorithm("this algorithm with this key")),
        }
    }

    fn protection(&self) -> Protection {
        self.protection
    }

    fn lock_outcome(&self) -> Option<LockOutcome> {
        self.key.lock_outcome()
    }
}

impl fmt::Debug for SoftwareSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, public_key: _, protection } = self;
        f.debug_struct("SoftwareSigningKey")
            .field("kind", &key.kind())
            .field("key", &format_args!("{REDACTED}"))
            .field("protection", protection)
            .finish_non_exhaustive()
    }
}

/// Calls `work`, and then overwrites the stack that it used: scalars and nonces are spilled there.
fn overwriting_stack<T>(work: impl FnOnce() -> T) -> T {
    #[inline(never)]
    fn below<T>(work: impl FnOnce() -> T) -> T {
        work()
    }

    #[inline(never)]
    fn overwrite() {
        [0_u8; 16 * 1024].zeroize();
    }

    let answer = below(work);
    overwrite();
    answer
}

const UNSUPPORTED_KIND: KeyError = KeyError::UnsupportedAlgorithm(
    "this kind of private key: P-256 and P-384 are supported, and RSA",
);

pub(super) fn generate(memory: Memory, kind: KeyKind) -> Result<KeyBytes, KeyError> {
    let (len, is_scalar): (_, fn(&[u8]) -> bool) = match kind {
        KeyKind::EcdsaP256 => (p256_key::SCALAR_LEN, p256_key::is_scalar),
        KeyKind::EcdsaP384 => (p384_key::SCALAR_LEN, p384_key::is_scalar),
        KeyKind::Rsa => {
            return Err(KeyError::UnsupportedAlgorithm(
                "making RSA keys: import one, or take P-256",
            ));
        }
        KeyKind::Symmetric => return Err(UNSUPPORTED_KIND),
    };
    KeyBytes::build(memory, kind, len, |bytes| {
        // FIPS 186-5 appendix A.2.2, by rejection: one in four thousand million is refused.
        loop {
            fill_random(bytes)?;
            if overwriting_stack(|| is_scalar(bytes)) {
                return Ok(());
            }
        }
    })
}

/// RFC 5480 section 2.1.1 and RFC 8017 appendix A.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

pub(super) fn parse(memory: Memory, der: &PrivateKeyDer<'_>) -> Result<KeyBytes, KeyError> {
    overwriting_stack(|| read(memory, der))
}

fn read(memory: Memory, der: &PrivateKeyDer<'_>) -> Result<KeyBytes, KeyError> {
    // The errors of the parsers are dropped: they may quote what they parse.
    match der {
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            let info = PrivateKeyInfoRef::from_der(der).map_err(|_| KeyError::InvalidPrivateKey)?;
            match info.algorithm.oid {
                EC_PUBLIC_KEY => {
                    let curve =
                        info.algorithm.parameters_oid().map_err(|_| KeyError::InvalidPrivateKey)?;
                    match curve {
                        p256_key::CURVE => p256_key::from_pkcs8(memory, info),
                        p384_key::CURVE => p384_key::from_pkcs8(memory, info),
                        _ => Err(UNSUPPORTED_KIND),
                    }
                }
                RSA_ENCRYPTION => rsa_key::parse(memory, der),
                _ => Err(UNSUPPORTED_KIND),
            }
        }
        PrivateKeyDer::Sec1(der) => {
            let key = EcPrivateKey::try_from(der.secret_sec1_der())
                .map_err(|_| KeyError::InvalidPrivateKey)?;
            // By itself, a key has to say of which curve it is (RFC 5915 section 3).
            match key.parameters.and_then(EcParameters::named_curve) {
                Some(p256_key::CURVE) => p256_key::from_sec1(memory, key),
                Some(p384_key::CURVE) => p384_key::from_sec1(memory, key),
                Some(_) => Err(UNSUPPORTED_KIND),
                None => Err(KeyError::InvalidPrivateKey),
            }
        }
        PrivateKeyDer::Pkcs1(der) => rsa_key::parse(memory, der.secret_pkcs1_der()),
        _ => Err(UNSUPPORTED_KIND),
    }
}

/// One curve, over scalars as they are kept.
macro_rules! ecdsa_key {
    ($module:ident, $curve_crate:ident, $curve:ident, $digest:ident, $kind:expr) => {
        mod $module {
            use alloc::vec::Vec;

            use ecdsa::hazmat::sign_prehashed_rfc6979;
            use sec1::EcPrivateKey;
            use sha2::{Digest as _, $digest as Hash};
            use $curve_crate::elliptic_curve::array::typenum::Unsigned as _;
            use $curve_crate::pkcs8::{
                AssociatedOid as _, EncodePublicKey as _, ObjectIdentifier, PrivateKeyInfoRef,
            };
            use $curve_crate::{FieldBytes, SecretKey, $curve as Curve};
            use zeroize::Zeroizing;

            use super::{KeyBytes, KeyError};
            use crate::error::OtherError;
            use crate::secret::Memory;

            pub(super) const CURVE: ObjectIdentifier = Curve::OID;
            pub(super) const SCALAR_LEN: usize =
                <Curve as $curve_crate::elliptic_curve::Curve>::FieldBytesSize::USIZE;

            /// Whether the bytes are a number from 1 to one less than the order.
            pub(super) fn is_scalar(bytes: &[u8]) -> bool {
                secret_key(bytes).is_ok()
            }

            fn secret_key(bytes: &[u8]) -> Result<SecretKey, KeyError> {
                // `from_slice` takes shorter ones too.
                let bytes = (bytes.len() == SCALAR_LEN).then_some(bytes);
                bytes
                    .and_then(|bytes| SecretKey::from_slice(bytes).ok())
                    .ok_or(KeyError::InvalidPrivateKey)
            }

            /// The DER of the SubjectPublicKeyInfo.
            pub(super) fn public_key(bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
                secret_key(bytes)?
                    .public_key()
                    .to_public_key_der()
                    .map(|der| der.as_bytes().to_vec())
                    .map_err(|error| KeyError::Other(OtherError::new(error)))
            }

            /// The DER of the signature.
            pub(super) fn sign(bytes: &[u8], message: &[u8]) -> Result<Vec<u8>, KeyError> {
                let scalar = Zeroizing::new(secret_key(bytes)?.to_nonzero_scalar());
                let (signature, _) =
                    sign_prehashed_rfc6979::<Curve, Hash>(&scalar, &Hash::digest(message), &[]);
                Ok(signature.to_der().as_bytes().to_vec())
            }

            pub(super) fn from_pkcs8(
                memory: Memory,
                info: PrivateKeyInfoRef<'_>,
            ) -> Result<KeyBytes, KeyError> {
                keep(memory, &SecretKey::try_from(info).map_err(|_| KeyError::InvalidPrivateKey)?)
            }

            pub(super) fn from_sec1(
                memory: Memory,
                key: EcPrivateKey<'_>,
            ) -> Result<KeyBytes, KeyError> {
                keep(memory, &SecretKey::try_from(key).map_err(|_| KeyError::InvalidPrivateKey)?)
            }

            fn keep(memory: Memory, key: &SecretKey) -> Result<KeyBytes, KeyError> {
                let bytes: Zeroizing<FieldBytes> = Zeroizing::new(key.to_bytes());
                KeyBytes::copy_from(memory, $kind, &bytes)
            }
        }
    };
}

ecdsa_key!(p256_key, p256, NistP256, Sha256, super::KeyKind::EcdsaP256);
ecdsa_key!(p384_key, p384, NistP384, Sha384, super::KeyKind::EcdsaP384);

/// RSA where a library that signs with it is at hand.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod rsa_key {
    use alloc::vec;
    use alloc::vec::Vec;

    #[cfg(feature = "aws-lc-rs")]
    use aws_lc_rs as provider;
    #[cfg(not(feature = "aws-lc-rs"))]
    use ring as provider;

    use p256::pkcs8::der::asn1::{AnyRef, BitStringRef};
    use p256::pkcs8::der::{Decode as _, Encode as _};
    use p256::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
    use provider::rand::SystemRandom;
    use provider::signature::{
        KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
        RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    };

    use super::{KeyBytes, KeyError, KeyKind, RSA_ENCRYPTION, SignatureAlgorithm};
    use crate::error::OtherError;
    use crate::secret::Memory;

    pub(super) const ALGORITHMS: &[SignatureAlgorithm] = &[
        SignatureAlgorithm::RsaPssSha256,
        SignatureAlgorithm::RsaPssSha384,
        SignatureAlgorithm::RsaPssSha512,
        SignatureAlgorithm::RsaPkcs1Sha256,
        SignatureAlgorithm::RsaPkcs1Sha384,
        SignatureAlgorithm::RsaPkcs1Sha512,
    ];

    /// PKCS#8 or PKCS#1. The library checks that the parts belong together.
    fn read(der: &[u8]) -> Result<RsaKeyPair, KeyError> {
        RsaKeyPair::from_pkcs8(der)
            .or_else(|_| RsaKeyPair::from_der(der))
            .map_err(|_| KeyError::InvalidPrivateKey)
    }

    /// Bytes of the modulus.
    fn modulus_len(key: &RsaKeyPair) -> usize {
        #[cfg(feature = "aws-lc-rs")]
        return key.public_modulus_len();
        #[cfg(not(feature = "aws-lc-rs"))]
        key.public().modulus_len()
    }

    pub(super) fn parse(memory: Memory, der: &[u8]) -> Result<KeyBytes, KeyError> {
        // The libraries differ in what they let follow.
        AnyRef::from_der(der).map_err(|_| KeyError::InvalidPrivateKey)?;
        let key = read(der)?;
        // `ring` reads no larger ones, and a store keeps none.
        if modulus_len(&key) > 4096 / 8 {
            return Err(KeyError::UnsupportedAlgorithm("RSA keys with more than 4096 bits"));
        }
        // `ring` takes a public exponent that belongs to another key, and notices when it signs.
        sign_with(&key, &RSA_PKCS1_SHA256, &[]).map_err(|_| KeyError::InvalidPrivateKey)?;
        KeyBytes::copy_from(memory, KeyKind::Rsa, der)
    }

    /// The DER of the SubjectPublicKeyInfo (RFC 3279 section 2.3.1).
    pub(super) fn public_key(der: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |error| KeyError::Other(OtherError::new(error));
        let key = read(der)?;
        let info = SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef {
                oid: RSA_ENCRYPTION,
                parameters: Some(AnyRef::NULL),
            },
            subject_public_key: BitStringRef::from_bytes(key.public_key().as_ref())
                .map_err(failed)?,
        };
        info.to_der().map_err(failed)
    }

    pub(super) fn sign(
        der: &[u8],
        algorithm: SignatureAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        let encoding: &'static dyn RsaEncoding = match algorithm {
            SignatureAlgorithm::RsaPssSha256 => &RSA_PSS_SHA256,
            SignatureAlgorithm::RsaPssSha384 => &RSA_PSS_SHA384,
            SignatureAlgorithm::RsaPssSha512 => &RSA_PSS_SHA512,
            SignatureAlgorithm::RsaPkcs1Sha256 => &RSA_PKCS1_SHA256,
            SignatureAlgorithm::RsaPkcs1Sha384 => &RSA_PKCS1_SHA384,
            SignatureAlgorithm::RsaPkcs1Sha512 => &RSA_PKCS1_SHA512,
            _ => return Err(KeyError::UnsupportedAlgorithm("this algorithm with this key")),
        };
        sign_with(&read(der)?, encoding, message)
    }

    fn sign_with(
        key: &RsaKeyPair,
        encoding: &'static dyn RsaEncoding,
        message: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; modulus_len(key)];
        key.sign(encoding, &SystemRandom::new(), message, &mut signature).map_err(|_| {
            KeyError::Other(OtherError::from_static("the library for RSA could not sign"))
        })?;
        Ok(signature)
    }
}

/// RSA where no library signs with it.
#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
mod rsa_key {
    use alloc::vec::Vec;

    use super::{KeyBytes, KeyError, SignatureAlgorithm};
    use crate::secret::Memory;

    pub(super) const ALGORITHMS: &[SignatureAlgorithm] = &[];

    const NO_RSA: KeyError =
        KeyError::UnsupportedAlgorithm("RSA: turn on the feature `aws-lc-rs` or `ring`");

    pub(super) const fn parse(_: Memory, _: &[u8]) -> Result<KeyBytes, KeyError> {
        Err(NO_RSA)
    }

    pub(super) const fn public_key(_: &[u8]) -> Result<Vec<u8>, KeyError> {
        Err(NO_RSA)
    }

    pub(super) const fn sign(
        _: &[u8],
        _: SignatureAlgorithm,
        _: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        Err(NO_RSA)
    }
}
