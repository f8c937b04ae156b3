//! Identities that are exchanged while connections are up: old ones go on, new ones are new, and nobody
//! ever sees a certificate with the key of another.

#[path = "common/certificates.rs"]
#[expect(dead_code, reason = "made for tests of certificates")]
mod certificates;
#[path = "common/tls.rs"]
#[expect(dead_code, reason = "shared by all tests of TLS")]
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hubward::keystore::{KeyError, SignatureAlgorithm, SigningKey, SoftwareSigningKey};
use hubward::pki_types::SubjectPublicKeyInfoDer;
use hubward::tls::rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
};
use hubward::tls::{ClientTls, IdentityError, Provider, ServerTls, TlsIdentity};
use hubward::{Clock, FixedClock, OtherError, UnixTime};

use certificates::{DAY, NOW};
use world::{DEVICE, Dial, Kind, Link, PROVIDERS, World, at, from_to, now};

/// The versions that a server is held to: TLS 1.2, 1.3.
const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3];

fn client(provider: Provider, identity: &TlsIdentity) -> ClientTls {
    World::get().client(provider).identity(identity.clone()).build(now()).unwrap()
}

/// The hub, which takes devices only and keeps their sessions.
fn hub(provider: Provider, version: ProtocolVersion) -> Arc<ServerConfig> {
    let world = World::get();
    let builder = world.server(provider).require_clients(world.device_ca.anchors()).sessions(64);
    let server = builder.build(now()).unwrap().config();
    held_to(version, &server)
}

/// The same server without the other version.
fn held_to(version: ProtocolVersion, server: &ServerConfig) -> Arc<ServerConfig> {
    use hubward::tls::rustls::server::WebPkiClientVerifier;
    use hubward::tls::rustls::version::{TLS12, TLS13};

    let world = World::get();
    let mut roots = RootCertStore::empty();
    roots.add(world.device_ca.root.der().clone()).unwrap();
    let crypto = Arc::clone(server.crypto_provider());
    let devices = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto.clone());
    let versions = if version == ProtocolVersion::TLSv1_2 { [&TLS12] } else { [&TLS13] };
    let time = Arc::clone(&server.time_provider);
    let held = ServerConfig::builder_with_details(crypto, time).with_protocol_versions(&versions);
    let held = held.unwrap().with_client_cert_verifier(devices.build().unwrap());
    let mut held = held.with_cert_resolver(Arc::clone(&server.cert_resolver));
    held.session_storage = Arc::clone(&server.session_storage);
    Arc::new(held)
}

fn device(id: &str) -> TlsIdentity {
    World::get().device_ca.device(id, Kind::P256.generate())
}

fn connect(client: Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Link {
    let mut link = Link::new(client, server.clone());
    link.talk().unwrap();
    link
}

fn named(link: &Link) -> String {
    ServerTls::device_of(&link.server, UnixTime::from_secs(NOW)).unwrap().as_str().to_owned()
}

fn shown(connection: &ServerConnection) -> Vec<hubward::pki_types::CertificateDer<'static>> {
    connection.peer_certificates().unwrap_or_default().to_vec()
}

#[test]
fn old_connections_go_on_and_new_ones_are_new() {
    let (old, new) = (device("pump-7"), device("pump-8"));
    for provider in PROVIDERS {
        for version in VERSIONS {
            let hub = hub(provider, version);
            let tls = client(provider, &old);
            let mut before = connect(tls.config(), &hub);
            // One in the middle of its handshake.
            let mut begun = Link::new(tls.config(), hub.clone());
            let mut hello = Vec::new();
            begun.client.write_tls(&mut hello).unwrap();
            begun.server.read_tls(&mut &*hello).unwrap();
            begun.server.process_new_packets().unwrap();

            assert_eq!(tls.install(new.clone()), Ok(1));
            let mut after = connect(tls.config(), &hub);
            for _ in 0..2 {
                before.talk().unwrap();
                after.talk().unwrap();
                begun.talk().unwrap();
            }
            assert_eq!(named(&before), "pump-7");
            assert_eq!(named(&begun), "pump-7");
            assert_eq!(named(&after), "pump-8");
            assert_eq!(shown(&after.server), new.certificate().to_der());
        }
    }
}

