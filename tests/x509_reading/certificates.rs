//! What a certificate says: everything as OpenSSL prints it.

use std::collections::BTreeMap;

use hubward::UnixTime;
use hubward::x509::{Certificate, PublicKeyKind, Thumbprint};

use crate::der::{
    EXTENSIONS, GENERALIZED_TIME, INTEGER, SERIAL, TO_BE_SIGNED, VALIDITY, changed, value, values,
};
use crate::openssl::{OpenSsl, P256};
use crate::{SAMPLE, from_pem, hex, read};

/// Names as RFC 4514 has them, but in the order of the certificate.
const NAME_OPTIONS: &str = "utf8,esc_2253,esc_ctrl,sep_comma_plus_space,sname,dump_nostr,dump_der";

/// Reads a certificate, and compares what it says with what OpenSSL prints of it.
pub(crate) fn agreed(openssl: &OpenSsl, der: &[u8]) -> Certificate {
    let certificate = read(der).unwrap();
    assert_eq!(&**certificate.der(), der);
    openssl.write("agreed.der", der);
    let print = |what: &str| openssl.run(&format!("x509 -in agreed.der -inform DER {what}"));

    let printed = print(&format!(
        "-noout -subject -issuer -serial -dates -dateopt iso_8601 -nameopt {NAME_OPTIONS}"
    ));
    let fields: BTreeMap<_, _> = printed.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(certificate.subject(), fields["subject"]);
    assert_eq!(certificate.issuer(), fields["issuer"]);
    assert_eq!(certificate.is_self_issued(), fields["subject"] == fields["issuer"]);
    assert_eq!(serial(&certificate), fields["serial"]);
    let validity = certificate.validity();
    assert_eq!(moment(validity.not_before), fields["notBefore"]);
    assert_eq!(moment(validity.not_after), fields["notAfter"]);

    let printed = print("-noout -subject -nameopt utf8,sep_multiline,sname -fingerprint -sha256");
    let parts = printed.lines().flat_map(|line| line.trim_start().split(" + "));
    let common_names: Vec<_> = parts.filter_map(|part| part.strip_prefix("CN=")).collect();
    match common_names[..] {
        [name] => assert_eq!(certificate.common_name(), Some(name)),
        _ => assert_eq!(certificate.common_name(), None, "{common_names:?}"),
    }
    let sha256 = Thumbprint::sha256(certificate.der());
    assert_eq!(sha256.to_string(), fingerprint(&printed));

    let printed = print("-text -pubkey -fingerprint -sha1");
    assert_eq!(certificate.is_ca(), printed.contains("CA:TRUE"));
    assert_eq!(certificate.public_key_kind(), key_kind(&printed));
    let (_, public_key) = printed.split_once("-----BEGIN PUBLIC KEY-----").unwrap();
    let (public_key, pem) = public_key.split_once("-----END PUBLIC KEY-----").unwrap();
    assert_eq!(*certificate.public_key(), *from_pem(public_key));
    assert!(pem.ends_with(&certificate.to_pem()));
    let sha1 = Thumbprint::sha1(certificate.der());
    assert_eq!(sha1.to_string(), fingerprint(&printed));
    assert!(sha256.matches(certificate.der()) && sha1.matches(certificate.der()));
    certificate
}

fn fingerprint(printed: &str) -> String {
    let fingerprint = printed.lines().find_map(|line| line.split_once(" Fingerprint="));
    fingerprint.unwrap().1.replace(':', "")
}

/// As OpenSSL prints it: the number, with its sign.
fn serial(certificate: &Certificate) -> String {
    let bytes = certificate.serial();
    if bytes[0] & 0x80 == 0 {
        let digits = hex(&bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]);
        return if digits.is_empty() { "00".to_owned() } else { digits };
    }
    // Two's complement.
    let mut number: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
    for byte in number.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    format!("-{}", hex(&number[number.iter().take_while(|byte| **byte == 0).count()..]))
}

fn moment(moment: UnixTime) -> String {
    moment.to_string().replace('T', " ")
}

fn key_kind(text: &str) -> PublicKeyKind {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.trim_start().strip_prefix(name));
        line.map(str::trim)
    };
    match (field("Public Key Algorithm: "), field("NIST CURVE: ")) {
        (Some("rsaEncryption"), _) => {
            let bits = field("Public-Key: (").and_then(|rest| rest.strip_suffix(" bit)"));
            PublicKeyKind::Rsa { bits: bits.unwrap().parse().unwrap() }
        }
        (Some("id-ecPublicKey"), Some("P-256")) => PublicKeyKind::EcdsaP256,
        (Some("id-ecPublicKey"), Some("P-384")) => PublicKeyKind::EcdsaP384,
        (Some("id-ecPublicKey"), Some("P-521")) => PublicKeyKind::EcdsaP521,
        (Some("ED25519"), _) => PublicKeyKind::Ed25519,
        (Some(_), _) => PublicKeyKind::Other,
        (None, _) => panic!("no public key in {text}"),
    }
}

