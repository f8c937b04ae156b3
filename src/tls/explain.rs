//! What a configuration does and does not, read from the configuration itself where that is possible.

use core::fmt;

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use rustls::ClientConfig;

use super::identity::TlsIdentity;
use super::provider::Provider;
use super::roots::TrustAnchors;
use crate::encoding::json;
use crate::time::UnixTime;
use crate::x509::{Certificate, Thumbprint};

/// What of a client's policy rustls does not tell.
pub(super) struct Facts {
    pub(super) provider: Provider,
    pub(super) is_tls13_only: bool,
    /// `None` if a verifier of the caller's decides.
    pub(super) anchors: Option<TrustAnchors>,
    pub(super) sessions: usize,
    pub(super) crls: usize,
    pub(super) allows_unknown_revocation: bool,
}

/// The policy of a configuration. `Display` has a line for each point, [`Explanation::to_json`] the same for
/// programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    provider: Provider,
    is_fips: bool,
    versions: Vec<&'static str>,
    suites: Vec<String>,
    groups: Vec<String>,
    anchors: Vec<Shown>,
    crls: usize,
    identity: Option<Shown>,
    /// Whether the key of the identity signs for TLS 1.2 only.
    is_identity_old: bool,
    alpn: Vec<String>,
    sessions: usize,
    dangers: Vec<&'static str>,
}

/// A certificate, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    subject: String,
    until: UnixTime,
    sha256: Thumbprint,
}

impl Shown {
    fn new(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject().into(),
            until: certificate.validity().not_after,
            sha256: Thumbprint::sha256(certificate.der()),
        }
    }

    fn to_json(&self) -> json::Object {
        let Self { subject, until, sha256 } = self;
        json::Object::new()
            .text("subject", subject)
            .text("until", &until.to_string())
            .text("sha256", &sha256.to_string())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, until, sha256 } = self;
        write!(f, "{subject}, until {until}, SHA-256 {sha256}")
    }
}

impl Explanation {
    pub(super) fn new(
        facts: &Facts,
        config: &ClientConfig,
        identity: Option<&TlsIdentity>,
    ) -> Self {
        let Facts { provider, is_tls13_only, anchors, sessions, crls, allows_unknown_revocation } =
            facts;
        let crypto = config.crypto_provider();
        let suites = crypto.cipher_suites.iter();
        let alpn = config.alpn_protocols.iter();
        let mut dangers = Vec::new();
        if anchors.is_none() {
            dangers.push("a verifier of the application decides which servers are believed");
        }
        if *allows_unknown_revocation {
            dangers.push("certificates of which no revocation list tells are believed");
        }
        Self {
            provider: *provider,
            is_fips: config.fips(),
            versions: if *is_tls13_only {
                Vec::from(["TLS 1.3"])
            } else {
                Vec::from(["TLS 1.3", "TLS 1.2"])
            },
            suites: suites.map(|suite| format!("{:?}", suite.suite())).collect(),
            groups: crypto.kx_groups.iter().map(|group| format!("{:?}", group.name())).collect(),
            anchors: anchors.iter().flat_map(TrustAnchors::certificates).map(Shown::new).collect(),
            crls: *crls,
            identity: identity.map(|identity| Shown::new(identity.certificate().end_entity())),
            is_identity_old: identity.is_some_and(|identity| !identity.signs_tls13()),
            alpn: alpn.map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
            sessions: *sessions,
            dangers,
        }
    }

    /// What is weaker than it should be: what was turned on by
    /// [`dangerous`](super::ClientTlsBuilder::dangerous).
    pub fn dangers(&self) -> &[&'static str] {
        &self.dangers
    }

    /// The same as JSON: an object with `provider`, `fips`, `versions`, `suites`, `groups`, `anchors` and
    /// `identity` (objects with `subject`, `until`, `sha256`; `identity` may be null), `identity_tls12_only`, `crls`, `alpn`,
    /// `sessions` and `dangers`.
    pub fn to_json(&self) -> String {
        let Self {
            provider,
            is_fips,
            versions,
            suites,
            groups,
            anchors,
            crls,
            identity,
            is_identity_old,
            alpn,
            sessions,
            dangers,
        } = self;
        json::Object::new()
            .text("provider", &provider.to_string())
            .bool("fips", *is_fips)
            .texts("versions", versions.iter().copied())
            .texts("suites", suites.iter().map(String::as_str))
            .texts("groups", groups.iter().map(String::as_str))
            .objects("anchors", anchors.iter().map(Shown::to_json))
            .maybe_object("identity", identity.as_ref().map(Shown::to_json))
            .bool("identity_tls12_only", *is_identity_old)
            .maybe_number("crls", Some(*crls))
            .texts("alpn", alpn.iter().map(String::as_str))
            .maybe_number("sessions", Some(*sessions))
            .texts("dangers", dangers.iter().copied())
            .finish()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            provider,
            is_fips,
            versions,
            suites,
            groups,
            anchors,
            crls,
            identity,
            is_identity_old,
            alpn,
            sessions,
            dangers,
        } = self;
        writeln!(f, "provider: {provider}")?;
        writeln!(f, "FIPS: {}", if *is_fips { "yes" } else { "no" })?;
        writeln!(f, "versions: {}", versions.join(", "))?;
        writeln!(f, "suites: {}", suites.join(", "))?;
        writeln!(f, "key exchange: {}", groups.join(", "))?;
        for anchor in anchors {
            writeln!(f, "trust anchor: {anchor}")?;
        }
        match crls {
            0 => writeln!(f, "revocation lists: none")?,
            crls => writeln!(f, "revocation lists: {crls}")?,
        }
        match identity {
            Some(identity) if *is_identity_old => {
                writeln!(f, "identity: {identity}, shown in TLS 1.2 only: its key has no PSS")?;
            }
            Some(identity) => writeln!(f, "identity: {identity}")?,
            None => writeln!(f, "identity: none")?,
        }
        match &**alpn {
            [] => writeln!(f, "ALPN: none")?,
            alpn => {
                // They may have line breaks in them.
                let alpn: Vec<_> =
                    alpn.iter().map(|name| name.escape_debug().to_string()).collect();
                writeln!(f, "ALPN: {}", alpn.join(", "))?;
            }
        }
        match sessions {
            0 => writeln!(f, "resumption: off")?,
            sessions => writeln!(f, "resumption: sessions of {sessions} servers")?,
        }
        dangers.iter().try_for_each(|danger| writeln!(f, "DANGER: {danger}"))
    }
}
