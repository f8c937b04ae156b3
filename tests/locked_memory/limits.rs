//! What happens where the system gives less than was asked for.

use std::fs;

use hubward::keystore::{KeyKind, KeyName, KeyStore, KeyStoreAdmin as _, MemoryKeyStore, NewKey};
use hubward::secret::{LockPolicy, SecretBytes, SecretError};
use hubward::{KeyError, MacKey, ResourceUri, SasSigner, SymmetricKey, UnixTime};

use super::Outcome;
use super::process::{in_child, limit, page, secret_pages, with_locked_limit};

const TEXT: &str = "njd5uX9KfBXznMBgXO3INBCCJ2vzonJR+GxqEdDBjpU=";
const EXPIRY: UnixTime = UnixTime::from_secs(1_800_000_000);

fn name() -> KeyName {
    KeyName::new("hub.primary").expect("a name")
}

fn resource() -> ResourceUri {
    ResourceUri::parse("h.example/devices/d").expect("a resource")
}

fn locked(policy: LockPolicy) -> Result<SymmetricKey, KeyError> {
    SymmetricKey::from_base64_locked(TEXT, policy)
}

/// The token of an ordinary key.
fn token() -> String {
    let key = SymmetricKey::from_base64(TEXT).expect("a key");
    let signer = SasSigner::new(key, &resource()).expect("not Service Bus");
    signer.sign(EXPIRY).expect("in memory").expose_token().to_owned()
}

/// That a signer signs what it should, on both its ways.
fn assert_signs<K: MacKey>(signer: &SasSigner<K>) {
    assert_eq!(signer.sign(EXPIRY).expect("in memory").expose_token(), token());
}

fn not_locked(missing: &str) -> String {
    format!(
        "the secret cannot be held in locked memory ({missing}): raise the limit of locked memory \
         (RLIMIT_MEMLOCK, `LimitMEMLOCK=` of a systemd unit), or take `LockPolicy::Prefer`"
    )
}

pub(crate) fn without_locked_memory() -> Outcome {
    with_locked_limit(0, || {
        let refused = locked(LockPolicy::Require).expect_err("nothing can be locked");
        assert_eq!(refused.to_string(), not_locked("can be swapped"));
        let KeyError::NotLocked(outcome) = refused else {
            panic!("{refused:?}");
        };
        assert!(!outcome.locked && !outcome.is_complete());
        assert!(outcome.guarded && outcome.undumped && outcome.wiped_on_fork);
        let plain = SecretBytes::copy_from(b"secret").expect("it fits");
        let refused = plain.to_locked(LockPolicy::Require).expect_err("nothing can be locked");
        assert_eq!(refused, SecretError::NotLocked(outcome));
        let plain = SymmetricKey::from_base64(TEXT).expect("a key");
        let refused = plain.to_locked(LockPolicy::Require).expect_err("nothing can be locked");
        assert_eq!(refused, KeyError::NotLocked(outcome));
        assert!(secret_pages().is_empty(), "what was refused is given back");

        let key = locked(LockPolicy::Prefer).expect("preferred");
        assert_eq!(key.lock_outcome(), Some(outcome));
        assert_eq!(outcome.to_string(), "can be swapped");
        let prepared = key.prepare(b"prefix").expect("preferred");
        assert_eq!(prepared.lock_outcome(), Some(outcome));
        let signer = SasSigner::new(key, &resource()).expect("not Service Bus");
        assert_eq!(signer.lock_outcome(), Some(outcome));
        assert_signs(&signer);
        let [first, second] = &secret_pages()[..] else {
            panic!("one of the signer, one of the state");
        };
        for page in [first, second] {
            assert_eq!(page.locked, 0);
            assert!(page.has("dd") && !page.has("lo"), "{page:x?}");
        }
        // A fork wipes it nonetheless.
        in_child(|| assert_eq!(prepared.finish(b""), Err(KeyError::WipedByFork)));
        // What only asks for an empty place is refused as well.
        let empty = SecretBytes::copy_from(b"").expect("it fits");
        assert!(empty.to_locked(LockPolicy::Require).is_err());
    })
}

