//! `FileKeyStore` against its format, read by somebody else.
//!
//! A sum and a MAC stand at the door of a file, so bytes alone would hardly ever get in. The first byte
//! of an input says how far it is helped:
//!
//! ```text
//! 0 file      nothing is done to it
//! 1 file      it begins as a store does, and the sum is right
//! 2 file      so is the value that the check key gives
//! 3 P P X ... in a store that is whole, X is xored to byte P P of the file; the sum is put right
//! 4 P P X ... so is the value that the check key gives
//! 5 ...       what somebody with the key could write: see `authentic`
//! 6 N N rest  the first N N bytes of a store that is whole, and then the rest
//! ```

use std::cell::OnceCell;
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hubward::SymmetricKey;
use hubward::keystore::file::{FileKeyStore, FileStoreError, StoreKey};
use hubward::keystore::fs_check::check_private_dir;
use hubward::keystore::{
    CredentialStore as _, KeyError, KeyInfo, KeyKind, KeyName, KeyStore as _, KeyStoreAdmin as _,
    NewKey, Protection,
};
use hubward::secret::{SecretBytes, SecretText};
use tempfile::TempDir;

use super::oracle::{SAMPLE_KEY, hmac_sha256};
use super::store_file::{self, Entry, MAC_KEY, PASSPHRASE, RAW, StoreFile, Writer};

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    with_folder(|folder| {
        let file = file(data);
        folder.put(&file);
        // Another kind of key than the file is for is looked at below.
        let given = if file.get(10) == Some(&MAC_KEY) { MAC_KEY } else { RAW };
        let model = store_file::read(&file, &SAMPLE_KEY, given);
        if is_patch(data) {
            assert_eq!(model.is_ok(), file == whole(), "a change was not seen");
        }
        match (folder.open(given, &SAMPLE_KEY), model) {
            (Ok(store), Ok(model)) => {
                lists_what_is_there(&store, &model);
                hands_out_what_is_there(&store, &model);
                lists_what_is_there(&folder.open(given, &SAMPLE_KEY).expect("as before"), &model);
                opens_to_nothing_else(folder, model.from);
                assert_eq!(folder.get(), file, "looking changed it");
                takes_one_more_key(&store, folder, &model);
            }
            (Err(error), Err(expected)) => {
                assert_eq!(without_reason(&error), expected, "{error}");
                argon2_is_not_tried(folder, &error);
                assert_eq!(folder.get(), file, "it was changed");
            }
            (Ok(_), Err(error)) => panic!("opened although {error}"),
            (Err(error), Ok(_)) => panic!("refused although it is whole: {error}"),
        }
        folder.has_nothing_else();
    });
}

/// Why the file of this input does not open, if it does not.
pub fn error(data: &[u8]) -> Option<FileStoreError> {
    with_folder(|folder| {
        folder.put(&file(data));
        folder.open(RAW, &SAMPLE_KEY).err()
    })
}

// --- What an input is

/// The file that an input stands for.
fn file(data: &[u8]) -> Vec<u8> {
    let Some((mode, rest)) = data.split_first() else {
        return Vec::new();
    };
    // So that the digits name themselves.
    match mode % 8 {
        1 => {
            let mut file = rest.to_vec();
            store_file::mend_sum(&mut file);
            file
        }
        2 => {
            let mut file = rest.to_vec();
            store_file::mend_check(&mut file, &SAMPLE_KEY);
            file
        }
        mode @ (3 | 4) => {
            let mut file = whole();
            for [high, low, change] in rest.as_chunks().0 {
                let at = usize::from(*high) << 8 | usize::from(*low);
                let len = file.len();
                file[at % len] ^= change;
            }
            if mode == 3 {
                store_file::mend_sum(&mut file);
            } else {
                store_file::mend_check(&mut file, &SAMPLE_KEY);
            }
            file
        }
        5 => authentic(rest),
        6 => {
            let (len, rest) = rest.split_at(rest.len().min(2));
            let len = len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
            let mut file = whole();
            file.truncate(len);
            file.extend(rest);
            file
        }
        _ => rest.to_vec(),
    }
}

fn is_patch(data: &[u8]) -> bool {
    data.first().is_some_and(|mode| matches!(mode % 8, 3 | 4))
}

