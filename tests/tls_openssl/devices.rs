//! Devices that prove themselves with certificates: keys of each store, exchange of the identity, and what
//! is said where the server does not take them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hubward::keystore::file::{FileKeyStore, StoreKey};
use hubward::keystore::{
    KeyError, KeyName, KeyStore, KeyStoreAdmin as _, MemoryKeyStore, NewKey, SignatureAlgorithm,
    SigningKey, SoftwareSigningKey,
};
use hubward::pki_types::SubjectPublicKeyInfoDer;
use hubward::secret::SecretBytes;
use hubward::tls::{Fault, Provider, TlsIdentity, diagnose};
use hubward::x509::{DeviceCertificate, private_key_from_pem, self_signed};
use hubward::{DeviceId, OtherError};

use crate::connect::{codes, connect, let_in, turned_away};
use crate::server::{Server, WANTS_DEVICES};
use crate::world::{DEVICE, HUB, P256, PROVIDERS, World, from_to, p256};

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// A world with a hub.
fn world() -> World {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    world
}

/// A key of OpenSSL's, as each store keeps it.
fn in_each_store(world: &World, file: &str) -> Vec<(&'static str, Arc<dyn SigningKey>)> {
    let key = private_key_from_pem(&world.openssl.read(file)).unwrap();
    let name = KeyName::new("device").unwrap();
    let new = || NewKey::Private(key.expose_der());

    let software = SoftwareSigningKey::from_der(key.expose_der()).unwrap();
    let memory = MemoryKeyStore::new();
    memory.import(&name, new()).unwrap();
    let opener = SecretBytes::copy_from(&[0x77; 32]).unwrap();
    let path = world.openssl.path(&format!("{file}.store/keys"));
    let store = FileKeyStore::create(&path, StoreKey::Raw(&opener)).unwrap();
    store.import(&name, new()).unwrap();
    drop(store);
    let store = FileKeyStore::open(&path, StoreKey::Raw(&opener)).unwrap();

    #[cfg_attr(
        not(any(feature = "keystore-systemd", feature = "keystore-os")),
        expect(unused_mut, reason = "no such store in this build")
    )]
    let mut keys: Vec<(_, Arc<dyn SigningKey>)> = vec![
        ("by itself", Arc::new(software)),
        ("memory", memory.signing_key(&name).unwrap()),
        ("file", store.signing_key(&name).unwrap()),
    ];
    #[cfg(feature = "keystore-systemd")]
    keys.push(("systemd", of_systemd(world, file)));
    #[cfg(all(feature = "keystore-os", target_os = "linux"))]
    keys.extend(of_the_kernel(&name, new()).map(|key| ("kernel", key)));
    keys
}

#[cfg(feature = "keystore-systemd")]
fn of_systemd(world: &World, file: &str) -> Arc<dyn SigningKey> {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = world.openssl.path(&format!("{file}.credentials"));
    std::fs::create_dir(&folder).unwrap();
    let credential = folder.join("device");
    std::fs::write(&credential, world.openssl.read(file)).unwrap();
    std::fs::set_permissions(&credential, std::fs::Permissions::from_mode(0o400)).unwrap();
    let store = hubward::keystore::SystemdCredentials::new(&folder);
    store.signing_key(&KeyName::new("device").unwrap()).unwrap()
}

/// `None`, which is said, where the kernel does not give keyrings.
#[cfg(all(feature = "keystore-os", target_os = "linux"))]
fn of_the_kernel(name: &KeyName, key: NewKey<'_>) -> Option<Arc<dyn SigningKey>> {
    use hubward::keystore::os::{Keyring, OsKeyStore};
    use std::io::Write as _;

    let store = OsKeyStore::open(Keyring::Process, &KeyName::new("t.tls").unwrap());
    let kept = store.and_then(|store| {
        store.import(name, key)?;
        let kept = store.signing_key(name)?;
        store.delete(name)?;
        Ok(kept)
    });
    kept.map_err(|error| {
        // Past the harness, which keeps the output of tests that pass.
        let _ = writeln!(std::io::stderr(), "SKIPPED: a key of the kernel's: {error:?}");
    })
    .ok()
}

