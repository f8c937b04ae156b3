//! The file, version 1. Numbers are big-endian.
//!
//! ```text
//! header, 176 bytes
//!     0   8  "hubward\0"
//!     8   2  version: 1
//!    10   1  where the root key comes from: 1 passphrase, 2 raw key, 3 MAC key of another store
//!    11   1  0
//!    12  12  Argon2id (RFC 9106): memory in KiB, passes, lanes; all 0 unless from a passphrase
//!    24  32  salt, random, new with each root key
//!    56  16  identity of the store, random, for ever
//!    72   8  generation: one more with each write
//!    80   4  bytes of the index, tag included
//!    84   4  bytes of all entries
//!    88  24  nonce of the index
//!   112  32  HMAC-SHA256, under the check key, of bytes 0 to 112
//!   144  32  SHA-256 of bytes 0 to 144: damage, told apart from a wrong key
//! index, sealed; associated data: the header
//!     4  number of entries, then for each, in ascending order of name, class and slot:
//!     1  class: 1 key, 2 certificates, 3 journal
//!     1  slot: 1 current, 2 staged, 3 retired
//!     1  kind: 0 no key, 1 symmetric, 2 P-256, 3 P-384, 4 RSA
//!     1  bytes of the name, and the name
//!     4  bytes of the entry
//!    32  SHA-256 of the entry, nonce and tag included
//! entries, one behind the other: nonce, ciphertext, tag; associated data: the identity of the store,
//!     class, slot, kind, bytes of the name, the name
//! ```
//!
//! Sealed is with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), a random nonce for each sealing. The
//! root key is Argon2id of the passphrase, or HMAC-SHA256 over a label and the salt under the raw key or
//! the MAC key. Check key and encryption key are HMAC-SHA256 over a label under the root key. The header
//! vouches for the index (its length and nonce), the index for each entry (its digest), and the file
//! ends where they say: an entry that is removed, added, exchanged, brought from an older file or from
//! another store does not pass.

use core::ops::Range;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut as _, KeyInit as _, XChaCha20Poly1305};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::disk::FILE_MAX;
use super::{Argon2Params, FileStoreError, StoreKey};
use crate::error::OtherError;
use crate::keystore::bytes::{KeyBytes, fill_random};
use crate::keystore::content::{Content, EntryClass, EntryId, Item, Sealed};
use crate::keystore::hmac;
use crate::keystore::{
    KeyError, KeyKind, KeyName, MacKey as _, Protection, RecordKind, Slot, SymmetricKey, Tag,
};
use crate::secret::{Memory, SecretBytes};

const MAGIC: [u8; 8] = *b"hubward\0";
const VERSION: u16 = 1;

const NONCE: usize = 24;
const TAG: usize = 16;
const DIGEST: usize = 32;
/// What an entry has beside its content.
const SEAL: usize = NONCE + TAG;

/// What the check key vouches for.
const CHECKED: usize = 112;
const SUMMED: usize = CHECKED + DIGEST;
const HEADER: usize = SUMMED + DIGEST;

pub(super) const ENTRIES_MAX: usize = 65_536;

const FROM_RAW: &[u8] = b"hubward file store 1: root key from a raw key";
const FROM_MAC_KEY: &[u8] = b"hubward file store 1: root key from a MAC key";
const CHECK: &[u8] = b"hubward file store 1: check key";
const ENCRYPT: &[u8] = b"hubward file store 1: encryption key";

/// Where the root key comes from, with what is public of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) kdf: Kdf,
    pub(super) salt: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kdf {
    Passphrase(Argon2Params),
    RawKey,
    MacKey,
}

impl Kdf {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Passphrase(_) => "a passphrase",
            Self::RawKey => "a raw key",
            Self::MacKey => "a MAC key of another store",
        }
    }
}

/// What the root key opens.
pub(super) struct Keys {
    check: SymmetricKey,
    encrypt: SymmetricKey,
    pub(super) protection: Protection,
    pub(super) memory: Memory,
}

