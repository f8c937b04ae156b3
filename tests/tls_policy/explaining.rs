//! What a configuration says of itself, against the configuration.

use std::sync::Arc;

use hubward::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use hubward::tls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use hubward::tls::rustls::{DigitallySignedStruct, Error, SignatureScheme};
use hubward::tls::{
    ClientTls, ClientTlsBuilder, Cloud, PostQuantum, Provider, TlsIdentity, TrustAnchors,
};
use hubward::x509::{Certificate, Thumbprint};
use serde_json::{Value, json};

use crate::certificates::{Draft, NOW, OpenSsl};
use crate::world::{Authority, DEVICE, Kind, PROVIDERS, World, at, now};

const DANGER_VERIFIER: &str = "a verifier of the application decides which servers are believed";
const DANGER_REVOCATION: &str = "certificates of which no revocation list tells are believed";

/// Believes nobody.
#[derive(Debug)]
struct Nobody;

impl ServerCertVerifier for Nobody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: hubward::pki_types::UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Err(Error::DecryptError)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::DecryptError)
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::DecryptError)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// A revocation list of OpenSSL's, which says nothing.
fn empty_list() -> CertificateRevocationListDer<'static> {
    let openssl = OpenSsl::new();
    openssl.write(
        "ca.cnf",
        "[ca]\ndefault_ca = ca\n[ca]\ndatabase = index\ncrlnumber = number\ndefault_md = sha256\n\
         default_crl_days = 1\n[req]\ndistinguished_name = dn\n[dn]\n",
    );
    openssl.write("index", "");
    openssl.write("number", "01\n");
    openssl.run(
        "req -x509 -config ca.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 \
         -subj /CN=Listed -keyout ca.key -out ca.pem",
    );
    openssl.run("ca -gencrl -config ca.cnf -cert ca.pem -keyfile ca.key -out list.pem");
    openssl.run("crl -in list.pem -outform DER -out list.der");
    CertificateRevocationListDer::from(openssl.read("list.der"))
}

fn shown(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject(),
        "until": certificate.validity().not_after.to_string(),
        "sha256": Thumbprint::sha256(certificate.der()).to_string(),
    })
}

fn in_text(certificate: &Certificate) -> String {
    format!(
        "{}, until {}, SHA-256 {}",
        certificate.subject(),
        certificate.validity().not_after,
        Thumbprint::sha256(certificate.der())
    )
}

/// What rustls was given, as JSON and as lines.
struct Given<'a> {
    provider: Provider,
    versions: &'a [&'a str],
    anchors: &'a [Certificate],
    identity: Option<&'a TlsIdentity>,
    crls: usize,
    sessions: usize,
    dangers: &'a [&'a str],
}

impl Given<'_> {
    fn is_what_is_said(&self, tls: &ClientTls) {
        let Self { provider, versions, anchors, identity, crls, sessions, dangers } = self;
        let config = tls.config();
        let crypto = config.crypto_provider();
        let suites: Vec<String> =
            crypto.cipher_suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
        let groups: Vec<String> =
            crypto.kx_groups.iter().map(|group| format!("{:?}", group.name())).collect();
        let alpn: Vec<String> = config
            .alpn_protocols
            .iter()
            .map(|name| String::from_utf8(name.clone()).unwrap())
            .collect();
        let end_entity = identity.map(|identity| identity.certificate().end_entity());
        let explanation = tls.explain();
        let json: Value = serde_json::from_str(&explanation.to_json()).unwrap();
        let expected = json!({
            "provider": provider.to_string(),
            "fips": config.fips(),
            "versions": versions,
            "suites": suites,
            "groups": groups,
            "anchors": anchors.iter().map(shown).collect::<Vec<_>>(),
            "identity": end_entity.map(shown),
            "identity_tls12_only": false,
            "crls": crls,
            "alpn": alpn,
            "sessions": sessions,
            "dangers": dangers,
        });
        assert_eq!(json, expected);
        assert_eq!(explanation.dangers(), *dangers);

        let mut lines = vec![
            format!("provider: {provider}"),
            format!("FIPS: {}", if config.fips() { "yes" } else { "no" }),
            format!("versions: {}", versions.join(", ")),
            format!("suites: {}", suites.join(", ")),
            format!("key exchange: {}", groups.join(", ")),
        ];
        lines.extend(anchors.iter().map(|anchor| format!("trust anchor: {}", in_text(anchor))));
        lines.push(match crls {
            0 => "revocation lists: none".to_owned(),
            crls => format!("revocation lists: {crls}"),
        });
        lines.push(format!("identity: {}", end_entity.map_or("none".to_owned(), in_text)));
        lines.push(match &*alpn {
            [] => "ALPN: none".to_owned(),
            alpn => {
                let alpn: Vec<_> =
                    alpn.iter().map(|name| name.escape_debug().to_string()).collect();
                format!("ALPN: {}", alpn.join(", "))
            }
        });
        lines.push(match sessions {
            0 => "resumption: off".to_owned(),
            sessions => format!("resumption: sessions of {sessions} servers"),
        });
        lines.extend(dangers.iter().map(|danger| format!("DANGER: {danger}")));
        assert_eq!(explanation.to_string().lines().collect::<Vec<_>>(), lines);
        assert!(explanation.to_string().ends_with('\n'));
        // The same each time.
        assert_eq!(explanation, tls.explain());
    }
}

const BOTH: &[&str] = &["TLS 1.3", "TLS 1.2"];

