//! Whoever changes the file is noticed, and the file stays as it was found.
//!
//! First by chance: every bit, every length. Then by somebody who knows the format, computes the sum
//! of the header anew, and lacks only the key.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::ops::Range;

use hubward::keystore::file::{FileKeyStore, FileStoreError, StoreKey};
use hubward::keystore::{KeyError, KeyStoreAdmin as _, NewKey};
use hubward::secret::SecretText;
use sha2::{Digest as _, Sha256};

use super::{Place, READING, WRITING, fill, import, key, name, raw, state};

// The header, by the offsets that are documented.

const VERSION: Range<usize> = 8..10;
const KDF: usize = 10;
const RESERVED: usize = 11;
const ARGON2: Range<usize> = 12..24;
const SALT: Range<usize> = 24..56;
const STORE_ID: Range<usize> = 56..72;
const GENERATION: Range<usize> = 72..80;
const INDEX_LEN: Range<usize> = 80..84;
const ENTRIES_LEN: Range<usize> = 84..88;
const NONCE: Range<usize> = 88..112;
const CHECK: Range<usize> = 112..144;
const SUM: Range<usize> = 144..176;
const HEADER: usize = 176;
const TAG: usize = 16;

fn number(file: &[u8], place: Range<usize>) -> usize {
    u32::from_be_bytes(file[place].try_into().unwrap()).try_into().unwrap()
}

fn set_number(file: &mut [u8], place: Range<usize>, number: usize) {
    file[place].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
}

/// The sum of the header, as anybody can compute it.
fn summed(mut file: Vec<u8>) -> Vec<u8> {
    let sum = Sha256::digest(&file[..SUM.start]);
    file[SUM].copy_from_slice(&sum);
    file
}

fn index(file: &[u8]) -> Range<usize> {
    HEADER..HEADER + number(file, INDEX_LEN)
}

fn is_about_the_file(error: &FileStoreError) -> bool {
    use FileStoreError as E;
    matches!(
        error,
        E::NotAStore
            | E::UnsupportedVersion(_)
            | E::Damaged(_)
            | E::WrongKey
            | E::Argon2OutOfRange { .. }
            | E::OtherKindOfKey { .. }
    )
}

fn is_about_the_file_later(error: &KeyError) -> bool {
    matches!(error, KeyError::Corrupt(_) | KeyError::Locked(_))
}

/// Opens what was put there, which must fail and change nothing.
fn refusal(place: &Place, bytes: &[u8], what: &str) -> FileStoreError {
    place.put(bytes);
    refused_as_it_is(place, bytes, what)
}

fn refused_as_it_is(place: &Place, bytes: &[u8], what: &str) -> FileStoreError {
    let error = place.open().expect_err(what);
    assert!(is_about_the_file(&error), "{what}: {error:?}");
    assert!(place.bytes() == bytes, "{what}: the file was changed");
    error
}

#[test]
fn every_bit_counts() {
    let place = Place::new();
    fill(&place.create());
    let good = place.bytes();
    assert!(index(&good).end < good.len());

    let mut flipped = good.clone();
    let mut file = fs::OpenOptions::new().write(true).open(&place.path).unwrap();
    let mut put = |at: usize, byte: u8| {
        file.seek(SeekFrom::Start(at.try_into().unwrap())).unwrap();
        file.write_all(&[byte]).unwrap();
    };
    for at in 0..good.len() {
        for bit in 0..8 {
            flipped[at] ^= 1 << bit;
            put(at, flipped[at]);
            let what = format!("byte {at}, bit {bit}");
            let error = refused_as_it_is(&place, &flipped, &what);
            let expected = match at {
                0..8 => matches!(error, FileStoreError::NotAStore),
                8..10 => matches!(error, FileStoreError::UnsupportedVersion(_)),
                _ => matches!(error, FileStoreError::Damaged(_)),
            };
            assert!(expected, "{what}: {error:?}");
            flipped[at] = good[at];
        }
        put(at, good[at]);
    }
    println!("{} flips", good.len() * 8);
    assert!(place.bytes() == good);
    place.open().unwrap();
}

