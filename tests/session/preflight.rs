//! Why a hub will refuse a device: each reason with a case that has it and one beside it that has not.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use hubward::session::policy::{Permission, permissions};
use hubward::session::preflight::{DpsPreflight, Preflight, PreflightReport, Reason, Weight};
use hubward::{PolicyName, UnixTime};
use serde_json::Value;

use crate::NOW;

const DEVICE: &str = "HostName=contoso.azure-devices.net;DeviceId=pump-7;";
/// 32 bytes that everybody knows.
const KEY: &str = "SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn check(text: &str) -> PreflightReport {
    Preflight::new(text).check(NOW)
}

fn codes(report: &PreflightReport) -> Vec<&'static str> {
    report.reasons().iter().map(Reason::code).collect()
}

fn token(resource: &str, expiry: u64) -> String {
    format!("{DEVICE}SharedAccessSignature={}", bare_token(resource, expiry))
}

fn bare_token(resource: &str, expiry: u64) -> String {
    format!(
        "SharedAccessSignature sr={resource}&sig=hr4hQlkeIIARxn9D43U02du3cbW5qn11Gfce0TGdbPg%3D\
         &se={expiry}"
    )
}

/// A key of so many bytes.
fn key(len: usize) -> String {
    STANDARD.encode(vec![0; len])
}

