//! Whatever is put in: no panic, and no more comes out than went in.

use hubward::pki_types::CertificateDer;
use hubward::secret::SecretText;
use hubward::x509::{
    DeviceCertificate, PEM_BLOCKS_MAX, PemError, Thumbprint, certificates_from_pem,
    private_key_from_der, private_key_from_encrypted_der, private_key_from_encrypted_pem,
    private_key_from_pem,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::FileFailurePersistence;

use crate::hostile::exercise;
use crate::{SAMPLE, to_pem};

fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * 4,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..usual
    }
}

fn labels() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "CERTIFICATE",
            "X509 CERTIFICATE",
            "PRIVATE KEY",
            "EC PRIVATE KEY",
            "RSA PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "EC PARAMETERS",
            "PUBLIC KEY",
            "",
            " ",
            "-----",
            "CERTIFICATE-----",
        ][..],
    )
}

/// Lines that PEM is made of, and some that it is not.
fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => labels().prop_map(|label| format!("-----BEGIN {label}-----").into_bytes()),
        4 => labels().prop_map(|label| format!("-----END {label}-----").into_bytes()),
        4 => "[A-Za-z0-9+/]{0,64}={0,2}".prop_map(String::into_bytes),
        1 => "[ -~]{0,40}".prop_map(String::into_bytes),
        1 => "\\PC{0,20}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..20),
        1 => select(&["Proc-Type: 4,ENCRYPTED", "-----BEGIN ", "-----END ", "-----", "\u{feff}", "0"][..])
            .prop_map(|line| line.as_bytes().to_vec()),
    ]
}

fn pem_like() -> impl Strategy<Value = Vec<u8>> {
    let end = select(&["\n", "\n", "\n", "\r\n", "\r", "", " \n", "\0\n", "\n\n"][..]);
    vec((line(), end), 0..30).prop_map(|lines| {
        lines.into_iter().flat_map(|(line, end)| [line, end.as_bytes().to_vec()].concat()).collect()
    })
}

/// Reads a file in every way. What comes out fits into what went in.
fn read_all(file: &[u8]) -> Result<(), TestCaseError> {
    let check = |error: &PemError| {
        let (shown, debug) = (error.to_string(), format!("{error:?}"));
        prop_assert!(shown.len() < 250 && debug.len() < 100, "{shown} {debug}");
        // Where it is said to be wrong, there is a line.
        if let PemError::NoEnd { block, line } | PemError::NotBase64 { block, line } = error {
            let lines = file.split(|byte| *byte == b'\n').count();
            prop_assert!((1..=lines).contains(line) && (1..=PEM_BLOCKS_MAX).contains(block));
        }
        Ok(())
    };
    match certificates_from_pem(file) {
        Ok(certificates) => {
            prop_assert!((1..=PEM_BLOCKS_MAX).contains(&certificates.len()));
            let len: usize = certificates.iter().map(|der| der.len()).sum();
            prop_assert!(len <= file.len() / 4 * 3);
            prop_assert!(certificates.iter().all(|der| !der.is_empty()));
            if let Ok(device) = DeviceCertificate::from_chain(&certificates) {
                let _ = device.into_ordered();
            }
        }
        Err(error) => check(&error)?,
    }
    match private_key_from_pem(file) {
        Ok(key) => prop_assert!(key.expose_der().secret_der().len() <= file.len() / 4 * 3),
        Err(error) => check(&error)?,
    }
    let passphrase = SecretText::borrowed("sesame");
    match private_key_from_encrypted_pem(file, &passphrase) {
        Ok(key) => prop_assert!(key.expose_der().secret_der().len() <= file.len() / 4 * 3),
        Err(error) => check(&error)?,
    }
    // And as if it were DER.
    match private_key_from_der(file) {
        Ok(key) => prop_assert_eq!(key.expose_der().secret_der(), file),
        Err(error) => check(&error)?,
    }
    match private_key_from_encrypted_der(file, &passphrase) {
        Ok(key) => prop_assert!(key.expose_der().secret_der().len() <= file.len()),
        Err(error) => check(&error)?,
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..600)) {
        read_all(&bytes)?;
        let _ = exercise(&bytes);
        let sequence = [b"\x30\x82\x02\x00", &bytes[..]].concat();
        let _ = exercise(&sequence);
        read_all(&sequence)?;
        // What begins as a private key does, with all of the rest in it.
        let len = u16::try_from(3 + bytes.len()).unwrap().to_be_bytes();
        let key = [&b"\x30\x82"[..], &len, b"\x02\x01\x00", &bytes].concat();
        read_all(&key)?;
    }

    #[test]
    fn what_looks_like_pem(file in pem_like()) {
        read_all(&file)?;
    }

    #[test]
    fn any_text_as_a_thumbprint(text in "\\PC{0,70}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}") {
        match text.parse::<Thumbprint>() {
            Ok(thumbprint) => prop_assert_eq!(thumbprint.to_string(), text.to_uppercase()),
            Err(error) => prop_assert!(error.to_string().len() < 150),
        }
    }

    /// What is written between texts is found again, in its order.
    #[test]
    fn blocks_between_texts(
        blocks in vec((vec(any::<u8>(), 1..200), "[ a-z:=\r\n]{0,60}", any::<bool>()), 1..10),
        windows in any::<bool>(),
    ) {
        let (mut file, mut expected) = (String::new(), Vec::new());
        for (der, text, is_certificate) in &blocks {
            file.push_str(text);
            file.push('\n');
            file.push_str(&to_pem(if *is_certificate { "CERTIFICATE" } else { "SOMETHING" }, der));
            if *is_certificate {
                expected.push(CertificateDer::from(&der[..]));
            }
        }
        if windows {
            file = file.replace('\n', "\r\n");
        }
        match certificates_from_pem(file.as_bytes()) {
            Ok(found) => prop_assert_eq!(found, expected),
            Err(error) => prop_assert!(error == PemError::NoCertificate && expected.is_empty()),
        }
    }

    /// Parts of a certificate cut out, doubled, exchanged and overwritten.
    #[test]
    fn certificates_in_pieces(
        changes in vec((any::<Index>(), any::<Index>(), any::<Index>(), vec(any::<u8>(), 0..8)), 1..4),
    ) {
        let mut der = SAMPLE.certificate.clone();
        for (from, to, at, bytes) in changes {
            let [from, to] = [from, to].map(|index| index.index(der.len()));
            let piece = der[from.min(to)..from.max(to)].to_vec();
            let at = at.index(der.len());
            let end = der.len().min(at + piece.len() / 2);
            der.splice(at..end, [&piece[..], &bytes].concat());
        }
        der.truncate(4_000);
        let _ = exercise(&der);
        let _ = read_all(to_pem("CERTIFICATE", &der).as_bytes());
    }
}
