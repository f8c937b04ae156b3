//! Private keys out of PEM and DER: what is read signs, and the public key that is told checks it.
//!
//! An input that begins as DER does is read as each form of a private key; any other is a PEM file. Every
//! input is also read as DER whose form is to be told. All are opened with the passphrase of the seeds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::KeyError;
use hubward::keystore::{KeyKind, SignatureAlgorithm, SigningKey as _, SoftwareSigningKey};
use hubward::pki_types::PrivateKeyDer;
use hubward::secret::SecretText;
use hubward::x509::{
    PemError, PrivateKey, RING_ALGORITHMS, private_key_from_der, private_key_from_encrypted_der,
    private_key_from_encrypted_pem, private_key_from_pem,
};

use super::der::{self, Element};

/// Of every seed that is encrypted.
const PASSPHRASE: SecretText<'_> = SecretText::borrowed("test");

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    if data.first() == Some(&der::SEQUENCE) {
        for key in forms(data) {
            uses(&key);
        }
        for label in LABELS {
            file(&pem(label, data));
        }
    } else {
        file(data);
    }
    of_any_form(data);
}

/// Whatever is wrong with an input, by each way to read it.
pub fn errors(data: &[u8]) -> impl Iterator<Item = PemError> {
    let of_der = private_key_from_der(data).err();
    let may_open = cost_of(data) != Cost::TooMuchForATest;
    let opened =
        may_open.then(|| private_key_from_encrypted_der(data, &PASSPHRASE).err()).flatten();
    let files = if data.first() == Some(&der::SEQUENCE) {
        LABELS.map(|label| pem(label, data)).to_vec()
    } else {
        vec![data.to_vec()]
    };
    let files = files.into_iter().filter(|pem| cost(pem) != Cost::TooMuchForATest);
    let of_files = files.flat_map(|pem| {
        let plain = private_key_from_pem(&pem).err();
        let opened = private_key_from_encrypted_pem(&pem, &PASSPHRASE).err();
        [plain, opened].into_iter().flatten()
    });
    of_files.chain(of_der).chain(opened)
}

const LABELS: [&str; 4] =
    ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];

fn forms(der: &[u8]) -> [PrivateKeyDer<'_>; 3] {
    [
        PrivateKeyDer::Pkcs8(der.into()),
        PrivateKeyDer::Sec1(der.into()),
        PrivateKeyDer::Pkcs1(der.into()),
    ]
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n").into_bytes()
}

fn file(pem: &[u8]) {
    let plain = private_key_from_pem(pem);
    match &plain {
        Ok(key) => same_key(key),
        Err(PemError::WrongPassphrase | PemError::KdfTooExpensive) => {
            panic!("nobody gave a passphrase")
        }
        Err(_) => {}
    }
    let cost = cost(pem);
    if cost == Cost::TooMuchForATest {
        return;
    }
    match (&plain, private_key_from_encrypted_pem(pem, &PASSPHRASE)) {
        (Ok(key), Ok(same)) => assert_eq!(key.expose_der(), same.expose_der()),
        (Err(PemError::Encrypted), Ok(opened)) => {
            assert_ne!(cost, Cost::Refused, "more than is done was done");
            same_key(&opened);
            let other = private_key_from_encrypted_pem(pem, &SecretText::borrowed("another"));
            // Padding that comes out right by chance hardly ever is a key as well.
            assert_eq!(other.err(), Some(PemError::WrongPassphrase));
        }
        (Err(PemError::Encrypted), Err(error)) => {
            assert!(
                matches!(
                    error,
                    PemError::WrongPassphrase
                        | PemError::KdfTooExpensive
                        | PemError::UnsupportedEncryption
                ),
                "{error:?}"
            );
            if error == PemError::KdfTooExpensive {
                assert_eq!(cost, Cost::Refused);
            }
            // What is told apart by the passphrase was worked for.
            assert!(error != PemError::WrongPassphrase || cost != Cost::Refused);
        }
        (Err(plain), Err(opened)) => assert_eq!(*plain, opened),
        (plain, opened) => panic!("{plain:?}, {opened:?}"),
    }
}