/// Under the same name, as it is when a certificate is renewed.
#[test]
fn a_renewed_certificate_of_the_same_key_is_shown() {
    let world = World::get();
    let key = Kind::P256.generate();
    let [old, new] = [1, 2].map(|days| {
        let validity = from_to(NOW - DAY, NOW + days * DAY);
        let certificate = world.device_ca.issue_device(DEVICE, &*key, validity);
        TlsIdentity::new(world.device_ca.chain_of(certificate), key.clone()).unwrap()
    });
    for provider in PROVIDERS {
        for version in VERSIONS {
            let hub = hub(provider, version);
            let tls = client(provider, &old);
            connect(tls.config(), &hub);
            tls.install(new.clone()).unwrap();
            let link = connect(tls.config(), &hub);
            assert!(!link.is_resumed());
            assert_eq!(shown(&link.server), new.certificate().to_der());
        }
    }
}

#[test]
fn no_session_of_the_old_identity_is_resumed() {
    let (old, new) = (device("pump-7"), device("pump-8"));
    for provider in PROVIDERS {
        for version in VERSIONS {
            let hub = hub(provider, version);
            let tls = client(provider, &old);
            assert!(!connect(tls.config(), &hub).is_resumed());
            assert!(connect(tls.config(), &hub).is_resumed());
            let kept = tls.config();

            tls.install(new.clone()).unwrap();
            let link = connect(tls.config(), &hub);
            assert!(!link.is_resumed());
            assert_eq!(named(&link), "pump-8");
            let link = connect(tls.config(), &hub);
            assert!(link.is_resumed());
            assert_eq!(named(&link), "pump-8");
            // The session was there to be had: who kept the old configuration has it.
            let link = connect(kept, &hub);
            assert!(link.is_resumed());
            assert_eq!(named(&link), "pump-7");

            // And back again: that is another exchange, not the configuration of before.
            tls.install(old.clone()).unwrap();
            let link = connect(tls.config(), &hub);
            assert!(!link.is_resumed());
            assert_eq!(named(&link), "pump-7");
        }
    }
}

/// TLS 1.3 sends tickets when the handshake is over: one that is late arrives after the exchange.
#[test]
fn a_late_ticket_is_not_used_by_the_new_identity() {
    let (old, new) = (device("pump-7"), device("pump-8"));
    for provider in PROVIDERS {
        let hub = hub(provider, ProtocolVersion::TLSv1_3);
        let tls = client(provider, &old);
        let kept = tls.config();
        let mut link = Link::new(tls.config(), hub.clone());
        let mut wire = Vec::new();
        // Hello; the server's messages; what ends the handshake; the tickets, which are held back.
        link.client.write_tls(&mut wire).unwrap();
        link.server.read_tls(&mut &*wire).unwrap();
        link.server.process_new_packets().unwrap();
        wire.clear();
        while link.server.wants_write() {
            link.server.write_tls(&mut wire).unwrap();
        }
        link.client.read_tls(&mut &*wire).unwrap();
        link.client.process_new_packets().unwrap();
        assert!(!link.client.is_handshaking());
        wire.clear();
        while link.client.wants_write() {
            link.client.write_tls(&mut wire).unwrap();
        }
        link.server.read_tls(&mut &*wire).unwrap();
        link.server.process_new_packets().unwrap();
        assert!(!link.server.is_handshaking());
        wire.clear();
        while link.server.wants_write() {
            link.server.write_tls(&mut wire).unwrap();
        }
        assert!(!wire.is_empty());
        assert_eq!(link.client.tls13_tickets_received(), 0);

        tls.install(new.clone()).unwrap();
        link.client.read_tls(&mut &*wire).unwrap();
        link.client.process_new_packets().unwrap();
        assert!(link.client.tls13_tickets_received() > 0);
        link.talk().unwrap();

        for _ in 0..3 {
            let next = connect(tls.config(), &hub);
            assert_eq!(named(&next), "pump-8");
        }
        // It was a good one.
        let next = connect(kept, &hub);
        assert!(next.is_resumed());
        assert_eq!(named(&next), "pump-7");
    }
}