const DEVICE: &str = "[req]\ndistinguished_name = dn\nprompt = no\n\
                      [dn]\nO = Contoso\nCN = pump-7\n\
                      [device]\nbasicConstraints = critical, CA:FALSE\n\
                      keyUsage = critical, digitalSignature\nextendedKeyUsage = clientAuth\n\
                      [ca]\nbasicConstraints = critical, CA:TRUE, pathlen:1\n\
                      keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n";

#[test]
fn keys_of_every_kind() {
    let openssl = OpenSsl::new();
    let rsa = |bits: usize| format!("RSA -pkeyopt rsa_keygen_bits:{bits}");
    let ec = |curve: &str| format!("EC -pkeyopt ec_paramgen_curve:{curve}");
    let other = PublicKeyKind::Other;
    for (kind, expected) in [
        (rsa(1024), Some(PublicKeyKind::Rsa { bits: 1024 })),
        // Its modulus does not begin with a zero byte.
        (rsa(2047), Some(PublicKeyKind::Rsa { bits: 2047 })),
        (rsa(2048), Some(PublicKeyKind::Rsa { bits: 2048 })),
        // Or one more or less: the product of two random primes.
        (rsa(2050), None),
        (rsa(3072), Some(PublicKeyKind::Rsa { bits: 3072 })),
        (rsa(4096), Some(PublicKeyKind::Rsa { bits: 4096 })),
        (ec("P-256"), Some(PublicKeyKind::EcdsaP256)),
        (ec("P-384"), Some(PublicKeyKind::EcdsaP384)),
        (ec("P-521"), Some(PublicKeyKind::EcdsaP521)),
        ("ED25519".to_owned(), Some(PublicKeyKind::Ed25519)),
        ("ED448".to_owned(), Some(other)),
        (ec("secp256k1"), Some(other)),
        // RSA, but only for PSS.
        ("RSA-PSS -pkeyopt rsa_keygen_bits:2048".to_owned(), Some(other)),
    ] {
        openssl.key("key.pem", &kind);
        let der = openssl.self_signed("key.pem", DEVICE, "-extensions device");
        let certificate = agreed(&openssl, &der);
        assert_eq!(certificate.subject(), "O=Contoso, CN=pump-7");
        assert!(certificate.is_self_issued() && !certificate.is_ca());
        if let Some(expected) = expected {
            assert_eq!(certificate.public_key_kind(), expected, "{kind}");
        }
    }
}

#[test]
fn marked_as_an_authority_or_not() {
    let openssl = OpenSsl::new();
    openssl.key("key.pem", P256);
    for (arguments, is_ca) in [("", false), ("-extensions device", false), ("-extensions ca", true)]
    {
        let der = openssl.self_signed("key.pem", DEVICE, arguments);
        assert_eq!(agreed(&openssl, &der).is_ca(), is_ca);
    }
}

#[test]
fn a_curve_that_is_spelled_out_is_no_known_one() {
    let openssl = OpenSsl::new();
    openssl.run(&format!("genpkey -algorithm {P256} -pkeyopt ec_param_enc:explicit -out key.pem"));
    let certificate = read(&openssl.self_signed("key.pem", DEVICE, "")).unwrap();
    assert_eq!(certificate.public_key_kind(), PublicKeyKind::Other);
}

#[test]
fn signatures_of_every_kind() {
    let openssl = OpenSsl::new();
    openssl.key("rsa.pem", "RSA -pkeyopt rsa_keygen_bits:2048");
    openssl.key("ec.pem", P256);
    for (key, options) in [
        ("rsa.pem", "-sha1"),
        ("rsa.pem", "-md5"),
        ("rsa.pem", "-sha512"),
        ("rsa.pem", "-sha256 -sigopt rsa_padding_mode:pss"),
        ("rsa.pem", "-sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:0"),
        ("ec.pem", "-sha512"),
        ("ec.pem", "-sha3-256"),
    ] {
        agreed(&openssl, &openssl.self_signed(key, DEVICE, options));
    }
}

