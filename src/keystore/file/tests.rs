//! A change that fails at any step leaves the state before it or the one after it, entire, and the next
//! change goes through: with the store that failed, and with one that is opened afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use alloc::borrow::ToOwned as _;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use tempfile::TempDir;

use super::disk::fault;
use super::*;
use crate::keystore::content::{EntryClass, Item, Sealed as _};
use crate::keystore::rotation::{Rotation, RotationError};
use crate::keystore::{RecordKind, SymmetricKey};

/// The steps of a change, in their order.
const STEPS: [&str; 10] = [
    "lock: open",
    "lock: wait",
    "read: open",
    "read: read",
    "write: remove",
    "write: create",
    "write: half",
    "write: sync",
    "write: rename",
    "write: sync folder",
];
/// The only one that fails once the new state is there.
const LAST: &str = "write: sync folder";

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn key(bytes: &[u8]) -> SymmetricKey {
    SymmetricKey::from_bytes(bytes).unwrap()
}

fn raw(number: u8) -> SecretBytes {
    SecretBytes::copy_from(&[number; 32]).unwrap()
}

fn chain(content: &[u8]) -> [CertificateDer<'_>; 2] {
    [content, b"issuer"].map(CertificateDer::from)
}

fn import(store: &FileKeyStore, text: &str) -> Result<(), KeyError> {
    store.import(&name(text), NewKey::Symmetric(&key(text.as_bytes())))
}

/// A private folder, for a store that is not there yet.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let path = folder.path().join("keys");
    (folder, path)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// All that is in a store: names, places, and the bytes of keys and records.
type State = Vec<(String, EntryClass, Slot, Vec<u8>)>;

fn state(store: &FileKeyStore) -> State {
    let (_, _, content) = store.load().unwrap();
    let items = content.items.iter().map(|(id, item)| {
        let Item::Sealed(sealed) = item else { panic!("it comes from a file") };
        let bytes = match sealed.kind() {
            Some(_) => sealed.open_key(id).unwrap().expose().unwrap().to_vec(),
            None => sealed.open_record(id).unwrap(),
        };
        let name = id.name.as_str().to_owned();
        // What is generated is another in each run.
        let bytes = if name == "generated" { vec![0; bytes.len()] } else { bytes };
        (name, id.class, id.slot, bytes)
    });
    items.collect()
}

type Call = fn(&FileKeyStore) -> Result<(), KeyError>;

/// A change, and the raw key that opens the store afterwards.
struct Change {
    what: &'static str,
    make: Call,
    opener: u8,
}

const fn change(what: &'static str, make: Call) -> Change {
    Change { what, make, opener: 1 }
}

const CHANGES: [Change; 9] = [
    change("create", |store| {
        store.create(&name("generated"), KeyKind::Symmetric).map(|created| assert!(created))
    }),
    change("import", |store| import(store, "imported")),
    change("rotate", |store| store.rotate(&name("a"), NewKey::Symmetric(&key(b"rotated")))),
    change("swap", |store| store.swap(&name("a"), &name("b"))),
    change("delete", |store| store.delete(&name("b"))),
    change("set_certificates", |store| store.set_certificates(&name("a"), &chain(b"set"))),
    change("delete the certificates", |store| store.set_certificates(&name("b"), &[])),
    change("several at once", |store| {
        store.transact(&mut |records| {
            let [a, b, c] = ["a", "b", "c"].map(name);
            records.move_key((Slot::Current, &a), (Slot::Retired, &b))?;
            records.delete_key(Slot::Current, &b)?;
            records.put_key(Slot::Staged, &c, NewKey::Symmetric(&key(b"put")))?;
            records.put_record(RecordKind::Journal, Slot::Current, &c, Some(b"journal"))
        })
    }),
    Change { what: "rekey", make: |store| Ok(store.rekey(StoreKey::Raw(&raw(2)))?), opener: 2 },
];

/// The file of a store that all the changes can be made to.
fn base() -> Vec<u8> {
    let (_folder, path) = place();
    let store = FileKeyStore::create(&path, StoreKey::Raw(&raw(1))).unwrap();
    for text in ["a", "b", "c"] {
        import(&store, text).unwrap();
    }
    store.set_certificates(&name("b"), &chain(b"old")).unwrap();
    fs::read(path).unwrap()
}

fn put(path: &Path, file: &[u8]) -> FileKeyStore {
    fs::write(path, file).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    FileKeyStore::open(path, StoreKey::Raw(&raw(1))).unwrap()
}

/// The step that an error speaks of.
fn step_of(error: &KeyError) -> String {
    let KeyError::Other(cause) = error else { panic!("{error:?}") };
    if cause.to_string().starts_with("the change is in place") {
        return LAST.to_owned();
    }
    cause.to_string().strip_suffix(" failed").expect("it was injected").to_owned()
}

