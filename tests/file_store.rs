//! The store in a file: tampered with, open to others, killed at any moment, written by several at
//! once, put under other keys, full, and as an earlier version wrote it.
//!
//! Keys are told by what they answer: none is read back.

#![cfg(unix)]
#![expect(
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    reason = "a test always has the standard library, also of a crate built without"
)]

#[path = "file_store/child.rs"]
mod child;
#[path = "file_store/crash.rs"]
mod crash;
#[path = "file_store/known_file.rs"]
mod known_file;
#[path = "file_store/limits.rs"]
mod limits;
#[path = "file_store/paths.rs"]
mod paths;
#[path = "file_store/permissions.rs"]
mod permissions;
#[path = "file_store/rekey.rs"]
mod rekey;
#[path = "file_store/tampering.rs"]
mod tampering;
#[path = "file_store/writers.rs"]
mod writers;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hubward::SymmetricKey;
use hubward::keystore::file::{FileKeyStore, FileStoreError, StoreKey};
use hubward::keystore::{
    CredentialStore, KeyError, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MacKey as _, NewKey,
    RecordKind, Slot,
};
use hubward::pki_types::CertificateDer;
use hubward::secret::SecretBytes;
use tempfile::TempDir;

/// A folder of its own, for a store that is not there yet.
struct Place {
    root: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let root = private_folder();
        let path = root.path().join("store").join("keys");
        Self { root, path }
    }

    fn dir(&self) -> &Path {
        self.path.parent().unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    /// Puts a file of mode 0600 there, in a folder of mode 0700.
    fn put(&self, bytes: &[u8]) {
        fs::create_dir_all(self.dir()).unwrap();
        set_mode(self.dir(), 0o700);
        let _ = fs::remove_file(&self.path);
        put_private(&self.path, bytes);
    }

    fn create(&self) -> FileKeyStore {
        FileKeyStore::create(&self.path, StoreKey::Raw(&raw(1))).unwrap()
    }

    fn open(&self) -> Result<FileKeyStore, FileStoreError> {
        FileKeyStore::open(&self.path, StoreKey::Raw(&raw(1)))
    }

    /// The names in the folder of the store.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn private_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o700);
    folder
}

fn put_private(path: &Path, bytes: &[u8]) {
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// A raw key that opens a store.
fn raw(number: u8) -> SecretBytes {
    SecretBytes::copy_from(&[number; 32]).unwrap()
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn key(bytes: &[u8]) -> SymmetricKey {
    SymmetricKey::from_bytes(bytes).unwrap()
}

/// A chain of certificates, for which anything goes: stores do not look into them.
fn chain(seed: u8) -> Vec<CertificateDer<'static>> {
    [40 + usize::from(seed), 30].map(|len| CertificateDer::from(vec![seed; len])).into()
}

fn import(store: &impl KeyStoreAdmin, text: &str, bytes: &[u8]) -> Result<(), KeyError> {
    store.import(&name(text), NewKey::Symmetric(&key(bytes)))
}

/// What a store holds, by names.
type State = BTreeMap<String, Held>;

/// A key as what it answers, and the certificates that are kept with it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    key: Answer,
    certificates: Vec<CertificateDer<'static>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Tag([u8; 32]),
    /// A public key, whose private one signs.
    PublicKey(Vec<u8>),
}

impl Held {
    fn symmetric(bytes: &[u8]) -> Self {
        let tag = key(bytes).hmac_sha256(&[b"which"]).unwrap();
        Self { key: Answer::Tag(*tag.expose_bytes()), certificates: Vec::new() }
    }

    fn with(self, certificates: Vec<CertificateDer<'static>>) -> Self {
        Self { certificates, ..self }
    }
}

/// Everything that is in use, each key used once.
fn state(store: &FileKeyStore) -> Result<State, KeyError> {
    let mut state = State::new();
    for info in store.list()? {
        let name = &info.name;
        let key = match info.kind {
            KeyKind::Symmetric => {
                let tag = store.mac_key(name)?.hmac_sha256(&[b"which"])?;
                Answer::Tag(*tag.expose_bytes())
            }
            _ => {
                let key = store.signing_key(name)?;
                let signature = key.sign(key.algorithms()[0], b"which")?;
                assert!(!signature.is_empty());
                Answer::PublicKey(key.public_key().to_vec())
            }
        };
        let certificates = store.certificates(name)?;
        state.insert(name.as_str().to_owned(), Held { key, certificates });
    }
    Ok(state)
}

/// Keys of the same length, one with certificates, a private key if this build has them, and a change
/// of credential that waits for its proof.
fn fill(store: &FileKeyStore) {
    for number in 1..=4 {
        import(store, &format!("key-{number}"), &[number; 32]).unwrap();
    }
    store.set_certificates(&name("key-2"), &chain(2)).unwrap();
    #[cfg(feature = "keystore-software")]
    store.create(&name("device"), KeyKind::EcdsaP256).unwrap();
    let new = key(b"a staged key, plainly fake");
    let rotation = hubward::keystore::rotation::Rotation::begin(
        store,
        &name("key-3"),
        NewKey::Symmetric(&new),
        &chain(3),
    );
    rotation.unwrap();
}

