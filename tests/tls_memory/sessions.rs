//! Sessions that are resumed, how many are kept, and where they are not.

use std::sync::Arc;

use hubward::tls::rustls::{ClientConfig, ServerConfig};
use hubward::tls::{ClientTls, Provider};

use crate::peers::{VERSIONS, crypto, hub, server, server_resolver};
use crate::world::{HUB, Kind, Link, PROVIDERS, World, now};

fn is_resumed(name: &str, client: Arc<ClientConfig>, server: &Arc<ServerConfig>) -> bool {
    let mut link = Link::to(name, client, server.clone());
    link.talk().unwrap();
    link.is_resumed()
}

fn with_sessions(provider: Provider, servers: usize) -> ClientTls {
    World::get().client(provider).sessions(servers).build(now()).unwrap()
}

#[test]
fn sessions_are_resumed_unless_they_are_switched_off() {
    for provider in PROVIDERS {
        for version in VERSIONS {
            let hub = hub(provider, version);
            let tls = World::get().client(provider).build(now()).unwrap();
            assert!(!is_resumed(HUB, tls.config(), &hub));
            for _ in 0..3 {
                assert!(is_resumed(HUB, tls.config(), &hub), "{provider} {:?}", version.version);
            }
            // The same identity, whoever holds the handle.
            assert!(is_resumed(HUB, tls.clone().config(), &hub));

            let off = with_sessions(provider, 0);
            for _ in 0..3 {
                assert!(!is_resumed(HUB, off.config(), &hub));
                assert!(!is_resumed(HUB, tls.rotating_config(), &hub));
                assert!(!is_resumed(HUB, tls.recorded().0, &hub));
                assert!(!is_resumed(HUB, off.recorded().0, &hub));
            }
            // And those neither took nor left anything.
            assert!(is_resumed(HUB, tls.config(), &hub));
        }
    }
}

/// A session is of the server that it was made with.
#[test]
fn sessions_are_not_taken_elsewhere() {
    for provider in PROVIDERS {
        for version in VERSIONS {
            let names = [HUB, "fabrikam.azure-devices.net"];
            let identity = World::get().hub_ca.server(&names, Kind::P256.key());
            let both = server(crypto(provider), &[version], server_resolver(&identity));
            let tls = World::get().client(provider).build(now()).unwrap();
            assert!(!is_resumed(names[0], tls.config(), &both));
            assert!(!is_resumed(names[1], tls.config(), &both));
            assert!(is_resumed(names[0], tls.config(), &both));
            // Nor to another client.
            let other = World::get().client(provider).build(now()).unwrap();
            assert!(!is_resumed(names[0], other.config(), &both));
            // A server that does not know it any longer.
            let reborn = server(crypto(provider), &[version], server_resolver(&identity));
            assert!(!is_resumed(names[0], tls.config(), &reborn));
        }
    }
}

/// So many servers as were said, and no more; the oldest goes first.
#[test]
fn the_sessions_of_so_many_servers_are_kept() {
    let names: Vec<String> = (0..20).map(|hub| format!("hub-{hub}.azure-devices.net")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let identity = World::get().hub_ca.server(&names, Kind::P256.key());
    for provider in PROVIDERS {
        for version in VERSIONS {
            let hubs = server(crypto(provider), &[version], server_resolver(&identity));
            for (tls, kept) in [
                (World::get().client(provider).build(now()).unwrap(), 8),
                (with_sessions(provider, 1), 1),
                (with_sessions(provider, 2), 2),
                (with_sessions(provider, 8), 8),
                (with_sessions(provider, 9), 9),
                (with_sessions(provider, 17), 17),
            ] {
                println!("{provider} {:?} {kept}", version.version);
                // As many as there is room for.
                for name in &names[..kept] {
                    assert!(!is_resumed(name, tls.config(), &hubs));
                }
                for name in &names[..kept] {
                    assert!(is_resumed(name, tls.config(), &hubs), "{name}");
                }
                // One more, for which the first has to go.
                assert!(!is_resumed(names[kept], tls.config(), &hubs));
                assert!(is_resumed(names[kept], tls.config(), &hubs));
                for name in &names[1..kept] {
                    assert!(is_resumed(name, tls.config(), &hubs), "{name}");
                }
                assert!(!is_resumed(names[0], tls.config(), &hubs));
            }
        }
    }
}

/// No number is too big: there is a bound, which shows.
#[test]
fn the_number_of_sessions_has_a_bound() {
    for provider in PROVIDERS {
        let tls = with_sessions(provider, usize::MAX);
        assert!(tls.explain().to_string().contains("\nresumption: sessions of 1024 servers\n"));
        let server = World::get().server(provider).sessions(usize::MAX).build(now()).unwrap();
        assert!(!is_resumed(HUB, tls.config(), &server.config()));
        assert!(is_resumed(HUB, tls.config(), &server.config()));
        let hub = hub(provider, VERSIONS[1]);
        assert!(!is_resumed(HUB, tls.config(), &hub));
        assert!(is_resumed(HUB, tls.config(), &hub));
    }
}