/// Lets each step of `make` fail in turn, until none is left: the steps, in their order. `look` sees the
/// store after each failure, with the step.
fn fail_everywhere<T>(
    mut begin: impl FnMut() -> T,
    make: impl Fn(&T) -> Result<(), KeyError>,
    mut look: impl FnMut(T, Option<&str>),
) -> Vec<String> {
    let mut steps = Vec::new();
    loop {
        let subject = begin();
        fault::after(steps.len().try_into().unwrap());
        let result = make(&subject);
        fault::clear();
        match result {
            Ok(()) => {
                look(subject, None);
                return steps;
            }
            Err(error) => {
                let step = step_of(&error);
                look(subject, Some(&step));
                steps.push(step);
            }
        }
        assert!(steps.len() < 100, "it goes on failing: {steps:?}");
    }
}

/// Lets `make` fail at one step, by failing at all the steps before it first.
fn fail_at(wanted: &str, make: impl Fn() -> Result<(), KeyError>) {
    for left in 0.. {
        fault::after(left);
        let result = make();
        fault::clear();
        if step_of(&result.expect_err(wanted)) == wanted {
            return;
        }
    }
}

#[test]
fn changes_that_fail_leave_one_state_or_the_other() {
    let base = base();
    for Change { what, make, opener } in CHANGES {
        let (before, after) = {
            let (_folder, path) = place();
            let store = put(&path, &base);
            let before = state(&store);
            make(&store).unwrap();
            (before, state(&store))
        };
        assert_eq!(before == after, what == "rekey");

        let (folder, path) = place();
        let begin = || put(&path, &base);
        let steps = fail_everywhere(begin, make, |store, step| {
            let is_done = step.is_none_or(|step| step == LAST);
            let (expected, opener, older) =
                if is_done { (&after, opener, 1) } else { (&before, 1, opener) };
            assert_eq!(state(&store), *expected, "{what}: {step:?}");
            let generation = if is_done { 6 } else { 5 };
            assert_eq!(store.generation(), Ok(generation), "{what}: {step:?}");
            assert!(!names(folder.path()).contains(&".keys.new".to_owned()), "{what}: {step:?}");
            let (opener, older) = (raw(opener), raw(older));
            let again = FileKeyStore::open(&path, StoreKey::Raw(&opener)).unwrap();
            assert_eq!(state(&again), *expected, "{what}: {step:?}");
            if opener != older {
                let error = FileKeyStore::open(&path, StoreKey::Raw(&older)).unwrap_err();
                assert_eq!(error, FileStoreError::WrongKey, "{what}: {step:?}");
            }

            // And on: with the same store, with the other, and the same change once more.
            import(&store, "next").unwrap();
            import(&again, "next-but-one").unwrap();
            assert_eq!(state(&store), state(&again), "{what}: {step:?}");
            assert_eq!(state(&store).len(), expected.len() + 2, "{what}: {step:?}");
            if !is_done {
                make(&store).unwrap();
                store.delete(&name("next")).unwrap();
                store.delete(&name("next-but-one")).unwrap();
                assert_eq!(state(&store), after, "{what}: {step:?}");
            }
        });
        // Some look at the file before they have to wait for anybody.
        assert!(steps.ends_with(&STEPS.map(str::to_owned)), "{what}: {steps:?}");
    }
}

#[test]
fn creating_that_fails_leaves_a_store_or_none() {
    let begin = place;
    let make = |(_, path): &(TempDir, PathBuf)| {
        FileKeyStore::create(path, StoreKey::Raw(&raw(1))).map(drop).map_err(KeyError::from)
    };
    let steps = fail_everywhere(begin, make, |(folder, path), step| {
        let found = FileKeyStore::open(&path, StoreKey::Raw(&raw(1)));
        let created = FileKeyStore::create(&path, StoreKey::Raw(&raw(1)));
        let store = if step.is_none_or(|step| step == LAST) {
            assert_eq!(created.unwrap_err(), FileStoreError::AlreadyExists);
            found.unwrap()
        } else {
            assert_eq!(found.unwrap_err(), FileStoreError::NotFound, "{step:?}");
            created.unwrap()
        };
        assert_eq!(store.generation(), Ok(1));
        assert_eq!(state(&store), []);
        import(&store, "a").unwrap();
        assert_eq!(names(folder.path()), ["keys"]);
    });
    let expected: Vec<_> = STEPS.into_iter().filter(|step| !step.starts_with("read")).collect();
    assert_eq!(steps, expected);
}

