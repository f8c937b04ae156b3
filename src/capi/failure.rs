//! From the errors of each domain to a status. Every `match` is whole: a new variant is a compile error here
//! until it has a number.

use core::error::Error;

use super::log;
use super::status::*;
use crate::error::OtherError;
use crate::identity::{ConnectionStringError, NameError};
use crate::keystore::{KeyError, KeyNameError};
use crate::sas::{ResourceUriError, SasError, TokenParseError, TokenPolicyError, TokenVerifyError};
use crate::session::NoDeviceError;
use crate::session::mqtt::UserNameError;
use crate::time::TimeError;

#[cfg(all(feature = "keystore-file", unix))]
use crate::keystore::file::FileStoreError;
#[cfg(feature = "x509-issue")]
use crate::x509::IssueError;
#[cfg(feature = "x509")]
use crate::x509::{CertificateError, ChainError, PemError, ThumbprintError};

/// Why a call does not succeed. Small, for every call has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    status: hubward_status,
    /// Whether the log knows more of it already.
    is_told: bool,
}

impl Failure {
    pub(super) const fn new(status: hubward_status) -> Self {
        Self { status, is_told: false }
    }

    /// What the caller gets; and the log, unless it is an answer to a question.
    pub(super) fn report(self) -> hubward_status {
        let Self { status, is_told } = self;
        if !is_told && !matches!(status, HUBWARD_BUFFER_TOO_SMALL | HUBWARD_ABSENT) {
            log::status(status);
        }
        status
    }
}

/// Tells the log what the error says in full, and keeps the number.
impl<E: HasStatus> From<E> for Failure {
    fn from(error: E) -> Self {
        log::error(&error);
        Self { status: error.status(), is_told: true }
    }
}

/// An error with a number.
pub(super) trait HasStatus: Error {
    fn status(&self) -> hubward_status;
}

impl HasStatus for NameError {
    fn status(&self) -> hubward_status {
        match self {
            Self::Empty { .. } => HUBWARD_NAME_EMPTY,
            Self::TooLong { .. } => HUBWARD_NAME_TOO_LONG,
            Self::InvalidCharacter { .. } => HUBWARD_NAME_INVALID_CHARACTER,
            Self::InvalidLabel { .. } => HUBWARD_NAME_INVALID_LABEL,
            Self::InvalidEnd { .. } => HUBWARD_NAME_INVALID_END,
        }
    }
}

impl HasStatus for UserNameError {
    fn status(&self) -> hubward_status {
        match self {
            Self::TooLong { .. } => HUBWARD_USER_NAME_TOO_LONG,
        }
    }
}

impl HasStatus for KeyNameError {
    fn status(&self) -> hubward_status {
        match self {
            Self::Empty => HUBWARD_KEY_NAME_EMPTY,
            Self::TooLong { .. } => HUBWARD_KEY_NAME_TOO_LONG,
            Self::LeadingDot => HUBWARD_KEY_NAME_LEADING_DOT,
            Self::InvalidCharacter { .. } => HUBWARD_KEY_NAME_INVALID_CHARACTER,
        }
    }
}

impl HasStatus for ConnectionStringError {
    fn status(&self) -> hubward_status {
        match self {
            Self::Empty => HUBWARD_CONNECTION_STRING_EMPTY,
            Self::NotAConnectionString => HUBWARD_CONNECTION_STRING_UNRECOGNIZED,
            Self::ServiceBus => HUBWARD_CONNECTION_STRING_SERVICE_BUS,
            Self::EmptyValue { .. } => HUBWARD_CONNECTION_STRING_EMPTY_VALUE,
            Self::MissingField { .. } => HUBWARD_CONNECTION_STRING_MISSING_FIELD,
            Self::DuplicateField { .. } | Self::DuplicateIgnoredField { .. } => {
                HUBWARD_CONNECTION_STRING_DUPLICATE_FIELD
            }
            Self::UnknownField { .. } => HUBWARD_CONNECTION_STRING_UNKNOWN_FIELD,
            Self::MissingEqualsSign { .. } => HUBWARD_CONNECTION_STRING_MISSING_EQUALS_SIGN,
            Self::MissingAuthentication => HUBWARD_CONNECTION_STRING_MISSING_AUTHENTICATION,
            Self::TwoAuthentications { .. } => HUBWARD_CONNECTION_STRING_TWO_AUTHENTICATIONS,
            Self::X509NotTrue => HUBWARD_CONNECTION_STRING_X509_NOT_TRUE,
            Self::KeyNotBase64 => HUBWARD_CONNECTION_STRING_KEY_NOT_BASE64,
            Self::KeyTooLong { .. } => HUBWARD_CONNECTION_STRING_KEY_TOO_LONG,
            Self::NotAToken => HUBWARD_CONNECTION_STRING_NOT_A_TOKEN,
            Self::InvalidName { .. } => HUBWARD_CONNECTION_STRING_INVALID_NAME,
            Self::NotRepresentable { .. } => HUBWARD_CONNECTION_STRING_NOT_REPRESENTABLE,
        }
    }
}

