//! Requests are read as strictly as certificates: byte by byte, and not one bit otherwise.

use std::collections::BTreeSet;

use hubward::keystore::{SignatureAlgorithm, SigningKey as _};
use hubward::pki_types::CertificateSigningRequestDer;
use hubward::x509::{CertificateAuthority, CertificateRequest, IssueError, RING_ALGORITHMS};

use crate::der::{
    BIT_STRING, Der, INTEGER, Length, NULL, OCTET_STRING, OID, PRINTABLE_STRING, SEQUENCE, SET,
    UTF8_STRING, value, values,
};
use crate::keys::{days, device, p256};

/// The attributes (RFC 2986 section 4.1).
const ATTRIBUTES: u8 = 0xa0;

// Places within a request.
const INFO: &[usize] = &[0];
const VERSION: &[usize] = &[0, 0];
const SUBJECT: &[usize] = &[0, 1];
const COMMON_NAME: &[usize] = &[0, 1, 1, 0, 1];
const PUBLIC_KEY: &[usize] = &[0, 2];
const CURVE: &[usize] = &[0, 2, 0, 1];
const ALL_ATTRIBUTES: &[usize] = &[0, 3];

/// A request with every part that there can be, which nobody signed.
fn request() -> Der {
    let oid = |content: &[u8]| value(OID, content);
    let part = |kind, tag, text: &str| {
        let attribute = [oid(&[0x55, 0x04, kind]), value(tag, text.as_bytes())];
        values(SET, [values(SEQUENCE, attribute)])
    };
    let curve = oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    let ec_key = oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]);
    let key = [&[0, 4][..], &[5; 64]].concat();
    let unstructured_name = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x02]);
    let text = values(SET, [value(UTF8_STRING, b"a name")]);
    let info = [
        value(INTEGER, &[0]),
        values(SEQUENCE, [part(6, PRINTABLE_STRING, "DE"), part(3, UTF8_STRING, "pump-7")]),
        values(SEQUENCE, [values(SEQUENCE, [ec_key, curve]), value(BIT_STRING, &key)]),
        values(ATTRIBUTES, [values(SEQUENCE, [unstructured_name, text])]),
    ];
    let ecdsa_sha256 = oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);
    let signature = value(BIT_STRING, &[0; 33]);
    values(SEQUENCE, [values(SEQUENCE, info), values(SEQUENCE, [ecdsa_sha256]), signature])
}

fn read(der: &[u8]) -> Result<CertificateRequest, IssueError> {
    let read = CertificateRequest::from_der(&CertificateSigningRequestDer::from(der));
    assert!(matches!(read, Ok(_) | Err(IssueError::NotARequest(_))), "{read:?}");
    read
}

#[test]
fn every_bit_of_identifiers_and_lengths_counts() {
    let tree = request();
    let der = tree.encode();
    let good = read(&der).unwrap();
    assert_eq!(good.common_name(), Some("pump-7"));
    let mut accepted = BTreeSet::new();
    for (path, header) in tree.headers() {
        // What is asked for does not count, and may be whatever is DER.
        if path.starts_with(ALL_ATTRIBUTES) && path != ALL_ATTRIBUTES {
            continue;
        }
        let single = (0..8).map(|bit| 1 << bit);
        for (position, mask) in
            header.flat_map(|at| single.clone().chain([0xc0]).map(move |mask| (at, mask)))
        {
            let mut changed = der.clone();
            changed[position] ^= mask;
            if let Ok(read) = read(&changed) {
                accepted.insert((path.clone(), changed[position]));
                assert_eq!(read.common_name().is_some(), path != COMMON_NAME);
            }
        }
    }
    // As in certificates: the texts of names, and the parameters of the key.
    let listed: [(&[usize], &[u8]); 3] = [
        (&[0, 1, 0, 0, 1], &[0x12, 0x1b, 0x93]),
        (COMMON_NAME, &[0x04, 0x08, 0x0d, 0x0e, 0x1c, 0x8c]),
        (CURVE, &[0x02, 0x04, 0x07, 0x0e, 0x16, 0x86]),
    ];
    let listed = listed.iter();
    let listed = listed.flat_map(|(path, bytes)| bytes.iter().map(|byte| (path.to_vec(), *byte)));
    assert_eq!(accepted, listed.collect());
}

#[test]
fn lengths_are_as_short_as_can_be_everywhere() {
    let tree = request();
    for (path, _) in tree.headers() {
        let padded = [0, 1, 2].map(Length::Padded);
        for length in padded.into_iter().chain([Length::Indefinite]) {
            let mut changed = tree.clone();
            *changed.at(&path).length() = length;
            let der = changed.encode();
            assert!(der == tree.encode() || read(&der).is_err(), "{path:?}, {length:?}");
        }
    }
}

