//! Trust anchors: what is taken as one, and what is said of what is not.

use std::error::Error as _;

use hubward::keystore::SigningKey as _;
use hubward::pki_types::CertificateDer;
use hubward::tls::{Cloud, TrustAnchorError, TrustAnchors};
use hubward::x509::{Certificate, CertificateError, PemError};

use crate::certificates::{Draft, certificate, oid, sequence, to_pem};
use crate::world::{Authority, Kind, World};

fn ders(certificates: &[Certificate]) -> Vec<CertificateDer<'static>> {
    certificates.iter().map(|certificate| certificate.der().clone()).collect()
}

/// As it was before there were extensions.
fn of_version(version: u8, name: &str) -> Certificate {
    let key = Kind::P256.key();
    let mut draft = Draft::authority(&key.public_key(), name, name, 0);
    draft.version = version;
    let algorithm = sequence(&[oid("1.2.840.10045.4.3.2")]);
    let sign = |message: &[u8]| key.sign(key.algorithms()[0], message).unwrap();
    certificate(&draft.finish(&algorithm, sign))
}

#[test]
fn anchors_are_taken_in_any_form() {
    let (one, two) = (Authority::root("Root 1").root, Authority::root("Root 2").root);
    let both = vec![one, two];
    let pem = to_pem(&both);
    let with_others = format!(
        "Comment\n{}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n{}",
        both[0].to_pem(),
        both[1].to_pem()
    );
    for anchors in [
        TrustAnchors::from_certificates(both.clone()),
        TrustAnchors::from_der(&ders(&both)),
        TrustAnchors::from_pem(pem.as_bytes()),
        TrustAnchors::from_pem(pem.replace('\n', "\r\n").as_bytes()),
        TrustAnchors::from_pem(with_others.as_bytes()),
    ] {
        assert_eq!(anchors.unwrap().certificates(), both);
    }
    // An intermediate CA as well: whoever trusts less than a root.
    let intermediate = World::get().hub_ca.certificate().clone();
    TrustAnchors::from_certificates(vec![intermediate]).unwrap();
}

#[test]
fn what_is_no_anchor_is_refused() {
    let world = World::get();
    let root = world.hub_ca.root.clone();
    let server = world.hub.certificate().end_entity().clone();
    let device = world.device.certificate().end_entity().clone();
    let not_a_ca = |index| TrustAnchorError::NotACa { index };
    for (certificates, expected) in [
        (vec![], TrustAnchorError::Empty),
        (vec![server.clone()], not_a_ca(0)),
        (vec![device.clone()], not_a_ca(0)),
        (vec![root.clone(), device.clone()], not_a_ca(1)),
        (vec![root.clone(), root.clone(), server, device], not_a_ca(2)),
    ] {
        let taken = TrustAnchors::from_certificates(certificates.clone()).map(drop);
        assert_eq!(taken, Err(expected.clone()));
        let taken = TrustAnchors::from_der(&ders(&certificates)).map(drop);
        assert_eq!(taken, Err(expected.clone()));
        if !certificates.is_empty() {
            let taken = TrustAnchors::from_pem(to_pem(&certificates).as_bytes()).map(drop);
            assert_eq!(taken, Err(expected));
        }
    }

    let garbage = [root.der().clone(), CertificateDer::from(&b"garbage"[..])];
    let error = TrustAnchors::from_der(&garbage).unwrap_err();
    let TrustAnchorError::Certificate { index: 1, error: inner } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*inner, Certificate::from_der(garbage[1].clone()).unwrap_err());
    assert_eq!(error.to_string(), format!("trust anchor 2: {inner}"));
    let pem = CertificateDer::from(root.to_pem().into_bytes());
    assert_eq!(
        TrustAnchors::from_der(&[pem]).unwrap_err(),
        TrustAnchorError::Certificate { index: 0, error: CertificateError::IsPem }
    );
}

#[test]
fn pem_without_an_anchor_is_refused() {
    for pem in [&b""[..], b"garbage", root_der(), b"-----BEGIN CERTIFICATE-----\n"] {
        let error = TrustAnchors::from_pem(pem).unwrap_err();
        assert!(matches!(error, TrustAnchorError::Pem(_)), "{error:?}");
    }
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let error = TrustAnchors::from_pem(key.as_bytes()).unwrap_err();
    assert_eq!(error, TrustAnchorError::Pem(PemError::KeyNotCertificate));
    assert_eq!(error.to_string(), PemError::KeyNotCertificate.to_string());
    // One that is damaged is not left out.
    let damaged = World::get().hub_ca.root.to_pem().replacen("MII", "M!I", 1);
    assert!(TrustAnchors::from_pem(damaged.as_bytes()).is_err());
}

