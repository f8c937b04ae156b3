//! Private keys in memory, beside `openssl`: keys that it makes are read, and it verifies what they sign.
//!
//! What is no key is refused without a panic and without a word of it.

#[path = "signing_keys/openssl.rs"]
mod openssl;

use std::error::Error;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::keystore::{
    KeyError, KeyKind, Protection, SignatureAlgorithm, SigningKey, SoftwareSigningKey,
};
use hubward::pki_types::{
    PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use openssl::{Desk, verifies};

const CURVES: [(&str, KeyKind, SignatureAlgorithm); 2] = [
    ("P-256", KeyKind::EcdsaP256, SignatureAlgorithm::EcdsaP256Sha256),
    ("P-384", KeyKind::EcdsaP384, SignatureAlgorithm::EcdsaP384Sha384),
];

const RSA: [SignatureAlgorithm; 6] = [
    SignatureAlgorithm::RsaPssSha256,
    SignatureAlgorithm::RsaPssSha384,
    SignatureAlgorithm::RsaPssSha512,
    SignatureAlgorithm::RsaPkcs1Sha256,
    SignatureAlgorithm::RsaPkcs1Sha384,
    SignatureAlgorithm::RsaPkcs1Sha512,
];

fn pkcs8(der: &[u8]) -> Result<SoftwareSigningKey, KeyError> {
    SoftwareSigningKey::from_der(&PrivatePkcs8KeyDer::from(der).into())
}

fn sec1(der: &[u8]) -> Result<SoftwareSigningKey, KeyError> {
    SoftwareSigningKey::from_der(&PrivateSec1KeyDer::from(der).into())
}

fn pkcs1(der: &[u8]) -> Result<SoftwareSigningKey, KeyError> {
    SoftwareSigningKey::from_der(&PrivatePkcs1KeyDer::from(der).into())
}

/// A new ECDSA key: `sec1`, `pkcs8`, both without the public key, and `spki`, all in DER.
fn ecdsa(curve: &str) -> Desk {
    let desk = Desk::new();
    desk.call(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve} -out key.pem"));
    desk.call("ec -in key.pem -outform DER -out sec1");
    desk.call("ec -in key.pem -no_public -outform DER -out sec1-private");
    desk.call("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out pkcs8");
    desk.call("ec -in key.pem -no_public -out private.pem");
    desk.call("pkcs8 -topk8 -nocrypt -in private.pem -outform DER -out pkcs8-private");
    desk.call("pkey -in key.pem -pubout -outform DER -out spki");
    desk
}

/// Messages around the blocks of the hashes.
fn messages() -> Vec<Vec<u8>> {
    let lens = [0, 1, 32, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 1000, 1 << 17];
    lens.map(|len| (0..=u8::MAX).cycle().take(len).collect()).into()
}

/// Sees that a key is that of a public one, that it signs with these algorithms, and with no other.
fn signs(key: &SoftwareSigningKey, spki: &[u8], algorithms: &[SignatureAlgorithm]) {
    assert_eq!(key.public_key().as_ref(), spki);
    assert_eq!(key.algorithms(), algorithms);
    for algorithm in CURVES.map(|(.., algorithm)| algorithm).into_iter().chain(RSA) {
        match key.sign(algorithm, b"message") {
            Ok(signature) => {
                assert!(algorithms.contains(&algorithm), "{algorithm:?}");
                assert!(verifies(spki, algorithm, b"message", &signature), "{algorithm:?}");
                assert!(!verifies(spki, algorithm, b"messagE", &signature), "{algorithm:?}");
            }
            Err(error) => {
                assert!(!algorithms.contains(&algorithm), "{algorithm:?}");
                assert_eq!(
                    error.to_string(),
                    "this store or build does not support this algorithm with this key"
                );
            }
        }
    }
}

// ECDSA.

#[test]
fn ecdsa_keys_are_read_in_every_form() {
    for (curve, kind, algorithm) in CURVES {
        for _ in 0..3 {
            let desk = ecdsa(curve);
            let spki = desk.get("spki");
            for (form, key) in [
                ("sec1", sec1(&desk.get("sec1"))),
                ("sec1-private", sec1(&desk.get("sec1-private"))),
                ("pkcs8", pkcs8(&desk.get("pkcs8"))),
                ("pkcs8-private", pkcs8(&desk.get("pkcs8-private"))),
            ] {
                let key = key.unwrap_or_else(|error| panic!("{curve}, {form}: {error:?}"));
                assert_eq!(key.kind(), kind);
                assert_eq!(key.protection(), Protection::Plain);
                assert_eq!(key.lock_outcome(), None);
                signs(&key, &spki, &[algorithm]);
            }
            // The form is told by its first bytes as well.
            for form in ["sec1", "pkcs8"] {
                let der = desk.get(form);
                let der = PrivateKeyDer::try_from(&*der).unwrap();
                assert_eq!(SoftwareSigningKey::from_der(&der).unwrap().public_key().as_ref(), spki);
            }
        }
    }
}

#[test]
fn keys_that_are_made_sign() {
    for (_, kind, algorithm) in CURVES {
        let keys = [(); 2].map(|()| SoftwareSigningKey::generate(kind).unwrap());
        assert_ne!(keys[0].public_key(), keys[1].public_key());
        for key in keys {
            assert_eq!(key.kind(), kind);
            let spki = key.public_key().to_vec();
            signs(&key, &spki, &[algorithm]);
            for message in messages() {
                let signature = key.sign(algorithm, &message).unwrap();
                assert!(verifies(&spki, algorithm, &message, &signature), "{}", message.len());
            }
        }
    }
}

#[test]
fn only_ecdsa_keys_are_made() {
    for (kind, text) in [
        (KeyKind::Rsa, "making RSA keys: import one, or take P-256"),
        (KeyKind::Symmetric, "this kind of private key: P-256 and P-384 are supported, and RSA"),
    ] {
        let error = SoftwareSigningKey::generate(kind).unwrap_err();
        assert_eq!(error, KeyError::UnsupportedAlgorithm(text));
    }
}

/// A key, its public one, and for two messages r and s.
type Known = (&'static str, &'static str, [(&'static str, &'static str, &'static str); 2]);

/// RFC 6979 appendix A.2.5 and A.2.6.
const KNOWN: [Known; 2] = [
    (
        "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
        "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6\
         7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
        [
            (
                "sample",
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
            ),
            (
                "test",
                "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
                "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
            ),
        ],
    ),
    (
        "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D8\
         96D5724E4C70A825F872C9EA60D2EDF5",
        "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64\
         DEF8F0EA9055866064A254515480BC13\
         8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1\
         288B231C3AE0D4FE7344FD2533264720",
        [
            (
                "sample",
                "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C\
                 81A648152E44ACF96E36DD1E80FABE46",
                "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F\
                 A329C145786E679E7B82C71A38628AC8",
            ),
            (
                "test",
                "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB\
                 0542A7F0812998DA8F1DD3CA3CF023DB",
                "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E0\
                 6A739F040649A667BF3B828246BAA5A5",
            ),
        ],
    ),
];

#[test]
fn nonces_are_those_of_the_standard() {
    for ((curve, _, algorithm), (scalar, point, signatures)) in CURVES.into_iter().zip(KNOWN) {
        let key = sec1(&sec1_of(curve, &from_hex(scalar), None)).unwrap();
        assert!(key.public_key().ends_with(&from_hex(&format!("04{point}"))));
        for (message, r, s) in signatures {
            let expected = tlv(0x30, &[&integer(&from_hex(r)), &integer(&from_hex(s))]);
            for _ in 0..2 {
                assert_eq!(key.sign(algorithm, message.as_bytes()), Ok(expected.clone()));
            }
        }
    }
}

/// The shortest form of each number, whatever it begins with.
#[test]
fn signatures_are_der() {
    // Messages for which r or s is short by up to three bytes, and some for which neither is.
    let short = [[36, 1010, 27_047, 80_145, 125_646], [714, 837, 1242, 1468, 84_418]];
    for (((curve, _, algorithm), (scalar, ..)), short) in CURVES.into_iter().zip(KNOWN).zip(short) {
        let key = sec1(&sec1_of(curve, &from_hex(scalar), None)).unwrap();
        let spki = key.public_key().to_vec();
        let len = scalar.len() / 2;
        let mut lens = Vec::new();
        for number in short.into_iter().chain(0..20) {
            let message = u32::to_be_bytes(number);
            let signature = key.sign(algorithm, &message).unwrap();
            assert!(verifies(&spki, algorithm, &message, &signature), "{curve}, {number}");
            let [0x30, sequence_len, rest @ ..] = &*signature else { panic!("no sequence") };
            let mut rest = rest;
            assert_eq!(usize::from(*sequence_len), rest.len());
            while let [2, number_len, content @ ..] = rest {
                let (number, behind) = content.split_at((*number_len).into());
                assert!(number[0] < 0x80, "a negative number");
                assert!(number[0] != 0 || number[1] >= 0x80, "a byte too many");
                lens.push(number.len());
                rest = behind;
            }
            assert_eq!(rest, [0; 0]);
        }
        // With a zero before it, as it is, and shorter.
        for expected in len - 2..=len + 1 {
            assert!(lens.contains(&expected), "{curve}: no number of {expected} bytes");
        }
    }
}

#[test]
fn scalars_are_within_the_order() {
    // FIPS 186-5 and SP 800-186: the order of each group.
    let orders = [
        "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF\
         581A0DB248B0A77AECEC196ACCC52973",
    ];
    for ((curve, _, algorithm), order) in CURVES.into_iter().zip(orders) {
        let order = from_hex(order);
        let with_end = |difference: i16| {
            let mut number = order.clone();
            let last = number.last_mut().unwrap();
            *last = u8::try_from(i16::from(*last) + difference).unwrap();
            number
        };
        let mut one = vec![0; order.len()];
        *one.last_mut().unwrap() = 1;
        for good in [one, with_end(-1)] {
            for key in [sec1(&sec1_of(curve, &good, None)), pkcs8(&pkcs8_of(curve, &good, None))] {
                let key = key.unwrap();
                let signature = key.sign(algorithm, b"message").unwrap();
                assert!(verifies(&key.public_key(), algorithm, b"message", &signature));
            }
        }
        let len = order.len();
        for bad in
            [vec![0; len], order.clone(), with_end(1), vec![0xff; len], vec![1; len + 1], vec![]]
        {
            refuses(sec1(&sec1_of(curve, &bad, None)), &bad);
            refuses(pkcs8(&pkcs8_of(curve, &bad, None)), &bad);
        }
    }
}

/// The curve has to be named: a number of 32 bytes could be a key of any curve of that size.
#[test]
fn sec1_names_its_curve() {
    for ((curve, ..), (scalar, point, _)) in CURVES.into_iter().zip(KNOWN) {
        let (scalar, point) = (from_hex(scalar), from_hex(&format!("04{point}")));
        let whole = |parameters: &[u8], public: &[u8]| {
            tlv(0x30, &[&tlv(2, &[&[1]]), &tlv(4, &[&scalar]), parameters, public])
        };
        let public = tlv(0xa1, &[&tlv(3, &[&[0], &point])]);
        let parameters = tlv(0xa0, &[&from_hex(oid(curve))]);
        sec1(&whole(&parameters, &public)).unwrap();
        sec1(&whole(&parameters, &[])).unwrap();
        for public in [&public[..], &[]] {
            refuses(sec1(&whole(&[], public)), &scalar);
        }
        // Another curve of the same size, and another altogether.
        for other in ["06052b8104000a", "06092b2403030208010107", "06052b81040023"] {
            refuses(sec1(&whole(&tlv(0xa0, &[&from_hex(other)]), &[])), &scalar);
        }
    }
}

// RSA.

#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
mod rsa {
    use super::*;

    #[test]
    fn keys_are_read_in_every_form() {
        for bits in [2048, 3072, 4096] {
            let made = openssl::rsa(bits);
            for key in [pkcs8(&made.pkcs8), pkcs1(&made.pkcs1)] {
                let key = key.unwrap_or_else(|error| panic!("{bits} bits: {error:?}"));
                assert_eq!(key.kind(), KeyKind::Rsa);
                assert_eq!((key.protection(), key.lock_outcome()), (Protection::Plain, None));
                signs(&key, &made.spki, &RSA);
                for algorithm in RSA {
                    assert_eq!(key.sign(algorithm, b"").unwrap().len(), bits / 8);
                }
            }
        }
    }

    #[test]
    fn messages_of_any_length_are_signed() {
        let made = openssl::rsa(2048);
        let key = pkcs8(&made.pkcs8).unwrap();
        for (number, message) in messages().iter().enumerate() {
            let algorithm = RSA[number % RSA.len()];
            let signature = key.sign(algorithm, message).unwrap();
            assert!(verifies(&made.spki, algorithm, message, &signature), "{}", message.len());
        }
    }

    /// PKCS#1 v1.5 has no choice, so the signature is that of anybody else; PSS has a salt.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let made = openssl::rsa(2048);
        let desk = Desk::new();
        desk.put("key", &made.pkcs8);
        desk.put("message", b"message");
        desk.call("pkcs8 -topk8 -nocrypt -inform DER -in key -out key.pem");
        let key = pkcs8(&made.pkcs8).unwrap();
        for algorithm in RSA {
            let signatures = [(); 2].map(|()| key.sign(algorithm, b"message").unwrap());
            let hash = match algorithm {
                SignatureAlgorithm::RsaPkcs1Sha256 => "sha256",
                SignatureAlgorithm::RsaPkcs1Sha384 => "sha384",
                SignatureAlgorithm::RsaPkcs1Sha512 => "sha512",
                _ => {
                    assert_ne!(signatures[0], signatures[1]);
                    continue;
                }
            };
            desk.call(&format!("dgst -{hash} -sign key.pem -out signature message"));
            for signature in signatures {
                assert_eq!(signature, desk.get("signature"));
            }
        }
    }

    /// Keys that the libraries do not sign with, and one that not all of them do.
    #[test]
    fn odd_keys_are_refused() {
        let desk = Desk::new();
        for (file, options) in [
            ("short", "rsa_keygen_bits:1024"),
            ("small", "rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3"),
        ] {
            desk.call(&format!("genpkey -algorithm RSA -pkeyopt {options} -out {file}.pem"));
            desk.call(&format!("pkcs8 -topk8 -nocrypt -in {file}.pem -outform DER -out {file}"));
            let der = desk.get(file);
            match pkcs8(&der) {
                // A small exponent is up to the library.
                Ok(key) if file == "small" => {
                    desk.call("pkey -in small.pem -pubout -outform DER -out spki");
                    signs(&key, &desk.get("spki"), &RSA);
                }
                answer => {
                    assert_eq!(refuses(answer, &der[100..150]), KeyError::InvalidPrivateKey);
                }
            }
        }
        // id-RSASSA-PSS (RFC 4055): a key that binds itself to one way to sign.
        desk.call("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.pem");
        desk.call("pkcs8 -topk8 -nocrypt -in pss.pem -outform DER -out pss");
        let error = refuses(pkcs8(&desk.get("pss")), &desk.get("pss")[100..150]);
        assert!(matches!(error, KeyError::UnsupportedAlgorithm(_)), "{error:?}");
    }

    #[test]
    fn damaged_keys_are_refused() {
        let made = openssl::rsa(2048);
        type Read = fn(&[u8]) -> Result<SoftwareSigningKey, KeyError>;
        let forms: [(&[u8], Read); 2] = [(&made.pkcs8, pkcs8), (&made.pkcs1, pkcs1)];
        for (der, read) in forms {
            // Of the first prime.
            let secret = &der[der.len() - 600..][..32];
            for len in 0..der.len() {
                refuses(read(&der[..len]), secret);
            }
            for bit in (0..8 * der.len()).step_by(7) {
                let mut damaged = der.to_vec();
                damaged[bit / 8] ^= 1 << (bit % 8);
                match read(&damaged) {
                    // Nothing that matters was damaged.
                    Ok(key) => assert_eq!(key.public_key().as_ref(), made.spki, "bit {bit}"),
                    error => drop(refuses(error, secret)),
                }
            }
        }
    }

    /// What follows a key is not part of it, and is not kept with it.
    #[test]
    fn nothing_follows_a_key() {
        let made = openssl::rsa(2048);
        for more in [&[0][..], &[0x30, 0], b"something else"] {
            refuses(pkcs8(&[&made.pkcs8, more].concat()), &made.pkcs8[100..150]);
            refuses(pkcs1(&[&made.pkcs1, more].concat()), &made.pkcs1[100..150]);
        }
    }
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
#[test]
fn rsa_keys_need_a_library_that_signs() {
    let made = openssl::rsa(2048);
    for key in [pkcs8(&made.pkcs8), pkcs1(&made.pkcs1)] {
        let error = key.unwrap_err();
        assert_eq!(
            error.to_string(),
            "this store or build does not support RSA: turn on the feature `aws-lc-rs` or `ring`"
        );
    }
    // A public key is none, whatever the build.
    assert_eq!(pkcs8(&made.spki).unwrap_err(), KeyError::InvalidPrivateKey);
}

// What is no key, or none that is supported.

#[test]
fn every_damage_of_a_key_is_found() {
    let desk = ecdsa("P-256");
    let (der, spki) = (desk.get("pkcs8"), desk.get("spki"));
    for len in 0..der.len() {
        assert_eq!(refuses(pkcs8(&der[..len]), &der), KeyError::InvalidPrivateKey, "{len} bytes");
    }
    for more in [&[0][..], &[0x30, 0], b"something else"] {
        refuses(pkcs8(&[&der, more].concat()), &der);
    }
    for bit in 0..8 * der.len() {
        let mut damaged = der.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match pkcs8(&damaged) {
            // The public key is part of it, so no other key can come of it.
            Ok(key) => assert_eq!(key.public_key().as_ref(), spki, "bit {bit}"),
            error => {
                let error = refuses(error, &der);
                let expected = matches!(
                    error,
                    KeyError::InvalidPrivateKey | KeyError::UnsupportedAlgorithm(_)
                );
                assert!(expected, "bit {bit}: {error:?}");
            }
        }
        // Whatever it is taken for, it does no harm.
        let _ = (sec1(&damaged), pkcs1(&damaged));
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    for ((curve, ..), (scalar, point, _)) in CURVES.into_iter().zip(KNOWN) {
        let (scalar, point) = (from_hex(scalar), from_hex(&format!("04{point}")));
        let other =
            SoftwareSigningKey::generate(sec1(&sec1_of(curve, &scalar, None)).unwrap().kind());
        let other = other.unwrap().public_key().to_vec();
        let other = &other[other.len() - point.len()..];
        let (mut off_the_curve, mut negative) = (point.clone(), point.clone());
        *off_the_curve.last_mut().unwrap() ^= 1;
        negative[0] = 5;
        sec1(&sec1_of(curve, &scalar, Some(&point))).unwrap();
        pkcs8(&pkcs8_of(curve, &scalar, Some(&point))).unwrap();
        for public in [other, &off_the_curve, &negative, &point[..point.len() - 1], &[0], &[]] {
            for key in [
                sec1(&sec1_of(curve, &scalar, Some(public))),
                pkcs8(&pkcs8_of(curve, &scalar, Some(public))),
            ] {
                assert_eq!(refuses(key, &scalar), KeyError::InvalidPrivateKey, "{curve}");
            }
        }
    }
}

#[test]
fn other_kinds_of_keys_are_told() {
    let desk = Desk::new();
    for (file, options) in [
        ("secp256k1", "EC -pkeyopt ec_paramgen_curve:secp256k1"),
        ("brainpool", "EC -pkeyopt ec_paramgen_curve:brainpoolP256r1"),
        ("p224", "EC -pkeyopt ec_paramgen_curve:secp224r1"),
        ("p521", "EC -pkeyopt ec_paramgen_curve:P-521"),
        ("ed25519", "ED25519"),
        ("ed448", "ED448"),
        ("x25519", "X25519"),
    ] {
        desk.call(&format!("genpkey -algorithm {options} -out {file}.pem"));
        desk.call(&format!("pkcs8 -topk8 -nocrypt -in {file}.pem -outform DER -out {file}"));
        let der = desk.get(file);
        let error = refuses(pkcs8(&der), &der[der.len() - 32..]);
        assert_eq!(
            error.to_string(),
            "this store or build does not support this kind of private key: P-256 and P-384 are \
             supported, and RSA",
            "{file}"
        );
        refuses(sec1(&der), &der[der.len() - 32..]);
    }
    for file in ["secp256k1", "brainpool", "p224", "p521"] {
        desk.call(&format!("ec -in {file}.pem -outform DER -out {file}-sec1"));
        let der = desk.get(&format!("{file}-sec1"));
        refuses(sec1(&der), &der[7..30]);
    }
}

#[test]
fn what_is_no_private_key_is_refused() {
    let desk = ecdsa("P-256");
    let secret = &desk.get("sec1")[7..39];
    desk.call("ec -in key.pem -param_enc explicit -outform DER -out explicit-sec1");
    desk.call("ec -in key.pem -param_enc explicit -out explicit.pem");
    desk.call("pkcs8 -topk8 -nocrypt -in explicit.pem -outform DER -out explicit");
    desk.call("pkcs8 -topk8 -in key.pem -passout pass:fake -outform DER -out encrypted");
    desk.call(
        "pkcs8 -topk8 -in key.pem -passout pass:fake -v1 PBE-SHA1-3DES -outform DER -out old",
    );
    desk.call("req -x509 -key key.pem -subj /CN=fake -outform DER -out certificate");
    desk.call("req -new -key key.pem -subj /CN=fake -outform DER -out request");
    desk.call("ecparam -name prime256v1 -outform DER -out parameters");
    for file in [
        "explicit-sec1",
        "explicit",
        "encrypted",
        "old",
        "certificate",
        "request",
        "parameters",
        "spki",
        "key.pem",
    ] {
        let content = desk.get(file);
        for key in [pkcs8(&content), sec1(&content), pkcs1(&content)] {
            let error = refuses(key, secret);
            match error {
                KeyError::InvalidPrivateKey => {
                    // What the message says to do is what helps.
                    assert!(error.to_string().contains("openssl pkcs8 -topk8 -nocrypt"), "{file}");
                }
                KeyError::UnsupportedAlgorithm(_) => {}
                other => panic!("{file}: {other:?}"),
            }
        }
    }
    // Each form for another.
    refuses(pkcs8(&desk.get("sec1")), secret);
    refuses(sec1(&desk.get("pkcs8")), secret);
    refuses(pkcs1(&desk.get("pkcs8")), secret);
    refuses(pkcs1(&desk.get("sec1")), secret);
    for junk in [
        &[][..],
        &[0],
        &[0x30],
        &[0x30, 0x80],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0xff; 5000],
    ] {
        for key in [pkcs8(junk), sec1(junk), pkcs1(junk)] {
            refuses(key, secret);
        }
    }
}

// The value.

#[test]
fn keys_are_used_by_several_threads_and_shown_by_none() {
    for ((curve, _, algorithm), (scalar, ..)) in CURVES.into_iter().zip(KNOWN) {
        let scalar = from_hex(scalar);
        let key = sec1(&sec1_of(curve, &scalar, None)).unwrap();
        let signatures: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| key.sign(algorithm, b"message"))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(signatures.iter().all(|signature| *signature == signatures[0]));
        let text = format!("{key:?} {key:#?}");
        hides(&text, &scalar);
        let kind = key.kind();
        let expected = format!(
            "SoftwareSigningKey {{ kind: {kind:?}, key: <redacted>, protection: Plain, .. }}"
        );
        assert!(text.starts_with(&expected), "{text}");
    }
}

#[cfg(feature = "mlock")]
#[test]
fn keys_move_into_locked_pages() {
    use hubward::secret::LockPolicy;

    let made = CURVES.iter().map(|(_, kind, _)| SoftwareSigningKey::generate(*kind));
    let read = pkcs8(&openssl::rsa(4096).pkcs8);
    let keys: Vec<_> = if cfg!(any(feature = "aws-lc-rs", feature = "ring")) {
        made.chain([read]).map(Result::unwrap).collect()
    } else {
        made.map(Result::unwrap).collect()
    };
    for key in keys {
        let (spki, algorithms) = (key.public_key().to_vec(), key.algorithms().to_vec());
        let kind = key.kind();
        let locked = key.to_locked(LockPolicy::Prefer).unwrap();
        assert_eq!(key.lock_outcome(), None);
        drop(key);
        let outcome = locked.lock_outcome().unwrap();
        assert_eq!((locked.kind(), locked.protection()), (kind, Protection::Plain));
        signs(&locked, &spki, &algorithms);
        // From there into others; and all of it, if the system gives all of it.
        let again = locked.to_locked(LockPolicy::Prefer).unwrap();
        drop(locked);
        signs(&again, &spki, &algorithms[..]);
        match again.to_locked(LockPolicy::Require) {
            Ok(required) => assert!(required.lock_outcome().unwrap().is_complete()),
            Err(error) => {
                assert!(matches!(error, KeyError::NotLocked(_)), "{error:?}");
                assert!(!outcome.is_complete());
            }
        }
    }
}

/// The search for a key in what is shown finds it in every form.
#[test]
fn what_shows_a_key_is_found() {
    let key: Vec<u8> = (100..132).collect();
    for shown in [
        format!("{:?}", &key[5..11]),
        format!("{:#?}", &key[5..11]),
        format!("{:02X?}", &key[5..11]),
        format!("at {}", STANDARD.encode(&key)),
    ] {
        assert!(std::panic::catch_unwind(|| hides(&shown, &key)).is_err(), "{shown}");
    }
    hides("a text without a key in it", &key);
}

// Helpers.

/// The error of what must fail, once it is found to show nothing of the secret.
fn refuses(key: Result<SoftwareSigningKey, KeyError>, secret: &[u8]) -> KeyError {
    let error = key.expect_err("it is refused");
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    hides(&text, secret);
    error
}

/// Fails where six bytes of the secret show, as hexadecimal or as a list of numbers, or base64 of it.
fn hides(text: &str, secret: &[u8]) {
    let squeezed: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let squeezed = squeezed.to_lowercase();
    // A run of one byte is in any text.
    let telling = |piece: &&[u8]| piece.iter().any(|byte| *byte != piece[0]);
    for piece in secret.windows(6).filter(telling) {
        let hex: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        let list: String = piece.iter().map(u8::to_string).collect();
        assert!(!squeezed.contains(&hex) && !squeezed.contains(&list), "a key shows");
    }
    if secret.len() >= 12 {
        let base64 = STANDARD.encode(&secret[..12]);
        assert!(!text.contains(&base64), "a key shows");
    }
}

/// The name of a curve, in DER (RFC 5480 section 2.1.1.1).
fn oid(curve: &str) -> &'static str {
    match curve {
        "P-256" => "06082a8648ce3d030107",
        "P-384" => "06052b81040022",
        other => panic!("{other} is new here"),
    }
}

/// RFC 5915, with its curve named.
fn sec1_of(curve: &str, scalar: &[u8], public: Option<&[u8]>) -> Vec<u8> {
    ec_private_key(scalar, &tlv(0xa0, &[&from_hex(oid(curve))]), public)
}

/// RFC 5958 around RFC 5915.
fn pkcs8_of(curve: &str, scalar: &[u8], public: Option<&[u8]>) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&from_hex("06072a8648ce3d0201"), &from_hex(oid(curve))]);
    let key = tlv(4, &[&ec_private_key(scalar, &[], public)]);
    tlv(0x30, &[&tlv(2, &[&[0]]), &algorithm, &key])
}

fn ec_private_key(scalar: &[u8], parameters: &[u8], public: Option<&[u8]>) -> Vec<u8> {
    let public = public.map(|point| tlv(0xa1, &[&tlv(3, &[&[0], point])])).unwrap_or_default();
    tlv(0x30, &[&tlv(2, &[&[1]]), &tlv(4, &[scalar]), parameters, &public])
}

/// One element of DER: tag, length, content.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut element = vec![tag];
    match u8::try_from(content.len()).expect("a short element") {
        len @ ..0x80 => element.push(len),
        len => element.extend([0x81, len]),
    }
    element.extend(content);
    element
}

/// A positive number in its shortest form.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let sign: &[u8] = if bytes[start] < 0x80 { &[] } else { &[0] };
    tlv(2, &[sign, &bytes[start..]])
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}
