//! Keys in an encrypted file (Unix).
//!
//! Everything is in one file, which is replaced as a whole: after a crash it holds the state before a
//! change or the one after it. Keys and certificates are encrypted with XChaCha20-Poly1305 and the list
//! of them is authenticated with them, under a key that comes from a passphrase, from raw bytes or from a
//! [`MacKey`] of another store, which may be a chip. The format is in the source of this module,
//! `format.rs`.
//!
//! # What is not promised
//!
//! * **Rollback.** Who can write to the folder can put an older copy of the file in place of the present
//!   one, and it opens. [`FileKeyStore::generation`] grows with each write: compare it with a counter that
//!   cannot go back, where there is one.
//! * **Deletion.** A key that was deleted, or sealed under an older passphrase, may remain in blocks of the
//!   disk that the file system no longer names.
//! * **Weak passphrases.** Argon2id makes each guess cost memory and time; it does not make a short
//!   passphrase long.
//! * **Network file systems.** Locks and renames are those of a local file system.

mod disk;
mod format;
#[cfg(test)]
mod tests;

use core::fmt;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use rustls_pki_types::CertificateDer;
use thiserror::Error;

use self::disk::Disk;
use self::format::{Header, Kdf, Keys, Root, SealedEntry};
use super::bytes::fill_random;
use super::content::{self, Content};
use super::fs_check::FsReport;
use super::store::{read_certificates, refused};
use super::{
    CredentialStore, KeyError, KeyInfo, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MacKey, NewKey,
    Records, SigningKey, Slot, Tag,
};
use crate::error::OtherError;
use crate::secret::{Memory, SecretBytes, SecretText};

#[cfg(feature = "mlock")]
use crate::secret::{LockOutcome, LockPolicy};

const FULL: KeyError = refused("the store is full: it has at most 65536 entries and 16 MiB");

/// Keys and certificates in an encrypted file.
///
/// The folder of the file must be for its owner alone, mode 0700; [`FileKeyStore::create`] makes it. Each
/// call reads the file anew, so that what another process changed is seen: keep the handles of keys that
/// are used often. Who writes waits for whoever writes at that moment, without a limit: the lock is that of
/// the folder, and any process of the same user can hold it. The new file is `.NAME.new` beside `NAME`
/// until it takes its place. The folder is held as it was opened: renamed, it is followed.
///
/// What the system refuses after a change is in place, namely to sync the folder, is
/// [`FileStoreError::NotSynced`], as the source of [`KeyError::Other`] in the traits.
///
/// # Examples
///
/// ```
/// use hubward::keystore::file::{FileKeyStore, StoreKey};
/// use hubward::keystore::{KeyKind, KeyName, KeyStore, KeyStoreAdmin, NewKey};
/// use hubward::secret::SecretText;
///
/// # let dir = std::env::temp_dir().join(format!("hubward-doc-{}", std::process::id()));
/// let path = dir.join("keys");
/// let passphrase = SecretText::borrowed("from a prompt or a file, not from the source");
/// let store = FileKeyStore::create(&path, StoreKey::Passphrase(&passphrase))?;
/// store.create(&KeyName::new("hub.primary")?, KeyKind::Symmetric)?;
///
/// // Later, in another process:
/// let store = FileKeyStore::open(&path, StoreKey::Passphrase(&passphrase))?;
/// let key = store.mac_key(&KeyName::new("hub.primary")?)?;
/// # std::fs::remove_dir_all(dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileKeyStore {
    disk: Disk,
    options: FileStoreOptions,
    /// More than one only while a new key is being put in place: which one is in force is in the file.
    unlocked: RwLock<Vec<Unlocked>>,
}

#[derive(Clone)]
struct Unlocked {
    root: Root,
    keys: Arc<Keys>,
}

/// What opens a [`FileKeyStore`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum StoreKey<'a> {
    /// A passphrase, through Argon2id. Its bytes count as they are: nothing is normalized.
    Passphrase(&'a SecretText<'a>),
    /// At least 32 random bytes that something else keeps.
    Raw(&'a SecretBytes),
    /// A key of another store, of a chip for instance: HMAC-SHA256 over a label and the file's salt.
    ///
    /// That key must serve no other use: whoever lets it sign messages of their choice can have it sign
    /// that one.
    MacKey(&'a dyn MacKey),
}

/// What Argon2id costs (RFC 9106): memory, passes over it, and lanes.
///
/// The bounds hold for what a file's header says as well, and are looked at before any work is done:
/// 19 MiB to 256 MiB, 2 to 16 passes, 1 to 4 lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Argon2Params {
    /// Parameters within the bounds.
    ///
    /// # Errors
    ///
    /// [`FileStoreError::Argon2OutOfRange`].
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, FileStoreError> {
        let within = memory_kib >= 19 * 1024
            && memory_kib <= 256 * 1024
            && passes >= 2
            && passes <= 16
            && lanes >= 1
            && lanes <= 4;
        if !within {
            return Err(FileStoreError::Argon2OutOfRange { memory_kib, passes, lanes });
        }
        Ok(Self { memory_kib, passes, lanes })
    }
}

