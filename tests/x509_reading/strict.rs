//! Strictness: each value is exactly as DER has it, or nothing is read. What one reader takes for a value
//! and another for something else is a certificate that says two things.

use std::collections::BTreeSet;

use hubward::x509::{CertificateError, PublicKeyKind};

use crate::der::{
    BIT_STRING, BOOLEAN, Der, GENERALIZED_TIME, IA5_STRING, INTEGER, Length, NULL, OCTET_STRING,
    OID, PRINTABLE_STRING, PUBLIC_KEY, SEQUENCE, SET, SUBJECT, TO_BE_SIGNED, UTC_TIME, UTF8_STRING,
    VALIDITY, value, values,
};
use crate::read;

const VERSION: u8 = 0xa0;
const UNIQUE_ID_1: u8 = 0x81;
const UNIQUE_ID_2: u8 = 0x82;
const EXTENSIONS: u8 = 0xa3;

const CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];

fn oid(content: &[u8]) -> Der {
    value(OID, content)
}

fn name(country: Der, common_name: Der) -> Der {
    let part = |kind, text| values(SET, [values(SEQUENCE, [oid(&[0x55, 0x04, kind]), text])]);
    values(SEQUENCE, [part(6, country), part(3, common_name)])
}

/// An extension below `id-ce`, whose value can be changed as well.
fn extension(kind: u8, is_critical: bool, content: &Der) -> Der {
    let mut string = value(OCTET_STRING, &content.encode());
    string.open();
    let kind = oid(&[0x55, 0x1d, kind]);
    if is_critical {
        values(SEQUENCE, [kind, value(BOOLEAN, &[0xff]), string])
    } else {
        values(SEQUENCE, [kind, string])
    }
}

/// A certificate with every part that there can be, byte by byte. Nobody signed it.
fn certificate(algorithm: &Der, public_key: Der) -> Der {
    let constraints = values(SEQUENCE, [value(BOOLEAN, &[0xff]), value(INTEGER, &[1])]);
    let extensions = [
        extension(0x13, true, &constraints),
        // digitalSignature, keyCertSign, cRLSign and decipherOnly.
        extension(0x0f, true, &value(BIT_STRING, &[7, 0x86, 0x80])),
        extension(0x25, false, &values(SEQUENCE, [oid(CLIENT_AUTH), oid(SERVER_AUTH)])),
        extension(0x0e, false, &value(OCTET_STRING, &[7; 20])),
        values(SEQUENCE, [oid(&[0x2b, 0x06, 0x01]), value(OCTET_STRING, b"anything")]),
    ];
    let signed = [
        values(VERSION, [value(INTEGER, &[2])]),
        value(INTEGER, &[0x4d, 0x01]),
        algorithm.clone(),
        name(value(PRINTABLE_STRING, b"DE"), value(UTF8_STRING, b"Contoso root")),
        values(
            SEQUENCE,
            [value(UTC_TIME, b"270115080000Z"), value(GENERALIZED_TIME, b"20510115080000Z")],
        ),
        name(value(IA5_STRING, b"DE"), value(UTF8_STRING, b"pump-7")),
        public_key,
        value(UNIQUE_ID_1, &[0, 1, 1]),
        value(UNIQUE_ID_2, &[0, 1, 2]),
        values(EXTENSIONS, [values(SEQUENCE, extensions)]),
    ];
    values(SEQUENCE, [values(SEQUENCE, signed), algorithm.clone(), value(BIT_STRING, &[0; 33])])
}

fn of_p256() -> Der {
    let algorithm = values(SEQUENCE, [oid(ECDSA_SHA256)]);
    let point = [&[0, 4][..], &[5; 64]].concat();
    let key = [values(SEQUENCE, [oid(EC_KEY), oid(P256)]), value(BIT_STRING, &point)];
    certificate(&algorithm, values(SEQUENCE, key))
}

/// The numbers of an RSA key, as a public key has them.
fn key_bits<const N: usize>(numbers: [Der; N]) -> Der {
    value(BIT_STRING, &[&[0][..], &values(SEQUENCE, numbers).encode()].concat())
}

