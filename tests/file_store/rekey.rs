//! What opens a store, what does not, and putting it under another key.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use hubward::keystore::file::{Argon2Params, FileKeyStore, FileStoreError, StoreKey};
use hubward::keystore::{KeyError, KeyStore as _, KeyStoreAdmin as _, MacKey, Protection, Tag};
use hubward::secret::{SecretBytes, SecretText};
use hubward::{OtherError, SymmetricKey};

use super::child::{self, Arguments};
use super::{Held, Place, READING, WRITING, fill, has_staged, import, key, name, raw, state, text};

/// What opens a store, of each kind.
#[derive(Debug)]
enum Opener {
    Passphrase(SecretText<'static>),
    Raw(SecretBytes),
    MacKey(SymmetricKey),
}

impl Opener {
    /// One of each kind; another for each number.
    fn all(number: u8) -> [Self; 3] {
        [
            Self::Passphrase(SecretText::owned(format!("passphrase {number}, plainly fake"))),
            Self::Raw(raw(number)),
            Self::MacKey(key(&[number; 32])),
        ]
    }

    fn key(&self) -> StoreKey<'_> {
        match self {
            Self::Passphrase(passphrase) => StoreKey::Passphrase(passphrase),
            Self::Raw(raw) => StoreKey::Raw(raw),
            Self::MacKey(key) => StoreKey::MacKey(key),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Passphrase(_) => "a passphrase",
            Self::Raw(_) => "a raw key",
            Self::MacKey(_) => "a MAC key of another store",
        }
    }

    fn protection(&self) -> Protection {
        match self {
            Self::Passphrase(_) => Protection::Passphrase,
            Self::Raw(_) | Self::MacKey(_) => Protection::Plain,
        }
    }

    /// What a store of this one answers to another.
    fn refusal(&self, other: &Self) -> FileStoreError {
        if self.kind() == other.kind() {
            FileStoreError::WrongKey
        } else {
            FileStoreError::OtherKindOfKey { expected: self.kind() }
        }
    }
}

fn protections(store: &FileKeyStore) -> Vec<Protection> {
    let mut found: Vec<_> = store.list().unwrap().into_iter().map(|info| info.protection).collect();
    found.push(store.mac_key(&name("key-1")).unwrap().protection());
    #[cfg(feature = "keystore-software")]
    found.push(store.signing_key(&name("device")).unwrap().protection());
    found.dedup();
    found
}

#[test]
fn from_each_kind_of_key_to_each() {
    for old in Opener::all(1) {
        for new in Opener::all(2) {
            let what = format!("from {} to {}", old.kind(), new.kind());
            let place = Place::new();
            let store = FileKeyStore::create(&place.path, old.key()).unwrap();
            fill(&store);
            let expected = state(&store).unwrap();
            let generation = store.generation().unwrap();
            let other = FileKeyStore::open(&place.path, old.key()).unwrap();
            assert_eq!(protections(&store), [old.protection()], "{what}");

            store.rekey(new.key()).unwrap();
            let file = place.bytes();
            assert_eq!(store.generation(), Ok(generation + 1), "{what}");
            assert_eq!(protections(&store), [new.protection()], "{what}");
            assert_eq!(
                FileKeyStore::open(&place.path, old.key()).unwrap_err(),
                new.refusal(&old),
                "{what}"
            );
            // Who has it open under the old key finds it locked, and leaves it alone.
            for (operation, run) in READING.into_iter().chain(WRITING) {
                // It takes its time, and is looked at below.
                if operation == "rekey" {
                    continue;
                }
                let error = run(&other).expect_err(operation);
                assert!(matches!(error, KeyError::Locked(_)), "{what}: {operation}: {error:?}");
                assert!(text(&error).contains("present"), "{what}: {}", text(&error));
            }
            assert_eq!(other.rekey(StoreKey::Raw(&raw(3))), Err(FileStoreError::WrongKey));
            assert!(place.bytes() == file, "{what}");

            let again = FileKeyStore::open(&place.path, new.key()).unwrap();
            for store in [&store, &again] {
                assert_eq!(state(store).as_ref(), Ok(&expected), "{what}");
                assert!(has_staged(store), "{what}");
            }
            import(&store, "by-the-one", b"1").unwrap();
            import(&again, "by-the-other", b"2").unwrap();
            assert_eq!(state(&store), state(&again), "{what}");
            assert_eq!(state(&store).unwrap().len(), expected.len() + 2, "{what}");
        }
    }
}

