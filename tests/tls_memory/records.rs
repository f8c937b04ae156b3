//! What the record of an attempt knows: the server's chain, its name, and whether a certificate went out.

use std::sync::Arc;

use hubward::tls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use hubward::tls::{ClientTls, HandshakeRecord, Provider, TlsIdentity};
use hubward::x509::CHAIN_MAX;

use crate::peers::{VERSIONS, client_resolver, crypto, hub, hub_for_devices, server};
use crate::world::{Authority, HUB, Kind, Link, PROVIDERS, World, now};

fn is_empty(record: &HandshakeRecord) -> bool {
    record.server_chain().is_empty() && record.server_name().is_none()
}

fn client(provider: Provider, identity: Option<&TlsIdentity>) -> ClientTls {
    let builder = World::get().client(provider);
    let builder = match identity {
        Some(identity) => builder.identity(identity.clone()),
        None => builder,
    };
    builder.build(now()).unwrap()
}

#[test]
fn the_chain_and_the_name_are_remembered() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let (config, record) = client(provider, None).recorded();
            assert!(is_empty(&record) && !record.is_of_several());
            let mut link = Link::new(config, hub(provider, version));
            link.talk().unwrap();
            assert_eq!(record.server_chain(), world.hub.certificate().to_der());
            assert_eq!(record.server_name().as_deref(), Some(HUB));
            assert!(!record.is_of_several());
            // Handles of one record.
            assert_eq!(record.clone().server_chain(), record.server_chain());

            // Whoever is refused is remembered as well: that is what it is for.
            let stranger = ClientTls::builder(provider).trust(world.device_ca.anchors());
            let (config, record) = stranger.build(now()).unwrap().recorded();
            Link::to("192.0.2.7", config, hub(provider, version)).talk().unwrap_err();
            assert_eq!(record.server_chain(), world.hub.certificate().to_der());
            assert_eq!(record.server_name().as_deref(), Some("192.0.2.7"));
        }
    }
}

#[test]
fn it_is_known_whether_a_certificate_went_out() {
    let device = &World::get().device;
    for provider in PROVIDERS {
        for version in VERSIONS {
            for (identity, is_asked, expected) in [
                (None, false, (false, false)),
                (Some(device), false, (false, false)),
                (None, true, (true, false)),
                (Some(device), true, (true, true)),
            ] {
                let (config, record) = client(provider, identity).recorded();
                let server = if is_asked {
                    hub_for_devices(provider, version)
                } else {
                    hub(provider, version)
                };
                let talked = Link::new(config, server).talk();
                assert_eq!(talked.is_ok(), !(is_asked && identity.is_none()));
                let found = (record.asked_for_certificate(), record.sent_certificate());
                assert_eq!(found, expected, "{provider} {:?}", version.version);
            }
        }
    }
}

/// Without a server's certificate there is nothing to remember.
#[test]
fn an_attempt_that_ends_early_leaves_nothing() {
    for provider in PROVIDERS {
        let tls = World::get().client(provider).tls13_only().build(now()).unwrap();
        let (config, record) = tls.recorded();
        let mut link = Link::new(config, hub(provider, VERSIONS[0]));
        link.talk().unwrap_err();
        assert!(is_empty(&record) && !record.is_of_several());
        assert!(!record.asked_for_certificate() && !record.sent_certificate());
    }
}

#[test]
fn of_several_attempts_it_knows_nothing() {
    for provider in PROVIDERS {
        let tls = client(provider, Some(&World::get().device));
        let (config, record) = tls.recorded();
        for version in VERSIONS {
            Link::new(config.clone(), hub_for_devices(provider, version)).talk().unwrap();
        }
        assert!(record.is_of_several() && is_empty(&record));
        // One of its own each time.
        let (config, other) = tls.recorded();
        Link::new(config, hub(provider, VERSIONS[1])).talk().unwrap();
        assert!(!other.is_of_several() && !is_empty(&other));
    }
}

#[test]
fn attempts_at_once_are_told_apart_or_not_told_of() {
    for provider in PROVIDERS {
        let tls = client(provider, None);
        let (config, record) = tls.recorded();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    Link::new(config.clone(), hub(provider, VERSIONS[1])).talk().unwrap();
                    let (own, known) = tls.recorded();
                    Link::new(own, hub(provider, VERSIONS[1])).talk().unwrap();
                    assert_eq!(known.server_name().as_deref(), Some(HUB));
                });
            }
        });
        assert!(record.is_of_several() && is_empty(&record));
    }
}

/// A server may send what it likes.
#[test]
fn of_a_long_chain_the_beginning_is_kept() {
    let world = World::get();
    for provider in PROVIDERS {
        for version in VERSIONS {
            let good = client_resolver(&world.hub).resolve(&[], &[]).unwrap();
            let chain: Vec<_> = good.cert.iter().cycle().take(40).cloned().collect();
            let long = CertifiedKey::new(chain.clone(), Arc::clone(&good.key));
            let resolver = SingleCertAndKey::from(long);
            let server = server(crypto(provider), &[version], Arc::new(resolver));
            let (config, record) = client(provider, None).recorded();
            // Whether the chain is believed is not asked here.
            let _ = Link::new(config, server).talk();
            assert_eq!(record.server_chain(), chain[..CHAIN_MAX]);
        }
    }
}

/// It decides nothing: what it wraps does.
#[test]
fn recording_changes_no_verdict() {
    let foreign = Authority::root("Fabrikam root").server(&[HUB], Kind::P256.key());
    for provider in PROVIDERS {
        let tls = client(provider, None);
        for version in VERSIONS {
            let resolver = crate::peers::server_resolver(&foreign);
            let server = server(crypto(provider), &[version], resolver);
            let plain = Link::new(tls.config(), server.clone()).talk().unwrap_err();
            let recorded = Link::new(tls.recorded().0, server).talk().unwrap_err();
            assert_eq!(plain, recorded);
        }
    }
}
