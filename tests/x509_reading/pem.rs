//! PEM files as they come, and as they are broken on the way.

use hubward::x509::{
    PEM_BLOCKS_MAX, PEM_MAX, PemError, certificates_from_pem, private_key_from_pem,
};

use crate::openssl::OpenSsl;
use crate::{SAMPLE, Sample, from_pem, read, to_pem};

/// The certificates, as bytes.
fn certificates(pem: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, PemError> {
    let certificates = certificates_from_pem(pem.as_ref())?;
    Ok(certificates.iter().map(|der| der.to_vec()).collect())
}

fn error(pem: impl AsRef<[u8]>) -> PemError {
    certificates(pem).unwrap_err()
}

/// The same error from both readers, which is about the file and not about what is in it.
fn both(pem: impl AsRef<[u8]>) -> PemError {
    let error = error(&pem);
    assert_eq!(private_key_from_pem(pem.as_ref()).unwrap_err(), error);
    error
}

fn utf16(pem: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    pem.encode_utf16().flat_map(unit).collect()
}

#[test]
fn line_ends_and_spaces_of_every_kind() {
    let Sample { certificate_pem: pem, certificate, key_pem, key } = &*SAMPLE;
    for (from, to) in [
        ("\n", "\r\n"),
        ("\n", "\r\r\n"),
        ("\n", " \n"),
        ("\n", "\t\r\n"),
        ("\n", "\n\n"),
        ("\n", "\n    "),
        ("\n", "\n\u{c}"),
    ] {
        let [certificate_pem, key_pem] = [pem, key_pem].map(|pem| pem.replace(from, to));
        assert_eq!(certificates(certificate_pem).unwrap(), [&**certificate]);
        let read = private_key_from_pem(key_pem.as_bytes()).unwrap();
        assert_eq!(read.expose_der().secret_der(), key);
    }
    for pem in [
        pem.trim_end().to_owned(),
        format!("\u{feff}{pem}"),
        format!("   {pem}"),
        format!("\n\r\n{pem}\n \n"),
        // All of the base64 on one line, as Java writes it, and a byte a line.
        to_pem("CERTIFICATE", certificate),
        one_line_of_base64(pem),
        pem.replace("M", "M\n"),
        // As the C libraries of small devices want it.
        format!("{pem}\0"),
        format!("{}\0\0", pem.trim_end()),
    ] {
        assert_eq!(certificates(&pem).unwrap(), [&**certificate], "{pem:?}");
    }
    for label in ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"] {
        assert_eq!(certificates(to_pem(label, certificate)).unwrap(), [&**certificate]);
    }
}

fn one_line_of_base64(pem: &str) -> String {
    let lines: Vec<_> = pem.lines().collect();
    let [first, body @ .., last] = &lines[..] else { panic!() };
    format!("{first}\n{}\n{last}\n", body.concat())
}

#[test]
fn text_around_the_blocks() {
    let Sample { certificate_pem: pem, certificate, key_pem, key } = &*SAMPLE;
    let openssl = OpenSsl::new();
    openssl.write("device.pem", pem);
    openssl.write("key.pem", key_pem);
    let text = openssl.run("x509 -in device.pem -text");
    assert!(text.starts_with("Certificate:"));
    assert_eq!(certificates(&text).unwrap(), [&**certificate]);
    assert_eq!(certificates(text.repeat(3)).unwrap(), [&**certificate; 3]);

    // `Bag Attributes` and the like.
    openssl.run(
        "pkcs12 -export -in device.pem -inkey key.pem -passout pass:a -name pump -out both.p12",
    );
    let both = openssl.run("pkcs12 -in both.p12 -passin pass:a -noenc");
    assert!(both.starts_with("Bag Attributes"));
    assert_eq!(certificates(&both).unwrap(), [&**certificate]);
    let read = private_key_from_pem(both.as_bytes()).unwrap();
    assert_eq!(read.expose_der().secret_der(), key);

    // `0: Certificate`: the first byte is that of DER.
    let stored = openssl.run("storeutl -certs device.pem");
    assert!(stored.starts_with("0: Certificate"));
    assert_eq!(certificates(&stored).unwrap(), [&**certificate]);

    for around in
        [&b"caf\xe9 in Latin-1\n"[..], b"\xff\xfe\xfd\n", b"# a comment\n", b"\0\0\n", b"----\n"]
    {
        let file = [around, pem.as_bytes(), around, pem.as_bytes(), around].concat();
        if around.starts_with(b"\xff\xfe") {
            continue; // tells of UTF-16, at the beginning
        }
        assert_eq!(certificates(&file).unwrap(), [&**certificate; 2]);
        assert_eq!(certificates([pem.as_bytes(), b"\xff\xfe\n"].concat()).unwrap().len(), 1);
    }
}

