//! The provider of the feature `fips`, and that the feature changes none of the others.

use std::sync::Arc;
use std::time::Duration;

use hubward::keystore::{KeyKind, SoftwareSigningKey};
use hubward::tls::rustls::client::WebPkiServerVerifier;
use hubward::tls::rustls::{ClientConnection, RootCertStore, ServerConnection};
use hubward::tls::{
    BuiltInRoot, ClientTls, Cloud, PostQuantum, Provider, ServerTls, TlsError, TlsIdentity,
    TrustAnchors,
};
use hubward::x509::{
    CertificateAuthority, CertificateRequest, DeviceCertificate, RING_ALGORITHMS, Validity,
};
use hubward::{DeviceId, FixedClock, UnixTime};
use serde_json::Value;

const NOW: UnixTime = UnixTime::BUILD_FLOOR;

fn webpki_roots() -> Vec<hubward::pki_types::TrustAnchor<'static>> {
    let mut store = RootCertStore::empty();
    for root in BuiltInRoot::ALL {
        store.add(root.certificate().der().clone()).unwrap();
    }
    store.roots
}

fn policy(provider: Provider) -> Value {
    let tls = ClientTls::builder(provider).trust(TrustAnchors::of(Cloud::Public));
    let tls = tls.build(FixedClock::at(NOW)).unwrap();
    serde_json::from_str(&tls.explain().to_json()).unwrap()
}

fn texts(policy: &Value, key: &str) -> Vec<String> {
    let texts = policy[key].as_array().unwrap().iter();
    texts.map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn only_the_validated_provider_is_one_of_fips() {
    let build = |provider| {
        let tls = ClientTls::builder(provider).trust(TrustAnchors::of(Cloud::Public));
        tls.require_fips().build(FixedClock::at(NOW)).map(|tls| tls.config().fips())
    };
    assert_eq!(build(Provider::Fips), Ok(true));
    assert_eq!(build(Provider::AwsLcRs), Err(TlsError::NotFips));
    assert_eq!(build(Provider::Ring), Err(TlsError::NotFips));
    // Of a verifier of the caller's nobody can tell.
    let trusted = ClientTls::builder(Provider::Fips).trust(TrustAnchors::of(Cloud::Public));
    let verifier = WebPkiServerVerifier::builder_with_provider(
        Arc::new(RootCertStore { roots: webpki_roots() }),
        Arc::clone(trusted.clone().build(FixedClock::at(NOW)).unwrap().config().crypto_provider()),
    );
    let verifier = verifier.build().unwrap();
    let own = trusted.dangerous().server_verifier(verifier).require_fips();
    assert_eq!(own.build(FixedClock::at(NOW)).map(drop), Err(TlsError::NotFips));
}

#[test]
fn it_offers_what_is_approved_and_nothing_else() {
    let policy = policy(Provider::Fips);
    assert_eq!(policy["fips"], true);
    assert_eq!(policy["provider"], "aws-lc-rs (FIPS)");
    let suites = texts(&policy, "suites");
    assert_eq!(suites.len(), 6, "{suites:?}");
    assert!(suites.iter().all(|suite| suite.contains("_GCM_")), "{suites:?}");
    let groups = texts(&policy, "groups");
    assert!(groups.iter().all(|group| group != "X25519"), "{groups:?}");
    assert!(["secp256r1", "secp384r1"].iter().all(|curve| groups.iter().any(|g| g == curve)));
}

#[test]
fn the_feature_changes_none_of_the_others() {
    for provider in [Provider::AwsLcRs, Provider::Ring] {
        let policy = policy(provider);
        assert_eq!(policy["fips"], false);
        assert_eq!(texts(&policy, "suites").len(), 9, "{provider}");
        let hybrid = usize::from(provider == Provider::AwsLcRs);
        assert_eq!(texts(&policy, "groups").len(), 3 + hybrid, "{provider}");
    }
}

#[test]
fn two_of_them_shake_hands() {
    let validity = Validity::starting(NOW, Duration::from_secs(86_400));
    let root_key = SoftwareSigningKey::generate(KeyKind::EcdsaP384).unwrap();
    let root = CertificateAuthority::root(&root_key, "Test root", validity).unwrap();
    let anchors = TrustAnchors::from_certificates(vec![root.certificate().clone()]).unwrap();
    let device = DeviceId::new("pump-7").unwrap();
    let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256).unwrap();
    let request = CertificateRequest::for_device(&key, &device).unwrap();
    let certificate = root.issue_device(&request, &device, validity, RING_ALGORITHMS).unwrap();
    let chain = DeviceCertificate::from_certificates(vec![certificate]).unwrap();
    let identity = TlsIdentity::new(chain, Arc::new(key)).unwrap();

    // The device's certificate is for clients, so that a client can only get as far as to refuse it.
    let client = ClientTls::builder(Provider::Fips)
        .trust(anchors.clone())
        .identity(identity.clone())
        .post_quantum(PostQuantum::Off)
        .require_fips()
        .build(FixedClock::at(NOW))
        .unwrap();
    let server = ServerTls::builder(Provider::Fips)
        .identity(identity)
        .require_clients(anchors)
        .require_fips()
        .build(FixedClock::at(NOW))
        .unwrap();
    let name = "pump-7".try_into().unwrap();
    let mut client = ClientConnection::new(client.config(), name).unwrap();
    let mut server = ServerConnection::new(server.config()).unwrap();
    let mut wire = Vec::new();
    client.write_tls(&mut wire).unwrap();
    server.read_tls(&mut wire.as_slice()).unwrap();
    server.process_new_packets().unwrap();
    assert!(server.fips() && client.fips());
    wire.clear();
    while server.wants_write() {
        server.write_tls(&mut wire).unwrap();
    }
    client.read_tls(&mut wire.as_slice()).unwrap();
    let error = client.process_new_packets().unwrap_err();
    let diagnosis = hubward::tls::diagnose(&error, None);
    assert!(["bad-server-certificate", "name-mismatch"].contains(&diagnosis.fault().code()));
}
