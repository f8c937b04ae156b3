//! TLS with the broker mosquitto, over loopback: devices whose certificate is their user name, as MQTT 3.1.1
//! sees it, and what is said where it does not let them in.

#![cfg(unix)]

#[path = "tls_mosquitto/broker.rs"]
mod broker;
#[path = "common/certificates.rs"]
#[expect(dead_code, reason = "most of it is for certificates put together byte by byte")]
mod certificates;
#[path = "tls_openssl/connect.rs"]
#[expect(dead_code, reason = "the other part is for OpenSSL's server")]
mod connect;
#[path = "tls_mosquitto/mqtt.rs"]
mod mqtt;
#[path = "tls_openssl/process.rs"]
#[expect(dead_code, reason = "nobody speaks to the broker over its input")]
mod process;
#[path = "tls_openssl/world.rs"]
#[expect(dead_code, reason = "the other part is for OpenSSL's server")]
mod world;

use std::io::{self, BufRead as _};
use std::sync::Arc;

use broker::Broker;
use connect::{codes, connect};
use hubward::keystore::SoftwareSigningKey;
use hubward::tls::rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use hubward::tls::{ClientTls, Fault, HandshakeRecord, TlsIdentity, diagnose};
use hubward::x509::{DeviceCertificate, private_key_from_pem};
use mqtt::Session;
use world::{DEVICE, HUB, P256, PROVIDERS, World, from_to, p256};

/// What every broker has that lets in devices with a certificate, and nobody else.
const MUTUAL: &str = "cafile devices.pem\ncertfile chain.pem\nkeyfile server.key\n\
                      require_certificate true\nuse_identity_as_username true\nacl_file topics\n";

/// OpenSSL's versions, from and to, whatever the broker says of itself.
const VERSIONS: [(&str, &str, ProtocolVersion); 2] = [
    ("tlsv1.2", "TLSv1.2", ProtocolVersion::TLSv1_2),
    ("tlsv1.3", "TLSv1.3", ProtocolVersion::TLSv1_3),
];

fn world() -> World {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    let chain = ["server.pem", "hall.pem"].map(|name| world.openssl.read(name));
    world.openssl.write("chain.pem", chain.concat());
    // Each device has its own topic. The hall's is everybody's.
    world.openssl.write("topics", "pattern readwrite devices/%u/#\npattern readwrite hall/#\n");
    world
}

fn session(config: Arc<ClientConfig>, broker: &Broker, id: &str) -> io::Result<Session> {
    Session::begin(connect(config, &broker.address, HUB)?, id)
}

/// Listens before it speaks: who is turned away and goes on speaking may get a reset in place of the alert.
fn turned_away(tls: &ClientTls, broker: &Broker) -> (io::Error, HandshakeRecord) {
    let (config, record) = tls.recorded();
    let heard = connect(config, &broker.address, HUB)
        .and_then(|mut connected| connected.0.fill_buf().map(<[u8]>::to_vec));
    (heard.expect_err("it was let in"), record)
}

#[test]
fn a_device_is_who_its_certificate_says() {
    let world = world();
    for (minimum, maximum, version) in VERSIONS {
        let broker = Broker::start(&world, &format!("{MUTUAL}tls_version {minimum}\n"), maximum);
        for provider in PROVIDERS {
            let tls = world.client(provider, Some(world.identity(DEVICE)));
            let mut pump = session(tls.config(), &broker, "any-client-id").unwrap();
            assert_eq!(pump.tls().protocol_version(), Some(version));
            let line = broker.process.wait_for("New client connected").unwrap();
            assert!(line.contains("as any-client-id") && line.contains("u'pump-7'"), "{line}");

            pump.subscribe("devices/#").unwrap();
            pump.publish("devices/pump-8/messages/events/", b"not its own").unwrap();
            pump.publish("devices/pump-7/messages/events/", b"20 degrees").unwrap();
            let (topic, payload) = pump.receive().unwrap();
            assert_eq!(
                (&*topic, &*payload),
                ("devices/pump-7/messages/events/", &b"20 degrees"[..])
            );
            broker.process.wait_for("Denied PUBLISH from any-client-id").unwrap();
        }
    }
}