#[test]
fn certificate_and_key_in_one_file() {
    let Sample { certificate_pem, certificate, key_pem, key } = &*SAMPLE;
    for file in [
        format!("{certificate_pem}{key_pem}"),
        format!("{key_pem}{certificate_pem}"),
        format!("{certificate_pem}{key_pem}{certificate_pem}"),
    ] {
        assert!(certificates(&file).unwrap().iter().all(|der| der == certificate));
        let read = private_key_from_pem(file.as_bytes()).unwrap();
        assert_eq!(read.expose_der().secret_der(), key);
    }
}

#[test]
fn utf_16_of_both_kinds_with_and_without_a_mark() {
    let Sample { certificate_pem, key_pem, .. } = &*SAMPLE;
    for pem in [certificate_pem, key_pem] {
        for mark in ["", "\u{feff}"] {
            for text in [format!("{mark}{pem}"), format!("{mark}0: a text before\r\n{pem}")] {
                assert_eq!(both(utf16(&text, u16::to_le_bytes)), PemError::Utf16);
                assert_eq!(both(utf16(&text, u16::to_be_bytes)), PemError::Utf16);
            }
        }
    }
    assert!(PemError::Utf16.to_string().contains("save it as UTF-8"));
}

#[test]
fn lines_that_were_joined() {
    let pem = &SAMPLE.certificate_pem;
    let lost = |line| PemError::LineEndsLost { line };
    for by in ["", " ", "\\n", "\\r\\n", "\r", "|"] {
        let joined = pem.replace('\n', by);
        assert_eq!(both(&joined), lost(1), "{by:?}");
        assert_eq!(both(format!("{joined}\n")), lost(1));
        assert_eq!(both(format!("a\n\nb\n{joined}\n")), lost(4));
        assert_eq!(both(format!("{pem}{joined}\n")), lost(pem.lines().count() + 1));
        assert_eq!(both(joined.repeat(2)), lost(1));
        // As in files of variables, C and JSON.
        assert_eq!(both(format!("CERT={joined}\n")), lost(1));
        assert_eq!(both(format!("CERT=\"{joined}\"\n")), lost(1));
    }
    let count = pem.lines().count();
    // Two files put together, the first of which had no line end at its end.
    assert_eq!(both(format!("{}{pem}", pem.trim_end())), lost(count));
    // Only the first line, and only the last.
    assert_eq!(both(pem.replacen('\n', "", 1)), lost(1));
    let last = pem.trim_end().rfind('\n').unwrap();
    assert_eq!(both([&pem[..last], &pem[last + 1..]].concat()), lost(count - 1));
    // Quoted line by line, as in C.
    let quoted: String = pem.lines().map(|line| format!("\"{line}\\n\"\n")).collect();
    assert_eq!(both(quoted), lost(1));

    assert!(lost(7).to_string().starts_with("line 7: "));
}

#[test]
fn ends_that_are_missing() {
    let pem = &SAMPLE.certificate_pem;
    let count = pem.lines().count();
    let no_end = |block, line| PemError::NoEnd { block, line };
    let without_end: String = pem.lines().take(count - 1).map(|line| format!("{line}\n")).collect();
    assert_eq!(both(&without_end), no_end(1, 1));
    assert_eq!(both(format!("text\n{without_end}")), no_end(1, 2));
    assert_eq!(both(format!("{pem}{without_end}")), no_end(2, count + 1));
    assert_eq!(both(format!("{without_end}{pem}")), no_end(1, 1));
    for end in [
        "-----END PRIVATE KEY-----",
        "-----END certificate-----",
        "-----END  CERTIFICATE-----",
        "-----END CERTIFICATE -----",
        // Some of the line was not copied.
        "-----END CERTIFICATE----",
        "-----END CERTIFICA",
        "-----END -----",
    ] {
        assert_eq!(both(format!("{without_end}{end}\n")), no_end(1, 1), "{end}");
    }
    assert_eq!(no_end(2, 23).to_string().split(": its").next(), Some("block 2, line 23"));
}