#[test]
fn keys_of_each_store() {
    let world = world();
    for (name, kind) in [("p256", P256), ("p384", "ec -pkeyopt ec_paramgen_curve:P-384")] {
        world.openssl.run(&format!("genpkey -algorithm {kind} -out {name}"));
    }
    world.openssl.run("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa");
    for version in VERSIONS {
        let server = Server::start(&world, "server", &format!("{version} {WANTS_DEVICES}"));
        for (kind, signature) in [("p256", "ECDSA"), ("p384", "ECDSA"), ("rsa", "RSA-PSS")] {
            let device = format!("pump-7{version}-{kind}");
            let keys = in_each_store(&world, kind);
            assert!(keys.len() >= 3);
            for ((store, key), provider) in
                keys.into_iter().flat_map(|key| PROVIDERS.map(|provider| (key.clone(), provider)))
            {
                println!("{version} {kind} {store} {provider}");
                let identity = world.identity_of(key, &device);
                let tls = world.client(provider, Some(identity));
                let_in(&tls, &server.address, HUB).unwrap();
                let line = server.process.wait_for("Peer certificate: ").unwrap();
                assert_eq!(line, format!("Peer certificate: CN = {device}"));
                let line = server.process.wait_for("Signature type: ").unwrap();
                assert_eq!(line, format!("Signature type: {signature}"));
            }
            // For the next version.
            std::fs::remove_dir_all(world.openssl.path(&format!("{kind}.store"))).unwrap();
            let _ = std::fs::remove_dir_all(world.openssl.path(&format!("{kind}.credentials")));
        }
    }
}

/// Servers say what they take; a key picks what it can of that.
#[test]
fn kinds_of_signatures() {
    let world = world();
    world.openssl.run("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa");
    let (_, rsa) = in_each_store(&world, "rsa").remove(0);
    for (options, hash, signature) in [
        ("-tls1_2 -client_sigalgs RSA+SHA512", "SHA512", "RSA"),
        ("-tls1_2 -client_sigalgs RSA+SHA1:RSA+SHA256", "SHA256", "RSA"),
        ("-tls1_2 -client_sigalgs RSA-PSS+SHA384", "SHA384", "RSA-PSS"),
        ("-tls1_3 -client_sigalgs RSA-PSS+SHA512", "SHA512", "RSA-PSS"),
    ] {
        let server = Server::start(&world, "server", &format!("{WANTS_DEVICES} {options}"));
        for provider in PROVIDERS {
            let identity = world.identity_of(Arc::clone(&rsa), DEVICE);
            let_in(&world.client(provider, Some(identity)), &server.address, HUB).unwrap();
            let said = ["Hash used: ", "Signature type: "].map(|part| {
                let line = server.process.wait_for(part).unwrap();
                line[part.len()..].to_owned()
            });
            assert_eq!(said, [hash, signature], "{options}");
        }
    }
    // A key that can nothing of it has no certificate to show.
    for (version, options) in
        [("-tls1_2", "-client_sigalgs RSA+SHA256"), ("-tls1_3", "-client_sigalgs RSA-PSS+SHA256")]
    {
        let server =
            Server::start(&world, "server", &format!("{version} {WANTS_DEVICES} {options}"));
        for provider in PROVIDERS {
            let tls = world.client(provider, Some(world.identity(DEVICE)));
            let (error, record) = turned_away(&tls, &server.address, HUB);
            assert_eq!(codes(&error, &record)[0], "client-certificate-required", "{error:?}");
            assert!(record.asked_for_certificate() && !record.sent_certificate());
        }
    }
}

#[test]
fn what_a_record_tells() {
    let world = world();
    let chain = ["server", "hall"].map(|name| world.certificate(name).der().clone());
    for (options, asks) in [("", false), ("-verify 3 -CAfile devices.pem", true)] {
        let server = Server::start(&world, "server", options);
        for provider in PROVIDERS {
            for identity in [Some(world.identity(DEVICE)), None] {
                let sends = asks && identity.is_some();
                let (config, record) = world.client(provider, identity).recorded();
                assert_eq!(record.server_chain(), []);
                let mut connected = connect(config, &server.address, HUB).unwrap();
                assert_eq!(connected.ask("pump-7").unwrap(), "7-pmup");
                assert_eq!(record.server_chain(), chain);
                assert_eq!(record.server_name().as_deref(), Some(HUB));
                assert_eq!(record.asked_for_certificate(), asks);
                assert_eq!(record.sent_certificate(), sends);
            }
        }
    }
}