/// The same where the sum of the header fits: nothing is left to it but to tell damage from a wrong key.
#[test]
fn every_bit_of_the_header_counts_without_its_sum() {
    let place = Place::new();
    fill(&place.create());
    let good = place.bytes();
    for at in 0..SUM.start {
        for bit in 0..8 {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << bit;
            refusal(&place, &summed(flipped), &format!("byte {at}, bit {bit}"));
        }
    }
}

#[test]
fn every_length_counts() {
    let place = Place::new();
    fill(&place.create());
    let good = place.bytes();

    let file = fs::OpenOptions::new().write(true).open(&place.path).unwrap();
    for len in (0..good.len()).rev() {
        file.set_len(len.try_into().unwrap()).unwrap();
        let error = refused_as_it_is(&place, &good[..len], &format!("{len} bytes"));
        let is_store = !matches!(error, FileStoreError::NotAStore);
        assert_eq!(is_store, len >= 8, "{len} bytes: {error:?}");
    }
    for more in [&[0][..], &[0xff], &[0; 16], &[0; 4096], &good[HEADER..], &good] {
        let what = format!("{} bytes more", more.len());
        let error = refusal(&place, &[&good, more].concat(), &what);
        assert!(matches!(error, FileStoreError::Damaged(_)), "{what}: {error:?}");
    }
    for bytes in [&b""[..], b"\n", b"-----BEGIN PRIVATE KEY-----\n", &[0; 4096], &[0xff; 4096]] {
        let error = refusal(&place, bytes, "no store");
        assert_eq!(error, FileStoreError::NotAStore);
    }
}

/// A store that is open already reads the file anew at each call.
#[test]
fn an_open_store_notices() {
    let place = Place::new();
    let store = place.create();
    fill(&store);
    let good = place.bytes();
    let expected = state(&store).unwrap();

    let refused = |bytes: &[u8], what: &str, kind: fn(&KeyError) -> bool| {
        place.put(bytes);
        for (operation, run) in READING.into_iter().chain(WRITING) {
            let error = run(&store).expect_err(operation);
            assert!(kind(&error), "{what}: {operation}: {error:?}");
            assert!(place.bytes() == bytes, "{what}: {operation} changed the file");
        }
    };
    let corrupt: fn(&KeyError) -> bool = |error| matches!(error, KeyError::Corrupt(_));
    // A prime, so that all places within a record come up.
    for at in (0..good.len()).step_by(13).chain([good.len() - 1]) {
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (at % 8);
        refused(&flipped, &format!("byte {at}"), corrupt);
    }
    for len in [0, 7, 8, 100, HEADER, HEADER + 1, index(&good).end, good.len() - 1] {
        refused(&good[..len], &format!("{len} bytes"), corrupt);
    }
    refused(&[&good[..], &[0]].concat(), "a byte more", corrupt);
    // Another salt or another way to the root key: this store has no key for it.
    for at in [SALT.start, SALT.end - 1] {
        let mut other = good.clone();
        other[at] ^= 1;
        refused(&summed(other), "salt", |error| matches!(error, KeyError::Locked(_)));
    }
    let mut other = good.clone();
    other[KDF] = 3;
    refused(&summed(other), "kind", |error| matches!(error, KeyError::Locked(_)));
    for field in [STORE_ID, GENERATION, INDEX_LEN, ENTRIES_LEN, NONCE, CHECK] {
        let mut other = good.clone();
        other[field.start] ^= 1;
        refused(&summed(other), &format!("{field:?}"), is_about_the_file_later);
    }

    place.put(&good);
    assert_eq!(state(&store), Ok(expected));
    // What stands in the way of a damaged file is a copy of a good one, and nothing else.
    fs::remove_file(&place.path).unwrap();
    for (operation, run) in READING.into_iter().chain(WRITING) {
        let error = run(&store).expect_err(operation);
        assert!(matches!(error, KeyError::Other(_)), "{operation}: {error:?}");
        assert!(!place.path.exists(), "{operation} made a new file");
    }
}

// Passphrases: what a header demands is judged before it is done.

