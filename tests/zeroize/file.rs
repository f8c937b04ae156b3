//! The store in a file: what opens it, and what it opens.

use std::fs;
use std::path::Path;

use hubward::keystore::file::{FileKeyStore, FileStoreError, StoreKey};
use hubward::keystore::{KeyKind, KeyName, KeyStore as _, KeyStoreAdmin as _, NewKey};
use hubward::secret::SecretText;

use super::*;

/// The name of a store's key in the test, and how it opens the store.
type Opener = (&'static str, fn(&mut dyn FnMut(StoreKey<'_>)));

/// Each way to open a store, with a key that is made for it and then dropped.
const OPENERS: [Opener; 3] = [
    ("passphrase", |open| {
        let text = SecretText::owned(PASSPHRASE.to_owned());
        open(StoreKey::Passphrase(&text));
    }),
    ("raw key", |open| {
        let raw = SecretBytes::copy_from(&RAW).expect("it fits");
        open(StoreKey::Raw(&raw));
    }),
    // A MAC key with the same bytes as the raw one.
    ("raw key", |open| {
        let key = SymmetricKey::from_bytes(&RAW).expect("a key");
        open(StoreKey::MacKey(&key));
    }),
];

fn name(name: &str) -> KeyName {
    KeyName::new(name).expect("a name")
}

/// What is found, and at the end nothing but the path, so that nothing of it is freed while watching.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder") }
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join("store").join(name)
    }
}

/// The needles, and the keys that a store in a file has of its own: all of them are made of the raw key
/// and the salt in the file's header. See src/keystore/file/format.rs.
fn needles_of(path: &Path, label: &str) -> &'static Needles {
    let file = fs::read(path).expect("it can be read");
    let from = [label.as_bytes(), &file[24..56]].concat();
    let root = hmac(&RAW, &from);
    let mut list = make_needles();
    let mut add = |name: [&'static str; 3], key: [u8; 32]| {
        let [name, ipad, opad] = name;
        for (name, pad) in [(name, 0), (ipad, 0x36), (opad, 0x5c)] {
            let bytes = key.map(|byte| byte ^ pad).to_vec().leak();
            list.push(Needle { name, bytes });
        }
    };
    add(["root key", "root key ^ ipad", "root key ^ opad"], root);
    add(
        ["check key", "check key ^ ipad", "check key ^ opad"],
        hmac(&root, b"hubward file store 1: check key"),
    );
    add(
        ["encryption key", "encryption key ^ ipad", "encryption key ^ opad"],
        hmac(&root, b"hubward file store 1: encryption key"),
    );
    Needles::new(list)
}

const FROM_RAW: &str = "hubward file store 1: root key from a raw key";
const FROM_MAC_KEY: &str = "hubward file store 1: root key from a MAC key";

#[test]
fn what_opens_a_store_is_wiped() {
    for (needle, opener) in OPENERS {
        let place = Place::new();
        let path = place.at("keys");
        clean(|| {
            let mut store = None;
            opener(&mut |key| {
                assert_eq!(alive(), [needle]);
                store = Some(FileKeyStore::create(&path, key).expect("it is new"));
            });
            assert!(alive().is_empty());
            let store = store.expect("it was made");
            let (key, name) = (key(), name("name"));
            store.import(&name, NewKey::Symmetric(&key)).expect("it is new");
            drop(key);
            assert!(alive().is_empty());
            drop(store);

            let mut handle = None;
            opener(&mut |key| {
                let store = FileKeyStore::open(&path, key).expect("it is there");
                handle = Some(store.mac_key(&name).expect("it is there"));
            });
            assert_eq!(alive(), ["key"]);
            drop(handle);
            assert!(alive().is_empty());
        });
    }
}

#[test]
fn the_keys_of_a_store_itself_are_wiped() {
    for (label, opener) in [(FROM_RAW, OPENERS[1].1), (FROM_MAC_KEY, OPENERS[2].1)] {
        let place = Place::new();
        let path = place.at("keys");
        opener(&mut |key| drop(FileKeyStore::create(&path, key).expect("it is new")));
        let needles = needles_of(&path, label);
        let other = SecretBytes::copy_from(&[7; 32]).expect("it fits");
        clean_of(needles, || {
            let mut store = None;
            opener(&mut |key| store = Some(FileKeyStore::open(&path, key).expect("it is there")));
            let store = store.expect("it was opened");
            assert_eq!(alive(), ["check key", "encryption key"]);
            let (key, name) = (key(), name("name"));
            store.import(&name, NewKey::Symmetric(&key)).expect("it is new");
            drop(key);
            let handle = store.mac_key(&name).expect("it is there");
            assert_eq!(alive(), ["key", "check key", "encryption key"]);
            drop(handle);
            store.rekey(StoreKey::Raw(&other)).expect("it can be written");
            // The old ones are gone with that.
            assert!(alive().is_empty());
            assert!(store.mac_key(&name).is_ok());
        });
    }
}