/// A device whose certificate OpenSSL made, in `name.pem` and `name.key`.
fn foreign(world: &World, name: &str) -> TlsIdentity {
    let certificate = DeviceCertificate::from_pem(&world.openssl.read(&format!("{name}.pem")));
    let key = private_key_from_pem(&world.openssl.read(&format!("{name}.key"))).unwrap();
    let key = SoftwareSigningKey::from_der(key.expose_der()).unwrap();
    TlsIdentity::new(certificate.unwrap(), Arc::new(key)).unwrap()
}

#[test]
fn certificates_that_the_server_refuses() {
    let world = world();
    // The one is revoked, the other is not. All are of a CA of OpenSSL's.
    world.authority("fleet", "Test fleet", None);
    for (name, serial, usage) in
        [("good", 1, "clientAuth"), ("gone", 2, "clientAuth"), ("wrong", 3, "serverAuth")]
    {
        let options = format!("-addext extendedKeyUsage={usage} -set_serial {serial}");
        world.server_of("fleet", name, P256, "", &options);
    }
    world.revoke("fleet", "02", "fleet.crl");
    let anchors = ["devices.pem", "fleet.pem"].map(|name| world.openssl.read(name));
    world.openssl.write("both.pem", anchors.concat());

    let of_validity = |begin, end| {
        let key = Arc::new(p256());
        let chain = world.device_chain(&*key, DEVICE, from_to(begin, end));
        TlsIdentity::new(chain, key).unwrap()
    };
    let alone = {
        let key = Arc::new(p256());
        let chain = world.device_chain(&*key, DEVICE, from_to(-1, 1));
        let end_entity = vec![chain.end_entity().clone()];
        let chain = DeviceCertificate::from_certificates(end_entity).unwrap();
        TlsIdentity::new(chain, key).unwrap()
    };
    let own = {
        let key = Arc::new(p256());
        let own = self_signed(&*key, &DeviceId::new(DEVICE).unwrap(), from_to(-1, 1)).unwrap();
        TlsIdentity::new(DeviceCertificate::from_certificates(vec![own]).unwrap(), key).unwrap()
    };
    let refused = [
        ("expired", of_validity(-3, -1), "CertificateExpired"),
        ("not valid yet", of_validity(1, 3), "BadCertificate"),
        ("of an unknown CA", World::new().identity(DEVICE), "UnknownCA"),
        ("without its intermediate", alone, "UnknownCA"),
        ("self-signed", own, "UnknownCA"),
        ("revoked", foreign(&world, "gone"), "CertificateRevoked"),
        ("for servers", foreign(&world, "wrong"), "UnsupportedCertificate"),
    ];
    let taken = [world.identity(DEVICE), foreign(&world, "good")];
    for version in VERSIONS {
        let options = format!("{version} -CAfile both.pem -Verify 3 -verify_return_error");
        let server = Server::start(&world, "server", &options);
        let lists = format!("{options} -CRL fleet.crl -crl_check");
        let lists = Server::start(&world, "server", &lists);
        for provider in PROVIDERS {
            for (about, identity, alert) in &refused {
                println!("{version} {provider} {about}"); // the last line that a failed test shows
                let server = if *about == "revoked" { &lists } else { &server };
                let tls = world.client(provider, Some(identity.clone()));
                let (error, record) = turned_away(&tls, &server.address, HUB);
                let expected = Fault::ClientCertificateRefused { alert: (*alert).to_owned() };
                for record in [Some(&record), None] {
                    assert_eq!(*diagnose(&error, record).fault(), expected, "{error:?}");
                }
                assert!(record.sent_certificate());
            }
            // And the servers are still there.
            for identity in &taken {
                let tls = world.client(provider, Some(identity.clone()));
                let_in(&tls, &server.address, HUB).unwrap();
            }
            let good = world.client(provider, Some(foreign(&world, "good")));
            let_in(&good, &lists.address, HUB).unwrap();
        }
    }
}

