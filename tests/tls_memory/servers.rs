//! The server's side: which devices are let in, and by which name.

use std::sync::{Arc, Mutex};

use hubward::keystore::SigningKey as _;
use hubward::pki_types::CertificateDer;
use hubward::tls::rustls::client::ResolvesClientCert;
use hubward::tls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use hubward::tls::rustls::{
    AlertDescription, ClientConfig, Error, ServerConfig, ServerConnection, SignatureScheme,
    SupportedProtocolVersion,
};
use hubward::tls::{
    ClientNameError, Provider, ServerTls, ServerTlsBuilder, TlsIdentity, TrustAnchors,
};
use hubward::x509::{Certificate, DeviceCertificate};
use hubward::{DeviceId, FixedClock, UnixTime};

use crate::certificates::{
    COMMON_NAME, DAY, Draft, NOW, SERVER_AUTH, UTF8_STRING, attribute, name, oid, sequence,
};
use crate::peers::{VERSIONS, client, client_resolver, crypto};
use crate::world::{Authority, Broken, DEVICE, Dial, Kind, Link, PROVIDERS, World, from_to, now};

const BOOLEAN: u8 = 0x01;

fn requiring(provider: Provider) -> ServerTlsBuilder {
    let world = World::get();
    world.server(provider).require_clients(world.device_ca.anchors())
}

fn asking(provider: Provider) -> ServerTlsBuilder {
    let world = World::get();
    world.server(provider).ask_clients(world.device_ca.anchors())
}

/// A client of that version.
fn device(
    provider: Provider,
    version: &'static SupportedProtocolVersion,
    identity: Option<&TlsIdentity>,
) -> Arc<ClientConfig> {
    client(crypto(provider), &[version], identity)
}

fn connect(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<Link, Box<Broken>> {
    let mut link = Link::new(client, server);
    link.talk()?;
    Ok(link)
}

fn named(link: &Link) -> Result<String, ClientNameError> {
    ServerTls::device_of(&link.server, UnixTime::from_secs(NOW)).map(|id| id.as_str().to_owned())
}

/// One of the devices' CA, changed before its certificate is signed.
fn changed(change: impl FnOnce(&mut Draft)) -> TlsIdentity {
    let ca = &World::get().device_ca;
    let key = Kind::P256.key();
    let mut draft = Draft::device(&key.public_key(), DEVICE, "Contoso hall 3");
    change(&mut draft);
    ca.sign(&draft, key)
}

#[test]
fn devices_are_let_in_by_their_certificates() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let with = |server: ServerTlsBuilder, identity| {
                let server = server.build(now()).unwrap();
                connect(device(provider, version, identity), server.config())
            };
            let good = Some(&world.device);
            for server in [requiring(provider), asking(provider)] {
                assert_eq!(named(&with(server, good).unwrap()), Ok(DEVICE.into()));
            }
            // Who is not asked shows nothing.
            let link = with(world.server(provider), good).unwrap();
            assert_eq!(named(&link), Err(ClientNameError::NoCertificate));

            // Without one.
            let link = with(asking(provider), None).unwrap();
            assert_eq!(named(&link), Err(ClientNameError::NoCertificate));
            let link = with(world.server(provider), None).unwrap();
            assert_eq!(named(&link), Err(ClientNameError::NoCertificate));
            let broken = with(requiring(provider), None).err().unwrap();
            assert_eq!(broken.server, Some(Error::NoCertificatesPresented));
            let alert = Error::AlertReceived(AlertDescription::CertificateRequired);
            assert_eq!(broken.client, Some(alert));
        }
    }
}

