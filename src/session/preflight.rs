//! Why a hub or DPS will refuse a device, found out without asking it.
//!
//! From a connection string ([`Preflight`]), or an ID scope, a registration ID and a credential
//! ([`DpsPreflight`]), perhaps a certificate, and the time: every reason for which the service would answer
//! 401, each with what to do. What cannot be told offline is whether it knows the device and the key: a clean
//! report is no promise.

use core::fmt;
use core::time::Duration;

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use thiserror::Error;

use super::HubIdentity;
use super::mqtt::{DpsSession, HubSession};
use super::policy::{Permission, permissions};
use crate::encoding::json;
use crate::identity::{
    Authentication, ConnectionString, ConnectionStringError, Field, HubHost, IdScope, NameError,
    PolicyName, RegistrationId,
};
use crate::keystore::{KeyError, SymmetricKey};
use crate::sas::{ResourceUri, SasToken, TokenParseError};
use crate::time::{TimeError, UnixTime};
#[cfg(feature = "x509")]
use crate::x509::{DeviceCertificate, Expected, Report, Severity, What};

/// A ready-made token that lives longer than this is as good as a password.
const LIFETIME_USUAL: Duration = Duration::from_secs(30 * 86_400);

/// Fewer bytes than that, or more, the service takes for no key; it makes them of 32 and 64.
const KEY_SHORT: usize = 16;
const KEY_LONG: usize = 64;

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
        } = "the token: {error}";
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
        /// The ready-made token is for something else than the device.
        TokenScope {
            /// What it is for.
            resource: String,
        } = "the token is for {resource:?}, which is not the device of the connection string nor holds it";
        "have it made for the host and the device of the connection string: `host/devices/deviceId`"
    Refusal "token-registration"
        /// The ready-made token is for something else than the registration.
        TokenRegistration {
            /// What it is for.
            resource: String,
        } = "the token is for {resource:?}, which is not the registration";
        "have it made for the ID scope and the registration ID: `idScope/registrations/registrationId`"
    Doubt "token-policy"
        /// The ready-made token for DPS does not name its policy.
        TokenPolicy = "the token does not name the policy `registration` (skn), as the documentation of DPS wants it";
        "have it made with `skn=registration`"
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
    Doubt "key-long"
        /// The key is longer than the service takes any.
        KeyLong {
            /// Its bytes.
            len: usize,
        } = "the key has {len} bytes, and the service takes them of at most 64";
        "it may be something else than the key: copy it anew"
    Refusal "key"
        /// The key is none.
        Key {
            /// Why.
            error: KeyError,
        } = "{error}";
        "copy it as the portal shows it, whole, with the `=` at its end; a derived one is base64 as well"
    Advice "group-key"
        /// The key is that of the group.
        GroupKey = "the key is that of an enrollment group, from which those of all its devices follow";
        "derive the device's key elsewhere, and give the device no other"
    Refusal "credential-missing"
        /// Neither a key, nor a token, nor a certificate.
        CredentialMissing = "there is neither a key, nor a token, nor a certificate";
        "give the one that the enrollment was made with"
    Refusal "id-scope"
        /// The ID scope is none.
        IdScope {
            /// Why.
            error: NameError,
        } = "{error}";
        "copy it from the overview of the provisioning service, as in 0ne00000001"
    Doubt "id-scope-odd"
        /// The ID scope is not as the service makes them.
        IdScopeOdd = "the ID scope does not begin with 0ne, as those of the service do";
        "it may be the name of the service, or a slip: copy it from the overview of the provisioning service"
    Refusal "registration-id"
        /// The registration ID is none.
        RegistrationId {
            /// Why.
            error: NameError,
        } = "{error}";
        "take letters, digits and `-`, and at most 64 of them where there is a certificate"
    Doubt "registration-id-case"
        /// The case of the registration ID may matter.
        RegistrationIdCase = "the registration ID has upper-case letters, or is in another case than in its token";
        "write it in lower case everywhere: DPS compares without case, and keys are derived from the exact text, and tokens signed over it"
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
    Refusal "host"
        /// The host is none.
        Host {
            /// Why.
            error: NameError,
        } = "{error}";
        "connect to global.azure-devices-provisioning.net, or the one of your cloud, which ends in .us or .cn"
    Refusal "host-of-hub"
        /// The host is that of a hub.
        HostOfHub = "the host is a hub, not the provisioning service";
        "connect to global.azure-devices-provisioning.net, or the one of your cloud; its reply names the hub"
    Doubt "host-not-of-dps"
        /// The host is none of the provisioning service.
        HostNotOfDps = "the host is none that the provisioning service has";
        "connect to global.azure-devices-provisioning.net, or the one of your cloud, which ends in .us or .cn"
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
    Advice "certificate-self-signed"
        /// The certificate for DPS is self-signed.
        CertificateSelfSigned = "the certificate is self-signed, which an enrollment group does not take";
        "DPS takes it by an enrollment of this one device, which has it; for a group, have a CA issue one"
    Advice "certificate-note"
        /// Something about the certificate that is good to know.
        CertificateNote {
            /// What was found.
            finding: String,
        } = "{finding}";
        "have it issued, ordered or configured as that says"
}

