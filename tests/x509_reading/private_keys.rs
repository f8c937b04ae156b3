//! Private keys in the forms that OpenSSL writes, encrypted and not.

use std::time::{Duration, Instant};

use hubward::pki_types::PrivateKeyDer;
use hubward::secret::SecretText;
use hubward::x509::{
    PEM_MAX, PemError, PrivateKey, private_key_from_der, private_key_from_encrypted_der,
    private_key_from_encrypted_pem, private_key_from_pem,
};

use crate::der::{
    BIT_STRING, Der, INTEGER, Length, NULL, OCTET_STRING, OID, SEQUENCE, SET, value, values,
};
use crate::openssl::{OpenSsl, P256};
use crate::{SAMPLE, Sample, from_pem, hex, to_pem};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PASSPHRASE: &str = "open sesame";

fn open(pem: &str, passphrase: &str) -> Result<PrivateKey, PemError> {
    private_key_from_encrypted_pem(pem.as_bytes(), &SecretText::borrowed(passphrase))
}

/// The error, which says nothing of what is in the file: not as bytes, hex, base64 or numbers.
#[track_caller]
fn error(pem: &str, passphrase: Option<&str>) -> PemError {
    let result = match passphrase {
        Some(passphrase) => open(pem, passphrase),
        None => private_key_from_pem(pem.as_bytes()),
    };
    let error = result.unwrap_err();
    let mut secrets = secrets(passphrase);
    for block in pem.split("-----BEGIN ").skip(1) {
        let body = block.split_once('\n').map_or("", |(_, body)| body);
        let body: String = body.lines().take_while(|line| !line.starts_with("-----")).collect();
        secrets.push(body.clone().into_bytes());
        secrets.extend(STANDARD.decode(body));
    }
    assert_silent(&error, &secrets);
    error
}

/// The same for DER, in which no numbers of lines or blocks tell what is meant.
#[track_caller]
fn der_error(der: &[u8], passphrase: Option<&str>) -> PemError {
    let error = match passphrase {
        Some(passphrase) => open_der(der, passphrase),
        None => private_key_from_der(der),
    };
    let error = error.unwrap_err();
    let mut secrets = secrets(passphrase);
    secrets.push(der.to_vec());
    assert_silent(&error, &secrets);
    error
}

fn open_der(der: &[u8], passphrase: &str) -> Result<PrivateKey, PemError> {
    private_key_from_encrypted_der(der, &SecretText::borrowed(passphrase))
}

/// What no error may have in it, whatever was read.
fn secrets(passphrase: Option<&str>) -> Vec<Vec<u8>> {
    let passphrase = passphrase.map(|passphrase| passphrase.as_bytes().to_vec());
    [SAMPLE.key.clone()].into_iter().chain(passphrase).collect()
}

#[track_caller]
fn assert_silent(error: &impl std::error::Error, secrets: &[Vec<u8>]) {
    let mut said = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        said.push_str(&format!("{error} {error:?}"));
        source = error.source();
    }
    for secret in secrets {
        for part in secret.windows(6) {
            let numbers: Vec<_> = part.iter().map(u8::to_string).collect();
            for form in [
                String::from_utf8_lossy(part).into_owned(),
                hex(part),
                hex(part).to_lowercase(),
                STANDARD.encode(part),
                numbers.join(", "),
            ] {
                assert!(!said.contains(&form), "{form} in {said}");
            }
        }
    }
}

/// The kinds of keys, by the name of the file that has them as PKCS#8, and the arguments for them.
const KINDS: [(&str, &str); 4] = [
    ("p256", P256),
    ("p384", "EC -pkeyopt ec_paramgen_curve:P-384"),
    ("rsa", "RSA -pkeyopt rsa_keygen_bits:2048"),
    ("ed25519", "ED25519"),
];

fn keys() -> OpenSsl {
    let openssl = OpenSsl::new();
    for (name, kind) in KINDS {
        openssl.key(&format!("{name}.pem"), kind);
        openssl.run(&format!("pkey -in {name}.pem -pubout -out {name}.public.pem"));
    }
    openssl
}