fn root_der() -> &'static [u8] {
    World::get().hub_ca.root.der()
}

/// Only of version 3 does a certificate tell whether it is a CA's.
#[test]
fn roots_of_version_1_are_taken() {
    let root = of_version(0, "Old root");
    assert_eq!((root.version(), root.is_ca()), (1, false));
    let anchors = TrustAnchors::from_certificates(vec![root.clone()]).unwrap();
    assert_eq!(anchors.certificates(), [root]);
    // Version 2 was hardly ever used, and rustls does not know it.
    let root = of_version(1, "Old root");
    assert_eq!((root.version(), root.is_ca()), (2, false));
    let error = TrustAnchors::from_certificates(vec![root]).unwrap_err();
    assert!(matches!(error, TrustAnchorError::Certificate { index: 0, .. }), "{error:?}");
}

#[test]
fn the_same_anchor_counts_once() {
    let (one, two) = (Authority::root("Root 1"), Authority::root("Root 2"));
    let (first, second) = (one.root.clone(), two.root.clone());
    let twice = vec![first.clone(), second.clone(), first.clone()];
    let twice = TrustAnchors::from_certificates(twice).unwrap();
    assert_eq!(twice.certificates(), [first.clone(), second.clone()]);

    let both = one.anchors().and(&two.anchors());
    assert_eq!(both.certificates(), [first.clone(), second.clone()]);
    let other_way = two.anchors().and(&one.anchors());
    assert_eq!(other_way.certificates(), [second, first]);
    for more in
        [both.clone().and(&both), both.clone().and(&one.anchors()), both.clone().and(&twice)]
    {
        assert_eq!(more.certificates(), both.certificates());
    }
    // What they were put together of stays as it was.
    assert_eq!(one.anchors().certificates().len(), 1);

    let clouds = TrustAnchors::of(Cloud::Public).and(&TrustAnchors::of(Cloud::China));
    assert_eq!(clouds.certificates().len(), 5);
    let clouds = clouds.and(&TrustAnchors::of(Cloud::UsGovernment));
    assert_eq!(clouds.certificates().len(), 5);
}

/// Two certificates of one CA are two anchors: each is shown, with its own end.
#[test]
fn two_certificates_of_one_ca_are_both_kept() {
    let key = Kind::P256.key();
    let [old, new] = [1, 2].map(|serial| {
        let mut draft = Draft::authority(&key.public_key(), "Renewed root", "Renewed root", 0);
        draft.serial = vec![serial];
        draft.signed_by(&*key)
    });
    let anchors = TrustAnchors::from_certificates(vec![old.clone(), new.clone()]).unwrap();
    assert_eq!(anchors.certificates(), [old, new]);
}

#[test]
fn anchors_show_their_names() {
    let shown = format!("{:?}", World::get().hub_ca.anchors());
    assert_eq!(shown, "[\"CN=Contoso server root\"]");
}

#[test]
fn errors_say_what_to_do() {
    for (error, expected) in [
        (
            TrustAnchorError::Empty,
            "there is no trust anchor: give the certificate of at least one CA",
        ),
        (
            TrustAnchorError::NotACa { index: 1 },
            "trust anchor 2: it is not the certificate of a CA: give that of the CA which issued it",
        ),
    ] {
        assert_eq!(error.to_string(), expected);
        assert!(error.source().is_none());
    }
}

/// Those of the platform are CAs that can be read, each once.
#[cfg(feature = "tls-platform-roots")]
#[test]
fn the_platform_has_anchors_or_says_that_it_has_none() {
    use hubward::FixedClock;
    use hubward::tls::ClientTls;

    match TrustAnchors::platform() {
        Ok(anchors) => {
            let certificates = anchors.certificates();
            assert!(!certificates.is_empty());
            for (place, certificate) in certificates.iter().enumerate() {
                assert!(certificate.is_ca() || certificate.version() < 3);
                assert!(!certificates[..place].contains(certificate));
            }
            for provider in crate::world::PROVIDERS {
                ClientTls::builder(provider)
                    .trust(anchors.clone())
                    .build(FixedClock::unknown())
                    .unwrap();
            }
        }
        Err(error) => assert!(matches!(error, TrustAnchorError::Platform(_)), "{error:?}"),
    }
}
