//! What a forked child finds of its parent's keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hubward::keystore::rotation::{Rotation, RotationError};
use hubward::keystore::{
    KeyKind, KeyName, KeyStore, KeyStoreAdmin as _, MemoryKeyStore, NewKey, PreparedMac,
};
use hubward::secret::{LockPolicy, SecretBytes, SecretError};
use hubward::{
    GroupKey, KeyError, MacKey, RegistrationId, ResourceUri, SAS_TOKEN_MAX, SasError, SasSigner,
    SymmetricKey, UnixTime,
};

use super::Outcome;
use super::process::{Mapping, in_child, secret_pages};

const POLICY: LockPolicy = LockPolicy::Require;
const TEXT: &str = "njd5uX9KfBXznMBgXO3INBCCJ2vzonJR+GxqEdDBjpU=";
/// On both ways: of ten digits, and of two.
const EXPIRIES: [UnixTime; 2] = [UnixTime::from_secs(1_800_000_000), UnixTime::from_secs(17)];

fn key() -> SymmetricKey {
    SymmetricKey::from_base64_locked(TEXT, POLICY).expect("there are pages")
}

fn ordinary_key() -> SymmetricKey {
    SymmetricKey::from_base64(TEXT).expect("a key")
}

fn secret() -> SecretBytes {
    let bytes = SecretBytes::copy_from(ordinary_key().expose_bytes()).expect("it fits");
    bytes.to_locked(POLICY).expect("there are pages")
}

fn resource() -> ResourceUri {
    ResourceUri::parse("h.example/devices/d").expect("a resource")
}

fn registration() -> RegistrationId {
    RegistrationId::new("sn-7").expect("an ID")
}

fn name() -> KeyName {
    KeyName::new("hub.primary").expect("a name")
}

/// One of each, all of the same key.
struct Keys {
    key: SymmetricKey,
    bytes: SecretBytes,
    empty: SecretBytes,
    prepared: PreparedMac,
    signer: SasSigner,
    group: GroupKey,
    derived: SymmetricKey,
}

impl Keys {
    fn new() -> Self {
        let group = GroupKey::from_secret(secret()).expect("a key");
        let empty = SecretBytes::copy_from(b"").expect("it fits");
        Self {
            prepared: key().prepare(b"prefix").expect("there are pages"),
            signer: SasSigner::new(key(), &resource()).expect("not Service Bus"),
            derived: group.derive_device_key(&registration()).expect("there are pages"),
            empty: empty.to_locked(POLICY).expect("there are pages"),
            key: key(),
            bytes: secret(),
            group,
        }
    }

    /// That they are in use, and right.
    fn assert_whole(&self) {
        let ordinary = ordinary_key();
        assert_eq!(self.key, ordinary);
        assert_eq!(self.key.hmac_sha256(&[b"m"]), ordinary.hmac_sha256(&[b"m"]));
        assert_eq!(self.bytes.expose_bytes(), ordinary.expose_bytes());
        assert_eq!(self.prepared.finish(b"m"), ordinary.hmac_sha256(&[b"prefixm"]));
        let expected = SasSigner::new(ordinary, &resource()).expect("not Service Bus");
        for expiry in EXPIRIES {
            assert_eq!(self.signer.sign(expiry), expected.sign(expiry));
        }
        assert_eq!(self.group.derive_device_key(&registration()).as_ref(), Ok(&self.derived));
    }

