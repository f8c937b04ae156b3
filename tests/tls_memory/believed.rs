//! Which servers are believed: by their names, their CAs and the time.

use std::sync::Arc;

use hubward::keystore::SigningKey as _;
use hubward::pki_types::{CertificateDer, ServerName, UnixTime};
use hubward::tls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use hubward::tls::rustls::{
    AlertDescription, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};
use hubward::tls::{ClientTls, Cloud, Provider, TlsIdentity, TrustAnchors};
use hubward::x509::DeviceCertificate;
use hubward::{Clock, FixedClock};

use crate::certificates::{
    CLIENT_AUTH, DAY, Draft, NOW, SERVER_AUTH, certificate, oid, sequence, tlv,
};
use crate::peers::{VERSIONS, crypto, hub, server, server_resolver};
use crate::world::{Authority, Broken, Dial, HUB, Kind, Link, PROVIDERS, World, at, now};

const SAN: &str = "2.5.29.17";

fn server_of(
    identity: &TlsIdentity,
    provider: Provider,
    version: &'static SupportedProtocolVersion,
) -> Arc<ServerConfig> {
    server(crypto(provider), &[version], server_resolver(identity))
}

fn client_at(provider: Provider, clock: impl Clock + 'static) -> ClientTls {
    World::get().client(provider).build(clock).unwrap()
}

/// A server, changed before its certificate is signed.
fn changed(ca: &Authority, names: &[&str], change: impl FnOnce(&mut Draft)) -> TlsIdentity {
    let key = Kind::P256.key();
    let mut draft = ca.server_draft(names, &key.public_key());
    change(&mut draft);
    ca.sign(&draft, key)
}

/// What a client says of that server when it asks for it by that name; the server hears of it as well.
fn refusal(
    provider: Provider,
    version: &'static SupportedProtocolVersion,
    identity: &TlsIdentity,
    name: &str,
    now: u64,
) -> Option<(Error, AlertDescription)> {
    let tls = client_at(provider, FixedClock::at(at(now)));
    let mut found = Vec::new();
    for config in [tls.config(), tls.rotating_config(), tls.recorded().0] {
        let mut link = Link::to(name, config, server_of(identity, provider, version));
        found.push(match link.talk() {
            Ok(()) => None,
            Err(broken) => match *broken {
                Broken { client: Some(error), server: Some(Error::AlertReceived(alert)) } => {
                    Some((error, alert))
                }
                broken => panic!("{broken:?}"),
            },
        });
    }
    // The doors are all the same.
    let shown: Vec<String> = found.iter().map(|verdict| format!("{verdict:?}")).collect();
    assert!(shown.windows(2).all(|two| two[0] == two[1]), "{shown:?}");
    found.pop().unwrap()
}

/// `expected` is how the error begins, and the alert.
fn assert_refused(
    what: &str,
    identity: &TlsIdentity,
    name: &str,
    now: u64,
    expected: Option<(&str, AlertDescription)>,
) {
    for provider in PROVIDERS {
        for version in VERSIONS {
            println!("{what}: {provider} {:?}", version.version);
            match (refusal(provider, version, identity, name, now), expected) {
                (None, None) => {}
                (Some((error, alert)), Some((begin, expected))) => {
                    let error = format!("{error:?}");
                    assert!(error.starts_with(begin), "{error}");
                    assert_eq!(alert, expected, "{error}");
                }
                (found, expected) => panic!("{found:?} instead of {expected:?}"),
            }
        }
    }
}

const OTHER_NAME: Option<(&str, AlertDescription)> =
    Some(("InvalidCertificate(NotValidForNameContext", AlertDescription::BadCertificate));
const OTHER_CA: Option<(&str, AlertDescription)> =
    Some(("InvalidCertificate(UnknownIssuer", AlertDescription::UnknownCA));
const NOT_SIGNED: Option<(&str, AlertDescription)> =
    Some(("InvalidCertificate(BadSignature", AlertDescription::DecryptError));
const EXPIRED: Option<(&str, AlertDescription)> =
    Some(("InvalidCertificate(ExpiredContext", AlertDescription::CertificateExpired));
const TOO_EARLY: Option<(&str, AlertDescription)> =
    Some(("InvalidCertificate(NotValidYetContext", AlertDescription::CertificateExpired));