#[test]
fn reading_that_fails_changes_nothing() {
    let base = base();
    let (folder, path) = place();
    let reading: [Call; 6] = [
        |store| store.mac_key(&name("a")).map(drop),
        |store| store.list().map(drop),
        |store| store.certificates(&name("b")).map(drop),
        |store| store.generation().map(drop),
        |store| match store.signing_key(&name("a")) {
            Err(KeyError::WrongKind { .. }) => Ok(()),
            answer => answer.map(drop),
        },
        |store| Ok(FileKeyStore::open(store.path(), StoreKey::Raw(&raw(1))).map(drop)?),
    ];
    for read in reading {
        let steps = fail_everywhere(
            || put(&path, &base),
            read,
            |store, _| {
                assert!(fs::read(&path).unwrap() == base);
                assert_eq!(names(folder.path()), ["keys"]);
                read(&store).unwrap();
            },
        );
        assert_eq!(steps, ["read: open", "read: read"]);
    }
}

/// A rotation tells what failed, and goes on where it stopped.
#[test]
fn rotations_that_fail_go_on() {
    let base = base();
    let (_folder, path) = place();
    let begin = || put(&path, &base);
    let key_error = |error| match error {
        RotationError::Key(error) => error,
        other => panic!("{other:?}"),
    };
    let staged = key(b"staged");
    let make = |store: &FileKeyStore| {
        Rotation::begin(store, &name("a"), NewKey::Symmetric(&staged), &chain(b"new"))
            .map(drop)
            .map_err(key_error)
    };
    let steps = fail_everywhere(begin, make, |store, step| {
        let found = Rotation::resume(&store, &name("a")).unwrap();
        let rotation = match found {
            Some(rotation) => rotation,
            None => {
                make(&store).unwrap();
                Rotation::resume(&store, &name("a")).unwrap().unwrap()
            }
        };
        let candidate = rotation.candidate().unwrap();
        rotation.accept(&candidate).unwrap();
        rotation.commit().unwrap();
        rotation.retire().unwrap();
        assert_eq!(store.certificates(&name("a")).unwrap(), chain(b"new"), "{step:?}");
    });
    assert_eq!(steps, STEPS);
}

/// Putting a store under another key that failed leaves no trace: neither in what the next passphrase
/// costs, nor in the keys that are kept.
#[test]
fn rekeying_that_failed_is_forgotten() {
    let [old, new] = ["old", "new"].map(SecretText::borrowed);
    let costly = Argon2Params::new(20 * 1024, 2, 1).unwrap();
    let (_folder, path) = place();
    let options = FileKeyStore::options().argon2(costly);
    options.create(&path, StoreKey::Passphrase(&old)).unwrap();
    let store = FileKeyStore::open(&path, StoreKey::Passphrase(&old)).unwrap();
    fail_at("write: rename", || Ok(store.rekey(StoreKey::Raw(&raw(1)))?));
    store.rekey(StoreKey::Passphrase(&new)).unwrap();
    let (header, ..) = store.load().unwrap();
    assert_eq!(header.root.kdf, Kdf::Passphrase(costly));
    assert_eq!(store.with_unlocked(|unlocked| unlocked.len()), 1);
}

/// The same once the new key is in force, but nobody knew.
#[test]
fn rekeying_that_was_not_synced_is_in_force() {
    let (_folder, path) = place();
    let store = FileKeyStore::create(&path, StoreKey::Raw(&raw(1))).unwrap();
    let before = fs::read(&path).unwrap();
    fail_at(LAST, || Ok(store.rekey(StoreKey::Raw(&raw(2)))?));
    // Power is lost, and the old file is there again; and not lost, and the new one is.
    let after = fs::read(&path).unwrap();
    for (file, opener, generation) in [(&before, 1, 1), (&after, 2, 2)] {
        fs::write(&path, file).unwrap();
        assert_eq!(store.generation(), Ok(generation));
        let again = FileKeyStore::open(&path, StoreKey::Raw(&raw(opener))).unwrap();
        assert_eq!(again.generation(), Ok(generation));
    }
    // Once it is known, the old key is gone.
    store.rekey(StoreKey::Raw(&raw(3))).unwrap();
    for file in [&before, &after] {
        fs::write(&path, file).unwrap();
        assert!(matches!(store.generation(), Err(KeyError::Locked(_))));
    }
}

#[test]
fn faults_are_told() {
    let (_folder, path) = place();
    let store = FileKeyStore::create(&path, StoreKey::Raw(&raw(1))).unwrap();
    for (left, failed) in [(0, true), (1, true), (2, false), (3, false)] {
        fault::after(left);
        assert_eq!(store.list().is_err(), failed, "{left}");
        assert_eq!(fault::clear(), failed, "{left}");
    }
}
