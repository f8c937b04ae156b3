//! Files that version 1 of the format wrote: every later version of hubward must open them and find in
//! them what was put there. `data/file_store/SOURCE.md` says how they were made.
//!
//! One of them is read here by other means as well, by the documentation of the format alone.

use std::fs;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut as _, KeyInit as _, XChaCha20Poly1305};
use hmac::{Hmac, Mac as _};
use hubward::keystore::file::{FileKeyStore, StoreKey};
use hubward::keystore::rotation::{Phase, Rotation};
use hubward::keystore::{
    CredentialStore as _, KeyError, KeyKind, KeyStore as _, KeyStoreAdmin as _, MacKey, NewKey,
};
use hubward::pki_types::CertificateDer;
use hubward::secret::{SecretBytes, SecretText};
use sha2::{Digest as _, Sha256};

use super::{Place, import, key, name};

// What opens them, and what is in them. None of it was ever a secret.

const RAW: &[u8; 32] = b"raw key of a known file: no key!";
const MAC_KEY: &[u8] = b"MAC key of a known file: no key!";
const PASSPHRASE: &str = "passphrase of a known file: no secret";

const PRIMARY: &[u8; 32] = b"primary of a known file: no key!";
const SECONDARY: &[u8] = b"secondary: short";
const STAGED: &[u8; 64] = b"staged key of a known file, as long as the keys of the hub: no k";
/// RFC 6979 section A.2.5, in PKCS#8 (RFC 5958).
const DEVICE: &[u8] = b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
    \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20\
    \xc9\xaf\xa9\xd8\x45\xba\x75\x16\x6b\x5c\x21\x57\x67\xb1\xd6\x93\
    \x4e\x50\xc3\xdb\x36\xe8\x9b\x12\x7b\x8a\x62\x2b\x12\x0f\x67\x21";
/// How its public point begins, behind the byte 4.
const DEVICE_X: &[u8] = b"\x60\xfe\xd4\xba\x25\x5a\x9d\x31\xc9\x61\xeb\x74\xc6\x35\x6d\x68\
    \xc0\x49\xb8\x92\x3b\x61\xfa\x6c\xe6\x69\x62\x2e\x60\xf2\x9f\xb6";

const NAMES: [(&str, KeyKind); 3] = [
    ("device", KeyKind::EcdsaP256),
    ("hub.primary", KeyKind::Symmetric),
    ("hub.secondary", KeyKind::Symmetric),
];
/// Five writes.
const GENERATION: u64 = 6;

fn chain(content: &'static [&'static [u8]]) -> Vec<CertificateDer<'static>> {
    content.iter().map(|der| CertificateDer::from(*der)).collect()
}

fn certificates() -> Vec<CertificateDer<'static>> {
    chain(&[b"no certificate, but stored as one", b"nor is this"])
}

fn staged_certificates() -> Vec<CertificateDer<'static>> {
    chain(&[b"no certificate, and staged"])
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/file_store").join(name)
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    parts.iter().for_each(|part| hmac.update(part));
    hmac.finalize().into_bytes().into()
}

fn openers() -> (SecretText<'static>, SecretBytes, hubward::SymmetricKey) {
    (SecretText::borrowed(PASSPHRASE), SecretBytes::copy_from(RAW).unwrap(), key(MAC_KEY))
}

