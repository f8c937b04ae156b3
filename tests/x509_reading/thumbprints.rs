//! Thumbprints as text. Those of OpenSSL are compared wherever a certificate is read.

use hubward::pki_types::CertificateDer;
use hubward::x509::{Thumbprint, ThumbprintError};

use crate::{SAMPLE, hex};

#[test]
fn written_and_read_again() {
    let certificate = CertificateDer::from(&*SAMPLE.certificate);
    let other = CertificateDer::from(&b"another"[..]);
    for (thumbprint, len) in
        [(Thumbprint::sha256(&certificate), 32), (Thumbprint::sha1(&certificate), 20)]
    {
        let text = thumbprint.to_string();
        assert_eq!(thumbprint.as_bytes().len(), len);
        assert_eq!(text, hex(thumbprint.as_bytes()));
        assert_eq!(text.parse(), Ok(thumbprint));
        assert_eq!(text.to_lowercase().parse(), Ok(thumbprint));
        assert!(thumbprint.matches(&certificate) && !thumbprint.matches(&other));
        assert_eq!(format!("{thumbprint:?}"), format!("Thumbprint({text})"));
    }
    assert_ne!(Thumbprint::sha256(&certificate), Thumbprint::sha1(&certificate));
}

#[test]
fn what_is_no_thumbprint() {
    let wrong = |len| Err(ThumbprintError::WrongLength { len });
    for len in [0, 1, 39, 41, 63, 65, 128] {
        assert_eq!("a".repeat(len).parse::<Thumbprint>(), wrong(len));
    }
    // As OpenSSL prints it.
    let colons = vec!["AA"; 32].join(":");
    assert_eq!(colons.parse::<Thumbprint>(), wrong(95));
    for len in [40, 64] {
        for position in 0..len {
            for intruder in ["g", " ", "+", "\0", "-"] {
                let mut text = "a".repeat(len);
                text.replace_range(position..=position, intruder);
                assert_eq!(text.parse::<Thumbprint>(), Err(ThumbprintError::NotHex { position }));
            }
        }
        // Characters of two bytes: no digits, and no panic between them.
        let text = "é".repeat(len / 2);
        assert_eq!(text.parse::<Thumbprint>(), Err(ThumbprintError::NotHex { position: 0 }));
    }
}
