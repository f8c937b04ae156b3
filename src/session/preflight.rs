//! Why a hub will refuse a device, found out without asking it.
//!
//! From a connection string, perhaps a certificate, and the time: every reason for which the hub or DPS would
//! answer 401, each with what to do. What cannot be told offline is whether the hub knows the device and the
//! key: a clean report is no promise.

use core::fmt;
use core::time::Duration;

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use thiserror::Error;

use super::HubIdentity;
use super::mqtt::HubSession;
use super::policy::{Permission, permissions};
use crate::encoding::json;
use crate::identity::{Authentication, ConnectionString, ConnectionStringError, Field};
use crate::sas::{SasToken, TokenParseError};
use crate::time::{TimeError, UnixTime};
#[cfg(feature = "x509")]
use crate::x509::{DeviceCertificate, Expected, Report, Severity, What};

/// A ready-made token that lives longer than this is as good as a password.
const LIFETIME_USUAL: Duration = Duration::from_secs(30 * 86_400);

/// Fewer bytes than that no key of the service has: it makes keys of 32 and 64.
const KEY_SHORT: usize = 16;

/// How bad a reason is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Weight {
    /// It works, and could be better.
    Advice,
    /// It may be refused.
    Doubt,
    /// It will be refused.
    Refusal,
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Advice => "advice",
            Self::Doubt => "doubt",
            Self::Refusal => "refusal",
        })
    }
}