#[test]
fn the_whole_policy_is_said() {
    let world = World::get();
    let own = world.hub_ca.anchors();
    let list = empty_list();
    for provider in PROVIDERS {
        let anchors = own.certificates();
        let standard = Given {
            provider,
            versions: BOTH,
            anchors,
            identity: None,
            crls: 0,
            sessions: 8,
            dangers: &[],
        };
        let builder = || ClientTls::builder(provider).trust(own.clone());
        let build = |builder: ClientTlsBuilder| builder.build(now()).unwrap();
        standard.is_what_is_said(&build(builder()));

        Given { versions: &["TLS 1.3"], ..standard }
            .is_what_is_said(&build(builder().tls13_only()));
        for post_quantum in [PostQuantum::Preferred, PostQuantum::Off] {
            let tls = build(builder().post_quantum(post_quantum));
            Given { anchors, ..standard_of(provider) }.is_what_is_said(&tls);
        }
        for sessions in [0, 1, 1024] {
            let tls = build(builder().sessions(sessions));
            Given { sessions, anchors, ..standard_of(provider) }.is_what_is_said(&tls);
        }
        for alpn in [&["http/1.1"][..], &["mqtt", "http/1.1"], &["\"\\\n\u{1}ü"]] {
            let tls = build(builder().alpn(alpn));
            Given { anchors, ..standard_of(provider) }.is_what_is_said(&tls);
        }
        let tls = build(builder().identity(world.device.clone()));
        let identity = Some(&world.device);
        Given { identity, anchors, ..standard_of(provider) }.is_what_is_said(&tls);

        // Whoever is exchanged is shown.
        let next = world.device_ca.device(DEVICE, Kind::P384.key());
        tls.install(next.clone()).unwrap();
        Given { identity: Some(&next), anchors, ..standard_of(provider) }.is_what_is_said(&tls);

        let tls = build(builder().crls([list.clone(), list.clone()]));
        // Who resumes does not look at them.
        Given { crls: 2, sessions: 0, anchors, ..standard_of(provider) }.is_what_is_said(&tls);
        for cloud in Cloud::ALL {
            let anchors = TrustAnchors::of(cloud);
            let tls = build(ClientTls::builder(provider).trust(anchors.clone()));
            let anchors = anchors.certificates();
            Given { anchors, ..standard_of(provider) }.is_what_is_said(&tls);
        }
    }
}

fn standard_of(provider: Provider) -> Given<'static> {
    Given {
        provider,
        versions: BOTH,
        anchors: &[],
        identity: None,
        crls: 0,
        sessions: 8,
        dangers: &[],
    }
}

#[test]
fn what_is_dangerous_is_said() {
    let own = World::get().hub_ca.anchors();
    let anchors = own.certificates();
    let list = empty_list();
    for provider in PROVIDERS {
        let builder = || ClientTls::builder(provider).trust(own.clone());
        let lax = builder().dangerous().allow_unknown_revocation();
        let dangers: &[&str] = &[DANGER_REVOCATION];
        let with_list = lax.clone().crls([list.clone()]).build(now()).unwrap();
        Given { dangers, crls: 1, sessions: 0, anchors, ..standard_of(provider) }
            .is_what_is_said(&with_list);
        let without_list = lax.clone().build(now()).unwrap();
        Given { dangers, anchors, ..standard_of(provider) }.is_what_is_said(&without_list);

        // Then the anchors count no longer.
        let blind = builder().dangerous().server_verifier(Arc::new(Nobody));
        let tls = blind.clone().build(now()).unwrap();
        let dangers: &[&str] = &[DANGER_VERIFIER];
        Given { dangers, ..standard_of(provider) }.is_what_is_said(&tls);
        assert_eq!(tls.readiness(Cloud::Public, at(NOW)), None);

        let both = lax.dangerous().server_verifier(Arc::new(Nobody)).build(now()).unwrap();
        let dangers: &[&str] = &[DANGER_VERIFIER, DANGER_REVOCATION];
        Given { dangers, ..standard_of(provider) }.is_what_is_said(&both);
    }
}

/// Names of certificates and protocols come from others.
#[test]
fn nothing_said_can_be_mistaken_for_another_line() {
    let key = Kind::P256.generate();
    let name = "x\nDANGER: none\r\nFIPS: yes\u{1b}[2J\u{2028}\"\\";
    let root = Draft::authority(&hubward::keystore::SigningKey::public_key(&*key), name, name, 1);
    let root = root.signed_by(&*key);
    let authority = Authority { key, chain: Vec::new(), root };
    for provider in PROVIDERS {
        let tls = ClientTls::builder(provider)
            .trust(authority.anchors())
            .alpn(&["a\nDANGER: none", "b\u{1b}[2J"])
            .build(now())
            .unwrap();
        let text = tls.explain().to_string();
        assert_eq!(text.lines().count(), 10, "{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        let json: Value = serde_json::from_str(&tls.explain().to_json()).unwrap();
        assert_eq!(json["alpn"], json!(["a\nDANGER: none", "b\u{1b}[2J"]));
    }
}

/// What the README shows is what is said.
#[test]
fn the_readme_shows_the_policy() {
    let tls = ClientTls::builder(Provider::AwsLcRs).trust(TrustAnchors::of(Cloud::Public));
    let explanation = tls.build(now()).unwrap().explain();
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    assert!(readme.contains(&format!("```text\n{explanation}```")), "{explanation}");
}