/// Whether it must have a certificate or may: one that is not right is refused.
#[test]
fn certificates_that_are_not_right_are_refused() {
    let world = World::get();
    let key = Kind::P256.key();
    let others = Authority::root("Fabrikam root").intermediate("Fabrikam hall 8");
    let namesake = Authority::root("Contoso device root").intermediate("Contoso hall 3");
    let end_entity = world.device_ca.issue_device(DEVICE, &*key, from_to(NOW - DAY, NOW + DAY));
    let alone = DeviceCertificate::from_certificates(vec![end_entity]).unwrap();
    for (what, identity, expected) in [
        ("of others", others.device(DEVICE, key.clone()), "UnknownIssuer"),
        ("of a namesake", namesake.device(DEVICE, key.clone()), "BadSignature"),
        ("of the hub's CA", world.hub_ca.device(DEVICE, key.clone()), "UnknownIssuer"),
        (
            "its own",
            {
                let id = DeviceId::new(DEVICE).unwrap();
                let own = hubward::x509::self_signed(&*key, &id, from_to(NOW - DAY, NOW + DAY));
                let own = DeviceCertificate::from_certificates(vec![own.unwrap()]).unwrap();
                TlsIdentity::new(own, key.clone()).unwrap()
            },
            "UnknownIssuer",
        ),
        ("without the intermediate", TlsIdentity::new(alone, key).unwrap(), "UnknownIssuer"),
        ("over", changed(|draft| draft.not_after = NOW - 1), "ExpiredContext"),
        ("not begun", changed(|draft| draft.not_before = NOW + 1), "NotValidYetContext"),
        (
            "for servers",
            changed(|draft| draft.extended_key_usage(&[SERVER_AUTH])),
            "InvalidPurposeContext",
        ),
        ("a CA's", changed(|draft| draft.basic_constraints(true, None)), "Other("),
    ] {
        for provider in PROVIDERS {
            for version in VERSIONS {
                println!("{what}: {provider} {:?}", version.version);
                for server in [requiring(provider), asking(provider)] {
                    let server = server.build(now()).unwrap();
                    let client = device(provider, version, Some(&identity));
                    let mut link = Link::new(client, server.config());
                    let broken = link.talk().unwrap_err();
                    let error = format!("{:?}", broken.server);
                    let expected = format!("Some(InvalidCertificate({expected}");
                    assert!(error.starts_with(&expected), "{error}");
                    assert!(matches!(broken.client, Some(Error::AlertReceived(_))), "{broken:?}");
                    // Whoever asks all the same learns no name.
                    assert_eq!(named(&link), Err(ClientNameError::Handshaking));
                }
            }
        }
    }
}

/// A name counts when its key was proved, and not one message earlier.
#[test]
fn nobody_has_a_name_before_the_handshake_is_over() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let server = requiring(provider).build(now()).unwrap();
            let client = device(provider, version, Some(&world.device));
            let mut link = Link::new(client, server.config());
            let mut rounds = 0;
            while link.server.is_handshaking() {
                assert_eq!(named(&link), Err(ClientNameError::Handshaking));
                // Byte by byte.
                let mut wire = Vec::new();
                while link.client.wants_write() {
                    link.client.write_tls(&mut wire).unwrap();
                }
                for byte in wire {
                    if link.server.is_handshaking() {
                        assert_eq!(named(&link), Err(ClientNameError::Handshaking));
                    }
                    link.server.read_tls(&mut &[byte][..]).unwrap();
                    link.server.process_new_packets().unwrap();
                }
                let mut wire = Vec::new();
                while link.server.wants_write() {
                    link.server.write_tls(&mut wire).unwrap();
                }
                let mut wire = &*wire;
                while !wire.is_empty() {
                    link.client.read_tls(&mut wire).unwrap();
                    link.client.process_new_packets().unwrap();
                }
                rounds += 1;
                assert!(rounds < 5);
            }
            assert_eq!(named(&link), Ok(DEVICE.into()));
        }
    }
}