impl HasStatus for NoDeviceError {
    fn status(&self) -> hubward_status {
        let Self = self;
        HUBWARD_CONNECTION_STRING_NO_DEVICE
    }
}

impl HasStatus for ResourceUriError {
    fn status(&self) -> hubward_status {
        match self {
            Self::Name(error) => error.status(),
            Self::UnknownShape => HUBWARD_RESOURCE_UNKNOWN_SHAPE,
            Self::InvalidCharacter { .. } => HUBWARD_RESOURCE_INVALID_CHARACTER,
            Self::TooLong { .. } => HUBWARD_RESOURCE_TOO_LONG,
        }
    }
}

impl HasStatus for SasError {
    fn status(&self) -> hubward_status {
        match self {
            Self::NoKey { .. } => HUBWARD_SIGNER_NO_KEY,
            Self::ServiceBus => HUBWARD_RESOURCE_SERVICE_BUS,
            Self::NotServiceBus => HUBWARD_RESOURCE_NOT_SERVICE_BUS,
            Self::ZeroLifetime => HUBWARD_LIFETIME_ZERO,
            Self::ExpiryOverflow => HUBWARD_EXPIRY_OVERFLOW,
            Self::Clock(error) => error.status(),
            Self::BufferTooSmall { .. } => HUBWARD_BUFFER_TOO_SMALL,
            Self::Key(error) => error.status(),
            Self::ShortLived { .. } => HUBWARD_TOKEN_SHORT_LIVED,
        }
    }
}

impl HasStatus for TokenParseError {
    fn status(&self) -> hubward_status {
        match self {
            Self::NotAToken => HUBWARD_TOKEN_NOT_A_TOKEN,
            Self::InvalidCharacter { .. } => HUBWARD_TOKEN_INVALID_CHARACTER,
            Self::MissingEqualsSign { .. } => HUBWARD_TOKEN_MISSING_EQUALS_SIGN,
            Self::UnknownField { .. } => HUBWARD_TOKEN_UNKNOWN_FIELD,
            Self::EmptyValue { .. } => HUBWARD_TOKEN_EMPTY_VALUE,
            Self::DuplicateField { .. } => HUBWARD_TOKEN_DUPLICATE_FIELD,
            Self::MissingField { .. } => HUBWARD_TOKEN_MISSING_FIELD,
            Self::SignatureNotCanonical => HUBWARD_TOKEN_SIGNATURE_NOT_CANONICAL,
            Self::ExpiryNotCanonical => HUBWARD_TOKEN_EXPIRY_NOT_CANONICAL,
            Self::InvalidPolicyName(_) => HUBWARD_TOKEN_INVALID_POLICY_NAME,
        }
    }
}

impl HasStatus for TokenVerifyError {
    fn status(&self) -> hubward_status {
        match self {
            Self::SignatureMismatch => HUBWARD_TOKEN_SIGNATURE_MISMATCH,
            Self::Expired { .. } => HUBWARD_TOKEN_EXPIRED,
            Self::OutOfScope => HUBWARD_TOKEN_OUT_OF_SCOPE,
            Self::ServiceBus => HUBWARD_RESOURCE_SERVICE_BUS,
            Self::NotServiceBus => HUBWARD_RESOURCE_NOT_SERVICE_BUS,
            Self::Key(error) => error.status(),
        }
    }
}