impl Keys {
    /// Argon2id takes its time here.
    pub(super) fn derive(
        memory: Memory,
        root: &Root,
        key: &StoreKey<'_>,
    ) -> Result<Self, FileStoreError> {
        let salt = &root.salt;
        let (root_key, protection) = match (root.kdf, key) {
            (Kdf::Passphrase(params), StoreKey::Passphrase(passphrase)) => {
                let passphrase = passphrase.expose_text().as_bytes();
                let root_key =
                    SecretBytes::build_in(memory, |room| params.derive(passphrase, salt, room))?;
                (root_key, Protection::Passphrase)
            }
            (Kdf::RawKey, StoreKey::Raw(raw)) => {
                let raw = raw.expose().map_err(KeyError::from)?;
                let root_key = SecretBytes::build_in(memory, |room| {
                    let room = room.first_chunk_mut().ok_or(KeyError::TooLong)?;
                    hmac::mac_into(raw, &[FROM_RAW, salt], room)?;
                    Ok::<_, KeyError>(Tag::LEN)
                })?;
                (root_key, Protection::Plain)
            }
            (Kdf::MacKey, StoreKey::MacKey(mac_key)) => {
                let root_key = mac_key.hmac_sha256(&[FROM_MAC_KEY, salt])?;
                let protection = match mac_key.protection() {
                    // The key that opens the store never leaves its chip; those in the store do.
                    Protection::Hardware => Protection::Sealed,
                    other => other,
                };
                let root_key = SecretBytes::build_in(memory, |room| {
                    let room = room.get_mut(..Tag::LEN).ok_or(KeyError::TooLong)?;
                    room.copy_from_slice(root_key.expose_bytes());
                    Ok::<_, KeyError>(Tag::LEN)
                })?;
                (root_key, protection)
            }
            (kdf, _) => return Err(FileStoreError::OtherKindOfKey { expected: kdf.name() }),
        };
        let root_key = SymmetricKey::from_secret(root_key)?;
        Ok(Self {
            check: root_key.derive(CHECK)?,
            encrypt: root_key.derive(ENCRYPT)?,
            protection,
            memory,
        })
    }

    fn cipher(&self) -> Result<XChaCha20Poly1305, KeyError> {
        XChaCha20Poly1305::new_from_slice(self.encrypt.expose()?).map_err(|_| KeyError::TooLong)
    }

    #[cfg(feature = "mlock")]
    pub(super) fn lock_outcome(&self) -> Option<crate::secret::LockOutcome> {
        self.encrypt.lock_outcome()
    }
}

const NO_MEMORY: KeyError =
    KeyError::Other(OtherError::from_static("there is not enough memory for Argon2id"));

impl Argon2Params {
    fn derive(
        self,
        passphrase: &[u8],
        salt: &[u8; 32],
        room: &mut [u8; SecretBytes::MAX_LEN],
    ) -> Result<usize, KeyError> {
        let wrong = |error| KeyError::Other(OtherError::new(error));
        let Self { memory_kib, passes, lanes } = self;
        let params = Params::new(memory_kib, passes, lanes, Some(Tag::LEN)).map_err(wrong)?;
        let room = room.get_mut(..Tag::LEN).ok_or(KeyError::TooLong)?;
        // The last blocks yield the key, and the library would not wipe its own.
        let mut blocks = Zeroizing::new(Vec::new());
        blocks.try_reserve_exact(params.block_count()).map_err(|_| NO_MEMORY)?;
        blocks.resize(params.block_count(), Block::default());
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(passphrase, salt, room, blocks.as_mut_slice())
            .map_err(wrong)?;
        Ok(Tag::LEN)
    }
}

/// What is public of a file: its first bytes, found whole but not yet authentic.
pub(super) struct Header {
    pub(super) root: Root,
    pub(super) store_id: [u8; 16],
    pub(super) generation: u64,
    index_len: usize,
    entries_len: usize,
    nonce: [u8; NONCE],
}

impl Header {
    /// Looks at all that can be judged without a key, before any work is done with one.
    pub(super) fn parse(file: &[u8]) -> Result<Self, FileStoreError> {
        let damaged = FileStoreError::Damaged;
        let mut reader = Reader(file);
        if reader.array() != Some(MAGIC) {
            return Err(FileStoreError::NotAStore);
        }
        let version = reader.array().map(u16::from_be_bytes).ok_or(damaged("it is too short"))?;
        if version != VERSION {
            return Err(FileStoreError::UnsupportedVersion(version));
        }
        let header = file.get(..HEADER).ok_or(damaged("it is too short"))?;
        let (summed, sum) = header.split_at_checked(SUMMED).ok_or(damaged("it is too short"))?;
        if Sha256::digest(summed).as_slice() != sum {
            return Err(damaged("the header's sum is wrong"));
        }
        Self::parse_rest(reader).ok_or(damaged("the header has a value that none has"))?
    }