#[test]
fn a_name_is_that_of_a_device_or_none() {
    let common_name = |text: &str| attribute(COMMON_NAME, UTF8_STRING, text.as_bytes());
    let with_name = |subject: Vec<u8>| changed(|draft| draft.subject = subject);
    let not_a_device = |found: &str| Err(ClientNameError::Name(DeviceId::new(found).unwrap_err()));
    let long = "x".repeat(129);
    for (identity, expected) in [
        (with_name(name(&[common_name(DEVICE)])), Ok(DEVICE.to_owned())),
        (with_name(name(&[common_name("Pump-7")])), Ok("Pump-7".to_owned())),
        (with_name(name(&[common_name("pump 7")])), not_a_device("pump 7")),
        (with_name(name(&[common_name("pump-7/module")])), not_a_device("pump-7/module")),
        (with_name(name(&[common_name("pump-7\0.example")])), not_a_device("pump-7\0.example")),
        (with_name(name(&[common_name("")])), not_a_device("")),
        (with_name(name(&[common_name(&long)])), not_a_device(&long)),
        (with_name(name(&[])), Err(ClientNameError::NoCommonName)),
        (
            with_name(name(&[common_name("pump-8"), common_name(DEVICE)])),
            Err(ClientNameError::NoCommonName),
        ),
    ] {
        for provider in PROVIDERS {
            let server = requiring(provider).build(now()).unwrap();
            for version in VERSIONS {
                let client = device(provider, version, Some(&identity));
                let link = connect(client, server.config()).unwrap();
                assert_eq!(named(&link), expected);
                if let Err(error) = &expected {
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}

/// webpki does not look into names; who does finds that this one is no DER.
#[test]
fn a_certificate_that_cannot_be_read_names_nobody() {
    let world = World::get();
    let ca = &world.device_ca;
    let key = Kind::P256.key();
    let mut draft = Draft::device(&key.public_key(), DEVICE, "Contoso hall 3");
    draft.subject = name(&[attribute(COMMON_NAME, BOOLEAN, &[7])]);
    let algorithm = sequence(&[oid("1.2.840.10045.4.3.2")]);
    let sign = |message: &[u8]| ca.key.sign(ca.key.algorithms()[0], message).unwrap();
    let odd = CertificateDer::from(draft.finish(&algorithm, sign));
    let error = Certificate::from_der(odd.clone()).unwrap_err();
    let good = client_resolver(&changed(|_| {})).resolve(&[], &[]).unwrap();
    let chain = [vec![odd], good.cert[1..].to_vec()].concat();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, good.key.clone()));
    let shown = Arc::new(shown);
    for provider in PROVIDERS {
        let server = requiring(provider).build(now()).unwrap();
        for version in VERSIONS {
            let mut client = ClientConfig::clone(&device(provider, version, None));
            client.client_auth_cert_resolver = shown.clone();
            let link = connect(Arc::new(client), server.config()).unwrap();
            assert_eq!(named(&link), Err(ClientNameError::Certificate(error.clone())));
        }
    }
}

/// The device IDs of a chain are those of its end entity: who has a device's key cannot speak for another.
#[test]
fn a_name_is_that_of_the_certificate_whose_key_was_proved() {
    let world = World::get();
    let key = Kind::P256.key();
    let validity = from_to(NOW - DAY, NOW + DAY);
    let own = world.device_ca.issue_device("pump-8", &*key, validity);
    // Another's is in the chain, behind one's own.
    let chain = [vec![own], world.device.certificate().chain().to_vec()].concat();
    let chain = DeviceCertificate::from_certificates(chain).unwrap();
    let identity = TlsIdentity::new(chain, key).unwrap();
    for provider in PROVIDERS {
        let server = requiring(provider).build(now()).unwrap();
        for version in VERSIONS {
            let client = device(provider, version, Some(&identity));
            let link = connect(client, server.config()).unwrap();
            assert_eq!(named(&link), Ok("pump-8".into()));
        }
    }
}

#[test]
fn nothing_has_a_name_on_a_connection_that_has_not_begun() {
    for provider in PROVIDERS {
        let server = requiring(provider).build(now()).unwrap();
        let connection = ServerConnection::new(server.config()).unwrap();
        assert_eq!(
            ServerTls::device_of(&connection, UnixTime::MAX),
            Err(ClientNameError::Handshaking)
        );
    }
}

/// Whom a server tells that it wants.
#[test]
fn clients_are_told_whose_certificates_are_wanted() {
    #[derive(Debug, Default)]
    struct Curious(Mutex<Vec<Vec<u8>>>);
    impl ResolvesClientCert for Curious {
        fn resolve(&self, issuers: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            self.0.lock().unwrap().extend(issuers.iter().map(|issuer| issuer.to_vec()));
            None
        }

        fn has_certs(&self) -> bool {
            true
        }
    }

    let world = World::get();
    let other = Authority::root("Fabrikam root").anchors();
    let ours = world.device_ca.anchors();
    let twice = [world.device_ca.root.clone(), world.device_ca.root.clone()].to_vec();
    for (anchors, expected) in [
        (ours.clone(), 1),
        (TrustAnchors::from_certificates(twice).unwrap(), 1),
        (ours.clone().and(&other), 2),
        (ours.clone().and(&ours), 1),
        (ours.clone().and(&other).and(&ours).and(&other), 2),
    ] {
        for provider in PROVIDERS {
            for version in VERSIONS {
                let server = world.server(provider).ask_clients(anchors.clone());
                let server = server.build(now()).unwrap();
                let curious = Arc::new(Curious::default());
                let mut client = ClientConfig::clone(&device(provider, version, None));
                client.client_auth_cert_resolver = curious.clone();
                connect(Arc::new(client), server.config()).unwrap();
                assert_eq!(curious.0.lock().unwrap().len(), expected);
            }
        }
    }
}

/// The last word counts.
#[test]
fn whom_to_ask_is_said_once() {
    let world = World::get();
    let provider = Provider::Ring;
    let anchors = world.device_ca.anchors();
    let strict = asking(provider).require_clients(anchors.clone()).build(now()).unwrap();
    let lax = requiring(provider).ask_clients(anchors).build(now()).unwrap();
    for version in VERSIONS {
        let client = device(provider, version, None);
        assert!(connect(client.clone(), strict.config()).is_err());
        assert!(connect(client, lax.config()).is_ok());
    }
}

#[test]
fn without_the_time_no_device_is_let_in() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            for server in [requiring(provider), asking(provider)] {
                let server = server.sessions(8).build(FixedClock::unknown()).unwrap();
                let client = device(provider, version, Some(&world.device));
                let mut link = Link::new(client, server.config());
                let broken = link.talk().unwrap_err();
                assert_eq!(broken.server, Some(Error::FailedToGetCurrentTime));
                assert_eq!(named(&link), Err(ClientNameError::Handshaking));
            }
        }
    }
}

