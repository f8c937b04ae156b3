//! What stores that can change several things at once have in common: their content while it is looked
//! at or changed, and managing keys in it.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::bytes::{KeyBytes, mac_key, signing_key};
use super::store::{CredentialStore, refused};
use super::{
    KeyError, KeyInfo, KeyKind, KeyName, MacKey, NewKey, Protection, RecordKind, Records,
    SigningKey, Slot,
};
use crate::secret::Memory;

/// What is in a store, by what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EntryClass {
    Key,
    Record(RecordKind),
}

/// What is in a store, by what it is and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    pub(super) name: KeyName,
    pub(super) class: EntryClass,
    pub(super) slot: Slot,
}

impl EntryId {
    pub(super) fn key(slot: Slot, name: &KeyName) -> Self {
        Self { name: name.clone(), class: EntryClass::Key, slot }
    }

    fn record(kind: RecordKind, slot: Slot, name: &KeyName) -> Self {
        Self { name: name.clone(), class: EntryClass::Record(kind), slot }
    }
}

/// What a store keeps under an [`EntryId`].
pub(super) enum Item<S> {
    Key(Arc<KeyBytes>),
    Record(Vec<u8>),
    /// As it is at rest; opened where it is needed.
    #[cfg_attr(
        not(feature = "keystore-file"),
        expect(dead_code, reason = "only files are at rest")
    )]
    Sealed(S),
}

impl<S: Sealed> Item<S> {
    /// The kind, if it is a key.
    pub(super) fn kind(&self) -> Option<KeyKind> {
        match self {
            Self::Key(key) => Some(key.kind()),
            Self::Record(_) => None,
            Self::Sealed(sealed) => sealed.kind(),
        }
    }
}

/// An entry at rest.
pub(super) trait Sealed {
    /// The kind, if it is a key.
    fn kind(&self) -> Option<KeyKind>;

    fn open_key(&self, id: &EntryId) -> Result<Arc<KeyBytes>, KeyError>;

    fn open_record(&self, id: &EntryId) -> Result<Vec<u8>, KeyError>;
}

/// The longest record. A chain of certificates has a few thousand bytes.
pub(super) const RECORD_MAX: usize = 64 * 1024;

/// A store's content, in memory, while it is looked at or changed.
pub(super) struct Content<S> {
    pub(super) items: BTreeMap<EntryId, Item<S>>,
    pub(super) memory: Memory,
    pub(super) protection: Protection,
    pub(super) changed: bool,
}

impl<S: Sealed> Content<S> {
    fn find_key(&self, slot: Slot, name: &KeyName) -> Result<Arc<KeyBytes>, KeyError> {
        let id = EntryId::key(slot, name);
        match self.items.get(&id).ok_or(KeyError::NotFound)? {
            Item::Key(key) => Ok(Arc::clone(key)),
            Item::Sealed(sealed) => sealed.open_key(&id),
            Item::Record(_) => Err(KeyError::NotFound),
        }
    }
}

impl<S: Sealed> Records for Content<S> {
    fn kind(&self, slot: Slot, name: &KeyName) -> Result<Option<KeyKind>, KeyError> {
        Ok(self.items.get(&EntryId::key(slot, name)).and_then(Item::kind))
    }