#[test]
fn a_header_cannot_demand_work() {
    let place = Place::new();
    let passphrase = SecretText::borrowed("a passphrase, plainly fake");
    let open = || FileKeyStore::open(&place.path, StoreKey::Passphrase(&passphrase));
    FileKeyStore::create(&place.path, StoreKey::Passphrase(&passphrase)).unwrap();
    let good = place.bytes();
    assert_eq!(good[ARGON2], [0, 0, 0x4c, 0, 0, 0, 0, 2, 0, 0, 0, 1]);

    for at in 0..HEADER {
        for bit in 0..8 {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << bit;
            place.put(&flipped);
            let error = open().unwrap_err();
            let expected = match at {
                0..8 => matches!(error, FileStoreError::NotAStore),
                8..10 => matches!(error, FileStoreError::UnsupportedVersion(_)),
                // Not `WrongKey`: so Argon2id was not begun.
                _ => matches!(error, FileStoreError::Damaged(_)),
            };
            assert!(expected, "byte {at}, bit {bit}: {error:?}");
            assert!(place.bytes() == flipped);
        }
    }

    let with = |params: [u32; 3]| {
        let mut file = good.clone();
        file[ARGON2].copy_from_slice(params.map(u32::to_be_bytes).as_flattened());
        summed(file)
    };
    const LOW: u32 = 19 * 1024;
    const HIGH: u32 = 256 * 1024;
    // Done, some of these would abort the process for want of memory, and some would take years.
    let out_of_range = [
        [0, 2, 1],
        [1, 2, 1],
        [LOW - 1, 2, 1],
        [HIGH + 1, 2, 1],
        [u32::MAX, 2, 1],
        [LOW, 0, 1],
        [LOW, 1, 1],
        [LOW, 17, 1],
        [LOW, u32::MAX, 1],
        [LOW, 2, 0],
        [LOW, 2, 5],
        [LOW, 2, u32::MAX],
        [u32::MAX; 3],
        [0; 3],
    ];
    for params in out_of_range {
        let file = with(params);
        place.put(&file);
        let error = open().unwrap_err();
        let [memory_kib, passes, lanes] = params;
        assert_eq!(error, FileStoreError::Argon2OutOfRange { memory_kib, passes, lanes });
        assert!(place.bytes() == file);
    }
    // Within the range it is done, and comes to another key.
    for params in [[LOW + 1, 2, 1], [LOW, 3, 1], [LOW, 2, 2]] {
        place.put(&with(params));
        assert_eq!(open().unwrap_err(), FileStoreError::WrongKey, "{params:?}");
    }
    let mut salted = good.clone();
    salted[SALT.start] ^= 1;
    place.put(&summed(salted));
    assert_eq!(open().unwrap_err(), FileStoreError::WrongKey);
    // What checks the key is not the key's to say.
    let mut checked = good.clone();
    checked[CHECK.start] ^= 1;
    place.put(&summed(checked));
    assert_eq!(open().unwrap_err(), FileStoreError::WrongKey);

    place.put(&good);
    open().unwrap();
}

#[test]
fn a_header_has_no_room_for_more() {
    let place = Place::new();
    fill(&place.create());
    let good = place.bytes();
    let with = |at: usize, byte: u8| {
        let mut file = good.clone();
        file[at] = byte;
        summed(file)
    };
    for version in [0_u16, 2, 0x0100, u16::MAX] {
        let mut file = good.clone();
        file[VERSION].copy_from_slice(&version.to_be_bytes());
        let error = refusal(&place, &summed(file), "version");
        assert_eq!(error, FileStoreError::UnsupportedVersion(version));
    }
    for kdf in (0..=u8::MAX).filter(|kdf| *kdf != 2) {
        let error = refusal(&place, &with(KDF, kdf), "the way to the root key");
        let expected = match kdf {
            // The parameters are all 0.
            1 => matches!(error, FileStoreError::Argon2OutOfRange { .. }),
            3 => matches!(error, FileStoreError::OtherKindOfKey { .. }),
            _ => matches!(error, FileStoreError::Damaged(_)),
        };
        assert!(expected, "{kdf}: {error:?}");
    }
    for (at, byte) in [(RESERVED, 1), (ARGON2.start + 3, 1), (ARGON2.start + 7, 2), (23, 1)] {
        let error = refusal(&place, &with(at, byte), "reserved");
        assert!(matches!(error, FileStoreError::Damaged(_)), "{at}: {error:?}");
    }
}

