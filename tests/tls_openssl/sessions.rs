//! Sessions that are resumed, and those that must not be: what the server itself says of each connection.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use hubward::FixedClock;
use hubward::tls::ClientTls;
use hubward::tls::rustls::{ClientConfig, HandshakeKind};

use crate::connect::connect;
use crate::server::Server;
use crate::world::{DEVICE, HUB, P256, PROVIDERS, World, now_and};

/// Whether the server, asked for its page of statistics, says that it resumed a session; the client must
/// agree.
fn is_resumed(config: Arc<ClientConfig>, server: &Server) -> bool {
    let mut connected = connect(config, &server.address, HUB).unwrap();
    let kind = connected.tls().handshake_kind();
    connected.0.get_mut().write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut page = Vec::new();
    // Until the server hangs up, with or without a word.
    let _ = connected.0.read_to_end(&mut page);
    let page = String::from_utf8(page).unwrap();
    let resumed = page.contains("\nReused, TLSv1");
    assert_ne!(resumed, page.contains("\nNew, TLSv1"), "{page}");
    assert_eq!(resumed, kind == Some(HandshakeKind::Resumed), "{page}");
    resumed
}

#[test]
fn sessions() {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    for options in [
        "-tls1_3",
        "-tls1_2",
        "-tls1_2 -no_ticket",
        "-tls1_3 -Verify 3 -CAfile devices.pem",
        "-tls1_2 -Verify 3 -CAfile devices.pem",
    ] {
        let start = || {
            let arguments = "-www -cert server.pem -key server.key -cert_chain hall.pem";
            Server::with(&world, &format!("{arguments} {options}"))
        };
        let server = start();
        for provider in PROVIDERS {
            println!("{options} {provider}"); // the last line that a failed test shows
            let tls = world.client(provider, Some(world.identity(DEVICE)));
            assert!(!is_resumed(tls.config(), &server));
            assert!(is_resumed(tls.config(), &server));
            assert!(is_resumed(tls.clone().config(), &server));

            // Not with a record, nor where the identity may change in between, nor afterwards.
            for config in [tls.recorded().0, tls.rotating_config(), tls.rotating_config()] {
                assert!(!is_resumed(config, &server));
            }
            let before = tls.config();
            tls.install(world.identity(DEVICE)).unwrap();
            assert!(!is_resumed(tls.config(), &server));
            assert!(is_resumed(tls.config(), &server));
            // Who keeps the configuration of before has the identity of before, and its sessions.
            assert!(is_resumed(before, &server));

            // A server that forgot them begins anew.
            let forgetful = start();
            assert!(!is_resumed(tls.config(), &forgetful));
            assert!(is_resumed(tls.config(), &forgetful));

            let off: ClientTls = world
                .builder(provider)
                .identity(world.identity(DEVICE))
                .sessions(0)
                .build(FixedClock::at(now_and(0)))
                .unwrap();
            assert!(!is_resumed(off.config(), &server));
            assert!(!is_resumed(off.config(), &server));
        }
    }
}