fn of_rsa() -> Der {
    let algorithm = values(SEQUENCE, [oid(RSA_SHA256), value(NULL, &[])]);
    let modulus = [&[0][..], &[0xab; 256]].concat();
    let bits = key_bits([value(INTEGER, &modulus), value(INTEGER, &[1, 0, 1])]);
    certificate(
        &algorithm,
        values(SEQUENCE, [values(SEQUENCE, [oid(RSA), value(NULL, &[])]), bits]),
    )
}

// Places within these, beside those of certificates without unique identifiers.
const VERSION_NUMBER: &[usize] = &[0, 0, 0];
const SERIAL: &[usize] = &[0, 1];
const ALL_EXTENSIONS: &[usize] = &[0, 9];
const CONSTRAINTS: &[usize] = &[0, 9, 0, 0, 2, 0];
const USAGE: &[usize] = &[0, 9, 0, 1, 2, 0];
const EXTENDED_USAGE: &[usize] = &[0, 9, 0, 2, 1, 0];
const KEY_ID: &[usize] = &[0, 9, 0, 3, 1, 0];

/// What is done to a certificate.
type Change = fn(&mut Der);
/// The same for the parts of what is signed.
type ChangeOfParts = fn(&mut Vec<Der>);

/// What may be otherwise by one bit of its identifier or length, and what it is then: texts of names and
/// parameters of the public key may be of any kind, as long as they are DER.
const FREE: [(&[usize], &[u8]); 4] = [
    // PrintableString, UTF8String, IA5String, UTF8String.
    (&[0, 3, 0, 0, 1], &[0x12, 0x1b, 0x93]),
    (&[0, 3, 1, 0, 1], &[0x04, 0x08, 0x0d, 0x0e, 0x1c, 0x8c]),
    (&[0, 5, 0, 0, 1], &[0x06, 0x12, 0x14, 0x1e, 0x96]),
    (&[0, 5, 1, 0, 1], &[0x04, 0x08, 0x0d, 0x0e, 0x1c, 0x8c]),
];
/// The curve, which is then of no kind that is known.
const FREE_OF_P256: [(&[usize], &[u8]); 1] =
    [(&[0, 6, 0, 1], &[0x02, 0x04, 0x07, 0x0e, 0x16, 0x86])];
/// The NULL, which nobody needs; and a length with which it is a part of the object identifier before it.
const FREE_OF_RSA: [(&[usize], &[u8]); 2] =
    [(&[0, 6, 0, 1], &[0x04, 0x07, 0x0d, 0x15, 0x85]), (&[0, 6, 0, 0], &[0x0b])];

#[test]
fn every_bit_of_identifiers_and_lengths_counts() {
    let rsa = PublicKeyKind::Rsa { bits: 2048 };
    for (certificate, kind, free) in
        [(of_p256(), PublicKeyKind::EcdsaP256, &FREE_OF_P256[..]), (of_rsa(), rsa, &FREE_OF_RSA)]
    {
        let der = certificate.encode();
        let good = read(&der).unwrap();
        assert_eq!((good.subject(), good.issuer()), ("C=DE, CN=pump-7", "C=DE, CN=Contoso root"));
        assert_eq!(good.public_key_kind(), kind);
        assert!(good.is_ca());

        let mut accepted = BTreeSet::new();
        for (path, header) in certificate.headers() {
            let single = (0..8).map(|bit| 1 << bit);
            // Both bits of the class as well, which makes it a private one.
            for (position, mask) in
                header.flat_map(|at| single.clone().chain([0xc0]).map(move |mask| (at, mask)))
            {
                let mut changed = der.clone();
                changed[position] ^= mask;
                let Ok(read) = read(&changed) else { continue };
                accepted.insert((path.clone(), changed[position]));
                // What is not understood is not taken for what it was.
                match path[..] {
                    [0, 5, 1, ..] => assert_eq!(read.common_name(), None),
                    [0, 6, 0, 1] if kind == rsa => assert_eq!(read.public_key_kind(), rsa),
                    [0, 6, ..] => assert_eq!(read.public_key_kind(), PublicKeyKind::Other),
                    _ => {}
                }
            }
        }
        let listed = FREE.iter().chain(free);
        let listed =
            listed.flat_map(|(path, bytes)| bytes.iter().map(|byte| (path.to_vec(), *byte)));
        assert_eq!(accepted, listed.collect());
    }
}