// An attacker with everything but the key.

/// A store of three keys whose entries have the same length, and where they are in its file.
fn three_keys(place: &Place, seed: u8) -> (FileKeyStore, [Range<usize>; 3]) {
    let store = place.create();
    for (text, number) in [("a", 1), ("b", 2), ("c", 3)] {
        import(&store, text, &[seed + number; 32]).unwrap();
    }
    (store, entries(&place.bytes()))
}

fn entries(file: &[u8]) -> [Range<usize>; 3] {
    /// Nonce, key, tag.
    const ENTRY: usize = 24 + 32 + TAG;
    let start = index(file).end;
    assert_eq!(file.len(), start + 3 * ENTRY);
    [0, 1, 2].map(|entry| start + entry * ENTRY..start + (entry + 1) * ENTRY)
}

#[test]
fn entries_stay_in_their_place() {
    let place = Place::new();
    let (_, [a, b, c]) = three_keys(&place, 0);
    let good = place.bytes();

    for [one, other] in [[&a, &b], [&a, &c], [&b, &c]] {
        // Whole, the nonce alone, all but the nonce, the tag alone.
        for part in [0..72, 0..24, 24..72, 72 - TAG..72] {
            let [one, other] =
                [one, other].map(|entry| entry.start + part.start..entry.start + part.end);
            let mut file = good.clone();
            file[one.clone()].copy_from_slice(&good[other.clone()]);
            refusal(&place, &file, "copied");
            file[other].copy_from_slice(&good[one]);
            refusal(&place, &file, "exchanged");
        }
    }

    let resized = |file: Vec<u8>, index_len: usize| {
        let mut file = file;
        let entries_len = file.len() - HEADER - index_len;
        set_number(&mut file, INDEX_LEN, index_len);
        set_number(&mut file, ENTRIES_LEN, entries_len);
        summed(file)
    };
    let index_len = index(&good).len();
    let without = |cut: Range<usize>| [&good[..cut.start], &good[cut.end..]].concat();
    for (cut, what) in [
        (a.clone(), "the first"),
        (b.clone(), "the second"),
        (c.clone(), "the last"),
        (b.start..c.end, "all but the first"),
        (a.start..c.end, "all of them"),
        (c.end - 1..c.end, "the last byte"),
    ] {
        refusal(&place, &without(cut.clone()), what);
        refusal(&place, &resized(without(cut), index_len), what);
    }
    for more in [&good[c.clone()], &good[a.clone()], &[0; 72], &[0]] {
        refusal(&place, &resized([&good, more].concat(), index_len), "an entry more");
    }
    // Another border between index and entries, and lengths that no file has.
    for index_len in [0, 1, TAG, index_len - 1, index_len + 1, index_len + 72, good.len() - HEADER]
    {
        refusal(&place, &resized(good.clone(), index_len), "another border");
    }
    for huge in [0x7fff_ffff, 0xffff_ffff] {
        for place_of_length in [INDEX_LEN, ENTRIES_LEN] {
            let mut file = good.clone();
            set_number(&mut file, place_of_length, huge);
            refusal(&place, &summed(file), "a huge length");
        }
    }
    place.put(&good);
    place.open().unwrap();
}

/// The pieces that a file can be put together from: each field that differs from file to file.
fn pieces(file: &[u8]) -> Vec<Range<usize>> {
    let index = index(file);
    let [a, b, c] = entries(file);
    let nonce_of = |entry: &Range<usize>| entry.start..entry.start + 24;
    let rest_of = |entry: &Range<usize>| entry.start + 24..entry.end;
    vec![
        SALT,
        STORE_ID,
        GENERATION,
        NONCE,
        CHECK,
        index.start..index.end - TAG,
        index.end - TAG..index.end,
        nonce_of(&a),
        rest_of(&a),
        b,
        c,
    ]
}

