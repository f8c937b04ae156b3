//! The store in memory, which is the measure for all others.

use hubward::SymmetricKey;
use hubward::keystore::{
    KeyError, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MacKey as _, MemoryKeyStore, NewKey,
};

use crate::ABILITIES;
use crate::conformance::{Store, Subject};

pub(crate) fn subject() -> Option<Subject> {
    Some(Subject::fleeting(ABILITIES, Store::Credentials(Box::new(MemoryKeyStore::new()))))
}

#[cfg(feature = "mlock")]
pub(crate) fn locked() -> Option<Subject> {
    use hubward::secret::LockPolicy;

    let store = MemoryKeyStore::locked(LockPolicy::Prefer);
    let abilities = crate::conformance::Abilities { locked: true, ..ABILITIES };
    Some(Subject::fleeting(abilities, Store::Credentials(Box::new(store))))
}

#[test]
fn each_store_has_its_own_keys_and_they_outlive_it() {
    static STORE: MemoryKeyStore = MemoryKeyStore::new();

    let name = KeyName::new("hub.primary").unwrap();
    let other = MemoryKeyStore::default();
    let key = SymmetricKey::from_bytes(b"a key, plainly fake").unwrap();
    STORE.import(&name, NewKey::Symmetric(&key)).unwrap();
    assert_eq!(other.mac_key(&name).err(), Some(KeyError::NotFound));
    assert_eq!(other.create(&name, KeyKind::Symmetric), Ok(true));
    let handle = other.mac_key(&name).unwrap();
    let prepared = handle.prepare(b"mess").unwrap();
    let tag = handle.hmac_sha256(&[b"message"]);
    drop(other);
    assert_eq!(handle.hmac_sha256(&[b"message"]), tag);
    assert_eq!(prepared.finish(b"age"), tag);
    assert_ne!(STORE.mac_key(&name).unwrap().hmac_sha256(&[b"message"]), tag);
}

#[test]
fn keys_of_every_length_are_kept() {
    let store = MemoryKeyStore::new();
    for len in 1..=SymmetricKey::MAX_LEN {
        let bytes: Vec<u8> = (1..=u8::MAX).cycle().skip(len).take(len).collect();
        let key = SymmetricKey::from_bytes(&bytes).unwrap();
        let name = KeyName::new(&format!("key-{len}")).unwrap();
        store.import(&name, NewKey::Symmetric(&key)).unwrap();
        let found = store.mac_key(&name).unwrap();
        assert_eq!(found.hmac_sha256(&[b"message"]), key.hmac_sha256(&[b"message"]), "{len}");
    }
    assert_eq!(store.list().unwrap().len(), SymmetricKey::MAX_LEN);
}

/// Without the feature for them, private keys are refused in words that name it.
#[cfg(not(feature = "keystore-software"))]
#[test]
fn private_keys_need_their_feature() {
    let name = KeyName::new("device").unwrap();
    let store = MemoryKeyStore::new();
    for kind in [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa] {
        let error = store.create(&name, kind).unwrap_err();
        assert_eq!(
            error.to_string(),
            "this store or build does not support private keys: turn on the feature \
             `keystore-software`"
        );
    }
}