/// The first is never resumed, whatever arrived: the stores are two.
#[test]
fn a_late_ticket_does_not_even_arrive_in_the_new_store() {
    let (old, new) = (device("pump-7"), device("pump-8"));
    for provider in PROVIDERS {
        let hub = hub(provider, ProtocolVersion::TLSv1_3);
        let tls = client(provider, &old);
        let kept = tls.config();
        tls.install(new.clone()).unwrap();
        // All of it after the exchange, with the configuration of before.
        connect(kept, &hub);
        let next = connect(tls.config(), &hub);
        assert!(!next.is_resumed());
        assert_eq!(named(&next), "pump-8");
    }
}

#[test]
fn one_configuration_for_ever_shows_the_identity_of_the_moment() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let asked = world.server(provider).ask_clients(world.device_ca.anchors()).sessions(8);
            let asked = asked.build(now()).unwrap().config();
            let hub = hub(provider, version);
            let tls = world.client(provider).build(now()).unwrap();
            let rotating = tls.rotating_config();
            // It is asked when a handshake begins, and one may come while it lasts.
            assert!(rotating.client_auth_cert_resolver.has_certs());
            let link = connect(rotating.clone(), &asked);
            assert_eq!(shown(&link.server), []);

            for (generation, id) in (1..).zip(["pump-1", "pump-2", "pump-3"]) {
                let identity = device(id);
                assert_eq!(tls.install(identity.clone()), Ok(generation));
                for _ in 0..2 {
                    let link = connect(rotating.clone(), &hub);
                    assert!(!link.is_resumed());
                    assert_eq!(named(&link), id);
                    assert_eq!(shown(&link.server), identity.certificate().to_der());
                }
            }
            assert!(Arc::ptr_eq(&rotating, &tls.rotating_config()));
        }
    }
}

/// One that asks while the identity is exchanged gets the one that was there when it was asked.
#[test]
fn a_handshake_shows_one_identity_from_beginning_to_end() {
    let (old, new) = (device("pump-7"), device("pump-8"));
    for provider in PROVIDERS {
        for version in VERSIONS {
            let hub = hub(provider, version);
            let tls = client(provider, &old);
            // What is written before the certificate and after it.
            let mut link = Link::new(tls.rotating_config(), hub.clone());
            let mut wire = Vec::new();
            link.client.write_tls(&mut wire).unwrap();
            link.server.read_tls(&mut &*wire).unwrap();
            link.server.process_new_packets().unwrap();
            tls.install(new.clone()).unwrap();
            link.talk().unwrap();
            assert_eq!(named(&link), "pump-8");
        }
    }
}

/// Where the recorded configuration comes from is the identity of that moment.
#[test]
fn a_recorded_attempt_shows_the_identity_of_its_beginning() {
    let (old, new) = (device("pump-7"), device("pump-8"));
    for provider in PROVIDERS {
        for version in VERSIONS {
            let hub = hub(provider, version);
            let tls = client(provider, &old);
            let (before, _) = tls.recorded();
            tls.install(new.clone()).unwrap();
            assert_eq!(named(&connect(before, &hub)), "pump-7");
            let (after, record) = tls.recorded();
            let link = connect(after, &hub);
            assert!(!link.is_resumed());
            assert_eq!(named(&link), "pump-8");
            assert!(record.sent_certificate());
        }
    }
}

