//! Extensions: what OpenSSL writes of them, how many, how long, and what is damaged.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use hubward::UnixTime;
use hubward::pki_types::CertificateDer;
use hubward::x509::{CERTIFICATE_MAX, CertificateError, DeviceCertificate, Expected};

use crate::certificates::agreed;
use crate::der::{
    BMP_STRING, BOOLEAN, Der, EXTENSIONS, INTEGER, NULL, OCTET_STRING, OID, PUBLIC_KEY, SEQUENCE,
    SERIAL, SUBJECT, T61_STRING, TO_BE_SIGNED, UTF8_STRING, VALIDITY, changed, extension, oid,
    value, values,
};
use crate::hostile::exercise;
use crate::openssl::{OpenSsl, P256};
use crate::read;

fn config(extensions: &str) -> String {
    format!(
        "[req]\ndistinguished_name = dn\nprompt = no\nx509_extensions = all\n[dn]\nCN = pump-7\n\
         [all]\n{extensions}"
    )
}

fn with(openssl: &OpenSsl, extensions: &str) -> Vec<u8> {
    openssl.key("key.pem", P256);
    openssl.self_signed("key.pem", &config(extensions), "")
}

/// One of each kind that OpenSSL knows a short name for.
const RICH: &str = "basicConstraints = critical, CA:TRUE, pathlen:3\n\
    keyUsage = critical, digitalSignature, nonRepudiation, keyEncipherment, dataEncipherment, \
    keyAgreement, keyCertSign, cRLSign, encipherOnly, decipherOnly\n\
    extendedKeyUsage = clientAuth, serverAuth, codeSigning, 1.2.3.4\n\
    subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid, issuer\n\
    subjectAltName = @names\nissuerAltName = DNS:issuer.example\n\
    authorityInfoAccess = OCSP;URI:http://o.example/, caIssuers;URI:http://c.example/\n\
    subjectInfoAccess = 1.3.6.1.5.5.7.48.5;URI:http://s.example/\n\
    crlDistributionPoints = points\ncertificatePolicies = 1.2.3.4, @policy\n\
    policyConstraints = requireExplicitPolicy:3, inhibitPolicyMapping:1\ninhibitAnyPolicy = 2\n\
    policyMappings = 1.2.3.4:1.2.3.5\n\
    nameConstraints = critical, permitted;DNS:example, excluded;IP:10.0.0.0/255.0.0.0, \
    permitted;email:example\n\
    tlsfeature = status_request\nnoCheck = ignored\nnsComment = a comment\nnsCertType = client, server\n\
    1.2.3.4.5 = ASN1:UTF8String:unknown\n\
    [names]\nDNS.1 = pump-7\nDNS.2 = *.example\nIP.1 = 10.0.0.1\nIP.2 = 2001:db8::1\nemail.1 = a@example\n\
    URI.1 = urn:uuid:7\nRID.1 = 1.2.3.4\notherName.1 = 1.2.3.4;UTF8:other\ndirName.1 = dn\n\
    [points]\nfullname = URI:http://crl.example/\nCRLissuer = dirName:dn\n\
    reasons = keyCompromise, CACompromise\n\
    [policy]\npolicyIdentifier = 1.2.3.6\nCPS.1 = http://cps.example/\nuserNotice.1 = @notice\n\
    [notice]\nexplicitText = UTF8:notice\norganization = Contoso\nnoticeNumbers = 1, 2\n";

/// A certificate with one of every extension.
pub(crate) fn rich() -> Vec<u8> {
    with(&OpenSsl::new(), RICH)
}

#[test]
fn every_extension_that_openssl_knows() {
    let openssl = OpenSsl::new();
    assert!(agreed(&openssl, &with(&openssl, RICH)).is_ca());
}

