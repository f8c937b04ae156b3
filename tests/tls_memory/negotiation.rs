//! What the two ends agree on: every suite, group and version, one at a time, from either end.

use std::sync::Arc;

use hubward::tls::rustls::crypto::{SupportedKxGroup, aws_lc_rs, ring};
use hubward::tls::rustls::version::{TLS12, TLS13};
use hubward::tls::rustls::{
    AlertDescription, CipherSuite, ClientConfig, Error, NamedGroup, PeerIncompatible,
    ProtocolVersion, ServerConfig,
};
use hubward::tls::{PostQuantum, Provider, TlsIdentity};

use crate::peers::{
    VERSIONS, client, crypto, hub, server, server_resolver, with_group, with_suite,
};
use crate::world::{Broken, HUB, Kind, Link, PROVIDERS, World, now};

/// Each suite, and the key of a server that can use it.
const SUITES: [(CipherSuite, Kind); 12] = [
    (CipherSuite::TLS13_AES_256_GCM_SHA384, Kind::P256),
    (CipherSuite::TLS13_AES_128_GCM_SHA256, Kind::P384),
    (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, Kind::Rsa),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, Kind::P256),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, Kind::P384),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, Kind::P256),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, Kind::P384),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, Kind::P256),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, Kind::P384),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, Kind::Rsa),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, Kind::Rsa),
    (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, Kind::Rsa),
];

fn hub_with(kind: Kind) -> TlsIdentity {
    World::get().hub_ca.server(&[HUB], kind.key())
}