#[test]
fn lengths_are_as_short_as_can_be_everywhere() {
    for certificate in [of_p256(), of_rsa()] {
        let mut shortest = 0;
        for (path, header) in certificate.headers() {
            let padded = [0, 1, 2, 4].map(Length::Padded);
            for length in padded.into_iter().chain([Length::Indefinite]) {
                let mut tree = certificate.clone();
                *tree.at(&path).length() = length;
                let der = tree.encode();
                // Not one that is needed behind the byte that counts.
                if der == certificate.encode() {
                    assert!(header.len() > 2);
                    shortest += 1;
                    continue;
                }
                match read(&der) {
                    Err(CertificateError::NotDer) => assert!(path.is_empty()),
                    Err(CertificateError::Malformed(_)) => assert!(!path.is_empty()),
                    other => panic!("{path:?}, {length:?}: {other:?}"),
                }
            }
        }
        assert!(shortest >= 2, "{shortest}");
    }
}

/// Refused with words for it, whatever is there instead.
#[track_caller]
fn refused(what: &str, tree: &Der) {
    let read = read(&tree.encode());
    assert!(matches!(read, Err(CertificateError::Malformed(_))), "{what}: {read:?}");
}

#[test]
fn parts_that_may_be_there_and_parts_that_may_not() {
    let parts = |tree: &mut Der, change: ChangeOfParts| change(tree.at(TO_BE_SIGNED).values());
    let good: [(&str, ChangeOfParts); 7] = [
        ("all of them", |_| {}),
        ("no unique identifiers", |parts| drop(parts.drain(7..9))),
        ("the first alone", |parts| drop(parts.remove(8))),
        ("the second alone", |parts| drop(parts.remove(7))),
        ("no extensions", |parts| drop(parts.pop())),
        ("nothing at all", |parts| parts.truncate(7)),
        ("version 1", |parts| drop((parts.truncate(7), parts.remove(0)))),
    ];
    for (what, change) in good {
        let mut tree = of_p256();
        parts(&mut tree, change);
        let certificate = read(&tree.encode()).unwrap();
        assert_eq!(certificate.common_name(), Some("pump-7"), "{what}");
    }
    let bad: [(&str, ChangeOfParts); 27] = [
        ("unique identifiers in another order", |parts| parts.swap(7, 8)),
        ("the first twice", |parts| parts[8] = parts[7].clone()),
        ("the second twice", |parts| parts[7] = parts[8].clone()),
        ("three of them", |parts| parts.insert(8, parts[8].clone())),
        ("one behind the extensions", |parts| parts.swap(8, 9)),
        ("the first alone, behind them", |parts| drop((parts.swap(7, 9), parts.remove(8)))),
        ("a constructed one", |parts| parts[7] = values(0xa1, [value(BIT_STRING, &[0, 1, 1])])),
        ("one that is a BIT STRING", |parts| parts[7] = value(BIT_STRING, &[0, 1, 1])),
        ("a third kind of them", |parts| parts[8] = value(0x83, &[0, 1, 1])),
        ("extensions twice", |parts| parts.push(parts[9].clone())),
        ("extensions in place of an identifier", |parts| parts[8] = parts[9].clone()),
        ("something behind the extensions", |parts| parts.push(value(NULL, &[]))),
        ("a fourth kind of part", |parts| parts.push(values(0xa4, [value(NULL, &[])]))),
        ("a fourth kind alone", |parts| *parts[9].tag() = 0xa4),
        ("a primitive one", |parts| parts[9] = value(0x83, &parts[9].at(&[0]).encode())),
        ("extensions that are not tagged", |parts| parts[9] = parts[9].at(&[0]).clone()),
        ("a second version", |parts| parts.insert(1, parts[0].clone())),
        ("the version elsewhere", |parts| parts.swap(0, 1)),
        ("a version that is primitive", |parts| parts[0] = value(0x80, &[2])),
        ("a primitive one with the number in it", |parts| parts[0] = value(0x80, &[2, 1, 2])),
        ("a version that is not tagged", |parts| parts[0] = value(INTEGER, &[2])),
        ("another tag", |parts| *parts[0].tag() = 0xa1),
        ("two versions in one", |parts| parts[0].push(value(INTEGER, &[2]))),
        ("no version in it", |parts| parts[0].values().clear()),
        ("a version of another kind", |parts| *parts[0].at(&[0]).tag() = 0x0a),
        ("no serial number", |parts| drop(parts.remove(1))),
        ("no subject", |parts| drop(parts.remove(5))),
    ];
    for (what, change) in bad {
        let mut tree = of_p256();
        parts(&mut tree, change);
        refused(what, &tree);
    }
}