/// A key of a store that does not answer, or that signs something else.
#[derive(Debug)]
struct Broken {
    key: Arc<SoftwareSigningKey>,
    answers: bool,
}

impl SigningKey for Broken {
    fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
        self.key.public_key()
    }

    fn algorithms(&self) -> &[SignatureAlgorithm] {
        self.key.algorithms()
    }

    fn sign(&self, algorithm: SignatureAlgorithm, _: &[u8]) -> Result<Vec<u8>, KeyError> {
        if self.answers { self.key.sign(algorithm, b"another text") } else { Err(no_answer()) }
    }
}

fn no_answer() -> KeyError {
    KeyError::Other(OtherError::from_static("the secure element does not answer"))
}

/// Valid from and to, in seconds from now.
fn valid(id: &str, from: u64, to: u64) -> TlsIdentity {
    let key = Kind::P256.generate();
    let ca = &World::get().device_ca;
    let certificate = ca.issue_device(id, &*key, from_to(from, to));
    TlsIdentity::new(ca.chain_of(certificate), key).unwrap()
}

#[test]
fn what_fails_its_tests_is_not_installed() {
    let old = device("pump-7");
    let key = Kind::P256.generate();
    let chain = World::get().device_ca.device("pump-8", key.clone()).certificate().clone();
    let broken = |answers| {
        let key = Arc::new(Broken { key: key.clone(), answers });
        TlsIdentity::new(chain.clone(), key).unwrap()
    };
    for provider in PROVIDERS {
        for version in VERSIONS {
            let hub = hub(provider, version);
            for first in [Some(&old), None] {
                let tls = match first {
                    Some(identity) => client(provider, identity),
                    None => World::get().client(provider).build(now()).unwrap(),
                };
                let before = tls.config();
                let explained = tls.explain();
                let resumes = first.is_some() && {
                    connect(tls.config(), &hub);
                    connect(tls.config(), &hub).is_resumed()
                };
                assert_eq!(resumes, first.is_some());
                for (identity, expected) in [
                    (broken(false), IdentityError::Key(no_answer())),
                    (broken(true), IdentityError::BadSignature),
                    (
                        valid("pump-8", NOW - DAY, NOW - 1),
                        IdentityError::Expired { not_after: at(NOW - 1), now: at(NOW) },
                    ),
                    (
                        valid("pump-8", NOW + 1, NOW + DAY),
                        IdentityError::NotYetValid { not_before: at(NOW + 1), now: at(NOW) },
                    ),
                ] {
                    assert_eq!(tls.install(identity), Err(expected.clone()));
                    assert!(!expected.to_string().is_empty());
                    assert_eq!(tls.generation(), 0);
                    assert_eq!(
                        tls.identity().map(|identity| identity.thumbprint()),
                        first.map(TlsIdentity::thumbprint)
                    );
                    assert_eq!(tls.explain(), explained);
                    // Not even the sessions are gone.
                    assert!(Arc::ptr_eq(&tls.config(), &before));
                    if first.is_some() {
                        let link = connect(tls.config(), &hub);
                        assert!(link.is_resumed());
                        assert_eq!(named(&link), "pump-7");
                        assert_eq!(named(&connect(tls.rotating_config(), &hub)), "pump-7");
                    }
                }
                // And one that is right is, afterwards.
                assert_eq!(tls.install(device("pump-9")), Ok(1));
                assert_eq!(named(&connect(tls.config(), &hub)), "pump-9");
            }
        }
    }
}