/// A connection to a hub that is to be judged.
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
        PreflightReport::of(|add| self.judge(now, add))
    }

    fn judge(&self, now: UnixTime, add: &mut dyn FnMut(Reason)) {
        let connection = match ConnectionString::parse(self.text) {
            Ok(connection) => connection,
            Err(error) => return add(Reason::ConnectionString { error }),
        };
        judge_clock(now, add);
        judge_host(connection.host(), add);
        if let Some(policy) = connection.policy_name() {
            judge_policy(policy, add);
        }
        let Ok(identity) = HubIdentity::from_connection_string(&connection) else {
            return add(Reason::NoDevice);
        };
        if let Some(hazard) = HubSession::new(&identity).topic_hazards().first() {
            add(Reason::TopicHazard { character: hazard.character });
        }
        match connection.authentication() {
            Authentication::SharedAccessKey(key) => judge_key_len(key.expose_bytes().len(), add),
            Authentication::SharedAccessSignature(token) => {
                if let Some(token) = judge_token(token.expose_text(), now, add) {
                    if !token.covers(&identity.resource()) {
                        add(Reason::TokenScope { resource: token.resource().to_string() });
                    }
                    let policy = token.policy_name().filter(|_| connection.policy_name().is_none());
                    if let Some(policy) = policy {
                        judge_policy(&policy, add);
                    }
                }
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
        for reason in findings(&certificate.judge(&expected, now), false) {
            add(reason);
        }
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

/// A registration with the provisioning service that is to be judged. Names and secrets are texts, for that
/// one of them is not right is a reason as well.
///
/// # Examples
///
/// ```
/// use hubward::UnixTime;
/// use hubward::session::preflight::DpsPreflight;
///
/// let report = DpsPreflight::new("0ne00000001", "pump-7")
///     .key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
///     .check(UnixTime::from_secs(1_800_000_000));
/// assert!(report.reasons().is_empty());
///
/// let report = DpsPreflight::new("contoso", "pump-7").check(UnixTime::from_secs(0));
/// let codes: Vec<_> = report.reasons().iter().map(|reason| reason.code()).collect();
/// assert_eq!(codes, ["clock-unknown", "credential-missing", "id-scope-odd"]);
/// ```
#[derive(Clone, Copy)]
pub struct DpsPreflight<'a> {
    host: &'a str,
    scope: &'a str,
    registration: &'a str,
    credential: Option<Credential<'a>>,
}

#[derive(Clone, Copy)]
enum Credential<'a> {
    Key(&'a str),
    GroupKey(&'a str),
    Token(&'a str),
    #[cfg(feature = "x509")]
    Certificate(&'a DeviceCertificate, Expected<'a>),
}

impl<'a> DpsPreflight<'a> {
    /// A registration at [`DpsSession::HOST`]. It has no credential yet; of several, the last one counts.
    #[must_use]
    pub const fn new(id_scope: &'a str, registration_id: &'a str) -> Self {
        Self {
            host: DpsSession::HOST,
            scope: id_scope,
            registration: registration_id,
            credential: None,
        }
    }

    /// Another host.
    #[must_use]
    pub const fn host(self, host: &'a str) -> Self {
        Self { host, ..self }
    }

    /// The key of the device, in base64: that of its own enrollment, or the one derived from its group's.
    #[must_use]
    pub const fn key(self, base64: &'a str) -> Self {
        Self { credential: Some(Credential::Key(base64)), ..self }
    }

    /// The key of the enrollment group, in base64, from which that of the device is derived.
    #[must_use]
    pub const fn group_key(self, base64: &'a str) -> Self {
        Self { credential: Some(Credential::GroupKey(base64)), ..self }
    }

    /// A ready-made token.
    #[must_use]
    pub const fn token(self, token: &'a str) -> Self {
        Self { credential: Some(Credential::Token(token)), ..self }
    }

    /// A certificate, and what is expected of it beside the registration ID: key, algorithms, trust anchors.
    #[cfg(feature = "x509")]
    #[must_use]
    pub const fn certificate(
        self,
        certificate: &'a DeviceCertificate,
        expected: Expected<'a>,
    ) -> Self {
        Self { credential: Some(Credential::Certificate(certificate, expected)), ..self }
    }

    /// Judges it at `now`.
    #[must_use]
    pub fn check(&self, now: UnixTime) -> PreflightReport {
        PreflightReport::of(|add| self.judge(now, add))
    }

    fn judge(&self, now: UnixTime, add: &mut dyn FnMut(Reason)) {
        judge_clock(now, add);
        match HubHost::new(self.host) {
            Ok(host) if is_azures(&host, DPS) => {}
            Ok(host) if is_azures(&host, HUBS) => add(Reason::HostOfHub),
            Ok(_) => add(Reason::HostNotOfDps),
            Err(error) => add(Reason::Host { error }),
        }
        let scope = IdScope::new(self.scope);
        match &scope {
            Ok(scope) if scope.as_str().starts_with("0ne") => {}
            Ok(_) => add(Reason::IdScopeOdd),
            Err(error) => add(Reason::IdScope { error: error.clone() }),
        }
        let registration = RegistrationId::new(self.registration);
        if let Err(error) = &registration {
            add(Reason::RegistrationId { error: error.clone() });
        }
        match self.credential {
            None => add(Reason::CredentialMissing),
            Some(Credential::Key(key)) => judge_key(key, add),
            Some(Credential::GroupKey(key)) => {
                add(Reason::GroupKey);
                judge_key(key, add);
                if self.registration.contains(|c: char| c.is_ascii_uppercase()) {
                    add(Reason::RegistrationIdCase);
                }
            }
            Some(Credential::Token(token)) => {
                if let Some(token) = judge_token(token, now, add) {
                    let is_named = |policy: PolicyName| policy.as_str() == "registration";
                    if !token.policy_name().is_some_and(is_named) {
                        add(Reason::TokenPolicy);
                    }
                    if let (Ok(scope), Ok(registration)) = (&scope, &registration) {
                        judge_registration(&token, scope, registration, add);
                    }
                }
            }
            #[cfg(feature = "x509")]
            Some(Credential::Certificate(certificate, expected)) => {
                // DPS knows no thumbprints.
                let expected = expected.thumbprints(&[]);
                let expected = match &registration {
                    Ok(registration) => expected.registration(registration),
                    Err(_) => expected,
                };
                for reason in findings(&certificate.judge(&expected, now), true) {
                    add(reason);
                }
            }
        }
    }
}

impl fmt::Debug for DpsPreflight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpsPreflight").finish_non_exhaustive()
    }
}

/// What was found of a certificate, as reasons.
#[cfg(feature = "x509")]
fn findings(report: &Report, is_of_dps: bool) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for finding in report.findings() {
        let text = finding.to_string();
        let reason = match (finding.what(), finding.severity()) {
            // That was told already.
            (What::ClockUnknown { .. }, _) => continue,
            // What nobody looked at here, the service will, and it has what is missing.
            (What::SignatureNotChecked, _) => Reason::CertificateUnchecked,
            (What::SelfSigned, _) if is_of_dps => Reason::CertificateSelfSigned,
            (_, Severity::Error) => Reason::CertificateRefused { finding: text },
            (_, Severity::Warning) => Reason::CertificateDoubt { finding: text },
            _ => Reason::CertificateNote { finding: text },
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

fn judge_clock(now: UnixTime, add: &mut dyn FnMut(Reason)) {
    if let Err(error) = now.believed_from(UnixTime::BUILD_FLOOR) {
        add(Reason::ClockUnknown { error });
    }
}

/// Domains of hubs and of the provisioning service, without that of the cloud.
const HUBS: &str = ".azure-devices.";
const DPS: &str = ".azure-devices-provisioning.";

/// Whether a host is below a domain of Azure's, in any of its clouds.
fn is_azures(host: &HubHost, domain: &str) -> bool {
    below(&host.as_str().to_ascii_lowercase(), domain).is_some()
}

fn below<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    const CLOUDS: [&str; 3] = ["net", "us", "cn"];

    CLOUDS.iter().find_map(|cloud| host.strip_suffix(cloud)?.strip_suffix(domain))
}

fn judge_host(host: &HubHost, add: &mut dyn FnMut(Reason)) {
    if is_azures(host, DPS) {
        return add(Reason::HostOfDps);
    }
    match below(&host.as_str().to_ascii_lowercase(), HUBS) {
        Some(hub) if hub.ends_with(".service") => add(Reason::HostOfService),
        Some(_) => {}
        None => add(Reason::HostElsewhere),
    }
}

fn judge_policy(name: &PolicyName, add: &mut dyn FnMut(Reason)) {
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

fn judge_key(base64: &str, add: &mut dyn FnMut(Reason)) {
    match SymmetricKey::from_base64(base64) {
        // It is canonical: four characters for three bytes, but for those that fill up.
        Ok(_) => {
            let filling = base64.bytes().filter(|byte| *byte == b'=').count();
            judge_key_len(base64.len() / 4 * 3 - filling, add);
        }
        Err(error) => add(Reason::Key { error }),
    }
}

fn judge_key_len(len: usize, add: &mut dyn FnMut(Reason)) {
    match len {
        ..KEY_SHORT => add(Reason::KeyShort { len }),
        KEY_SHORT..=KEY_LONG => {}
        _ => add(Reason::KeyLong { len }),
    }
}

fn judge_token<'t>(
    text: &'t str,
    now: UnixTime,
    add: &mut dyn FnMut(Reason),
) -> Option<SasToken<'t>> {
    let token = match SasToken::parse(text) {
        Ok(token) => token,
        Err(error) => {
            add(Reason::Token { error });
            return None;
        }
    };
    let expiry = token.expiry();
    // By a clock that was never set, everything lives long.
    let is_known = now.believed_from(UnixTime::BUILD_FLOOR).is_ok();
    if token.is_expired_at(now) {
        add(Reason::TokenExpired { expiry, now });
    } else if is_known && token.expires_in(now) > LIFETIME_USUAL {
        add(Reason::TokenLong { expiry });
    }
    Some(token)
}

fn judge_registration(
    token: &SasToken<'_>,
    scope: &IdScope,
    registration: &RegistrationId,
    add: &mut dyn FnMut(Reason),
) {
    let expected = ResourceUri::dps_registration(scope, registration);
    if token.covers(&expected) {
        return;
    }
    let resource = token.resource().to_string();
    let is_in_other_case = resource.eq_ignore_ascii_case(&expected.to_string());
    add(if is_in_other_case {
        Reason::RegistrationIdCase
    } else {
        Reason::TokenRegistration { resource }
    });
}

/// All that was found. `Display` has a line for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreflightReport {
    reasons: Vec<Reason>,
}

impl PreflightReport {
    fn of(judge: impl FnOnce(&mut dyn FnMut(Reason))) -> Self {
        let mut reasons = Vec::new();
        judge(&mut |reason| reasons.push(reason));
        reasons.sort_by_key(|reason| core::cmp::Reverse(reason.weight()));
        Self { reasons }
    }

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