/// Beside, between and in place of what belongs there.
#[test]
fn parts_of_parts() {
    let bad: [(&str, Change); 38] = [
        ("a fourth part", |tree| tree.push(value(NULL, &[]))),
        ("no signature", |tree| drop(tree.values().pop())),
        ("a signature of another kind", |tree| *tree.at(&[2]).tag() = OCTET_STRING),
        ("what is signed is a set", |tree| *tree.at(TO_BE_SIGNED).tag() = SET),
        ("it is a set itself", |tree| *tree.tag() = SET),
        ("an algorithm that is a set", |tree| *tree.at(&[1]).tag() = SET),
        ("the same within", |tree| *tree.at(&[0, 2]).tag() = SET),
        ("both", |tree| [&[1][..], &[0, 2]].iter().for_each(|at| *tree.at(at).tag() = SET)),
        ("an algorithm without its name", |tree| {
            [&[1][..], &[0, 2]].iter().for_each(|at| tree.at(at).values().clear());
        }),
        ("one with more than parameters", |tree| {
            for at in [&[1][..], &[0, 2]] {
                tree.at(at).values().extend([value(NULL, &[]), value(NULL, &[])]);
            }
        }),
        ("one that is named by a number", |tree| {
            [&[1, 0][..], &[0, 2, 0]].iter().for_each(|at| *tree.at(at).tag() = INTEGER);
        }),
        ("two algorithms", |tree| tree.at(&[1]).push(value(NULL, &[]))),
        ("a third date", |tree| tree.at(VALIDITY).push(value(UTC_TIME, b"280115080000Z"))),
        ("one date", |tree| drop(tree.at(VALIDITY).values().pop())),
        ("a date of another kind", |tree| *tree.at(&[0, 4, 0]).tag() = UTF8_STRING),
        ("a validity that is a set", |tree| *tree.at(VALIDITY).tag() = SET),
        ("a name that is a set", |tree| *tree.at(SUBJECT).tag() = SET),
        ("a part of a name that is a sequence", |tree| *tree.at(&[0, 5, 1]).tag() = SEQUENCE),
        ("an attribute that is a set", |tree| *tree.at(&[0, 5, 1, 0]).tag() = SET),
        ("an attribute of two texts", |tree| {
            tree.at(&[0, 5, 1, 0]).push(value(UTF8_STRING, b"pump-8"));
        }),
        ("a text that is a sequence without values", |tree| {
            *tree.at(&[0, 5, 1, 0, 1]).tag() = 0x10;
        }),
        ("a text that is a set without values", |tree| *tree.at(&[0, 5, 1, 0, 1]).tag() = 0x11),
        ("a text in pieces", |tree| {
            *tree.at(&[0, 5, 1, 0, 1]) = values(0x2c, [value(UTF8_STRING, b"pump-7")]);
        }),
        ("a public key that is a set", |tree| *tree.at(PUBLIC_KEY).tag() = SET),
        ("a public key of three parts", |tree| tree.at(PUBLIC_KEY).push(value(NULL, &[]))),
        ("its bits in another string", |tree| *tree.at(&[0, 6, 1]).tag() = OCTET_STRING),
        ("bits beside the extensions", |tree| tree.at(ALL_EXTENSIONS).push(value(NULL, &[]))),
        ("extensions twice in one", |tree| {
            let again = tree.at(&[0, 9, 0]).clone();
            tree.at(ALL_EXTENSIONS).push(again);
        }),
        ("none in it", |tree| tree.at(ALL_EXTENSIONS).values().clear()),
        ("extensions that are a set", |tree| *tree.at(&[0, 9, 0]).tag() = SET),
        ("an extension that is a set", |tree| *tree.at(&[0, 9, 0, 4]).tag() = SET),
        ("an extension that is none", |tree| tree.at(&[0, 9, 0]).push(value(NULL, &[]))),
        ("an extension without a value", |tree| {
            drop(tree.at(&[0, 9, 0, 4]).values().pop());
        }),
        ("an extension of four parts", |tree| {
            let parts = tree.at(&[0, 9, 0, 0]).values();
            parts.insert(1, parts[1].clone());
        }),
        ("one that is critical at the end", |tree| tree.at(&[0, 9, 0, 0]).values().swap(1, 2)),
        ("one that is critical by a number", |tree| *tree.at(&[0, 9, 0, 0, 1]).tag() = INTEGER),
        ("one that is critical by a tag", |tree| *tree.at(&[0, 9, 0, 0, 1]).tag() = 0x81),
        ("one whose value is in bits", |tree| *tree.at(&[0, 9, 0, 4, 1]).tag() = BIT_STRING),
    ];
    for (what, change) in bad {
        let mut tree = of_p256();
        change(&mut tree);
        refused(what, &tree);
    }
}