#[test]
fn validity_counts_to_the_second_where_the_time_is_known() {
    let identity = valid("pump-8", NOW - 60, NOW + 60);
    for provider in PROVIDERS {
        let clock = Dial::new();
        let tls = World::get().client(provider).build(clock.clone()).unwrap();
        let mut generation = 0;
        for (now, is_valid) in [
            (NOW - 61, false),
            (NOW - 60, true),
            (NOW, true),
            (NOW + 60, true),
            (NOW + 61, false),
            (0, false),
            (u64::MAX - 1, false),
        ] {
            clock.set(now);
            generation += u64::from(is_valid);
            assert_eq!(tls.install(identity.clone()).is_ok(), is_valid, "{now}");
            assert_eq!(tls.generation(), generation);
        }
        // Who does not know the time cannot say that it is over, and cannot connect either.
        clock.forget();
        for (from, to) in [(NOW - 60, NOW + 60), (NOW - 60, NOW - 50), (NOW + 50, NOW + 60)] {
            generation += 1;
            assert_eq!(tls.install(valid("pump-8", from, to)), Ok(generation));
        }
        // The key is tested all the same.
        let key = Arc::new(Broken { key: Kind::P256.generate(), answers: true });
        let chain = World::get().device_ca.device("pump-8", key.key.clone());
        let broken = TlsIdentity::new(chain.certificate().clone(), key).unwrap();
        assert_eq!(tls.install(broken), Err(IdentityError::BadSignature));
        assert_eq!(tls.generation(), generation);
    }
}

/// What is built in the first place need not be valid: a device may have nothing else, and the server says.
#[test]
fn a_first_identity_that_is_over_is_taken() {
    let old = valid("pump-7", NOW - DAY, NOW - 1);
    for provider in PROVIDERS {
        for clock in [now(), FixedClock::unknown()] {
            let tls = World::get().client(provider).identity(old.clone()).build(clock).unwrap();
            assert!(tls.identity().is_some());
        }
    }
}

#[test]
fn an_exchange_can_be_watched() {
    for provider in PROVIDERS {
        let tls = World::get().client(provider).build(now()).unwrap();
        let other = tls.clone();
        assert_eq!((tls.generation(), other.generation()), (0, 0));
        assert!(tls.identity().is_none());
        let mut seen = vec![tls.config()];
        for generation in 1..=5 {
            let identity = device("pump-7");
            // From either handle; both see it.
            let handle = if generation % 2 == 0 { &tls } else { &other };
            assert_eq!(handle.install(identity.clone()), Ok(generation));
            for handle in [&tls, &other] {
                assert_eq!(handle.generation(), generation);
                assert_eq!(handle.identity().unwrap().thumbprint(), identity.thumbprint());
                let explained = handle.explain().to_string();
                assert!(explained.contains(&identity.thumbprint().to_string()), "{explained}");
            }
            assert!(Arc::ptr_eq(&tls.config(), &other.config()));
            assert!(seen.iter().all(|config| !Arc::ptr_eq(config, &tls.config())));
            seen.push(tls.config());
        }
        // Nothing happens by itself.
        assert!(Arc::ptr_eq(&tls.config(), &tls.config()));
        assert_eq!(tls.generation(), 5);
    }
}

/// Beside the identity, nothing changes.
#[test]
fn an_exchange_changes_nothing_but_the_identity() {
    for provider in PROVIDERS {
        let tls = World::get()
            .client(provider)
            .alpn(&["http/1.1"])
            .sessions(3)
            .tls13_only()
            .identity(device("pump-7"))
            .build(now())
            .unwrap();
        let without_identity = |tls: &ClientTls| {
            let explained: serde_json::Value =
                serde_json::from_str(&tls.explain().to_json()).unwrap();
            let mut explained = explained.as_object().unwrap().clone();
            (explained.remove("identity").unwrap(), explained)
        };
        let before = without_identity(&tls);
        tls.install(device("pump-8")).unwrap();
        let after = without_identity(&tls);
        assert_eq!(before.1, after.1);
        assert_ne!(before.0, after.0);
        assert_eq!(tls.config().alpn_protocols, [b"http/1.1"]);
    }
}

