//! Private keys out of PEM and DER.

use hubward::secret::SecretText;
use hubward::x509::{
    PemError, PrivateKey, private_key_from_der, private_key_from_encrypted_der,
    private_key_from_encrypted_pem, private_key_from_pem,
};

use super::*;

/// A way to read a key.
type Door<'a> = dyn Fn() -> Result<PrivateKey, PemError> + 'a;

fn pem(label: &str, der: &[u8]) -> &'static str {
    let text = STANDARD.encode(der);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).leak()
}

/// PKCS#8 of the first scalar, encrypted by OpenSSL with the passphrase.
fn encrypted(options: &str) -> &'static [u8] {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("key.der"), private_key()).unwrap();
    let status = std::process::Command::new("openssl")
        .args("pkcs8 -topk8 -inform DER -in key.der -outform DER -out key.enc".split(' '))
        .args(options.split(' '))
        .args(["-passout", &format!("pass:{PASSPHRASE}")])
        .current_dir(folder.path())
        .status();
    assert!(status.expect("the program openssl can be run").success());
    std::fs::read(folder.path().join("key.enc")).unwrap().leak()
}

#[test]
fn private_keys_out_of_files_are_wiped() {
    let der: &[u8] = private_key().leak();
    let pem = pem("PRIVATE KEY", der);
    let passphrase = SecretText::borrowed(PASSPHRASE);
    let doors: [&Door<'_>; 4] = [
        &|| private_key_from_der(der),
        &|| private_key_from_encrypted_der(der, &passphrase),
        &|| private_key_from_pem(pem.as_bytes()),
        &|| private_key_from_encrypted_pem(pem.as_bytes(), &passphrase),
    ];
    for read in doors {
        clean(|| {
            let key = read().expect("a key");
            assert_eq!(alive(), ["scalar"]);
            let moved = Box::new(key);
            assert_eq!(alive(), ["scalar"]);
            drop(moved);
            assert!(alive().is_empty());
        });
    }
}

#[test]
fn encrypted_private_keys_are_wiped() {
    let passphrase = SecretText::borrowed(PASSPHRASE);
    for options in ["-v2 aes-256-cbc -iter 100", "-scrypt -scrypt_N 64"] {
        let der = encrypted(options);
        let pem = pem("ENCRYPTED PRIVATE KEY", der);
        let doors: [&Door<'_>; 2] = [&|| private_key_from_encrypted_der(der, &passphrase), &|| {
            private_key_from_encrypted_pem(pem.as_bytes(), &passphrase)
        }];
        for read in doors {
            clean(|| {
                let key = read().expect("a key");
                assert_eq!(alive(), ["scalar"]);
                drop(key);
                assert!(alive().is_empty());
            });
        }
        let wrong = SecretText::borrowed("another one");
        clean(|| {
            let refused = private_key_from_encrypted_der(der, &wrong).unwrap_err();
            assert_eq!(refused, PemError::WrongPassphrase);
        });
    }
}

#[test]
fn what_is_refused_leaves_nothing() {
    let key = private_key();
    let padded = [&key[..], b"\0"].concat();
    for der in [&key[..key.len() - 1], &padded, &[&b"\x31"[..], &key[1..]].concat()] {
        let der: &[u8] = der.to_vec().leak();
        clean(|| assert_eq!(private_key_from_der(der).unwrap_err(), PemError::NoPrivateKey));
    }
    let whole = pem("PRIVATE KEY", &key);
    // Damaged behind what is secret, in the middle of it, and there twice.
    let last = whole.rfind("\n-----END").unwrap();
    let late: &str = format!("{}!{}", &whole[..last - 1], &whole[last..]).leak();
    let twice: &str = whole.repeat(2).leak();
    let no_end: &str = &whole[..last];
    for pem in [late, twice, no_end] {
        clean(|| assert!(private_key_from_pem(pem.as_bytes()).is_err()));
    }
}
