//! What the hub's registry knows a certificate by.

use core::fmt;
use core::str::FromStr;

use rustls_pki_types::CertificateDer;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The hash of a certificate's DER, as the registry of IoT Hub takes it: upper-case hex without
/// separators, 64 digits of SHA-256 or 40 of SHA-1. Prefer SHA-256.
///
/// # Examples
///
/// ```
/// use hubward::x509::Thumbprint;
///
/// let text = "aa".repeat(32);
/// let thumbprint: Thumbprint = text.parse()?;
/// assert_eq!(thumbprint.to_string(), "AA".repeat(32));
/// # Ok::<(), hubward::x509::ThumbprintError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint(Hash);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Hash {
    Sha256([u8; 32]),
    Sha1([u8; 20]),
}

impl Thumbprint {
    /// The SHA-256 thumbprint.
    pub fn sha256(certificate: &CertificateDer<'_>) -> Self {
        Self(Hash::Sha256(Sha256::digest(certificate).into()))
    }

    /// The SHA-1 thumbprint, for a registration that has one already. It names a certificate and
    /// protects nothing.
    pub fn sha1(certificate: &CertificateDer<'_>) -> Self {
        Self(Hash::Sha1(Sha1::digest(certificate).into()))
    }

    /// Whether it is that of `certificate`.
    #[must_use]
    pub fn matches(&self, certificate: &CertificateDer<'_>) -> bool {
        match self.0 {
            Hash::Sha256(_) => Self::sha256(certificate) == *self,
            Hash::Sha1(_) => Self::sha1(certificate) == *self,
        }
    }

    /// The bytes of the hash: 32 or 20.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Hash::Sha256(bytes) => bytes,
            Hash::Sha1(bytes) => bytes,
        }
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// Either case; no separators.
impl FromStr for Thumbprint {
    type Err = ThumbprintError;

    fn from_str(text: &str) -> Result<Self, ThumbprintError> {
        Ok(Self(match text.len() {
            64 => Hash::Sha256(from_hex(text)?),
            40 => Hash::Sha1(from_hex(text)?),
            len => return Err(ThumbprintError::WrongLength { len }),
        }))
    }
}

fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], ThumbprintError> {
    let digit = |position: usize| {
        let digit = text.as_bytes().get(position).and_then(|byte| char::from(*byte).to_digit(16));
        digit.and_then(|digit| u8::try_from(digit).ok()).ok_or(ThumbprintError::NotHex { position })
    };
    let mut bytes = [0; N];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = digit(2 * place)? << 4 | digit(2 * place + 1)?;
    }
    Ok(bytes)
}

/// Why a text is not a thumbprint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ThumbprintError {
    /// Neither 64 nor 40 digits.
    #[error(
        "a thumbprint has 64 hex digits (SHA-256) or 40 (SHA-1), without separators; this has {len} bytes"
    )]
    WrongLength {
        /// Bytes of the text.
        len: usize,
    },
    /// Something else than a hex digit.
    #[error("the thumbprint has something else than a hex digit at byte {position}")]
    NotHex {
        /// Offset in bytes, from 0.
        position: usize,
    },
}