#[test]
fn the_name_is_checked() {
    let ca = &World::get().hub_ca;
    let named = |names: &[&str]| changed(ca, names, |_| {});
    let only_as_common_name = changed(ca, &[HUB], |draft| draft.without_extension(SAN));
    for (what, identity, name, expected) in [
        ("its own", named(&[HUB]), HUB, None),
        ("in other letters", named(&["CONTOSO.Azure-Devices.net"]), HUB, None),
        ("the second of two", named(&["other.example", HUB]), HUB, None),
        ("a wildcard", named(&["*.azure-devices.net"]), HUB, None),
        ("another", named(&["fabrikam.azure-devices.net"]), HUB, OTHER_NAME),
        ("a part of it", named(&["azure-devices.net"]), HUB, OTHER_NAME),
        ("something before it", named(&[HUB]), "a.contoso.azure-devices.net", OTHER_NAME),
        ("something behind it", named(&["contoso.azure-devices.net.example"]), HUB, OTHER_NAME),
        ("a wildcard for more", named(&["*.net"]), HUB, OTHER_NAME),
        ("a wildcard for less", named(&["*.contoso.azure-devices.net"]), HUB, OTHER_NAME),
        ("none", changed(ca, &[HUB], |draft| draft.without_extension(SAN)), HUB, OTHER_NAME),
        ("the common name only", only_as_common_name, HUB, OTHER_NAME),
        ("an address", named(&["192.0.2.7"]), "192.0.2.7", None),
        ("an address of IPv6", named(&["2001:db8::7"]), "2001:db8::7", None),
        ("another address", named(&["192.0.2.8"]), "192.0.2.7", OTHER_NAME),
        ("a name for an address", named(&[HUB]), "192.0.2.7", OTHER_NAME),
    ] {
        assert_refused(what, &identity, name, NOW, expected);
    }
}

#[test]
fn the_chain_ends_at_a_trust_anchor() {
    let world = World::get();
    let key = Kind::P256.key();
    let with_chain = |identity: &TlsIdentity, chain: Vec<_>| {
        let end_entity = identity.certificate().end_entity().clone();
        let chain = [vec![end_entity], chain].concat();
        let certificate = DeviceCertificate::from_certificates(chain).unwrap();
        TlsIdentity::new(certificate, key.clone()).unwrap()
    };
    // Under a root of another name, and of the same.
    let others = Authority::root("Fabrikam root").intermediate("Fabrikam servers");
    let namesake = Authority::root("Contoso server root").intermediate("Contoso servers");
    let good = changed(&world.hub_ca, &[HUB], |_| {});
    let (root, intermediate) = (world.hub_ca.root.clone(), world.hub_ca.chain[0].clone());
    let foreign = changed(&namesake, &[HUB], |_| {});
    let mut own = Draft::device(&key.public_key(), HUB, HUB);
    own.extended_key_usage(&[SERVER_AUTH]);
    let own = TlsIdentity::new(
        DeviceCertificate::from_certificates(vec![own.signed_by(&*key)]).unwrap(),
        key.clone(),
    );
    let mut below_root = Draft::device(&key.public_key(), HUB, "Contoso server root");
    below_root.extended_key_usage(&[SERVER_AUTH]);
    let name = sequence(&[tlv(0x82, HUB.as_bytes())]);
    below_root.extension(SAN, false, &name);
    // The key of the intermediate, which the root does not have.
    let not_by_root = below_root.signed_by(&*world.hub_ca.key);
    for (what, identity, expected) in [
        ("as it should be", good.clone(), None),
        ("with its root", with_chain(&good, vec![intermediate.clone(), root.clone()]), None),
        ("in disorder", with_chain(&good, vec![root.clone(), intermediate]), None),
        ("without the intermediate", with_chain(&good, vec![]), OTHER_CA),
        ("with the root instead", with_chain(&good, vec![root]), OTHER_CA),
        ("of others", changed(&others, &[HUB], |_| {}), OTHER_CA),
        ("of a namesake", foreign.clone(), NOT_SIGNED),
        (
            "of a namesake, with its root",
            with_chain(&foreign, vec![namesake.chain[0].clone(), namesake.root.clone()]),
            NOT_SIGNED,
        ),
        (
            "of a namesake, with our intermediate",
            with_chain(&foreign, world.hub_ca.chain.clone()),
            NOT_SIGNED,
        ),
        ("of the devices' CA", changed(&world.device_ca, &[HUB], |_| {}), OTHER_CA),
        ("of itself", own.unwrap(), OTHER_CA),
        (
            "signed by another than it says",
            TlsIdentity::new(
                DeviceCertificate::from_certificates(vec![not_by_root]).unwrap(),
                key.clone(),
            )
            .unwrap(),
            NOT_SIGNED,
        ),
    ] {
        assert_refused(what, &identity, HUB, NOW, expected);
    }
}

