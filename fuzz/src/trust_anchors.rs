//! `TrustAnchors`, against what the certificates themselves say.
//!
//! An input is PEM; or the DER of certificates, one after the other.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use hubward::pki_types::CertificateDer;
use hubward::tls::rustls::RootCertStore;
use hubward::tls::{
    BuiltInRoot, ClientTls, Cloud, Provider, Readiness, TrustAnchorError, TrustAnchors,
};
use hubward::x509::{Certificate, CertificateError, Thumbprint, certificates_from_pem};
use hubward::{FixedClock, UnixTime};

use super::certificate::Parts;
use super::der::{self, Element};
use super::oracle::shown;

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    match certificates_from_pem(data) {
        Ok(ders) => {
            let read = read(&ders);
            match (TrustAnchors::from_pem(data), read) {
                (Ok(anchors), Some(read)) => {
                    assert_eq!(anchors.certificates(), read.certificates());
                }
                (Err(error), None) => {
                    assert_eq!(TrustAnchors::from_der(&ders).err(), Some(error));
                }
                (anchors, _) => panic!("{anchors:?}"),
            }
        }
        Err(error) => {
            assert_eq!(TrustAnchors::from_pem(data).err(), Some(TrustAnchorError::Pem(error)));
        }
    }
    read(&ders(data));
}

/// Why the input was not taken, as PEM and as DER.
pub fn errors(data: &[u8]) -> impl Iterator<Item = TrustAnchorError> {
    let of_der = TrustAnchors::from_der(&ders(data)).err();
    TrustAnchors::from_pem(data).err().into_iter().chain(of_der)
}

/// The certificates of an input of DER, and whatever is behind them as one more.
fn ders(data: &[u8]) -> Vec<CertificateDer<'_>> {
    let mut ders = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let first = Element::first(rest).filter(|(element, _)| element.tag == der::SEQUENCE);
        let (der, after) = first.map_or((rest, &[][..]), |(first, after)| (first.whole, after));
        ders.push(CertificateDer::from(der));
        rest = after;
    }
    ders
}

