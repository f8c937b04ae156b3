//! Device certificates: read, judged, and when to renew them; with the feature `x509-issue` also
//! requested and issued.
//!
//! What is read is bounded: 1 MiB and 64 blocks of PEM, 64 KiB for a certificate, 16 certificates for a
//! chain. What is judged is pure in `now`. Formats: RFC 5280 (certificates), RFC 7468 (PEM), RFC 5958
//! (private keys), RFC 2986 (requests); what the hub expects of them: "Authenticate identities with X.509
//! certificates" in its documentation.

mod chain;
mod der;
#[cfg(feature = "x509-issue")]
mod issue;
mod judge;
mod parse;
mod pem;
mod private_key;
#[cfg(feature = "x509-issue")]
mod remote_key;
mod renewal;
#[cfg(feature = "x509-issue")]
mod request;
mod thumbprint;

#[cfg(feature = "aws-lc-rs")]
pub use chain::AWS_LC_RS_ALGORITHMS;
#[cfg(feature = "ring")]
pub use chain::RING_ALGORITHMS;
#[cfg(feature = "x509-issue")]
pub use issue::{CertificateAuthority, self_signed};
pub use judge::{
    CHAIN_MAX, ChainError, DeviceCertificate, Expected, Finding, Report, Severity, What,
};
pub use parse::{CERTIFICATE_MAX, Certificate, CertificateError, PublicKeyKind, Validity};
pub use pem::{
    PEM_BLOCKS_MAX, PEM_MAX, PemError, certificates_from_pem, private_key_from_encrypted_pem,
    private_key_from_pem,
};
pub use private_key::{PrivateKey, private_key_from_der, private_key_from_encrypted_der};
#[cfg(feature = "x509-issue")]
pub use remote_key::IssueError;
pub use renewal::{Renewal, RenewalPolicy, RenewalPolicyError, RetrySchedule, next_renewal};
#[cfg(feature = "x509-issue")]
pub use request::CertificateRequest;
pub use thumbprint::{Thumbprint, ThumbprintError};