/// As some write it where there are no attributes: read, and issued from.
#[test]
fn a_request_without_attributes_is_a_request() {
    let (root_key, key) = (p256(), p256());
    let root = CertificateAuthority::root(&root_key, "Contoso root", days(90)).unwrap();
    for is_left_out in [false, true] {
        let mut tree = request();
        *tree.at(PUBLIC_KEY) = Der::parse(&key.public_key());
        match is_left_out {
            true => drop(tree.at(INFO).values().pop()),
            false => tree.at(ALL_ATTRIBUTES).values().clear(),
        }
        let sign = |tree: &mut Der| {
            let signed = tree.at(INFO).encode();
            let signature = key.sign(SignatureAlgorithm::EcdsaP256Sha256, &signed).unwrap();
            *tree.at(&[2]) = value(BIT_STRING, &[&[0][..], &signature].concat());
        };
        sign(&mut tree);
        let asked = read(&tree.encode()).unwrap();
        assert_eq!(asked.public_key(), key.public_key());
        assert_eq!(asked.check_possession(RING_ALGORITHMS), Ok(()));
        let issued = root.issue_device(&asked, &device(), days(30), RING_ALGORITHMS).unwrap();
        assert!(issued.matches(&key));

        // And signed is all of it.
        *tree.at(&[0, 1, 0, 0, 1]) = value(PRINTABLE_STRING, b"FR");
        let changed = read(&tree.encode()).unwrap();
        assert_eq!(changed.check_possession(RING_ALGORITHMS), Err(IssueError::NotPossessed));
        sign(&mut tree);
        assert_eq!(read(&tree.encode()).unwrap().check_possession(RING_ALGORITHMS), Ok(()));
    }
}

/// What is done to a request.
type Change = fn(&mut Der);

#[test]
fn parts_that_may_be_there_and_parts_that_may_not() {
    let good: [(&str, Change); 4] = [
        ("all of them", |_| {}),
        ("no attribute", |tree| tree.at(ALL_ATTRIBUTES).values().clear()),
        ("attributes left out", |tree| drop(tree.at(INFO).values().pop())),
        ("attributes of any kind", |tree| {
            let text = values(SEQUENCE, [value(OID, &[0x2a, 3]), values(SET, [])]);
            tree.at(ALL_ATTRIBUTES).push(text);
        }),
    ];
    for (what, change) in good {
        let mut tree = request();
        change(&mut tree);
        let read = read(&tree.encode());
        assert!(read.is_ok_and(|read| read.common_name() == Some("pump-7")), "{what}");
    }
    let bad: [(&str, Change); 33] = [
        ("attributes as a set", |tree| *tree.at(ALL_ATTRIBUTES).tag() = SET),
        ("attributes as a sequence", |tree| *tree.at(ALL_ATTRIBUTES).tag() = SEQUENCE),
        ("attributes under another tag", |tree| *tree.at(ALL_ATTRIBUTES).tag() = 0xa1),
        ("attributes under that of extensions", |tree| *tree.at(ALL_ATTRIBUTES).tag() = 0xa3),
        ("attributes of an application", |tree| *tree.at(ALL_ATTRIBUTES).tag() = 0x60),
        ("private attributes", |tree| *tree.at(ALL_ATTRIBUTES).tag() = 0xe0),
        ("primitive attributes", |tree| {
            *tree.at(ALL_ATTRIBUTES) = value(0x80, &tree.at(&[0, 3, 0]).encode());
        }),
        ("no attribute, primitive", |tree| *tree.at(ALL_ATTRIBUTES) = value(0x80, &[])),
        ("attributes twice", |tree| {
            let again = tree.at(ALL_ATTRIBUTES).clone();
            tree.at(INFO).push(again);
        }),
        ("something behind them", |tree| tree.at(INFO).push(value(NULL, &[]))),
        ("something in their place", |tree| *tree.at(ALL_ATTRIBUTES) = value(NULL, &[])),
        ("attributes elsewhere", |tree| tree.at(INFO).values().swap(2, 3)),
        ("an attribute that is no DER", |tree| *tree.at(&[0, 3, 0, 1, 0]) = value(NULL, &[1])),
        ("an attribute that is none", |tree| tree.at(ALL_ATTRIBUTES).push(value(NULL, &[]))),
        ("an attribute without values", |tree| drop(tree.at(&[0, 3, 0]).values().pop())),
        ("an attribute whose values are no set", |tree| *tree.at(&[0, 3, 0, 1]).tag() = SEQUENCE),
        ("an attribute of no kind", |tree| *tree.at(&[0, 3, 0, 0]).tag() = OCTET_STRING),
        ("no version", |tree| drop(tree.at(INFO).values().remove(0))),
        ("a version of another kind", |tree| *tree.at(VERSION).tag() = 0x0a),
        ("a tagged version", |tree| *tree.at(VERSION) = values(0xa0, [value(INTEGER, &[0])])),
        ("a version with zeroes in front", |tree| *tree.at(VERSION) = value(INTEGER, &[0, 0])),
        ("an empty version", |tree| *tree.at(VERSION) = value(INTEGER, &[])),
        ("a name that is a set", |tree| *tree.at(SUBJECT).tag() = SET),
        ("a name of two kinds of parts", |tree| tree.at(SUBJECT).push(value(NULL, &[]))),
        ("a text whose number is elsewhere", |tree| *tree.at(COMMON_NAME).tag() = 0x1f),
        ("a tagged one", |tree| *tree.at(COMMON_NAME).tag() = 0x9f),
        ("a curve whose number is elsewhere", |tree| *tree.at(CURVE).tag() = 0x1f),
        ("a public key of three parts", |tree| tree.at(PUBLIC_KEY).push(value(NULL, &[]))),
        ("a fourth part", |tree| tree.push(value(NULL, &[]))),
        ("no signature", |tree| drop(tree.values().pop())),
        ("a signature in another string", |tree| *tree.at(&[2]).tag() = OCTET_STRING),
        ("a signature that is no whole bytes", |tree| {
            *tree.at(&[2]) = value(BIT_STRING, &[1, 0x80]);
        }),
        ("an algorithm of three parts", |tree| {
            tree.at(&[1]).values().extend([value(NULL, &[]), value(NULL, &[])]);
        }),
    ];
    for (what, change) in bad {
        let mut tree = request();
        change(&mut tree);
        assert!(read(&tree.encode()).is_err(), "{what}");
    }
}