fn read(ders: &[CertificateDer<'_>]) -> Option<TrustAnchors> {
    let read = TrustAnchors::from_der(ders);
    match (read, model(ders)) {
        (Ok(anchors), Ok(expected)) => {
            assert_eq!(anchors.certificates(), expected);
            are_of_cas(&anchors);
            judge(&anchors);
            adds_up(&anchors);
            builds(&anchors);
            Some(anchors)
        }
        (Err(error), Err(expected)) => {
            assert_eq!(error, expected);
            // Of the certificates nothing but numbers is in it.
            let bytes = shown(&error).into_bytes();
            assert!(bytes.is_ascii() && bytes.len() < 1024);
            None
        }
        (read, expected) => panic!("{read:?}, not {expected:?}"),
    }
}

/// All are read; then each is one of a CA, is taken by rustls, and is there once.
fn model(ders: &[CertificateDer<'_>]) -> Result<Vec<Certificate>, TrustAnchorError> {
    let mut all = Vec::new();
    for (index, der) in ders.iter().enumerate() {
        match Certificate::from_der(der.clone()) {
            Ok(certificate) => all.push(certificate),
            Err(error) => return Err(TrustAnchorError::Certificate { index, error }),
        }
    }
    if all.is_empty() {
        return Err(TrustAnchorError::Empty);
    }
    let mut taken: Vec<Certificate> = Vec::new();
    for (index, certificate) in all.into_iter().enumerate() {
        if !is_of_ca(&certificate) {
            return Err(TrustAnchorError::NotACa { index });
        }
        if RootCertStore::empty().add(certificate.der().clone()).is_err() {
            let why = "rustls does not take it as a trust anchor";
            let error = CertificateError::Malformed(why);
            return Err(TrustAnchorError::Certificate { index, error });
        }
        if taken.iter().all(|before| before.der() != certificate.der()) {
            taken.push(certificate);
        }
    }
    Ok(taken)
}

/// Marked as one, or a root that is too old to have marks.
fn is_of_ca(certificate: &Certificate) -> bool {
    let parts = Parts::read(certificate.der()).expect("what is accepted is DER");
    parts.is_ca() || parts.version != 3 && certificate.is_self_issued()
}

fn are_of_cas(anchors: &TrustAnchors) {
    let certificates = anchors.certificates();
    assert!(!certificates.is_empty() && certificates.iter().all(is_of_ca));
    let distinct: BTreeSet<&[u8]> = certificates.iter().map(|it| &**it.der()).collect();
    assert_eq!(distinct.len(), certificates.len(), "one is there twice");
    // These go to logs.
    assert!(!format!("{anchors:?}").contains(char::is_control));
}

// --- Readiness

fn judge(anchors: &TrustAnchors) {
    for cloud in Cloud::ALL {
        for now in moments(anchors) {
            let readiness = anchors.readiness(cloud, now);
            is_true(&readiness, anchors, cloud, now);
            is_shown(&readiness);
        }
        // With those of the cloud every root is there.
        let both = anchors.clone().and(of(cloud));
        assert!(both.readiness(cloud, UnixTime::BUILD_FLOOR).is_ready());
    }
}

/// Around the ends of the first ones.
fn moments(anchors: &TrustAnchors) -> BTreeSet<UnixTime> {
    let mut moments = vec![0, UnixTime::BUILD_FLOOR.as_secs(), u64::MAX];
    for certificate in anchors.certificates().iter().take(2) {
        let end = certificate.validity().not_after.as_secs();
        moments.extend([end, end.saturating_add(1)]);
    }
    moments.into_iter().map(UnixTime::from_secs).collect()
}

fn is_true(readiness: &Readiness, anchors: &TrustAnchors, cloud: Cloud, now: UnixTime) {
    let roots = BuiltInRoot::ALL.iter().filter(|root| root.is_of(cloud));
    assert!(readiness.roots().iter().map(|it| it.root).eq(roots.copied()));
    for found in readiness.roots() {
        let root = found.root.certificate();
        let same = |anchor: &Certificate| same_ca(anchor, root);
        assert_eq!(found.is_trusted, anchors.certificates().iter().any(same));
        assert_eq!(found.is_expired, now > root.validity().not_after);
    }
    assert_eq!(readiness.anchors().len(), anchors.certificates().len());
    for (found, certificate) in readiness.anchors().iter().zip(anchors.certificates()) {
        assert_eq!(found.subject, certificate.subject());
        assert_eq!(found.sha256, Thumbprint::sha256(certificate.der()));
        assert_eq!(found.validity, certificate.validity());
        assert_eq!(found.is_expired, now > certificate.validity().not_after);
    }
    let is_ready = readiness.roots().iter().all(|root| root.is_trusted || root.is_expired);
    let has_any = readiness.roots().iter().any(|root| !root.is_expired);
    assert_eq!(readiness.is_ready(), is_ready && has_any);
}

/// Name and key, which is all that a chain is checked by.
fn same_ca(one: &Certificate, other: &Certificate) -> bool {
    let parts = |certificate: &Certificate| {
        let parts = Parts::read(certificate.der()).expect("what is accepted is DER");
        (parts.subject.to_vec(), parts.spki.to_vec())
    };
    parts(one) == parts(other)
}

fn is_shown(readiness: &Readiness) {
    let (roots, anchors) = (readiness.roots(), readiness.anchors());
    let text = readiness.to_string();
    assert_eq!(text.lines().count(), 1 + roots.len() + anchors.len());
    assert!(!text.replace('\n', "").contains(char::is_control), "{text:?}");

    let json: serde_json::Value =
        serde_json::from_str(&readiness.to_json()).expect("JSON of an object");
    assert_eq!(json["ready"], readiness.is_ready());
    let list = |name: &str| json[name].as_array().expect("a list").clone();
    let (shown_roots, shown_anchors) = (list("roots"), list("anchors"));
    assert_eq!((shown_roots.len(), shown_anchors.len()), (roots.len(), anchors.len()));
    for (shown, root) in shown_roots.iter().zip(roots) {
        assert_eq!(shown["name"], root.root.name());
        assert_eq!(shown["trusted"], root.is_trusted);
        assert_eq!(shown["expired"], root.is_expired);
    }
    for (shown, anchor) in shown_anchors.iter().zip(anchors) {
        assert_eq!(shown["subject"], *anchor.subject);
        assert_eq!(shown["sha256"], anchor.sha256.to_string());
        assert_eq!(shown["until"], anchor.validity.not_after.to_string());
        assert_eq!(shown["expired"], anchor.is_expired);
    }
}

// --- What is done with them

fn of(cloud: Cloud) -> &'static TrustAnchors {
    static OF: OnceLock<Vec<TrustAnchors>> = OnceLock::new();
    let all = OF.get_or_init(|| Cloud::ALL.into_iter().map(TrustAnchors::of).collect());
    let place = Cloud::ALL.iter().position(|other| *other == cloud);
    &all[place.expect("it is one of them")]
}

/// Each is there once, those of the first before those of the second.
fn adds_up(anchors: &TrustAnchors) {
    let others = of(Cloud::Public);
    for (first, second) in [(anchors, others), (others, anchors), (anchors, anchors)] {
        let both = first.clone().and(second);
        let mut expected = first.certificates().to_vec();
        let more = second.certificates().iter().filter(|it| !first.certificates().contains(it));
        expected.extend(more.cloned());
        assert_eq!(both.certificates(), expected);
    }
}

fn builds(anchors: &TrustAnchors) {
    let now = UnixTime::BUILD_FLOOR;
    let tls = ClientTls::builder(Provider::Ring).trust(anchors.clone()).build(FixedClock::at(now));
    let tls = tls.expect("there is an anchor");
    assert_eq!(tls.readiness(Cloud::China, now), Some(anchors.readiness(Cloud::China, now)));
    let explanation = tls.explain();
    assert!(explanation.dangers().is_empty());
    let text = explanation.to_string();
    let lines = text.lines().filter(|line| line.starts_with("trust anchor: "));
    assert_eq!(lines.count(), anchors.certificates().len());
    assert!(!text.replace('\n', "").contains(char::is_control), "{text:?}");
    let json: serde_json::Value =
        serde_json::from_str(&explanation.to_json()).expect("JSON of an object");
    let listed = json["anchors"].as_array().expect("a list");
    assert_eq!(listed.len(), anchors.certificates().len());
    for (listed, certificate) in listed.iter().zip(anchors.certificates()) {
        assert_eq!(listed["sha256"], Thumbprint::sha256(certificate.der()).to_string());
        assert_eq!(listed["subject"], certificate.subject());
    }
}
