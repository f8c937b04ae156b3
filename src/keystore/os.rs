//! The operating system's own store of credentials: on Linux the kernel keyring (keyrings(7)).
//!
//! The kernel keeps keys in memory that is never swapped, for a user, a session or a process. They are
//! gone after a restart, and those of a user when the last process of that user has ended. Who has
//! another key at the start (from an encrypted file, from provisioning) puts it here for the programs of
//! the device.

use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use linux_keyutils::{Key, KeyRing, KeyRingIdentifier, KeySerialId, KeyType};
use thiserror::Error;

use super::bytes::{KEY_MAX, KeyBytes, mac_key, signing_key};
use super::store::{corrupt, refused};
use super::{
    KeyError, KeyInfo, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MacKey, NewKey, Protection,
    SigningKey,
};
use crate::error::OtherError;
use crate::secret::{Memory, SecretArray};

#[cfg(feature = "mlock")]
use crate::secret::LockPolicy;

/// Whose keyring it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keyring {
    /// That of the user: for all processes of that user, until the last has ended.
    User,
    /// That of the session, which processes inherit: for a service and what it starts.
    Session,
    /// That of the process: for its threads alone.
    Process,
}

impl Keyring {
    const fn identifier(self) -> KeyRingIdentifier {
        match self {
            Self::User => KeyRingIdentifier::User,
            Self::Session => KeyRingIdentifier::Session,
            Self::Process => KeyRingIdentifier::Process,
        }
    }
}

/// Keys in a keyring of the kernel.
///
/// A key is of the type `user`, and its description is `hubward:NAMESPACE:NAME`. A handle holds a copy in
/// the memory of this process. To reach the keyring of a user from a session that has no link to it, each
/// thread that uses the store gets one in a keyring of its own, for as long as it runs. Deleting a key takes
/// it out of this keyring; what else links to it keeps it.
///
/// The kernel has no way to add a key only if there is none: of two *processes* that create or import a
/// key of one name at the same moment, both may think that they did, and the later one's key stands. Nor
/// can it exchange two keys at once, so [`swap`](KeyStoreAdmin::swap) is
/// [refused](KeyError::Refused).
///
/// # Examples
///
/// ```no_run
/// use hubward::keystore::os::{Keyring, OsKeyStore};
/// use hubward::keystore::{KeyKind, KeyName, KeyStore, KeyStoreAdmin};
///
/// let store = OsKeyStore::open(Keyring::User, &KeyName::new("contoso")?)?;
/// store.create(&KeyName::new("hub.primary")?, KeyKind::Symmetric)?;
/// let key = store.mac_key(&KeyName::new("hub.primary")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OsKeyStore {
    keyring: Keyring,
    ring: KeyRing,
    /// What the descriptions of this store's keys begin with.
    prefix: String,
    memory: Memory,
    /// One change at a time, as far as this store sees.
    changing: Mutex<()>,
}

/// The kind, and the bytes.
const PAYLOAD_MAX: usize = 1 + KEY_MAX;

impl OsKeyStore {
    /// The keys under `namespace` in a keyring, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`KeyError::Refused`] if the kernel does not let this process use the keyring.
    pub fn open(keyring: Keyring, namespace: &KeyName) -> Result<Self, KeyError> {
        let ring = KeyRing::from_special_id(keyring.identifier(), true).map_err(failed)?;
        let prefix = format!("hubward:{namespace}:");
        Ok(Self { keyring, ring, prefix, memory: Memory::Plain, changing: Mutex::new(()) })
    }

