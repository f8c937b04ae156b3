//! What the fuzz targets check, as plain functions over bytes.
//!
//! The targets in `fuzz_targets/` hand every input to one of these; the test `tests/corpus.rs` of the
//! main package includes this very file and hands every committed seed to the same function. So it
//! may use only what both packages depend on, and features of the same names.

#[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
mod der;
mod oracle;
#[cfg(all(feature = "keystore-file", unix))]
mod store_file;

pub mod cache_schedule;
#[cfg(feature = "capi")]
pub mod capi;
#[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
pub mod certificate;
pub mod connection_string;
#[cfg(all(feature = "keystore-software", feature = "ring", feature = "tls"))]
pub mod diagnose;
#[cfg(all(feature = "keystore-file", unix))]
pub mod file_store;
pub mod key_name;
pub mod names;
#[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
pub mod pem;
#[cfg(all(feature = "keystore-software", feature = "ring", feature = "session", feature = "x509"))]
pub mod preflight;
#[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
pub mod private_key;
#[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
pub mod renewal_policy;
pub mod sas_token;
pub mod sign_differential;
#[cfg(feature = "session")]
pub mod storage_uri;
#[cfg(all(feature = "keystore-software", feature = "ring", feature = "tls"))]
pub mod trust_anchors;

/// Checks one input; panics where the crate breaks an invariant.
pub type Body = fn(&[u8]);

/// Every target by its name.
pub const BODIES: &[(&str, Body)] = &[
    ("connection_string", connection_string::check),
    ("sas_token", sas_token::check),
    ("sign_differential", sign_differential::check),
    ("names", names::check),
    #[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
    ("certificate", certificate::check),
    #[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
    ("pem", pem::check),
    #[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
    ("private_key", private_key::check),
    #[cfg(all(feature = "keystore-software", feature = "ring", feature = "x509"))]
    ("renewal_policy", renewal_policy::check),
    ("key_name", key_name::check),
    #[cfg(all(feature = "keystore-software", feature = "ring", feature = "tls"))]
    ("trust_anchors", trust_anchors::check),
    #[cfg(all(feature = "keystore-software", feature = "ring", feature = "tls"))]
    ("diagnose", diagnose::check),
    #[cfg(all(feature = "keystore-file", unix))]
    ("file_store", file_store::check),
    ("cache_schedule", cache_schedule::check),
    #[cfg(feature = "session")]
    ("storage_uri", storage_uri::check),
    #[cfg(all(
        feature = "keystore-software",
        feature = "ring",
        feature = "session",
        feature = "x509"
    ))]
    ("preflight", preflight::check),
    #[cfg(feature = "capi")]
    ("capi", capi::check),
];
