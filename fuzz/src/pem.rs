//! Certificates out of PEM: what is read comes back however it is written, and errors say what is so.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::pki_types::CertificateDer;
use hubward::secret::SecretText;
use hubward::x509::{
    Certificate, ChainError, DeviceCertificate, PEM_BLOCKS_MAX, PEM_MAX, PemError,
    certificates_from_pem, private_key_from_encrypted_pem, private_key_from_pem,
};

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    for pem in files(data) {
        read(&pem);
    }
    many_are_read_as_one_is(data);
}

/// The input itself, and one that is short often enough for one block too many.
fn files(data: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let many = (data.len() <= 64).then(|| data.repeat(PEM_BLOCKS_MAX + 1));
    [Cow::Borrowed(data)].into_iter().chain(many.map(Cow::Owned))
}

/// What is wrong with the files of an input, whatever is looked for in them.
pub fn errors(data: &[u8]) -> impl Iterator<Item = PemError> {
    files(data).flat_map(|pem| {
        [certificates_from_pem(&pem).err(), private_key_from_pem(&pem).err()].into_iter().flatten()
    })
}

fn read(pem: &[u8]) {
    let read = certificates_from_pem(pem);
    let keys = private_key_from_pem(pem);
    match &read {
        Ok(certificates) => {
            let labels = labels(pem);
            assert!(labels.len() <= PEM_BLOCKS_MAX);
            let of_certificates =
                labels.iter().filter(|label| CERTIFICATE_LABELS.contains(&label.as_str()));
            assert_eq!(certificates.len(), of_certificates.count());
            assert!(!certificates.is_empty() && certificates.iter().all(|der| !der.is_empty()));
            comes_back(certificates);
        }
        Err(error) => {
            is_true(error, pem);
            if is_of_the_file(error) {
                assert_eq!(keys.as_ref().err(), Some(error), "the file is the same");
            }
        }
    }
    match &keys {
        Ok(key) => assert_eq!(format!("{key:?}"), "PrivateKey(<redacted>)"),
        Err(error) => is_true(error, pem),
    }
    if let (Err(PemError::KeyNotCertificate), Err(error)) = (&read, &keys) {
        assert!(!matches!(error, PemError::NoPrivateKey | PemError::CertificateNotKey));
    }
    // A passphrase that nobody asked for changes nothing.
    if !matches!(keys, Err(PemError::Encrypted)) {
        let again = private_key_from_encrypted_pem(pem, &SecretText::borrowed("not asked for"));
        match (&keys, &again) {
            (Ok(key), Ok(again)) => assert_eq!(key.expose_der(), again.expose_der()),
            (Err(error), Err(again)) => assert_eq!(error, again),
            _ => panic!("the passphrase made a difference"),
        }
    }
    chain_agrees(pem, &read);
    line_ends_do_not_count(pem, &read);
    text_before_does_not_count(pem, &read);
}

const CERTIFICATE_LABELS: [&str; 3] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];

/// The labels of a file that was accepted: each block ends as it begins, before the next one begins.
fn labels(pem: &[u8]) -> Vec<String> {
    let mut labels = Vec::new();
    let mut open = None;
    for line in pem.split(|byte| *byte == b'\n') {
        // Outside of blocks a line may be in any encoding, and is passed over.
        let line = core::str::from_utf8(line).unwrap_or_default();
        let line = line.trim_start_matches('\u{feff}').trim_matches('\0').trim();
        let label = |marker| line.strip_prefix(marker)?.strip_suffix("-----");
        if let Some(label) = label("-----BEGIN ") {
            assert_eq!(open, None, "a block in a block");
            open = Some(label.to_owned());
        } else if let Some(label) = label("-----END ") {
            assert_eq!(open.as_deref(), Some(label), "a block ends as another");
            labels.extend(open.take());
        }
    }
    assert_eq!(open, None, "a block has no end");
    labels
}

/// About the form of the file, not about what is looked for.
fn is_of_the_file(error: &PemError) -> bool {
    matches!(
        error,
        PemError::TooLong { .. }
            | PemError::TooManyBlocks
            | PemError::Utf16
            | PemError::IsDer
            | PemError::NoBlock
            | PemError::LineEndsLost { .. }
            | PemError::NoBegin { .. }
            | PemError::NoEnd { .. }
    )
}

