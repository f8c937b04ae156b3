//! Why a hub will refuse a device: each reason with a case that has it and one beside it that has not.

use std::collections::BTreeSet;

use hubward::session::policy::{Permission, permissions};
use hubward::session::preflight::{Preflight, PreflightReport, Reason, Weight};
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
    format!(
        "{DEVICE}SharedAccessSignature=SharedAccessSignature sr={resource}\
         &sig=hr4hQlkeIIARxn9D43U02du3cbW5qn11Gfce0TGdbPg%3D&se={expiry}"
    )
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
    found.extend(codes(&early));
    let of_certificates: BTreeSet<_> = [
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

    use hubward::DeviceId;
    use hubward::keystore::{KeyKind, SoftwareSigningKey};
    use hubward::x509::{DeviceCertificate, Expected, RING_ALGORITHMS, Validity, self_signed};

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
}