    /// That nothing is left of them, and that everything says so.
    fn assert_wiped(&self) {
        let wiped = KeyError::WipedByFork;
        assert_eq!(self.key.hmac_sha256(&[b"m"]), Err(wiped.clone()));
        assert!(self.key.prepare(b"prefix").is_none());
        assert_eq!(self.key.expose_bytes(), b"");
        assert_eq!(self.key.expose_base64().expose_text(), "");
        assert_eq!(self.key.to_locked(POLICY), Err(wiped.clone()));
        assert_eq!(self.prepared.finish(b"m"), Err(wiped.clone()));
        assert_eq!(self.prepared.finish(b""), Err(wiped.clone()));
        assert_eq!(self.group.derive_device_key(&registration()), Err(wiped.clone()));
        assert_eq!(self.derived.hmac_sha256(&[b"m"]), Err(wiped.clone()));

        for expiry in EXPIRIES {
            let mut buffer = [0xaa; SAS_TOKEN_MAX];
            let refused = Err(SasError::Key(wiped.clone()));
            assert_eq!(self.signer.sign_into(expiry, &mut buffer), refused);
            assert!(buffer.iter().all(|byte| *byte == 0xaa), "something was written");
            assert_eq!(self.signer.sign_into(expiry, &mut []), refused);
            assert_eq!(self.signer.sign(expiry), Err(SasError::Key(wiped.clone())));
            // A signer that is made too late has nothing to prepare.
            let late = SasSigner::new(&self.key, &resource()).expect("not Service Bus");
            assert_eq!(late.sign(expiry), Err(SasError::Key(wiped.clone())));
        }

        assert_eq!(self.bytes.expose_bytes(), b"");
        assert_eq!(self.empty.expose_bytes(), b"");
        assert_eq!(self.bytes.to_locked(POLICY).err(), Some(SecretError::WipedByFork));
        assert_eq!(SymmetricKey::from_secret(secret_of(&self.bytes)), Err(KeyError::Empty));
        // What is gone is equal to nothing: not to an empty secret, not to itself.
        let empty = SecretBytes::copy_from(b"").expect("it fits");
        for (a, b) in [
            (&self.bytes, &empty),
            (&empty, &self.bytes),
            (&self.bytes, &self.bytes),
            (&self.bytes, &self.empty),
            (&self.empty, &empty),
            (&self.empty, &self.empty),
        ] {
            assert_ne!(a, b);
        }
        for (a, b) in [(&self.key, &self.key), (&self.key, &self.derived)] {
            assert_ne!(a, b);
        }
        let group = &self.group;
        assert_ne!(group, &self.group);
        assert_eq!(format!("{:?}", self.key), "SymmetricKey(<redacted>)");
    }
}

/// What somebody has who did not look: a copy of nothing.
fn secret_of(bytes: &SecretBytes) -> SecretBytes {
    SecretBytes::copy_from(bytes.expose_bytes()).expect("it fits")
}

pub(crate) fn wiped() -> Outcome {
    let keys = Keys::new();
    let taken_over = secret();
    let is_zero = |page: &Mapping| page.read().iter().all(|byte| *byte == 0);
    let pages = secret_pages();
    assert_eq!(pages.len(), 8);
    assert!(!pages.iter().any(is_zero));
    in_child(|| {
        // As the system has them, whatever the keys say.
        assert_eq!(secret_pages().len(), 8);
        assert!(secret_pages().iter().all(is_zero));
        keys.assert_wiped();
        assert_eq!(SymmetricKey::from_secret(taken_over), Err(KeyError::WipedByFork));
        // To drop them is no mistake.
        drop(keys);
        assert!(secret_pages().is_empty());
    });
    Ok(())
}

pub(crate) fn grandchild() -> Outcome {
    let keys = Keys::new();
    // To be dropped in each of the three.
    let mut dropped = Some(Keys::new());
    in_child(|| {
        keys.assert_wiped();
        let of_child = Keys::new();
        let mut dropped_too = Some(Keys::new());
        of_child.assert_whole();
        in_child(|| {
            keys.assert_wiped();
            of_child.assert_wiped();
            let of_grandchild = Keys::new();
            of_grandchild.assert_whole();
            drop((dropped.take(), dropped_too.take()));
            of_grandchild.assert_whole();
        });
        of_child.assert_whole();
        drop((dropped.take(), dropped_too.take()));
        of_child.assert_whole();
        keys.assert_wiped();
    });
    // The parent has lost nothing.
    keys.assert_whole();
    for _ in 0..3 {
        in_child(|| keys.assert_wiped());
    }
    dropped.take().expect("it is still here").assert_whole();
    keys.assert_whole();
    Ok(())
}

