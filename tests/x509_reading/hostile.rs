//! Every truncation and every flipped bit of a certificate, and one thing given for another.

use hubward::UnixTime;
use hubward::pki_types::CertificateDer;
use hubward::x509::{
    CertificateError, DeviceCertificate, Expected, PemError, certificates_from_pem,
    private_key_from_pem,
};

use crate::extensions::rich;
use crate::openssl::OpenSsl;
use crate::{SAMPLE, Sample, read};

/// Of several algorithms and with extensions of all kinds.
fn certificates() -> Vec<Vec<u8>> {
    let openssl = OpenSsl::new();
    openssl.key("key.pem", "RSA -pkeyopt rsa_keygen_bits:2048");
    let config = "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = pump-7\n";
    let pss = openssl.self_signed("key.pem", config, "-sigopt rsa_padding_mode:pss");
    vec![SAMPLE.certificate.clone(), pss, rich()]
}

/// Does with a certificate what can be done with one.
pub(crate) fn exercise(der: &[u8]) -> Result<(), CertificateError> {
    let certificate = read(der)?;
    assert_eq!(&**certificate.der(), der);
    // A name is shown in three bytes for each of its own at the most, or in hex, and with its kind.
    assert!(certificate.subject().len() < 64 * der.len());
    assert!(format!("{certificate:?}").len() < 256 * der.len());
    let device = DeviceCertificate::from_chain(&[CertificateDer::from(der)]).unwrap();
    let report = device.judge(&Expected::new(), UnixTime::BUILD_FLOOR);
    assert!(report.to_json().starts_with('['));
    let _ = device.into_ordered();
    Ok(())
}

#[test]
fn no_part_of_a_certificate_is_one() {
    for der in certificates() {
        exercise(&der).unwrap();
        for len in 0..der.len() {
            assert_eq!(read(&der[..len]), Err(CertificateError::NotDer), "{len} bytes");
        }
    }
}

#[test]
fn whatever_bit_flips_there_is_an_answer() {
    for der in [SAMPLE.certificate.clone(), rich()] {
        let mut read = 0_usize;
        for bit in 0..8 * der.len() {
            let mut der = der.clone();
            der[bit / 8] ^= 1 << (bit % 8);
            read += usize::from(exercise(&der).is_ok());
        }
        // Most of it is keys, signatures and texts, in which anything may stand.
        assert!(read > der.len(), "{read}");
    }
}

#[test]
fn whatever_byte_is_lost_doubled_or_replaced_there_is_an_answer() {
    for der in [SAMPLE.certificate.clone(), rich()] {
        for at in 0..der.len() {
            let mut lost = der.clone();
            lost.remove(at);
            let _ = exercise(&lost);
            let mut doubled = der.clone();
            doubled.insert(at, der[at]);
            let _ = exercise(&doubled);
            for replacement in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
                let mut replaced = der.clone();
                replaced[at] = replacement;
                let _ = exercise(&replaced);
            }
        }
    }
}

#[test]
fn what_follows_a_certificate_is_counted() {
    let der = &SAMPLE.certificate;
    for more in [&b"\n"[..], b"\0", b"\0\0\0", der] {
        let len = more.len();
        let error = read(&[der, more].concat()).unwrap_err();
        assert_eq!(error, CertificateError::TrailingBytes { len });
        let text = error.to_string();
        assert!(text.contains(&format!("(bytes: {len})")) && text.contains("cut it off"), "{text}");
    }
}

#[test]
fn pem_for_der_and_der_for_pem() {
    let Sample { certificate_pem, certificate, key_pem, key } = &*SAMPLE;
    for pem in [
        certificate_pem.clone(),
        key_pem.clone(),
        format!("\u{feff}{certificate_pem}"),
        format!("\n{certificate_pem}"),
        format!("Certificate:\n    Data:\n{certificate_pem}"),
        certificate_pem.replace('\n', "\r\n"),
    ] {
        let error = read(pem.as_bytes()).unwrap_err();
        assert_eq!(error, CertificateError::IsPem);
        assert!(error.to_string().contains("read it as PEM"), "{error}");
    }
    for der in [certificate, key] {
        assert_eq!(certificates_from_pem(der), Err(PemError::IsDer));
        assert_eq!(private_key_from_pem(der).unwrap_err(), PemError::IsDer);
    }
    // Short ones too, whose length is one byte.
    let short = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    assert_eq!(private_key_from_pem(short).unwrap_err(), PemError::IsDer);
}

#[test]
fn a_key_for_a_certificate_and_a_certificate_for_a_key() {
    let Sample { certificate_pem, key_pem, key, .. } = &*SAMPLE;
    let error = certificates_from_pem(key_pem.as_bytes()).unwrap_err();
    assert_eq!(error, PemError::KeyNotCertificate);
    assert!(error.to_string().contains("exchanged"), "{error}");
    let error = private_key_from_pem(certificate_pem.as_bytes()).unwrap_err();
    assert_eq!(error, PemError::CertificateNotKey);
    assert!(error.to_string().contains("exchanged"), "{error}");

    let openssl = OpenSsl::new();
    openssl.write("key.pem", key_pem);
    openssl.run("ec -in key.pem -outform DER -out sec1.der");
    openssl.run("genrsa -traditional -out rsa.pem 2048");
    openssl.run("rsa -in rsa.pem -traditional -outform DER -out pkcs1.der");
    for key in [key.clone(), openssl.read("sec1.der"), openssl.read("pkcs1.der")] {
        let error = read(&key).unwrap_err();
        assert!(error.to_string().contains("private key"), "{error}");
    }
}

#[test]
fn other_things_of_openssl_are_no_certificates() {
    let openssl = OpenSsl::new();
    openssl.write("key.pem", &SAMPLE.key_pem);
    openssl.run("req -new -key key.pem -subj /CN=a -outform DER -out request.der");
    openssl.run("pkey -in key.pem -pubout -outform DER -out public.der");
    openssl.run("pkcs8 -topk8 -in key.pem -passout pass:a -outform DER -out encrypted.der");
    for name in ["request.der", "public.der", "encrypted.der"] {
        let error = read(&openssl.read(name)).unwrap_err();
        assert!(matches!(error, CertificateError::Malformed(_)), "{name}: {error}");
    }
}