impl HasStatus for TokenPolicyError {
    fn status(&self) -> hubward_status {
        match self {
            Self::Lifetime => HUBWARD_CACHE_LIFETIME,
            Self::Percent => HUBWARD_CACHE_PERCENT,
        }
    }
}

impl HasStatus for TimeError {
    fn status(&self) -> hubward_status {
        match self {
            Self::ClockUnknown { .. } => HUBWARD_CLOCK_UNKNOWN,
        }
    }
}

impl HasStatus for KeyError {
    fn status(&self) -> hubward_status {
        match self {
            Self::Empty => HUBWARD_KEY_EMPTY,
            Self::NotBase64 => HUBWARD_KEY_NOT_BASE64,
            Self::TooLong => HUBWARD_KEY_TOO_LONG,
            Self::InvalidPrivateKey => HUBWARD_KEY_INVALID_PRIVATE_KEY,
            Self::UnsupportedAlgorithm(_) => HUBWARD_KEY_UNSUPPORTED_ALGORITHM,
            Self::NotFound => HUBWARD_KEY_NOT_FOUND,
            Self::AlreadyExists => HUBWARD_KEY_ALREADY_EXISTS,
            Self::WrongKind { .. } => HUBWARD_KEY_WRONG_KIND,
            Self::Locked(cause) => of_the_store(cause).unwrap_or(HUBWARD_KEY_LOCKED),
            Self::Corrupt(cause) => of_the_store(cause).unwrap_or(HUBWARD_KEY_CORRUPT),
            Self::Refused(cause) => of_the_store(cause).unwrap_or(HUBWARD_KEY_REFUSED),
            Self::ProtectionTooLow { .. } => HUBWARD_KEY_PROTECTION_TOO_LOW,
            Self::NotLocked(_) => HUBWARD_KEY_NOT_LOCKED,
            Self::WipedByFork => HUBWARD_KEY_WIPED_BY_FORK,
            Self::Other(cause) => of_the_store(cause).unwrap_or(HUBWARD_KEY_FAILED),
        }
    }
}

/// What a store in a file says behind the door of its trait, which is more than the trait's own errors do.
fn of_the_store(cause: &OtherError) -> Option<hubward_status> {
    #[cfg(all(feature = "keystore-file", unix))]
    {
        cause.downcast_ref::<FileStoreError>().map(HasStatus::status)
    }
    #[cfg(not(all(feature = "keystore-file", unix)))]
    {
        let _ = cause;
        None
    }
}

#[cfg(all(feature = "keystore-file", unix))]
impl HasStatus for FileStoreError {
    fn status(&self) -> hubward_status {
        match self {
            Self::NotSynced(_) => HUBWARD_STORE_NOT_SYNCED,
            Self::NotFound => HUBWARD_STORE_NOT_FOUND,
            Self::AlreadyExists => HUBWARD_STORE_ALREADY_EXISTS,
            Self::NotPrivate(_) => HUBWARD_STORE_NOT_PRIVATE,
            Self::Io { .. } => HUBWARD_STORE_IO,
            Self::NotAStore => HUBWARD_STORE_NOT_A_STORE,
            Self::UnsupportedVersion(_) => HUBWARD_STORE_UNSUPPORTED_VERSION,
            Self::Argon2OutOfRange { .. } => HUBWARD_STORE_ARGON2_OUT_OF_RANGE,
            Self::OtherKindOfKey { .. } => HUBWARD_STORE_OTHER_KIND_OF_KEY,
            Self::WrongKey => HUBWARD_STORE_WRONG_KEY,
            Self::WeakKey(_) => HUBWARD_STORE_WEAK_KEY,
            Self::Damaged(_) => HUBWARD_STORE_DAMAGED,
            Self::Key(error) => error.status(),
        }
    }
}