    fn mac_key(&self, slot: Slot, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError> {
        // Nothing is opened that is not what was asked for.
        match self.kind(slot, name)?.ok_or(KeyError::NotFound)? {
            KeyKind::Symmetric => mac_key(self.find_key(slot, name)?, self.protection),
            found => Err(KeyError::WrongKind { found: Some(found) }),
        }
    }

    fn signing_key(&self, slot: Slot, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError> {
        match self.kind(slot, name)?.ok_or(KeyError::NotFound)? {
            KeyKind::Symmetric => Err(KeyError::WrongKind { found: Some(KeyKind::Symmetric) }),
            _ => signing_key(self.find_key(slot, name)?, self.protection),
        }
    }

    fn put_key(&mut self, slot: Slot, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError> {
        let key = KeyBytes::new(self.memory, key)?;
        self.items.insert(EntryId::key(slot, name), Item::Key(Arc::new(key)));
        self.changed = true;
        Ok(())
    }

    fn move_key(&mut self, from: (Slot, &KeyName), to: (Slot, &KeyName)) -> Result<(), KeyError> {
        // An entry at rest is bound to its name, so it is opened here and sealed under the new one.
        let key = self.find_key(from.0, from.1)?;
        self.items.remove(&EntryId::key(from.0, from.1));
        self.items.insert(EntryId::key(to.0, to.1), Item::Key(key));
        self.changed = true;
        Ok(())
    }

    fn delete_key(&mut self, slot: Slot, name: &KeyName) -> Result<(), KeyError> {
        self.changed |= self.items.remove(&EntryId::key(slot, name)).is_some();
        Ok(())
    }

    fn record(
        &self,
        kind: RecordKind,
        slot: Slot,
        name: &KeyName,
    ) -> Result<Option<Vec<u8>>, KeyError> {
        let id = EntryId::record(kind, slot, name);
        Ok(match self.items.get(&id) {
            Some(Item::Record(content)) => Some(content.clone()),
            Some(Item::Sealed(sealed)) => Some(sealed.open_record(&id)?),
            Some(Item::Key(_)) | None => None,
        })
    }

    fn put_record(
        &mut self,
        kind: RecordKind,
        slot: Slot,
        name: &KeyName,
        content: Option<&[u8]>,
    ) -> Result<(), KeyError> {
        let id = EntryId::record(kind, slot, name);
        match content {
            Some(content) if content.len() > RECORD_MAX => {
                return Err(refused("a record has at most 64 KiB"));
            }
            Some(content) => {
                self.items.insert(id, Item::Record(content.to_vec()));
                self.changed = true;
            }
            None => self.changed |= self.items.remove(&id).is_some(),
        }
        Ok(())
    }

    fn keys(&self) -> Result<Vec<(KeyName, KeyKind)>, KeyError> {
        let current = self.items.iter().filter(|(id, _)| id.slot == Slot::Current);
        Ok(current.filter_map(|(id, item)| Some((id.name.clone(), item.kind()?))).collect())
    }
}

// --- What `KeyStoreAdmin` does, for every store that can do several things at once.

pub(super) fn create(
    store: &impl CredentialStore,
    name: &KeyName,
    kind: KeyKind,
) -> Result<bool, KeyError> {
    let mut created = false;
    store.transact(&mut |records| match records.kind(Slot::Current, name)? {
        Some(found) if found == kind => Ok(()),
        None => {
            created = true;
            records.put_key(Slot::Current, name, NewKey::Generate(kind))
        }
        found => Err(KeyError::WrongKind { found }),
    })?;
    Ok(created)
}

pub(super) fn import(
    store: &impl CredentialStore,
    name: &KeyName,
    key: NewKey<'_>,
) -> Result<(), KeyError> {
    store.transact(&mut |records| match records.kind(Slot::Current, name)? {
        Some(_) => Err(KeyError::AlreadyExists),
        None => records.put_key(Slot::Current, name, key),
    })
}

pub(super) fn rotate(
    store: &impl CredentialStore,
    name: &KeyName,
    key: NewKey<'_>,
) -> Result<(), KeyError> {
    store.transact(&mut |records| {
        let found = records.kind(Slot::Current, name)?;
        found.ok_or(KeyError::NotFound)?;
        records.put_key(Slot::Current, name, key)?;
        // Only now it is known of what kind the new key is; an error undoes it.
        if records.kind(Slot::Current, name)? != found {
            return Err(KeyError::WrongKind { found });
        }
        Ok(())
    })
}

pub(super) fn swap(store: &impl CredentialStore, a: &KeyName, b: &KeyName) -> Result<(), KeyError> {
    store.transact(&mut |records| {
        for name in [a, b] {
            records.kind(Slot::Current, name)?.ok_or(KeyError::NotFound)?;
        }
        if a == b {
            return Ok(());
        }
        // By way of a place that nothing else is in at the end of a transaction.
        let aside = records.kind(Slot::Retired, a)?;
        if aside.is_some() {
            return Err(refused("a change of this credential is in progress: finish it first"));
        }
        records.move_key((Slot::Current, a), (Slot::Retired, a))?;
        records.move_key((Slot::Current, b), (Slot::Current, a))?;
        records.move_key((Slot::Retired, a), (Slot::Current, b))?;
        let chains =
            [a, b].map(|name| records.record(RecordKind::Certificates, Slot::Current, name));
        for (chain, name) in chains.into_iter().zip([b, a]) {
            let chain = chain?;
            records.put_record(RecordKind::Certificates, Slot::Current, name, chain.as_deref())?;
        }
        Ok(())
    })
}

pub(super) fn delete(store: &impl CredentialStore, name: &KeyName) -> Result<(), KeyError> {
    store.transact(&mut |records| {
        records.kind(Slot::Current, name)?.ok_or(KeyError::NotFound)?;
        for slot in [Slot::Current, Slot::Staged, Slot::Retired] {
            records.delete_key(slot, name)?;
            records.put_record(RecordKind::Certificates, slot, name, None)?;
        }
        records.put_record(RecordKind::Journal, Slot::Current, name, None)
    })
}

/// The lines of [`KeyStoreAdmin::list`](super::KeyStoreAdmin::list).
pub(super) fn list<S: Sealed>(content: &Content<S>) -> Result<Vec<KeyInfo>, KeyError> {
    let keys = content.keys()?.into_iter();
    Ok(keys.map(|(name, kind)| KeyInfo::new(name, kind, content.protection)).collect())
}
