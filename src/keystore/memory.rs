//! The store in memory.

use core::convert::Infallible;
use core::fmt;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{Mutex, PoisonError};

use super::bytes::KeyBytes;
use super::content::{self, Content, EntryId, Item, Sealed};
use super::{
    CredentialStore, KeyError, KeyInfo, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MacKey, NewKey,
    Protection, Records, SigningKey, Slot,
};
use crate::secret::Memory;

#[cfg(feature = "mlock")]
use crate::secret::LockPolicy;

/// Keys that live as long as the store: for tests, for keys that come with each start, and as the
/// reference of what every other store does.
///
/// # Examples
///
/// ```
/// use hubward::keystore::{KeyKind, KeyName, KeyStore, KeyStoreAdmin, MemoryKeyStore, NewKey};
/// use hubward::{MacKey, SymmetricKey};
///
/// let store = MemoryKeyStore::new();
/// let primary = KeyName::new("hub.primary")?;
/// store.import(&primary, NewKey::Symmetric(&SymmetricKey::from_base64("Zm9vYmFy")?))?;
/// store.create(&KeyName::new("hub.secondary")?, KeyKind::Symmetric)?;
///
/// let tag = store.mac_key(&primary)?.hmac_sha256(&[b"message"])?;
/// assert_eq!(store.list()?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryKeyStore(Mutex<Content<Infallible>>);

impl MemoryKeyStore {
    /// An empty store.
    pub const fn new() -> Self {
        Self::in_memory(Memory::Plain)
    }

    /// An empty store that keeps its keys in locked pages.
    #[cfg(feature = "mlock")]
    pub const fn locked(policy: LockPolicy) -> Self {
        Self::in_memory(Memory::Locked(policy))
    }

    const fn in_memory(memory: Memory) -> Self {
        Self(Mutex::new(Content {
            items: BTreeMap::new(),
            memory,
            protection: Protection::Plain,
            changed: false,
        }))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Content<Infallible>) -> T) -> T {
        // What a panic interrupted was not committed.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for MemoryKeyStore {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyStore for MemoryKeyStore {
    fn mac_key(&self, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError> {
        self.with(|content| content.mac_key(Slot::Current, name))
    }

    fn signing_key(&self, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError> {
        self.with(|content| content.signing_key(Slot::Current, name))
    }
}

impl KeyStoreAdmin for MemoryKeyStore {
    fn create(&self, name: &KeyName, kind: KeyKind) -> Result<bool, KeyError> {
        content::create(self, name, kind)
    }

    fn import(&self, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError> {
        content::import(self, name, key)
    }

    fn rotate(&self, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError> {
        content::rotate(self, name, key)
    }

    fn swap(&self, a: &KeyName, b: &KeyName) -> Result<(), KeyError> {
        content::swap(self, a, b)
    }

    fn delete(&self, name: &KeyName) -> Result<(), KeyError> {
        content::delete(self, name)
    }

    fn list(&self) -> Result<Vec<KeyInfo>, KeyError> {
        self.with(|content| content::list(content))
    }
}

impl CredentialStore for MemoryKeyStore {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Records) -> Result<(), KeyError>,
    ) -> Result<(), KeyError> {
        self.with(|content| {
            let items = content.items.iter().map(|(id, item)| {
                let item = match item {
                    Item::Key(key) => Item::Key(Arc::clone(key)),
                    Item::Record(record) => Item::Record(record.clone()),
                    Item::Sealed(never) => match *never {},
                };
                (id.clone(), item)
            });
            let Content { memory, protection, .. } = *content;
            let mut draft = Content { items: items.collect(), memory, protection, changed: false };
            work(&mut draft)?;
            *content = draft;
            Ok(())
        })
    }
}

/// Nothing here is ever at rest.
impl Sealed for Infallible {
    fn kind(&self) -> Option<KeyKind> {
        match *self {}
    }

    fn open_key(&self, _: &EntryId) -> Result<Arc<KeyBytes>, KeyError> {
        match *self {}
    }

    fn open_record(&self, _: &EntryId) -> Result<Vec<u8>, KeyError> {
        match *self {}
    }
}

/// Shows no key, and no names.
impl fmt::Debug for MemoryKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKeyStore").finish_non_exhaustive()
    }
}