#[test]
fn unusual_but_right() {
    let openssl = OpenSsl::new();
    for extensions in [
        "basicConstraints = CA:FALSE\n",
        "basicConstraints = CA:TRUE, pathlen:0\n",
        "extendedKeyUsage = anyExtendedKeyUsage\n",
        "keyUsage = decipherOnly\n",
        "subjectAltName = email:copy, DNS:ö.example\n",
        "subjectAltName = critical, DNS:a\n",
        "crlDistributionPoints = URI:ldap://example/cn=a?b, URI:http://b.example\n",
        "nameConstraints = permitted;dirName:dn\n",
        "certificatePolicies = anyPolicy\n",
        "subjectKeyIdentifier = 00\n",
        "nsComment = ASN1:UTF8String:a comment in another string\n",
        "2.5.29.54 = ASN1:INTEGER:0\n",
    ] {
        agreed(&openssl, &with(&openssl, extensions));
    }
}

#[test]
fn an_unknown_critical_extension_is_read_and_judged() {
    let openssl = OpenSsl::new();
    let report = |extensions: &str| {
        let der = with(&openssl, extensions);
        agreed(&openssl, &der);
        let device = DeviceCertificate::from_chain(&[CertificateDer::from(der)]).unwrap();
        device.judge(&Expected::new(), UnixTime::BUILD_FLOOR).to_string()
    };
    assert!(report("1.2.3.4.5 = critical, ASN1:NULL\n").contains("1.2.3.4.5"));
    assert!(!report("1.2.3.4.5 = ASN1:NULL\n").contains("1.2.3.4.5"));
}

#[test]
fn an_extension_that_is_there_twice_is_refused() {
    let openssl = OpenSsl::new();
    let der = with(&openssl, "keyUsage = digitalSignature\n1.2.3.4.5 = ASN1:NULL\n");
    for index in [0, 1] {
        let twice = changed(&der, |tree| {
            let extensions = tree.at(EXTENSIONS).values();
            let copy = extensions[index].clone();
            extensions.push(copy);
        });
        let error = read(&twice).unwrap_err();
        assert_eq!(error, CertificateError::Malformed("an extension is there twice"));
    }
}

#[test]
fn sixty_thousand_bytes_are_read_and_seventy_thousand_are_not() {
    let openssl = OpenSsl::new();
    let long = |len: usize| format!("1.2.3.4.5 = DER:04:82:{:04X}{}\n", len, ":00".repeat(len));
    agreed(&openssl, &with(&openssl, &long(60_000)));

    // OpenSSL's own configuration has no room for more.
    let der = with(&openssl, "1.2.3.4.5 = ASN1:NULL\n");
    let padded = |len: usize| {
        changed(&der, |tree| {
            let kind = tree.at(EXTENSIONS).values()[0].values()[0].clone();
            tree.at(EXTENSIONS).values()[0] = extension(kind, &vec![0; len]);
        })
    };
    let len = padded(70_000).len();
    assert_eq!(read(&padded(70_000)), Err(CertificateError::TooLong { len }));
    // To the byte.
    let rest = CERTIFICATE_MAX - padded(60_000).len();
    assert_eq!(agreed(&openssl, &padded(60_000 + rest)).der().len(), CERTIFICATE_MAX);
    let error = read(&padded(60_000 + rest + 1)).unwrap_err();
    assert_eq!(error, CertificateError::TooLong { len: CERTIFICATE_MAX + 1 });
}

#[test]
fn a_thousand_names_and_a_thousand_extensions() {
    let openssl = OpenSsl::new();
    let mut names = "subjectAltName = @names\n[names]\n".to_owned();
    let mut kinds = String::new();
    for number in 1..=1000 {
        writeln!(names, "DNS.{number} = pump-{number}.example").unwrap();
        writeln!(kinds, "1.2.3.{number} = ASN1:INTEGER:{number}").unwrap();
    }
    agreed(&openssl, &with(&openssl, &names));
    agreed(&openssl, &with(&openssl, &kinds));
}

/// Reads what fills a certificate, and does with it what can be done.
fn fill(change: impl FnOnce(&mut Der, usize)) -> Duration {
    let openssl = OpenSsl::new();
    let der = with(&openssl, "1.2.3.4.5 = critical, ASN1:NULL\n");
    let full = changed(&der, |tree| change(tree, CERTIFICATE_MAX - der.len()));
    assert!((CERTIFICATE_MAX - 100..=CERTIFICATE_MAX).contains(&full.len()), "{}", full.len());
    let start = Instant::now();
    exercise(&full).unwrap();
    start.elapsed()
}

