//! A store that is full says so, and stays as it is.

use hubward::keystore::file::{FileKeyStore, StoreKey};
use hubward::keystore::{
    CredentialStore as _, KeyError, KeyStore as _, KeyStoreAdmin as _, RecordKind, Slot,
};

use super::{Place, import, name, raw, state, text};

const RECORD_MOST: usize = 64 * 1024;
const FILE_MOST: usize = 16 * 1024 * 1024;
const ENTRIES_MOST: usize = 65_536;

/// The bytes of a file with records of these lengths, under names of four bytes.
fn file_len(records: &[usize]) -> usize {
    let index = 4 + records.len() * (4 + 4 + 4 + 32) + 16;
    176 + index + records.iter().map(|len| 24 + len + 16).sum::<usize>()
}

/// Puts records of these lengths there, under names of four bytes, from the first on.
fn put(store: &FileKeyStore, first: usize, records: &[usize]) -> Result<(), KeyError> {
    let content = vec![0xa5; RECORD_MOST + 1];
    store.transact(&mut |to| {
        for (number, len) in (first..).zip(records) {
            let name = name(&format!("r{number:03}"));
            to.put_record(RecordKind::Certificates, Slot::Current, &name, Some(&content[..*len]))?;
        }
        Ok(())
    })
}

/// The content of records that were put there, from the first on.
fn assert_holds(store: &FileKeyStore, first: usize, records: &[usize]) {
    store
        .transact(&mut |found| {
            for (number, len) in (first..).zip(records) {
                let name = name(&format!("r{number:03}"));
                let record = found.record(RecordKind::Certificates, Slot::Current, &name)?;
                assert!(record == Some(vec![0xa5; *len]), "{number}");
            }
            Ok(())
        })
        .unwrap();
}

fn assert_full(result: Result<(), KeyError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, KeyError::Refused(_)), "{error:?}");
    assert!(text(&error).contains("the store is full"), "{}", text(&error));
}

/// Records that fill a file to the last byte.
fn most_records() -> Vec<usize> {
    let mut records = vec![RECORD_MOST; 255];
    records.push(FILE_MOST - file_len(&records) - (file_len(&[0]) - file_len(&[])));
    assert_eq!(file_len(&records), FILE_MOST);
    records
}

#[test]
fn a_file_has_a_longest() {
    let place = Place::new();
    let store = place.create();
    let records = most_records();
    let (last, all_but_the_last) = records.split_last().unwrap();
    put(&store, 0, all_but_the_last).unwrap();
    let before = place.bytes();
    assert_eq!(before.len(), file_len(all_but_the_last));

    // One byte more than fits.
    assert_full(put(&store, 255, &[last + 1]));
    assert!(place.bytes() == before);
    assert_eq!(place.names(), ["keys"]);
    put(&store, 255, &[*last]).unwrap();
    assert_eq!(place.bytes().len(), FILE_MOST);
    assert_full(import(&store, "a", b"a"));
    assert_eq!(store.generation(), Ok(3));

    // It can be read, and something taken away.
    let store = place.open().unwrap();
    assert_holds(&store, 255, &[*last]);
    put(&store, 0, &[1]).unwrap();
    import(&store, "a", b"a").unwrap();
    assert_eq!(state(&store).unwrap().len(), 1);
}

#[test]
#[ignore = "slow: seals 16 MiB twice, where code is not optimised"]
fn a_full_store_is_put_under_another_key() {
    let place = Place::new();
    let store = place.create();
    let records = most_records();
    put(&store, 0, &records).unwrap();
    assert_holds(&store, 0, &records);
    store.rekey(StoreKey::Raw(&raw(2))).unwrap();
    assert_eq!(place.bytes().len(), FILE_MOST);
    let store = FileKeyStore::open(&place.path, StoreKey::Raw(&raw(2))).unwrap();
    assert_holds(&store, 0, &records);
    assert_full(put(&store, 256, &[0]));
}

#[test]
fn a_record_has_a_longest() {
    let place = Place::new();
    let store = place.create();
    put(&store, 0, &[0, 1, RECORD_MOST]).unwrap();
    let before = place.bytes();
    let error = put(&store, 3, &[1, RECORD_MOST + 1]).unwrap_err();
    assert!(matches!(error, KeyError::Refused(_)), "{error:?}");
    assert!(place.bytes() == before);
    assert_holds(&place.open().unwrap(), 0, &[0, 1, RECORD_MOST]);

    // A chain of certificates is one.
    import(&store, "a", b"a").unwrap();
    let chain = |len: usize| [hubward::pki_types::CertificateDer::from(vec![1; len])];
    store.set_certificates(&name("a"), &chain(RECORD_MOST - 4)).unwrap();
    assert_eq!(store.certificates(&name("a")).unwrap(), chain(RECORD_MOST - 4));
    let error = store.set_certificates(&name("a"), &chain(RECORD_MOST - 3)).unwrap_err();
    assert!(matches!(error, KeyError::Refused(_)), "{error:?}");
    assert_eq!(store.certificates(&name("a")).unwrap(), chain(RECORD_MOST - 4));
}

#[test]
#[ignore = "slow: a store of 65536 entries, where code is not optimised"]
fn a_store_has_a_most_of_entries() {
    let place = Place::new();
    let store = place.create();
    import(&store, "a", b"a").unwrap();
    let put = |numbers: std::ops::Range<usize>| {
        store.transact(&mut |records| {
            for number in numbers.clone() {
                let name = name(&format!("n{number:05}"));
                records.put_record(RecordKind::Journal, Slot::Retired, &name, Some(b""))?;
            }
            Ok(())
        })
    };
    put(0..ENTRIES_MOST - 1).unwrap();
    let before = place.bytes();
    assert_full(put(ENTRIES_MOST - 1..ENTRIES_MOST));
    assert_full(import(&store, "b", b"b"));
    assert!(place.bytes() == before);
    let store = place.open().unwrap();
    assert!(store.mac_key(&name("a")).is_ok());
    assert_eq!(store.list().unwrap().len(), 1);
    store.delete(&name("a")).unwrap();
    import(&store, "b", b"b").unwrap();
}