#[test]
fn wrong_keys_are_refused() {
    for right in Opener::all(1) {
        let place = Place::new();
        fill(&FileKeyStore::create(&place.path, right.key()).unwrap());
        let file = place.bytes();
        for wrong in Opener::all(2) {
            let error = FileKeyStore::open(&place.path, wrong.key()).unwrap_err();
            assert_eq!(error, right.refusal(&wrong));
            assert!(text(&error).contains(match error {
                FileStoreError::WrongKey => "the passphrase or key is not the store's",
                _ => right.kind(),
            }));
            assert!(matches!(KeyError::from(error), KeyError::Locked(_)));
        }
        // The bytes of one kind do not serve as another.
        for same_bytes in Opener::all(1) {
            if same_bytes.kind() != right.kind() {
                let error = FileKeyStore::open(&place.path, same_bytes.key()).unwrap_err();
                assert_eq!(error, right.refusal(&same_bytes));
            }
        }
        assert!(place.bytes() == file);
        FileKeyStore::open(&place.path, right.key()).unwrap();
    }
}

#[test]
fn almost_the_passphrase_is_not_the_passphrase() {
    let place = Place::new();
    let open = |passphrase: &str| {
        let passphrase = SecretText::borrowed(passphrase);
        FileKeyStore::open(&place.path, StoreKey::Passphrase(&passphrase)).map(drop)
    };
    let right = "pa\u{df}phrase \u{e9}";
    FileKeyStore::create(&place.path, StoreKey::Passphrase(&SecretText::borrowed(right))).unwrap();
    for wrong in [
        "",
        "pa\u{df}phrase e",
        "Pa\u{df}phrase \u{e9}",
        "pa\u{df}phrase \u{e9}\n",
        "pa\u{df}phrase \u{e9}\0",
        // The same to the eye: nothing is normalized.
        "pa\u{df}phrase e\u{301}",
    ] {
        assert_eq!(open(wrong), Err(FileStoreError::WrongKey), "{wrong:?}");
    }
    open(right).unwrap();
}

#[test]
fn almost_the_raw_key_is_not_the_raw_key() {
    let place = Place::new();
    fill(&place.create());
    for wrong in [&[1; 31][..], &[1; 33], &[1; 64], &[0], &[0; 32], &[1; 256]] {
        let wrong = SecretBytes::copy_from(wrong).unwrap();
        let error = FileKeyStore::open(&place.path, StoreKey::Raw(&wrong)).unwrap_err();
        assert_eq!(error, FileStoreError::WrongKey);
    }
    let empty = SecretBytes::copy_from(b"").unwrap();
    assert!(FileKeyStore::open(&place.path, StoreKey::Raw(&empty)).is_err());
}

#[test]
fn weak_keys_are_refused() {
    let empty = Opener::Passphrase(SecretText::borrowed(""));
    let raws =
        [0, 1, 16, 31].map(|len| Opener::Raw(SecretBytes::copy_from(&[1; 256][..len]).unwrap()));
    let place = Place::new();
    for weak in raws.iter().chain([&empty]) {
        let error = FileKeyStore::create(&place.path, weak.key()).unwrap_err();
        assert!(matches!(error, FileStoreError::WeakKey(_)), "{weak:?}: {error:?}");
        assert!(!place.dir().exists());
    }
    let store = place.create();
    fill(&store);
    let file = place.bytes();
    for weak in raws.iter().chain([&empty]) {
        let error = store.rekey(weak.key()).unwrap_err();
        assert!(matches!(error, FileStoreError::WeakKey(_)), "{weak:?}: {error:?}");
        assert!(matches!(KeyError::from(error), KeyError::Refused(_)));
        assert!(place.bytes() == file);
    }
    for long in [32, 33, 256] {
        let long = SecretBytes::copy_from(&[7; 256][..long]).unwrap();
        store.rekey(StoreKey::Raw(&long)).unwrap();
        FileKeyStore::open(&place.path, StoreKey::Raw(&long)).unwrap();
    }
}

// Keys of other stores.

/// A chip that counts what it is asked, and does not answer if it is told not to.
#[derive(Debug)]
struct Chip {
    key: SymmetricKey,
    protection: Protection,
    asked: AtomicUsize,
    is_out: AtomicBool,
}

const OUT: KeyError = KeyError::Other(OtherError::from_static("the chip does not answer"));

impl Chip {
    fn new(protection: Protection) -> Self {
        Self {
            key: key(b"a key in a chip, plainly fake"),
            protection,
            asked: AtomicUsize::new(0),
            is_out: AtomicBool::new(false),
        }
    }
}