/// A key that signs until it is told not to.
#[derive(Debug)]
struct Flaky {
    key: SoftwareSigningKey,
    fails: AtomicBool,
}

impl SigningKey for Flaky {
    fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        self.key.public_key()
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        self.key.algorithms()
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(KeyError::Other(OtherError::from_static("the chip does not answer")));
        }
        self.key.sign(algorithm, message)
    }
}

#[test]
fn a_key_that_fails_within_the_handshake() {
    let world = world();
    for version in VERSIONS {
        let server = Server::start(&world, "server", &format!("{version} {WANTS_DEVICES}"));
        for provider in PROVIDERS {
            let key = Arc::new(Flaky { key: p256(), fails: AtomicBool::new(false) });
            let identity = world.identity_of(Arc::<Flaky>::clone(&key), DEVICE);
            let tls = world.client(provider, Some(identity));
            let_in(&tls, &server.address, HUB).unwrap();
            key.fails.store(true, Ordering::Relaxed);
            let (error, record) = turned_away(&tls, &server.address, HUB);
            for record in [Some(&record), None] {
                let diagnosis = diagnose(&error, record);
                assert_eq!(diagnosis.fault().code(), "key-failed", "{error:?}");
                let shown = diagnosis.to_string();
                assert!(shown.contains("the store or chip that holds the key failed"), "{shown}");
            }
            key.fails.store(false, Ordering::Relaxed);
            let_in(&tls, &server.address, HUB).unwrap();
        }
    }
}

/// The server names the subject that it saw.
#[test]
fn the_identity_is_exchanged_while_a_connection_is_up() {
    let world = world();
    for version in VERSIONS {
        // One connection each at a time.
        let [first, second] = [(); 2]
            .map(|()| Server::start(&world, "server", &format!("{version} {WANTS_DEVICES}")));
        let seen = |server: &Server| server.process.wait_for("Peer certificate: ").unwrap();
        for provider in PROVIDERS {
            let tls = world.client(provider, Some(world.identity("pump-7-of-spring")));
            let rotating = tls.rotating_config();
            let mut old = let_in(&tls, &first.address, HUB).unwrap();
            assert_eq!(seen(&first), "Peer certificate: CN = pump-7-of-spring");
            drop(connect(Arc::clone(&rotating), &second.address, HUB).unwrap());
            assert_eq!(seen(&second), "Peer certificate: CN = pump-7-of-spring");
            assert_eq!(tls.generation(), 0);

            // What would not work is not taken.
            let key = Arc::new(p256());
            let expired = world.device_chain(&*key, DEVICE, from_to(-3, -1));
            tls.install(TlsIdentity::new(expired, key).unwrap()).unwrap_err();
            drop(let_in(&tls, &second.address, HUB).unwrap());
            assert_eq!(seen(&second), "Peer certificate: CN = pump-7-of-spring");

            assert_eq!(tls.install(world.identity("pump-7-of-summer")), Ok(1));
            drop(let_in(&tls, &second.address, HUB).unwrap());
            assert_eq!(seen(&second), "Peer certificate: CN = pump-7-of-summer");
            let mut kept = connect(rotating, &second.address, HUB).unwrap();
            assert_eq!(kept.ask("summer").unwrap(), "remmus");
            assert_eq!(seen(&second), "Peer certificate: CN = pump-7-of-summer");
            // The one of before goes on.
            assert_eq!(old.ask("spring").unwrap(), "gnirps");
        }
    }
}

/// The device's certificate is not shown where nobody asks for it.
#[test]
fn a_server_that_does_not_ask_learns_nothing() {
    let world = world();
    let server = Server::start(&world, "server", "");
    let tls = world.client(Provider::Ring, Some(world.identity(DEVICE)));
    let_in(&tls, &server.address, HUB).unwrap();
    server.process.wait_for("CONNECTION CLOSED").unwrap();
    assert!(!server.process.said().contains(DEVICE));
}