pub(crate) fn stores() -> Outcome {
    with_locked_limit(0, || {
        let new = SymmetricKey::from_base64(TEXT).expect("a key");
        let required = MemoryKeyStore::locked(LockPolicy::Require);
        for refused in [
            required.import(&name(), NewKey::Symmetric(&new)),
            required.create(&name(), KeyKind::Symmetric).map(drop),
        ] {
            assert!(matches!(refused, Err(KeyError::NotLocked(_))), "{refused:?}");
        }
        assert_eq!(required.list(), Ok(Vec::new()));
        assert_eq!(required.mac_key(&name()).err(), Some(KeyError::NotFound));

        let preferred = MemoryKeyStore::locked(LockPolicy::Prefer);
        preferred.import(&name(), NewKey::Symmetric(&new)).expect("preferred");
        let handle = preferred.mac_key(&name()).expect("it is there");
        let outcome = handle.lock_outcome().expect("it was asked for");
        assert_eq!(outcome.to_string(), "can be swapped");
        assert_signs(&SasSigner::new(handle, &resource()).expect("not Service Bus"));
        #[cfg(feature = "keystore-file")]
        file(&new);
        #[cfg(feature = "keystore-systemd")]
        systemd();
        #[cfg(feature = "keystore-software")]
        software();
    })
}

#[cfg(feature = "keystore-file")]
fn file(new: &SymmetricKey) {
    use hubward::keystore::file::{FileKeyStore, FileStoreError, StoreKey};

    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("store/keys");
    let raw = SecretBytes::copy_from(new.expose_bytes()).expect("it fits");
    let required = FileKeyStore::options().lock_memory(LockPolicy::Require);
    let preferred = FileKeyStore::options().lock_memory(LockPolicy::Prefer);
    let refused = required.create(&path, StoreKey::Raw(&raw)).expect_err("nothing can be locked");
    assert!(matches!(refused, FileStoreError::Key(KeyError::NotLocked(_))), "{refused:?}");
    assert_eq!(refused.to_string(), not_locked("can be swapped"));
    assert!(!path.exists(), "nothing was made");

    let store = preferred.create(&path, StoreKey::Raw(&raw)).expect("preferred");
    store.import(&name(), NewKey::Symmetric(new)).expect("preferred");
    let handle = store.mac_key(&name()).expect("it is there");
    for outcome in [store.lock_outcome(), handle.lock_outcome()] {
        assert_eq!(outcome.expect("it was asked for").to_string(), "can be swapped");
    }
    assert_signs(&SasSigner::new(handle, &resource()).expect("not Service Bus"));
    let refused = required.open(&path, StoreKey::Raw(&raw)).expect_err("nothing can be locked");
    assert!(matches!(refused, FileStoreError::Key(KeyError::NotLocked(_))), "{refused:?}");
}

#[cfg(feature = "keystore-systemd")]
fn systemd() {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    use hubward::keystore::SystemdCredentials;

    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("hub.primary");
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).expect("new");
    file.write_all(TEXT.as_bytes()).expect("it can be written");
    let store = |policy| SystemdCredentials::new(dir.path()).lock_memory(policy);
    let refused = store(LockPolicy::Require).mac_key(&name()).expect_err("nothing can be locked");
    assert!(matches!(refused, KeyError::NotLocked(_)), "{refused:?}");
    let handle = store(LockPolicy::Prefer).mac_key(&name()).expect("preferred");
    let outcome = handle.lock_outcome().expect("it was asked for");
    assert_eq!(outcome.to_string(), "can be swapped");
    assert_signs(&SasSigner::new(handle, &resource()).expect("not Service Bus"));
}