/// The key goes on to where it is used, and OpenSSL accepts what it signs.
#[cfg(all(feature = "keystore-software", any(feature = "ring", feature = "aws-lc-rs")))]
fn signs(openssl: &OpenSsl, name: &str, key: &PrivateKey) {
    use hubward::KeyError;
    use hubward::keystore::{SignatureAlgorithm, SigningKey as _, SoftwareSigningKey};

    let (algorithm, hash) = match name {
        "p256" => (SignatureAlgorithm::EcdsaP256Sha256, "sha256"),
        "p384" => (SignatureAlgorithm::EcdsaP384Sha384, "sha384"),
        "rsa" => (SignatureAlgorithm::RsaPkcs1Sha256, "sha256"),
        _ => {
            let error = SoftwareSigningKey::from_der(key.expose_der()).unwrap_err();
            assert!(matches!(error, KeyError::UnsupportedAlgorithm(_)), "{error}");
            return;
        }
    };
    let signing = SoftwareSigningKey::from_der(key.expose_der()).unwrap();
    let public = from_pem(&openssl.read_text(&format!("{name}.public.pem")));
    assert_eq!(*signing.public_key(), *public);
    openssl.write("message", "a message");
    openssl.write("signature", signing.sign(algorithm, b"a message").unwrap());
    openssl.run(&format!("dgst -{hash} -verify {name}.public.pem -signature signature message"));
}

#[cfg(not(all(feature = "keystore-software", any(feature = "ring", feature = "aws-lc-rs"))))]
fn signs(_: &OpenSsl, _: &str, _: &PrivateKey) {}

#[test]
fn pkcs8_sec1_and_pkcs1() {
    let openssl = keys();
    for (name, _) in KINDS {
        let pem = openssl.read_text(&format!("{name}.pem"));
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
        let key = private_key_from_pem(pem.as_bytes()).unwrap();
        assert!(matches!(key.expose_der(), PrivateKeyDer::Pkcs8(_)));
        assert_eq!(key.expose_der().secret_der(), from_pem(&pem));
        signs(&openssl, name, &key);
        // A passphrase that is not needed is no error.
        let again = open(&pem, PASSPHRASE).unwrap();
        assert_eq!(again.expose_der(), key.expose_der());

        if name != "ed25519" {
            let pem = openssl.run(&format!("pkey -in {name}.pem -traditional"));
            let key = private_key_from_pem(pem.as_bytes()).unwrap();
            match (pem.lines().next().unwrap(), key.expose_der()) {
                ("-----BEGIN EC PRIVATE KEY-----", PrivateKeyDer::Sec1(_))
                | ("-----BEGIN RSA PRIVATE KEY-----", PrivateKeyDer::Pkcs1(_)) => {}
                (line, _) => panic!("{line}"),
            }
            assert_eq!(key.expose_der().secret_der(), from_pem(&pem));
            signs(&openssl, name, &key);
        }
    }
}

/// The forms of a key of `keys`, in DER.
fn forms(openssl: &OpenSsl, name: &str) -> Vec<Vec<u8>> {
    let pkcs8 = from_pem(&openssl.read_text(&format!("{name}.pem")));
    if name == "ed25519" {
        return vec![pkcs8];
    }
    openssl.run(&format!("pkey -in {name}.pem -traditional -outform DER -out {name}.der"));
    vec![pkcs8, openssl.read(&format!("{name}.der"))]
}

#[test]
fn every_form_in_der() {
    let openssl = keys();
    for (name, _) in KINDS {
        for (place, der) in forms(&openssl, name).into_iter().enumerate() {
            let key = private_key_from_der(&der).unwrap();
            match (place, name, key.expose_der()) {
                (0, _, PrivateKeyDer::Pkcs8(_))
                | (1, "rsa", PrivateKeyDer::Pkcs1(_))
                | (1, "p256" | "p384", PrivateKeyDer::Sec1(_)) => {}
                (place, name, _) => panic!("{name} {place}"),
            }
            assert_eq!(key.expose_der().secret_der(), der);
            assert_eq!(format!("{key:?}{key:#?}"), "PrivateKey(<redacted>)".repeat(2));
            signs(&openssl, name, &key);
            // A passphrase that is not needed is no error.
            assert_eq!(open_der(&der, PASSPHRASE).unwrap().expose_der(), key.expose_der());
        }
    }
    // Without what may be left out: OpenSSL's own short form, and PKCS#8 with a public key beside it.
    openssl.run("ec -in p256.pem -no_public -outform DER -out short.der");
    let short = openssl.read("short.der");
    assert_eq!(private_key_from_der(&short).unwrap().expose_der().secret_der(), short);
    let mut with_public = Der::parse(&from_pem(&openssl.read_text("ed25519.pem")));
    *with_public.at(&[0]) = value(INTEGER, &[1]);
    with_public.push(value(0x81, &[&[0][..], &[9; 32]].concat()));
    let with_public = with_public.encode();
    let key = private_key_from_der(&with_public).unwrap();
    assert!(matches!(key.expose_der(), PrivateKeyDer::Pkcs8(_)));
    assert_eq!(key.expose_der().secret_der(), with_public);
}