impl MacKey for Chip {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.is_out.load(Ordering::Relaxed) { Err(OUT) } else { self.key.hmac_sha256(parts) }
    }

    fn protection(&self) -> Protection {
        self.protection
    }
}

#[test]
fn a_chip_is_asked_once() {
    let place = Place::new();
    let chip = Chip::new(Protection::Hardware);
    let asked = || chip.asked.swap(0, Ordering::Relaxed);
    let store = FileKeyStore::create(&place.path, StoreKey::MacKey(&chip)).unwrap();
    assert_eq!(asked(), 1);
    fill(&store);
    state(&store).unwrap();
    assert_eq!(asked(), 0);
    FileKeyStore::open(&place.path, StoreKey::MacKey(&chip)).unwrap();
    assert_eq!(asked(), 1);
    store.rekey(StoreKey::MacKey(&chip)).unwrap();
    assert_eq!(asked(), 1);
    // Another salt, another root key: who opened it before is locked out even though the chip is the same.
    FileKeyStore::open(&place.path, StoreKey::MacKey(&chip)).unwrap();
}

/// What opens the store says how well the keys in it are protected; nothing is protected by hardware
/// that is in memory while it is used.
#[test]
fn protection_is_that_of_the_key_that_opens_it() {
    for (of_chip, expected) in [
        (Protection::Plain, Protection::Plain),
        (Protection::Passphrase, Protection::Passphrase),
        (Protection::OperatingSystem, Protection::OperatingSystem),
        (Protection::Sealed, Protection::Sealed),
        (Protection::Hardware, Protection::Sealed),
    ] {
        let place = Place::new();
        let chip = Chip::new(of_chip);
        let store = FileKeyStore::create(&place.path, StoreKey::MacKey(&chip)).unwrap();
        fill(&store);
        assert_eq!(protections(&store), [expected]);
        let store = FileKeyStore::open(&place.path, StoreKey::MacKey(&chip)).unwrap();
        assert_eq!(protections(&store), [expected]);
        store.rekey(StoreKey::Raw(&raw(1))).unwrap();
        assert_eq!(protections(&store), [Protection::Plain]);
    }
}

#[test]
fn a_chip_that_is_out_is_told() {
    let place = Place::new();
    let chip = Chip::new(Protection::Hardware);
    chip.is_out.store(true, Ordering::Relaxed);
    let expected = FileStoreError::Key(OUT);
    let error = FileKeyStore::create(&place.path, StoreKey::MacKey(&chip)).unwrap_err();
    assert_eq!(error, expected);
    assert!(!place.dir().exists());

    chip.is_out.store(false, Ordering::Relaxed);
    let store = FileKeyStore::create(&place.path, StoreKey::MacKey(&chip)).unwrap();
    fill(&store);
    let file = place.bytes();
    chip.is_out.store(true, Ordering::Relaxed);
    let error = FileKeyStore::open(&place.path, StoreKey::MacKey(&chip)).unwrap_err();
    assert_eq!(error, expected);
    assert_eq!(KeyError::from(error), OUT);
    assert_eq!(store.rekey(StoreKey::MacKey(&chip)), Err(expected));
    assert!(place.bytes() == file);
    // Who has it open goes on.
    import(&store, "a", b"a").unwrap();
}

// Others.

/// Opens a store, lets somebody put it under another key, and finds it locked.
pub(super) fn find_it_locked(arguments: &Arguments) {
    let path = arguments.path(0);
    let store = FileKeyStore::open(&path, StoreKey::Raw(&raw(1))).unwrap();
    child::run("rekey::rekey", &[&path, &"1", &"2"]);
    let file = std::fs::read(&path).unwrap();
    for (operation, run) in READING.into_iter().chain(WRITING) {
        let error = run(&store).expect_err(operation);
        assert!(matches!(error, KeyError::Locked(_)), "{operation}: {error:?}");
        assert!(std::fs::read(&path).unwrap() == file, "{operation} changed the file");
    }
    // Put under the same key anew, it has another salt.
    child::run("rekey::rekey", &[&path, &"2", &"1"]);
    assert!(matches!(store.list(), Err(KeyError::Locked(_))));
}

/// Puts a store under another key.
pub(super) fn rekey(arguments: &Arguments) {
    let [old, new] = [1, 2].map(|at| raw(arguments.text(at).parse().unwrap()));
    let store = FileKeyStore::open(arguments.path(0), StoreKey::Raw(&old)).unwrap();
    store.rekey(StoreKey::Raw(&new)).unwrap();
}