#[test]
fn what_is_done_with_keys_leaves_nothing() {
    let place = Place::new();
    let raw = SecretBytes::copy_from(&RAW).expect("it fits");
    let path = place.at("keys");
    let store = FileKeyStore::create(&path, StoreKey::Raw(&raw)).expect("it is new");
    clean(|| use_file_store(&store));
}

#[cfg(feature = "keystore-memory")]
fn use_file_store(store: &FileKeyStore) {
    use super::in_memory::{use_records, use_rotation, use_store};

    use_store(store, false);
    use_records(store);
    use_rotation(store);
}

#[cfg(not(feature = "keystore-memory"))]
fn use_file_store(store: &FileKeyStore) {
    let key = key();
    let new = NewKey::Symmetric(&key);
    store.import(&name("a"), new).expect("it is new");
    store.create(&name("b"), KeyKind::Symmetric).expect("it can be written");
    store.swap(&name("a"), &name("b")).expect("both are there");
    store.rotate(&name("a"), new).expect("it is there");
    store.delete(&name("a")).expect("it is there");
    store.delete(&name("b")).expect("it is there");
}

#[test]
fn a_store_under_another_key_is_clean_of_both() {
    for (needle, opener) in OPENERS {
        let place = Place::new();
        let path = place.at("keys");
        let first = SecretBytes::copy_from(&[7; 32]).expect("it fits");
        let store = FileKeyStore::create(&path, StoreKey::Raw(&first)).expect("it is new");
        store.import(&name("name"), NewKey::Symmetric(&key())).expect("it is new");
        #[cfg(feature = "keystore-software")]
        store.create(&name("private"), KeyKind::EcdsaP256).expect("it can be written");
        clean(|| {
            opener(&mut |key| {
                store.rekey(key).expect("it can be written");
                assert_eq!(alive(), [needle]);
            });
            assert!(alive().is_empty());
            let handle = store.mac_key(&name("name")).expect("it is there");
            assert_eq!(alive(), ["key"]);
            drop(handle);
            store.rekey(StoreKey::Raw(&first)).expect("it can be written");
        });
    }
}

#[cfg(feature = "keystore-software")]
#[test]
fn private_keys_in_a_file_are_wiped() {
    use hubward::keystore::SignatureAlgorithm;
    use hubward::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    let place = Place::new();
    let raw = SecretBytes::copy_from(&RAW).expect("it fits");
    let path = place.at("keys");
    let store = FileKeyStore::create(&path, StoreKey::Raw(&raw)).expect("it is new");
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(&*private_key().leak()));
    clean(|| {
        let name = name("name");
        store.import(&name, NewKey::Private(&der)).expect("it is new");
        assert!(alive().is_empty());
        let handle = store.signing_key(&name).expect("it is there");
        assert_eq!(alive(), ["scalar"]);
        handle.sign(SignatureAlgorithm::EcdsaP256Sha256, b"message").expect("in memory");
        drop(handle);
        store.rotate(&name, NewKey::Private(&der)).expect("it is there");
        assert!(store.rotate(&name, NewKey::Symmetric(&key())).is_err());
        store.rekey(StoreKey::Raw(&raw)).expect("it can be written");
        store.delete(&name).expect("it is there");
    });
    #[cfg(feature = "keystore-memory")]
    {
        use super::private_keys::{keys, use_records};

        let keys = keys();
        clean(|| use_records(&store, &keys));
    }
}