/// 19 MiB, 2 passes, 1 lane.
impl Default for Argon2Params {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

/// How a [`FileKeyStore`] is created or opened; see [`FileKeyStore::options`].
#[derive(Clone, Copy, Debug, Default)]
pub struct FileStoreOptions {
    argon2: Option<Argon2Params>,
    memory: Memory,
}

impl FileStoreOptions {
    /// What Argon2id is to cost where a passphrase is set: by [`FileStoreOptions::create`] or
    /// [`FileKeyStore::rekey`]. Without it, what the passphrase of the file cost so far, or else
    /// [the default](Argon2Params::default).
    #[must_use]
    pub const fn argon2(self, argon2: Argon2Params) -> Self {
        Self { argon2: Some(argon2), ..self }
    }

    /// Keeps the store's own key, and the keys that it hands out, in locked pages. What came of it is in
    /// [`FileKeyStore::lock_outcome`] and [`MacKey::lock_outcome`].
    #[cfg(feature = "mlock")]
    #[must_use]
    pub const fn lock_memory(self, policy: LockPolicy) -> Self {
        Self { memory: Memory::Locked(policy), ..self }
    }

    /// Creates an empty store, and its folder if that is not there.
    ///
    /// # Errors
    ///
    /// [`FileStoreError::AlreadyExists`]; [`FileStoreError::NotPrivate`]; [`FileStoreError::WeakKey`];
    /// [`FileStoreError::Io`]; [`FileStoreError::NotSynced`], after which the store is there;
    /// [`FileStoreError::Key`] if the key fails or its memory cannot be had.
    pub fn create(
        self,
        path: impl AsRef<Path>,
        key: StoreKey<'_>,
    ) -> Result<FileKeyStore, FileStoreError> {
        let path = path.as_ref();
        let unlocked = self.new_root(&key)?;
        Disk::make_dir(path)?;
        let disk = Disk::open(path)?;
        let lock = disk.lock()?;
        if disk.exists()? {
            return Err(FileStoreError::AlreadyExists);
        }
        let mut store_id = [0; 16];
        fill_random(&mut store_id)?;
        let Unlocked { root, keys } = &unlocked;
        let content = Content {
            items: Default::default(),
            memory: self.memory,
            protection: keys.protection,
            changed: true,
        };
        disk.replace(&lock, &format::write(&content, *root, store_id, 1, keys)?)?;
        drop(lock);
        Ok(self.store(disk, unlocked))
    }

    /// Opens a store and checks all of it.
    ///
    /// # Errors
    ///
    /// [`FileStoreError::NotFound`]; [`FileStoreError::NotPrivate`]; [`FileStoreError::WrongKey`] or
    /// [`FileStoreError::OtherKindOfKey`] if the key is not the file's; [`FileStoreError::Key`] if the key
    /// fails or its memory cannot be had; the others for a file that is damaged, which stays as it is.
    pub fn open(
        self,
        path: impl AsRef<Path>,
        key: StoreKey<'_>,
    ) -> Result<FileKeyStore, FileStoreError> {
        let disk = Disk::open(path.as_ref())?;
        let file = disk.read()?;
        let header = Header::parse(&file)?;
        let keys = Arc::new(Keys::derive(self.memory, &header.root, &key)?);
        format::read(file, &header, &keys)?;
        Ok(self.store(disk, Unlocked { root: header.root, keys }))
    }

    fn store(self, disk: Disk, unlocked: Unlocked) -> FileKeyStore {
        FileKeyStore { disk, options: self, unlocked: RwLock::new(vec![unlocked]) }
    }

    /// A new root key with a salt of its own.
    fn new_root(self, key: &StoreKey<'_>) -> Result<Unlocked, FileStoreError> {
        let kdf = match key {
            StoreKey::Passphrase(passphrase) if passphrase.expose_text().is_empty() => {
                return Err(FileStoreError::WeakKey("the passphrase is empty"));
            }
            StoreKey::Raw(raw) if raw.expose().map_err(KeyError::from)?.len() < Tag::LEN => {
                return Err(FileStoreError::WeakKey("a raw key has at least 32 random bytes"));
            }
            StoreKey::Passphrase(_) => Kdf::Passphrase(self.argon2.unwrap_or_default()),
            StoreKey::Raw(_) => Kdf::RawKey,
            StoreKey::MacKey(_) => Kdf::MacKey,
        };
        let mut salt = [0; 32];
        fill_random(&mut salt)?;
        let root = Root { kdf, salt };
        Ok(Unlocked { keys: Arc::new(Keys::derive(self.memory, &root, key)?), root })
    }
}

impl FileKeyStore {
    /// For a store that is created or opened other than by default.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use hubward::keystore::file::{Argon2Params, FileKeyStore, StoreKey};
    /// use hubward::secret::SecretText;
    ///
    /// let passphrase = SecretText::borrowed("from a prompt or a file, not from the source");
    /// let store = FileKeyStore::options()
    ///     .argon2(Argon2Params::new(64 * 1024, 3, 1)?)
    ///     .create("/var/lib/contoso/keys", StoreKey::Passphrase(&passphrase))?;
    /// # Ok::<(), hubward::keystore::file::FileStoreError>(())
    /// ```
    pub fn options() -> FileStoreOptions {
        FileStoreOptions::default()
    }

