//! What a configuration says of itself, whom it trusts, and what is refused when it is built.

#[path = "tls_policy/anchors.rs"]
mod anchors;
#[path = "tls_policy/building.rs"]
mod building;
#[path = "common/certificates.rs"]
#[expect(dead_code, reason = "made for tests of certificates")]
mod certificates;
#[path = "tls_policy/explaining.rs"]
mod explaining;
#[path = "tls_policy/readiness.rs"]
mod readiness;
#[path = "tls_policy/roots.rs"]
mod roots;
#[path = "common/tls.rs"]
#[expect(dead_code, reason = "shared by all tests of TLS")]
mod world;