#[test]
fn encrypted_in_der() {
    let openssl = keys();
    for (name, _) in KINDS {
        let plain = from_pem(&openssl.read_text(&format!("{name}.pem")));
        for options in ["-v2 aes-256-cbc -iter 100", "-scrypt -scrypt_N 64"] {
            openssl.run(&format!(
                "pkcs8 -topk8 -in {name}.pem {options} -passout pass:sesame -outform DER -out key.der"
            ));
            let der = openssl.read("key.der");
            let key = open_der(&der, "sesame").unwrap();
            assert_eq!(key.expose_der().secret_der(), plain, "{options}");
            signs(&openssl, name, &key);
            assert_eq!(der_error(&der, None), PemError::Encrypted);
            for wrong in ["", "Sesame", "sesame "] {
                assert_eq!(der_error(&der, Some(wrong)), PemError::WrongPassphrase, "{options}");
            }
        }
    }
    for options in ["-v2 des3", "-v1 PBE-SHA1-3DES", "-v2 aes-256-cbc -v2prf hmacWithSHA1"] {
        openssl.run(&format!(
            "pkcs8 -topk8 -in p256.pem {options} -passout pass:sesame -outform DER -out key.der"
        ));
        let der = openssl.read("key.der");
        assert_eq!(der_error(&der, Some("sesame")), PemError::UnsupportedEncryption, "{options}");
        assert_eq!(der_error(&der, None), PemError::Encrypted);
    }
}

/// What is given in place of a key in DER, with and without a passphrase.
#[test]
fn what_is_no_key_in_der() {
    let Sample { certificate_pem, certificate, key_pem, key } = &*SAMPLE;
    let openssl = OpenSsl::new();
    openssl.write("key.pem", key_pem);
    openssl.run("req -new -key key.pem -subj /CN=a -outform DER -out request.der");
    openssl.run("pkey -in key.pem -pubout -outform DER -out public.der");
    openssl.run("pkcs12 -export -nocerts -inkey key.pem -passout pass:a -out key.p12");
    let [request, public, pkcs12] =
        ["request.der", "public.der", "key.p12"].map(|name| openssl.read(name));
    let mut version_2 = Der::parse(key);
    *version_2.at(&[0]) = value(INTEGER, &[2]);
    let set = {
        let mut set = Der::parse(key);
        *set.tag() = SET;
        set.encode()
    };
    let mut padded = Der::parse(key);
    *padded.at(&[1]).length() = Length::Padded(1);
    let mut endless = Der::parse(key);
    *endless.length() = Length::Indefinite;
    let encrypted_in_bits =
        values(SEQUENCE, [values(SEQUENCE, []), value(BIT_STRING, &[0])]).encode();

    let with = |more: &[u8]| [key, more].concat();
    let marked_pem = format!("\u{feff}{key_pem}");
    let pem_with_text = format!("0: a key\n{key_pem}");
    for (what, der, expected) in [
        ("a key in PEM", key_pem.as_bytes(), PemError::IsPem),
        ("a certificate in PEM", certificate_pem.as_bytes(), PemError::IsPem),
        ("PEM with a mark", marked_pem.as_bytes(), PemError::IsPem),
        ("PEM that begins as DER does", pem_with_text.as_bytes(), PemError::IsPem),
        ("a certificate", certificate, PemError::CertificateNotKey),
        ("a request", &request, PemError::NoPrivateKey),
        ("a public key", &public, PemError::NoPrivateKey),
        ("PKCS#12", &pkcs12, PemError::NoPrivateKey),
        ("nothing", b"", PemError::NoPrivateKey),
        ("a text", b"no key", PemError::NoPrivateKey),
        ("a line end behind it", &with(b"\n"), PemError::NoPrivateKey),
        ("a zero behind it", &with(b"\0"), PemError::NoPrivateKey),
        ("two keys", &with(key), PemError::NoPrivateKey),
        ("a line end before it", &[&b"\n"[..], key].concat(), PemError::NoPrivateKey),
        ("a set", &set, PemError::NoPrivateKey),
        ("an empty sequence", b"\x30\x00", PemError::NoPrivateKey),
        ("a sequence of nothing known", b"\x30\x02\x05\x00", PemError::NoPrivateKey),
        ("version 2", &version_2.encode(), PemError::NoPrivateKey),
        ("no version", b"\x30\x02\x02\x00", PemError::NoPrivateKey),
        ("a number elsewhere", b"\x30\x05\x02\x01\x00\x1f\x00", PemError::NoPrivateKey),
        ("a length that is too long", &padded.encode(), PemError::NoPrivateKey),
        ("no length", &endless.encode(), PemError::NoPrivateKey),
        ("what is encrypted in bits", &encrypted_in_bits, PemError::NoPrivateKey),
    ] {
        for passphrase in [None, Some(PASSPHRASE)] {
            assert_eq!(der_error(der, passphrase), expected, "{what}");
        }
    }
    let long = vec![0x30; PEM_MAX + 1];
    let too_long = PemError::TooLong { len: PEM_MAX + 1 };
    assert_eq!(private_key_from_der(&long).unwrap_err(), too_long);
    assert_eq!(private_key_from_der(&long[1..]).unwrap_err(), PemError::NoPrivateKey);
    // What is said of it helps.
    assert!(PemError::IsPem.to_string().contains("read it as PEM"), "{}", PemError::IsPem);
}