#[test]
fn beginnings_that_are_missing() {
    let pem = &SAMPLE.certificate_pem;
    let count = pem.lines().count();
    let (_, without_begin) = pem.split_once('\n').unwrap();
    assert_eq!(both(""), PemError::NoBlock);
    assert_eq!(both("\n\nno PEM at all\n"), PemError::NoBlock);
    assert_eq!(both(&pem[..9]), PemError::NoBlock);
    // One of several certificates must not be left out in silence.
    for (file, line) in [
        (without_begin.to_owned(), count - 1),
        (format!("{without_begin}{pem}"), count - 1),
        (format!("{pem}{without_begin}"), 2 * count - 1),
        (format!("{pem}-----END CERTIFICATE-----\n"), count + 1),
    ] {
        assert_eq!(both(file), PemError::NoBegin { line });
    }
    // Some of the line was not copied.
    for begin in ["-----BEGIN CERTIFICATE----", "----BEGIN CERTIFICATE-----", "-----BEGIN CERT"] {
        let error = both(format!("{pem}{begin}\n{without_begin}"));
        let line = count + 1;
        assert!(
            error == PemError::LineEndsLost { line }
                || error == PemError::NoBegin { line: 2 * count },
            "{begin}: {error:?}"
        );
    }
}

#[test]
fn what_is_no_base64() {
    let Sample { certificate_pem: pem, certificate, .. } = &*SAMPLE;
    let count = pem.lines().count();
    let (first, body) = pem.split_once('\n').unwrap();
    let damaged = |insert: &str| format!("{first}\n{insert}{body}");
    let not_base64 = |block, line| PemError::NotBase64 { block, line };
    for insert in [
        "M",
        "MI",
        "MII",
        "*III",
        "----",
        "====",
        "MII=",
        "é",
        "MII\0",
        "Proc-Type: 4,ENCRYPTED\n",
        "X: y\n",
        "\u{feff}",
        "-_-_",
        "<br>",
        "…",
    ] {
        assert_eq!(error(damaged(insert)), not_base64(1, 1), "{insert:?}");
        assert_eq!(error(format!("a\n{}", damaged(insert))), not_base64(1, 2));
        assert_eq!(error(format!("{pem}\n{}", damaged(insert))), not_base64(2, count + 2));
    }
    // Latin-1 within a block: no text in UTF-8.
    let mut latin = damaged("").into_bytes();
    latin.splice(30..30, [0xe9]);
    assert_eq!(error(&latin), not_base64(1, 1));
    // Every line left out: of a multiple of four characters, so the DER is what is short.
    for line in 1..count - 2 {
        let rest: String = pem
            .lines()
            .enumerate()
            .filter(|(index, _)| *index != line)
            .map(|(_, line)| format!("{line}\n"))
            .collect();
        assert_ne!(certificates(rest).unwrap(), [&**certificate]);
    }
    // Every character of the base64 left out.
    for at in first.len() + 1..pem.len() - 27 {
        let mut pem = pem.clone();
        if pem.remove(at) != '\n' {
            assert_eq!(error(&pem), not_base64(1, 1));
        }
    }
    // Nothing in it.
    for body in ["", "\n", "\n\n  \n\r\n"] {
        let empty = format!("{pem}{first}{body}\n-----END CERTIFICATE-----\n");
        assert_eq!(error(empty), not_base64(2, count + 1));
    }
    // Bits that are cut off must be zero, and padding be there.
    for body in ["QUI=", "QUJD"] {
        let pem = format!("{first}\n{body}\n-----END CERTIFICATE-----\n");
        assert!(certificates(pem).is_ok(), "{body}");
    }
    for body in ["QUJ=", "QUI", "QQ", "Q===", "QUI=QUI=", "="] {
        let pem = format!("{first}\n{body}\n-----END CERTIFICATE-----\n");
        assert_eq!(error(pem), not_base64(1, 1), "{body}");
    }
    assert!(not_base64(3, 40).to_string().starts_with("block 3, line 40: "));
}

#[test]
fn no_part_of_a_file_is_read_as_all_of_it() {
    let Sample { certificate_pem: pem, certificate, .. } = &*SAMPLE;
    let file = format!("{pem}{pem}");
    let complete = [pem.len() - 1, file.len() - 1];
    for len in 0..=file.len() {
        let read = certificates(&file[..len]);
        if len < complete[0] {
            assert!(read.is_err(), "{len}");
        } else if len >= complete[1] {
            assert_eq!(read.unwrap(), [&**certificate; 2]);
        } else if len > pem.len() + 11 {
            assert!(read.is_err(), "{len}");
        } else {
            // Of the second not enough to know it.
            assert_eq!(read.unwrap(), [&**certificate], "{len}");
        }
    }
}