    /// Reads keys into locked pages.
    #[cfg(feature = "mlock")]
    #[must_use]
    pub fn lock_memory(self, policy: LockPolicy) -> Self {
        Self { memory: Memory::Locked(policy), ..self }
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn description(&self, name: &KeyName) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Sees to it that the thread has the keyring that the store was opened with, and may use what is in it.
    fn reach(&self) -> Result<(), KeyError> {
        // Session and process have their keyrings by thread: one that was there before has others.
        let present = KeyRing::from_special_id(self.keyring.identifier(), false);
        if present != Ok(self.ring) {
            return Err(refused(
                "this thread has another keyring than the one that the store was opened with",
            ));
        }
        if self.keyring == Keyring::User {
            // A session may have no link to its user's keyring (systemd's and containers' have none), and
            // then nobody in it possesses the keys. A keyring of the thread gives it one, and ends with it.
            let own = KeyRing::from_special_id(KeyRingIdentifier::Thread, true).map_err(failed)?;
            own.link_keyring(self.ring).map_err(failed)?;
        }
        Ok(())
    }

    /// The keys of this store, with their names.
    fn keys(&self) -> Result<Vec<(KeyName, Key)>, KeyError> {
        self.reach()?;
        // The links of a keyring are its payload: serial numbers, four bytes each. The kernel says how long
        // it is and fills what it is given, so the size is asked for until it fits.
        let ring = Key::from_id(KeySerialId(self.keyring.identifier() as i32));
        let mut links = vec![0_u8; 4 * 64];
        let len = loop {
            let len = ring.read(&mut links).map_err(failed)?;
            if len <= links.len() {
                break len;
            }
            links = vec![0; len];
        };
        let serials = links.get(..len).unwrap_or_default().as_chunks().0;
        let mut keys: Vec<_> = serials
            .iter()
            .filter_map(|serial| {
                let key = Key::from_id(KeySerialId(i32::from_ne_bytes(*serial)));
                // One that is not ours may be hidden from us; one that expired meanwhile is gone.
                let metadata = key.metadata().ok()?;
                let name = metadata.get_description().strip_prefix(&self.prefix)?;
                (metadata.get_type() == KeyType::User).then_some((KeyName::new(name).ok()?, key))
            })
            .collect();
        keys.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(keys)
    }

    fn find(&self, name: &KeyName) -> Result<Option<Key>, KeyError> {
        Ok(self.keys()?.into_iter().find(|(found, _)| found == name).map(|(_, key)| key))
    }

    fn read(&self, key: Key) -> Result<KeyBytes, KeyError> {
        let payload = SecretArray::<PAYLOAD_MAX>::build(self.memory, |room| {
            let len = key.read(room).map_err(failed)?;
            if len > PAYLOAD_MAX { Err(FOREIGN) } else { Ok(len) }
        })?;
        let (kind, bytes) = payload.expose()?.split_first().ok_or(FOREIGN)?;
        let kind = KeyKind::from_code(*kind).ok_or(FOREIGN)?;
        KeyBytes::copy_from(self.memory, kind, bytes).map_err(|error| match error {
            KeyError::Empty | KeyError::TooLong => FOREIGN,
            other => other,
        })
    }

    fn load(&self, name: &KeyName) -> Result<KeyBytes, KeyError> {
        self.read(self.find(name)?.ok_or(KeyError::NotFound)?)
    }

    /// Adds the key, or replaces the payload of the one that is there.
    fn write(&self, name: &KeyName, key: &KeyBytes) -> Result<(), KeyError> {
        let payload = SecretArray::<PAYLOAD_MAX>::build(self.memory, |room| {
            let bytes = key.expose()?;
            let (first, rest) = room.split_first_mut().ok_or(FOREIGN)?;
            *first = key.kind().code();
            rest.get_mut(..bytes.len()).ok_or(KeyError::TooLong)?.copy_from_slice(bytes);
            Ok::<_, KeyError>(1 + bytes.len())
        })?;
        self.ring.add_key(&self.description(name), payload.expose()?).map_err(failed)?;
        Ok(())
    }
}

const FOREIGN: KeyError =
    corrupt("the kernel has a key of that description that hubward did not write");

impl KeyStore for OsKeyStore {
    fn mac_key(&self, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError> {
        mac_key(Arc::new(self.load(name)?), Protection::OperatingSystem)
    }

    fn signing_key(&self, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError> {
        signing_key(Arc::new(self.load(name)?), Protection::OperatingSystem).map_err(|error| {
            match error {
                // It was one when it was put there.
                KeyError::InvalidPrivateKey => FOREIGN,
                other => other,
            }
        })
    }
}

impl KeyStoreAdmin for OsKeyStore {
    fn create(&self, name: &KeyName, kind: KeyKind) -> Result<bool, KeyError> {
        let _changing = self.changing();
        match self.find(name)? {
            Some(key) => match self.read(key)?.kind() {
                found if found == kind => Ok(false),
                found => Err(KeyError::WrongKind { found: Some(found) }),
            },
            None => {
                self.write(name, &KeyBytes::new(self.memory, NewKey::Generate(kind))?)?;
                Ok(true)
            }
        }
    }

    fn import(&self, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError> {
        let _changing = self.changing();
        if self.find(name)?.is_some() {
            return Err(KeyError::AlreadyExists);
        }
        self.write(name, &KeyBytes::new(self.memory, key)?)
    }

    fn rotate(&self, name: &KeyName, key: NewKey<'_>) -> Result<(), KeyError> {
        let _changing = self.changing();
        let found = self.load(name)?.kind();
        let key = KeyBytes::new(self.memory, key)?;
        if key.kind() != found {
            return Err(KeyError::WrongKind { found: Some(found) });
        }
        self.write(name, &key)
    }

    fn swap(&self, a: &KeyName, b: &KeyName) -> Result<(), KeyError> {
        for name in [a, b] {
            self.find(name)?.ok_or(KeyError::NotFound)?;
        }
        if a == b {
            return Ok(());
        }
        Err(refused("the kernel cannot exchange two keys at once"))
    }

    fn delete(&self, name: &KeyName) -> Result<(), KeyError> {
        let _changing = self.changing();
        let key = self.find(name)?.ok_or(KeyError::NotFound)?;
        self.ring.unlink_key(key).map_err(failed)
    }

    fn list(&self) -> Result<Vec<KeyInfo>, KeyError> {
        let mut list = Vec::new();
        for (name, key) in self.keys()? {
            match self.read(key) {
                Ok(key) => list.push(KeyInfo::new(name, key.kind(), Protection::OperatingSystem)),
                // It expired or was deleted since the names were read.
                Err(KeyError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(list)
    }
}

impl fmt::Debug for OsKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keyring, prefix, .. } = self;
        f.debug_struct("OsKeyStore")
            .field("keyring", keyring)
            .field("prefix", prefix)
            .finish_non_exhaustive()
    }
}

/// What the kernel answered.
#[derive(Debug, Error)]
#[error("the kernel keyring answers: {0}")]
struct KernelError(linux_keyutils::KeyError);

fn failed(error: linux_keyutils::KeyError) -> KeyError {
    use linux_keyutils::KeyError as Kernel;

    let cause = OtherError::new(KernelError(error));
    match error {
        Kernel::KeyDoesNotExist | Kernel::KeyExpired | Kernel::KeyRevoked => KeyError::NotFound,
        Kernel::AccessDenied | Kernel::PermissionDenied | Kernel::QuotaExceeded => {
            KeyError::Refused(cause)
        }
        _ => KeyError::Other(cause),
    }
}
