//! `Preflight` and `DpsPreflight` against their rules, written down once more, and against what a service
//! would make of the tokens.
//!
//! An input is six lines and a rest:
//!
//! ```text
//! the moment, in seconds
//! a connection string
//! a host of DPS
//! an ID scope
//! a registration ID
//! k, g, t or c, and behind it the device's key, the group's, a token, or nothing: the certificates are it
//! ```
//!
//! What is missing is of a device that is in order. The rest is the DER of certificates, one after the other,
//! the device's own first.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::identity::Authentication;
use hubward::session::HubIdentity;
use hubward::session::preflight::{DpsPreflight, Preflight, PreflightReport, Reason, Weight};
use hubward::x509::{DeviceCertificate, Expected, RING_ALGORITHMS, Report, Severity, What};
use hubward::{
    ConnectionString, GroupKey, HubHost, IdScope, RegistrationId, SasSigner, SasToken,
    SymmetricKey, UnixTime,
};

use super::certificate::certificates;
use super::oracle::{self, base64_decode, percent_decode, percent_encode, shown};

const FLOOR: u64 = UnixTime::BUILD_FLOOR.as_secs();
const HOUR: Duration = Duration::from_secs(3600);

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    let Some(input) = Input::read(data) else {
        return;
    };
    let hub = input.hub(input.connection);
    says_the_same_to_all(&hub);
    input.is_of_the_rules(&hub);
    input.opens_what_it_should(&hub);
    input.hides_the_secret_of_a_hub(&hub);

    let dps = input.dps(input.credential);
    says_the_same_to_all(&dps);
    input.is_of_the_rules_of_dps(&dps);
    input.registers_where_it_should(&dps);
    input.hides_the_secret_of_dps(&dps);
}

/// The codes of all that is found.
pub fn codes_found(data: &[u8]) -> BTreeSet<&'static str> {
    let reports = Input::read(data).map(|input| {
        let (hub, dps) = (input.hub(input.connection), input.dps(input.credential));
        codes(&hub).into_iter().chain(codes(&dps)).collect()
    });
    reports.unwrap_or_default()
}

struct Input<'a> {
    now: u64,
    connection: &'a str,
    host: &'a str,
    scope: &'a str,
    registration: &'a str,
    credential: &'a str,
    certificate: Option<DeviceCertificate>,
}

impl<'a> Input<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        const KEY: &str = "kAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        const DEVICE: &str = "HostName=contoso.azure-devices.net;DeviceId=pump-7;\
                              SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

        let mut parts = data.splitn(7, |byte| *byte == b'\n');
        let mut line = |usual| parts.next().map_or(Some(usual), |line| str::from_utf8(line).ok());
        let (now, connection) = (line("1800000000")?, line(DEVICE)?);
        let host = line("global.azure-devices-provisioning.net")?;
        let (scope, registration) = (line("0ne00000001")?, line("pump-7")?);
        let credential = line(KEY)?;
        let chain = certificates(parts.next().unwrap_or_default());
        Some(Self {
            now: now.parse().unwrap_or(1_800_000_000),
            connection,
            host,
            scope,
            registration,
            credential,
            certificate: DeviceCertificate::from_certificates(chain).ok(),
        })
    }

    fn at(&self) -> UnixTime {
        UnixTime::from_secs(self.now)
    }

    fn is_known(&self) -> bool {
        self.now >= FLOOR
    }

    fn hub(&self, connection: &str) -> PreflightReport {
        let preflight = Preflight::new(connection);
        assert_eq!(format!("{preflight:?}"), "Preflight { .. }");
        match &self.certificate {
            None => preflight,
            Some(certificate) => preflight.certificate(certificate, expected()),
        }
        .check(self.at())
    }

    fn dps(&self, credential: &str) -> PreflightReport {
        let preflight = DpsPreflight::new(self.scope, self.registration).host(self.host);
        let preflight = match (kind(credential), &self.certificate) {
            (Some(('k', key)), _) => preflight.key(key),
            (Some(('g', key)), _) => preflight.group_key(key),
            (Some(('t', token)), _) => preflight.token(token),
            (Some(('c', _)), Some(certificate)) => preflight.certificate(certificate, expected()),
            _ => preflight,
        };
        assert_eq!(format!("{preflight:?}"), "DpsPreflight { .. }");
        preflight.check(self.at())
    }
}

