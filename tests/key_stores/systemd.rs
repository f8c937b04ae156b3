//! Credentials as systemd passes them: what is a key, and which files are not even read.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::SymmetricKey;
use hubward::keystore::fs_check::{FsFinding, FsReport};
use hubward::keystore::{
    AtLeast, KeyError, KeyKind, KeyName, KeyStore, MacKey as _, Protection, SystemdCredentials,
};
use tempfile::TempDir;

use crate::conformance::hides_keys;

const KEY: &[u8] = b"conformance key 1, plainly fake";

/// A folder of credentials.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Puts a file there that its owner may read, as systemd does.
    fn put(&self, file: &str, content: &[u8]) {
        self.put_with(file, content, 0o400);
    }

    fn put_with(&self, file: &str, content: &[u8], mode: u32) {
        let path = self.path(file);
        let _ = fs::remove_file(&path);
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&path).unwrap();
        file.write_all(content).unwrap();
        set_mode(&path, mode);
    }

    fn store(&self) -> SystemdCredentials {
        SystemdCredentials::new(self.0.path())
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

/// What stands in a credential, read as either kind of key.
fn read(content: &[u8]) -> (Result<Vec<u8>, KeyError>, Result<Vec<u8>, KeyError>) {
    let folder = Folder::new();
    folder.put("key", content);
    let store = folder.store();
    let mac_key = store.mac_key(&name("key")).map(|found| {
        assert_eq!(found.protection(), Protection::Plain);
        found.hmac_sha256(&[b"message"]).unwrap().expose_bytes().to_vec()
    });
    let signing_key = store.signing_key(&name("key")).map(|found| {
        assert_eq!(found.protection(), Protection::Plain);
        found.public_key().to_vec()
    });
    for error in [mac_key.as_ref().err(), signing_key.as_ref().err()].into_iter().flatten() {
        hides_keys(&format!("{error} {error:?}"));
    }
    (mac_key, signing_key)
}

fn tag(key: &[u8]) -> Vec<u8> {
    let key = SymmetricKey::from_bytes(key).unwrap();
    key.hmac_sha256(&[b"message"]).unwrap().expose_bytes().to_vec()
}

const SYMMETRIC: KeyError = KeyError::WrongKind { found: Some(KeyKind::Symmetric) };
const PRIVATE: KeyError = KeyError::WrongKind { found: None };

#[test]
fn symmetric_keys_are_base64() {
    for key in [KEY, b"k", b"ke", b"key", &[0], &[0x30; 32], &[0xd3; 64], &[0xff; 256]] {
        let text = STANDARD.encode(key);
        for end in ["", "\n", "\r\n"] {
            let (mac_key, signing_key) = read(format!("{text}{end}").as_bytes());
            assert_eq!(mac_key, Ok(tag(key)), "{text} {end:?}");
            assert_eq!(signing_key, Err(SYMMETRIC), "{text} {end:?}");
        }
    }
}

#[test]
fn what_is_no_base64_is_no_key() {
    let text = STANDARD.encode(KEY);
    let (start, end) = text.split_at(12);
    for junk in [
        format!("{text}\n\n"),
        format!("\n{text}"),
        format!(" {text}"),
        format!("{text} "),
        format!("{text}\r\r\n"),
        format!("{start}\n{end}"),
        format!("{text}\0"),
        format!("\u{feff}{text}"),
        format!("SharedAccessKey={text}"),
        format!("\"{text}\""),
        text.replace('=', ""),
        text.replace('/', "_").replace('Y', "-"),
        "conformance key, but not base64".to_owned(),
        // What follows decides whether it is PEM.
        "-----BEGIN".to_owned(),
        "-----begin private key-----".to_owned(),
        "0".to_owned(),
    ] {
        let (mac_key, signing_key) = read(junk.as_bytes());
        assert_eq!(mac_key, Err(KeyError::NotBase64), "{junk:?}");
        assert_eq!(signing_key, Err(SYMMETRIC), "{junk:?}");
    }
    for junk in [&[0xff; 44][..], &[b'A', b'A', b'A', 0xe9], &[0], &[0x31, 0x80]] {
        let (mac_key, signing_key) = read(junk);
        assert_eq!(mac_key, Err(KeyError::NotBase64), "{junk:?}");
        assert_eq!(signing_key, Err(SYMMETRIC), "{junk:?}");
    }
}

#[test]
fn nothing_is_no_key() {
    for content in ["", "\n", "\r\n", "\r"] {
        let (mac_key, signing_key) = read(content.as_bytes());
        assert_eq!(mac_key, Err(KeyError::Empty), "{content:?}");
        assert_eq!(signing_key, Err(SYMMETRIC), "{content:?}");
    }
}

#[test]
fn what_is_too_long_is_no_key() {
    // One byte more than a key has; all that is read; one byte more than that; much more.
    let a_byte_more = STANDARD.encode([7; 257]);
    assert_eq!(read(a_byte_more.as_bytes()).0, Err(KeyError::TooLong));
    for len in [4096, 4097, 1 << 20] {
        assert_eq!(read(&vec![b'A'; len]).0, Err(KeyError::TooLong), "{len}");
    }
    let (mac_key, signing_key) = read(&[0x30; 5000]);
    assert_eq!(
        (mac_key.err(), signing_key.err()),
        (Some(KeyError::TooLong), Some(KeyError::TooLong))
    );
}

#[test]
fn what_is_missing_is_not_found() {
    let folder = Folder::new();
    folder.put("key", STANDARD.encode(KEY).as_bytes());
    for store in [folder.store(), SystemdCredentials::new(folder.path("no/such/folder"))] {
        for text in ["missing", "KEY", "key.", "ke"] {
            assert_eq!(store.mac_key(&name(text)).err(), Some(KeyError::NotFound));
            assert_eq!(store.signing_key(&name(text)).err(), Some(KeyError::NotFound));
        }
    }
}

#[test]
fn what_changes_is_read_anew_and_handles_go_on() {
    let folder = Folder::new();
    let store = folder.store();
    folder.put("key", STANDARD.encode(KEY).as_bytes());
    let first = store.mac_key(&name("key")).unwrap();
    folder.put("key", STANDARD.encode(b"another").as_bytes());
    let second = store.mac_key(&name("key")).unwrap();
    fs::remove_file(folder.path("key")).unwrap();
    assert_eq!(store.mac_key(&name("key")).err(), Some(KeyError::NotFound));
    assert_eq!(first.hmac_sha256(&[b"message"]).unwrap().expose_bytes()[..], tag(KEY));
    assert_eq!(second.hmac_sha256(&[b"message"]).unwrap().expose_bytes()[..], tag(b"another"));
    hides_keys(&format!("{store:?} {first:?} {first:#?}"));
}

#[test]
fn the_protection_is_not_taken_for_more_than_it_is() {
    let folder = Folder::new();
    folder.put("key", STANDARD.encode(KEY).as_bytes());
    let policy = AtLeast::new(folder.store(), Protection::Passphrase);
    let too_low =
        KeyError::ProtectionTooLow { required: Protection::Passphrase, actual: Protection::Plain };
    assert_eq!(policy.mac_key(&name("key")).err(), Some(too_low));
    AtLeast::new(folder.store(), Protection::Plain).mac_key(&name("key")).unwrap();
}

#[cfg(feature = "mlock")]
#[test]
fn credentials_are_read_into_locked_pages() {
    use hubward::secret::LockPolicy;

    let folder = Folder::new();
    folder.put("key", STANDARD.encode(KEY).as_bytes());
    assert!(folder.store().mac_key(&name("key")).unwrap().lock_outcome().is_none());
    let store = folder.store().lock_memory(LockPolicy::Prefer);
    let key = store.mac_key(&name("key")).unwrap();
    assert!(key.lock_outcome().is_some());
    assert_eq!(key.hmac_sha256(&[b"message"]).unwrap().expose_bytes()[..], tag(KEY));
}

// Private keys.

#[cfg(feature = "keystore-software")]
mod private {
    use super::*;
    use crate::conformance::signs;
    use crate::openssl::{self, Desk};

    fn expect_key(what: &str, content: &[u8], spki: &[u8]) {
        let (mac_key, signing_key) = read(content);
        assert_eq!(mac_key, Err(PRIVATE), "{what}");
        assert_eq!(signing_key.as_deref(), Ok(spki), "{what}");
        let folder = Folder::new();
        folder.put("key", content);
        signs(&*folder.store().signing_key(&name("key")).unwrap(), spki);
    }

    /// A private key in the forms PKCS#8 and SEC 1, each in PEM and DER, with its public key.
    fn ecdsa(curve: &str) -> (Desk, Vec<u8>) {
        let desk = Desk::new();
        desk.call(&format!("ecparam -genkey -name {curve} -out with-parameters.pem"));
        desk.call("ec -in with-parameters.pem -out sec1.pem");
        desk.call("ec -in sec1.pem -outform DER -out sec1.der");
        desk.call("pkcs8 -topk8 -nocrypt -in sec1.pem -out pkcs8.pem");
        desk.call("pkcs8 -topk8 -nocrypt -in sec1.pem -outform DER -out pkcs8.der");
        desk.call("pkey -in sec1.pem -pubout -outform DER -out spki");
        let spki = desk.get("spki");
        (desk, spki)
    }

    #[test]
    fn ecdsa_keys_are_read_in_every_form() {
        for curve in ["prime256v1", "secp384r1"] {
            let (desk, spki) = ecdsa(curve);
            for form in ["sec1.pem", "sec1.der", "pkcs8.pem", "pkcs8.der"] {
                expect_key(form, &desk.get(form), &spki);
            }
            // The curve's parameters stand before the key.
            let parameters = desk.get("with-parameters.pem");
            assert!(parameters.starts_with(b"-----BEGIN EC PARAMETERS"));
            expect_key("parameters", &parameters, &spki);
            // With the line ends of other systems, and with something behind.
            for form in ["sec1.pem", "pkcs8.pem", "with-parameters.pem"] {
                let pem = String::from_utf8(desk.get(form)).unwrap();
                expect_key("CRLF", pem.replace('\n', "\r\n").as_bytes(), &spki);
                expect_key("no line end", pem.trim_end().as_bytes(), &spki);
                expect_key("text behind", format!("{pem}\nof pump-7\n").as_bytes(), &spki);
                expect_key("space behind", format!("{pem}  \n\n").as_bytes(), &spki);
            }
        }
    }

    #[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
    #[test]
    fn rsa_keys_are_read_in_every_form() {
        for bits in [2048, 4096] {
            let key = openssl::rsa(bits);
            let desk = Desk::new();
            desk.put("pkcs8", &key.pkcs8);
            desk.call("pkcs8 -topk8 -nocrypt -inform DER -in pkcs8 -out pkcs8.pem");
            desk.call("rsa -traditional -inform DER -in pkcs8 -out pkcs1.pem");
            assert!(desk.get("pkcs1.pem").starts_with(b"-----BEGIN RSA PRIVATE KEY"));
            for content in [&key.pkcs8, &key.pkcs1, &desk.get("pkcs8.pem"), &desk.get("pkcs1.pem")]
            {
                expect_key("RSA", content, &key.spki);
            }
        }
    }

    #[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
    #[test]
    fn rsa_keys_need_a_library_that_signs() {
        let key = openssl::rsa(2048);
        for content in [&key.pkcs8, &key.pkcs1] {
            let (mac_key, signing_key) = read(content);
            assert_eq!(mac_key, Err(PRIVATE));
            let unsupported = matches!(signing_key, Err(KeyError::UnsupportedAlgorithm(_)));
            assert!(unsupported, "{signing_key:?}");
        }
    }

    #[test]
    fn what_is_no_private_key_is_refused() {
        let (desk, _) = ecdsa("prime256v1");
        desk.call("pkcs8 -topk8 -in sec1.pem -passout pass:fake -out encrypted.pem");
        desk.call("pkcs8 -topk8 -in sec1.pem -passout pass:fake -outform DER -out encrypted.der");
        desk.call("pkey -in sec1.pem -pubout -out public.pem");
        desk.call("req -x509 -key sec1.pem -subj /CN=fake -out certificate.pem");
        desk.call("x509 -in certificate.pem -outform DER -out certificate.der");
        let pem = String::from_utf8(desk.get("pkcs8.pem")).unwrap();
        let half = pem.len() / 2;
        let (der, damaged) = (desk.get("pkcs8.der"), pem.replacen("MIG", "MIH", 1));
        for content in [
            desk.get("encrypted.pem"),
            desk.get("encrypted.der"),
            desk.get("public.pem"),
            desk.get("spki"),
            desk.get("certificate.pem"),
            desk.get("certificate.der"),
            pem.as_bytes()[..half].to_vec(),
            pem.replace('\n', "").into_bytes(),
            damaged.into_bytes(),
            der[..der.len() - 1].to_vec(),
            b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n".to_vec(),
            b"-----BEGIN ".to_vec(),
            vec![0x30, 0x80],
        ] {
            let (mac_key, signing_key) = read(&content);
            assert_eq!(mac_key, Err(PRIVATE));
            assert_eq!(signing_key, Err(KeyError::InvalidPrivateKey));
        }
    }
}

#[cfg(not(feature = "keystore-software"))]
#[test]
fn private_keys_need_their_feature() {
    for content in
        [&b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"[..], &[0x30, 0x81]]
    {
        let (mac_key, signing_key) = read(content);
        assert_eq!(mac_key, Err(PRIVATE));
        let error = signing_key.unwrap_err();
        assert!(error.to_string().contains("turn on the feature `keystore-software`"), "{error}");
    }
}

// Files that are not read.

/// What is wrong, as it is told. It is told within a moment, whatever the file is.
fn refusal(folder: &Folder, file: &'static str) -> FsReport {
    let store = folder.store();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let answers =
            [store.mac_key(&name(file)).map(drop), store.signing_key(&name(file)).map(drop)];
        sender.send(answers).unwrap();
    });
    let [first, second] =
        receiver.recv_timeout(Duration::from_secs(10)).expect("nobody waits for it");
    let report = |answer: Result<(), KeyError>| match answer {
        Err(KeyError::Refused(cause)) => cause.to_string(),
        other => panic!("{file}: {other:?}"),
    };
    let text = report(first);
    assert_eq!(text, report(second));
    let path = folder.path(file);
    let report = hubward::keystore::fs_check::check_private_file(&path).unwrap_err();
    // A file is judged as `check_private_file` does, but for its group's right to read.
    assert_eq!(text, report.to_string());
    hides_keys(&text);
    report
}