#[test]
fn another_process_puts_it_under_another_key() {
    let place = Place::new();
    let store = place.create();
    fill(&store);
    let expected = state(&store).unwrap();
    child::run("rekey::find_it_locked", &[&place.path]);
    assert_eq!(state(&place.open().unwrap()), Ok(expected));
}

/// Threads of the process that puts the store under another key go on, and see none of it.
#[test]
fn threads_go_on_meanwhile() {
    let place = Place::new();
    let store = place.create();
    import(&store, "a", b"a").unwrap();
    let done = AtomicBool::new(false);
    let expected = Held::symmetric(b"a");
    thread::scope(|scope| {
        // More than there are processors, so that they are interrupted anywhere.
        let readers = [(); 8].map(|()| {
            scope.spawn(|| {
                let mut failed = 0;
                while !done.load(Ordering::Relaxed) {
                    match state(&store) {
                        Ok(state) => assert_eq!(state["a"], expected),
                        Err(error) => {
                            assert!(matches!(error, KeyError::Locked(_)), "{error:?}");
                            failed += 1;
                        }
                    }
                }
                failed
            })
        });
        let result = (1..=200).try_for_each(|number| store.rekey(StoreKey::Raw(&raw(number))));
        done.store(true, Ordering::Relaxed);
        result.unwrap();
        let failed: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert_eq!(failed, 0, "reads found the store locked");
    });
}

// What a passphrase costs.

fn cost(place: &Place) -> [u32; 3] {
    let file = place.bytes();
    let (numbers, rest) = file[12..24].as_chunks();
    assert!(rest.is_empty());
    [numbers[0], numbers[1], numbers[2]].map(u32::from_be_bytes)
}

#[test]
fn the_cost_of_a_passphrase_is_kept() {
    let [old, new] = ["old", "new"].map(SecretText::borrowed);
    let [old, new] = [StoreKey::Passphrase(&old), StoreKey::Passphrase(&new)];
    let costly = Argon2Params::new(20 * 1024, 3, 2).unwrap();
    let place = Place::new();
    FileKeyStore::options().argon2(costly).create(&place.path, old).unwrap();
    assert_eq!(cost(&place), [20 * 1024, 3, 2]);
    // Who opens it does not have to know.
    let store = FileKeyStore::open(&place.path, old).unwrap();
    store.rekey(new).unwrap();
    assert_eq!(cost(&place), [20 * 1024, 3, 2]);
    // Unless it is told otherwise.
    let costlier = Argon2Params::new(21 * 1024, 2, 1).unwrap();
    let store = FileKeyStore::options().argon2(costlier).open(&place.path, new).unwrap();
    store.rekey(old).unwrap();
    assert_eq!(cost(&place), [21 * 1024, 2, 1]);
    store.rekey(StoreKey::Raw(&raw(1))).unwrap();
    assert_eq!(cost(&place), [0, 0, 0]);
    store.rekey(old).unwrap();
    assert_eq!(cost(&place), [21 * 1024, 2, 1]);
    // There was none, and nothing was said.
    store.rekey(StoreKey::Raw(&raw(1))).unwrap();
    place.open().unwrap().rekey(old).unwrap();
    assert_eq!(cost(&place), [19 * 1024, 2, 1]);
}

#[test]
fn costs_have_bounds() {
    const LOW: u32 = 19 * 1024;
    const HIGH: u32 = 256 * 1024;
    for (memory_kib, passes, lanes) in
        [(LOW, 2, 1), (HIGH, 16, 4), (LOW, 16, 1), (HIGH, 2, 1), (LOW + 1, 3, 4)]
    {
        Argon2Params::new(memory_kib, passes, lanes).unwrap();
    }
    for (memory_kib, passes, lanes) in [
        (LOW - 1, 2, 1),
        (HIGH + 1, 2, 1),
        (LOW, 1, 1),
        (LOW, 17, 1),
        (LOW, 2, 0),
        (LOW, 2, 5),
        (0, 0, 0),
        (u32::MAX, u32::MAX, u32::MAX),
    ] {
        let expected = FileStoreError::Argon2OutOfRange { memory_kib, passes, lanes };
        assert_eq!(Argon2Params::new(memory_kib, passes, lanes), Err(expected));
    }
    assert_eq!(Argon2Params::default(), Argon2Params::new(LOW, 2, 1).unwrap());
}