/// Not even one that was let in before.
#[test]
fn without_the_time_no_session_of_a_device_is_resumed() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let clock = Dial::new();
            let server = requiring(provider).sessions(8).build(clock.clone()).unwrap();
            let client = device(provider, version, Some(&world.device));
            let connect = || connect(client.clone(), server.config());
            assert!(!connect().unwrap().is_resumed());
            assert!(connect().unwrap().is_resumed());
            clock.forget();
            let broken = connect().err().unwrap();
            assert_eq!(broken.server, Some(Error::FailedToGetCurrentTime));
            clock.set(NOW + 60);
            connect().unwrap();
        }
    }
}

#[test]
fn sessions_are_kept_if_they_are_asked_for() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let rounds = |server: ServerTlsBuilder| {
                let server = server.build(now()).unwrap();
                let client = device(provider, version, Some(&world.device));
                [(); 3].map(|()| {
                    let link = connect(client.clone(), server.config()).unwrap();
                    // Who resumes has the name that it was given then.
                    (link.is_resumed(), named(&link).ok())
                })
            };
            let known = Some(DEVICE.to_owned());
            for server in [requiring(provider), asking(provider)] {
                let all = rounds(server.clone());
                assert_eq!(all.map(|(is_resumed, _)| is_resumed), [false; 3]);
                let all = rounds(server.clone().sessions(4));
                assert_eq!(all.clone().map(|(is_resumed, _)| is_resumed), [false, true, true]);
                assert!(all.iter().all(|(_, name)| *name == known));
                // Switched on and off again.
                let all = rounds(server.sessions(4).sessions(0));
                assert_eq!(all.map(|(is_resumed, _)| is_resumed), [false; 3]);
            }
            // And without certificates.
            let all = rounds(world.server(provider).sessions(4));
            assert_eq!(all.map(|(is_resumed, _)| is_resumed), [false, true, true]);
        }
    }
}