/// Whatever is wrong, and wherever it is noticed.
#[test]
fn a_store_that_does_not_open_leaves_nothing() {
    let place = Place::new();
    let path = place.at("keys");
    OPENERS[1].1(&mut |key| {
        let store = FileKeyStore::create(&path, key).expect("it is new");
        store.import(&name("name"), NewKey::Symmetric(&self::key())).expect("it is new");
    });
    let file = fs::read(&path).expect("it can be read");
    let needles = needles_of(&path, FROM_RAW);
    let mut broken: Vec<Vec<u8>> = [0, 9, 20, 150, 176, 200, file.len() - 1]
        .map(|place| {
            let mut broken = file.clone();
            broken[place] ^= 1;
            broken
        })
        .to_vec();
    broken.extend([10, 100, 200, file.len() - 1].map(|end| file[..end].to_vec()));
    for broken in broken {
        fs::write(&path, broken).expect("it can be written");
        for (_, opener) in OPENERS {
            clean_of(needles, || {
                opener(&mut |key| assert!(FileKeyStore::open(&path, key).is_err()));
                assert!(alive().is_empty());
            });
        }
    }

    fs::write(&path, &file).expect("it can be written");
    let other = SecretBytes::copy_from(&[7; 32]).expect("it fits");
    clean_of(needles, || {
        // The key is another, there is a store already, the key is too short.
        let wrong = FileKeyStore::open(&path, StoreKey::Raw(&other));
        assert_eq!(wrong.err(), Some(FileStoreError::WrongKey));
        OPENERS[1].1(&mut |key| {
            let twice = FileKeyStore::create(&path, key);
            assert_eq!(twice.err(), Some(FileStoreError::AlreadyExists));
            let missing = FileKeyStore::open(place.at("missing"), key);
            assert_eq!(missing.err(), Some(FileStoreError::NotFound));
        });
        let short = SecretBytes::copy_from(&RAW[1..]).expect("it fits");
        let weak = FileKeyStore::create(place.at("weak"), StoreKey::Raw(&short));
        assert!(matches!(weak.err(), Some(FileStoreError::WeakKey(_))));
    });
    // It breaks while somebody has it open.
    clean_of(needles, || {
        OPENERS[1].1(&mut |key| {
            fs::write(&path, &file).expect("it can be written");
            let store = FileKeyStore::open(&path, key).expect("it is there");
            fs::write(&path, &file[..file.len() - 1]).expect("it can be written");
            assert!(store.mac_key(&name("name")).is_err());
            assert!(store.rotate(&name("name"), NewKey::Symmetric(&self::key())).is_err());
            assert!(store.rekey(StoreKey::Raw(&other)).is_err());
        });
    });
}

#[test]
fn a_key_that_fails_or_panics_leaves_a_store_clean() {
    let place = Place::new();
    let path = place.at("keys");
    let raw = SecretBytes::copy_from(&RAW).expect("it fits");
    let element = |mood| Element { key: SymmetricKey::from_bytes(&RAW).expect("a key"), mood };
    let fine = element(Mood::Fine);
    drop(FileKeyStore::create(&path, StoreKey::MacKey(&fine)).expect("it is new"));
    let needles = needles_of(&path, FROM_MAC_KEY);
    clean_of(needles, || {
        let refusing = element(Mood::Refusing);
        let key = StoreKey::MacKey(&refusing);
        assert!(FileKeyStore::open(&path, key).is_err());
        assert!(FileKeyStore::create(place.at("new"), key).is_err());
        let store = FileKeyStore::open(&path, StoreKey::MacKey(&fine)).expect("it is there");
        assert!(store.rekey(key).is_err());
        // Its own key failed, not the store's.
        store.create(&name("name"), KeyKind::Symmetric).expect("it can be written");
    });
    clean_of(needles, || {
        let panicking = element(Mood::Panicking);
        let key = StoreKey::MacKey(&panicking);
        let store = FileKeyStore::open(&path, StoreKey::MacKey(&fine)).expect("it is there");
        let attempts: [&dyn Fn(); 3] = [
            &|| drop(FileKeyStore::open(&path, key)),
            &|| drop(FileKeyStore::create(place.at("new"), key)),
            &|| drop(store.rekey(key)),
        ];
        for attempt in attempts {
            let result = catch_unwind(AssertUnwindSafe(attempt));
            assert!(result.is_err_and(|panic| panic.is::<()>()), "it did not panic");
        }
        assert!(store.mac_key(&name("name")).is_ok());
        store.rekey(StoreKey::Raw(&raw)).expect("it can be written");
    });
}

#[cfg(feature = "mlock")]
#[test]
fn a_store_in_locked_pages_has_nothing_on_the_heap() {
    use hubward::secret::LockPolicy;

    let place = Place::new();
    let path = place.at("keys");
    OPENERS[1].1(&mut |key| drop(FileKeyStore::create(&path, key).expect("it is new")));
    let needles = needles_of(&path, FROM_RAW);
    clean_of(needles, || {
        let raw = SecretBytes::copy_from(&RAW).expect("it fits");
        let locked = raw.to_locked(LockPolicy::Prefer).expect("preferred");
        drop(raw);
        let options = FileKeyStore::options().lock_memory(LockPolicy::Prefer);
        let store = options.open(&path, StoreKey::Raw(&locked)).expect("it is there");
        assert!(alive().is_empty());
        store.import(&name("name"), NewKey::Symmetric(&key())).expect("it is new");
        let handle = store.mac_key(&name("name")).expect("it is there");
        handle.hmac_sha256(&[b"message"]).expect("in memory");
        assert!(alive().is_empty());
        store.rekey(StoreKey::Raw(&locked)).expect("it can be written");
        assert!(alive().is_empty());
    });
}
