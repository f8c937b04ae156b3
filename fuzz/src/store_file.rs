//! The file of `FileKeyStore`, version 1, once more: read and written as the table in
//! `src/keystore/file/format.rs` has it, by plain `hmac`, `sha2` and `chacha20poly1305`.

use chacha20poly1305::{AeadInOut as _, KeyInit as _, XChaCha20Poly1305};
use hubward::keystore::file::FileStoreError;
use sha2::{Digest as _, Sha256};

use super::key_name::is_key_name;
use super::oracle::hmac_sha256;

/// What the root key comes from, as the header has it.
pub(super) const PASSPHRASE: u8 = 1;
pub(super) const RAW: u8 = 2;
pub(super) const MAC_KEY: u8 = 3;

pub(super) const HEADER: usize = 176;

const BEGINNING: &[u8] = b"hubward\0\0\x01";
const NONCE: usize = 24;
const TAG: usize = 16;

/// The two keys that the root key gives.
struct Keys {
    check: [u8; 32],
    cipher: XChaCha20Poly1305,
}

impl Keys {
    fn new(key: &[u8], from: u8, salt: &[u8]) -> Self {
        let label: &[u8] = match from {
            MAC_KEY => b"hubward file store 1: root key from a MAC key",
            _ => b"hubward file store 1: root key from a raw key",
        };
        let root = hmac_sha256(key, &[label, salt]);
        let check = hmac_sha256(&root, &[b"hubward file store 1: check key"]);
        let encrypt = hmac_sha256(&root, &[b"hubward file store 1: encryption key"]);
        Self { check, cipher: XChaCha20Poly1305::new(&encrypt.into()) }
    }

    /// Ciphertext and tag.
    fn seal(&self, nonce: &[u8; NONCE], associated: &[u8], content: &[u8]) -> Vec<u8> {
        let mut sealed = content.to_vec();
        let room = sealed.as_mut_slice().into();
        let tag = self.cipher.encrypt_inout_detached(nonce.into(), associated, room);
        sealed.extend(tag.expect("it is short"));
        sealed
    }

    fn open(&self, nonce: &[u8], associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let nonce: &[u8; NONCE] = nonce.try_into().ok()?;
        let (content, tag) = sealed.split_last_chunk::<TAG>()?;
        let mut content = content.to_vec();
        let room = content.as_mut_slice().into();
        self.cipher.decrypt_inout_detached(nonce.into(), associated, room, tag.into()).ok()?;
        Some(content)
    }
}

/// A file that is whole.
#[derive(Debug)]
pub(super) struct StoreFile {
    pub(super) from: u8,
    pub(super) salt: Vec<u8>,
    pub(super) store_id: Vec<u8>,
    pub(super) generation: u64,
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) class: u8,
    pub(super) slot: u8,
    pub(super) kind: u8,
    pub(super) sealed: Vec<u8>,
    /// Nothing if it was sealed for another place.
    pub(super) content: Option<Vec<u8>>,
}

impl Entry {
    /// What entries are sorted by.
    pub(super) fn place(&self) -> (&str, u8, u8) {
        (&self.name, self.class, self.slot)
    }
}

/// Reads a file with a key that is `given` as the source of the root key; reasons of damage are left
/// out.
pub(super) fn read(file: &[u8], key: &[u8], given: u8) -> Result<StoreFile, FileStoreError> {
    let damaged = FileStoreError::Damaged("");
    if !file.starts_with(&BEGINNING[..8]) {
        return Err(FileStoreError::NotAStore);
    }
    match file.get(8..10) {
        None => return Err(damaged),
        Some([0, 1]) => {}
        Some(version) => {
            let version = u16::from(version[0]) << 8 | u16::from(version[1]);
            return Err(FileStoreError::UnsupportedVersion(version));
        }
    }
    if file.len() < HEADER || Sha256::digest(&file[..144])[..] != file[144..HEADER] {
        return Err(damaged);
    }

    let [memory_kib, passes, lanes] = [12, 16, 20].map(|at| number(&file[at..]));
    let from = file[10];
    match from {
        PASSPHRASE => {
            let within = matches!(memory_kib, 19_456..=262_144)
                && matches!(passes, 2..=16)
                && matches!(lanes, 1..=4);
            if !within {
                return Err(FileStoreError::Argon2OutOfRange { memory_kib, passes, lanes });
            }
        }
        RAW | MAC_KEY if [memory_kib, passes, lanes] == [0; 3] => {}
        _ => return Err(damaged),
    }
    if file[11] != 0 {
        return Err(damaged);
    }
    if from != given {
        let expected = ["a passphrase", "a raw key", "a MAC key of another store"];
        let expected = expected[usize::from(from) - 1];
        return Err(FileStoreError::OtherKindOfKey { expected });
    }

    let salt = file[24..56].to_vec();
    let keys = Keys::new(key, from, &salt);
    if hmac_sha256(&keys.check, &[&file[..112]])[..] != file[112..144] {
        return Err(FileStoreError::WrongKey);
    }
    let store_id = file[56..72].to_vec();
    let entries = read_entries(file, &keys, &store_id).ok_or(damaged)?;
    let generation = u64::from(number(&file[72..])) << 32 | u64::from(number(&file[76..]));
    Ok(StoreFile { from, salt, store_id, generation, entries })
}