#[test]
fn the_certificate_is_for_servers() {
    let ca = &World::get().hub_ca;
    for (what, identity, expected) in [
        (
            "for clients",
            changed(ca, &[HUB], |draft| draft.extended_key_usage(&[CLIENT_AUTH])),
            Some((
                "InvalidCertificate(InvalidPurposeContext",
                AlertDescription::UnsupportedCertificate,
            )),
        ),
        (
            "a CA",
            changed(ca, &[HUB], |draft| draft.basic_constraints(true, None)),
            Some((
                "InvalidCertificate(Other(OtherError(CaUsedAsEndEntity",
                AlertDescription::CertificateUnknown,
            )),
        ),
        (
            "with something critical that nobody knows",
            changed(ca, &[HUB], |draft| {
                draft.extension("1.3.6.1.4.1.55555.1", true, &oid("1.3.6.1.4.1.55555.2"));
            }),
            Some((
                "InvalidCertificate(Other(OtherError(UnsupportedCriticalExtension",
                AlertDescription::CertificateUnknown,
            )),
        ),
    ] {
        assert_refused(what, &identity, HUB, NOW, expected);
    }
}

#[test]
fn the_chain_is_valid_now() {
    let ca = &World::get().hub_ca;
    let good = changed(ca, &[HUB], |_| {});
    for (what, now, expected) in [
        ("the first second", NOW - DAY, None),
        ("before it", NOW - DAY - 1, TOO_EARLY),
        ("the last second", NOW + DAY, None),
        ("after it", NOW + DAY + 1, EXPIRED),
        ("in 1970", 0, TOO_EARLY),
        ("at the end of time", 253_402_300_800, EXPIRED),
    ] {
        assert_refused(what, &good, HUB, now, expected);
    }

    // Below an intermediate that is over, or not begun.
    let root = Authority::root("Contoso server root 2");
    let anchors = root.anchors();
    let key = Kind::P256.generate();
    let mut draft =
        Draft::authority(&key.public_key(), "Contoso servers 2", "Contoso server root 2", 0);
    draft.not_after = NOW - 1;
    let old = Authority { key, chain: vec![draft.signed_by(&*root.key)], root: root.root };
    let identity = changed(&old, &[HUB], |_| {});
    for provider in PROVIDERS {
        let tls = ClientTls::builder(provider).trust(anchors.clone()).build(now()).unwrap();
        for version in VERSIONS {
            let mut link = Link::new(tls.config(), server_of(&identity, provider, version));
            let error = format!("{:?}", link.talk().unwrap_err().client);
            assert!(error.starts_with("Some(InvalidCertificate(ExpiredContext"), "{error}");
        }
    }
}

/// RFC 5280 section 6.1: an anchor is a name and a key. One that is over still is, and `readiness` tells.
#[test]
fn anchors_do_not_expire() {
    let world = World::get();
    for provider in PROVIDERS {
        // Ten years later; the server's certificate is new.
        let later = NOW + 4000 * DAY;
        assert!(world.hub_ca.root.validity().not_after < at(later));
        let root = Authority { chain: Vec::new(), ..Authority::root("Contoso short root") };
        let identity = changed(&root, &[HUB], |draft| {
            (draft.not_before, draft.not_after) = (later - DAY, later + DAY);
        });
        let tls = ClientTls::builder(provider).trust(root.anchors());
        let tls = tls.build(FixedClock::at(at(later))).unwrap();
        for version in VERSIONS {
            Link::new(tls.config(), server_of(&identity, provider, version)).talk().unwrap();
        }
    }
}