#[test]
fn whatever_bit_of_a_key_in_der_flips_there_is_an_answer() {
    let openssl = keys();
    for der in KINDS.iter().flat_map(|(name, _)| forms(&openssl, name)) {
        // Identifiers and lengths of the whole and of the version, and the version.
        let first = Der::parse(&der).headers()[1].1.end + 1;
        let mut read = 0_usize;
        for bit in 0..8 * der.len() {
            let mut changed = der.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            match (private_key_from_der(&changed), open_der(&changed, "sesame")) {
                (Ok(key), Ok(same)) => {
                    assert_eq!(key.expose_der().secret_der(), changed);
                    assert_eq!(key.expose_der(), same.expose_der());
                    // The other version, whatever it is in this form.
                    assert!(bit / 8 >= first || bit == 8 * (first - 1), "bit {bit}");
                    read += 1;
                }
                (Err(PemError::NoPrivateKey), Err(PemError::NoPrivateKey)) => {}
                (plain, opened) => panic!("bit {bit}: {plain:?}, {opened:?}"),
            }
        }
        // Most of it is the key itself.
        assert!(read > der.len(), "{read}");
        for len in 0..der.len() {
            let error = private_key_from_der(&der[..len]).unwrap_err();
            assert_eq!(error, PemError::NoPrivateKey, "{len} bytes");
        }
    }
}

#[test]
fn whatever_bit_of_an_encrypted_key_in_der_flips_there_is_an_answer() {
    // One byte for the iterations: no flip asks for many.
    let der = encrypted("-iter 1").encode();
    let (mut opened, mut wrong) = (0, 0);
    for bit in 0..8 * der.len() {
        let mut changed = der.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        match (private_key_from_der(&changed), open_der(&changed, "sesame")) {
            (Err(PemError::NoPrivateKey), Err(PemError::NoPrivateKey)) => {}
            (Err(PemError::Encrypted), Ok(key)) => {
                assert!(matches!(key.expose_der(), PrivateKeyDer::Pkcs8(_)));
                opened += 1;
            }
            (Err(PemError::Encrypted), Err(PemError::WrongPassphrase)) => wrong += 1,
            (Err(PemError::Encrypted), Err(PemError::UnsupportedEncryption)) => {}
            (plain, opened) => panic!("bit {bit}: {plain:?}, {opened:?}"),
        }
    }
    assert!(opened > 100 && wrong > 100, "{opened} {wrong}");
    for len in 0..der.len() {
        let error = open_der(&der[..len], "sesame").unwrap_err();
        assert_eq!(error, PemError::NoPrivateKey, "{len} bytes");
    }
}

#[test]
fn parameters_before_the_key() {
    let openssl = OpenSsl::new();
    for (name, curve) in [("p256", "prime256v1"), ("p384", "secp384r1")] {
        let pem = openssl.run(&format!("ecparam -name {curve} -genkey"));
        assert!(pem.starts_with("-----BEGIN EC PARAMETERS-----"));
        openssl.write("key.pem", &pem);
        openssl.run(&format!("pkey -in key.pem -pubout -out {name}.public.pem"));
        let key = private_key_from_pem(pem.as_bytes()).unwrap();
        assert!(matches!(key.expose_der(), PrivateKeyDer::Sec1(_)));
        signs(&openssl, name, &key);
    }
}