pub(crate) fn made_after() -> Outcome {
    let _before = Keys::new();
    in_child(|| {
        for _ in 0..10 {
            let keys = Keys::new();
            keys.assert_whole();
            assert!(keys.key.lock_outcome().is_some_and(|outcome| outcome.is_complete()));
        }
    });
    Ok(())
}

/// What nobody asked to be locked is copied, as any memory.
pub(crate) fn ordinary() -> Outcome {
    let key = ordinary_key();
    let expected = key.hmac_sha256(&[b"m"]);
    let prepared = key.prepare(b"").expect("in memory");
    let signer = SasSigner::new(ordinary_key(), &resource()).expect("not Service Bus");
    let token = signer.sign(EXPIRIES[0]);
    let store = MemoryKeyStore::new();
    store.import(&name(), NewKey::Symmetric(&key)).expect("it is new");
    in_child(|| {
        assert_eq!(key.hmac_sha256(&[b"m"]), expected);
        assert_eq!(prepared.finish(b"m"), expected);
        assert_eq!(signer.sign(EXPIRIES[0]), token);
        assert_eq!(key.lock_outcome(), None);
        assert_eq!(key, ordinary_key());
        let handle = store.mac_key(&name()).expect("it is there");
        assert_eq!(handle.hmac_sha256(&[b"m"]), expected);
        // What is locked in the child is.
        assert_eq!(key.to_locked(POLICY).expect("there are pages").hmac_sha256(&[b"m"]), expected);
    });
    Ok(())
}

/// A handle of a key that is gone.
fn assert_wiped(handle: &dyn MacKey) {
    assert_eq!(handle.hmac_sha256(&[b"m"]), Err(KeyError::WipedByFork));
    assert!(handle.prepare(b"").is_none());
    let signer = SasSigner::new(handle, &resource()).expect("not Service Bus");
    assert_eq!(signer.sign(EXPIRIES[0]), Err(SasError::Key(KeyError::WipedByFork)));
}

pub(crate) fn stores() -> Outcome {
    let store = MemoryKeyStore::locked(POLICY);
    let (other, new) = (KeyName::new("other").expect("a name"), ordinary_key());
    store.import(&name(), NewKey::Symmetric(&key())).expect("it is new");
    let handle = store.mac_key(&name()).expect("it is there");
    let expected = handle.hmac_sha256(&[b"m"]);
    assert!(expected.is_ok());
    in_child(|| {
        assert_wiped(&handle);
        assert_wiped(&*store.mac_key(&name()).expect("its name is still there"));
        let begun = Rotation::begin(&store, &name(), NewKey::Symmetric(&new), &[]);
        assert_eq!(begun.err(), Some(RotationError::Key(KeyError::WipedByFork)));
        // A new one in its place works, and so does another.
        store.rotate(&name(), NewKey::Symmetric(&new)).expect("it is there");
        let again = store.mac_key(&name()).expect("it is there");
        assert_eq!(again.hmac_sha256(&[b"m"]), expected);
        assert_eq!(store.create(&other, KeyKind::Symmetric), Ok(true));
        assert_wiped(&handle);
        drop(store);
    });
    assert_eq!(handle.hmac_sha256(&[b"m"]), expected);

    #[cfg(feature = "keystore-file")]
    file::wiped();
    #[cfg(feature = "keystore-software")]
    software::wiped();
    Ok(())
}

#[cfg(feature = "keystore-file")]
mod file {
    use hubward::keystore::file::{FileKeyStore, FileStoreError, StoreKey};

    use super::*;

