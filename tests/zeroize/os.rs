//! The kernel's keyring: what passes through this process on the way.

use hubward::keystore::os::{Keyring, OsKeyStore};
use hubward::keystore::{KeyName, KeyStore as _, KeyStoreAdmin as _, NewKey};

use super::*;

/// Nothing is tested where the kernel lets this process have no keyring.
#[test]
fn keys_on_the_way_to_the_kernel_are_wiped() {
    let name = KeyName::new("name").expect("a name");
    let namespace = KeyName::new("zeroize").expect("a name");
    let Ok(store) = OsKeyStore::open(Keyring::Process, &namespace) else {
        return;
    };
    if store.import(&name, NewKey::Symmetric(&key())).is_err() {
        return;
    }
    store.delete(&name).expect("it is there");
    clean(|| {
        store.import(&name, NewKey::Symmetric(&key())).expect("it is new");
        assert!(alive().is_empty());
        let handle = store.mac_key(&name).expect("it is there");
        assert_eq!(alive(), ["key"]);
        let signer = SasSigner::new(handle, &device()).expect("not Service Bus");
        assert_eq!(signer.sign(EXPIRY).expect("in memory").expose_token(), token_text());
        drop(signer);
        assert!(alive().is_empty());
        store.rotate(&name, NewKey::Symmetric(&key())).expect("it is there");
        assert!(matches!(store.signing_key(&name), Err(KeyError::WrongKind { .. })));
        assert_eq!(store.list().expect("it can be read").len(), 1);
        assert!(store.import(&name, NewKey::Symmetric(&key())).is_err());
        store.delete(&name).expect("it is there");
    });
}