fn number(bytes: &[u8]) -> u32 {
    bytes[..4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn read_entries(file: &[u8], keys: &Keys, store_id: &[u8]) -> Option<Vec<Entry>> {
    let (header, behind) = file.split_at(HEADER);
    let (index_len, entries_len) = (number(&header[80..]) as usize, number(&header[84..]) as usize);
    if behind.len() != index_len.checked_add(entries_len)? {
        return None;
    }
    let (index, mut sealed) = behind.split_at(index_len);
    let index = keys.open(&header[88..112], header, index)?;
    let mut index = &index[..];
    let mut take = |len: usize| {
        let (taken, rest) = index.split_at_checked(len)?;
        index = rest;
        Some(taken)
    };

    let count = number(take(4)?);
    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..count {
        let id = take(4)?;
        let name = take(usize::from(id[3]))?;
        let associated = [store_id, id, name].concat();
        let (len, digest) = (number(take(4)?) as usize, take(32)?);
        let (own, rest) = sealed.split_at_checked(len)?;
        sealed = rest;
        let entry = Entry {
            name: String::from_utf8(name.to_vec()).ok()?,
            class: id[0],
            slot: id[1],
            kind: id[2],
            sealed: own.to_vec(),
            content: own
                .split_at_checked(NONCE)
                .and_then(|(nonce, rest)| keys.open(nonce, &associated, rest)),
        };
        let is_key = entry.class == 1;
        let is_fine = is_key_name(&entry.name)
            && matches!(entry.class, 1..=3)
            && matches!(entry.slot, 1..=3)
            && (if is_key { matches!(entry.kind, 1..=4) } else { entry.kind == 0 })
            && len >= NONCE + TAG
            && Sha256::digest(own)[..] == *digest
            && entries.last().is_none_or(|last| last.place() < entry.place());
        if !is_fine {
            return None;
        }
        entries.push(entry);
    }
    (sealed.is_empty() && take(1).is_none()).then_some(entries)
}

/// Puts a file together that is whole, as far as `index` is. Salt, identity and nonces are the same
/// each time, which only a test may do.
pub(super) struct Writer {
    keys: Keys,
    from: u8,
}

impl Writer {
    const SALT: [u8; 32] = [0x5A; 32];
    const STORE_ID: [u8; 16] = [0x1D; 16];

    pub(super) fn new(key: &[u8], from: u8) -> Self {
        Self { keys: Keys::new(key, from, &Self::SALT), from }
    }

    /// Nonce, ciphertext and tag of an entry.
    pub(super) fn seal(&self, id: &[u8], content: &[u8]) -> Vec<u8> {
        let associated = [&Self::STORE_ID, id].concat();
        let nonce = Sha256::digest([&associated, content].concat());
        let nonce = nonce.first_chunk().expect("a hash is longer");
        [&nonce[..], &self.keys.seal(nonce, &associated, content)].concat()
    }

    pub(super) fn file(&self, generation: u64, index: &[u8], entries: &[u8]) -> Vec<u8> {
        let len = |len: usize| u32::try_from(len).expect("it is short").to_be_bytes();
        let nonce = [0x4E; NONCE];
        let mut file = [
            BEGINNING,
            &[self.from, 0],
            &[0; 12],
            &Self::SALT,
            &Self::STORE_ID,
            &generation.to_be_bytes(),
            &len(index.len() + TAG),
            &len(entries.len()),
            &nonce,
            &[0; 64],
        ]
        .concat();
        mend(&mut file, Some(&self.keys));
        let index = self.keys.seal(&nonce, &file, index);
        [&file[..], &index, entries].concat()
    }
}

/// Class, slot, kind and name, as they are in the index.
pub(super) fn id(class: u8, slot: u8, kind: u8, name: &[u8]) -> Vec<u8> {
    let len = u8::try_from(name.len()).expect("it is short");
    [&[class, slot, kind, len], name].concat()
}

/// What the index says of an entry.
pub(super) fn index_line(id: &[u8], len: usize, entry: &[u8]) -> Vec<u8> {
    let len = u32::try_from(len).expect("it is short");
    [id, &len.to_be_bytes(), &Sha256::digest(entry)].concat()
}

/// Puts right what anybody can put right: how a file begins, and the sum.
pub(super) fn mend_sum(file: &mut Vec<u8>) {
    mend(file, None);
}

/// Puts right what somebody with the key can put right without sealing anything.
pub(super) fn mend_check(file: &mut Vec<u8>, key: &[u8]) {
    file.resize(file.len().max(HEADER), 0);
    let keys = Keys::new(key, file[10], &file[24..56]);
    mend(file, Some(&keys));
}

fn mend(file: &mut Vec<u8>, keys: Option<&Keys>) {
    file.resize(file.len().max(HEADER), 0);
    file[..BEGINNING.len()].copy_from_slice(BEGINNING);
    if let Some(keys) = keys {
        let check = hmac_sha256(&keys.check, &[&file[..112]]);
        file[112..144].copy_from_slice(&check);
    }
    let sum = Sha256::digest(&file[..144]);
    file[144..HEADER].copy_from_slice(&sum);
}