/// Whether what [`fill`] staged is there.
fn has_staged(store: &FileKeyStore) -> bool {
    let rotation = hubward::keystore::rotation::Rotation::resume(store, &name("key-3")).unwrap();
    rotation.is_some_and(|rotation| {
        let candidate = rotation.candidate().unwrap();
        let tag = candidate.mac_key().unwrap().hmac_sha256(&[b"which"]).unwrap();
        let expected = Held::symmetric(b"a staged key, plainly fake").with(chain(3));
        expected.key == Answer::Tag(*tag.expose_bytes())
            && expected.certificates == candidate.certificates()
    })
}

/// A call of a store, by its name.
type Operation = (&'static str, fn(&FileKeyStore) -> Result<(), KeyError>);

/// Every call that reads the file, on a store that [`fill`] filled.
const READING: [Operation; 5] = [
    ("mac_key", |store| store.mac_key(&name("key-1")).map(drop)),
    ("signing_key", |store| match store.signing_key(&name("device")) {
        // What a store answers that is in order and has no such key.
        Err(KeyError::NotFound) if cfg!(not(feature = "keystore-software")) => Ok(()),
        answer => answer.map(drop),
    }),
    ("list", |store| store.list().map(drop)),
    ("certificates", |store| store.certificates(&name("key-2")).map(drop)),
    ("generation", |store| store.generation().map(drop)),
];

/// Every call that writes the file, on a store that [`fill`] filled; each can be the first, and none
/// prevents the next.
const WRITING: [Operation; 9] = [
    ("create", |store| store.create(&name("created"), KeyKind::Symmetric).map(drop)),
    ("import", |store| import(store, "imported", b"imported")),
    ("rotate", |store| store.rotate(&name("key-1"), NewKey::Symmetric(&key(b"rotated"))).map(drop)),
    ("swap", |store| store.swap(&name("key-1"), &name("key-2"))),
    ("delete", |store| store.delete(&name("key-4"))),
    ("set_certificates", |store| store.set_certificates(&name("key-1"), &chain(9))),
    ("transact", |store| {
        store.transact(&mut |records| {
            records.put_record(RecordKind::Certificates, Slot::Staged, &name("other"), Some(b"1"))
        })
    }),
    ("resume", |store| {
        use hubward::keystore::rotation::{Rotation, RotationError};
        match Rotation::resume(store, &name("key-3")).and_then(|found| found.unwrap().abandon()) {
            Err(RotationError::Key(error)) => Err(error),
            answer => {
                answer.unwrap();
                Ok(())
            }
        }
    }),
    ("rekey", |store| store.rekey(StoreKey::Raw(&raw(2))).map_err(KeyError::from)),
];

/// An error with all its causes, as one would print it.
fn text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// What is in a folder and below, down to the last change of each: to see that nothing was touched.
type Snapshot = BTreeMap<PathBuf, Looks>;

/// Mode, owner, inode, the moment of its last change, and the content.
type Looks = (u32, u32, u64, i64, i64, Vec<u8>);

fn snapshot(folder: &Path) -> Snapshot {
    let mut found = BTreeMap::new();
    let mut paths = vec![folder.to_owned()];
    while let Some(path) = paths.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else if metadata.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if metadata.is_file() && metadata.len() < 1 << 20 {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        let metadata = (
            metadata.mode(),
            metadata.uid(),
            metadata.ino(),
            metadata.ctime(),
            metadata.ctime_nsec(),
            content,
        );
        found.insert(path, metadata);
    }
    found
}

/// A store that holds what it should works like this: it is the measure for all the others.
#[test]
fn a_store_in_order() {
    let place = Place::new();
    let store = place.create();
    assert_eq!(store.path(), place.path);
    fill(&store);
    let filled = state(&store).unwrap();
    assert!(has_staged(&store));
    let generation = store.generation().unwrap();
    assert_eq!(generation, if cfg!(feature = "keystore-software") { 8 } else { 7 });

    let again = place.open().unwrap();
    assert_eq!(state(&again), Ok(filled.clone()));
    for (number, text) in (1..).zip(["key-1", "key-2", "key-3", "key-4"]) {
        let chain = if number == 2 { chain(2) } else { Vec::new() };
        assert_eq!(filled[text], Held::symmetric(&[number; 32]).with(chain));
    }
    for (what, run) in READING {
        assert_eq!(run(&store), Ok(()), "{what}");
    }
    assert_eq!(store.generation(), Ok(generation));
    for (what, run) in WRITING {
        let generation = store.generation().unwrap();
        assert_eq!(run(&store), Ok(()), "{what}");
        assert_eq!(store.generation(), Ok(generation + 1), "{what}");
    }
    assert_eq!(place.names(), ["keys"]);
}