/// How deep values may lie in each other.
const LEVELS_MAX: usize = 16;

/// DER of which nobody said what form it has.
fn of_any_form(data: &[u8]) {
    let plain = private_key_from_der(data);
    let whole = Element::first(data).filter(|(_, rest)| rest.is_empty()).map(|(whole, _)| whole);
    let is_read = |whole: &Element<'_>| {
        whole.tag == der::SEQUENCE && der::is_strict(*whole) && der::levels(*whole) <= LEVELS_MAX
    };
    let parts = whole.filter(is_read);
    let parts = parts.and_then(|whole| Element::all(whole.content)).unwrap_or_default();
    let tags: Vec<u8> = parts.iter().map(|part| part.tag).collect();
    let has_block = data.windows(11).any(|bytes| bytes == b"-----BEGIN ");
    let is_key = parts
        .first()
        .is_some_and(|first| first.tag == der::INTEGER && matches!(first.content, [0 | 1]));
    let expected = match &*tags {
        _ if has_block => Err(PemError::IsPem),
        _ if is_key => Ok(()),
        [der::SEQUENCE, der::OCTET_STRING] => Err(PemError::Encrypted),
        // A request for one has four parts at most.
        [der::SEQUENCE, _, der::BIT_STRING]
            if Element::all(parts[0].content).is_some_and(|signed| signed.len() > 4) =>
        {
            Err(PemError::CertificateNotKey)
        }
        _ => Err(PemError::NoPrivateKey),
    };
    assert_eq!(plain.as_ref().map(drop).map_err(Clone::clone), expected);
    if let Ok(key) = &plain {
        let form = match (key.expose_der(), &*tags) {
            (PrivateKeyDer::Pkcs8(der), [_, der::SEQUENCE, ..]) => der.secret_pkcs8_der(),
            (PrivateKeyDer::Sec1(der), _) => der.secret_sec1_der(),
            (PrivateKeyDer::Pkcs1(der), _) => der.secret_pkcs1_der(),
            (_, tags) => panic!("PKCS#8 without an algorithm: {tags:?}"),
        };
        assert_eq!(form, data);
        same_key(key);
    }
    // Nothing may follow what is whole.
    if whole.is_some() && !has_block {
        let longer = private_key_from_der(&[data, b"\0"].concat());
        assert_eq!(longer.map(drop), Err(PemError::NoPrivateKey));
    }

    if cost_of(data) == Cost::TooMuchForATest {
        return;
    }
    match (plain, private_key_from_encrypted_der(data, &PASSPHRASE)) {
        (Ok(key), Ok(same)) => assert_eq!(key.expose_der(), same.expose_der()),
        (Err(PemError::Encrypted), opened) => {
            // As if it stood in a file.
            let file =
                private_key_from_encrypted_pem(&pem("ENCRYPTED PRIVATE KEY", data), &PASSPHRASE);
            match (opened, file) {
                (Ok(key), Ok(same)) => assert_eq!(key.expose_der(), same.expose_der()),
                (Err(error), Err(same)) => assert_eq!(error, same),
                (opened, file) => panic!("{opened:?}, {file:?}"),
            }
        }
        (Err(plain), Err(opened)) => assert_eq!(plain, opened),
        (plain, opened) => panic!("{plain:?}, {opened:?}"),
    }
}

/// A key that was read: redacted, and its DER is read again by its label.
fn same_key(key: &PrivateKey) {
    assert_eq!(format!("{key:?}{key:#?}"), "PrivateKey(<redacted>)".repeat(2));
    let der = key.expose_der();
    let label = match der {
        PrivateKeyDer::Pkcs8(_) => "PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "RSA PRIVATE KEY",
    };
    let again = private_key_from_pem(&pem(label, der.secret_der())).expect("it was read once");
    assert_eq!(again.expose_der(), der);
    uses(der);
}

