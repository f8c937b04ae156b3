//! Revocation lists, as OpenSSL's CA makes them.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use hubward::FixedClock;
use hubward::keystore::{SigningKey as _, SoftwareSigningKey};
use hubward::pki_types::CertificateRevocationListDer;
use hubward::tls::{ClientTls, ClientTlsBuilder, ServerTlsBuilder, TlsError, TlsIdentity};
use hubward::x509::private_key_from_pem;

use crate::certificates::{DAY, Draft, NOW, OpenSsl};
use crate::peers::{VERSIONS, client, crypto, server, server_resolver};
use crate::world::{Authority, DEVICE, HUB, Kind, Link, PROVIDERS, World, at, now};

const SERIAL: [u8; 2] = [0x4d, 0x07];
const REVOKED_SERIAL: [u8; 2] = [0x4d, 0x08];

/// A root, two intermediates of it, of which one is revoked, and servers below them.
struct Listed {
    openssl: Mutex<OpenSsl>,
    root: Authority,
    good: TlsIdentity,
    revoked: TlsIdentity,
    below_revoked: TlsIdentity,
    /// Devices of the CA for servers.
    device: TlsIdentity,
    revoked_device: TlsIdentity,
}

const ROOT: &str = "Listed root";
const SERVERS: &str = "Listed servers";
const REVOKED: &str = "Revoked servers";

impl Listed {
    fn get() -> &'static Self {
        static LISTED: LazyLock<Listed> = LazyLock::new(Listed::new);
        &LISTED
    }

    fn new() -> Self {
        let openssl = OpenSsl::new();
        openssl.write(
            "ca.cnf",
            "[ca]\ndefault_ca = ca\n[ca]\ndatabase = index\ncrlnumber = number\n\
             default_md = sha256\ncrl_extensions = crl\n[crl]\nauthorityKeyIdentifier = keyid\n",
        );
        let new_key = |name: &str| {
            openssl.run(&format!(
                "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"
            ));
            let key = private_key_from_pem(&openssl.read(&format!("{name}.key"))).unwrap();
            Arc::new(SoftwareSigningKey::from_der(key.expose_der()).unwrap())
        };
        let root_of = |name: &str| {
            let key = new_key(name);
            let certificate = Draft::authority(&key.public_key(), ROOT, ROOT, 1).signed_by(&*key);
            openssl.write(&format!("{name}.pem"), certificate.to_pem());
            Authority { key, chain: Vec::new(), root: certificate }
        };
        let root = root_of("root");
        // A namesake.
        root_of("other");
        let below = |name: &str, subject: &str, serial: [u8; 2]| {
            let key = new_key(name);
            let mut draft = Draft::authority(&key.public_key(), subject, ROOT, 0);
            draft.serial = serial.to_vec();
            let certificate = draft.signed_by(&*root.key);
            openssl.write(&format!("{name}.pem"), certificate.to_pem());
            Authority { key, chain: vec![certificate], root: root.root.clone() }
        };
        let servers = below("servers", SERVERS, SERIAL);
        let revoked_servers = below("revoked", REVOKED, REVOKED_SERIAL);
        let server = |ca: &Authority, serial: [u8; 2]| {
            let key = Kind::P256.key();
            let mut draft = ca.server_draft(&[HUB], &key.public_key());
            draft.serial = serial.to_vec();
            ca.sign(&draft, key)
        };
        let device = |serial: [u8; 2]| {
            let key = Kind::P256.key();
            let mut draft = Draft::device(&key.public_key(), DEVICE, SERVERS);
            draft.serial = serial.to_vec();
            servers.sign(&draft, key)
        };
        Self {
            device: device(SERIAL),
            revoked_device: device(REVOKED_SERIAL),
            good: server(&servers, SERIAL),
            revoked: server(&servers, REVOKED_SERIAL),
            below_revoked: server(&revoked_servers, SERIAL),
            openssl: Mutex::new(openssl),
            root,
        }
    }

    /// The list of the CA in the files of that name: one serial number is revoked.
    fn list(&self, ca: &str, next_update: u64) -> CertificateRevocationListDer<'static> {
        let short = |moment: u64| {
            let text = at(moment).to_string().replace(['-', ':', 'T'], "");
            text.strip_prefix("20").unwrap().to_owned()
        };
        let openssl = self.openssl.lock().unwrap_or_else(PoisonError::into_inner);
        let revoked: String = REVOKED_SERIAL.iter().map(|byte| format!("{byte:02X}")).collect();
        let (until, on) = (short(NOW + DAY), short(NOW - DAY));
        openssl.write("index", format!("R\t{until}\t{on}\t{revoked}\tunknown\t/CN=x\n"));
        openssl.write("number", "01\n");
        openssl.run(&format!(
            "ca -gencrl -config ca.cnf -cert {ca}.pem -keyfile {ca}.key -crl_lastupdate {} \
             -crl_nextupdate {} -out list.pem",
            short(NOW - DAY),
            short(next_update)
        ));
        openssl.run("crl -in list.pem -outform DER -out list.der");
        CertificateRevocationListDer::from(openssl.read("list.der"))
    }
}

