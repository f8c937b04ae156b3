//! What the fuzz targets check, as plain functions over bytes.
//!
//! The targets in `fuzz_targets/` hand every input to one of these; the test `tests/corpus.rs` of the
//! main package includes this very file and hands every committed seed to the same function. So it
//! may use only what both packages depend on.

mod oracle;

pub mod connection_string;
pub mod names;
pub mod sas_token;
pub mod sign_differential;

/// Checks one input; panics where the crate breaks an invariant.
pub type Body = fn(&[u8]);

/// Every target by its name.
pub const BODIES: [(&str, Body); 4] = [
    ("connection_string", connection_string::check),
    ("sas_token", sas_token::check),
    ("sign_differential", sign_differential::check),
    ("names", names::check),
];