#[test]
fn other_blocks_are_skipped() {
    let Sample { certificate_pem: pem, certificate, key_pem, .. } = &*SAMPLE;
    let others: String = [
        "PUBLIC KEY",
        "EC PARAMETERS",
        "X509 CRL",
        "CERTIFICATE REQUEST",
        "PKCS7",
        "ANYTHING AT ALL",
    ]
    .map(|label| to_pem(label, b"whatever"))
    .concat();
    assert_eq!(certificates(format!("{others}{pem}{others}")).unwrap(), [&**certificate]);
    private_key_from_pem(format!("{others}{key_pem}{others}").as_bytes()).unwrap();
    assert_eq!(certificates(&others), Err(PemError::NoCertificate));
    assert_eq!(private_key_from_pem(others.as_bytes()).unwrap_err(), PemError::NoPrivateKey);
    // Also when they are damaged inside.
    let damaged = "-----BEGIN X-----\n***\n-----END X-----\n";
    assert_eq!(certificates(format!("{damaged}{pem}")).unwrap(), [&**certificate]);
}

#[test]
fn how_much_is_read() {
    let Sample { certificate_pem: pem, certificate, .. } = &*SAMPLE;
    let most = pem.repeat(PEM_BLOCKS_MAX);
    assert_eq!(certificates(&most).unwrap().len(), PEM_BLOCKS_MAX);
    assert_eq!(both(format!("{most}{pem}")), PemError::TooManyBlocks);
    let other = to_pem("X", b"x");
    assert_eq!(both(format!("{}{other}", most)), PemError::TooManyBlocks);

    let spaces = " ".repeat(PEM_MAX - pem.len());
    let full = format!("{pem}{spaces}");
    assert_eq!(certificates(&full).unwrap(), [&**certificate]);
    assert_eq!(both(format!("{full} ")), PemError::TooLong { len: PEM_MAX + 1 });
    // Long before anything else is looked at.
    assert_eq!(both(vec![0x30; PEM_MAX + 1]), PemError::TooLong { len: PEM_MAX + 1 });

    // One block with all that fits, and one of lines without end.
    let text = to_pem("CERTIFICATE", &vec![0x55; 700_000]);
    assert_eq!(certificates(&text).unwrap(), [vec![0x55; 700_000]]);
    let empty = format!("-----BEGIN CERTIFICATE-----\n{}", "\n".repeat(PEM_MAX - 28));
    assert_eq!(both(empty), PemError::NoEnd { block: 1, line: 1 });
}

/// OpenSSL writes what it trusts a certificate for behind it, and only in such a block.
#[test]
fn settings_of_trust_are_no_part_of_a_certificate() {
    let Sample { certificate_pem, certificate, .. } = &*SAMPLE;
    let openssl = OpenSsl::new();
    openssl.write("device.pem", certificate_pem);
    let mut settings = 0;
    for options in ["", "-setalias pump", "-addtrust clientAuth -addreject emailProtection"] {
        let trusted = openssl.run(&format!("x509 -in device.pem -trustout {options}"));
        assert!(trusted.starts_with("-----BEGIN TRUSTED CERTIFICATE-----"));
        let der = from_pem(&trusted);
        settings += usize::from(der.len() > certificate.len());
        assert_eq!(certificates(&trusted).unwrap(), [&**certificate]);
        let file = format!("{certificate_pem}{trusted}{certificate_pem}");
        assert_eq!(certificates(file).unwrap(), [&**certificate; 3]);
        // Under any other label they are what they are.
        for label in ["CERTIFICATE", "X509 CERTIFICATE"] {
            assert_eq!(certificates(to_pem(label, &der)).unwrap(), [&*der]);
        }
    }
    assert!(settings >= 2);
    // Whatever is in the block, something is handed on: what it is, is told where it is read.
    let cut = &certificate[..certificate.len() - 1];
    for (der, first) in [
        (cut, cut),
        (b"anything", b"anything"),
        (b"\x30\x00and more", b"\x30\x00"),
        (b"\x02\x01\x00", b"\x02\x01\x00"),
        (b"\x30\x80\x00\x00", b"\x30\x80\x00\x00"),
    ] {
        assert_eq!(certificates(to_pem("TRUSTED CERTIFICATE", der)).unwrap(), [first]);
        assert!(read(first).is_err());
    }
}