    /// `None` for what no version 1 writes.
    fn parse_rest(mut reader: Reader<'_>) -> Option<Result<Self, FileStoreError>> {
        let [kdf, zero] = reader.array()?;
        let mut number = || reader.array().map(u32::from_be_bytes);
        let params = (number()?, number()?, number()?);
        let kdf = match (kdf, params) {
            (1, (memory_kib, passes, lanes)) => {
                match Argon2Params::new(memory_kib, passes, lanes) {
                    Ok(params) => Kdf::Passphrase(params),
                    Err(error) => return Some(Err(error)),
                }
            }
            (2, (0, 0, 0)) => Kdf::RawKey,
            (3, (0, 0, 0)) => Kdf::MacKey,
            _ => return None,
        };
        if zero != 0 {
            return None;
        }
        let root = Root { kdf, salt: reader.array()? };
        let store_id = reader.array()?;
        let generation = u64::from_be_bytes(reader.array()?);
        let mut length = || u32::from_be_bytes(reader.array()?).try_into().ok();
        let (index_len, entries_len) = (length()?, length()?);
        let nonce = reader.array()?;
        Some(Ok(Self { root, store_id, generation, index_len, entries_len, nonce }))
    }

    /// The header's bytes, keyed and summed.
    fn write(&self, keys: &Keys) -> Result<Vec<u8>, KeyError> {
        let Self { root, store_id, generation, index_len, entries_len, nonce } = self;
        let too_long = |_| super::FULL;
        let (kdf, [memory, passes, lanes]) = match root.kdf {
            Kdf::Passphrase(Argon2Params { memory_kib, passes, lanes }) => {
                (1, [memory_kib, passes, lanes])
            }
            Kdf::RawKey => (2, [0; 3]),
            Kdf::MacKey => (3, [0; 3]),
        };
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend(VERSION.to_be_bytes());
        header.extend([kdf, 0]);
        header.extend([memory, passes, lanes].map(u32::to_be_bytes).as_flattened());
        header.extend(root.salt);
        header.extend(store_id);
        header.extend(generation.to_be_bytes());
        for length in [*index_len, *entries_len] {
            header.extend(u32::try_from(length).map_err(too_long)?.to_be_bytes());
        }
        header.extend(nonce);
        let check = keys.check.hmac_sha256(&[&header])?;
        header.extend(check.expose_bytes());
        let sum = Sha256::digest(&header);
        header.extend(sum);
        Ok(header)
    }
}

/// Takes bytes off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn slice(&mut self, len: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(slice)
    }
}

/// An entry in the bytes of a file that was found authentic.
pub(super) struct SealedEntry {
    file: Arc<[u8]>,
    place: Range<usize>,
    kind: Option<KeyKind>,
    store_id: [u8; 16],
    keys: Arc<Keys>,
}

impl SealedEntry {
    fn bytes(&self) -> &[u8] {
        self.file.get(self.place.clone()).unwrap_or_default()
    }

    /// Decrypts into `room`, which is as long as the content.
    fn open(&self, id: &EntryId, room: &mut [u8]) -> Result<(), KeyError> {
        let associated = associated_data(&self.store_id, id, self.kind);
        open(&self.keys, &associated, self.bytes(), room)
            .ok_or_else(|| FileStoreError::Damaged("an entry does not open").into())
    }

    fn content_len(&self) -> usize {
        self.place.len().saturating_sub(SEAL)
    }
}

impl Sealed for SealedEntry {
    fn kind(&self) -> Option<KeyKind> {
        self.kind
    }

    fn open_key(&self, id: &EntryId) -> Result<Arc<KeyBytes>, KeyError> {
        let kind = self.kind.ok_or(KeyError::NotFound)?;
        let key = KeyBytes::build(self.keys.memory, kind, self.content_len(), |room| {
            self.open(id, room)
        })?;
        Ok(Arc::new(key))
    }

    fn open_record(&self, id: &EntryId) -> Result<Vec<u8>, KeyError> {
        let mut record = alloc::vec![0; self.content_len()];
        self.open(id, &mut record)?;
        Ok(record)
    }
}

