//! The crate against what others make of the same inputs: official SDKs that were run, published
//! documents, RFC 4231, and models of SDKs that were read. `data/vectors/SOURCE.md` says which is
//! which.
//!
//! Every vector of every file is visited, and every field of it is used: a vector, kind or field that
//! no branch understands fails. Where this crate deliberately differs from a vector, the difference is
//! in a list ([`harness::Divergences`]) by name, with the reason and with what happens instead; a
//! listed vector that agrees after all fails as well, and so does a listed name that no vector has.

#![expect(
    clippy::std_instead_of_alloc,
    reason = "a test always has the standard library, also of a crate built without"
)]

#[path = "vectors/connection_strings.rs"]
mod connection_strings;
#[path = "vectors/harness.rs"]
mod harness;
#[path = "vectors/keys.rs"]
mod keys;
#[path = "vectors/models.rs"]
mod models;
#[path = "vectors/reading.rs"]
mod reading;
#[path = "vectors/service_bus.rs"]
mod service_bus;
#[path = "vectors/signing.rs"]
mod signing;
#[path = "vectors/tokens.rs"]
mod tokens;
