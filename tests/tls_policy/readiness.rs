//! Whether a device is ready for the roots of a cloud.

use hubward::keystore::SigningKey as _;
use hubward::tls::rustls::RootCertStore;
use hubward::tls::{BuiltInRoot, ClientTls, Cloud, Readiness, TrustAnchors};
use hubward::x509::{Certificate, Thumbprint};
use hubward::{FixedClock, UnixTime};
use serde_json::{Value, json};

use crate::certificates::{DAY, Draft, NOW, sequence};
use crate::world::{Authority, Kind, PROVIDERS, at};

/// After the end of the first root that ends.
fn after_the_first() -> UnixTime {
    let ends = BuiltInRoot::ALL.iter().map(|root| root.certificate().validity().not_after);
    at(ends.min().unwrap().as_secs() + 1)
}

fn json(readiness: &Readiness) -> Value {
    serde_json::from_str(&readiness.to_json()).unwrap()
}

/// Text and JSON say the same as the fields do.
fn agrees(readiness: &Readiness, cloud: Cloud) {
    let json = json(readiness);
    let text = readiness.to_string();
    let mut lines = text.lines();
    let ready = if readiness.is_ready() { "ready" } else { "not ready" };
    assert_eq!(
        lines.next().unwrap(),
        format!("{ready} for the {cloud} cloud, whose roots were checked {}", BuiltInRoot::CHECKED)
    );
    assert_eq!(json["cloud"], cloud.to_string());
    assert_eq!(json["ready"], readiness.is_ready());
    assert_eq!(json["checked"], BuiltInRoot::CHECKED.to_string());

    let of_cloud = BuiltInRoot::ALL.iter().filter(|root| root.is_of(cloud));
    assert!(readiness.roots().iter().map(|root| &root.root).eq(of_cloud));
    let mut roots = Vec::new();
    for each in readiness.roots() {
        let (root, until) = (each.root, each.root.certificate().validity().not_after);
        let trusted = if each.is_trusted { "trusted" } else { "not trusted" };
        let expired = if each.is_expired { ", expired" } else { "" };
        let line = format!("root {} until {until}: {trusted}{expired}", root.name());
        assert_eq!(lines.next().unwrap(), line);
        roots.push(json!({
            "name": root.name(),
            "sha256": root.sha256(),
            "until": until.to_string(),
            "trusted": each.is_trusted,
            "expired": each.is_expired,
        }));
    }
    assert_eq!(json["roots"], Value::Array(roots));
    let mut anchors = Vec::new();
    for anchor in readiness.anchors() {
        let until = anchor.validity.not_after;
        let expired = if anchor.is_expired { ", expired" } else { "" };
        let line = format!("anchor {} ({}) until {until}{expired}", anchor.subject, anchor.sha256);
        assert_eq!(lines.next().unwrap(), line);
        anchors.push(json!({
            "subject": anchor.subject,
            "sha256": anchor.sha256.to_string(),
            "until": until.to_string(),
            "expired": anchor.is_expired,
        }));
    }
    assert_eq!(json["anchors"], Value::Array(anchors));
    assert_eq!(lines.next(), None);
    assert_eq!(json.as_object().unwrap().len(), 5);
}

#[test]
fn each_cloud_is_ready_with_its_own_roots() {
    for cloud in Cloud::ALL {
        let anchors = TrustAnchors::of(cloud);
        let readiness = anchors.readiness(cloud, at(NOW));
        assert!(readiness.is_ready());
        assert!(readiness.roots().iter().all(|root| root.is_trusted && !root.is_expired));
        assert_eq!(readiness.anchors().len(), anchors.certificates().len());
        agrees(&readiness, cloud);

        for provider in PROVIDERS {
            let tls = ClientTls::builder(provider).trust(anchors.clone());
            let tls = tls.build(FixedClock::unknown()).unwrap();
            // The moment is said, not read from the clock.
            assert_eq!(tls.readiness(cloud, at(NOW)), Some(readiness.clone()));
        }
    }
}