#[test]
fn the_identity_is_exchanged_while_a_session_is_up() {
    let world = world();
    for (minimum, maximum, _) in VERSIONS {
        let broker = Broker::start(&world, &format!("{MUTUAL}tls_version {minimum}\n"), maximum);
        for provider in PROVIDERS {
            let tls = world.client(provider, Some(world.identity("pump-7-of-spring")));
            let mut old = session(tls.config(), &broker, "spring").unwrap();
            broker.process.wait_for("u'pump-7-of-spring'").unwrap();
            old.subscribe("hall/#").unwrap();

            assert_eq!(tls.install(world.identity("pump-7-of-summer")), Ok(1));
            let mut new = session(tls.config(), &broker, "summer").unwrap();
            broker.process.wait_for("u'pump-7-of-summer'").unwrap();
            let mut kept = session(tls.rotating_config(), &broker, "kept").unwrap();
            broker.process.wait_for("u'pump-7-of-summer'").unwrap();
            new.publish("hall/3", b"changed").unwrap();
            kept.publish("hall/3", b"changed too").unwrap();
            // The one of before has the identity of before, and goes on.
            assert_eq!(old.receive().unwrap().1, b"changed");
            assert_eq!(old.receive().unwrap().1, b"changed too");

            // One that takes over its name ends it.
            session(tls.config(), &broker, "spring").unwrap();
            let diagnosis = diagnose(&old.receive().unwrap_err(), None);
            assert_eq!(*diagnosis.fault(), Fault::BrokenOff);
            assert!(diagnosis.advice().contains("if it had been up, connect again"));
        }
    }
}

/// The broker remembers who a session is of.
#[test]
fn sessions() {
    let world = world();
    for (minimum, maximum, _) in VERSIONS {
        let broker = Broker::start(&world, &format!("{MUTUAL}tls_version {minimum}\n"), maximum);
        for provider in PROVIDERS {
            println!("{maximum} {provider}"); // the last line that a failed test shows
            let tls = world.client(provider, Some(world.identity("pump-7-of-spring")));
            let kind = |user: &str| {
                let pump = session(tls.config(), &broker, "pump").unwrap();
                broker.process.wait_for(user).unwrap();
                pump.tls().handshake_kind().unwrap()
            };
            assert_eq!(kind("u'pump-7-of-spring'"), HandshakeKind::Full);
            assert_eq!(kind("u'pump-7-of-spring'"), HandshakeKind::Resumed);
            tls.install(world.identity("pump-7-of-summer")).unwrap();
            assert_eq!(kind("u'pump-7-of-summer'"), HandshakeKind::Full);
            assert_eq!(kind("u'pump-7-of-summer'"), HandshakeKind::Resumed);
        }
    }
}

/// A device whose certificate OpenSSL made.
fn foreign(world: &World, name: &str) -> TlsIdentity {
    let certificate = DeviceCertificate::from_pem(&world.openssl.read(&format!("{name}.pem")));
    let key = private_key_from_pem(&world.openssl.read(&format!("{name}.key"))).unwrap();
    let key = SoftwareSigningKey::from_der(key.expose_der()).unwrap();
    TlsIdentity::new(certificate.unwrap(), Arc::new(key)).unwrap()
}