macro_rules! reasons {
    ($($weight:ident $code:literal $(#[$doc:meta])* $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })? = $text:literal; $fix:literal)*) => {
        /// Why a device will be refused, or should not be so. `Display` says what was found.
        #[derive(Clone, Debug, PartialEq, Eq, Error)]
        #[non_exhaustive]
        pub enum Reason {
            $(
                $(#[$doc])*
                #[error($text)]
                $name $({ $($(#[$field_doc])* $field: $type),* })?,
            )*
        }

        impl Reason {
            /// How bad it is.
            pub const fn weight(&self) -> Weight {
                match self {
                    $(Self::$name $({ $($field: _),* })? => Weight::$weight,)*
                }
            }

            /// A name for programs, which does not change.
            pub const fn code(&self) -> &'static str {
                match self {
                    $(Self::$name $({ $($field: _),* })? => $code,)*
                }
            }

            /// What to do.
            pub const fn fix(&self) -> &'static str {
                match self {
                    $(Self::$name $({ $($field: _),* })? => $fix,)*
                }
            }

            /// All codes.
            pub const CODES: &[&str] = &[$($code),*];
        }
    };
}

reasons! {
    Refusal "connection-string"
        /// The connection string is not right.
        ConnectionString {
            /// Why.
            error: ConnectionStringError,
        } = "the connection string: {error}";
        "correct that; as the portal shows it, it is right, copied whole and without line ends"
    Refusal "no-device"
        /// The connection string is that of a service.
        NoDevice = "the connection string names no device";
        "take the one of the device, not that of a policy of the hub"
    Refusal "clock-unknown"
        /// The clock was never set.
        ClockUnknown {
            /// What it shows.
            error: TimeError,
        } = "{error}";
        "a token that is signed now has expired for the hub: set the clock first"
    Refusal "token"
        /// The ready-made token is not right.
        Token {
            /// Why.
            error: TokenParseError,
        } = "the token of the connection string: {error}";
        "have it made anew; better, give the device a key and let it sign"
    Refusal "token-expired"
        /// The ready-made token has expired.
        TokenExpired {
            /// When.
            expiry: UnixTime,
            /// When it was judged.
            now: UnixTime,
        } = "the token expired at {expiry}, and now it is {now}";
        "have it made anew; better, give the device a key and let it sign"
    Refusal "token-scope"
        /// The ready-made token is for something else.
        TokenScope {
            /// What it is for.
            resource: String,
        } = "the token is for {resource:?}, which is not the device of the connection string nor holds it";
        "have it made for the host and the device of the connection string: `host/devices/deviceId`"
    Advice "token-long"
        /// The ready-made token lives long.
        TokenLong {
            /// Until when.
            expiry: UnixTime,
        } = "the token is good until {expiry}";
        "who finds it can use it until then: let the device sign tokens of an hour"
    Doubt "key-short"
        /// The key is shorter than the service makes any.
        KeyShort {
            /// Its bytes.
            len: usize,
        } = "the key has {len} bytes, and the service makes them of 32 or 64";
        "it may be cut off, or a placeholder: copy it anew"
    Refusal "policy-no-connect"
        /// The policy does not let devices connect.
        PolicyNoConnect {
            /// Which.
            policy: String,
        } = "the policy {policy:?} does not let a device connect";
        "take the key of the device itself"
    Advice "policy-too-much"
        /// The policy opens more than a device needs.
        PolicyTooMuch {
            /// Which.
            policy: String,
            /// One of what it opens.
            opens: Permission,
        } = "the policy {policy:?} has the permission {opens}: whoever takes the device apart has it as well";
        "take the key of the device itself, which opens that device and nothing else"
    Doubt "policy-unknown"
        /// A policy that somebody made.
        PolicyUnknown {
            /// Which.
            policy: String,
        } = "the policy {policy:?} is one of the hub's own making";
        "it needs DeviceConnect, and that opens every device of the hub: better take the key of the device"
    Refusal "host-of-dps"
        /// The host is that of DPS.
        HostOfDps = "the host is one of the provisioning service, not a hub";
        "register with it by scope and registration ID; the reply names the hub"
    Doubt "host-of-service"
        /// The host is the one for services.
        HostOfService = "the host is the hub's name for services";
        "devices connect to the hub's own name, or to the one with `.device.`"
    Doubt "host-elsewhere"
        /// The host is none of Azure's.
        HostElsewhere = "the host is none that Azure's hubs have";
        "check it for a slip; a gateway goes into GatewayHostName, and HostName names the hub"
    Doubt "topic-hazard"
        /// The ID means something else in topics of MQTT.
        TopicHazard {
            /// What.
            character: char,
        } = "the ID has {character:?}, which has a meaning of its own in topics of MQTT";
        "take an ID without `#`, `+` and `/`, or AMQP or HTTPS"
    Refusal "certificate-missing"
        /// The connection string says x509, and there is no certificate.
        CertificateMissing = "the connection string says that the device has a certificate, and none is given";
        "give the certificate with its chain, and configure TLS with it"
    Advice "certificate-unused"
        /// There is a certificate, and the connection string has a key or a token.
        CertificateUnused = "there is a certificate, and the connection string authenticates by something else";
        "one of the two is not used: for the certificate, write x509=true in place of the key"
    Refusal "certificate"
        /// The certificate will be refused.
        CertificateRefused {
            /// What was found.
            finding: String,
        } = "{finding}";
        "have it issued, ordered or configured as that says"
    Doubt "certificate-doubt"
        /// The certificate may be refused.
        CertificateDoubt {
            /// What was found.
            finding: String,
        } = "{finding}";
        "have it issued, ordered or configured as that says"
    Advice "certificate-unchecked"
        /// A signature of the chain was not checked, which is no reason to refuse it.
        CertificateUnchecked = "a signature of the chain was not checked here, for the issuer or an algorithm for it is not at hand";
        "give the algorithms, and the trust anchors that are registered, and it is: `Expected::algorithms`, `Expected::trust_anchors`"
    Advice "certificate-note"
        /// Something about the certificate that is good to know.
        CertificateNote {
            /// What was found.
            finding: String,
        } = "{finding}";
        "have it issued, ordered or configured as that says"
}

/// What is to be judged.
///
/// # Examples
///
/// ```
/// use hubward::UnixTime;
/// use hubward::session::preflight::Preflight;
///
/// let text = "HostName=contoso.azure-devices.net;DeviceId=pump-7;\
///     SharedAccessKeyName=iothubowner;SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// let report = Preflight::new(text).check(UnixTime::from_secs(1_800_000_000));
/// assert_eq!(report.reasons()[0].code(), "policy-too-much");
/// println!("{report}");
/// ```
#[derive(Clone, Copy)]
pub struct Preflight<'a> {
    text: &'a str,
    #[cfg(feature = "x509")]
    certificate: Option<(&'a DeviceCertificate, Expected<'a>)>,
}

impl<'a> Preflight<'a> {
    /// A connection string.
    #[must_use]
    pub const fn new(connection_string: &'a str) -> Self {
        Self {
            text: connection_string,
            #[cfg(feature = "x509")]
            certificate: None,
        }
    }

    /// The certificate that goes with it, and what is expected of it beside the ID, which the connection
    /// string says: key, algorithms, trust anchors.
    #[cfg(feature = "x509")]
    #[must_use]
    pub const fn certificate(
        self,
        certificate: &'a DeviceCertificate,
        expected: Expected<'a>,
    ) -> Self {
        Self { certificate: Some((certificate, expected)), ..self }
    }

    /// Judges it at `now`.
    #[must_use]
    pub fn check(&self, now: UnixTime) -> PreflightReport {
        let mut reasons = Vec::new();
        self.judge(now, &mut |reason| reasons.push(reason));
        reasons.sort_by_key(|reason| core::cmp::Reverse(reason.weight()));
        PreflightReport { reasons }
    }

    fn judge(&self, now: UnixTime, add: &mut dyn FnMut(Reason)) {
        let connection = match ConnectionString::parse(self.text) {
            Ok(connection) => connection,
            Err(error) => return add(Reason::ConnectionString { error }),
        };
        if let Err(error) = now.believed_from(UnixTime::BUILD_FLOOR) {
            add(Reason::ClockUnknown { error });
        }
        judge_host(connection.host().as_str(), add);
        judge_policy(&connection, add);
        let Ok(identity) = HubIdentity::from_connection_string(&connection) else {
            return add(Reason::NoDevice);
        };
        if let Some(hazard) = HubSession::new(&identity).topic_hazards().first() {
            add(Reason::TopicHazard { character: hazard.character });
        }
        match connection.authentication() {
            Authentication::SharedAccessKey(key) => {
                let len = key.expose_bytes().len();
                if len < KEY_SHORT {
                    add(Reason::KeyShort { len });
                }
            }
            Authentication::SharedAccessSignature(token) => {
                judge_token(token.expose_text(), &identity, now, add);
            }
            Authentication::X509 => {}
        }
        self.judge_certificate(&connection, &identity, now, add);
    }

    #[cfg(feature = "x509")]
    fn judge_certificate(
        &self,
        connection: &ConnectionString<'_>,
        identity: &HubIdentity,
        now: UnixTime,
        add: &mut dyn FnMut(Reason),
    ) {
        let is_x509 = connection.authentication().field() == Field::X509;
        let Some((certificate, expected)) = &self.certificate else {
            if is_x509 {
                add(Reason::CertificateMissing);
            }
            return;
        };
        if !is_x509 {
            add(Reason::CertificateUnused);
        }
        let expected = match identity.module_id() {
            Some(module) => expected.module(identity.device_id(), module),
            None => expected.device(identity.device_id()),
        };
        judge_findings(&certificate.judge(&expected, now), add);
    }

    #[cfg(not(feature = "x509"))]
    #[expect(clippy::unused_self, reason = "with the feature `x509` there is more in it")]
    fn judge_certificate(
        &self,
        connection: &ConnectionString<'_>,
        _: &HubIdentity,
        _: UnixTime,
        add: &mut dyn FnMut(Reason),
    ) {
        if connection.authentication().field() == Field::X509 {
            add(Reason::CertificateMissing);
        }
    }
}

impl fmt::Debug for Preflight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preflight").finish_non_exhaustive()
    }
}

#[cfg(feature = "x509")]
fn judge_findings(report: &Report, add: &mut dyn FnMut(Reason)) {
    let mut is_unchecked = false;
    for finding in report.findings() {
        let text = finding.to_string();
        add(match (finding.what(), finding.severity()) {
            // That was told already.
            (What::ClockUnknown { .. }, _) => continue,
            // What nobody looked at here, the service will, and it has what is missing. Once is enough.
            (What::SignatureNotChecked, _) if is_unchecked => continue,
            (What::SignatureNotChecked, _) => {
                is_unchecked = true;
                Reason::CertificateUnchecked
            }
            (_, Severity::Error) => Reason::CertificateRefused { finding: text },
            (_, Severity::Warning) => Reason::CertificateDoubt { finding: text },
            _ => Reason::CertificateNote { finding: text },
        });
    }
}

fn judge_host(host: &str, add: &mut dyn FnMut(Reason)) {
    const CLOUDS: [&str; 3] = ["net", "us", "cn"];

    let ends_in = |domain: &str| {
        CLOUDS.iter().find_map(|cloud| {
            host.strip_suffix(cloud)?.strip_suffix('.')?.strip_suffix(domain)?.strip_suffix('.')
        })
    };
    if host.contains("azure-devices-provisioning.") {
        add(Reason::HostOfDps);
    } else if let Some(hub) = ends_in("azure-devices") {
        if hub.ends_with(".service") {
            add(Reason::HostOfService);
        }
    } else {
        add(Reason::HostElsewhere);
    }
}

fn judge_policy(connection: &ConnectionString<'_>, add: &mut dyn FnMut(Reason)) {
    let Some(name) = connection.policy_name() else { return };
    let policy = name.as_str().to_string();
    match permissions(name) {
        None => add(Reason::PolicyUnknown { policy }),
        Some(permissions) => {
            if !permissions.contains(&Permission::DeviceConnect) {
                add(Reason::PolicyNoConnect { policy: policy.clone() });
            }
            if let Some(&opens) = permissions.last() {
                add(Reason::PolicyTooMuch { policy, opens });
            }
        }
    }
}

fn judge_token(text: &str, identity: &HubIdentity, now: UnixTime, add: &mut dyn FnMut(Reason)) {
    let token = match SasToken::parse(text) {
        Ok(token) => token,
        Err(error) => return add(Reason::Token { error }),
    };
    let expiry = token.expiry();
    if token.is_expired_at(now) {
        add(Reason::TokenExpired { expiry, now });
    } else if token.expires_in(now) > LIFETIME_USUAL {
        add(Reason::TokenLong { expiry });
    }
    if !token.covers(&identity.resource()) {
        add(Reason::TokenScope { resource: token.resource().to_string() });
    }
}

/// All that was found. `Display` has a line for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreflightReport {
    reasons: Vec<Reason>,
}

impl PreflightReport {
    /// The reasons, the worst first.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The worst; `None` if nothing was found.
    pub fn weight(&self) -> Option<Weight> {
        self.reasons.iter().map(Reason::weight).max()
    }

    /// The same as JSON: an array of objects with `weight`, `code`, `text` and `fix`.
    pub fn to_json(&self) -> String {
        json::array(self.reasons.iter().map(|reason| {
            json::Object::new()
                .text("weight", &reason.weight().to_string())
                .text("code", reason.code())
                .text("text", &reason.to_string())
                .text("fix", reason.fix())
                .finish()
        }))
    }
}

impl fmt::Display for PreflightReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reasons
            .iter()
            .try_for_each(|reason| writeln!(f, "{}: {reason}: {}", reason.weight(), reason.fix()))
    }
}