/// Threads that connect, by either door, while another exchanges the identity. The server checks each
/// signature, so that a certificate with another's key would be found.
#[test]
fn handshakes_and_exchanges_at_once() {
    const THREADS: usize = 8;
    const HANDSHAKES: usize = 40;

    let identities: Vec<TlsIdentity> = (0..4).map(|id| device(&format!("pump-{id}"))).collect();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let hub = hub(provider, version);
            let tls = client(provider, &identities[0]);
            let (installed, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
            let seen: BTreeSet<String> = std::thread::scope(|scope| {
                let installer = scope.spawn(|| {
                    for identity in identities.iter().cycle() {
                        if is_over.load(Ordering::Relaxed) {
                            break;
                        }
                        let generation = tls.install(identity.clone()).unwrap();
                        assert_eq!(generation, installed.fetch_add(1, Ordering::Relaxed) + 1);
                        assert!(tls.generation() >= generation);
                        std::thread::yield_now();
                    }
                });
                let threads: Vec<_> = (0..THREADS)
                    .map(|thread| {
                        let (tls, hub, identities) = (tls.clone(), &hub, &identities);
                        scope.spawn(move || {
                            let mut seen = BTreeSet::new();
                            let mut last = 0;
                            for handshake in 0..HANDSHAKES {
                                let config = match (thread + handshake) % 3 {
                                    0 => tls.rotating_config(),
                                    1 => tls.recorded().0,
                                    _ => tls.config(),
                                };
                                let link = connect(config, hub);
                                let name = named(&link);
                                let chain = shown(&link.server);
                                let is_one = identities.iter().any(|identity| {
                                    let certificate = identity.certificate();
                                    certificate.to_der() == chain
                                        && certificate.end_entity().common_name() == Some(&name)
                                });
                                assert!(is_one, "{name}");
                                seen.insert(name);
                                let generation = tls.generation();
                                assert!(generation >= last);
                                last = generation;
                                assert!(tls.identity().is_some());
                            }
                            seen
                        })
                    })
                    .collect();
                let seen = threads.into_iter().map(|thread| thread.join().unwrap());
                let seen = seen.flatten().collect();
                is_over.store(true, Ordering::Relaxed);
                installer.join().unwrap();
                seen
            });
            assert_eq!(tls.generation(), installed.load(Ordering::Relaxed));
            assert!(seen.len() > 1, "{seen:?}");
        }
    }
}

/// Exchanges from several threads: each gets a number of its own, and the last one stays.
#[test]
fn exchanges_at_once_are_counted_one_by_one() {
    let identities: Vec<TlsIdentity> = (0..4).map(|id| device(&format!("pump-{id}"))).collect();
    for provider in PROVIDERS {
        let tls = client(provider, &identities[0]);
        let mut numbers: Vec<(u64, usize)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let (tls, identity) = (tls.clone(), &identities[thread]);
                    scope.spawn(move || {
                        [(); 10].map(|()| (tls.install(identity.clone()).unwrap(), thread))
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        numbers.sort_unstable();
        assert!(numbers.iter().map(|(number, _)| *number).eq(1..=40));
        let (_, last) = numbers[39];
        assert_eq!(tls.identity().unwrap().thumbprint(), identities[last].thumbprint());
        assert_eq!(tls.generation(), 40);
    }
}

/// Whoever has seen a generation gets the configuration of that one or of a later one.
#[test]
fn a_generation_that_was_seen_is_the_one_that_is_used() {
    let identities: Vec<TlsIdentity> = (0..2).map(|id| device(&format!("pump-{id}"))).collect();
    let tls = client(Provider::Ring, &identities[0]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for generation in 1..=100_usize {
                tls.install(identities[generation % 2].clone()).unwrap();
            }
        });
        scope.spawn(|| {
            loop {
                let before = tls.generation();
                let identity = tls.identity().unwrap().thumbprint();
                let after = tls.generation();
                // Where there was no exchange between, the number tells which one it is.
                if before == after {
                    let expected = &identities[usize::try_from(before).unwrap() % 2];
                    assert_eq!(identity, expected.thumbprint());
                }
                if after == 100 {
                    break;
                }
            }
        });
    });
}