#[test]
fn encrypted_pkcs8() {
    let openssl = keys();
    let every = [
        "",
        "-v2 aes-128-cbc -iter 100",
        "-v2 aes-192-cbc -v2prf hmacWithSHA224 -iter 100",
        "-v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 1",
        "-v2 aes-256-cbc -v2prf hmacWithSHA384 -iter 100",
        "-v2 aes-128-cbc -v2prf hmacWithSHA512 -iter 100",
        "-scrypt -scrypt_N 64",
        "-v2 aes-128-cbc -scrypt -scrypt_N 128 -scrypt_r 4 -scrypt_p 2",
        // As OpenSSL has it by itself.
        "-scrypt",
    ];
    let one = ["-v2 aes-256-cbc -iter 100"];
    for (name, options) in [("p256", &every[..]), ("p384", &one), ("rsa", &one), ("ed25519", &one)]
    {
        let plain = from_pem(&openssl.read_text(&format!("{name}.pem")));
        for options in options {
            let pem = openssl.run_with(
                &format!("pkcs8 -topk8 -in {name}.pem {options}"),
                &["-passout", &format!("pass:{PASSPHRASE}")],
            );
            assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
            let key = open(&pem, PASSPHRASE).unwrap();
            assert_eq!(key.expose_der().secret_der(), plain, "{options}");
            signs(&openssl, name, &key);

            assert_eq!(error(&pem, None), PemError::Encrypted);
            if options.contains("-iter") || options.contains("-scrypt_N") {
                for wrong in ["", "open sesame ", "Open sesame", "open sesam", "x"] {
                    assert_eq!(error(&pem, Some(wrong)), PemError::WrongPassphrase, "{options}");
                }
            }
        }
    }
}

#[test]
fn passphrases_of_every_kind() {
    let openssl = OpenSsl::new();
    openssl.write("key.pem", &SAMPLE.key_pem);
    let long = "long ".repeat(100);
    let pem = openssl.run("pkcs8 -topk8 -in key.pem -passout pass:");
    assert_eq!(open(&pem, "").unwrap().expose_der().secret_der(), SAMPLE.key);
    assert_eq!(error(&pem, None), PemError::Encrypted);
    for passphrase in [" ", "a", "пароль", "水泵 é \u{1f600}", "tab\tbed", &long] {
        // By a file: one on the command line may be changed on its way.
        openssl.write("passphrase", passphrase);
        let pem = openssl.run("pkcs8 -topk8 -in key.pem -passout file:passphrase");
        assert_eq!(open(&pem, passphrase).unwrap().expose_der().secret_der(), SAMPLE.key);
        assert_eq!(error(&pem, Some("another")), PemError::WrongPassphrase);
    }
}

#[test]
fn encryption_that_is_not_supported() {
    let openssl = OpenSsl::new();
    openssl.write("key.pem", &SAMPLE.key_pem);
    for options in [
        "pkcs8 -topk8 -in key.pem -v2 des3",
        "pkcs8 -topk8 -in key.pem -v2 camellia-256-cbc",
        "pkcs8 -topk8 -in key.pem -v2 aes-256-cbc -v2prf hmacWithSHA1",
        "pkcs8 -topk8 -in key.pem -v1 PBE-SHA1-3DES",
        "ec -in key.pem -aes256",
        "ec -in key.pem -des3",
    ] {
        let pem = openssl.run(&format!("{options} -passout pass:sesame"));
        let found = error(&pem, Some("sesame"));
        assert_eq!(found, PemError::UnsupportedEncryption, "{options}");
        assert!(found.to_string().contains("openssl pkcs8 -topk8"), "{found}");
        assert_eq!(error(&pem, Some("wrong")), PemError::UnsupportedEncryption, "{options}");
        let without = error(&pem, None);
        if pem.contains("Proc-Type: 4,ENCRYPTED") {
            assert_eq!(without, PemError::UnsupportedEncryption);
        } else {
            assert_eq!(without, PemError::Encrypted);
        }
        // What the error says to do helps.
        openssl.write("old.pem", &pem);
        let pem = openssl.run(
            "pkcs8 -topk8 -v2 aes-256-cbc -in old.pem -passin pass:sesame -passout pass:sesame",
        );
        assert_eq!(open(&pem, "sesame").unwrap().expose_der().secret_der(), SAMPLE.key);
    }
}