/// The same name for an algorithm in both places, with parameters of any kind.
#[test]
fn parameters_of_a_signature_are_der() {
    let with = |parameters: &Der| {
        let mut tree = of_p256();
        [&[1][..], &[0, 2]].iter().for_each(|at| tree.at(at).push(parameters.clone()));
        tree
    };
    for parameters in [
        value(NULL, &[]),
        oid(P256),
        value(OCTET_STRING, b"anything"),
        values(SEQUENCE, [values(VERSION, [value(NULL, &[])])]),
        value(0x85, &[]),
    ] {
        read(&with(&parameters).encode()).unwrap();
    }
    let mut long = values(SEQUENCE, [value(NULL, &[])]);
    *long.at(&[0]).length() = Length::Padded(1);
    for (what, parameters) in [
        ("a length that is too long", long),
        ("a NULL with something in it", value(NULL, &[0])),
        ("eight bits of a byte that are no part of it", value(BIT_STRING, &[8, 0])),
        ("a bit that is no part of it and is set", value(BIT_STRING, &[1, 1])),
        ("an application's own class", value(0x45, &[])),
        ("a private class", value(0xc5, &[])),
        ("a number of more bits than the identifier has", value(0x1f, &[])),
        ("a constructed NULL", values(0x25, [])),
        ("a sequence that is primitive", value(0x10, &[])),
        ("a sequence of no values", value(SEQUENCE, &[5])),
        ("a value that is longer than it is", value(SEQUENCE, &[5, 1])),
    ] {
        refused(what, &with(&parameters));
    }
    // Sixteen levels with the three around it, one more, and far more than any needs.
    let nested = |levels| {
        (0..levels).fold(value(NULL, &[]), |inner: Der, _| value(SEQUENCE, &inner.encode()))
    };
    read(&with(&nested(13)).encode()).unwrap();
    refused("deep", &with(&nested(14)));
    refused("deeper", &with(&nested(2_000)));
}

