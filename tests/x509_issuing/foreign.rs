//! CAs that others made, with names as they write them.

use hubward::keystore::SigningKey as _;
use hubward::x509::{Certificate, CertificateAuthority, IssueError};

use crate::authorities::judge;
use crate::certificates::{
    BASIC_CONSTRAINTS, BMP_STRING, CLIENT_AUTH, COMMON_NAME, CRL_SIGN, DAY, Draft, IA5_STRING, NOW,
    ORGANIZATION, OpenSsl, PRINTABLE_STRING, SERVER_AUTH, UTF8_STRING, attribute, certificate,
    name, oid, sequence, tlv, verify_with_webpki,
};
use crate::keys::{KINDS, Remote, days_from, issue, new_key, p256};

const CONFIGURATION: &str = "\
[req]
prompt = no
distinguished_name = dn
x509_extensions = ca
[dn]
C = DE
ST = Franken
L = Wuerzburg
O = Contoso GmbH
OU = Pumps
CN = Contoso root (2027)
emailAddress = ca@contoso.example
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[ca2]
basicConstraints = critical, CA:TRUE, pathlen:2
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[bare]
basicConstraints = CA:TRUE
subjectKeyIdentifier = none
authorityKeyIdentifier = none
";

/// Of OpenSSL: every kind of key, every way to encode a name, with and without identifiers of keys.
#[test]
fn a_ca_of_openssl_issues() {
    let openssl = OpenSsl::new();
    for (kind, how) in KINDS {
        let root_key = new_key(&openssl, "root.key", how);
        // What a name looks like has nothing to do with the kind of key.
        let is_first = kind == KINDS[0].0;
        let masks: &[_] =
            if is_first { &["default", "utf8only", "nombstr", "pkix"] } else { &["default"] };
        for mask in masks {
            for extensions in ["ca", "ca2", "bare"] {
                println!("{kind} {mask} {extensions}");
                let configuration =
                    CONFIGURATION.replace("[req]\n", &format!("[req]\nstring_mask = {mask}\n"));
                openssl.write("ca.cnf", configuration);
                openssl.run(&format!(
                    "req -x509 -key root.key -days 90 -config ca.cnf -extensions {extensions} \
                     -out root.pem"
                ));
                openssl.run("x509 -in root.pem -outform DER -out root.der");
                let root = certificate(&openssl.read("root.der"));
                let root = CertificateAuthority::from_certificate(root, &root_key).unwrap();
                // OpenSSL says when it begins.
                let begin = root.certificate().validity().not_before.as_secs();
                let (hall_key, key) = (p256(), p256());
                let hall =
                    root.intermediate(&hall_key, "Contoso hall 3", days_from(begin, 60)).unwrap();
                let chain =
                    [issue(&hall, &key, days_from(begin, 30)).unwrap(), hall.certificate().clone()];
                let direct = [issue(&root, &key, days_from(begin, 30)).unwrap()];
                let anchors = [root.certificate().clone()];
                // The bare one does not keep the rules that it is judged by then.
                let strict = if extensions == "bare" { "" } else { "-x509_strict" };
                for chain in [&chain[..], &direct] {
                    openssl.verify(chain, &anchors, begin, strict).unwrap();
                    verify_with_webpki(chain, &anchors, begin).unwrap();
                    assert_eq!(judge(chain, &anchors, &key, begin).to_string(), "");
                    let last = chain.last().unwrap();
                    assert_eq!(last.issuer(), root.certificate().subject());
                    assert_eq!(
                        identifiers(&openssl, last, root.certificate()),
                        extensions != "bare"
                    );
                }
            }
        }
    }
}

/// Whether the one names the other's key, and by the other's name for it.
fn identifiers(openssl: &OpenSsl, certificate: &Certificate, issuer: &Certificate) -> bool {
    let extension = |certificate: &Certificate, extension: &str| {
        openssl.write("it.pem", certificate.to_pem());
        let text = openssl.run(&format!("x509 -in it.pem -noout -ext {extension}"));
        text.lines().nth(1).map(|line| line.trim().to_owned())
    };
    let of_issuer = extension(issuer, "subjectKeyIdentifier");
    let named = extension(certificate, "authorityKeyIdentifier").unwrap();
    of_issuer.is_some_and(|id| id == named.trim_start_matches("keyid:"))
}

fn text(kind: &str, tag: u8, text: &str) -> Vec<u8> {
    attribute(kind, tag, text.as_bytes())
}