#[test]
fn each_reason_is_found_where_it_is_and_nowhere_else() {
    const OWN: &str = "contoso.azure-devices.net%2Fdevices%2Fpump-7";
    let now = NOW.as_secs();
    let with = |more: &str| format!("{DEVICE}{more}");
    let at = |host: &str| format!("HostName={host};DeviceId=pump-7;{KEY}");
    let of = |id: &str| format!("HostName=contoso.azure-devices.net;DeviceId={id};{KEY}");
    let policy = |name: &str| format!("{DEVICE}SharedAccessKeyName={name};{KEY}");
    let cases: &[(&str, String, &[&str])] = &[
        ("as it should be", with(KEY), &[]),
        ("with a line end, which is none of its own", with(&format!("{KEY}\n")), &[]),
        ("cut off", with("SharedAccessKe"), &["connection-string"]),
        ("a key that is no base64", with("SharedAccessKey=%41%3d"), &["connection-string"]),
        (
            "that of a service",
            format!("HostName=contoso.azure-devices.net;SharedAccessKeyName=device;{KEY}"),
            &["no-device", "policy-too-much"],
        ),
        ("of 64 bytes", with(&format!("SharedAccessKey={}", key(64))), &[]),
        ("of 65 bytes", with(&format!("SharedAccessKey={}", key(65))), &["key-long"]),
        ("of 16 bytes", with("SharedAccessKey=AAECAwQFBgcICQoLDA0ODw=="), &[]),
        ("of 15 bytes", with("SharedAccessKey=AAECAwQFBgcICQoLDA0O"), &["key-short"]),
        // Policies.
        ("a policy of all", policy("iothubowner"), &["policy-too-much"]),
        ("the same otherwise written", policy("IotHubOwner"), &["policy-too-much"]),
        ("a policy of devices", policy("device"), &["policy-too-much"]),
        ("a policy of services", policy("service"), &["policy-no-connect", "policy-too-much"]),
        ("a policy that reads", policy("registryRead"), &["policy-no-connect", "policy-too-much"]),
        (
            "a policy that writes",
            policy("registryReadWrite"),
            &["policy-no-connect", "policy-too-much"],
        ),
        ("a policy of their own", policy("pumps"), &["policy-unknown"]),
        // Hosts.
        ("in capitals", at("CONTOSO.Azure-Devices.NET"), &[]),
        ("another cloud", at("contoso.azure-devices.cn"), &[]),
        ("the name for devices", at("contoso.device.azure-devices.net"), &[]),
        ("the name for services", at("contoso.service.azure-devices.net"), &["host-of-service"]),
        ("DPS", at("global.azure-devices-provisioning.net"), &["host-of-dps"]),
        ("a slip", at("contoso.azure-device.net"), &["host-elsewhere"]),
        ("a domain of somebody", at("contoso.azure-devices.net.example"), &["host-elsewhere"]),
        ("a name that only ends so", at("contoso.notazure-devices.net"), &["host-elsewhere"]),
        // IDs.
        ("a hash", of("pump#7"), &["topic-hazard"]),
        ("a plus", of("pump+7"), &["topic-hazard"]),
        ("a star", of("pump*7"), &[]),
        // Tokens.
        ("a good token", token(OWN, now + 3600), &[]),
        ("of all devices", token("contoso.azure-devices.net%2Fdevices", now + 3600), &[]),
        ("of the hub", token("contoso.azure-devices.net", now + 3600), &[]),
        ("in its last second", token(OWN, now + 1), &[]),
        ("a second later", token(OWN, now), &["token-expired"]),
        ("of 30 days", token(OWN, now + 30 * 86_400), &[]),
        ("a second more", token(OWN, now + 30 * 86_400 + 1), &["token-long"]),
        (
            "of another device",
            token("contoso.azure-devices.net%2Fdevices%2Fpump-70", now + 3600),
            &["token-scope"],
        ),
        (
            "of another hub, and expired",
            token("fabrikam.azure-devices.net%2Fdevices%2Fpump-7", 1),
            &["token-expired", "token-scope"],
        ),
        ("no token", with("SharedAccessSignature=SharedAccessSignature sr=a"), &["token"]),
        ("of a policy", token(OWN, now + 3600) + "&skn=iothubowner", &["policy-too-much"]),
        (
            "of a policy that does not connect",
            token(OWN, now + 3600) + "&skn=service",
            &["policy-no-connect", "policy-too-much"],
        ),
        ("a certificate, and none is given", with("x509=true"), &["certificate-missing"]),
    ];
    let mut found = BTreeSet::new();
    for (about, text, expected) in cases {
        let report = check(text);
        assert_eq!(codes(&report), *expected, "{about}: {report}");
        found.extend(codes(&report));
        assert_eq!(report.weight(), report.reasons().first().map(Reason::weight));
        assert!(!report.to_string().contains("AAECAwQF"), "{about}: a key is shown");
        assert!(!report.to_string().contains("hr4hQlke"), "{about}: a signature is shown");
    }
    let early = Preflight::new(&with(KEY)).check(UnixTime::from_secs(0));
    assert_eq!(codes(&early), ["clock-unknown"]);
    // How long it lives, nobody knows.
    let early = Preflight::new(&token(OWN, now)).check(UnixTime::from_secs(0));
    assert_eq!(codes(&early), ["clock-unknown"]);
    found.extend(codes(&early));
    found.extend(of_dps());
    let of_certificates: BTreeSet<_> = [
        "certificate-self-signed",
        "certificate-unused",
        "certificate",
        "certificate-doubt",
        "certificate-unchecked",
        "certificate-note",
    ]
    .into();
    let all: BTreeSet<_> = Reason::CODES.iter().copied().collect();
    assert_eq!(all.len(), Reason::CODES.len(), "a code is there twice");
    assert_eq!(&found | &of_certificates, all);
}

/// The same for a registration with DPS.
#[test]
fn each_reason_of_dps_is_found_where_it_is_and_nowhere_else() {
    assert!(of_dps().contains("credential-missing"));
}