/// Far more than it takes, and far less than work that grows with the square of the bytes does.
const LONGEST: Duration = Duration::from_secs(5);

#[test]
fn as_many_extensions_as_fit() {
    let mut numbers = (0..128_u16).flat_map(|first| (0..128).map(move |second| [first, second]));
    let elapsed = fill(|tree, mut left| {
        let extensions = tree.at(EXTENSIONS).values();
        extensions.clear();
        while let Some(rest) = left.checked_sub(9) {
            left = rest;
            extensions.push(extension(oid(&numbers.next().unwrap()), b""));
        }
        assert!(extensions.len() > 7_000);
    });
    assert!(elapsed < LONGEST, "{elapsed:?}");
}

#[test]
fn numbers_as_long_as_fit() {
    // Of a critical extension, whose kind is reported; one number, and the most numbers.
    for byte in [0xff, 0x01] {
        let elapsed = fill(|tree, left| {
            let kind = &mut tree.at(EXTENSIONS).values()[0].values()[0];
            *kind = value(OID, &[&[0x2b][..], &vec![byte; left - 40], &[0x01]].concat());
        });
        assert!(elapsed < LONGEST, "{elapsed:?}");
    }
    // Of a name.
    let elapsed = fill(|tree, left| {
        let kind = &mut tree.at(SUBJECT).values()[0].values()[0].values()[0];
        *kind = value(OID, &[&[0x2b][..], &vec![0xff; left - 40], &[0x01]].concat());
    });
    assert!(elapsed < LONGEST, "{elapsed:?}");
    // Of a serial number.
    let elapsed = fill(|tree, left| *tree.at(SERIAL) = value(INTEGER, &vec![0x11; left]));
    assert!(elapsed < LONGEST, "{elapsed:?}");
}

#[test]
fn names_as_long_as_fit() {
    for (tag, byte) in [(UTF8_STRING, b','), (T61_STRING, 0x80), (OCTET_STRING, 0), (BMP_STRING, 1)]
    {
        let elapsed = fill(|tree, left| {
            tree.at(SUBJECT).values()[0].values()[0].values()[1] =
                value(tag, &vec![byte; left - 40]);
        });
        assert!(elapsed < LONGEST, "{elapsed:?}");
    }
    // As many parts as fit, in sets of their own and in one.
    let part = |tree: &mut Der| tree.at(SUBJECT).values()[0].clone();
    let elapsed = fill(|tree, left| {
        let part = part(tree);
        let count = (left - 20) / part.encode().len();
        tree.at(SUBJECT).values().extend(vec![part; count]);
    });
    assert!(elapsed < LONGEST, "{elapsed:?}");
    let elapsed = fill(|tree, left| {
        let part = part(tree).values()[0].clone();
        let count = (left - 20) / part.encode().len();
        tree.at(SUBJECT).values()[0].values().extend(vec![part; count]);
    });
    assert!(elapsed < LONGEST, "{elapsed:?}");
}

#[test]
fn nesting_as_deep_as_fits() {
    let nested = |left: usize| {
        let mut der = Vec::new();
        while der.len() < left - 60 {
            let header = value(SEQUENCE, &der).encode();
            der = header;
        }
        der
    };
    // Four bytes a level, within an extension that is known and one that is not.
    for known in [true, false] {
        let elapsed = fill(|tree, left| {
            let content = nested(left);
            let extension = tree.at(EXTENSIONS).values()[0].values();
            if known {
                extension[0] = value(OID, &[0x55, 0x1d, 0x11]);
            }
            *extension.last_mut().unwrap() = value(OCTET_STRING, &content);
        });
        assert!(elapsed < LONGEST, "{elapsed:?}");
    }
}