/// Names that are written back byte by byte, or refused in words.
#[test]
fn names_are_the_cas_own_or_it_does_not_issue() {
    const DOMAIN: &str = "0.9.2342.19200300.100.1.25";
    const NUMERIC_STRING: u8 = 0x12;
    const T61_STRING: u8 = 0x14;
    const UNIVERSAL_STRING: u8 = 0x1c;

    let common_name = text(COMMON_NAME, UTF8_STRING, "Contoso root");
    let utf16: Vec<_> = "root".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let long_number = [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    let odd_oid = |content: &[u8]| sequence(&[tlv(0x06, content), tlv(UTF8_STRING, b"odd")]);
    for (what, subject, is_fine) in [
        ("one part", name(std::slice::from_ref(&common_name)), true),
        (
            "each encoding that is written today",
            name(&[
                text("2.5.4.6", PRINTABLE_STRING, "DE"),
                text(DOMAIN, IA5_STRING, "contoso"),
                text("1.3.6.1.4.1.99999.9223372036854775807", UTF8_STRING, "größte"),
                common_name.clone(),
            ]),
            true,
        ),
        (
            "another order",
            name(&[common_name.clone(), text(ORGANIZATION, PRINTABLE_STRING, "Contoso")]),
            true,
        ),
        ("UTF-16", name(&[attribute(COMMON_NAME, BMP_STRING, &utf16)]), false),
        ("T.61", name(&[text(COMMON_NAME, T61_STRING, "root")]), false),
        ("UTF-32", name(&[text(COMMON_NAME, UNIVERSAL_STRING, "\0\0\0r")]), false),
        ("digits", name(&[text(COMMON_NAME, NUMERIC_STRING, "7")]), false),
        (
            "two parts in one set",
            name(&[[text(ORGANIZATION, UTF8_STRING, "Contoso"), common_name.clone()].concat()]),
            false,
        ),
        (
            "two parts of a kind",
            name(&[
                text(DOMAIN, IA5_STRING, "example"),
                text(DOMAIN, IA5_STRING, "contoso"),
                common_name.clone(),
            ]),
            false,
        ),
        (
            "what is not printable, and often written so",
            name(&[text(COMMON_NAME, PRINTABLE_STRING, "ca@contoso_root*")]),
            false,
        ),
        ("no part at all", name(&[]), false),
        ("a set of nothing", sequence(&[tlv(0x31, &[])]), false),
        ("an object identifier of the third arc", name(&[odd_oid(&[0x88, 0x37, 0x01])]), false),
        ("an object identifier that is empty", name(&[odd_oid(&[])]), false),
        ("an object identifier of one byte", name(&[odd_oid(&[0x55])]), true),
        ("an object identifier without end", name(&[odd_oid(&[0x55, 0x84])]), false),
        ("a number of more than 64 bits", name(&[odd_oid(&long_number)]), false),
        ("a number with zeroes in front", name(&[odd_oid(&[0x55, 0x80, 0x03])]), false),
    ] {
        println!("{what}");
        let root_key = Remote::new();
        let mut draft = Draft::authority(&root_key.public_key(), "", "", 1);
        draft.subject = subject.clone();
        draft.issuer = subject.clone();
        draft.not_after = NOW + 90 * DAY;
        let algorithm = sequence(&[oid("1.2.840.10045.4.3.2")]);
        let der = draft.finish(&algorithm, |_| tlv(0x30, &[]));
        let Ok(root) = Certificate::from_der(der.into()) else {
            assert!(!is_fine, "it is not read");
            continue;
        };
        let issued = CertificateAuthority::from_certificate(root.clone(), &root_key)
            .and_then(|root| issue(&root, &p256(), days_from(NOW, 30)));
        match issued {
            Ok(issued) => {
                assert!(is_fine, "{}", issued.issuer());
                let der = issued.der();
                assert!(der.windows(subject.len()).any(|part| part == subject), "other bytes");
            }
            Err(IssueError::NotACa(why)) => {
                assert!(!is_fine, "{why}");
                assert!(why.contains("name"), "{why}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_ca_that_may_not_sign_does_not() {
    let key = p256();
    let from = |change: fn(&mut Draft)| {
        let mut draft = Draft::authority(&key.public_key(), "root", "root", 1);
        change(&mut draft);
        CertificateAuthority::from_certificate(draft.signed_by(&key), &key).map(drop)
    };
    assert_eq!(from(|_| {}), Ok(()));
    assert_eq!(from(|draft| draft.extended_key_usage(&[SERVER_AUTH, CLIENT_AUTH])), Ok(()));
    for (refused, expected) in [
        (from(|draft| draft.key_usage(CRL_SIGN)), "keyCertSign"),
        (from(|draft| draft.extended_key_usage(&[SERVER_AUTH])), "clientAuth"),
        (from(|draft| draft.basic_constraints(false, None)), "not marked"),
        (from(|draft| draft.without_extension(BASIC_CONSTRAINTS)), "not marked"),
        (from(|draft| draft.version = 0), "not marked"),
        (from(|draft| *draft = Draft::device(&draft.spki, "pump-7", "root")), "not marked"),
    ] {
        let Err(IssueError::NotACa(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains(expected), "{why}");
    }
}
