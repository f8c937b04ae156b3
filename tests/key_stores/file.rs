//! The store in a file, by what opens it. What happens to the file itself is in `tests/file_store.rs`.

use hubward::SymmetricKey;
use hubward::keystore::file::{FileKeyStore, FileStoreError, FileStoreOptions, StoreKey};
use hubward::keystore::{
    AtLeast, KeyError, KeyInfo, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MacKey, NewKey,
    Protection, Tag,
};
use hubward::secret::{SecretBytes, SecretText};
use tempfile::TempDir;

use crate::ABILITIES;
use crate::conformance::{Abilities, Store, Subject};

/// What opens a store.
#[derive(Clone, Copy, Debug)]
enum Opener {
    Passphrase,
    Raw,
    MacKey,
}

impl Opener {
    fn with<T>(self, open: impl FnOnce(StoreKey<'_>) -> T) -> T {
        match self {
            Self::Passphrase => {
                open(StoreKey::Passphrase(&SecretText::borrowed("plainly fake passphrase")))
            }
            Self::Raw => open(StoreKey::Raw(&SecretBytes::copy_from(&[0x77; 32]).unwrap())),
            Self::MacKey => {
                let key = SymmetricKey::from_bytes(b"a key that opens, plainly fake").unwrap();
                open(StoreKey::MacKey(&key))
            }
        }
    }
}

pub(crate) fn raw_key() -> Option<Subject> {
    Some(subject(Opener::Raw))
}

pub(crate) fn mac_key() -> Option<Subject> {
    Some(subject(Opener::MacKey))
}

pub(crate) fn passphrase() -> Option<Subject> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store/keys");
    let store = Opener::Passphrase.with(|key| FileKeyStore::create(path, key)).unwrap();
    let abilities = Abilities { protection: Protection::Passphrase, ..ABILITIES };
    Some(Subject::slow(abilities, Store::Credentials(Box::new(store)), folder))
}

#[cfg(feature = "mlock")]
pub(crate) fn locked() -> Option<Subject> {
    let options = FileKeyStore::options().lock_memory(hubward::secret::LockPolicy::Prefer);
    Some(with_options(options, Opener::Raw, Abilities { locked: true, ..ABILITIES }))
}

fn subject(opener: Opener) -> Subject {
    with_options(FileKeyStore::options(), opener, ABILITIES)
}

fn with_options(options: FileStoreOptions, opener: Opener, abilities: Abilities) -> Subject {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store/keys");
    let store = opener.with(|key| options.create(&path, key)).unwrap();
    Subject::lasting(abilities, Store::Credentials(Box::new(store)), move || {
        let path = folder.path().join("store/keys");
        let store = opener.with(|key| options.open(path, key)).unwrap();
        Store::Credentials(Box::new(store))
    })
}

/// A key with a protection of its own.
#[derive(Debug)]
struct Chip(Protection);

impl MacKey for Chip {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        SymmetricKey::from_bytes(b"in a chip, plainly fake")?.hmac_sha256(parts)
    }

    fn protection(&self) -> Protection {
        self.0
    }
}

#[test]
fn the_key_that_opens_tells_the_protection() {
    use Protection as P;

    let name = KeyName::new("hub.primary").unwrap();
    let passphrase = SecretText::borrowed("plainly fake passphrase");
    let raw = SecretBytes::copy_from(&[9; 32]).unwrap();
    let levels = [P::Plain, P::Passphrase, P::OperatingSystem, P::Sealed, P::Hardware];
    let chips = levels.map(Chip);
    let mut openers =
        vec![(StoreKey::Passphrase(&passphrase), P::Passphrase), (StoreKey::Raw(&raw), P::Plain)];
    for chip in &chips {
        // The key that opens stays in the chip; those in the store do not.
        let expected = if chip.0 == P::Hardware { P::Sealed } else { chip.0 };
        openers.push((StoreKey::MacKey(chip), expected));
    }
    for (opener, expected) in openers {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("store/keys");
        let created = FileKeyStore::create(&path, opener).unwrap();
        created.create(&name, KeyKind::Symmetric).unwrap();
        let opened = FileKeyStore::open(&path, opener).unwrap();
        for store in [created, opened] {
            assert_eq!(store.mac_key(&name).unwrap().protection(), expected, "{opener:?}");
            let info = KeyInfo::new(name.clone(), KeyKind::Symmetric, expected);
            assert_eq!(store.list(), Ok(vec![info]));
            for required in levels {
                let found = AtLeast::new(&store, required).mac_key(&name).map(drop);
                let too_low = KeyError::ProtectionTooLow { required, actual: expected };
                assert_eq!(found, if required > expected { Err(too_low) } else { Ok(()) });
            }
        }
    }
}

#[test]
fn another_key_does_not_open_and_changes_nothing() {
    let name = KeyName::new("hub.primary").unwrap();
    for opener in [Opener::Passphrase, Opener::Raw, Opener::MacKey] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("store/keys");
        let store = opener.with(|key| FileKeyStore::create(&path, key)).unwrap();
        let key = SymmetricKey::from_bytes(b"a key, plainly fake").unwrap();
        store.import(&name, NewKey::Symmetric(&key)).unwrap();
        let before = std::fs::read(&path).unwrap();
        let wrong_text = SecretText::borrowed("plainly fake passphrasE");
        let wrong_bytes = SecretBytes::copy_from(&[0x78; 32]).unwrap();
        let wrong_key = SymmetricKey::from_bytes(&[0x78; 32]).unwrap();
        for (wrong, is_of_that_kind) in [
            (StoreKey::Passphrase(&wrong_text), matches!(opener, Opener::Passphrase)),
            (StoreKey::Raw(&wrong_bytes), matches!(opener, Opener::Raw)),
            (StoreKey::MacKey(&wrong_key), matches!(opener, Opener::MacKey)),
        ] {
            let error = FileKeyStore::open(&path, wrong).unwrap_err();
            if is_of_that_kind {
                assert_eq!(error, FileStoreError::WrongKey, "{opener:?}");
            } else {
                let matches = matches!(error, FileStoreError::OtherKindOfKey { .. });
                assert!(matches, "{opener:?}: {error:?}");
            }
            assert!(matches!(KeyError::from(error), KeyError::Locked(_)));
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
        opener.with(|key| FileKeyStore::open(&path, key)).unwrap().mac_key(&name).unwrap();
    }
}
