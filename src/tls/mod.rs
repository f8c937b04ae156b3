//! TLS configurations for [`rustls`] that cannot be weak by accident.
//!
//! What a configuration has is not up to defaults of others, nor of the process:
//!
//! | | always | otherwise |
//! |---|---|---|
//! | version | TLS 1.2 or 1.3 | 1.3 alone: [`tls13_only`](ClientTlsBuilder::tls13_only) |
//! | suites | AEAD with forward secrecy | |
//! | server's name | verified | a [verifier of one's own](DangerousClientTls::server_verifier) decides |
//! | [`Provider`] | named | [`require_fips`](ClientTlsBuilder::require_fips) refuses those without |
//! | [`Clock`](crate::Clock) | given; where it does not know the time, the handshake fails | |
//! | [trust anchors](TrustAnchors) | given: of a [`Cloud`], one's own, the platform's | |
//! | revocation lists | none: Azure's certificates live too short for them | [`crls`](ClientTlsBuilder::crls) |
//! | key exchange | X25519, P-256, P-384; with ML-KEM-768 where the provider has it | [`post_quantum`](ClientTlsBuilder::post_quantum) |
//! | [identity](TlsIdentity) | key and certificate matched, and tested by signatures | none: SAS tokens |
//!
//! What is weaker is behind [`dangerous`](ClientTlsBuilder::dangerous), and [`ClientTls::explain`] tells.
//!
//! ```no_run
//! # #[cfg(feature = "ring")]
//! # fn connect(identity: hubward::tls::TlsIdentity) -> Result<(), Box<dyn std::error::Error>> {
//! use hubward::tls::{ClientTls, Cloud, Provider, TrustAnchors, diagnose};
//! use hubward::{HubHost, SystemClock};
//!
//! let tls = ClientTls::builder(Provider::Ring)
//!     .trust(TrustAnchors::of(Cloud::Public))
//!     .identity(identity)
//!     .build(SystemClock)?;
//! println!("{}", tls.explain());
//!
//! // An `Arc<rustls::ClientConfig>`, for whichever MQTT or HTTP library does the rest.
//! let config = tls.config();
//! # drop(config);
//! # Ok(())
//! # }
//! ```
//!
//! # When it fails
//!
//! Hand the error of whichever library to [`diagnose`](fn@diagnose), and to learn more, try again with
//! [`ClientTls::recorded`]: the [`Diagnosis`] names the fault and what to do.
//!
//! # When the certificate is renewed
//!
//! ```text
//!            config()             install(new)              config()
//!  Arc A ───────┬───────────────────────┬──────────────────────┬──────── Arc B
//!               │ connections with A go on until they end;     │ from now on with the new identity,
//!               │ its sessions are never resumed by B          │ and a session store of its own
//! ```
//!
//! Take [`ClientTls::config`] anew for each connection. Where a library keeps one `Arc` for ever, give it
//! [`ClientTls::rotating_config`], which looks up the identity in each handshake.
//!
//! # What was tried
//!
//! With both providers, against OpenSSL 3.0 and mosquitto 2.0; in code, what [`Fault::code`] says where there
//! is a record of the handshake:
//!
//! | other end | what it has | result |
//! |---|---|---|
//! | OpenSSL's server | 1.3: AES-GCM, ChaCha20-Poly1305; 1.2: the same with ECDHE, for ECDSA and RSA | connects |
//! | | key exchange by X25519, P-256, P-384 | connects |
//! | | a key of P-256, P-384, RSA with 2048 bits, Ed25519 | connects |
//! | | a key of P-521 | connects with 1.3 and aws-lc-rs, else `suite-refused` |
//! | | a key of Ed448, secp256k1, RSA for PSS alone | `suite-refused` |
//! | | TLS 1.0 or 1.1 alone; 1.2 where 1.3 is wanted | `version-refused` |
//! | | CBC, static RSA, DHE, CCM, or key exchange by P-521 alone | `suite-refused` |
//! | | RSA with 1024 bits; signed over SHA-1 | `weak-server-key` |
//! | | a certificate that expired, or begins later | `expired`, `clock-behind` |
//! | | one of an unknown CA, with a gap, self-signed | `unknown-issuer`, `self-signed` |
//! | | one for another hub, an address, no name | `name-mismatch` |
//! | | one of a page to sign in | `captive-portal` |
//! | | one that was revoked; no list, an old one, a forged one | `revoked` |
//! | | asks for a certificate: keys of each store, P-256, P-384, RSA, 1.2 and 1.3 | connects |
//! | | gets none | `client-certificate-required` |
//! | | gets one that expired, begins later, is of an unknown CA, revoked, for servers | `client-certificate-refused` |
//! | | resumes sessions: 1.3, 1.2 with tickets and without | not after the identity was exchanged |
//! | OpenSSL's client | 1.2, 1.3, with a certificate and without | connects |
//! | | 1.0, 1.1; CBC, static RSA, DHE, CCM, P-521, SHA-1 alone | refused |
//! | mosquitto | 1.2, 1.3: user names of certificates, resumption, exchange of the identity | connects |
//! | | gets none, or one that expired, is of an unknown CA, revoked | as above |
//! | | 1.1 alone | `version-refused` |
//! | | no TLS: it hangs up | `broken-off` |
//! | sockets | HTTP, MQTT, AMQP, SSH, noise | `plain-text` |
//! | | handshakes that end anywhere, resets | `broken-off` |
//! | | silence | `no-answer` |

mod client;
mod clock;
mod diagnose;
mod explain;
mod identity;
mod keys;
#[cfg(feature = "capi")]
pub(crate) mod names;
mod provider;
mod record;
mod roots;
mod server;
mod sessions;

pub use client::{ClientTls, ClientTlsBuilder, DangerousClientTls, TlsError};
pub use diagnose::{Diagnosis, Fault, diagnose};
pub use explain::Explanation;
pub use identity::{IdentityError, TlsIdentity};
pub use provider::{PostQuantum, Provider};
pub use record::HandshakeRecord;
pub use roots::{
    AnchorReadiness, BuiltInRoot, Cloud, Readiness, RootReadiness, TrustAnchorError, TrustAnchors,
};
pub use rustls;
pub use server::{ClientNameError, ServerTls, ServerTlsBuilder};
