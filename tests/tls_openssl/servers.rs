//! Servers: which are believed, and what is said of the others.

use std::sync::Arc;

use hubward::FixedClock;
use hubward::pki_types::CertificateRevocationListDer;
use hubward::pki_types::pem::PemObject as _;
use hubward::tls::{ClientTls, ClientTlsBuilder, Fault, PostQuantum, Provider, diagnose};

use crate::connect::{Connected, codes, connect, let_in, turned_away};
use crate::server::Server;
use crate::world::{HUB, P256, PROVIDERS, World, now_and};

const RSA: &str = "rsa:2048";
const P384: &str = "ec -pkeyopt ec_paramgen_curve:P-384";
const P521: &str = "ec -pkeyopt ec_paramgen_curve:P-521";

/// What was agreed on, as the client sees it: version, suite, key exchange.
fn agreed(connected: &Connected) -> String {
    let tls = connected.tls();
    let group = tls.negotiated_key_exchange_group().unwrap().name();
    let suite = tls.negotiated_cipher_suite().unwrap().suite();
    format!("{:?} {suite:?} {group:?}", tls.protocol_version().unwrap())
}

#[test]
fn every_suite_key_exchange_and_kind_of_key() {
    let world = World::new();
    let dns = &format!("DNS:{HUB}");
    for (name, key) in
        [("p256", P256), ("p384", P384), ("p521", P521), ("rsa", RSA), ("ed25519", "ed25519")]
    {
        world.server(name, key, dns, "");
    }
    let both = &PROVIDERS[..];
    let aws_lc_rs = &PROVIDERS[..1];
    let rows = [
        // Suites.
        ("p256", "-tls1_3", "TLSv1_3 TLS13_AES_256_GCM_SHA384 X25519", both),
        (
            "p256",
            "-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256",
            "TLSv1_3 TLS13_AES_128_GCM_SHA256 X25519",
            both,
        ),
        (
            "rsa",
            "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256",
            "TLSv1_3 TLS13_CHACHA20_POLY1305_SHA256 X25519",
            both,
        ),
        (
            "p256",
            "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384",
            "TLSv1_2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 X25519",
            both,
        ),
        (
            "p256",
            "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
            "TLSv1_2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 X25519",
            both,
        ),
        (
            "p256",
            "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305",
            "TLSv1_2 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 X25519",
            both,
        ),
        (
            "rsa",
            "-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384",
            "TLSv1_2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 X25519",
            both,
        ),
        (
            "rsa",
            "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256",
            "TLSv1_2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 X25519",
            both,
        ),
        (
            "rsa",
            "-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305",
            "TLSv1_2 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 X25519",
            both,
        ),
        // The weak ones are not taken where there is another.
        (
            "rsa",
            "-tls1_2 -serverpref -cipher AES128-SHA:AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:\
             DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
            "TLSv1_2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 X25519",
            both,
        ),
        // Key exchange. In 1.3 the server asks for another one than the client came with.
        ("p256", "-tls1_3 -groups P-256", "TLSv1_3 TLS13_AES_256_GCM_SHA384 secp256r1", both),
        ("p256", "-tls1_3 -groups P-384", "TLSv1_3 TLS13_AES_256_GCM_SHA384 secp384r1", both),
        (
            "rsa",
            "-tls1_2 -groups P-384 -cipher ECDHE-RSA-AES256-GCM-SHA384",
            "TLSv1_2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 secp384r1",
            both,
        ),
        // Keys.
        ("p384", "-tls1_3", "TLSv1_3 TLS13_AES_256_GCM_SHA384 X25519", both),
        ("p384", "-tls1_2", "TLSv1_2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 X25519", both),
        ("rsa", "-tls1_3", "TLSv1_3 TLS13_AES_256_GCM_SHA384 X25519", both),
        ("ed25519", "-tls1_3", "TLSv1_3 TLS13_AES_256_GCM_SHA384 X25519", both),
        ("ed25519", "-tls1_2", "TLSv1_2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 X25519", both),
        ("p521", "-tls1_3", "TLSv1_3 TLS13_AES_256_GCM_SHA384 X25519", aws_lc_rs),
    ];
    for (name, options, expected, providers) in rows {
        let groups = if options.contains("-groups") { "" } else { "-groups X25519" };
        let server = Server::start(&world, name, &format!("{options} {groups}"));
        for &provider in providers {
            println!("{name} {options}, {provider}"); // the last line that a failed test shows
            let tls = world.client(provider, None);
            let connected = let_in(&tls, &server.address, HUB).unwrap();
            assert_eq!(agreed(&connected), expected);
        }
    }
}