/// What a client says of each server.
fn verdict(builder: &ClientTlsBuilder, identity: &TlsIdentity) -> Result<(), String> {
    let mut verdicts = Vec::new();
    let tls = builder.clone().build(now()).unwrap();
    for provider in PROVIDERS {
        for version in VERSIONS {
            for config in [tls.config(), tls.rotating_config(), tls.recorded().0] {
                let server = server(crypto(provider), &[version], server_resolver(identity));
                let broken = Link::new(config, server).talk();
                verdicts.push(broken.map_err(|broken| format!("{:?}", broken.client.unwrap())));
            }
        }
    }
    assert!(verdicts.windows(2).all(|two| two[0] == two[1]), "{verdicts:?}");
    verdicts.pop().unwrap()
}

#[test]
fn lists_are_obeyed() {
    let listed = Listed::get();
    let in_date = NOW + DAY;
    let [root, servers, revoked, by_other, root_old, servers_old] = [
        ("root", in_date),
        ("servers", in_date),
        ("revoked", in_date),
        ("other", in_date),
        ("root", NOW - 1),
        ("servers", NOW - 1),
    ]
    .map(|(ca, next_update)| listed.list(ca, next_update));
    let all = [&root, &servers, &revoked];

    const FINE: &str = "";
    const GONE: &str = "InvalidCertificate(Revoked)";
    const UNKNOWN: &str = "InvalidCertificate(UnknownRevocationStatus)";
    const OLD: &str = "InvalidCertificate(ExpiredRevocationListContext";
    let (good, bad, below) = (&listed.good, &listed.revoked, &listed.below_revoked);
    for provider in PROVIDERS {
        let plain = ClientTls::builder(provider).trust(listed.root.anchors());
        let lax = plain.clone().dangerous().allow_unknown_revocation();
        for (what, lists, identity, expected, expected_lax) in [
            ("without lists", &[][..], good, FINE, FINE),
            ("without lists, revoked", &[], bad, FINE, FINE),
            ("with all", &all[..], good, FINE, FINE),
            ("revoked", &all, bad, GONE, GONE),
            ("below one that is revoked", &all, below, GONE, GONE),
            ("only the root's", &[&root], good, UNKNOWN, FINE),
            ("only the intermediate's", &[&servers], good, UNKNOWN, FINE),
            ("revoked, only the intermediate's", &[&servers], bad, UNKNOWN, GONE),
            ("below, only the root's", &[&root], below, GONE, GONE),
            ("below, only the other's", &[&servers], below, UNKNOWN, FINE),
            ("another's", &[&revoked], good, UNKNOWN, FINE),
            ("too old", &[&root, &servers_old], good, OLD, OLD),
            ("the root's is too old", &[&root_old, &servers], good, OLD, OLD),
            ("revoked and too old", &[&root, &servers_old], bad, OLD, OLD),
        ] {
            for (builder, expected) in [(&plain, expected), (&lax, expected_lax)] {
                println!("{what}: {provider}");
                let builder = match lists {
                    [] => builder.clone(),
                    lists => builder.clone().crls(lists.iter().map(|list| (*list).clone())),
                };
                match verdict(&builder, identity) {
                    Ok(()) => assert_eq!(expected, FINE),
                    Err(error) => {
                        assert!(expected != FINE && error.starts_with(expected), "{error}");
                    }
                }
            }
        }
        // A list that somebody else signed in the CA's name.
        let forged = plain.clone().crls([by_other.clone(), servers.clone()]);
        let error = verdict(&forged, good).unwrap_err();
        assert!(error.contains("Signature"), "{error}");
        // Two calls, one after the other.
        let twice = plain.clone().crls([root.clone()]).crls([servers.clone()]);
        assert_eq!(verdict(&twice, good), Ok(()));
    }
}

/// A list counts until its last second.
#[test]
fn lists_end_when_they_say() {
    let listed = Listed::get();
    let lists = [listed.list("root", NOW + 60), listed.list("servers", NOW + 60)];
    for provider in PROVIDERS {
        let tls =
            ClientTls::builder(provider).trust(listed.root.anchors()).crls(lists.iter().cloned());
        for (seconds, is_fine) in [(0, true), (59, true), (61, false)] {
            let tls = tls.clone().build(FixedClock::at(at(NOW + seconds))).unwrap();
            let server = server(crypto(provider), &[VERSIONS[1]], server_resolver(&listed.good));
            let talked = Link::new(tls.config(), server).talk();
            assert_eq!(talked.is_ok(), is_fine, "{seconds}: {talked:?}");
        }
    }
}