fn of_dps() -> BTreeSet<&'static str> {
    const SCOPE: &str = "0ne00000001";
    let secret = key(32);
    let own = "0ne00000001%2Fregistrations%2Fpump-7";
    let now = NOW.as_secs();
    let device = |host, scope, id| DpsPreflight::new(scope, id).host(host).key(&secret);
    let at = |host| device(host, SCOPE, "pump-7");
    let in_scope = |scope| DpsPreflight::new(scope, "pump-7").key(&secret);
    let of = |id| DpsPreflight::new(SCOPE, id);
    let pump = of("pump-7");
    let keys: Vec<String> = [15, 16, 64, 65].map(key).into();
    let registration = |sr, expiry| bare_token(sr, expiry) + "&skn=registration";
    let tokens = [
        registration(own, now + 3600),
        registration(own, now),
        registration(own, now + 31 * 86_400),
        bare_token(own, now + 3600),
        bare_token(own, now + 3600) + "&skn=provisioningserviceowner",
        registration("0ne00000001%2Fregistrations%2Fpump-8", now + 3600),
        registration("0ne00000002%2fregistrations%2fpump-7", now + 3600),
        registration("0ne00000001%2fregistrations%2fPUMP-7", now + 3600),
        registration("0ne00000001/registrations/pump-7", now + 3600),
        registration("contoso.azure-devices.net%2Fdevices%2Fpump-7", now + 3600),
    ];
    let cases: &[(&str, DpsPreflight<'_>, &[&str])] = &[
        ("as it should be", pump.key(&secret), &[]),
        ("nothing to show", pump, &["credential-missing"]),
        ("the last one counts", pump.token("").key(&secret), &[]),
        // Hosts.
        ("another cloud", at("global.azure-devices-provisioning.cn"), &[]),
        ("its own name", at("Contoso-DPS.azure-devices-provisioning.net"), &[]),
        ("a hub", at("contoso.azure-devices.net"), &["host-of-hub"]),
        ("another", at("azure-devices-provisioning.net"), &["host-not-of-dps"]),
        (
            "one that looks like it",
            at("a.azure-devices-provisioning.net.example"),
            &["host-not-of-dps"],
        ),
        ("none", at("global.azure-devices-provisioning.net/"), &["host"]),
        ("no text", at(""), &["host"]),
        // Names.
        ("the name of the service", in_scope("contoso-dps"), &["id-scope-odd"]),
        ("with a blank", in_scope("0ne00000001 "), &["id-scope"]),
        ("no scope", in_scope(""), &["id-scope"]),
        ("no ID", of("").key(&secret), &["registration-id"]),
        ("that ends badly", of("pump-7.").key(&secret), &["registration-id"]),
        ("of a device, not of DPS", of("pump#7").key(&secret), &["registration-id"]),
        ("in capitals, which do not count", of("PUMP-7").key(&secret), &[]),
        // Keys.
        ("the group's", pump.group_key(&secret), &["group-key"]),
        (
            "of an ID in capitals",
            of("Pump-7").group_key(&secret),
            &["registration-id-case", "group-key"],
        ),
        ("of 15 bytes", pump.key(&keys[0]), &["key-short"]),
        ("of 16 bytes", pump.key(&keys[1]), &[]),
        ("of 64 bytes", pump.key(&keys[2]), &[]),
        ("of 65 bytes", pump.key(&keys[3]), &["key-long"]),
        ("the group's, cut off", pump.group_key(&keys[0]), &["key-short", "group-key"]),
        ("no base64", pump.key("%41"), &["key"]),
        ("without its end", pump.key(secret.trim_end_matches('=')), &["key"]),
        ("no key", pump.key(""), &["key"]),
        ("no key of a group", pump.group_key(" "), &["key", "group-key"]),
        // Tokens.
        ("a good token", pump.token(&tokens[0]), &[]),
        ("expired", pump.token(&tokens[1]), &["token-expired"]),
        ("long", pump.token(&tokens[2]), &["token-long"]),
        ("of no policy", pump.token(&tokens[3]), &["token-policy"]),
        ("of another policy", pump.token(&tokens[4]), &["token-policy"]),
        ("of another device", pump.token(&tokens[5]), &["token-registration"]),
        ("of another scope", pump.token(&tokens[6]), &["token-registration"]),
        ("in another case", pump.token(&tokens[7]), &["registration-id-case"]),
        ("as others write it", pump.token(&tokens[8]), &[]),
        ("for a hub", pump.token(&tokens[9]), &["token-registration"]),
        ("none", pump.token("SharedAccessSignature sr=a"), &["token"]),
        // Whom it is for, nobody can say.
        ("no scope, no host", in_scope("").host("").token(&tokens[5]), &["host", "id-scope"]),
    ];
    let mut found = BTreeSet::new();
    for (about, preflight, expected) in cases {
        let report = preflight.check(NOW);
        assert_eq!(codes(&report), *expected, "{about}: {report}");
        found.extend(codes(&report));
        for shown in [report.to_string(), report.to_json(), format!("{report:?}{preflight:?}")] {
            assert!(!shown.contains("AAAAAAAA"), "{about}: a key is shown");
            assert!(!shown.contains("hr4hQlke"), "{about}: a signature is shown");
        }
    }
    let early = pump.key(&secret).check(UnixTime::from_secs(0));
    assert_eq!(codes(&early), ["clock-unknown"]);
    found
}