/// What the server hears, which may not have it.
#[test]
fn post_quantum_key_exchange_is_offered_where_it_should_be() {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    let server = Server::start(&world, "server", "");
    for (provider, post_quantum, count) in [
        (Provider::AwsLcRs, PostQuantum::Preferred, 4),
        (Provider::AwsLcRs, PostQuantum::Off, 3),
        (Provider::Ring, PostQuantum::Preferred, 3),
    ] {
        let tls = world.builder(provider).post_quantum(post_quantum);
        let tls = tls.build(FixedClock::at(now_and(0))).unwrap();
        let_in(&tls, &server.address, HUB).unwrap();
        let line = server.process.wait_for("Supported groups: ").unwrap();
        let groups: Vec<_> = line["Supported groups: ".len()..].split(':').collect();
        assert_eq!(groups.len(), count, "{line}");
        assert_eq!(groups[count - 3..], ["x25519", "secp256r1", "secp384r1"]);
    }
}

#[test]
fn names_that_the_certificate_has() {
    let world = World::new();
    for (names, asked) in [
        ("DNS:*.azure-devices.net", HUB),
        ("DNS:gateway.example,IP:127.0.0.1,IP:::1", "127.0.0.1"),
        ("DNS:gateway.example,IP:127.0.0.1,IP:::1", "::1"),
        ("DNS:gateway.example,IP:127.0.0.1", "GATEWAY.example"),
    ] {
        world.server("server", P256, names, "");
        let server = Server::start(&world, "server", "");
        for provider in PROVIDERS {
            let connected = let_in(&world.client(provider, None), &server.address, asked);
            connected.unwrap_or_else(|error| panic!("{names} {asked}: {error}"));
        }
    }
}

#[test]
fn the_protocol_of_the_application() {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    for version in ["-tls1_2", "-tls1_3"] {
        let server = Server::start(&world, "server", &format!("{version} -alpn http/1.1"));
        for provider in PROVIDERS {
            let offering = |protocols: &[&str]| {
                world.builder(provider).alpn(protocols).build(FixedClock::at(now_and(0))).unwrap()
            };
            let both = offering(&["mqtt", "http/1.1"]);
            let connected = let_in(&both, &server.address, HUB).unwrap();
            assert_eq!(connected.tls().alpn_protocol(), Some(&b"http/1.1"[..]));
            drop(connected);

            let (error, record) = turned_away(&offering(&["mqtt"]), &server.address, HUB);
            assert_eq!(codes(&error, &record), ["no-protocol"; 2], "{error}");
        }
    }
}