fn expected<'a>() -> Expected<'a> {
    Expected::new().algorithms(RING_ALGORITHMS)
}

/// The letter of a credential, and what is behind it.
fn kind(credential: &str) -> Option<(char, &str)> {
    let mut characters = credential.chars();
    characters.next().map(|letter| (letter, characters.as_str()))
}

fn codes(report: &PreflightReport) -> Vec<&'static str> {
    report.reasons().iter().map(Reason::code).collect()
}

fn says_the_same_to_all(report: &PreflightReport) {
    let reasons = report.reasons();
    let is_sorted = reasons.is_sorted_by(|a, b| a.weight() >= b.weight());
    assert!(is_sorted && report.weight() == reasons.iter().map(Reason::weight).max());
    for (index, reason) in reasons.iter().enumerate() {
        assert!(Reason::CODES.contains(&reason.code()), "{reason:?}");
        assert!(!reasons[..index].contains(reason), "told twice: {reason:?}");
    }
    let text = report.to_string();
    let lines: Vec<String> = reasons
        .iter()
        .map(|reason| format!("{}: {reason}: {}", reason.weight(), reason.fix()))
        .collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("it is JSON");
    let told = reasons.iter().map(|reason| {
        serde_json::json!({
            "weight": reason.weight().to_string(),
            "code": reason.code(),
            "text": reason.to_string(),
            "fix": reason.fix(),
        })
    });
    assert_eq!(json, told.collect::<serde_json::Value>());
}

// The rules.

/// Codes of what is found, each as often as it is.
type Codes = Vec<&'static str>;

fn same(found: &PreflightReport, mut expected: Codes) {
    let mut found_codes = codes(found);
    found_codes.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found_codes, expected, "{found}");
}

