//! What a client offers, byte for byte: so much, and nothing else.

use hubward::tls::rustls::ClientConfig;
use hubward::tls::{ClientTls, PostQuantum, Provider};

use crate::hello::Hello;
use crate::world::{HUB, PROVIDERS, World, now};

/// RFC 8446 appendix B.4: AES-256-GCM, AES-128-GCM, ChaCha20-Poly1305.
const SUITES_13: [u16; 3] = [0x1302, 0x1301, 0x1303];
/// ECDHE with ECDSA and with RSA: AES-256-GCM, AES-128-GCM (RFC 5289), ChaCha20-Poly1305 (RFC 7905).
const SUITES_12: [u16; 6] = [0xc02c, 0xc02b, 0xcca9, 0xc030, 0xc02f, 0xcca8];
/// No suite, but the word that renegotiation is meant as in RFC 5746: for TLS 1.2.
const RENEGOTIATION: u16 = 0x00ff;

const X25519_MLKEM768: u16 = 0x11ec;
const X25519: u16 = 0x001d;
const P256: u16 = 0x0017;
const P384: u16 = 0x0018;

fn hello(tls: &ClientTls) -> Hello {
    Hello::of(tls.config(), HUB)
}

fn standard(provider: Provider) -> ClientTls {
    World::get().client(provider).build(now()).unwrap()
}

#[test]
fn suites_and_versions_are_these_and_no_others() {
    for provider in PROVIDERS {
        let standard = hello(&standard(provider));
        let expected = [&SUITES_13[..], &SUITES_12, &[RENEGOTIATION]].concat();
        assert_eq!(standard.suites, expected, "{provider}");
        assert_eq!(standard.versions(), [0x0304, 0x0303]);
        assert_eq!(standard.compressions, [0]);

        let raised = World::get().client(provider).tls13_only().build(now()).unwrap();
        let raised = hello(&raised);
        assert_eq!(raised.suites, SUITES_13, "{provider}");
        assert_eq!(raised.versions(), [0x0304]);
    }
}

#[test]
fn groups_are_these_and_no_others() {
    let classic = [X25519, P256, P384];
    for (provider, post_quantum, hybrid) in [
        (Provider::AwsLcRs, None, true),
        (Provider::AwsLcRs, Some(PostQuantum::Preferred), true),
        (Provider::AwsLcRs, Some(PostQuantum::Off), false),
        (Provider::Ring, None, false),
        (Provider::Ring, Some(PostQuantum::Preferred), false),
        (Provider::Ring, Some(PostQuantum::Off), false),
    ] {
        println!("{provider} {post_quantum:?}");
        let builder = World::get().client(provider);
        let builder = match post_quantum {
            Some(post_quantum) => builder.post_quantum(post_quantum),
            None => builder,
        };
        let tls = builder.build(now()).unwrap();
        let hello = hello(&tls);
        let json: serde_json::Value = serde_json::from_str(&tls.explain().to_json()).unwrap();
        let text = tls.explain().to_string();
        if hybrid {
            assert_eq!(hello.groups(), [&[X25519_MLKEM768][..], &classic].concat());
            // The second half of the first is the second, at no more cost.
            assert_eq!(hello.key_shares(), [(X25519_MLKEM768, 1216), (X25519, 32)]);
            // What the documentation says of it.
            assert!((1400..1600).contains(&hello.len), "{}", hello.len);
            assert_eq!(
                json["groups"],
                serde_json::json!(["X25519MLKEM768", "X25519", "secp256r1", "secp384r1"])
            );
            assert!(
                text.contains("\nkey exchange: X25519MLKEM768, X25519, secp256r1, secp384r1\n")
            );
        } else {
            assert_eq!(hello.groups(), classic);
            assert_eq!(hello.key_shares(), [(X25519, 32)]);
            assert!(hello.len < 512, "{}", hello.len);
            assert_eq!(json["groups"], serde_json::json!(["X25519", "secp256r1", "secp384r1"]));
            assert!(text.contains("\nkey exchange: X25519, secp256r1, secp384r1\n"), "{text}");
        }
    }
}