/// A clock that panics when it is asked does not take the configurations along.
#[test]
fn a_clock_that_panics_breaks_nothing_else() {
    #[derive(Clone, Debug)]
    struct Startling(Arc<AtomicBool>);
    impl Clock for Startling {
        fn now(&self) -> Result<UnixTime, hubward::TimeError> {
            assert!(!self.0.load(Ordering::Relaxed), "the clock's own mistake");
            now().now()
        }
    }
    let is_startling = Arc::new(AtomicBool::new(false));
    let clock = Startling(Arc::clone(&is_startling));
    let builder = World::get().client(Provider::Ring).identity(device("pump-7"));
    let tls = builder.build(clock).unwrap();
    is_startling.store(true, Ordering::Relaxed);
    let next = device("pump-8");
    let panicked = std::thread::scope(|scope| scope.spawn(|| tls.install(next)).join().is_err());
    assert!(panicked);
    is_startling.store(false, Ordering::Relaxed);
    assert_eq!(tls.generation(), 0);
    assert_eq!(tls.install(device("pump-9")), Ok(1));
    let hub = hub(Provider::Ring, ProtocolVersion::TLSv1_3);
    assert_eq!(named(&connect(tls.config(), &hub)), "pump-9");
}

/// A library that was given its configuration before there was an identity.
#[test]
fn the_first_identity_may_come_within_a_handshake() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let tls = world.client(provider).build(now()).unwrap();
            // It begins before, and says nothing until the hub has something to read.
            let mut link = Link::new(tls.rotating_config(), hub(provider, version));
            tls.install(device("pump-1")).unwrap();
            link.talk().unwrap();
            assert_eq!(named(&link), "pump-1");
        }
    }
}

#[test]
fn a_configuration_and_its_generation_belong_together() {
    let tls = client(PROVIDERS[0], &device("pump-0"));
    let done = Arc::new(AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let (tls, done) = (tls.clone(), Arc::clone(&done));
        move || {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                seen.push(tls.config_and_generation());
            }
            seen
        }
    });
    let mut published = vec![tls.config_and_generation()];
    for id in 1..20 {
        tls.install(device(&format!("pump-{id}"))).unwrap();
        published.push(tls.config_and_generation());
    }
    done.store(true, Ordering::Relaxed);
    for (config, generation) in watcher.join().unwrap() {
        let place = usize::try_from(generation).unwrap();
        assert!(Arc::ptr_eq(&published[place].0, &config), "{generation}");
    }
}

/// The old key is dropped when the new identity is in place, and may ask for it.
#[test]
fn a_key_that_asks_when_it_is_dropped_gets_an_answer() {
    #[derive(Debug)]
    struct Asking(Arc<SoftwareSigningKey>, std::sync::OnceLock<ClientTls>, Arc<AtomicU64>);

    impl SigningKey for Asking {
        fn public_key(&self) -> SubjectPublicKeyInfoDer<'_> {
            self.0.public_key()
        }

        fn algorithms(&self) -> &[SignatureAlgorithm] {
            self.0.algorithms()
        }

        fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
            self.0.sign(algorithm, message)
        }
    }

    impl Drop for Asking {
        fn drop(&mut self) {
            if let Some(tls) = self.1.get() {
                self.2.store(tls.generation(), Ordering::Relaxed);
            }
        }
    }

    let world = World::get();
    let seen = Arc::new(AtomicU64::new(u64::MAX));
    let key = Kind::P256.key();
    let asking = Arc::new(Asking(key, std::sync::OnceLock::new(), Arc::clone(&seen)));
    let first = world.device_ca.device("pump-1", Arc::<Asking>::clone(&asking));
    let tls = world.client(PROVIDERS[0]).identity(first).build(now()).unwrap();
    asking.1.set(tls.clone()).unwrap();
    drop(asking);
    tls.install(device("pump-2")).unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}