#[test]
fn links_are_not_followed() {
    let folder = Folder::new();
    folder.put("target", STANDARD.encode(KEY).as_bytes());
    for (link, target) in [
        ("link", folder.path("target")),
        ("dangling", folder.path("nowhere")),
        ("loop", folder.path("loop")),
    ] {
        symlink(target, folder.path(link)).unwrap();
        let report = refusal(&folder, link);
        let expected = FsFinding::Symlink { path: folder.path(link) };
        assert_eq!(report.findings(), [expected]);
    }
    folder.store().mac_key(&name("target")).unwrap();
}

#[test]
fn what_others_may_read_or_write_is_refused() {
    let folder = Folder::new();
    let text = STANDARD.encode(KEY);
    for mode in [0o644, 0o604, 0o444, 0o404, 0o620, 0o660, 0o606, 0o602, 0o601, 0o610, 0o777] {
        folder.put_with("key", text.as_bytes(), mode);
        let report = refusal(&folder, "key");
        let path = folder.path("key");
        let expected = FsFinding::OpenToOthers { path: path.clone(), mode, wanted: 0o600 };
        assert_eq!(report.findings(), [expected]);
        let repair = format!("chmod 600 '{}'", path.display());
        assert!(report.to_string().contains(&repair), "{report}");
        // What it says mends it.
        set_mode(&path, 0o600);
        folder.store().mac_key(&name("key")).unwrap();
    }
    // The group's right to read is how an access control list appears.
    for mode in [0o400, 0o600, 0o440, 0o640, 0o700] {
        folder.put_with("key", text.as_bytes(), mode);
        folder.store().mac_key(&name("key")).unwrap();
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = Folder::new();
    fs::create_dir(folder.path("folder")).unwrap();
    set_mode(&folder.path("folder"), 0o700);
    let pipe = std::ffi::CString::new(folder.path("pipe").into_os_string().into_encoded_bytes());
    // SAFETY: the path ends in zero and outlives the call.
    let made = unsafe { libc::mkfifo(pipe.unwrap().as_ptr(), 0o600) };
    assert_eq!(made, 0);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
    set_mode(&folder.path("socket"), 0o600);
    for file in ["folder", "pipe", "socket"] {
        let report = refusal(&folder, file);
        let expected = FsFinding::WrongType { path: folder.path(file), wanted_dir: false };
        assert_eq!(report.findings(), [expected], "{file}");
    }
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    // SAFETY: it only answers.
    let user = unsafe { libc::geteuid() };
    let folder = Folder::new();
    folder.put("key", STANDARD.encode(KEY).as_bytes());
    let owner = 65_533;
    if std::os::unix::fs::chown(folder.path("key"), Some(owner), None).is_err() {
        // Past the harness, which keeps the output of tests that pass.
        let text = "SKIPPED: only root can give a file away\n";
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        return;
    }
    let report = refusal(&folder, "key");
    let path = folder.path("key");
    assert_eq!(report.findings(), [FsFinding::ForeignOwner { path, owner, user }]);
}

#[test]
fn a_folder_that_others_write_to_is_refused() {
    let folder = Folder::new();
    folder.put("key", STANDARD.encode(KEY).as_bytes());
    for mode in [0o720, 0o702, 0o777] {
        set_mode(folder.0.path(), mode);
        let report = refusal(&folder, "key");
        let path = folder.0.path().to_owned();
        assert_eq!(report.findings(), [FsFinding::ParentWritable { path: path.clone(), mode }]);
        assert!(report.to_string().contains(&format!("chmod go-w '{}'", path.display())));
    }
    set_mode(folder.0.path(), 0o550);
    folder.store().mac_key(&name("key")).unwrap();
    set_mode(folder.0.path(), 0o700);
}