/// A server that must be turned down, or that turns us down.
struct Refusal {
    about: &'static str,
    /// How its certificate is made: the kind of its key, its names, and what else `openssl req` is told.
    certificate: [&'static str; 3],
    /// What `openssl s_server` is told.
    options: &'static str,
    /// With a record of the handshake, and without.
    codes: [&'static str; 2],
    /// What the diagnosis with a record says, among other things.
    says: &'static str,
}

const HUB_DNS: &str = "DNS:contoso-hub.azure-devices.net";
const GOOD: [&str; 3] = [P256, HUB_DNS, ""];
const GOOD_RSA: [&str; 3] = [RSA, HUB_DNS, ""];

const VERSION: [&str; 2] = ["version-refused"; 2];
const SUITE: [&str; 2] = ["suite-refused"; 2];
const WEAK: [&str; 2] = ["weak-server-key", "bad-server-certificate"];
const BAD: [&str; 2] = ["bad-server-certificate"; 2];

const REFUSALS: [Refusal; 31] = [
    Refusal {
        about: "TLS 1.1 alone",
        certificate: GOOD,
        options: "-tls1_1 -cipher ALL:@SECLEVEL=0",
        codes: VERSION,
        says: "must speak TLS 1.2 or 1.3",
    },
    Refusal {
        about: "TLS 1.0 alone",
        certificate: GOOD,
        options: "-tls1 -cipher ALL:@SECLEVEL=0",
        codes: VERSION,
        says: "must speak TLS 1.2 or 1.3",
    },
    Refusal {
        about: "CBC with SHA-256 alone",
        certificate: GOOD_RSA,
        options: "-tls1_2 -cipher ECDHE-RSA-AES128-SHA256",
        codes: SUITE,
        says: "must have ECDHE with AES-GCM or ChaCha20-Poly1305",
    },
    Refusal {
        about: "CBC with SHA-1 alone",
        certificate: GOOD_RSA,
        options: "-tls1_2 -cipher ECDHE-RSA-AES256-SHA",
        codes: SUITE,
        says: "must have ECDHE",
    },
    Refusal {
        about: "static RSA alone",
        certificate: GOOD_RSA,
        options: "-tls1_2 -cipher AES128-GCM-SHA256",
        codes: SUITE,
        says: "must have ECDHE",
    },
    Refusal {
        about: "Diffie-Hellman over a finite field alone, 1.2",
        certificate: GOOD_RSA,
        options: "-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256",
        codes: SUITE,
        says: "must have ECDHE",
    },
    Refusal {
        about: "Diffie-Hellman over a finite field alone, 1.3",
        certificate: GOOD,
        options: "-tls1_3 -groups ffdhe2048",
        codes: SUITE,
        says: "by X25519, P-256 or P-384",
    },
    Refusal {
        about: "key exchange by P-521 alone",
        certificate: GOOD,
        options: "-tls1_3 -groups P-521",
        codes: SUITE,
        says: "by X25519, P-256 or P-384",
    },
    Refusal {
        about: "CCM alone",
        certificate: GOOD,
        options: "-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256",
        codes: SUITE,
        says: "must have ECDHE",
    },
    Refusal {
        about: "a key of Ed448",
        certificate: ["ed448", HUB_DNS, ""],
        options: "",
        codes: SUITE,
        says: "kind of signature",
    },
    Refusal {
        about: "a key of secp256k1",
        certificate: ["ec -pkeyopt ec_paramgen_curve:secp256k1", HUB_DNS, ""],
        options: "-tls1_2",
        codes: SUITE,
        says: "a certificate with a key of RSA, P-256 or P-384",
    },
    Refusal {
        about: "a key for RSA-PSS alone",
        certificate: ["rsa-pss", HUB_DNS, ""],
        options: "",
        codes: SUITE,
        says: "a certificate with a key of RSA, P-256 or P-384",
    },
    Refusal {
        about: "RSA with 1024 bits, 1.2",
        certificate: ["rsa:1024", HUB_DNS, ""],
        options: "-tls1_2 -cipher DEFAULT@SECLEVEL=0",
        codes: WEAK,
        says: "too weak: RSA with 1024 bits",
    },
    Refusal {
        about: "RSA with 1024 bits, 1.3",
        certificate: ["rsa:1024", HUB_DNS, ""],
        options: "-tls1_3 -cipher DEFAULT@SECLEVEL=0",
        codes: WEAK,
        says: "too weak: RSA with 1024 bits",
    },
    Refusal {
        about: "signed over SHA-1",
        certificate: [P256, HUB_DNS, "-sha1"],
        options: "-cipher DEFAULT@SECLEVEL=0",
        codes: WEAK,
        says: "too weak: signed over SHA-1",
    },
    Refusal {
        about: "for another hub",
        certificate: [P256, "DNS:fabrikam-hub.azure-devices.net", ""],
        options: "",
        codes: ["name-mismatch"; 2],
        says: "asked for as \"contoso-hub.azure-devices.net\", and its certificate is for \
               fabrikam-hub.azure-devices.net",
    },
    Refusal {
        about: "for hubs one level up",
        certificate: [P256, "DNS:*.contoso-hub.azure-devices.net,DNS:*.net", ""],
        options: "",
        codes: ["name-mismatch"; 2],
        says: "is for *.contoso-hub.azure-devices.net, *.net",
    },
    Refusal {
        about: "for an address",
        certificate: [P256, "IP:127.0.0.1", ""],
        options: "",
        codes: ["name-mismatch"; 2],
        says: "is for 127.0.0.1",
    },
    Refusal {
        about: "for no name but that in its subject",
        certificate: [P256, "", ""],
        options: "",
        codes: ["name-mismatch"; 2],
        says: "for no name at all: correct the host name; an IP address or an alias does not work where \
               the certificate does not name it, and a name in its subject (CN) alone does not count",
    },
    Refusal {
        about: "a page to sign in, of a CA that is trusted",
        certificate: [P256, "DNS:login.portal.example,DNS:portal.example", ""],
        options: "",
        codes: ["captive-portal"; 2],
        says: "somebody else answered for \"contoso-hub.azure-devices.net\": a server whose certificate \
               is for login.portal.example, portal.example",
    },
    Refusal {
        about: "for clients alone",
        certificate: [P256, HUB_DNS, "-addext extendedKeyUsage=clientAuth"],
        options: "",
        codes: BAD,
        says: "it is not for servers (serverAuth)",
    },
    Refusal {
        about: "with a critical extension that nobody knows",
        certificate: [P256, HUB_DNS, "-addext 1.2.3.4=critical,DER:0500"],
        options: "",
        codes: BAD,
        says: "not right: UnsupportedCriticalExtension: ",
    },
    Refusal {
        about: "that wants a certificate, 1.2",
        certificate: GOOD,
        options: "-tls1_2 -Verify 1 -CAfile devices.pem",
        codes: ["client-certificate-required", "suite-refused"],
        says: "wants a certificate of the device, and got none",
    },
    Refusal {
        about: "that wants a certificate, 1.3",
        certificate: GOOD,
        options: "-tls1_3 -Verify 1 -CAfile devices.pem",
        codes: ["client-certificate-required"; 2],
        says: "wants a certificate of the device, and got none",
    },
    Refusal {
        about: "whose chain has a gap",
        certificate: GOOD,
        options: "-cert server.pem -key server.key -cert_chain root.pem",
        codes: ["unknown-issuer"; 2],
        says: "a CA that is not trusted (CN=Test_hall)",
    },
    Refusal {
        about: "of an unknown CA",
        certificate: GOOD,
        options: "-cert stranger.pem -key stranger.key -cert_chain other.pem",
        codes: ["unknown-issuer"; 2],
        says: "a CA that is not trusted (CN=Other_root)",
    },
    Refusal {
        about: "of an unknown CA, with one that has nothing to do with it",
        certificate: GOOD,
        options: "-cert stranger.pem -key stranger.key -cert_chain muddle.pem",
        codes: ["unknown-issuer"; 2],
        says: "a CA that is not trusted (CN=Other_root)",
    },
    Refusal {
        about: "of a CA that was made anew",
        certificate: GOOD,
        options: "-cert anew.pem -key anew.key",
        codes: BAD,
        says: "a CA that was made anew under the same name has another key",
    },
    Refusal {
        about: "a page to sign in, of an unknown CA",
        certificate: GOOD,
        options: "-cert portal.pem -key portal.key -cert_chain other.pem",
        codes: ["captive-portal", "unknown-issuer"],
        says: "a server whose certificate is for login.portal.example",
    },
    Refusal {
        about: "self-signed",
        certificate: GOOD,
        options: "-cert self.pem -key self.key",
        codes: ["self-signed", "unknown-issuer"],
        says: "the server's certificate (CN=self) is self-signed",
    },
    Refusal {
        about: "self-signed, as its own CA",
        certificate: GOOD,
        options: "-cert own.pem -key own.key",
        codes: ["self-signed", "bad-server-certificate"],
        says: "the server's certificate (CN=own) is self-signed",
    },
];

#[test]
fn servers_that_are_turned_down() {
    let world = World::new();
    let dns = &format!("DNS:{HUB}");
    world.authority("other", "Other root", None);
    world.authority("twin", "Test root", None);
    world.server_of("other", "stranger", P256, dns, "");
    world.server_of("other", "portal", P256, "DNS:login.portal.example", "");
    world.server_of("twin", "anew", P256, dns, "");
    let muddle = ["other.pem", "hall.pem"].map(|name| world.openssl.read(name));
    world.openssl.write("muddle.pem", muddle.concat());
    for (name, ca) in [("self", "FALSE"), ("own", "TRUE")] {
        world.request(&format!(
            "-newkey {P256} -keyout {name}.key -out {name}.pem -days 2 -subj /CN={name} \
             -addext subjectAltName={dns} -addext basicConstraints=CA:{ca}"
        ));
    }
    for Refusal { about, certificate: [key, names, issued], options, codes: expected, says } in
        REFUSALS
    {
        println!("{about}"); // the last line that a failed test shows
        world.server("server", key, names, issued);
        let server = match options.strip_prefix("-cert ") {
            Some(_) => Server::with(&world, &format!("-rev {options}")),
            None => Server::start(&world, "server", options),
        };
        for provider in PROVIDERS {
            let tls = world.client(provider, None);
            let (error, record) = turned_away(&tls, &server.address, HUB);
            assert_eq!(codes(&error, &record), expected, "{error:?}");
            let diagnosis = diagnose(&error, Some(&record));
            assert!(diagnosis.to_string().contains(says), "{diagnosis}");
        }
    }
}

/// *ring* does not check signatures of P-521. With 1.2 the curve would have to be one for key exchange too.
#[test]
fn a_key_that_only_one_provider_knows() {
    let world = World::new();
    world.server("server", P521, &format!("DNS:{HUB}"), "");
    for (version, provider, is_taken) in [
        ("-tls1_3", Provider::AwsLcRs, true),
        ("-tls1_3", Provider::Ring, false),
        ("-tls1_2", Provider::AwsLcRs, false),
        ("-tls1_2", Provider::Ring, false),
    ] {
        let server = Server::start(&world, "server", version);
        let tls = world.client(provider, None);
        if is_taken {
            let_in(&tls, &server.address, HUB).unwrap();
        } else {
            let (error, record) = turned_away(&tls, &server.address, HUB);
            assert_eq!(codes(&error, &record), SUITE, "{version} {provider}: {error:?}");
        }
    }
}

#[test]
fn a_server_of_the_older_version_where_the_newer_is_wanted() {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    let [older, newer] =
        ["-tls1_2", "-tls1_3"].map(|version| Server::start(&world, "server", version));
    for provider in PROVIDERS {
        let tls = world.builder(provider).tls13_only().build(FixedClock::at(now_and(0))).unwrap();
        let_in(&tls, &newer.address, HUB).unwrap();
        let (error, record) = turned_away(&tls, &older.address, HUB);
        assert_eq!(codes(&error, &record), VERSION, "{error:?}");
    }
}

#[test]
fn the_clock_and_the_server_disagree() {
    let world = World::new();
    world.server("server", P256, &format!("DNS:{HUB}"), "");
    let server = Server::start(&world, "server", "");
    for provider in PROVIDERS {
        let failed = |clock| {
            let tls = world.builder(provider).build(clock).unwrap();
            let (error, record) = turned_away(&tls, &server.address, HUB);
            let [with, without] =
                [Some(&record), None].map(|record| diagnose(&error, record).fault().clone());
            assert_eq!(with, without);
            with
        };
        let validity = world.certificate("server").validity();
        let (late, early) = (now_and(3), now_and(-3));
        assert_eq!(
            failed(FixedClock::at(late)),
            Fault::ServerExpired { not_after: validity.not_after, now: late }
        );
        assert_eq!(
            failed(FixedClock::at(early)),
            Fault::ClockBehind { not_before: validity.not_before, now: early }
        );
        assert_eq!(failed(FixedClock::unknown()), Fault::ClockUnknown);
    }
}

/// What a chain ends at need not be a root.
#[test]
fn trust_anchors() {
    let world = World::new();
    let dns = &format!("DNS:{HUB}");
    world.server("server", P256, dns, "");
    world.server_of("root", "direct", P256, dns, "");
    world.request(&format!(
        "-newkey {P256} -keyout own.key -out own.pem -days 2 -subj /CN=own \
         -addext subjectAltName={dns} -addext basicConstraints=CA:TRUE"
    ));
    for provider in PROVIDERS {
        let trusting = |name| {
            let tls = ClientTls::builder(provider).trust(world.anchors(name));
            tls.build(FixedClock::at(now_and(0))).unwrap()
        };
        let server = Server::with(&world, "-rev -cert server.pem -key server.key");
        let_in(&trusting("hall"), &server.address, HUB).unwrap();
        let server = Server::with(&world, "-rev -cert direct.pem -key direct.key");
        let_in(&trusting("root"), &server.address, HUB).unwrap();
        // Not as the anchor of itself, though it says of itself that it is a CA.
        let server = Server::with(&world, "-rev -cert own.pem -key own.key");
        let (error, record) = turned_away(&trusting("own"), &server.address, HUB);
        assert_eq!(codes(&error, &record), ["self-signed", "bad-server-certificate"]);
    }
}

#[test]
fn revocation_lists() {
    let world = World::new();
    let dns = &format!("DNS:{HUB}");
    for (name, serial) in [("good", "0x101"), ("bad", "0x102")] {
        world.server(name, P256, dns, &format!("-set_serial {serial}"));
    }
    world.authority("twin", "Test hall", None);
    world.revoke("root", "", "root.crl");
    world.revoke("hall", "0102", "hall.crl");
    world.revoke("twin", "0102", "twin.crl");
    let [good, bad] = ["good", "bad"].map(|name| Server::start(&world, name, ""));

    for provider in PROVIDERS {
        let failed = |server: &Server, tls: ClientTlsBuilder, days| {
            let tls = tls.build(FixedClock::at(now_and(days))).unwrap();
            let (error, record) = turned_away(&tls, &server.address, HUB);
            assert_eq!(codes(&error, &record), ["revoked"; 2], "{error:?}");
            diagnose(&error, None).fault().to_string()
        };
        let with = |names: &[&str]| {
            let crls = names.iter().map(|name| {
                CertificateRevocationListDer::from_pem_slice(&world.openssl.read(name)).unwrap()
            });
            world.builder(provider).crls(crls)
        };
        let both = with(&["root.crl", "hall.crl"]);
        let tls = both.clone().build(FixedClock::at(now_and(0))).unwrap();
        let_in(&tls, &good.address, HUB).unwrap();
        assert!(failed(&bad, both.clone(), 0).contains("it was revoked"));
        // Lists are for a day, the certificate for two.
        let old = with(&["root.crl", "hall.crl"]).dangerous().allow_unknown_revocation();
        for tls in [both, old] {
            assert!(failed(&good, tls, 1).contains("the revocation list is too old"));
        }
        let one = with(&["root.crl"]);
        assert!(failed(&good, one.clone(), 0).contains("no revocation list tells of it"));
        let one = one.dangerous().allow_unknown_revocation();
        let tls = one.build(FixedClock::at(now_and(0))).unwrap();
        let_in(&tls, &bad.address, HUB).unwrap();
        // By another key, though under the right name.
        let forged = with(&["root.crl", "twin.crl"]);
        assert!(failed(&good, forged, 0).contains("a revocation list is not right"));
        // Without lists nobody asks.
        let_in(&world.client(provider, None), &bad.address, HUB).unwrap();
    }
}

/// An error as a library hands it on, wrapped several times.
#[test]
fn the_error_of_a_library() {
    #[derive(Debug)]
    struct ConnectionError(Box<dyn std::error::Error + Send + Sync>);

    impl std::fmt::Display for ConnectionError {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the connection could not be established")
        }
    }

    impl std::error::Error for ConnectionError {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&*self.0)
        }
    }

    let world = World::new();
    world.server("server", P256, "DNS:fabrikam-hub.azure-devices.net", "");
    let server = Server::start(&world, "server", "");
    let tls = world.client(Provider::Ring, None);
    let error = connect(tls.config(), &server.address, HUB).err().unwrap();
    let error = ConnectionError(Box::new(ConnectionError(Box::new(Arc::new(error)))));
    assert_eq!(diagnose(&error, None).fault().code(), "name-mismatch");
    let boxed: Box<dyn std::error::Error> = Box::new(error);
    assert_eq!(diagnose(&*boxed, None).fault().code(), "name-mismatch");
}
