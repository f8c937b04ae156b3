//! The store in memory, and changes of credentials in it.

use hubward::keystore::rotation::{Outcome, Proof, Rotation, RotationError};
use hubward::keystore::{
    AtLeast, CredentialStore, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MemoryKeyStore, NewKey,
    Protection, RecordKind, Records, Slot,
};
use hubward::pki_types::CertificateDer;

use super::*;

fn name(name: &str) -> KeyName {
    KeyName::new(name).expect("a name")
}

/// A key that is no needle.
fn other_key() -> SymmetricKey {
    SymmetricKey::from_bytes(b"another key").expect("a key")
}

fn filled(store: &dyn KeyStoreAdmin) {
    let key = key();
    store.import(&name("a"), NewKey::Symmetric(&key)).expect("it is new");
}

/// Everything that is done with a store, with the key in it.
pub(crate) fn use_store(store: &dyn CredentialStore, keeps: bool) {
    // In a store that keeps its content in a file, a key is in memory while it is in use.
    let kept: &[&str] = if keeps { &["key"] } else { &[] };
    filled(store);
    assert_eq!(alive(), kept);
    let handle = store.mac_key(&name("a")).expect("it is there");
    assert_eq!(alive(), ["key"]);
    handle.hmac_sha256(&[b"message"]).expect("in memory");
    let signer = SasSigner::new(handle, &device()).expect("not Service Bus");
    let token = signer.sign(EXPIRY).expect("in memory");
    assert_eq!(token.expose_token(), token_text());
    drop((token, signer));
    assert_eq!(alive(), kept);

    let key = key();
    store.create(&name("b"), KeyKind::Symmetric).expect("it can be written");
    store.swap(&name("a"), &name("b")).expect("both are there");
    store.rotate(&name("a"), NewKey::Symmetric(&key)).expect("it is there");
    assert_eq!(store.list().expect("it can be read").len(), 2);
    store.rotate(&name("b"), NewKey::Symmetric(&other_key())).expect("it is there");
    store.swap(&name("a"), &name("b")).expect("both are there");
    let chain = [CertificateDer::from(&b"no certificate"[..])];
    store.set_certificates(&name("b"), &chain).expect("it is there");
    assert_eq!(store.certificates(&name("b")).expect("it can be read"), chain);

    // What is refused.
    let new = NewKey::Symmetric(&key);
    assert_eq!(store.import(&name("b"), new), Err(KeyError::AlreadyExists));
    assert_eq!(store.rotate(&name("c"), new), Err(KeyError::NotFound));
    assert_eq!(store.swap(&name("b"), &name("c")), Err(KeyError::NotFound));
    assert!(matches!(store.signing_key(&name("b")), Err(KeyError::WrongKind { .. })));
    let too_plain = AtLeast::new(store, Protection::Hardware).mac_key(&name("b"));
    assert!(matches!(too_plain, Err(KeyError::ProtectionTooLow { .. })));
    drop(key);
    assert_eq!(alive(), kept);
    store.delete(&name("b")).expect("it is there");
    store.delete(&name("a")).expect("it is there");
    assert!(alive().is_empty());
}

/// What a transaction puts into places, moves, and gives up.
pub(crate) fn use_records(store: &dyn CredentialStore) {
    let put = |records: &mut dyn Records| {
        let key = key();
        records.put_key(Slot::Staged, &name("a"), NewKey::Symmetric(&key))?;
        records.put_key(Slot::Retired, &name("a"), NewKey::Symmetric(&key))?;
        records.move_key((Slot::Staged, &name("a")), (Slot::Current, &name("b")))?;
        records.move_key((Slot::Retired, &name("a")), (Slot::Current, &name("b")))?;
        records.mac_key(Slot::Current, &name("b"))?.hmac_sha256(&[b"message"])?;
        records.put_record(RecordKind::Journal, Slot::Current, &name("a"), Some(b"note"))
    };
    // An error undoes it; a panic does as well.
    let refused = store.transact(&mut |records| {
        put(records)?;
        assert!(alive().contains(&"key"));
        Err(KeyError::NotFound)
    });
    assert_eq!(refused, Err(KeyError::NotFound));
    assert!(alive().is_empty());
    let result = catch_unwind(AssertUnwindSafe(|| {
        store.transact(&mut |records| {
            put(records)?;
            assert!(alive().contains(&"key"));
            resume_unwind(Box::new(()))
        })
    }));
    assert!(result.is_err_and(|panic| panic.is::<()>()), "it did not panic");
    assert!(alive().is_empty());
    assert_eq!(store.list().expect("it works again"), []);

    store.transact(&mut |records| put(records)).expect("it can be written");
    store
        .transact(&mut |records| {
            // Over what was there.
            records.put_key(Slot::Current, &name("b"), NewKey::Symmetric(&other_key()))?;
            records.delete_key(Slot::Current, &name("b"))?;
            records.put_record(RecordKind::Journal, Slot::Current, &name("a"), None)
        })
        .expect("it can be written");
    assert!(alive().is_empty());
}