impl Input<'_> {
    fn is_of_the_rules(&self, report: &PreflightReport) {
        let mut expected = Codes::new();
        if let Ok(connection) = ConnectionString::parse(self.connection) {
            self.connection_rules(&connection, &mut expected);
        } else {
            expected.push("connection-string");
        }
        same(report, expected);
    }

    fn connection_rules(&self, connection: &ConnectionString<'_>, expected: &mut Codes) {
        if !self.is_known() {
            expected.push("clock-unknown");
        }
        match place(connection.host().as_str()) {
            Place::Hub => {}
            Place::ServiceOfHub => expected.push("host-of-service"),
            Place::Dps => expected.push("host-of-dps"),
            Place::Elsewhere => expected.push("host-elsewhere"),
        }
        let policy = connection.policy_name();
        expected.extend(policy.into_iter().flat_map(|policy| policy_rules(policy.as_str())));
        let Ok(identity) = HubIdentity::from_connection_string(connection) else {
            expected.push("no-device");
            return;
        };
        let module = identity.module_id().map(|module| module.as_str());
        let path = match module {
            None => identity.device_id().to_string(),
            Some(module) => format!("{}/{module}", identity.device_id()),
        };
        if path.contains(['#', '+']) {
            expected.push("topic-hazard");
        }
        let is_x509 = match connection.authentication() {
            Authentication::SharedAccessKey(key) => {
                expected.extend(key_rules(key.expose_bytes().len()));
                false
            }
            Authentication::SharedAccessSignature(token) => {
                let device = ["devices", identity.device_id().as_str()];
                let module = module.map(|module| ["modules", module]).into_iter().flatten();
                let rest: Vec<&str> = device.into_iter().chain(module).collect();
                if let Some(token) = self.token_rules(token.expose_text(), expected) {
                    let host = connection.host().as_str();
                    if !holds(&token, |first| first.eq_ignore_ascii_case(host.as_bytes()), &rest) {
                        expected.push("token-scope");
                    }
                    let policy = token.policy_name().filter(|_| policy.is_none());
                    expected.extend(
                        policy.into_iter().flat_map(|policy| policy_rules(policy.as_str())),
                    );
                }
                false
            }
            _ => true,
        };
        match (&self.certificate, is_x509) {
            (None, true) => expected.push("certificate-missing"),
            (None, false) => {}
            (Some(certificate), is_x509) => {
                if !is_x509 {
                    expected.push("certificate-unused");
                }
                let of_id = match identity.module_id() {
                    None => self::expected().device(identity.device_id()),
                    Some(module) => self::expected().module(identity.device_id(), module),
                };
                expected.extend(certificate_rules(&certificate.judge(&of_id, self.at()), false));
            }
        }
    }

    /// What is wrong with a token by itself, and the token, if it is one.
    fn token_rules<'t>(&self, text: &'t str, expected: &mut Codes) -> Option<SasToken<'t>> {
        let Ok(token) = SasToken::parse(text) else {
            expected.push("token");
            return None;
        };
        match token.expiry().as_secs().checked_sub(self.now) {
            None | Some(0) => expected.push("token-expired"),
            Some(left) if left > 30 * 24 * 3600 && self.is_known() => expected.push("token-long"),
            Some(_) => {}
        }
        Some(token)
    }

    fn is_of_the_rules_of_dps(&self, report: &PreflightReport) {
        let mut expected = Codes::new();
        if !self.is_known() {
            expected.push("clock-unknown");
        }
        expected.extend(match HubHost::new(self.host).map(|host| place(host.as_str())) {
            Ok(Place::Dps) => None,
            Ok(Place::Hub | Place::ServiceOfHub) => Some("host-of-hub"),
            Ok(Place::Elsewhere) => Some("host-not-of-dps"),
            Err(_) => Some("host"),
        });
        let scope = IdScope::new(self.scope);
        if scope.is_err() {
            expected.push("id-scope");
        } else if self.scope.get(..3) != Some("0ne") {
            expected.push("id-scope-odd");
        }
        let registration = RegistrationId::new(self.registration);
        if registration.is_err() {
            expected.push("registration-id");
        }
        let rules_of_key = |key: &str| match base64_decode(key) {
            Some(bytes) if (1..=256).contains(&bytes.len()) => key_rules(bytes.len()),
            _ => Some("key"),
        };
        match (kind(self.credential), &self.certificate) {
            (Some(('k', key)), _) => expected.extend(rules_of_key(key)),
            (Some(('g', key)), _) => {
                expected.push("group-key");
                expected.extend(rules_of_key(key));
                if self.registration.chars().any(|c| c.is_ascii_uppercase()) {
                    expected.push("registration-id-case");
                }
            }
            (Some(('t', token)), _) => {
                if let Some(token) = self.token_rules(token, &mut expected) {
                    let policy = token.policy_name().map(|policy| policy.to_string());
                    if policy.as_deref() != Some("registration") {
                        expected.push("token-policy");
                    }
                    if scope.is_ok() && registration.is_ok() {
                        expected.extend(self.registration_rules(&token));
                    }
                }
            }
            (Some(('c', _)), Some(certificate)) => {
                let of_id = self::expected();
                let of_id = registration.as_ref().map_or(of_id, |id| of_id.registration(id));
                expected.extend(certificate_rules(&certificate.judge(&of_id, self.at()), true));
            }
            _ => expected.push("credential-missing"),
        }
        same(report, expected);
    }

    fn registration_rules(&self, token: &SasToken<'_>) -> Option<&'static str> {
        let rest = ["registrations", self.registration];
        if holds(token, |first| first == self.scope.as_bytes(), &rest) {
            return None;
        }
        let whole = format!("{}/registrations/{}", self.scope, self.registration);
        let found = percent_decode(token.resource_text()).to_ascii_lowercase();
        let is_in_other_case = found == whole.to_ascii_lowercase().as_bytes();
        Some(if is_in_other_case { "registration-id-case" } else { "token-registration" })
    }
}