    /// Creates an empty store: [`FileStoreOptions::create`] by default.
    ///
    /// # Errors
    ///
    /// As [`FileStoreOptions::create`].
    pub fn create(path: impl AsRef<Path>, key: StoreKey<'_>) -> Result<Self, FileStoreError> {
        Self::options().create(path, key)
    }

    /// Opens a store: [`FileStoreOptions::open`] by default.
    ///
    /// # Errors
    ///
    /// As [`FileStoreOptions::open`].
    pub fn open(path: impl AsRef<Path>, key: StoreKey<'_>) -> Result<Self, FileStoreError> {
        Self::options().open(path, key)
    }

    /// Puts the store under another key, all of it at once. Other processes that have it open find it
    /// [locked](KeyError::Locked) and open it with the new one.
    ///
    /// # Errors
    ///
    /// [`FileStoreError::WeakKey`]; [`FileStoreError::NotSynced`], after which the new key opens it unless
    /// power is lost; a failure of the store, after which the old key does.
    pub fn rekey(&self, key: StoreKey<'_>) -> Result<(), FileStoreError> {
        let mut options = self.options;
        // Only a passphrase asks what the one before it cost.
        if matches!(key, StoreKey::Passphrase(_))
            && options.argon2.is_none()
            && let Kdf::Passphrase(argon2) = self.load()?.0.root.kdf
        {
            options.argon2 = Some(argon2);
        }
        // Argon2id is done before anybody has to wait.
        let next = options.new_root(&key)?;
        let lock = self.disk.lock()?;
        let (header, _, content) = self.load()?;
        let Unlocked { root, keys } = next.clone();
        let generation = next_generation(&header)?;
        let file = format::write(&content, root, header.store_id, generation, &keys)?;
        // Whichever file is there afterwards, this store can read it.
        self.with_unlocked(|unlocked| {
            unlocked.retain(|unlocked| unlocked.root == header.root);
            unlocked.push(next);
        });
        self.disk.replace(&lock, &file)?;
        self.with_unlocked(|unlocked| unlocked.retain(|unlocked| unlocked.root == root));
        Ok(())
    }

    /// How often the store was written: one more with each change, by whomever. See
    /// [what is not promised](self#what-is-not-promised).
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub fn generation(&self) -> Result<u64, KeyError> {
        let (header, ..) = self.load()?;
        Ok(header.generation)
    }

    /// The store's file.
    pub fn path(&self) -> &Path {
        self.disk.path()
    }

    /// How the memory of the store's own key is protected; `None` if it is not in locked pages and was
    /// not meant to be.
    #[cfg(feature = "mlock")]
    pub fn lock_outcome(&self) -> Option<LockOutcome> {
        self.with_unlocked(|unlocked| {
            unlocked.first().and_then(|unlocked| unlocked.keys.lock_outcome())
        })
    }

    fn with_unlocked<T>(&self, look: impl FnOnce(&mut Vec<Unlocked>) -> T) -> T {
        look(&mut self.unlocked.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads and checks the file as it is now.
    fn load(&self) -> Result<(Header, Arc<Keys>, Content<SealedEntry>), FileStoreError> {
        let mut before = None;
        let (file, header, keys) = loop {
            let file = self.disk.read()?;
            let header = Header::parse(&file)?;
            let keys = {
                let unlocked = self.unlocked.read().unwrap_or_else(PoisonError::into_inner);
                let fits = unlocked.iter().find(|unlocked| unlocked.root == header.root);
                fits.map(|unlocked| Arc::clone(&unlocked.keys))
            };
            match keys {
                Some(keys) => break (file, header, keys),
                None if before == Some(header.root) => return Err(FileStoreError::WrongKey),
                // This store may have been put under another key since the file was read.
                None => before = Some(header.root),
            }
        };
        let content = format::read(file, &header, &keys)?;
        Ok((header, keys, content))
    }
}

fn next_generation(header: &Header) -> Result<u64, KeyError> {
    header.generation.checked_add(1).ok_or(FULL)
}

impl KeyStore for FileKeyStore {
    fn mac_key(&self, name: &KeyName) -> Result<Arc<dyn MacKey>, KeyError> {
        let (_, _, content) = self.load()?;
        content.mac_key(Slot::Current, name)
    }

    fn signing_key(&self, name: &KeyName) -> Result<Arc<dyn SigningKey>, KeyError> {
        let (_, _, content) = self.load()?;
        content.signing_key(Slot::Current, name)
    }
}

impl KeyStoreAdmin for FileKeyStore {
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
        let (_, _, content) = self.load()?;
        content::list(&content)
    }
}

impl CredentialStore for FileKeyStore {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Records) -> Result<(), KeyError>,
    ) -> Result<(), KeyError> {
        let lock = self.disk.lock()?;
        let (header, keys, mut content) = self.load()?;
        work(&mut content)?;
        if !content.changed {
            return Ok(());
        }
        let generation = next_generation(&header)?;
        let file = format::write(&content, header.root, header.store_id, generation, &keys)?;
        Ok(self.disk.replace(&lock, &file)?)
    }