/// Every file, with what opens it and what its header says of that.
fn for_each_file(mut visit: impl FnMut(&str, StoreKey<'_>, u8)) {
    let (passphrase, raw, mac_key) = openers();
    visit("passphrase.store", StoreKey::Passphrase(&passphrase), 1);
    visit("raw_key.store", StoreKey::Raw(&raw), 2);
    visit("mac_key.store", StoreKey::MacKey(&mac_key), 3);
}

/// Where `SOURCE.md` says so, the files are made; never over one that is there.
#[test]
#[ignore = "makes the files; by itself, it does nothing"]
fn make() {
    let Some(folder) = std::env::var_os("HUBWARD_MAKE_KNOWN_FILES").map(PathBuf::from) else {
        return;
    };
    for_each_file(|file, opener, _| {
        let place = Place::new();
        let store = FileKeyStore::create(&place.path, opener).unwrap();
        import(&store, "hub.primary", PRIMARY).unwrap();
        import(&store, "hub.secondary", SECONDARY).unwrap();
        let device = hubward::pki_types::PrivatePkcs8KeyDer::from(DEVICE).into();
        store.import(&name("device"), NewKey::Private(&device)).unwrap();
        store.set_certificates(&name("device"), &certificates()).unwrap();
        let staged = key(STAGED);
        Rotation::begin(
            &store,
            &name("hub.primary"),
            NewKey::Symmetric(&staged),
            &staged_certificates(),
        )
        .unwrap();
        let to = folder.join(file);
        assert!(!to.exists());
        fs::write(to, place.bytes()).unwrap();
    });
}

fn answers(key: &dyn MacKey, bytes: &[u8]) -> bool {
    let message: [&[u8]; 2] = [b"a message ", b"in two parts"];
    *key.hmac_sha256(&message).unwrap().expose_bytes() == hmac(bytes, &message)
}

fn assert_content(store: &FileKeyStore) {
    let list = store.list().unwrap();
    let found: Vec<_> = list.iter().map(|info| (info.name.as_str(), info.kind)).collect();
    assert_eq!(found, NAMES);
    assert!(answers(&*store.mac_key(&name("hub.primary")).unwrap(), PRIMARY));
    assert!(answers(&*store.mac_key(&name("hub.secondary")).unwrap(), SECONDARY));
    assert_eq!(store.certificates(&name("device")).unwrap(), certificates());
    assert_eq!(store.certificates(&name("hub.primary")).unwrap(), []);
    match store.signing_key(&name("device")) {
        Ok(key) => {
            let public_key = key.public_key();
            let (_, point) = public_key.split_at(public_key.len() - 65);
            assert_eq!(point[0], 4);
            assert_eq!(&point[1..33], DEVICE_X);
            key.sign(key.algorithms()[0], b"a message").unwrap();
        }
        Err(KeyError::UnsupportedAlgorithm(_)) if cfg!(not(feature = "keystore-software")) => {}
        Err(error) => panic!("{error:?}"),
    }
    let rotation = Rotation::resume(store, &name("hub.primary")).unwrap().unwrap();
    assert_eq!(rotation.phase(), Ok(Phase::Staged));
    let candidate = rotation.candidate().unwrap();
    assert!(answers(&**candidate.mac_key().unwrap(), STAGED));
    assert_eq!(candidate.certificates(), staged_certificates());
}

#[test]
fn files_of_version_1_open() {
    for_each_file(|file_name, opener, _| {
        let place = Place::new();
        place.put(&fs::read(file(file_name)).unwrap());
        let store = FileKeyStore::open(&place.path, opener).unwrap();
        assert_content(&store);
        assert_eq!(store.generation(), Ok(GENERATION), "{file_name}");
        // And can be gone on with: what was written by then stands beside what is written now.
        let rotation = Rotation::resume(&store, &name("hub.primary")).unwrap().unwrap();
        let candidate = rotation.candidate().unwrap();
        rotation.accept(&candidate).unwrap();
        rotation.commit().unwrap();
        rotation.retire().unwrap();
        import(&store, "new", b"new").unwrap();
        store.delete(&name("new")).unwrap();
        let store = FileKeyStore::open(&place.path, opener).unwrap();
        assert_eq!(store.generation(), Ok(GENERATION + 5), "{file_name}");
        assert!(answers(&*store.mac_key(&name("hub.primary")).unwrap(), STAGED));
        assert!(answers(&*store.mac_key(&name("hub.secondary")).unwrap(), SECONDARY));
        assert_eq!(store.certificates(&name("hub.primary")).unwrap(), staged_certificates());
        assert_eq!(store.certificates(&name("device")).unwrap(), certificates());
    });
}

#[test]
fn headers_are_as_documented() {
    let mut salts = Vec::new();
    for_each_file(|file_name, _, kdf| {
        let bytes = fs::read(file(file_name)).unwrap();
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(&bytes[..8], b"hubward\0");
        assert_eq!(bytes[8..12], [0, 1, kdf, 0]);
        let argon2 = if kdf == 1 { [19 * 1024, 2, 1] } else { [0; 3] };
        assert_eq!([12, 16, 20].map(number), argon2, "{file_name}");
        // Salt and identity of the store are random, each its own.
        salts.push(bytes[24..56].to_vec());
        salts.push(bytes[56..72].to_vec());
        assert_eq!(bytes[72..80], GENERATION.to_be_bytes());
        let len = 176 + u64::from(number(80)) + u64::from(number(84));
        assert_eq!(u64::try_from(bytes.len()).unwrap(), len, "{file_name}");
        assert_eq!(Sha256::digest(&bytes[..144])[..], bytes[144..176]);
        // Nothing of what is in it can be read.
        for plain in [PRIMARY, SECONDARY, STAGED, &DEVICE[DEVICE.len() - 32..], b"hub.", b"device"]
        {
            let found = bytes.windows(plain.len()).any(|window| window == plain);
            assert!(!found, "{file_name}: {}", plain.escape_ascii());
        }
    });
    salts.sort();
    salts.dedup();
    assert_eq!(salts.len(), 6);
    assert!(!salts.iter().flatten().all(|byte| *byte == 0));
}

/// What is sealed, opened by the crates alone.
fn unseal(key: &[u8; 32], nonce: &[u8], associated: &[u8], sealed: &[u8]) -> Vec<u8> {
    let (ciphertext, tag) = sealed.split_at(sealed.len() - 16);
    let mut plain = vec![0; ciphertext.len()];
    let [nonce, tag] = [nonce, tag];
    XChaCha20Poly1305::new(key.into())
        .decrypt_inout_detached(
            nonce.try_into().unwrap(),
            associated,
            InOutBuf::new(ciphertext, &mut plain).unwrap(),
            tag.try_into().unwrap(),
        )
        .expect("it is authentic");
    plain
}

/// A reader of its own, from the documentation of the format: offsets, labels, associated data.
#[test]
fn a_file_is_as_documented() {
    let file = fs::read(file("raw_key.store")).unwrap();
    let (header, rest) = file.split_at(176);
    let root = hmac(RAW, &[b"hubward file store 1: root key from a raw key", &header[24..56]]);
    let check = hmac(&root, &[b"hubward file store 1: check key"]);
    let encrypt = hmac(&root, &[b"hubward file store 1: encryption key"]);
    assert_eq!(hmac(&check, &[&header[..112]]), header[112..144]);

    let index_len = u32::from_be_bytes(header[80..84].try_into().unwrap());
    let (sealed, mut entries) = rest.split_at(index_len.try_into().unwrap());
    let index = unseal(&encrypt, &header[88..112], header, sealed);
    let mut index = &*index;
    let mut take = |len: usize| {
        let (taken, rest) = index.split_at(len);
        index = rest;
        taken
    };
    let count = u32::from_be_bytes(take(4).try_into().unwrap());
    let mut found = Vec::new();
    for _ in 0..count {
        let id = take(4);
        let name = take(id[3].into());
        let len = u32::from_be_bytes(take(4).try_into().unwrap());
        let digest = take(32);
        let (entry, rest) = entries.split_at(len.try_into().unwrap());
        entries = rest;
        assert_eq!(Sha256::digest(entry)[..], *digest);
        let associated = [&header[56..72], id, name].concat();
        let plain = unseal(&encrypt, &entry[..24], &associated, &entry[24..]);
        let name = String::from_utf8(name.to_vec()).unwrap();
        found.push((name, [id[0], id[1], id[2]], plain));
    }
    assert!(index.is_empty() && entries.is_empty());

    let chain = |chain: Vec<CertificateDer<'_>>| {
        let behind_its_len = |der: &CertificateDer<'_>| {
            [&u32::try_from(der.len()).unwrap().to_be_bytes(), &**der].concat()
        };
        chain.iter().flat_map(behind_its_len).collect::<Vec<_>>()
    };
    let (_, _, journal) = found.remove(5);
    assert_eq!(journal.len(), 67);
    let expected = [
        ("device", [1, 1, 2], DEVICE[DEVICE.len() - 32..].to_vec()),
        ("device", [2, 1, 0], chain(certificates())),
        ("hub.primary", [1, 1, 1], PRIMARY.to_vec()),
        ("hub.primary", [1, 2, 1], STAGED.to_vec()),
        ("hub.primary", [2, 2, 0], chain(staged_certificates())),
        ("hub.secondary", [1, 1, 1], SECONDARY.to_vec()),
    ];
    assert_eq!(found, expected.map(|(name, id, plain)| (name.to_owned(), id, plain)));
}