fn is_true(error: &PemError, pem: &[u8]) {
    let contains = |text: &str| pem.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    let has = |line: usize, text: &str| {
        let line = pem.split(|byte| *byte == b'\n').nth(line - 1).expect("there is that line");
        line.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    };
    let (begin, end) = ("-----BEGIN ", "-----END ");
    match *error {
        PemError::TooLong { len } => {
            assert_eq!(len, pem.len());
            assert!(len > PEM_MAX);
        }
        PemError::Utf16 => {
            let is_marked = pem.starts_with(b"\xff\xfe") || pem.starts_with(b"\xfe\xff");
            assert!(is_marked || contains("-\0-\0-"));
        }
        PemError::IsDer => assert!(pem.starts_with(&[0x30]) && !contains(begin)),
        PemError::LineEndsLost { line } => assert!(has(line, begin) || has(line, end)),
        PemError::NoBegin { line } => assert!(has(line, end)),
        PemError::NoEnd { block, line } | PemError::NotBase64 { block, line } => {
            assert!((1..=PEM_BLOCKS_MAX).contains(&block) && has(line, begin));
        }
        PemError::NoBlock => assert!(!contains("-----BEGIN A")),
        PemError::NoCertificate => {}
        PemError::KeyNotCertificate => assert!(contains("PRIVATE KEY-----")),
        PemError::CertificateNotKey => assert!(contains("CERTIFICATE-----")),
        PemError::Encrypted => assert!(contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")),
        PemError::OpenSsh => assert!(contains("-----BEGIN OPENSSH PRIVATE KEY-----")),
        PemError::UnsupportedEncryption => assert!(contains("Proc-Type:")),
        PemError::TooManyBlocks | PemError::NoPrivateKey | PemError::SeveralPrivateKeys => {}
        ref error => panic!("not without a passphrase: {error:?}"),
    }
    // Of the text nothing but numbers is in it.
    let bytes = format!("{error}{error:?}").into_bytes();
    assert!(bytes.is_ascii() && bytes.len() < 512);
}

/// Written by somebody else, in lines of any length, with text between and any line ends.
fn comes_back(certificates: &[CertificateDer<'static>]) {
    for (columns, line_end) in [(64, "\n"), (76, "\r\n"), (usize::MAX, "\n")] {
        let mut pem = String::new();
        for der in certificates {
            let text = STANDARD.encode(der);
            pem.push_str(&format!("subject=CN = somebody{line_end}"));
            pem.push_str(&format!("-----BEGIN CERTIFICATE-----{line_end}"));
            for line in text.as_bytes().chunks(columns) {
                pem.push_str(core::str::from_utf8(line).expect("it is ASCII"));
                pem.push_str(line_end);
            }
            pem.push_str(&format!("-----END CERTIFICATE-----{line_end}"));
        }
        assert_eq!(certificates_from_pem(pem.as_bytes()).as_deref(), Ok(certificates));
    }
}

/// The chain is what the certificates are, each by itself.
fn chain_agrees(pem: &[u8], read: &Result<Vec<CertificateDer<'static>>, PemError>) {
    let chain = DeviceCertificate::from_pem(pem);
    match (read, chain) {
        (Ok(certificates), Ok(chain)) => assert_eq!(*certificates, chain.to_der()),
        (Ok(certificates), Err(ChainError::TooLong { len })) => {
            assert_eq!(len, certificates.len());
        }
        (Ok(certificates), Err(ChainError::Certificate { index, error })) => {
            let read = |der: &CertificateDer<'static>| Certificate::from_der(der.clone());
            assert!(certificates[..index].iter().all(|der| read(der).is_ok()));
            assert_eq!(read(&certificates[index]), Err(error));
        }
        (Err(error), Err(ChainError::Pem(found))) => assert_eq!(*error, found),
        (_, chain) => panic!("{chain:?}"),
    }
}

/// Lines may end as those of Windows do.
fn line_ends_do_not_count(pem: &[u8], read: &Result<Vec<CertificateDer<'static>>, PemError>) {
    let lines: Vec<&[u8]> = pem.split(|byte| *byte == b'\n').collect();
    assert_eq!(certificates_from_pem(&lines.join(&b"\r\n"[..])), *read);
}

/// A line in front moves the lines of errors by one, and changes nothing else.
fn text_before_does_not_count(pem: &[u8], read: &Result<Vec<CertificateDer<'static>>, PemError>) {
    // What is told from the first bytes.
    if matches!(read, Err(PemError::IsDer | PemError::Utf16)) || pem.starts_with(b"\xef\xbb\xbf") {
        return;
    }
    let moved = match read.clone() {
        Err(PemError::LineEndsLost { line }) => Err(PemError::LineEndsLost { line: line + 1 }),
        Err(PemError::NoBegin { line }) => Err(PemError::NoBegin { line: line + 1 }),
        Err(PemError::NoEnd { block, line }) => Err(PemError::NoEnd { block, line: line + 1 }),
        Err(PemError::NotBase64 { block, line }) => {
            Err(PemError::NotBase64 { block, line: line + 1 })
        }
        other => other,
    };
    assert_eq!(certificates_from_pem(&[b"a chain:\n", pem].concat()), moved);
}

/// Twice the file is twice the certificates.
fn many_are_read_as_one_is(data: &[u8]) {
    // Neither a mark nor the end of a text in C belongs in the middle.
    if let Ok(once) = certificates_from_pem(data)
        && !data.starts_with(b"\xef\xbb\xbf")
        && !data.ends_with(b"\0")
    {
        match certificates_from_pem(&[data, b"\n", data].concat()) {
            Ok(twice) => assert_eq!(twice, [&once[..], &once].concat()),
            Err(error) => assert_eq!(error, PemError::TooManyBlocks),
        }
    }
}