/// The encryption of a key, changed: `EncryptedPrivateKeyInfo` of RFC 5958, with the parameters of
/// RFC 8018 appendix A.
fn encrypted(options: &str) -> Der {
    let openssl = OpenSsl::new();
    openssl.write("key.pem", &SAMPLE.key_pem);
    let pem = openssl.run(&format!("pkcs8 -topk8 -in key.pem -passout pass:sesame {options}"));
    assert!(open(&pem, "sesame").is_ok());
    Der::parse(&from_pem(&pem))
}

/// Where the parameters of the key derivation are.
const DERIVATION: &[usize] = &[0, 1, 0, 1];

/// What is answered at once, whatever the file asks for.
#[track_caller]
fn at_once(der: &Der) -> PemError {
    let start = Instant::now();
    let error = error(&to_pem("ENCRYPTED PRIVATE KEY", &der.encode()), Some("sesame"));
    assert!(start.elapsed() < Duration::from_secs(2), "{error}: {:?}", start.elapsed());
    error
}

/// The most that is done, to the last iteration: a second or two.
#[test]
fn pbkdf2_that_costs_as_much_as_it_may() {
    let openssl = OpenSsl::new();
    openssl.write("key.pem", &SAMPLE.key_pem);
    let encrypted = |iterations| {
        openssl.run(&format!(
            "pkcs8 -topk8 -in key.pem -outform DER -out key.der -passout pass:sesame -v2 aes-256-cbc \
             -iter {iterations}"
        ));
        openssl.read("key.der")
    };
    let most = encrypted(2_000_000);
    let start = Instant::now();
    assert_eq!(open_der(&most, "sesame").unwrap().expose_der().secret_der(), SAMPLE.key);
    println!("two million iterations took {:?}", start.elapsed());
    let more = encrypted(2_000_001);
    assert_eq!(at_once(&Der::parse(&more)), PemError::KdfTooExpensive);
    assert_eq!(der_error(&more, Some("sesame")), PemError::KdfTooExpensive);
    assert_eq!(der_error(&more, None), PemError::Encrypted);
}

#[test]
fn pbkdf2_that_costs_too_much() {
    let key = encrypted("-iter 1");
    let iterations = |count: &[u8]| {
        let mut key = key.clone();
        key.at(DERIVATION).values()[1] = value(INTEGER, count);
        key
    };
    for count in [2_000_001_u32, 10_000_000, 1 << 30, u32::MAX >> 1, 1 << 31, u32::MAX] {
        // With a zero in front where the number would be negative.
        let bytes = [&[0][..], &count.to_be_bytes()].concat();
        let needed = bytes.windows(2).take_while(|pair| pair[0] == 0 && pair[1] < 0x80).count();
        assert_eq!(at_once(&iterations(&bytes[needed..])), PemError::KdfTooExpensive, "{count}");
    }
    // More than the number that the parser has.
    for count in [&[1, 0, 0, 0, 0][..], &[0x7f; 8], &[0x7f; 200]] {
        at_once(&iterations(count));
    }
    // None at all, and fewer than that.
    for count in [&[0][..], &[0xff], &[0x80, 0, 0, 0], b""] {
        let error = at_once(&iterations(count));
        assert_eq!(error, PemError::UnsupportedEncryption);
    }
}

#[test]
fn scrypt_that_costs_too_much() {
    let key = encrypted("-scrypt -scrypt_N 16");
    let cost = |n: &[u8], r: &[u8], p: &[u8]| {
        let mut key = key.clone();
        let parameters = key.at(DERIVATION).values();
        for (place, number) in [(1, n), (2, r), (3, p)] {
            parameters[place] = value(INTEGER, number);
        }
        key
    };
    for (n, r, p) in [
        // N is 2³⁰, then 2⁵⁶ and 2⁶³.
        (&[0x40, 0, 0, 0][..], &[8][..], &[1][..]),
        (&[1, 0, 0, 0, 0, 0, 0, 0], &[8], &[1]),
        (&[0, 0x80, 0, 0, 0, 0, 0, 0, 0], &[8], &[1]),
        (&[0x40, 0, 0, 0], &[0x7f, 0xff], &[0x7f, 0xff]),
        // r alone, p alone, and both: B has p·r·128 bytes, whatever N is.
        (&[0x40, 0], &[0x7f, 0xff], &[1]),
        (&[0x40, 0], &[8], &[0x7f, 0xff]),
        (&[2], &[0, 0xff, 0xff], &[16]),
        (&[2], &[0, 0xff, 0xff], &[0, 0xff, 0xff]),
    ] {
        assert_eq!(at_once(&cost(n, r, p)), PemError::KdfTooExpensive, "{n:?} {r:?} {p:?}");
    }
    // What scrypt is not defined for.
    for (n, r, p) in [
        (&[0][..], &[8][..], &[1][..]),
        (&[1], &[8], &[1]),
        (&[3], &[8], &[1]),
        (&[0x3f, 0xff], &[8], &[1]),
        (&[0x40, 0], &[0], &[1]),
        (&[0x40, 0], &[8], &[0]),
        (&[0xff], &[8], &[1]),
    ] {
        assert_eq!(at_once(&cost(n, r, p)), PemError::UnsupportedEncryption, "{n:?} {r:?} {p:?}");
    }
}