    fn certificates(&self, name: &KeyName) -> Result<Vec<CertificateDer<'static>>, KeyError> {
        // Without waiting for a writer, and where the file can only be read.
        let (_, _, content) = self.load()?;
        read_certificates(&content, Slot::Current, name)
    }
}

/// Shows the path, and nothing of the content.
impl fmt::Debug for FileKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKeyStore").field("path", &self.path()).finish_non_exhaustive()
    }
}

/// Why a store's file could not be created, opened, read or written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FileStoreError {
    /// The change is in place, but the folder could not be synced: a loss of power may undo it.
    #[error(
        "the change is in place, but a loss of power may undo it: the folder could not be synced"
    )]
    NotSynced(#[source] OtherError),
    /// There is no such file.
    #[error("there is no store at that path: check the path, or create the store")]
    NotFound,
    /// There is a file already.
    #[error(
        "there is a file at that path already, and it was left as it is: open it, or give another path"
    )]
    AlreadyExists,
    /// The file or a folder on the way to it is open to others.
    #[error("{0}")]
    NotPrivate(FsReport),
    /// The system refused.
    #[error("{doing} failed")]
    Io {
        /// What failed.
        doing: &'static str,
        /// Why: a `std::io::Error`.
        #[source]
        cause: OtherError,
    },
    /// The file does not begin as a store does.
    #[error("the file is not a key store of hubward")]
    NotAStore,
    /// The file was written by a later version.
    #[error(
        "the file has format version {0}, which this version of hubward does not read: update it"
    )]
    UnsupportedVersion(u16),
    /// Argon2id would cost less than is safe, or more than is sensible.
    #[error(
        "Argon2id with {memory_kib} KiB, {passes} passes and {lanes} lanes is out of range: 19456 to \
         262144 KiB, 2 to 16 passes, 1 to 4 lanes"
    )]
    Argon2OutOfRange {
        /// Memory, in KiB.
        memory_kib: u32,
        /// Passes.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// The file opens to another kind of key.
    #[error("the store opens to {expected}, which is not what it was given")]
    OtherKindOfKey {
        /// What it opens to.
        expected: &'static str,
    },
    /// The key or passphrase is not the store's, or no longer.
    #[error("the passphrase or key is not the store's: give it the present one")]
    WrongKey,
    /// A key that anybody could guess.
    #[error("{0}")]
    WeakKey(&'static str),
    /// The file was damaged or tampered with. It was left as it is.
    #[error(
        "the store is damaged or was tampered with ({0}), and was left untouched: restore a copy"
    )]
    Damaged(&'static str),
    /// A key failed: that which opens the store, or one in it.
    #[error(transparent)]
    Key(KeyError),
}

impl From<FsReport> for FileStoreError {
    fn from(report: FsReport) -> Self {
        Self::NotPrivate(report)
    }
}

impl From<KeyError> for FileStoreError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<FileStoreError> for KeyError {
    fn from(error: FileStoreError) -> Self {
        match error {
            FileStoreError::Key(error) => error,
            FileStoreError::WrongKey | FileStoreError::OtherKindOfKey { .. } => {
                Self::Locked(OtherError::new(error))
            }
            FileStoreError::NotPrivate(_)
            | FileStoreError::AlreadyExists
            | FileStoreError::WeakKey(_) => Self::Refused(OtherError::new(error)),
            FileStoreError::NotAStore
            | FileStoreError::UnsupportedVersion(_)
            | FileStoreError::Argon2OutOfRange { .. }
            | FileStoreError::Damaged(_) => Self::Corrupt(OtherError::new(error)),
            FileStoreError::NotFound | FileStoreError::NotSynced(_) | FileStoreError::Io { .. } => {
                Self::Other(OtherError::new(error))
            }
        }
    }
}