/// Own anchors instead of others, or beside them.
#[test]
fn whoever_is_trusted_is_believed_and_nobody_else() {
    let world = World::get();
    let other = Authority::root("Fabrikam root");
    let theirs = changed(&other, &[HUB], |_| {});
    for provider in PROVIDERS {
        let builder = || ClientTls::builder(provider);
        for (ours_is, theirs_is, builder) in [
            (true, false, builder().trust(world.hub_ca.anchors())),
            (false, true, builder().trust(other.anchors())),
            (true, true, builder().trust(world.hub_ca.anchors()).trust(other.anchors())),
            (true, true, builder().trust(other.anchors()).trust(world.hub_ca.anchors())),
            (true, true, builder().trust(world.hub_ca.anchors().and(&other.anchors()))),
            (false, false, builder().trust(TrustAnchors::of(Cloud::Public))),
            (
                true,
                false,
                builder().trust(TrustAnchors::of(Cloud::Public)).trust(world.hub_ca.anchors()),
            ),
        ] {
            let tls = builder.build(now()).unwrap();
            for version in VERSIONS {
                for (is_believed, identity) in [(ours_is, &world.hub), (theirs_is, &theirs)] {
                    let mut link = Link::new(tls.config(), server_of(identity, provider, version));
                    assert_eq!(link.talk().is_ok(), is_believed);
                }
            }
        }
    }
}

/// A root of version 1, which does not say that it is a CA.
#[test]
fn a_root_of_version_1_is_an_anchor() {
    let key = Kind::P256.generate();
    let mut root = Draft::authority(&key.public_key(), "Old root", "Old root", 1);
    root.version = 0;
    let algorithm = sequence(&[oid("1.2.840.10045.4.3.2")]);
    let algorithm_of_key = key.algorithms()[0];
    let root = certificate(
        &root.finish(&algorithm, |message| key.sign(algorithm_of_key, message).unwrap()),
    );
    assert_eq!(root.version(), 1);
    let old = Authority { key, chain: Vec::new(), root };
    let identity = changed(&old, &[HUB], |_| {});
    for provider in PROVIDERS {
        let tls = ClientTls::builder(provider).trust(old.anchors()).build(now()).unwrap();
        for version in VERSIONS {
            Link::new(tls.config(), server_of(&identity, provider, version)).talk().unwrap();
        }
    }
}

#[test]
fn without_the_time_nobody_is_believed() {
    for provider in PROVIDERS {
        for version in VERSIONS {
            let tls = client_at(provider, FixedClock::unknown());
            for config in [tls.config(), tls.rotating_config(), tls.recorded().0] {
                let mut link = Link::new(config, hub(provider, version));
                let broken = link.run().unwrap_err();
                assert_eq!(broken.client, Some(Error::FailedToGetCurrentTime));
                assert!(link.client.is_handshaking());
            }
        }
    }
}

/// Not even who was believed before.
#[test]
fn without_the_time_no_session_is_resumed() {
    for provider in PROVIDERS {
        for version in VERSIONS {
            let clock = Dial::new();
            let tls = client_at(provider, clock.clone());
            let hub = hub(provider, version);
            let connect = || {
                let mut link = Link::new(tls.config(), hub.clone());
                link.talk().map(|()| link.is_resumed())
            };
            assert_eq!(connect(), Ok(false));
            assert_eq!(connect(), Ok(true));
            clock.forget();
            let broken = connect().unwrap_err();
            assert_eq!(broken.client, Some(Error::FailedToGetCurrentTime), "{broken:?}");
            clock.set(NOW + 60);
            connect().unwrap();
            assert_eq!(connect(), Ok(true));
            // A session ends after a day, and then the server's certificate counts again.
            clock.set(NOW + 2 * DAY);
            let broken = format!("{:?}", connect().unwrap_err().client);
            assert!(broken.starts_with("Some(InvalidCertificate(ExpiredContext"), "{broken}");
        }
    }
}

/// Believes anybody.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// With a verifier of the caller's, it alone decides, in each of the configurations, and needs no anchors.
/// What is offered stays as it is, and the time is still needed.
#[test]
fn a_verifier_of_the_callers_decides() {
    let foreign = changed(&Authority::root("Fabrikam root"), &["other.example"], |_| {});
    for provider in PROVIDERS {
        let tls = ClientTls::builder(provider).dangerous().server_verifier(Arc::new(Anybody));
        let unknown = tls.clone().build(FixedClock::unknown()).unwrap();
        let tls = tls.build(now()).unwrap();
        for version in VERSIONS {
            let server = server_of(&foreign, provider, version);
            for config in [tls.config(), tls.rotating_config(), tls.recorded().0] {
                Link::new(config, server.clone()).talk().unwrap();
            }
            let broken = Link::new(unknown.config(), server).talk().unwrap_err();
            assert_eq!(broken.client, Some(Error::FailedToGetCurrentTime));
        }
        let hello = crate::hello::Hello::of(tls.config(), HUB);
        assert_eq!(hello.versions(), [0x0304, 0x0303]);
        assert_eq!(hello.signature_algorithms(), [0x0403]);
    }
}