/// What is a key signs, and its signatures belong to its public key.
fn uses(der: &PrivateKeyDer<'_>) {
    let key = match SoftwareSigningKey::from_der(der) {
        Ok(key) => key,
        Err(error) => {
            assert!(
                matches!(error, KeyError::InvalidPrivateKey | KeyError::UnsupportedAlgorithm(_)),
                "{error:?}"
            );
            return;
        }
    };
    assert!(!key.algorithms().is_empty());
    let spki = key.public_key();
    let (of_key, bits) = der::public_key(&spki).expect("a SubjectPublicKeyInfo");
    let message = b"any message";
    let algorithm = match key.kind() {
        KeyKind::EcdsaP256 => SignatureAlgorithm::EcdsaP256Sha256,
        KeyKind::EcdsaP384 => SignatureAlgorithm::EcdsaP384Sha384,
        _ => SignatureAlgorithm::RsaPkcs1Sha256,
    };
    let signature = match key.sign(algorithm, message) {
        Ok(signature) => signature,
        // That one of the numbers is damaged may show only when it is used.
        Err(KeyError::Other(_)) if key.kind() == KeyKind::Rsa => return,
        Err(error) => panic!("it is one of its algorithms: {error}"),
    };
    let mut fitting = RING_ALGORITHMS
        .iter()
        .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == of_key)
        .peekable();
    assert!(fitting.peek().is_some(), "nobody checks such a key");
    assert!(
        fitting.any(|algorithm| algorithm.verify_signature(bits, message, &signature).is_ok()),
        "the signature is not by the public key"
    );
    let shown = format!("{key:?}{key:#?}");
    assert!(shown.contains("<redacted>") && !shown.contains('['), "{shown}");
}

/// What a file asks for before its passphrase can be told right or wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cost {
    Little,
    /// It is done, and takes up to seconds.
    TooMuchForATest,
    /// More than is done.
    Refused,
}

fn cost(pem: &[u8]) -> Cost {
    encrypted(pem).map_or(Cost::Little, |der| cost_of(&der))
}

/// Reads how often a key is derived (RFC 8018 appendices A.2 and A.4, RFC 7914 section 7).
fn cost_of(der: &[u8]) -> Cost {
    let work = || -> Option<(u64, u64, bool)> {
        let info = Element::all(Element::only(der, der::SEQUENCE)?)?;
        let pbes2 = Element::all(info.first()?.content)?;
        let parameters = Element::all(pbes2.get(1)?.content)?;
        let kdf = Element::all(parameters.first()?.content)?;
        let values = Element::all(kdf.get(1)?.content)?;
        let number = |place: usize| {
            let value = values.get(place).filter(|value| value.tag == der::INTEGER)?;
            Some(der::number(value.content).unwrap_or(u64::MAX))
        };
        // Behind the salt: of PBKDF2 the count; of scrypt N, r and p.
        let is_pbkdf2 = kdf.first()?.content == [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
        if is_pbkdf2 {
            let count = number(1)?;
            Some((count, 2_000, count > 2_000_000))
        } else {
            let (n, r, p) = (number(1)?, number(2)?, number(3)?);
            let bytes = n.saturating_mul(r).saturating_mul(128);
            Some((n.saturating_mul(r).saturating_mul(p), 512, bytes > 64 << 20 || p > 16))
        }
    };
    match work() {
        Some((_, _, true)) => Cost::Refused,
        Some((work, enough, false)) if work > enough => Cost::TooMuchForATest,
        _ => Cost::Little,
    }
}

/// The DER of the block that is encrypted, if there is one.
fn encrypted(pem: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(pem);
    let (_, rest) = text.split_once("-----BEGIN ENCRYPTED PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END")?;
    STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()
}