#[cfg(feature = "keystore-software")]
fn software() {
    use hubward::keystore::{SigningKey as _, SoftwareSigningKey};

    let key = SoftwareSigningKey::generate(KeyKind::EcdsaP256).expect("random numbers");
    assert_eq!(key.lock_outcome(), None);
    let refused = key.to_locked(LockPolicy::Require).expect_err("nothing can be locked");
    assert!(matches!(refused, KeyError::NotLocked(_)), "{refused:?}");
    let preferred = key.to_locked(LockPolicy::Prefer).expect("preferred");
    let outcome = preferred.lock_outcome().expect("it was asked for");
    assert_eq!(outcome.to_string(), "can be swapped");
    let algorithm = key.algorithms()[0];
    assert_eq!(preferred.sign(algorithm, b"m"), key.sign(algorithm, b"m"));
}

/// The key gets the page, and no state can be prepared beside it: the signer asks the key each time.
pub(crate) fn one_page() -> Outcome {
    with_locked_limit(page(), || {
        let key = locked(LockPolicy::Require).expect("one page can be locked");
        assert!(key.lock_outcome().is_some_and(|outcome| outcome.is_complete()));
        assert!(matches!(locked(LockPolicy::Require), Err(KeyError::NotLocked(_))));
        assert!(key.prepare(b"prefix").is_none());
        let outcome = key.lock_outcome();
        let signer = SasSigner::new(key, &resource()).expect("not Service Bus");
        // It is the key's that the signer tells then.
        assert_eq!(signer.lock_outcome(), outcome);
        assert_eq!(secret_pages().len(), 1);
        assert_signs(&signer);
        drop(signer);

        // With that page back there is room for a state of a key that is elsewhere.
        let key = locked(LockPolicy::Require).expect("it was given back");
        drop(key);
        let key = locked(LockPolicy::Prefer).expect("preferred");
        let second = locked(LockPolicy::Prefer).expect("preferred");
        let outcomes = [&key, &second].map(|key| key.lock_outcome().expect("it was asked for"));
        assert_eq!(outcomes.map(|outcome| outcome.locked), [true, false]);
        drop(key);
        let signer = SasSigner::new(second, &resource()).expect("not Service Bus");
        assert!(signer.lock_outcome().is_some_and(|outcome| outcome.is_complete()));
        assert_signs(&signer);
    })
}

/// Where no page can be had at all, a preference is for ordinary memory.
pub(crate) fn no_pages() -> Outcome {
    in_child(|| {
        let token = token();
        // What is needed on the heap from here on, which cannot grow then.
        drop(std::hint::black_box(vec![0_u8; 100_000]));
        let statm = fs::read_to_string("/proc/self/statm").expect("it is text");
        let pages = statm.split_whitespace().next().and_then(|pages| pages.parse::<usize>().ok());
        limit(libc::RLIMIT_AS, pages.expect("a number") * page());

        let refused = locked(LockPolicy::Require).expect_err("there is no page");
        let missing = "no guard pages, can be swapped, goes into core dumps, is copied by fork";
        assert_eq!(refused.to_string(), not_locked(missing));
        let KeyError::NotLocked(outcome) = refused else {
            panic!("{refused:?}");
        };
        let given = [outcome.guarded, outcome.locked, outcome.undumped, outcome.wiped_on_fork];
        assert_eq!(given, [false; 4]);

        let key = locked(LockPolicy::Prefer).expect("preferred");
        assert_eq!(key.lock_outcome(), Some(outcome));
        let prepared = key.prepare(b"prefix").expect("preferred");
        assert_eq!(prepared.lock_outcome(), Some(outcome));
        let signer = SasSigner::new(&key, &resource()).expect("not Service Bus");
        assert_eq!(signer.lock_outcome(), Some(outcome));
        assert_eq!(signer.sign(EXPIRY).expect("in memory").expose_token(), token);
        assert_eq!(prepared.finish(b"m"), key.hmac_sha256(&[b"prefixm"]));
    });
    Ok(())
}