#[test]
fn what_is_no_list_is_refused_at_once() {
    let listed = Listed::get();
    let good = listed.list("root", NOW + DAY);
    let short = &good[..good.len() - 1];
    for provider in PROVIDERS {
        for (what, list) in [
            ("empty", &[][..]),
            ("text", b"-----BEGIN X509 CRL-----"),
            ("cut off", short),
            ("a certificate", listed.root.root.der()),
        ] {
            println!("{what}: {provider}");
            let lists = [good.clone(), CertificateRevocationListDer::from(list.to_vec())];
            let builder = ClientTls::builder(provider).trust(listed.root.anchors()).crls(lists);
            let error = builder.build(now()).unwrap_err();
            assert!(matches!(error, TlsError::Crl(_)), "{error:?}");
            assert_eq!(error.to_string(), "a revocation list is not right");
            assert!(std::error::Error::source(&error).is_some());
        }
    }
}

/// A gateway shuts out the device that was stolen.
#[test]
fn a_server_obeys_lists() {
    let listed = Listed::get();
    let root = listed.list("root", NOW + DAY);
    let servers = listed.list("servers", NOW + DAY);
    let old = listed.list("servers", NOW - 1);
    for provider in PROVIDERS {
        let world = World::get();
        let gateway = world.server(provider).require_clients(listed.root.anchors());
        for version in VERSIONS {
            let verdict = |gateway: &ServerTlsBuilder, device: &TlsIdentity| {
                let gateway = gateway.clone().build(now()).unwrap();
                let device = client(crypto(provider), &[version], Some(device));
                let broken = Link::new(device, gateway.config()).talk();
                broken.map_err(|broken| format!("{:?}", broken.server.unwrap()))
            };
            let is = |error: &str| Err(format!("InvalidCertificate({error})"));
            assert_eq!(verdict(&gateway, &listed.revoked_device), Ok(()));
            let with = |lists: &[&CertificateRevocationListDer<'static>]| {
                gateway.clone().crls(lists.iter().map(|list| (*list).clone()))
            };
            let both = with(&[&root, &servers]);
            assert_eq!(verdict(&both, &listed.device), Ok(()));
            assert_eq!(verdict(&both, &listed.revoked_device), is("Revoked"));
            assert_eq!(verdict(&with(&[&root]), &listed.device), is("UnknownRevocationStatus"));
            let expired = verdict(&with(&[&root, &old]), &listed.device).unwrap_err();
            assert!(expired.contains("ExpiredRevocationList"), "{expired}");
            // Who resumes would not be looked up.
            let both = both.sessions(8).build(now()).unwrap();
            let device = client(crypto(provider), &[version], Some(&listed.device));
            for _ in 0..2 {
                let mut link = Link::new(device.clone(), both.config());
                link.talk().unwrap();
                assert!(!link.is_resumed());
            }
        }
        let garbage = CertificateRevocationListDer::from(vec![0x30, 0]);
        let refused = gateway.clone().crls([garbage]).build(now()).map(drop);
        assert!(matches!(refused, Err(TlsError::Crl(_))), "{refused:?}");
    }
}

#[test]
fn with_lists_a_client_resumes_nothing() {
    let listed = Listed::get();
    let lists = [listed.list("root", NOW + DAY), listed.list("servers", NOW + DAY)];
    for provider in PROVIDERS {
        let tls = ClientTls::builder(provider).trust(listed.root.anchors()).crls(lists.clone());
        let tls = tls.build(now()).unwrap();
        assert!(tls.explain().to_string().contains("resumption: off"));
        for version in VERSIONS {
            let server = server(crypto(provider), &[version], server_resolver(&listed.good));
            for _ in 0..2 {
                let mut link = Link::new(tls.config(), server.clone());
                link.talk().unwrap();
                assert!(!link.is_resumed());
            }
        }
    }
}

/// An empty folder is no reason to do without.
#[test]
fn no_list_where_some_are_asked_for_is_an_error() {
    let listed = Listed::get();
    for provider in PROVIDERS {
        let tls = ClientTls::builder(provider).trust(listed.root.anchors()).crls([]);
        assert_eq!(tls.clone().build(now()).map(drop), Err(TlsError::NoCrl));
        assert!(tls.crls([listed.list("root", NOW + DAY)]).build(now()).is_ok());
        let gateway = World::get().server(provider).require_clients(listed.root.anchors());
        assert_eq!(gateway.crls([]).build(now()).map(drop), Err(TlsError::NoCrl));
    }
}