/// Puts together files from the pieces of two, in every way: only the two themselves open.
fn mixtures_are_refused(place: &Place, one: &[u8], other: &[u8], what: &str) {
    let pieces = pieces(one);
    assert_eq!(pieces, self::pieces(other));
    let mut opened = 0;
    for choice in 0_u32..1 << pieces.len() {
        let mut file = one.to_vec();
        for (number, piece) in pieces.iter().enumerate() {
            if choice >> number & 1 == 1 {
                file[piece.clone()].copy_from_slice(&other[piece.clone()]);
            }
        }
        let file = summed(file);
        // Files of one store have pieces in common.
        if file == one || file == other {
            place.put(&file);
            place.open().unwrap();
            opened += 1;
        } else {
            refusal(place, &file, &format!("{what}: {choice:b}"));
        }
    }
    assert!(opened >= 2);
}

#[test]
fn nothing_comes_from_another_store() {
    let (place, elsewhere) = (Place::new(), Place::new());
    three_keys(&place, 0);
    let one = place.bytes();
    // The same raw key opens it, and it has the same names and the same shape.
    three_keys(&elsewhere, 10);
    mixtures_are_refused(&place, &one, &elsewhere.bytes(), "another store");
}

#[test]
fn nothing_comes_from_before_the_store_was_put_under_a_key_anew() {
    let place = Place::new();
    let (store, _) = three_keys(&place, 0);
    let before = place.bytes();
    store.rekey(StoreKey::Raw(&raw(1))).unwrap();
    let after = place.bytes();
    assert_ne!(before[SALT], after[SALT]);
    assert_eq!(before[STORE_ID], after[STORE_ID]);
    mixtures_are_refused(&place, &before, &after, "under a key anew");
}

/// Not one entry can be brought back; the file as a whole can, and the generation tells.
#[test]
fn an_older_generation_shows() {
    let place = Place::new();
    let (store, _) = three_keys(&place, 0);
    let before = place.bytes();
    let old = state(&store).unwrap();
    let generation = store.generation().unwrap();
    store.rotate(&name("b"), NewKey::Symmetric(&key(&[99; 32]))).unwrap();
    let after = place.bytes();
    let new = state(&store).unwrap();
    assert_ne!(old, new);
    for piece in [SALT, STORE_ID] {
        assert_eq!(before[piece.clone()], after[piece]);
    }
    mixtures_are_refused(&place, &before, &after, "an older generation");

    for (file, generation, expected) in [(after, generation + 1, new), (before, generation, old)] {
        place.put(&file);
        for store in [&store, &place.open().unwrap()] {
            assert_eq!(store.generation(), Ok(generation));
            assert_eq!(state(store).as_ref(), Ok(&expected));
        }
    }
}

/// A whole file of another store under the same key is that store, and a store that is open already
/// does not take it for its own.
#[test]
fn another_store_is_not_taken_for_the_open_one() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let (store, _) = three_keys(&place, 0);
    three_keys(&elsewhere, 10);
    let other = elsewhere.bytes();
    place.put(&other);
    for (operation, run) in READING.into_iter().chain(WRITING) {
        let error = run(&store).expect_err(operation);
        assert!(matches!(error, KeyError::Locked(_)), "{operation}: {error:?}");
        assert!(place.bytes() == other, "{operation} changed the file");
    }
    assert_eq!(state(&place.open().unwrap()), state(&elsewhere.open().unwrap()));
}

/// A handle is a snapshot: it goes on, whatever becomes of the file.
#[test]
fn handles_go_on() {
    use hubward::keystore::{KeyStore as _, MacKey as _};
    let place = Place::new();
    let (store, _) = three_keys(&place, 0);
    let handle = store.mac_key(&name("a")).unwrap();
    let expected = key(&[1; 32]).hmac_sha256(&[b"m"]).unwrap();
    place.put(b"no store");
    assert_eq!(handle.hmac_sha256(&[b"m"]).unwrap(), expected);
    fs::remove_dir_all(place.dir()).unwrap();
    assert_eq!(handle.hmac_sha256(&[b"m"]).unwrap(), expected);
    let prepared = handle.prepare(b"m").unwrap();
    assert_eq!(prepared.finish(b"").unwrap(), expected);
}