#[test]
fn parameters_that_do_not_fit() {
    for options in ["-iter 1", "-scrypt -scrypt_N 16"] {
        let key = encrypted(options);
        // A salt that is longer than is read, a key length that is not that of the cipher, a cipher
        // that is none, an initialization vector that is too short.
        let mut long_salt = key.clone();
        long_salt.at(DERIVATION).values()[0] = value(OCTET_STRING, &[7; 33]);
        let mut key_len = key.clone();
        let place = if options.contains("scrypt") { 4 } else { 2 };
        key_len.at(DERIVATION).values().insert(place, value(INTEGER, &[16]));
        let mut cipher = key.clone();
        cipher.at(&[0, 1, 1]).values()[0] = value(OID, &[0x2a, 3, 4]);
        let mut vector = key.clone();
        vector.at(&[0, 1, 1]).values()[1] = value(OCTET_STRING, &[7; 15]);
        let mut scheme = key.clone();
        scheme.at(&[0]).values()[0] = value(OID, &[0x2a, 3, 4]);
        for der in [long_salt, key_len, cipher, vector, scheme] {
            assert_eq!(at_once(&der), PemError::UnsupportedEncryption);
        }
        // The key itself, cut short.
        let data = key.clone().at(&[1]).bytes().to_vec();
        for len in [0, 1, 15, 16, data.len() - 16, data.len() - 1] {
            let mut cut = key.clone();
            *cut.at(&[1]) = value(OCTET_STRING, &data[..len]);
            assert_eq!(at_once(&cut), PemError::WrongPassphrase);
        }
    }
    for der in [value(NULL, b""), values(SEQUENCE, []), value(OCTET_STRING, b"?!?!?!")] {
        assert_eq!(at_once(&der), PemError::UnsupportedEncryption);
    }
}

#[test]
fn whatever_bit_of_an_encrypted_key_flips_there_is_an_answer() {
    // One byte for the iterations: no flip asks for many.
    let der = encrypted("-iter 1").encode();
    for bit in 0..8 * der.len() {
        let mut der = der.clone();
        der[bit / 8] ^= 1 << (bit % 8);
        if let Ok(key) = open(&to_pem("ENCRYPTED PRIVATE KEY", &der), "sesame") {
            assert!(matches!(key.expose_der(), PrivateKeyDer::Pkcs8(_)));
        }
    }
    for len in 1..der.len() {
        error(&to_pem("ENCRYPTED PRIVATE KEY", &der[..len]), Some("sesame"));
    }
    let trailing = [&der[..], b"\0"].concat();
    error(&to_pem("ENCRYPTED PRIVATE KEY", &trailing), Some("sesame"));
}

#[test]
fn a_key_that_was_not_pkcs8_before_it_was_encrypted() {
    let openssl = OpenSsl::new();
    openssl.write("key.pem", &SAMPLE.key_pem);
    openssl.run("ec -in key.pem -outform DER -out sec1.der");
    // What AES makes of it, with the key and the vector of a real file.
    let mut key = encrypted("-iter 1 -v2 aes-128-cbc");
    let salt = hex(key.at(DERIVATION).values()[0].bytes());
    let vector = hex(key.at(&[0, 1, 1]).values()[1].bytes());
    let derived = openssl.run(&format!(
        "kdf -keylen 16 -kdfopt digest:SHA256 -kdfopt pass:sesame -kdfopt hexsalt:{salt} -kdfopt iter:1 \
         PBKDF2"
    ));
    let derived = derived.trim().replace(':', "");
    openssl.run(&format!("enc -aes-128-cbc -K {derived} -iv {vector} -in sec1.der -out sec1.enc"));
    *key.at(&[1]) = value(OCTET_STRING, &openssl.read("sec1.enc"));
    let pem = to_pem("ENCRYPTED PRIVATE KEY", &key.encode());
    assert_eq!(error(&pem, Some("sesame")), PemError::WrongPassphrase);
}