/// A place, and what may be there and what may not.
type Contents<'a> = (&'a str, &'a [usize], &'a [&'a [u8]], &'a [&'a [u8]]);
type Shapes<'a> = (&'static str, &'a [usize], &'a [Der], &'a [Der]);

#[test]
fn contents_are_as_der_has_them() {
    let cases: [Contents<'_>; 11] = [
        // 2 is version 3.
        (
            "the version",
            VERSION_NUMBER,
            &[&[2], &[1], &[0]],
            &[
                &[],
                &[3],
                &[0, 2],
                &[0xff],
                &[0x80, 0, 0, 0],
                &[1, 0, 0, 0, 0],
                &[0, 0xff, 0xff, 0xff, 0xff],
            ],
        ),
        (
            "the serial number",
            SERIAL,
            &[&[0], &[0x7f], &[0, 0x80], &[0x80], &[0xff], &[0xff, 0x7f], &[1, 0, 0]],
            &[&[], &[0, 1], &[0, 0], &[0, 0x7f, 0xff], &[0xff, 0xff], &[0xff, 0x80]],
        ),
        (
            "whether an extension is critical",
            &[0, 9, 0, 0, 1],
            // The default, which DER leaves out and many write.
            &[&[0xff], &[0]],
            &[&[], &[1], &[0xfe], &[0xff, 0xff], &[0, 0]],
        ),
        (
            "whether it is a CA",
            &[0, 9, 0, 0, 2, 0, 0],
            &[&[0xff], &[0]],
            &[&[], &[1], &[0x80], &[0xff, 0xff]],
        ),
        (
            "the path length",
            &[0, 9, 0, 0, 2, 0, 1],
            &[&[0], &[0x7f], &[0, 0xff]],
            &[&[], &[0, 1], &[0xff], &[0, 0], &[1, 0, 0, 0, 0]],
        ),
        (
            "the key usage",
            USAGE,
            &[&[0], &[7, 0x80], &[0, 0xff], &[7, 0x86, 0x80], &[6, 0x80, 0]],
            &[&[], &[1], &[8], &[7, 0xc0], &[1, 0x81], &[8, 0], &[9, 0x80], &[0xff, 0x80]],
        ),
        (
            "an extended key usage",
            &[0, 9, 0, 2, 1, 0, 0],
            &[SERVER_AUTH, &[0x2b], &[0x2b, 0x81, 0x00], &[0x2b, 0x80 | 1, 0x80, 0]],
            &[&[], &[0x2b, 0x81], &[0x80, 0x01], &[0x2b, 0x80, 0x01], &[0x81, 0x01, 0x80, 0x01]],
        ),
        (
            "the kind of a name's part",
            &[0, 5, 1, 0, 0],
            &[&[0x55, 4, 3]],
            &[&[], &[0x55, 4, 0x80, 3], &[0x80, 0x55, 4, 3], &[0x55, 4, 0x83]],
        ),
        ("the kind of an extension", &[0, 9, 0, 4, 0], &[&[0x2b]], &[&[], &[0x2b, 0x80, 1]]),
        ("the signature", &[2], &[&[0], &[0, 1, 2]], &[&[], &[1, 0x80], &[8, 0]]),
        ("the bits of the key", &[0, 6, 1], &[&[0, 4, 5], &[0]], &[&[], &[4, 0x10]]),
    ];
    for (what, path, good, bad) in cases {
        for (content, is_good) in
            good.iter().map(|good| (good, true)).chain(bad.iter().map(|bad| (bad, false)))
        {
            let mut tree = of_p256();
            let tag = *tree.at(path).tag();
            *tree.at(path) = value(tag, content);
            let read = read(&tree.encode());
            assert_eq!(read.is_ok(), is_good, "{what}: {content:02x?}: {read:?}");
        }
    }
}

/// The extensions that the crate goes by, each with what may be in it and what may not.
#[test]
fn extensions_that_count_are_of_their_shape() {
    let flag = || value(BOOLEAN, &[0xff]);
    let number = || value(INTEGER, &[1]);
    let usage = || oid(CLIENT_AUTH);
    let tagged = |tag, content: &[u8]| value(tag, content);
    let cases: [Shapes<'_>; 4] = [
        (
            "its basic constraints",
            CONSTRAINTS,
            &[
                values(SEQUENCE, []),
                values(SEQUENCE, [flag()]),
                values(SEQUENCE, [number()]),
                values(SEQUENCE, [flag(), number()]),
            ],
            &[
                values(SEQUENCE, [number(), flag()]),
                values(SEQUENCE, [flag(), flag()]),
                values(SEQUENCE, [number(), number()]),
                values(SEQUENCE, [flag(), number(), number()]),
                values(SEQUENCE, [flag(), value(NULL, &[])]),
                values(SEQUENCE, [tagged(0x81, &[0xff])]),
                values(SEQUENCE, [tagged(0x41, &[0xff])]),
                values(SEQUENCE, [flag(), tagged(0x82, &[1])]),
                values(SEQUENCE, [flag(), tagged(0x0a, &[1])]),
                values(SEQUENCE, [values(SEQUENCE, [flag()])]),
                values(SET, [flag(), number()]),
                value(OCTET_STRING, &[]),
                value(NULL, &[]),
            ],
        ),
        (
            "its key usage",
            USAGE,
            &[value(BIT_STRING, &[7, 0x80])],
            &[
                value(OCTET_STRING, &[7, 0x80]),
                value(INTEGER, &[7, 0x80]),
                value(0x83, &[7, 0x80]),
                values(0x23, [value(BIT_STRING, &[7, 0x80])]),
                values(SEQUENCE, [value(BIT_STRING, &[7, 0x80])]),
            ],
        ),
        (
            "its extended key usage",
            EXTENDED_USAGE,
            &[
                values(SEQUENCE, []),
                values(SEQUENCE, [usage()]),
                values(SEQUENCE, [usage(), usage()]),
            ],
            &[
                values(SEQUENCE, [tagged(0x86, CLIENT_AUTH)]),
                values(SEQUENCE, [tagged(OCTET_STRING, CLIENT_AUTH)]),
                values(SEQUENCE, [tagged(0x0d, CLIENT_AUTH)]),
                values(SEQUENCE, [usage(), value(NULL, &[])]),
                values(SEQUENCE, [values(SEQUENCE, [usage()])]),
                values(SET, [usage()]),
                usage(),
            ],
        ),
        (
            "its subject key identifier",
            KEY_ID,
            &[value(OCTET_STRING, &[1; 20]), value(OCTET_STRING, &[])],
            &[
                value(BIT_STRING, &[0, 1]),
                value(0x84, &[1; 20]),
                values(0x24, [value(OCTET_STRING, &[1; 20])]),
                values(SEQUENCE, [value(0x80, &[1; 20])]),
            ],
        ),
    ];
    for (what, path, good, bad) in cases {
        let with = |content: &Der| {
            let mut tree = of_p256();
            *tree.at(path) = content.clone();
            read(&tree.encode())
        };
        for (index, content) in good.iter().enumerate() {
            assert!(with(content).is_ok(), "{what}: {index}");
        }
        for (index, content) in bad.iter().enumerate() {
            assert_eq!(with(content), Err(CertificateError::Malformed(what)), "{index}");
        }
        // Twice, or not at all.
        let mut tree = of_p256();
        let (last, string) = path.split_last().unwrap();
        assert_eq!(*last, 0);
        let values = tree.at(string).values();
        values.push(values[0].clone());
        assert_eq!(read(&tree.encode()), Err(CertificateError::Malformed(what)));
        tree.at(string).values().clear();
        assert_eq!(read(&tree.encode()), Err(CertificateError::Malformed(what)));
    }
}

type Start = fn() -> Der;

/// What a key is called by is its own kind's, to the bit.
#[test]
fn a_key_that_is_not_quite_of_its_kind_is_of_none() {
    let bad: [(&str, Start, Change); 9] = [
        ("no curve", of_p256, |tree| drop(tree.at(&[0, 6, 0]).values().pop())),
        ("a curve in a string", of_p256, |tree| *tree.at(&[0, 6, 0, 1]).tag() = OCTET_STRING),
        ("a tagged curve", of_p256, |tree| *tree.at(&[0, 6, 0, 1]).tag() = 0x86),
        ("a curve in a sequence", of_p256, |tree| {
            *tree.at(&[0, 6, 0, 1]) = values(SEQUENCE, [oid(P256)]);
        }),
        ("a modulus that is a string", of_rsa, |tree| {
            *tree.at(&[0, 6, 1]) =
                key_bits([value(OCTET_STRING, &[0xab; 256]), value(INTEGER, &[3])]);
        }),
        ("a modulus with zeroes in front", of_rsa, |tree| {
            let modulus = [&[0, 0][..], &[0xab; 256]].concat();
            *tree.at(&[0, 6, 1]) = key_bits([value(INTEGER, &modulus), value(INTEGER, &[3])]);
        }),
        ("no exponent", of_rsa, |tree| {
            *tree.at(&[0, 6, 1]) = key_bits([value(INTEGER, &[0x2b; 256])]);
        }),
        ("three numbers", of_rsa, |tree| {
            *tree.at(&[0, 6, 1]) = key_bits([(); 3].map(|()| value(INTEGER, &[0x2b; 256])));
        }),
        ("no numbers at all", of_rsa, |tree| *tree.at(&[0, 6, 1]) = value(BIT_STRING, &[0, 5, 0])),
    ];
    for (what, certificate, change) in bad {
        let mut tree = certificate();
        change(&mut tree);
        let read = read(&tree.encode()).unwrap();
        assert_eq!(read.public_key_kind(), PublicKeyKind::Other, "{what}");
    }
}