/// Changes of credential, each of its ends.
pub(crate) fn use_rotation(store: &dyn CredentialStore) {
    let accept = |candidate: &hubward::keystore::rotation::Candidate| {
        let key = candidate.mac_key().expect("it is symmetric");
        let signer = SasSigner::new(Arc::clone(key), &device()).expect("not Service Bus");
        assert_eq!(signer.sign(EXPIRY).expect("in memory").expose_token(), token_text());
        Proof::Accepted
    };
    let begin = || {
        let key = key();
        Rotation::begin(store, &name("a"), NewKey::Symmetric(&key), &[])
    };
    // From one key to the same, so that both are needles.
    filled(store);
    for round in 0..2 {
        let rotation = begin().expect("none is in progress");
        assert_eq!(begin().err(), Some(RotationError::InProgress));
        if round == 0 {
            assert_eq!(rotation.finish(accept), Ok(Outcome::Done));
        } else {
            drop(rotation);
            let rotation = Rotation::resume(store, &name("a")).expect("it can be read");
            assert_eq!(rotation.expect("it is there").finish(accept), Ok(Outcome::Done));
        }
    }
    let rotation = begin().expect("none is in progress");
    assert_eq!(rotation.finish(|_| Proof::Rejected), Ok(Outcome::Rejected));
    let rotation = begin().expect("none is in progress");
    assert_eq!(rotation.clone().finish(|_| Proof::Unknown), Ok(Outcome::Unproved));
    let result =
        catch_unwind(AssertUnwindSafe(|| rotation.clone().finish(|_| resume_unwind(Box::new(())))));
    assert!(result.is_err_and(|panic| panic.is::<()>()), "it did not panic");
    store.rotate(&name("a"), NewKey::Symmetric(&other_key())).expect("it is there");
    assert_eq!(rotation.phase(), Err(RotationError::Superseded));
    store.delete(&name("a")).expect("it is there");
    assert!(alive().is_empty());
}

#[test]
fn what_is_done_with_keys_leaves_nothing() {
    clean(|| use_store(&MemoryKeyStore::new(), true));
}

#[test]
fn a_store_that_is_dropped_takes_its_keys_along() {
    clean(|| {
        let store = MemoryKeyStore::new();
        filled(&store);
        let handle = store.mac_key(&name("a")).expect("it is there");
        drop(store);
        // Its handles are good for as long as they are kept.
        assert_eq!(alive(), ["key"]);
        let prepared = handle.prepare(b"short").expect("in memory");
        drop(handle);
        assert_eq!(alive(), ["inner state of the key", "outer state"]);
        drop(prepared);
        assert!(alive().is_empty());

        let shared: Arc<dyn KeyStore> = {
            let store = MemoryKeyStore::new();
            filled(&store);
            Arc::new(store)
        };
        assert_eq!(alive(), ["key"]);
        drop(shared);
    });
}

#[test]
fn transactions_leave_nothing() {
    clean(|| use_records(&MemoryKeyStore::new()));
}

#[test]
fn changes_of_credentials_leave_nothing() {
    clean(|| use_rotation(&MemoryKeyStore::new()));
}

#[cfg(feature = "mlock")]
#[test]
fn what_a_store_has_in_locked_pages_is_not_on_the_heap() {
    use hubward::secret::LockPolicy;

    clean(|| {
        let store = MemoryKeyStore::locked(LockPolicy::Prefer);
        filled(&store);
        assert!(alive().is_empty());
        let handle = store.mac_key(&name("a")).expect("it is there");
        let signer = SasSigner::new(handle, &device()).expect("not Service Bus");
        assert!(signer.sign(EXPIRY).is_ok());
        store.create(&name("b"), KeyKind::Symmetric).expect("in memory");
        store.swap(&name("a"), &name("b")).expect("both are there");
        let rotation =
            Rotation::begin(&store, &name("a"), NewKey::Generate(KeyKind::Symmetric), &[]);
        assert_eq!(rotation.expect("the first").finish(|_| Proof::Accepted), Ok(Outcome::Done));
        assert!(alive().is_empty());
    });
}