#[test]
fn serials_of_every_length() {
    let openssl = OpenSsl::new();
    openssl.key("key.pem", P256);
    for number in [
        "0",
        "1",
        "127",
        "128",
        "-1",
        "-5",
        "-128",
        "-129",
        "0xFF00000000000000000000000000000000000001",
        "0x7F00000000000000000000000000000000000001",
        "-0x7F00000000000000000000000000000000000001",
    ] {
        let der = openssl.self_signed("key.pem", DEVICE, &format!("-set_serial {number}"));
        agreed(&openssl, &der);
    }
    // Longer than any may be; it is read, for a report.
    let long = [0x11; 30];
    let der = changed(&SAMPLE.certificate, |tree| *tree.at(SERIAL) = value(INTEGER, &long));
    assert_eq!(agreed(&openssl, &der).serial(), long);
}

#[test]
fn a_certificate_of_version_1() {
    let openssl = OpenSsl::new();
    // Not asked of OpenSSL: its version 3.0 makes it where no extensions are, and later ones do not.
    let der = changed(&SAMPLE.certificate, |tree| {
        let parts = tree.at(TO_BE_SIGNED).values();
        parts.truncate(7);
        parts.remove(0);
    });
    assert!(!agreed(&openssl, &der).is_ca());
    openssl.write("old.der", &der);
    assert!(openssl.run("x509 -in old.der -inform DER -noout -text").contains("Version: 1 (0x0)"));
}

/// `openssl ca`, which alone takes dates.
const DATED: &str = "[ca]\ndefault_ca = dated\n\
                     [dated]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n\
                     default_md = sha256\npolicy = any\nunique_subject = no\n\
                     [any]\ncommonName = supplied\n\
                     [req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = pump-7\n";

#[test]
fn dates_of_both_kinds_and_their_ends() {
    let openssl = OpenSsl::new();
    openssl.key("key.pem", P256);
    openssl.write("dated.cnf", DATED);
    openssl.write("index", "");
    openssl.run("req -new -key key.pem -config dated.cnf -out request.pem");
    for (start, end) in [
        ("700101000000Z", "700101000001Z"),
        ("991231235959Z", "000101000000Z"),
        ("240229000000Z", "491231235959Z"),
        ("20491231235959Z", "20500101000000Z"),
        ("20500101000000Z", "21000301000000Z"),
        ("20240229120000Z", "99991231235959Z"),
        // Ends before it begins.
        ("20300101000000Z", "20200101000000Z"),
    ] {
        openssl.run(&format!(
            "ca -batch -config dated.cnf -selfsign -keyfile key.pem -in request.pem -notext \
             -startdate {start} -enddate {end} -out dated.pem"
        ));
        agreed(&openssl, &from_pem(&openssl.read_text("dated.pem")));
    }
}

#[test]
fn dates_before_1970_are_the_first_moment_of_1970() {
    let der = changed(&SAMPLE.certificate, |tree| {
        let moment = |text: &str| value(GENERALIZED_TIME, text.as_bytes());
        *tree.at(VALIDITY) = values(0x30, [moment("19000101000000Z"), moment("19691231235959Z")]);
    });
    let validity = read(&der).unwrap().validity();
    assert_eq!(validity.not_before, UnixTime::from_secs(0));
    assert_eq!(validity.not_after, UnixTime::from_secs(0));
}

#[test]
fn dates_that_are_none_are_refused() {
    for text in ["20250230000000Z", "20251301000000Z", "20250101240000Z", "", "Z", "2025", "\u{e9}"]
    {
        let der = changed(&SAMPLE.certificate, |tree| {
            tree.at(VALIDITY).values()[1] = value(GENERALIZED_TIME, text.as_bytes());
        });
        assert!(read(&der).is_err(), "{text}");
    }
}

#[test]
fn debug_is_short_and_says_whose_it_is() {
    let shown = format!("{:?}", read(&SAMPLE.certificate).unwrap());
    assert!(shown.contains("CN=pump-7") && shown.len() < 400, "{shown}");
}

#[test]
fn equal_is_what_has_the_same_bytes() {
    let certificate = read(&SAMPLE.certificate).unwrap();
    assert_eq!(certificate, certificate.clone());
    let der = changed(&SAMPLE.certificate, |tree| *tree.at(SERIAL) = value(INTEGER, &[1]));
    assert_ne!(read(&der).unwrap(), certificate);
}

#[test]
fn no_subject_and_no_extensions() {
    let openssl = OpenSsl::new();
    openssl.key("key.pem", P256);
    let der = openssl.self_signed("key.pem", DEVICE, "-subj / -extensions device");
    let certificate = agreed(&openssl, &der);
    assert_eq!(certificate.subject(), "");
    assert_eq!(certificate.common_name(), None);
    let der = changed(&der, |tree| tree.at(EXTENSIONS).values().clear());
    assert!(!read(&der).unwrap().is_ca());
}