/// So many clients as were said, and no more; the oldest goes first.
#[test]
fn the_sessions_of_so_many_clients_are_kept() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            for kept in [1, 3, 8] {
                let server = requiring(provider).sessions(kept).build(now()).unwrap();
                let clients: Vec<_> =
                    (0..=kept).map(|_| device(provider, version, Some(&world.device))).collect();
                let is_resumed = |client: &Arc<ClientConfig>| {
                    connect(client.clone(), server.config()).unwrap().is_resumed()
                };
                assert!(clients[..kept].iter().all(|client| !is_resumed(client)));
                for _ in 0..2 {
                    assert!(clients[..kept].iter().all(is_resumed), "{kept}");
                }
                assert!(!is_resumed(&clients[kept]));
                assert!(clients[1..].iter().all(is_resumed), "{kept}");
                assert!(!is_resumed(&clients[0]));
            }
        }
    }
}

/// Who had no certificate and resumes has none.
#[test]
fn who_resumes_gains_no_name() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let server = asking(provider).sessions(4).build(now()).unwrap();
            let without = device(provider, version, None);
            for is_resumed in [false, true] {
                let link = connect(without.clone(), server.config()).unwrap();
                assert_eq!(link.is_resumed(), is_resumed);
                assert_eq!(named(&link), Err(ClientNameError::NoCertificate));
            }
            // Beside one that has.
            let with = device(provider, version, Some(&world.device));
            let link = connect(with, server.config()).unwrap();
            assert_eq!(named(&link), Ok(DEVICE.into()));
        }
    }
}

/// A handle that is cloned serves the same sessions; another server does not.
#[test]
fn sessions_are_of_one_server() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let builder = requiring(provider).sessions(8);
            let (one, other) =
                (builder.clone().build(now()).unwrap(), builder.build(now()).unwrap());
            let client = device(provider, version, Some(&world.device));
            assert!(!connect(client.clone(), one.config()).unwrap().is_resumed());
            assert!(connect(client.clone(), one.clone().config()).unwrap().is_resumed());
            assert!(!connect(client, other.config()).unwrap().is_resumed());
        }
    }
}

#[test]
fn a_server_says_who_it_is() {
    let world = World::get();
    for provider in PROVIDERS {
        let server = requiring(provider).build(now()).unwrap();
        assert_eq!(server.identity().thumbprint(), world.hub.thumbprint());
        let shown = format!("{server:?} {:?}", requiring(provider));
        assert!(shown.contains("CN=contoso.azure-devices.net"), "{shown}");
    }
}

/// A server that judges nobody by the time needs none.
#[test]
fn a_server_that_asks_nobody_needs_no_time() {
    for provider in PROVIDERS {
        for version in VERSIONS {
            let server = World::get().server(provider).build(FixedClock::unknown()).unwrap();
            connect(device(provider, version, None), server.config()).unwrap();
        }
    }
}

/// Who resumes is not asked again, so that whoever wants to know looks at the end of its certificate.
#[test]
fn a_device_that_resumes_ends_with_its_certificate() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let clock = Dial::new();
            let server = requiring(provider).sessions(4).build(clock.clone()).unwrap();
            let client = device(provider, version, Some(&world.device));
            connect(client.clone(), server.config()).unwrap();
            let not_after = world.device.certificate().end_entity().validity().not_after;
            for (moment, is_known) in
                [(not_after.as_secs(), true), (not_after.as_secs() + 1, false)]
            {
                clock.set(moment);
                // The client's own clock stands still.
                let link = connect(client.clone(), server.config()).unwrap();
                assert!(link.is_resumed());
                let now = UnixTime::from_secs(moment);
                let found = ServerTls::device_of(&link.server, now);
                match is_known {
                    true => assert_eq!(found.unwrap().as_str(), DEVICE),
                    false => assert_eq!(found, Err(ClientNameError::Expired { not_after, now })),
                }
            }
        }
    }
}
