//! Requests and certificates that this crate writes, as others read them: the real OpenSSL and
//! rustls-webpki; and what it refuses to write.

#[path = "x509_issuing/authorities.rs"]
mod authorities;
#[path = "common/certificates.rs"]
mod certificates;
#[path = "common/der.rs"]
#[expect(dead_code, reason = "its other half is for certificates")]
mod der;
#[path = "x509_issuing/foreign.rs"]
mod foreign;
#[path = "x509_issuing/handshake.rs"]
mod handshake;
#[path = "x509_issuing/keys.rs"]
mod keys;
#[path = "x509_issuing/requests.rs"]
mod requests;
#[path = "x509_issuing/samples.rs"]
mod samples;
#[path = "x509_issuing/strict.rs"]
mod strict;