fn agreed(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<Link, Box<Broken>> {
    let mut link = Link::new(client, server);
    link.talk()?;
    Ok(link)
}

#[test]
fn every_suite_works_alone() {
    for provider in PROVIDERS {
        let ours = World::get().client(provider).build(now()).unwrap();
        for (suite, kind) in SUITES {
            println!("{provider} {suite:?} {kind:?}");
            let identity = hub_with(kind);
            let crypto = with_suite(provider, suite);
            let version = crypto.cipher_suites[0].version();

            let theirs = server(crypto.clone(), &[version], server_resolver(&identity));
            let link = agreed(ours.config(), theirs).unwrap();
            assert_eq!(link.client.negotiated_cipher_suite().unwrap().suite(), suite);
            assert_eq!(link.client.protocol_version(), Some(version.version));

            let hub = World::get().server(provider).identity(identity).build(now()).unwrap();
            let link = agreed(client(crypto, &[version], None), hub.config()).unwrap();
            assert_eq!(link.server.negotiated_cipher_suite().unwrap().suite(), suite);
            assert_eq!(link.server.protocol_version(), Some(version.version));
        }
    }
}

/// The two providers understand each other.
#[test]
fn the_best_of_both_is_taken() {
    for (ours, theirs) in [
        (Provider::AwsLcRs, Provider::AwsLcRs),
        (Provider::AwsLcRs, Provider::Ring),
        (Provider::Ring, Provider::AwsLcRs),
        (Provider::Ring, Provider::Ring),
    ] {
        let client = World::get().client(ours).build(now()).unwrap();
        let server = World::get().server(theirs).build(now()).unwrap();
        let link = agreed(client.config(), server.config()).unwrap();
        assert_eq!(link.client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        let is_hybrid = (ours, theirs) == (Provider::AwsLcRs, Provider::AwsLcRs);
        let group = if is_hybrid { NamedGroup::X25519MLKEM768 } else { NamedGroup::X25519 };
        assert_eq!(link.client.negotiated_key_exchange_group().unwrap().name(), group);
        assert_eq!(link.server.negotiated_key_exchange_group().unwrap().name(), group);
    }
}

#[test]
fn versions_are_1_2_and_1_3_and_the_floor_can_be_raised() {
    let world = World::get();
    let raised_client = |provider| world.client(provider).tls13_only().build(now()).unwrap();
    let raised_server = |provider| world.server(provider).tls13_only().build(now()).unwrap();
    for provider in PROVIDERS {
        let ours = world.client(provider).build(now()).unwrap();
        let our_hub = world.server(provider).build(now()).unwrap();
        for version in VERSIONS {
            let link = agreed(ours.config(), hub(provider, version)).unwrap();
            assert_eq!(link.client.protocol_version(), Some(version.version));
            let theirs = client(crypto(provider), &[version], None);
            let link = agreed(theirs, our_hub.config()).unwrap();
            assert_eq!(link.server.protocol_version(), Some(version.version));
        }

        let (client_13, server_13) = (raised_client(provider), raised_server(provider));
        agreed(client_13.config(), server_13.config()).unwrap();
        agreed(client_13.config(), hub(provider, &TLS13)).unwrap();
        agreed(client(crypto(provider), &[&TLS13], None), server_13.config()).unwrap();

        let refused = Error::AlertReceived(AlertDescription::ProtocolVersion);
        for config in [client_13.config(), client_13.rotating_config(), client_13.recorded().0] {
            let broken = agreed(config, hub(provider, &TLS12)).err().unwrap();
            assert_eq!(broken.client, Some(refused.clone()), "{broken:?}");
        }
        let old = client(crypto(provider), &[&TLS12], None);
        let broken = agreed(old, server_13.config()).err().unwrap();
        assert_eq!(broken.client, Some(refused), "{broken:?}");
        let expected = PeerIncompatible::Tls12NotOfferedOrEnabled;
        assert_eq!(broken.server, Some(Error::PeerIncompatible(expected)));
    }
}

/// A server that answers with 1.2 to one that did not offer it.
#[test]
fn a_server_cannot_talk_a_client_below_its_floor() {
    for provider in PROVIDERS {
        let open = World::get().client(provider).build(now()).unwrap();
        let raised = World::get().client(provider).tls13_only().build(now()).unwrap();
        let mut from_old = Link::new(open.config(), hub(provider, &TLS12));
        let mut to_new = Link::new(raised.config(), hub(provider, &TLS12));
        let mut wire = Vec::new();
        from_old.client.write_tls(&mut wire).unwrap();
        from_old.server.read_tls(&mut &*wire).unwrap();
        from_old.server.process_new_packets().unwrap();
        wire.clear();
        from_old.server.write_tls(&mut wire).unwrap();
        to_new.client.read_tls(&mut &*wire).unwrap();
        let error = to_new.client.process_new_packets().unwrap_err();
        let expected = PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig;
        assert_eq!(error, Error::PeerIncompatible(expected), "{provider}");
    }
}

#[test]
fn every_group_works_alone_and_no_other_does() {
    let of_both = |provider| -> [(&'static dyn SupportedKxGroup, bool); 3] {
        match provider {
            Provider::AwsLcRs => {
                use aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519};
                [(X25519, true), (SECP256R1, true), (SECP384R1, true)]
            }
            _ => {
                use ring::kx_group::{SECP256R1, SECP384R1, X25519};
                [(X25519, true), (SECP256R1, true), (SECP384R1, true)]
            }
        }
    };
    let of_aws: [(&'static dyn SupportedKxGroup, bool); 3] = [
        (aws_lc_rs::kx_group::X25519MLKEM768, true),
        (aws_lc_rs::kx_group::SECP256R1MLKEM768, false),
        (aws_lc_rs::kx_group::MLKEM768, false),
    ];
    for provider in PROVIDERS {
        let mut groups = of_both(provider).to_vec();
        if provider == Provider::AwsLcRs {
            groups.extend(of_aws);
        }
        for (group, is_ours) in groups {
            for version in VERSIONS {
                if version.version == ProtocolVersion::TLSv1_2
                    && !group.usable_for_version(ProtocolVersion::TLSv1_2)
                {
                    continue;
                }
                println!("{provider} {:?} {:?}", group.name(), version.version);
                let ours = World::get().client(provider).build(now()).unwrap();
                let our_hub = World::get().server(provider).build(now()).unwrap();
                let crypto = with_group(provider, group);
                let resolver = server_resolver(&World::get().hub);
                let theirs = server(crypto.clone(), &[version], resolver);
                let links = [
                    agreed(ours.config(), theirs),
                    agreed(client(crypto, &[version], None), our_hub.config()),
                ];
                for link in links {
                    match link {
                        Ok(link) => {
                            assert!(is_ours);
                            let agreed = link.client.negotiated_key_exchange_group().unwrap();
                            assert_eq!(agreed.name(), group.name());
                        }
                        Err(broken) => {
                            let expected = PeerIncompatible::NoKxGroupsInCommon;
                            assert_eq!(broken.server, Some(Error::PeerIncompatible(expected)));
                            assert!(!is_ours);
                        }
                    }
                }
            }
        }
    }
}

/// Where it is switched off at one end, the other does without.
#[test]
fn post_quantum_key_exchange_takes_two() {
    for (client, server, group) in [
        (PostQuantum::Preferred, PostQuantum::Preferred, NamedGroup::X25519MLKEM768),
        (PostQuantum::Preferred, PostQuantum::Off, NamedGroup::X25519),
        (PostQuantum::Off, PostQuantum::Preferred, NamedGroup::X25519),
        (PostQuantum::Off, PostQuantum::Off, NamedGroup::X25519),
    ] {
        let world = World::get();
        let client = world.client(Provider::AwsLcRs).post_quantum(client).build(now()).unwrap();
        let server = world.server(Provider::AwsLcRs).post_quantum(server).build(now()).unwrap();
        let link = agreed(client.config(), server.config()).unwrap();
        assert_eq!(link.client.negotiated_key_exchange_group().unwrap().name(), group);
    }
}

#[test]
fn protocols_are_agreed_on() {
    for provider in PROVIDERS {
        let run = |offered: &[&str], taken: &[&str]| {
            let client = World::get().client(provider).alpn(offered).build(now()).unwrap();
            let server = World::get().server(provider).alpn(taken).build(now()).unwrap();
            let link = agreed(client.config(), server.config())?;
            let protocol = |end: Option<&[u8]>| end.map(|name| name.to_vec());
            assert_eq!(
                protocol(link.client.alpn_protocol()),
                protocol(link.server.alpn_protocol())
            );
            Ok::<_, Box<Broken>>(link.client.alpn_protocol().map(|name| name.to_vec()))
        };
        assert_eq!(run(&["http/1.1"], &["http/1.1"]), Ok(Some(b"http/1.1".to_vec())));
        // The server chooses, best first.
        assert_eq!(run(&["a", "b"], &["b", "a"]), Ok(Some(b"b".to_vec())));
        assert_eq!(run(&[], &["a"]), Ok(None));
        assert_eq!(run(&["a"], &[]), Ok(None));
        assert_eq!(run(&[], &[]), Ok(None));
        let broken = run(&["a"], &["b"]).unwrap_err();
        assert_eq!(
            broken.client,
            Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol))
        );
        assert_eq!(broken.server, Some(Error::NoApplicationProtocol));
    }
}