#[test]
fn the_report_says_the_same_to_people_and_programs() {
    let report = check(&format!("{DEVICE}SharedAccessKeyName=service;{KEY}"));
    let json: Value = serde_json::from_str(&report.to_json()).unwrap();
    let text = report.to_string();
    assert_eq!(json.as_array().unwrap().len(), text.lines().count());
    for (object, (line, reason)) in
        json.as_array().unwrap().iter().zip(text.lines().zip(report.reasons()))
    {
        assert_eq!(object["code"], reason.code());
        assert_eq!(object["weight"], reason.weight().to_string());
        assert_eq!(object["text"], reason.to_string());
        assert_eq!(object["fix"], reason.fix());
        assert_eq!(line, format!("{}: {reason}: {}", reason.weight(), reason.fix()));
    }
    assert_eq!(report.weight(), Some(Weight::Refusal));
    assert_eq!(check(&format!("{DEVICE}{KEY}")).weight(), None);
    assert_eq!(check(&format!("{DEVICE}{KEY}")).to_json(), "[]");
}

#[test]
fn what_policies_open() {
    use Permission::{DeviceConnect, RegistryRead, RegistryWrite, ServiceConnect};

    let of = |name: &str| permissions(&PolicyName::new(name).unwrap());
    assert_eq!(
        of("iothubowner"),
        Some(&[DeviceConnect, ServiceConnect, RegistryRead, RegistryWrite][..])
    );
    assert_eq!(of("service"), Some(&[ServiceConnect][..]));
    assert_eq!(of("device"), Some(&[DeviceConnect][..]));
    assert_eq!(of("registryRead"), Some(&[RegistryRead][..]));
    assert_eq!(of("REGISTRYREADWRITE"), Some(&[RegistryRead, RegistryWrite][..]));
    assert_eq!(of("devices"), None);
    for permission in [DeviceConnect, ServiceConnect, RegistryRead, RegistryWrite] {
        assert_eq!(format!("{permission:?}"), permission.to_string());
        assert!(!permission.opens().is_empty());
    }
}

#[cfg(all(feature = "x509-issue", feature = "keystore-software", feature = "ring"))]
mod certificates {
    use core::time::Duration;

    use hubward::keystore::{KeyKind, SoftwareSigningKey};
    use hubward::x509::{
        CertificateAuthority, CertificateRequest, DeviceCertificate, Expected, RING_ALGORITHMS,
        Thumbprint, Validity, self_signed,
    };
    use hubward::{DeviceId, RegistrationId};

    use super::*;

    #[test]
    fn a_certificate_is_judged_for_the_device_of_the_string() {
        let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap();
        let other = SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap();
        let validity = Validity::starting(NOW, Duration::from_secs(86_400));
        let of = |id: &str| {
            let id = DeviceId::new(id).unwrap();
            let certificate = self_signed(&key, &id, validity).unwrap();
            DeviceCertificate::from_certificates(vec![certificate]).unwrap()
        };
        let (own, others, cased) = (of("pump-7"), of("pump-8"), of("PUMP-7"));
        let x509 = format!("{DEVICE}x509=true");
        let with_key = format!("{DEVICE}{KEY}");
        let expected = Expected::new().algorithms(RING_ALGORITHMS).key(&key);
        let unchecked = Expected::new();
        let of_other = Expected::new().algorithms(RING_ALGORITHMS).key(&other);
        let cases = [
            // Self-signed: it can be registered by its thumbprint.
            (&x509, &own, expected, &["certificate-note"][..]),
            (&x509, &others, expected, &["certificate", "certificate-note"]),
            (&x509, &cased, expected, &["certificate", "certificate-note"]),
            (&x509, &own, of_other, &["certificate", "certificate-note"]),
            // That nobody checked it here is no reason for the hub.
            (&x509, &own, unchecked, &["certificate-unchecked", "certificate-note"]),
            (&with_key, &own, expected, &["certificate-unused", "certificate-note"]),
        ];
        for (text, certificate, expected, found) in cases {
            let report = Preflight::new(text).certificate(certificate, expected).check(NOW);
            assert_eq!(codes(&report), found, "{report}");
        }
        let later = NOW.saturating_add(Duration::from_secs(86_401));
        let report = Preflight::new(&x509).certificate(&own, expected).check(later);
        assert!(report.to_string().contains("it expired at"), "{report}");
        assert_eq!(report.weight(), Some(Weight::Refusal));
    }