/// RFC 8446 section 4.2.3.
#[test]
fn signatures_are_no_weaker_than_sha256() {
    for provider in PROVIDERS {
        let offered = hello(&standard(provider)).signature_algorithms();
        // ECDSA with P-256 and P-384, RSA-PSS and RSA PKCS#1 with three hashes each.
        for known in [0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601] {
            assert!(offered.contains(&known), "{provider}: {known:04x}");
        }
        // Beside those, Ed25519, P-521 and ML-DSA.
        let others = offered.iter().filter(|scheme| {
            !matches!(scheme, 0x0403 | 0x0503 | 0x0804..=0x0806 | 0x0401 | 0x0501 | 0x0601)
        });
        for other in others {
            assert!(matches!(other, 0x0807 | 0x0603 | 0x0904..=0x0906), "{provider}: {other:04x}");
        }
    }
}

#[test]
fn the_server_is_told_whom_the_client_wants() {
    for provider in PROVIDERS {
        let tls = standard(provider);
        assert_eq!(hello(&tls).server_name().as_deref(), Some(HUB));
        // RFC 6066 section 3: addresses are no names.
        for address in ["192.0.2.7", "2001:db8::7"] {
            assert_eq!(Hello::of(tls.config(), address).server_name(), None, "{address}");
        }
    }
}

#[test]
fn protocols_are_offered_in_their_order() {
    for provider in PROVIDERS {
        assert_eq!(hello(&standard(provider)).protocols(), [""; 0]);
        for protocols in [&["http/1.1"][..], &["mqtt", "x-amqp", "http/1.1"], &["a"]] {
            let tls = World::get().client(provider).alpn(protocols).build(now()).unwrap();
            assert_eq!(hello(&tls).protocols(), protocols, "{provider}");
            assert_eq!(Hello::of(tls.rotating_config(), HUB).protocols(), protocols);
            assert_eq!(Hello::of(tls.recorded().0, HUB).protocols(), protocols);
        }
        // The last call counts.
        let tls = World::get().client(provider).alpn(&["a", "b"]).alpn(&["c"]);
        assert_eq!(hello(&tls.build(now()).unwrap()).protocols(), ["c"]);
    }
}

/// The configurations of a client offer all the same.
#[test]
fn no_door_offers_more_than_another() {
    let world = World::get();
    for provider in PROVIDERS {
        for tls in [
            world.client(provider).build(now()).unwrap(),
            world
                .client(provider)
                .tls13_only()
                .post_quantum(PostQuantum::Off)
                .build(now())
                .unwrap(),
        ] {
            let before = tls.config();
            tls.install(world.device.clone()).unwrap();
            let first = Hello::of(before, HUB);
            for other in [tls.config(), tls.rotating_config(), tls.recorded().0] {
                let other = Hello::of(other, HUB);
                assert_eq!(first.suites, other.suites);
                assert_eq!(first.versions(), other.versions());
                assert_eq!(first.groups(), other.groups());
                assert_eq!(first.signature_algorithms(), other.signature_algorithms());
                assert_eq!(other.server_name().as_deref(), Some(HUB));
            }
        }
    }
}

/// What rustls could do beside, and weakens.
#[test]
fn nothing_is_switched_on_beside() {
    for provider in PROVIDERS {
        let tls = standard(provider);
        let is_plain = |config: &ClientConfig| {
            config.enable_sni
                && !config.enable_early_data
                && !config.enable_secret_extraction
                && !config.key_log.will_log("CLIENT_TRAFFIC_SECRET_0")
        };
        assert!(is_plain(&tls.config()), "{provider}");
        assert!(is_plain(&tls.rotating_config()), "{provider}");
        assert!(is_plain(&tls.recorded().0), "{provider}");
        let server = World::get().server(provider).sessions(4).build(now()).unwrap().config();
        assert_eq!(server.max_early_data_size, 0);
        assert!(!server.enable_secret_extraction);
        assert!(!server.key_log.will_log("SERVER_TRAFFIC_SECRET_0"));
        assert!(!server.send_half_rtt_data);
    }
}