/// What the crate goes by is refused when it is damaged; what it does not need may be as it is.
#[test]
fn damaged_extensions() {
    let openssl = OpenSsl::new();
    let der = with(&openssl, RICH);
    let count = Der::parse(&der).at(EXTENSIONS).values().len();
    let mut refused = 0;
    for index in 0..count {
        let mut kind = Vec::new();
        let damaged = changed(&der, |tree| {
            let extension = tree.at(EXTENSIONS).values()[index].values();
            kind = extension[0].bytes().to_vec();
            *extension.last_mut().unwrap() = value(OCTET_STRING, b"\x30\x07damaged");
        });
        // basicConstraints, keyUsage, extendedKeyUsage, subjectKeyIdentifier.
        let counts =
            [[0x55, 0x1d, 0x13], [0x55, 0x1d, 0x0f], [0x55, 0x1d, 0x25], [0x55, 0x1d, 0x0e]];
        match read(&damaged) {
            Err(CertificateError::Malformed(_)) => {
                assert!(counts.iter().any(|counting| kind == counting), "{kind:02x?}");
                refused += 1;
            }
            other => {
                other.unwrap();
                assert!(!counts.iter().any(|counting| kind == counting), "{kind:02x?}");
            }
        }
    }
    assert_eq!(refused, 4);
}

#[test]
fn a_damaged_critical_extension_counts_as_an_unknown_one() {
    let openssl = OpenSsl::new();
    let der = with(&openssl, "nameConstraints = critical, permitted;DNS:example\n");
    let damaged = changed(&der, |tree| {
        *tree.at(EXTENSIONS).values()[0].values().last_mut().unwrap() =
            value(OCTET_STRING, b"\xff");
    });
    let device = DeviceCertificate::from_chain(&[CertificateDer::from(damaged)]).unwrap();
    let report = device.judge(&Expected::new(), UnixTime::BUILD_FLOOR).to_string();
    assert!(report.contains("2.5.29.30"), "{report}");
}

/// What the signature does not cover, or covers without meaning: nothing may be added unseen.
#[test]
fn nothing_stands_behind_what_is_read() {
    let openssl = OpenSsl::new();
    let der = with(
        &openssl,
        "basicConstraints = CA:TRUE\nkeyUsage = keyCertSign\nextendedKeyUsage = clientAuth\n\
         subjectKeyIdentifier = hash\n",
    );
    let places: &[&[usize]] = &[
        // The certificate itself, the outer name of the algorithm, and the inner.
        &[],
        &[1],
        TO_BE_SIGNED,
        &[0, 0],
        &[0, 2],
        VALIDITY,
        PUBLIC_KEY,
        &[0, 6, 0],
        &[0, 7],
    ];
    for place in places {
        let more = changed(&der, |tree| tree.at(place).values().push(value(NULL, b"")));
        assert!(read(&more).is_err(), "{place:?}");
    }
    for index in 0..4 {
        let more = changed(&der, |tree| {
            let extension = tree.at(EXTENSIONS).values()[index].values();
            let content = [extension.last().unwrap().bytes(), &[NULL, 0]].concat();
            *extension.last_mut().unwrap() = value(OCTET_STRING, &content);
        });
        assert!(read(&more).is_err(), "extension {index}");
        let more = changed(&der, |tree| {
            tree.at(EXTENSIONS).values()[index].values().push(value(NULL, b""));
        });
        assert!(read(&more).is_err(), "extension {index}");
    }
}

#[test]
fn a_path_length_that_is_no_small_number_is_refused() {
    let openssl = OpenSsl::new();
    let der = with(&openssl, "basicConstraints = CA:TRUE, pathlen:1\n");
    let lengths = |content: &[u8]| {
        changed(&der, |tree| {
            let constraints =
                values(SEQUENCE, [value(BOOLEAN, &[0xff]), value(INTEGER, content)]).encode();
            *tree.at(EXTENSIONS).values()[0].values().last_mut().unwrap() =
                value(OCTET_STRING, &constraints);
        })
    };
    read(&lengths(&[127])).unwrap();
    assert!(read(&lengths(&[0xff])).is_err());
    assert!(read(&lengths(&[1; 20])).is_err());
}