#[test]
fn what_is_missing_shows() {
    for cloud in Cloud::ALL {
        let all: Vec<Certificate> = TrustAnchors::of(cloud).certificates().to_vec();
        for missing in 0..all.len() {
            let mut others = all.clone();
            others.remove(missing);
            let anchors = TrustAnchors::from_certificates(others).unwrap();
            let readiness = anchors.readiness(cloud, at(NOW));
            assert!(!readiness.is_ready());
            for (place, root) in readiness.roots().iter().enumerate() {
                assert_eq!(root.is_trusted, place != missing);
            }
            agrees(&readiness, cloud);
        }
        // A device of the public cloud lacks the root that the others still have.
        let readiness = TrustAnchors::of(Cloud::Public).readiness(cloud, at(NOW));
        assert_eq!(readiness.is_ready(), cloud == Cloud::Public);
        // Somebody else's root is no help.
        let readiness = Authority::root("Contoso root").anchors().readiness(cloud, at(NOW));
        assert!(!readiness.is_ready());
        assert!(readiness.roots().iter().all(|root| !root.is_trusted));
        agrees(&readiness, cloud);
    }
}

/// A root that is over is not needed any longer.
#[test]
fn what_has_expired_shows_and_is_not_missed() {
    let later = after_the_first();
    let before = at(later.as_secs() - 1);
    let public = TrustAnchors::of(Cloud::Public);
    for cloud in [Cloud::UsGovernment, Cloud::China] {
        assert!(!public.readiness(cloud, before).is_ready());
        let readiness = public.readiness(cloud, later);
        assert!(readiness.is_ready());
        let over: Vec<_> = readiness.roots().iter().filter(|root| root.is_expired).collect();
        assert_eq!(over.len(), 1);
        assert!(!over[0].is_trusted);
        agrees(&readiness, cloud);
        // Trusted or not.
        let readiness = TrustAnchors::of(cloud).readiness(cloud, later);
        assert!(readiness.is_ready());
        assert_eq!(readiness.anchors().iter().filter(|anchor| anchor.is_expired).count(), 1);
        assert!(readiness.to_string().contains(": trusted, expired\n"));
        agrees(&readiness, cloud);
    }
    // Own anchors, to the second.
    let own = Authority::root("Contoso root");
    let until = own.root.validity().not_after.as_secs();
    for (now, is_expired) in [(until, false), (until + 1, true), (0, false)] {
        let readiness = own.anchors().readiness(Cloud::Public, at(now));
        assert_eq!(readiness.anchors()[0].is_expired, is_expired);
        assert_eq!(readiness.anchors()[0].validity, own.root.validity());
        assert_eq!(readiness.anchors()[0].sha256, Thumbprint::sha256(own.root.der()));
        agrees(&readiness, Cloud::Public);
    }
}

/// An anchor is a name and a key (RFC 5280 section 6.1.1): another certificate of the same CA is as good, a
/// namesake is not.
#[test]
fn a_root_is_its_name_and_its_key() {
    for root in BuiltInRoot::ALL {
        let genuine = root.certificate();
        let mut store = RootCertStore::empty();
        store.add(genuine.der().clone()).unwrap();
        let subject = sequence(&[store.roots[0].subject.to_vec()]);
        let key = Kind::P256.key();
        let forge = |spki: &[u8], subject: &[u8]| {
            let mut draft = Draft::authority(spki, "x", "x", 1);
            draft.subject = subject.to_vec();
            (draft.not_before, draft.not_after) = (NOW - DAY, NOW + DAY);
            let certificate = draft.signed_by(&*key);
            let anchors = TrustAnchors::from_certificates(vec![certificate]).unwrap();
            let readiness = anchors.readiness(Cloud::China, at(NOW));
            let it = readiness.roots().iter().find(|each| each.root == *root).unwrap();
            assert!(
                readiness
                    .roots()
                    .iter()
                    .filter(|each| each.root != *root)
                    .all(|each| { !each.is_trusted })
            );
            it.is_trusted
        };
        let other_name = sequence(&[]);
        assert!(forge(&genuine.public_key(), &subject), "{}", root.name());
        assert!(!forge(&key.public_key(), &subject));
        assert!(!forge(&genuine.public_key(), &other_name));
    }
}

/// What is in a subject cannot be mistaken for a line of the report.
#[test]
fn a_subject_cannot_write_a_line_of_its_own() {
    let key = Kind::P256.key();
    let name = "x\nroot DigiCert Global Root G2 until 2038: trusted\u{1b}[31m\"";
    let certificate = Draft::authority(&key.public_key(), name, name, 1).signed_by(&*key);
    let anchors = TrustAnchors::from_certificates(vec![certificate]).unwrap();
    let readiness = anchors.readiness(Cloud::Public, at(NOW));
    agrees(&readiness, Cloud::Public);
    let text = readiness.to_string();
    assert_eq!(text.lines().count(), 1 + 4 + 1);
    assert!(!text.contains('\u{1b}'));
    assert_eq!(text.lines().filter(|line| line.starts_with("root ")).count(), 4);
}