    pub(super) fn wiped() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("store/keys");
        let raw = secret();
        let options = FileKeyStore::options().lock_memory(POLICY);
        let store = options.create(&path, StoreKey::Raw(&raw)).expect("it is new");
        store.import(&name(), NewKey::Symmetric(&key())).expect("it is new");
        let handle = store.mac_key(&name()).expect("it is there");
        let expected = handle.hmac_sha256(&[b"m"]);
        let before = std::fs::read(&path).expect("it can be read");
        in_child(|| {
            let gone = || Some(KeyError::WipedByFork);
            assert_wiped(&handle);
            assert_eq!(store.mac_key(&name()).err(), gone());
            assert_eq!(store.list().err(), gone());
            assert_eq!(store.rotate(&name(), NewKey::Generate(KeyKind::Symmetric)).err(), gone());
            assert_eq!(store.delete(&name()).err(), gone());
            let refused = Some(FileStoreError::Key(KeyError::WipedByFork));
            let ordinary = SecretBytes::copy_from(&[1; 32]).expect("it fits");
            assert_eq!(store.rekey(StoreKey::Raw(&ordinary)).err(), refused);
            for key in [StoreKey::Raw(&raw), StoreKey::MacKey(&handle)] {
                let created = options.create(dir.path().join("other/keys"), key);
                assert_eq!(created.err(), refused);
            }
            assert_eq!(options.open(&path, StoreKey::Raw(&raw)).err(), refused);
            assert_eq!(std::fs::read(&path).expect("it can be read"), before);
            // With its key from elsewhere it opens.
            let raw = SecretBytes::copy_from(ordinary_key().expose_bytes()).expect("it fits");
            let store = options.open(&path, StoreKey::Raw(&raw)).expect("it is there");
            let handle = store.mac_key(&name()).expect("it is there");
            assert_eq!(handle.hmac_sha256(&[b"m"]), expected);
        });
        let handle = store.mac_key(&name()).expect("it is there");
        assert_eq!(handle.hmac_sha256(&[b"m"]), expected);
    }
}

#[cfg(feature = "keystore-software")]
mod software {
    use hubward::keystore::{SignatureAlgorithm, SigningKey, SoftwareSigningKey};

    use super::*;

    fn assert_wiped(key: &dyn SigningKey) {
        let algorithm = key.algorithms()[0];
        assert_eq!(key.sign(algorithm, b"m"), Err(KeyError::WipedByFork));
        assert!(!key.public_key().is_empty(), "what is public is still there");
    }

    pub(super) fn wiped() {
        let store = MemoryKeyStore::locked(POLICY);
        for (kind, algorithm) in [
            (KeyKind::EcdsaP256, SignatureAlgorithm::EcdsaP256Sha256),
            (KeyKind::EcdsaP384, SignatureAlgorithm::EcdsaP384Sha384),
        ] {
            let ordinary = SoftwareSigningKey::generate(kind).expect("random numbers");
            let locked = ordinary.to_locked(POLICY).expect("there are pages");
            let name = KeyName::new(&format!("{kind:?}")).expect("a name");
            assert_eq!(store.create(&name, kind), Ok(true));
            let handle = store.signing_key(&name).expect("it is there");
            let signature = locked.sign(algorithm, b"m").expect("in memory");
            assert_eq!(ordinary.sign(algorithm, b"m").as_ref(), Ok(&signature));
            in_child(|| {
                assert_wiped(&locked);
                assert_wiped(&handle);
                assert_eq!(locked.to_locked(POLICY).err(), Some(KeyError::WipedByFork));
                assert_eq!(store.signing_key(&name).err(), Some(KeyError::WipedByFork));
                assert_eq!(ordinary.sign(algorithm, b"m").as_ref(), Ok(&signature));
            });
            assert_eq!(locked.sign(algorithm, b"m").as_ref(), Ok(&signature));
        }
    }
}

/// No list of pages is shared, so no other thread can hold a lock of it for ever.
pub(crate) fn threads() -> Outcome {
    let stop = AtomicBool::new(false);
    let shared = Arc::new(key());
    let expected = shared.hmac_sha256(&[b"m"]).expect("in memory");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let key = key();
                    drop(key.prepare(b"prefix").expect("there are pages"));
                    assert_eq!(key, *shared);
                }
            });
        }
        let done = std::panic::catch_unwind(|| {
            for _ in 0..50 {
                in_child(|| {
                    assert_eq!(key().hmac_sha256(&[b"m"]).as_ref(), Ok(&expected));
                    assert_eq!(shared.hmac_sha256(&[b"m"]), Err(KeyError::WipedByFork));
                });
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        stop.store(true, Ordering::Relaxed);
        done.expect("see above");
    });
    Ok(())
}