#[test]
fn more_than_one_key() {
    let openssl = OpenSsl::new();
    let key = &SAMPLE.key_pem;
    openssl.write("key.pem", key);
    let sec1 = openssl.run("ec -in key.pem");
    let encrypted = openssl.run("pkcs8 -topk8 -in key.pem -passout pass:sesame");
    for (first, second) in
        [(key, key), (key, &sec1), (&sec1, key), (key, &encrypted), (&encrypted, key)]
    {
        for between in ["", &SAMPLE.certificate_pem, "text\n"] {
            let pem = format!("{first}{between}{second}");
            assert_eq!(error(&pem, Some("sesame")), PemError::SeveralPrivateKeys);
            assert_eq!(error(&pem, None), PemError::SeveralPrivateKeys);
        }
    }
}

#[test]
fn errors_of_files_with_keys_say_nothing_of_them() {
    let pem = &SAMPLE.key_pem;
    let (first, body) = pem.split_once('\n').unwrap();
    let damaged = |insert: &str| format!("{first}\n{insert}{body}");
    for (pem, expected) in [
        (pem.replace('\n', ""), PemError::LineEndsLost { line: 1 }),
        (pem.replace('\n', "\\n"), PemError::LineEndsLost { line: 1 }),
        (pem.replace('\n', "\r"), PemError::LineEndsLost { line: 1 }),
        (pem.replace("-----END", "-----OTHER"), PemError::NoEnd { block: 1, line: 1 }),
        (body.to_owned(), PemError::NoBegin { line: pem.lines().count() - 1 }),
        (damaged("*"), PemError::NotBase64 { block: 1, line: 1 }),
        (damaged("é"), PemError::NotBase64 { block: 1, line: 1 }),
        (damaged("M"), PemError::NotBase64 { block: 1, line: 1 }),
        (pem.repeat(2), PemError::SeveralPrivateKeys),
        (pem.repeat(65), PemError::TooManyBlocks),
        (pem.replace(" PRIVATE", " OPENSSH PRIVATE"), PemError::OpenSsh),
        (pem.replace(" PRIVATE", " DSA PRIVATE"), PemError::NoPrivateKey),
        (pem.replace(" PRIVATE", " ENCRYPTED PRIVATE"), PemError::Encrypted),
    ] {
        assert_eq!(error(&pem, None), expected);
    }
    let renamed = pem.replace(" PRIVATE", " ENCRYPTED PRIVATE");
    assert_eq!(error(&renamed, Some(PASSPHRASE)), PemError::UnsupportedEncryption);
    // Which forms are read is said where another one was found.
    assert!(PemError::NoPrivateKey.to_string().contains("PKCS#8"), "{}", PemError::NoPrivateKey);
}

#[cfg(feature = "keystore-software")]
#[test]
fn a_block_with_something_else_is_refused_where_it_is_used() {
    use hubward::KeyError;
    use hubward::keystore::SoftwareSigningKey;

    let key = &SAMPLE.key;
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] {
        for der in [
            &SAMPLE.certificate[..],
            &key[..key.len() - 1],
            &[key, &b"\0"[..]].concat(),
            b"\x30\x00",
            b"x",
        ] {
            let read = private_key_from_pem(to_pem(label, der).as_bytes()).unwrap();
            let error = SoftwareSigningKey::from_der(read.expose_der()).unwrap_err();
            assert_silent(&error, &[der.to_vec(), key.clone()]);
            match error {
                KeyError::InvalidPrivateKey => {}
                // Without a library for RSA.
                KeyError::UnsupportedAlgorithm(_) if label.starts_with("RSA") => {}
                other => panic!("{label}: {other:?}"),
            }
        }
    }
}

#[test]
fn debug_is_redacted() {
    for key in [
        private_key_from_pem(SAMPLE.key_pem.as_bytes()).unwrap(),
        open(&SAMPLE.key_pem, "").unwrap(),
    ] {
        assert_eq!(format!("{key:?}"), "PrivateKey(<redacted>)");
        assert_eq!(format!("{key:#?}"), "PrivateKey(<redacted>)");
    }
}