/// A store with something of each class and in each slot.
fn whole() -> Vec<u8> {
    let entries: &[(u8, u8, u8, &str, &[u8])] = &[
        (1, 1, 1, "a", b"a symmetric key"),
        (1, 2, 1, "a", b"its successor"),
        (3, 1, 0, "a", b"how far that got"),
        (1, 1, 2, "b.key", &[7; 32]),
        (1, 3, 3, "b.key", &[8; 48]),
        (2, 1, 0, "b.key", b"\0\0\0\x04cert\0\0\0\x02ca"),
    ];
    let writer = Writer::new(&SAMPLE_KEY, RAW);
    let (mut index, mut sealed) = (vec![0, 0, 0, 6], Vec::new());
    for (class, slot, kind, name, content) in entries {
        let id = store_file::id(*class, *slot, *kind, name.as_bytes());
        let entry = writer.seal(&id, content);
        index.extend(store_file::index_line(&id, entry.len(), &entry));
        sealed.extend(entry);
    }
    writer.file(41, &index, &sealed)
}

/// A file whose index opens, whatever is in it:
///
/// ```text
/// flags       1 the key is a MAC key, 2 no generation comes after this one, 4 the index counts one
///             entry more, 8 the index goes on behind them, 16 so do the entries
/// then, until the end, entries:
///   flags     1 wrong digest, 2 sealed for another place, 4 one byte longer in the index, 8 not sealed,
///             16 the content is as long again fifteen times
///   class, slot, kind, bytes of the name, the name, bytes of the content, the content
/// ```
fn authentic(mut rest: &[u8]) -> Vec<u8> {
    let mut take = |len: usize| {
        let (taken, left) = rest.split_at(len.min(rest.len()));
        rest = left;
        taken
    };
    let flags = take(1).first().copied().unwrap_or_default();
    let has = |bit| flags & bit != 0;
    let writer = Writer::new(&SAMPLE_KEY, if has(1) { MAC_KEY } else { RAW });
    let mut count = u32::from(has(4));
    let (mut lines, mut entries) = (Vec::new(), Vec::new());
    while let &[flags, class, slot, kind, name_len] = take(5) {
        let has = |bit| flags & bit != 0;
        let name = take(name_len.into());
        let id = store_file::id(class, slot, kind, name);
        let len = take(1).first().copied().unwrap_or_default();
        let content = take(len.into()).repeat(if has(16) { 16 } else { 1 });
        let entry = match (has(8), has(2)) {
            (true, _) => content,
            (_, true) => writer.seal(&store_file::id(class, slot, kind, b"elsewhere"), &content),
            _ => writer.seal(&id, &content),
        };
        let said: &[u8] = if has(1) { b"another entry" } else { &entry };
        lines.extend(store_file::index_line(&id, entry.len() + usize::from(has(4)), said));
        entries.extend(entry);
        count += 1;
    }
    lines.extend(has(8).then_some(b'!'));
    let index = [&count.to_be_bytes(), &lines[..]].concat();
    entries.extend(has(16).then_some(b'!'));
    writer.file(if has(2) { u64::MAX } else { 1 }, &index, &entries)
}

// --- What is to hold

fn without_reason(error: &FileStoreError) -> FileStoreError {
    match error {
        FileStoreError::Damaged(_) => FileStoreError::Damaged(""),
        other => other.clone(),
    }
}

/// The keys in use, in their order.
fn keys(model: &StoreFile) -> impl Iterator<Item = &Entry> {
    model.entries.iter().filter(|entry| entry.class == 1 && entry.slot == 1)
}

fn name(entry: &Entry) -> KeyName {
    KeyName::new(&entry.name).expect("judged by the model")
}

fn key_kind(entry: &Entry) -> KeyKind {
    match entry.kind {
        1 => KeyKind::Symmetric,
        2 => KeyKind::EcdsaP256,
        3 => KeyKind::EcdsaP384,
        _ => KeyKind::Rsa,
    }
}

fn lists_what_is_there(store: &FileKeyStore, model: &StoreFile) {
    assert_eq!(store.generation(), Ok(model.generation));
    let expected: Vec<KeyInfo> = keys(model)
        .map(|entry| KeyInfo::new(name(entry), key_kind(entry), Protection::Plain))
        .collect();
    assert_eq!(store.list(), Ok(expected));
}