const fn class_code(class: EntryClass) -> u8 {
    match class {
        EntryClass::Key => 1,
        EntryClass::Record(RecordKind::Certificates) => 2,
        EntryClass::Record(RecordKind::Journal) => 3,
    }
}

const fn slot_code(slot: Slot) -> u8 {
    match slot {
        Slot::Current => 1,
        Slot::Staged => 2,
        Slot::Retired => 3,
    }
}

/// Class, slot, kind and name: how the index and the associated data begin.
fn write_id(out: &mut Vec<u8>, id: &EntryId, kind: Option<KeyKind>) {
    let name = id.name.as_str().as_bytes();
    out.extend([class_code(id.class), slot_code(id.slot), kind.map_or(0, KeyKind::code)]);
    // A name has at most 64 bytes.
    out.extend(u8::try_from(name.len()));
    out.extend_from_slice(name);
}

fn read_id(reader: &mut Reader<'_>) -> Option<(EntryId, Option<KeyKind>)> {
    let [class, slot, kind, name_len] = reader.array()?;
    let name = core::str::from_utf8(reader.slice(name_len.into())?).ok()?;
    let class = match class {
        1 => EntryClass::Key,
        2 => EntryClass::Record(RecordKind::Certificates),
        3 => EntryClass::Record(RecordKind::Journal),
        _ => return None,
    };
    let slot = match slot {
        1 => Slot::Current,
        2 => Slot::Staged,
        3 => Slot::Retired,
        _ => return None,
    };
    let kind = match kind {
        0 => None,
        code => Some(KeyKind::from_code(code)?),
    };
    (kind.is_some() == (class == EntryClass::Key)).then_some(())?;
    Some((EntryId { name: KeyName::new(name).ok()?, class, slot }, kind))
}

fn associated_data(store_id: &[u8; 16], id: &EntryId, kind: Option<KeyKind>) -> Vec<u8> {
    let mut associated = store_id.to_vec();
    write_id(&mut associated, id, kind);
    associated
}

/// Nonce, ciphertext and tag of `content`, behind what is in `out`.
fn seal(keys: &Keys, associated: &[u8], content: &[u8], out: &mut Vec<u8>) -> Result<(), KeyError> {
    let mut nonce = [0; NONCE];
    fill_random(&mut nonce)?;
    out.extend(nonce);
    seal_with(keys, &nonce, associated, content, out)
}

fn seal_with(
    keys: &Keys,
    nonce: &[u8; NONCE],
    associated: &[u8],
    content: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), KeyError> {
    // The plaintext is never in `out`: it goes through the cipher on the way.
    let start = out.len();
    out.resize(start + content.len(), 0);
    let room = out.get_mut(start..).unwrap_or_default();
    let tag = InOutBuf::new(content, room)
        .ok()
        .and_then(|buffer| {
            keys.cipher().ok()?.encrypt_inout_detached(nonce.into(), associated, buffer).ok()
        })
        .ok_or(super::FULL)?;
    out.extend(tag);
    Ok(())
}

/// The content of nonce, ciphertext and tag, into `room`; `None`, and nothing in `room`, if they are not
/// authentic.
fn open(keys: &Keys, associated: &[u8], sealed: &[u8], room: &mut [u8]) -> Option<()> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
    open_with(keys, nonce, associated, rest, room)
}

fn open_with(
    keys: &Keys,
    nonce: &[u8; NONCE],
    associated: &[u8],
    sealed: &[u8],
    room: &mut [u8],
) -> Option<()> {
    let (ciphertext, tag) = sealed.split_last_chunk::<TAG>()?;
    let buffer = InOutBuf::new(ciphertext, room).ok()?;
    keys.cipher().ok()?.decrypt_inout_detached(nonce.into(), associated, buffer, tag.into()).ok()
}

