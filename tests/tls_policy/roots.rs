//! The roots that come with the crate.

use std::collections::BTreeSet;

use hubward::tls::{BuiltInRoot, Cloud, TrustAnchors};
use hubward::x509::{PublicKeyKind, Thumbprint, certificates_from_pem};
use hubward::{Clock as _, SystemClock, UnixTime};

use crate::certificates::{DAY, OpenSsl};
use crate::world::at;

#[test]
fn each_root_is_what_it_says() {
    let mut thumbprints = BTreeSet::new();
    for root in BuiltInRoot::ALL {
        println!("{}", root.name());
        let certificate = root.certificate();
        assert_eq!(certificate.common_name(), Some(root.name()));
        assert!(certificate.subject().contains(&format!("CN={}", root.name())));
        assert_eq!(Thumbprint::sha256(certificate.der()).to_string(), root.sha256());
        assert!(thumbprints.insert(root.sha256()));
        // A root, with a key that lasts.
        assert!(certificate.is_ca() && certificate.is_self_issued());
        assert_eq!(certificate.version(), 3);
        assert!(matches!(
            certificate.public_key_kind(),
            PublicKeyKind::Rsa { bits: 2048.. } | PublicKeyKind::EcdsaP384
        ));
        // PEM, there and back.
        let [der] = &certificates_from_pem(root.pem().as_bytes()).unwrap()[..] else {
            panic!("more than one");
        };
        assert_eq!(der, certificate.der());
        let from_pem = TrustAnchors::from_pem(certificate.to_pem().as_bytes()).unwrap();
        assert_eq!(from_pem.certificates(), std::slice::from_ref(certificate));
        // The same each time.
        assert!(std::ptr::eq(root.certificate(), root.certificate()));
    }
    assert_eq!(thumbprints.len(), 5);
}

/// As OpenSSL reads them.
#[test]
fn thumbprints_are_those_of_openssl() {
    let openssl = OpenSsl::new();
    for root in BuiltInRoot::ALL {
        openssl.write("root.pem", root.pem());
        let printed = openssl.run("x509 -in root.pem -noout -fingerprint -sha256");
        let (_, thumbprint) = printed.trim().split_once('=').unwrap();
        assert_eq!(thumbprint.replace(':', ""), root.sha256());
        // It signed itself.
        openssl.run("verify -CAfile root.pem -check_ss_sig root.pem");
    }
}

/// Whoever builds a device today gets two years to give it new roots.
#[test]
fn no_root_ends_within_two_years() {
    let now = SystemClock.now().unwrap();
    for root in BuiltInRoot::ALL {
        let until = root.certificate().validity().not_after;
        assert!(
            until > at(now.as_secs() + 2 * 365 * DAY),
            "{} ends at {until}: ask Azure what follows it, and enter that",
            root.name()
        );
    }
}

/// The day on which they were compared is past, and no earlier than what the crate believes of the time.
#[test]
fn the_day_of_the_comparison_is_a_day() {
    assert!(BuiltInRoot::CHECKED >= UnixTime::BUILD_FLOOR);
    assert!(BuiltInRoot::CHECKED <= SystemClock.now().unwrap());
    assert_eq!(BuiltInRoot::CHECKED.as_secs() % DAY, 0);
}

#[test]
fn each_cloud_has_its_roots() {
    const G2: &str = "DigiCert Global Root G2";
    const G3: &str = "DigiCert Global Root G3";
    const OLD: &str = "DigiCert Global Root CA";
    const RSA: &str = "Microsoft RSA Root Certificate Authority 2017";
    const ECC: &str = "Microsoft ECC Root Certificate Authority 2017";

    for (cloud, expected) in [
        (Cloud::Public, &[G2, RSA, G3, ECC][..]),
        (Cloud::UsGovernment, &[G2, RSA, G3, ECC, OLD]),
        (Cloud::China, &[G2, RSA, G3, ECC, OLD]),
    ] {
        let names: Vec<_> = BuiltInRoot::ALL
            .iter()
            .filter(|root| root.is_of(cloud))
            .map(BuiltInRoot::name)
            .collect();
        assert_eq!(names, expected, "{cloud}");
        let anchors = TrustAnchors::of(cloud);
        let anchors: Vec<_> =
            anchors.certificates().iter().map(|anchor| anchor.common_name().unwrap()).collect();
        assert_eq!(anchors, expected, "{cloud}");
    }
    assert!(BuiltInRoot::ALL.iter().all(|root| Cloud::ALL.iter().any(|cloud| root.is_of(*cloud))));
    let names = Cloud::ALL.map(|cloud| cloud.to_string());
    assert_eq!(names, ["public", "US government", "China"]);
    assert_eq!(format!("{:>8}", Cloud::China), "   China");
}