/// The keys and certificates that the model has, and no others.
fn hands_out_what_is_there(store: &FileKeyStore, model: &StoreFile) {
    for entry in keys(model) {
        is_handed_out(store, entry);
    }
    let chains = model.entries.iter().filter(|entry| entry.class == 2 && entry.slot == 1);
    for entry in chains {
        let expected = entry.content.as_deref().and_then(chain);
        let found = store.certificates(&name(entry));
        let found: Result<Vec<Vec<u8>>, _> =
            found.map(|chain| chain.into_iter().map(|der| der.to_vec()).collect());
        match (found, expected) {
            (Ok(found), Some(expected)) => assert_eq!(found, expected),
            (Err(KeyError::Corrupt(_)), None) => {}
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }
    let nobody = KeyName::new("nobody.has.this").expect("a name");
    if keys(model).all(|entry| entry.name != nobody.as_str()) {
        assert_eq!(store.mac_key(&nobody).err(), Some(KeyError::NotFound));
        assert_eq!(store.signing_key(&nobody).err(), Some(KeyError::NotFound));
    }
}

fn chain(mut content: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut chain = Vec::new();
    while !content.is_empty() {
        let (len, rest) = content.split_first_chunk()?;
        let (der, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        chain.push(der.to_vec());
        content = rest;
    }
    Some(chain)
}

fn is_handed_out(store: &FileKeyStore, entry: &Entry) {
    let (name, kind) = (name(entry), key_kind(entry));
    let (mac_key, signing_key) = (store.mac_key(&name), store.signing_key(&name));
    let wrong_kind = Some(KeyError::WrongKind { found: Some(kind) });
    let (error, other) = match kind {
        KeyKind::Symmetric => {
            if let (Ok(key), Some(content)) = (&mac_key, &entry.content) {
                let tag = key.hmac_sha256(&[b"which key"]).expect("it is in memory");
                assert!(tag.matches(&hmac_sha256(content, &[b"which key"])));
            }
            (mac_key.err(), signing_key.err())
        }
        _ => (signing_key.err(), mac_key.err()),
    };
    assert_eq!(other, wrong_kind);
    match (&entry.content, kind, &error) {
        (None, _, Some(KeyError::Corrupt(_))) => {}
        // Of such a length nothing is opened at all.
        (None, _, Some(KeyError::Empty)) => assert_eq!(entry.sealed.len(), 40),
        (None, _, Some(KeyError::TooLong)) => assert!(entry.sealed.len() > 40 + 256),
        (None, ..) => panic!("{error:?} for what was sealed for another place"),
        // Whether it is an RSA key is another's business.
        (Some(_), KeyKind::Rsa, _) => {}
        (Some(content), ..) => assert_eq!(error.is_none(), is_key(kind, content), "{error:?}"),
    }
}

/// Whether a key has such bytes.
fn is_key(kind: KeyKind, content: &[u8]) -> bool {
    const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    const P384_ORDER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffff\
                              c7634d81f4372ddf581a0db248b0a77aecec196accc52973";
    let order = match kind {
        KeyKind::Symmetric => return matches!(content.len(), 1..=SymmetricKey::MAX_LEN),
        KeyKind::EcdsaP256 => P256_ORDER,
        _ => P384_ORDER,
    };
    let hex: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
    cfg!(feature = "keystore-software")
        && hex.len() == order.len()
        && hex.bytes().any(|digit| digit != b'0')
        && *hex < *order
}

/// The same key as another kind of key, or a passphrase, opens nothing.
fn opens_to_nothing_else(folder: &Folder, from: u8) {
    let other = if from == RAW { MAC_KEY } else { RAW };
    let expected = if from == RAW { "a raw key" } else { "a MAC key of another store" };
    for given in [other, PASSPHRASE] {
        let error = folder.open(given, &SAMPLE_KEY).err();
        assert_eq!(error, Some(FileStoreError::OtherKindOfKey { expected }));
    }
    let error = folder.open(from, b"another key, of 32 bytes or more").err();
    assert_eq!(error, Some(FileStoreError::WrongKey));
}

/// Parameters that are out of range are told whatever the file is opened with. That no work is done with
/// them shows by the time and memory that this takes: the target has bounds for both.
fn argon2_is_not_tried(folder: &Folder, error: &FileStoreError) {
    if matches!(error, FileStoreError::Argon2OutOfRange { .. }) {
        for given in [PASSPHRASE, MAC_KEY] {
            assert_eq!(folder.open(given, &SAMPLE_KEY).err().as_ref(), Some(error));
        }
    }
}

/// A key that is added is there, also for who opens the file anew, and everything else is what it was.
fn takes_one_more_key(store: &FileKeyStore, folder: &Folder, model: &StoreFile) {
    let is_free = |name: &String| keys(model).all(|entry| entry.name != *name);
    let new = (0..).map(|number| format!("new.{number}")).find(is_free).expect("some are free");
    let content = b"a key that is added";
    let key = SymmetricKey::from_bytes(content).expect("a key");
    let before = folder.get();
    let added = store.import(&KeyName::new(&new).expect("a name"), NewKey::Symmetric(&key));
    if model.generation == u64::MAX {
        assert!(matches!(added, Err(KeyError::Refused(_))), "{added:?}");
        assert_eq!(folder.get(), before);
        return;
    }
    assert_eq!(added, Ok(()));

    let after = store_file::read(&folder.get(), &SAMPLE_KEY, model.from).expect("of our own");
    assert_eq!(
        (after.from, &after.salt, &after.store_id),
        (model.from, &model.salt, &model.store_id)
    );
    assert_eq!(after.generation, model.generation + 1);
    // What was there is what it was, to the byte.
    let (added, others): (Vec<&Entry>, Vec<&Entry>) =
        after.entries.iter().partition(|entry| entry.place() == (&new, 1, 1));
    assert_eq!(others, model.entries.iter().collect::<Vec<_>>());
    assert_eq!((added.len(), added[0].kind), (1, 1));
    assert_eq!(added[0].content.as_deref(), Some(&content[..]));
    let again = folder.open(model.from, &SAMPLE_KEY).expect("of our own");
    for store in [store, &again] {
        lists_what_is_there(store, &after);
        is_handed_out(store, added[0]);
    }
}

// --- Where the file is

/// A private folder with the store's file.
struct Folder(TempDir);

/// One for each thread, for all inputs.
fn with_folder<T>(work: impl FnOnce(&Folder) -> T) -> T {
    thread_local!(static FOLDER: OnceCell<Folder> = const { OnceCell::new() });
    FOLDER.with(|folder| work(folder.get_or_init(Folder::new)))
}

impl Folder {
    /// In memory where there is such a place.
    fn new() -> Self {
        let folder = [Path::new("/dev/shm"), &std::env::temp_dir()].into_iter().find_map(|place| {
            let mut builder = tempfile::Builder::new();
            let folder =
                builder.permissions(Permissions::from_mode(0o700)).tempdir_in(place).ok()?;
            check_private_dir(folder.path()).ok().map(|()| folder)
        });
        Self(folder.expect("a place for a private folder"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("keys")
    }

    fn put(&self, file: &[u8]) {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(self.path()).and_then(|mut at| at.write_all(file)).expect("a place to write");
    }

    fn get(&self) -> Vec<u8> {
        fs::read(self.path()).expect("it was put there")
    }

    fn open(&self, given: u8, key: &[u8]) -> Result<FileKeyStore, FileStoreError> {
        match given {
            RAW => {
                let key = SecretBytes::copy_from(key).expect("it is short");
                FileKeyStore::open(self.path(), StoreKey::Raw(&key))
            }
            MAC_KEY => {
                let key = SymmetricKey::from_bytes(key).expect("it is short");
                FileKeyStore::open(self.path(), StoreKey::MacKey(&key))
            }
            _ => {
                let passphrase = SecretText::borrowed("a passphrase");
                FileKeyStore::open(self.path(), StoreKey::Passphrase(&passphrase))
            }
        }
    }

    /// The lock of a writer may stay, and nothing else.
    fn has_nothing_else(&self) {
        let entries = fs::read_dir(self.0.path()).expect("it is there");
        for entry in entries {
            let name = entry.expect("it is there").file_name();
            assert!(name == "keys", "{} was left", name.display());
        }
    }
}
