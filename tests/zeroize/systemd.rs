//! Credentials as systemd passes them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use hubward::keystore::{KeyName, KeyStore, SystemdCredentials};

use super::*;

/// A folder with one credential of that content.
fn with(content: &[u8]) -> (tempfile::TempDir, SystemdCredentials, KeyName) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("name");
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).expect("new");
    file.write_all(content).expect("it can be written");
    let store = SystemdCredentials::new(dir.path());
    (dir, store, KeyName::new("name").expect("a name"))
}

#[test]
fn a_key_in_base64_is_wiped() {
    for end in ["", "\n", "\r\n"] {
        let (_dir, store, name) = with(format!("{KEY_TEXT}{end}").as_bytes());
        clean(|| {
            let key = store.mac_key(&name).expect("it is there");
            assert_eq!(alive(), ["key"]);
            let signer = SasSigner::new(key, &device()).expect("not Service Bus");
            assert_eq!(signer.sign(EXPIRY).expect("in memory").expose_token(), token_text());
            assert!(store.signing_key(&name).is_err());
            drop(signer);
            assert!(alive().is_empty());
        });
    }
}

#[test]
fn a_credential_that_is_none_leaves_nothing() {
    let (key, long) = (KEY_TEXT, KEY_TEXT.repeat(150));
    let private = private_key_text();
    let mut leaks = Vec::new();
    for content in [
        format!(" {key}"),
        format!("{key}\n\n"),
        key[..43].to_owned(),
        key.replace("jpU=", "jpV="),
        key.replace('=', "A").repeat(10),
        format!("\u{e9}{key}"),
        // More than a credential has.
        long,
        format!("-----BEGIN {key}"),
        format!("-----BEGIN PRIVATE KEY-----\n{private}\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{private}!\n-----END PRIVATE KEY-----\n"),
        // Without its line ends.
        format!("-----BEGIN PRIVATE KEY----- {private} -----END PRIVATE KEY-----"),
        format!("-----BEGIN PRIVATE KEY----- {private}\n-----END PRIVATE KEY-----\n"),
    ] {
        let (_dir, store, name) = with(content.as_bytes());
        let Watched { freed, left } = watch(|| {
            assert!(store.mac_key(&name).is_err());
            assert!(store.signing_key(&name).is_err());
        });
        if !(freed.is_empty() && left.is_empty()) {
            leaks.push(format!("{content:?}: {freed:?}, {left:?}"));
        }
    }
    assert!(leaks.is_empty(), "\n{}", leaks.join("\n"));
}

#[cfg(feature = "keystore-software")]
#[test]
fn a_private_key_in_der_is_wiped() {
    use hubward::keystore::SignatureAlgorithm;

    let (_dir, store, name) = with(&private_key());
    clean(|| {
        let key = store.signing_key(&name).expect("it is there");
        assert_eq!(alive(), ["scalar"]);
        key.sign(SignatureAlgorithm::EcdsaP256Sha256, b"message").expect("in memory");
        assert!(store.mac_key(&name).is_err());
        drop(key);
        assert!(alive().is_empty());
    });
    let (_dir, store, name) = with(&private_key()[..60]);
    clean(|| assert!(store.signing_key(&name).is_err()));
}

#[cfg(feature = "keystore-software")]
#[test]
fn a_private_key_in_pem_is_wiped() {
    let text = STANDARD.encode(private_key());
    let (first, second) = text.split_at(64);
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{first}\n{second}\n-----END PRIVATE KEY-----\n");
    let (_dir, store, name) = with(pem.as_bytes());
    clean(|| {
        let key = store.signing_key(&name).expect("it is there");
        assert_eq!(alive(), ["scalar"]);
        assert!(store.mac_key(&name).is_err());
        drop(key);
        assert!(alive().is_empty());
    });
}

#[cfg(feature = "mlock")]
#[test]
fn a_credential_in_locked_pages_is_not_on_the_heap() {
    use hubward::secret::LockPolicy;

    let (_dir, store, name) = with(KEY_TEXT.as_bytes());
    let store = store.lock_memory(LockPolicy::Prefer);
    clean(|| {
        let key = store.mac_key(&name).expect("it is there");
        assert!(alive().is_empty());
        let signer = SasSigner::new(key, &device()).expect("not Service Bus");
        assert!(signer.sign(EXPIRY).is_ok());
        assert!(alive().is_empty());
    });
}