/// Checks the whole file and lists what is in it.
pub(super) fn read(
    file: Vec<u8>,
    header: &Header,
    keys: &Arc<Keys>,
) -> Result<Content<SealedEntry>, FileStoreError> {
    let damaged = FileStoreError::Damaged;
    let (checked, check) = file
        .get(..SUMMED)
        .and_then(|summed| summed.split_last_chunk())
        .ok_or(damaged("it is too short"))?;
    if !keys.check.hmac_sha256(&[checked])?.matches(check) {
        return Err(FileStoreError::WrongKey);
    }
    let expected =
        HEADER.checked_add(header.index_len).and_then(|end| end.checked_add(header.entries_len));
    if expected != Some(file.len()) {
        return Err(damaged("it does not end where its header says"));
    }
    let file: Arc<[u8]> = file.into();
    let (head, rest) = file.split_at_checked(HEADER).ok_or(damaged("it is too short"))?;
    let sealed = rest.get(..header.index_len).ok_or(damaged("it is too short"))?;
    let mut index = alloc::vec![0; header.index_len.saturating_sub(TAG)];
    open_with(keys, &header.nonce, head, sealed, &mut index)
        .ok_or(damaged("the index does not open"))?;
    let items = read_index(&file, HEADER + header.index_len, &index, header, keys)
        .ok_or(damaged("an entry is not what the index says"))?;
    Ok(Content { items, memory: keys.memory, protection: keys.protection, changed: false })
}

/// `None` unless every entry is there, and nothing else.
fn read_index(
    file: &Arc<[u8]>,
    mut at: usize,
    index: &[u8],
    header: &Header,
    keys: &Arc<Keys>,
) -> Option<BTreeMap<EntryId, Item<SealedEntry>>> {
    let mut reader = Reader(index);
    let count = u32::from_be_bytes(reader.array()?);
    usize::try_from(count).ok().filter(|count| *count <= ENTRIES_MAX)?;
    let mut items = BTreeMap::new();
    for _ in 0..count {
        let (id, kind) = read_id(&mut reader)?;
        let len: usize = u32::from_be_bytes(reader.array()?).try_into().ok()?;
        let digest: [u8; DIGEST] = reader.array()?;
        let place = at..at.checked_add(len)?;
        at = place.end;
        if len < SEAL || Sha256::digest(file.get(place.clone())?).as_slice() != digest {
            return None;
        }
        if items.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return None;
        }
        let store_id = header.store_id;
        let entry =
            SealedEntry { file: Arc::clone(file), place, kind, store_id, keys: Arc::clone(keys) };
        items.insert(id, Item::Sealed(entry));
    }
    (reader.0.is_empty() && at == file.len()).then_some(items)
}

/// The bytes of the file that holds `content` next.
pub(super) fn write(
    content: &Content<SealedEntry>,
    root: Root,
    store_id: [u8; 16],
    generation: u64,
    keys: &Arc<Keys>,
) -> Result<Vec<u8>, KeyError> {
    let count = u32::try_from(content.items.len()).map_err(|_| super::FULL)?;
    if content.items.len() > ENTRIES_MAX {
        return Err(super::FULL);
    }
    let mut index = Vec::from(count.to_be_bytes());
    let mut entries = Vec::new();
    for (id, item) in &content.items {
        let start = entries.len();
        let kind = item.kind();
        let associated = associated_data(&store_id, id, kind);
        match item {
            // Left as it is: only what changed is sealed anew.
            Item::Sealed(sealed) if Arc::ptr_eq(&sealed.keys, keys) => {
                entries.extend_from_slice(sealed.bytes());
            }
            // Under another key, it is opened and sealed again.
            Item::Sealed(sealed) if kind.is_some() => {
                seal(keys, &associated, sealed.open_key(id)?.expose()?, &mut entries)?;
            }
            Item::Sealed(sealed) => {
                seal(keys, &associated, &sealed.open_record(id)?, &mut entries)?;
            }
            Item::Key(key) => seal(keys, &associated, key.expose()?, &mut entries)?,
            Item::Record(record) => seal(keys, &associated, record, &mut entries)?,
        }
        let entry = entries.get(start..).unwrap_or_default();
        write_id(&mut index, id, kind);
        index.extend(u32::try_from(entry.len()).map_err(|_| super::FULL)?.to_be_bytes());
        index.extend(Sha256::digest(entry));
    }

    let mut nonce = [0; NONCE];
    fill_random(&mut nonce)?;
    let (index_len, entries_len) = (index.len() + TAG, entries.len());
    let header = Header { root, store_id, generation, index_len, entries_len, nonce };
    let header = header.write(keys)?;
    let mut file = Vec::with_capacity(HEADER + index_len + entries_len);
    file.extend_from_slice(&header);
    seal_with(keys, &nonce, &header, &index, &mut file)?;
    file.extend(entries);
    if file.len() > FILE_MAX {
        return Err(super::FULL);
    }
    Ok(file)
}