#[cfg(feature = "x509")]
impl HasStatus for PemError {
    fn status(&self) -> hubward_status {
        match self {
            Self::TooLong { .. } => HUBWARD_PEM_TOO_LONG,
            Self::TooManyBlocks => HUBWARD_PEM_TOO_MANY_BLOCKS,
            Self::Utf16 => HUBWARD_PEM_UTF16,
            Self::IsDer => HUBWARD_PEM_IS_DER,
            Self::IsPem => HUBWARD_PEM_IS_PEM,
            Self::NoBlock => HUBWARD_PEM_NO_BLOCK,
            Self::LineEndsLost { .. } => HUBWARD_PEM_LINE_ENDS_LOST,
            Self::NoBegin { .. } => HUBWARD_PEM_NO_BEGIN,
            Self::NoEnd { .. } => HUBWARD_PEM_NO_END,
            Self::NotBase64 { .. } => HUBWARD_PEM_NOT_BASE64,
            Self::NoCertificate => HUBWARD_PEM_NO_CERTIFICATE,
            Self::KeyNotCertificate => HUBWARD_PEM_KEY_NOT_CERTIFICATE,
            Self::OpenSsh => HUBWARD_PEM_OPENSSH,
            Self::NoPrivateKey => HUBWARD_PEM_NO_PRIVATE_KEY,
            Self::CertificateNotKey => HUBWARD_PEM_CERTIFICATE_NOT_KEY,
            Self::SeveralPrivateKeys => HUBWARD_PEM_SEVERAL_PRIVATE_KEYS,
            Self::Encrypted => HUBWARD_PEM_ENCRYPTED,
            Self::WrongPassphrase => HUBWARD_PEM_WRONG_PASSPHRASE,
            Self::KdfTooExpensive => HUBWARD_PEM_KDF_TOO_EXPENSIVE,
            Self::UnsupportedEncryption => HUBWARD_PEM_UNSUPPORTED_ENCRYPTION,
        }
    }
}

#[cfg(feature = "x509")]
impl HasStatus for CertificateError {
    fn status(&self) -> hubward_status {
        match self {
            Self::TooLong { .. } => HUBWARD_CERTIFICATE_TOO_LONG,
            Self::IsPem => HUBWARD_CERTIFICATE_IS_PEM,
            Self::NotDer => HUBWARD_CERTIFICATE_NOT_DER,
            Self::TrailingBytes { .. } => HUBWARD_CERTIFICATE_TRAILING_BYTES,
            Self::Malformed(_) => HUBWARD_CERTIFICATE_MALFORMED,
        }
    }
}

#[cfg(feature = "x509")]
impl HasStatus for ChainError {
    fn status(&self) -> hubward_status {
        match self {
            Self::Empty => HUBWARD_CHAIN_EMPTY,
            Self::TooLong { .. } => HUBWARD_CHAIN_TOO_LONG,
            Self::Certificate { error, .. } => error.status(),
            Self::Pem(error) => error.status(),
        }
    }
}

#[cfg(feature = "x509")]
impl HasStatus for ThumbprintError {
    fn status(&self) -> hubward_status {
        match self {
            Self::WrongLength { .. } => HUBWARD_THUMBPRINT_WRONG_LENGTH,
            Self::NotHex { .. } => HUBWARD_THUMBPRINT_NOT_HEX,
        }
    }
}

#[cfg(feature = "x509-issue")]
impl HasStatus for IssueError {
    fn status(&self) -> hubward_status {
        match self {
            Self::UnsupportedKey => HUBWARD_ISSUE_UNSUPPORTED_KEY,
            Self::Key(error) => error.status(),
            Self::NotARequest(_) => HUBWARD_ISSUE_NOT_A_REQUEST,
            Self::Pem(error) => error.status(),
            Self::NotPossessed => HUBWARD_ISSUE_NOT_POSSESSED,
            Self::PossessionNotChecked => HUBWARD_ISSUE_POSSESSION_NOT_CHECKED,
            Self::OtherId { .. } => HUBWARD_ISSUE_OTHER_ID,
            Self::NotACa(_) => HUBWARD_ISSUE_NOT_A_CA,
            Self::KeyDiffers => HUBWARD_ISSUE_KEY_DIFFERS,
            Self::Validity => HUBWARD_ISSUE_VALIDITY,
            Self::OutlivesIssuer { .. } => HUBWARD_ISSUE_OUTLIVES_ISSUER,
            Self::SameName => HUBWARD_ISSUE_SAME_NAME,
            Self::Name => HUBWARD_ISSUE_NAME,
            Self::Other(_) => HUBWARD_ISSUE_FAILED,
        }
    }
}