enum Place {
    Hub,
    ServiceOfHub,
    Dps,
    Elsewhere,
}

/// By the labels of a host.
fn place(host: &str) -> Place {
    let host = host.to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    match *labels {
        [.., _, "azure-devices-provisioning", "net" | "us" | "cn"] => Place::Dps,
        [.., _, "service", "azure-devices", "net" | "us" | "cn"] => Place::ServiceOfHub,
        [.., _, "azure-devices", "net" | "us" | "cn"] => Place::Hub,
        _ => Place::Elsewhere,
    }
}

fn policy_rules(policy: &str) -> Codes {
    match &*policy.to_ascii_lowercase() {
        "iothubowner" | "device" => vec!["policy-too-much"],
        "service" | "registryread" | "registryreadwrite" => {
            vec!["policy-too-much", "policy-no-connect"]
        }
        _ => vec!["policy-unknown"],
    }
}

fn key_rules(len: usize) -> Option<&'static str> {
    match len {
        0..16 => Some("key-short"),
        16..65 => None,
        _ => Some("key-long"),
    }
}

/// Whether what a token is for, decoded once, begins the path, segment by segment.
fn holds(token: &SasToken<'_>, is_first: impl Fn(&[u8]) -> bool, rest: &[&str]) -> bool {
    let decoded = percent_decode(token.resource_text());
    let mut segments = decoded.split(|byte| *byte == b'/');
    let first = segments.next().expect("there is always one");
    let mut rest = rest.iter();
    is_first(first)
        && segments.all(|segment| rest.next().is_some_and(|next| next.as_bytes() == segment))
}

/// What becomes of what is found of a certificate.
fn certificate_rules(report: &Report, is_of_dps: bool) -> Codes {
    let mut told = BTreeSet::new();
    for finding in report.findings() {
        let text = finding.to_string();
        told.extend(match (finding.what(), finding.severity()) {
            (What::ClockUnknown { .. }, _) => None,
            (What::SignatureNotChecked, _) => Some(("certificate-unchecked", String::new())),
            (What::SelfSigned, _) if is_of_dps => Some(("certificate-self-signed", String::new())),
            (_, Severity::Error) => Some(("certificate", text)),
            (_, Severity::Warning) => Some(("certificate-doubt", text)),
            _ => Some(("certificate-note", text)),
        });
    }
    told.into_iter().map(|(code, _)| code).collect()
}

// What the services would say.