    #[test]
    fn a_certificate_for_dps_is_judged_for_the_registration() {
        let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap();
        let root_key = SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap();
        let validity = Validity::starting(NOW, Duration::from_secs(86_400));
        let root = CertificateAuthority::root(&root_key, "Contoso root", validity).unwrap();
        let id = RegistrationId::new("pump-7").unwrap();
        let request = CertificateRequest::for_registration(&key, &id).unwrap();
        let issued = root.issue_registration(&request, &id, validity, RING_ALGORITHMS).unwrap();
        let single = self_signed(&key, &DeviceId::new("pump-7").unwrap(), validity).unwrap();
        let chain = |chain| DeviceCertificate::from_certificates(chain).unwrap();
        let (alone, whole) =
            (chain(vec![issued.clone()]), { chain(vec![issued, root.certificate().clone()]) });
        let single = chain(vec![single]);
        let anchors = [root.certificate().clone()];
        let expected = Expected::new().algorithms(RING_ALGORITHMS).key(&key);
        let registered = [Thumbprint::sha256(root.certificate().der())];
        let other_key = Expected::new().algorithms(RING_ALGORITHMS).key(&root_key);
        let in_group = expected.trust_anchors(&anchors);
        let cases = [
            ("with its chain", "pump-7", &whole, in_group, &[][..]),
            ("without, and the root is known", "pump-7", &alone, in_group, &[]),
            // The case of a registration ID does not count.
            ("in capitals", "PUMP-7", &whole, in_group, &[]),
            ("of another", "pump-8", &whole, in_group, &["certificate"]),
            ("the key of another", "pump-7", &whole, other_key, &["certificate"]),
            ("self-signed", "pump-7", &single, expected, &["certificate-self-signed"]),
            (
                "self-signed, for a group",
                "pump-7",
                &single,
                in_group,
                &["certificate", "certificate-self-signed"],
            ),
            (
                "where it ends is not known",
                "pump-7",
                &alone,
                expected,
                &["certificate-unchecked", "certificate-note"],
            ),
            // Once for all of them.
            ("unchecked", "pump-7", &whole, Expected::new().key(&key), &["certificate-unchecked"]),
            // A hub knows thumbprints; DPS does not.
            ("by a thumbprint", "pump-7", &whole, in_group.thumbprints(&registered), &[]),
            ("of no ID", "", &whole, in_group, &["registration-id"]),
        ];
        for (about, id, certificate, expected, found) in cases {
            let preflight = DpsPreflight::new("0ne00000001", id).certificate(certificate, expected);
            let report = preflight.check(NOW);
            assert_eq!(codes(&report), found, "{about}: {report}");
        }
        let preflight = DpsPreflight::new("0ne00000001", "pump-7").certificate(&whole, in_group);
        // Told once, though every certificate has it.
        let report = preflight.check(UnixTime::from_secs(0));
        assert_eq!(codes(&report), ["clock-unknown", "certificate", "certificate"], "{report}");
        let later = NOW.saturating_add(Duration::from_secs(86_401));
        assert_eq!(preflight.check(later).weight(), Some(Weight::Refusal));
    }
}