#[test]
fn devices_that_are_turned_away() {
    let world = world();
    world.authority("fleet", "Test fleet", None);
    for (name, serial) in [("good", 1), ("gone", 2)] {
        let options = format!("-addext extendedKeyUsage=clientAuth -set_serial {serial}");
        world.server_of("fleet", name, P256, "", &options);
    }
    world.revoke("fleet", "02", "fleet.crl");
    let expired = {
        let key = Arc::new(p256());
        TlsIdentity::new(world.device_chain(&*key, DEVICE, from_to(-3, -1)), key).unwrap()
    };
    let lists = MUTUAL.replace("devices.pem", "fleet.pem") + "crlfile fleet.crl\n";
    let refused = ["client-certificate-refused"; 2];
    for (minimum, maximum, version) in VERSIONS {
        let version12 = version == ProtocolVersion::TLSv1_2;
        let broker = Broker::start(&world, &format!("{MUTUAL}tls_version {minimum}\n"), maximum);
        let lists = Broker::start(&world, &format!("{lists}tls_version {minimum}\n"), maximum);
        for provider in PROVIDERS {
            for (about, broker, identity, expected) in [
                (
                    "no certificate",
                    &broker,
                    None,
                    if version12 {
                        ["client-certificate-required", "suite-refused"]
                    } else {
                        ["client-certificate-required"; 2]
                    },
                ),
                ("unknown CA", &broker, Some(World::new().identity(DEVICE)), refused),
                ("expired", &broker, Some(expired.clone()), refused),
                ("revoked", &lists, Some(foreign(&world, "gone")), refused),
            ] {
                println!("{maximum} {provider} {about}"); // the last line that a failed test shows
                let (error, record) = turned_away(&world.client(provider, identity), broker);
                assert_eq!(codes(&error, &record), expected, "{error:?}");
            }
            let tls = world.client(provider, Some(world.identity(DEVICE)));
            session(tls.config(), &broker, DEVICE).unwrap();
            let tls = world.client(provider, Some(foreign(&world, "good")));
            session(tls.config(), &lists, "good").unwrap();
        }
    }
}

/// The alert may be lost in the reset that comes of speaking on. The record still knows what may be wrong.
#[test]
fn a_device_that_speaks_before_it_listens() {
    let world = world();
    let broker = Broker::start(&world, &format!("{MUTUAL}tls_version tlsv1.3\n"), "TLSv1.3");
    for provider in PROVIDERS {
        let (config, record) = world.client(provider, None).recorded();
        let error = session(config, &broker, DEVICE).map(drop).expect_err("it was let in");
        let diagnosis = diagnose(&error, Some(&record));
        let shown = diagnosis.to_string();
        match diagnosis.fault() {
            Fault::ClientCertificateRequired => {}
            Fault::BrokenOff => assert!(shown.contains("of the device, and got none"), "{shown}"),
            _ => panic!("{shown}"),
        }
    }
}

#[test]
fn brokers_that_are_turned_down() {
    let world = world();
    let old = Broker::start(&world, &format!("{MUTUAL}tls_version tlsv1.1\n"), "TLSv1.1");
    let plain = Broker::start(&world, "allow_anonymous true\n", "TLSv1.3");
    let tls = Broker::start(&world, MUTUAL, "TLSv1.3");
    for provider in PROVIDERS {
        let client = world.client(provider, Some(world.identity(DEVICE)));
        let (error, record) = turned_away(&client, &old);
        assert_eq!(codes(&error, &record), ["version-refused"; 2], "{error:?}");
        // It hangs up on what is no MQTT.
        let (error, record) = turned_away(&client, &plain);
        assert_eq!(codes(&error, &record), ["broken-off"; 2], "{error:?}");
        assert!(diagnose(&error, Some(&record)).advice().contains("one for plain text hangs up"));
        // The broker's certificate is checked whatever the device's is worth.
        let stranger = ClientTls::builder(provider)
            .trust(world.device_anchors())
            .identity(world.identity(DEVICE))
            .build(hubward::SystemClock)
            .unwrap();
        let (error, record) = turned_away(&stranger, &tls);
        let issuer = Some("CN=Test_root".to_owned());
        assert_eq!(*diagnose(&error, Some(&record)).fault(), Fault::UnknownIssuer { issuer });
    }
}