impl Input<'_> {
    /// Where nothing is refused, a token can be had that is good now.
    fn opens_what_it_should(&self, report: &PreflightReport) {
        if report.weight() == Some(Weight::Refusal) || self.now > u64::MAX - 3600 {
            return;
        }
        let connection = ConnectionString::parse(self.connection).expect("nothing is refused");
        let identity = HubIdentity::from_connection_string(&connection).expect("there is a device");
        match connection.authentication() {
            Authentication::SharedAccessKey(key) => {
                let signer =
                    SasSigner::from_connection_string(&connection).expect("there is a key");
                let token = signer.sign_for(HOUR, self.at()).expect("the clock is set");
                let key = SymmetricKey::from_bytes(key.expose_bytes()).expect("it is one");
                let verified = token.verify(&key, &identity.resource(), self.at(), Duration::ZERO);
                verified.expect("it is good");
            }
            Authentication::SharedAccessSignature(token) => {
                let token = SasToken::parse(token.expose_text()).expect("nothing is refused");
                assert!(!token.is_expired_at(self.at()) && token.covers(&identity.resource()));
            }
            _ => {
                let certificate = self.certificate.as_ref().expect("nothing is refused");
                let validity = certificate.end_entity().validity();
                assert!((validity.not_before..=validity.not_after).contains(&self.at()));
            }
        }
    }

    fn registers_where_it_should(&self, report: &PreflightReport) {
        if report.weight() == Some(Weight::Refusal) || self.now > u64::MAX - 3600 {
            return;
        }
        let scope = IdScope::new(self.scope).expect("nothing is refused");
        let id = RegistrationId::new(self.registration).expect("nothing is refused");
        let (key, bytes) = match kind(self.credential) {
            Some(('k', key)) => {
                let bytes = base64_decode(key).expect("nothing is refused");
                (SymmetricKey::from_base64(key).expect("nothing is refused"), bytes)
            }
            Some(('g', key)) => {
                let group = base64_decode(key).expect("nothing is refused");
                let derived = oracle::hmac_sha256(&group, &[self.registration.as_bytes()]);
                let group = GroupKey::from_base64(key).expect("nothing is refused");
                (group.derive_device_key(&id).expect("in memory"), derived.to_vec())
            }
            _ => return,
        };
        let signer = SasSigner::for_registration(key, &scope, &id);
        let token = signer.sign_for(HOUR, self.at()).expect("the clock is set");
        let sr = percent_encode(format!("{scope}/registrations/{id}").as_bytes());
        let ours = oracle::signed_token(&bytes, &sr, self.now + 3600, Some("registration"));
        assert_eq!(token.expose_token(), ours);
        // And ready made, it is as good.
        let made = self.dps(&format!("t{ours}"));
        let is_of_token = |code: &&str| code.starts_with("token");
        assert!(!codes(&made).iter().any(is_of_token), "{made}");
    }
}

// Secrets.

/// Another key of as many bytes.
fn other_key(base64: &str) -> Option<String> {
    let bytes = base64_decode(base64)?;
    Some(STANDARD.encode(bytes.iter().map(|byte| !byte).collect::<Vec<_>>()))
}

/// The same token with another signature.
fn other_token(text: &str) -> Option<String> {
    SasToken::parse(text).ok()?;
    let (prefix, fields) = text.split_at(oracle::TOKEN_PREFIX.len());
    let other = percent_encode(STANDARD.encode([0xA5; 32]).as_bytes());
    let fields = fields.split('&').map(|field| match field.strip_prefix("sig=") {
        Some(_) => format!("sig={other}"),
        None => field.to_owned(),
    });
    Some(format!("{prefix}{}", fields.collect::<Vec<_>>().join("&")))
}

/// Another secret changes nothing of what is told: so nothing of it is.
fn is_blind(report: &PreflightReport, other: &PreflightReport) {
    assert_eq!(shown(report), shown(other));
    assert_eq!(report.to_json(), other.to_json());
}

impl Input<'_> {
    fn hides_the_secret_of_a_hub(&self, report: &PreflightReport) {
        if ConnectionString::parse(self.connection).is_err() {
            return;
        }
        let mut is_replaced = false;
        let fields = self.connection.split(';').map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let other = match name.trim_start() {
                "SharedAccessKey" => other_key(value.trim_end()),
                "SharedAccessSignature" => other_token(value.trim_end()),
                _ => None,
            };
            is_replaced |= other.is_some();
            other.map_or(field.to_owned(), |other| format!("{name}={other}"))
        });
        let other = fields.collect::<Vec<_>>().join(";");
        if is_replaced {
            is_blind(report, &self.hub(&other));
        }
    }

    fn hides_the_secret_of_dps(&self, report: &PreflightReport) {
        let other = match kind(self.credential) {
            Some((letter @ ('k' | 'g'), key)) => other_key(key).map(|key| (letter, key)),
            Some(('t', token)) => other_token(token).map(|token| ('t', token)),
            _ => None,
        };
        if let Some((letter, secret)) = other {
            is_blind(report, &self.dps(&format!("{letter}{secret}")));
        }
    }
}
