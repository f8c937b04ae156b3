//! Several that write at once, in one process or in two: no change is lost, and readers see none of it
//! half done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use hubward::keystore::file::{FileKeyStore, FileStoreError, StoreKey};
use hubward::keystore::{
    CredentialStore as _, KeyError, KeyKind, KeyStore as _, KeyStoreAdmin as _, MacKey as _,
    NewKey, RecordKind, Slot,
};

use super::child::{self, Arguments};
use super::{Held, Place, chain, import, key, name, raw, state};

/// The key that an import under a name is to have.
fn bytes_of(text: &str) -> Vec<u8> {
    text.as_bytes().repeat(4)
}

/// Imports keys with names of its own.
pub(super) fn import_many(arguments: &Arguments) {
    let (path, prefix) = (arguments.path(0), arguments.text(1));
    let store = FileKeyStore::open(path, StoreKey::Raw(&raw(1))).unwrap();
    for number in 0..arguments.text(2).parse().unwrap() {
        let text = format!("{prefix}-{number}");
        import(&store, &text, &bytes_of(&text)).unwrap();
    }
}

/// Whether all the keys are there, each with its own bytes, after as many writes.
fn assert_all(place: &Place, prefixes: &[&str], count: usize) {
    let store = place.open().unwrap();
    let state = state(&store).unwrap();
    for prefix in prefixes {
        for number in 0..count {
            let text = format!("{prefix}-{number}");
            let found = state.get(&text).unwrap_or_else(|| panic!("{text} is lost"));
            assert_eq!(*found, Held::symmetric(&bytes_of(&text)), "{text}");
        }
    }
    let writes = prefixes.len() * count;
    assert_eq!(state.len(), writes);
    assert_eq!(store.generation(), Ok(u64::try_from(writes).unwrap() + 1));
    assert_eq!(place.names(), ["keys"]);
}

/// Reads until the flag says that the writers are done. Keys are only added: none may vanish.
fn read_meanwhile(store: &FileKeyStore, done: &AtomicBool) -> usize {
    let (mut reads, mut seen, mut generation) = (0, 0, 0);
    while !done.load(Ordering::Relaxed) {
        let names = store.list().unwrap();
        assert!(names.len() >= seen, "{} of {seen}", names.len());
        seen = names.len();
        if let Some(last) = names.last() {
            let text = last.name.as_str();
            let tag = store.mac_key(&last.name).unwrap().hmac_sha256(&[b"m"]).unwrap();
            assert_eq!(tag, key(&bytes_of(text)).hmac_sha256(&[b"m"]).unwrap());
        }
        let now = store.generation().unwrap();
        assert!(now >= generation);
        generation = now;
        reads += 1;
        // Else there is nobody else on a machine of few processors.
        thread::sleep(Duration::from_millis(1));
    }
    reads
}

#[test]
fn two_processes_lose_nothing() {
    let place = Place::new();
    let store = place.create();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = [&store, &place.open().unwrap()].map(|store| {
            // Each its own, or one that somebody else has as well.
            let path = store.path().to_owned();
            let done = &done;
            scope.spawn(move || {
                let store = FileKeyStore::open(path, StoreKey::Raw(&raw(1))).unwrap();
                read_meanwhile(&store, done)
            })
        });
        let writers = ["p", "q"].map(|prefix| {
            let path = &place.path;
            scope.spawn(move || child::run("writers::import_many", &[path, &prefix, &"100"]))
        });
        let results = writers.map(|writer| writer.join());
        done.store(true, Ordering::Relaxed);
        for result in results {
            result.unwrap();
        }
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    assert_all(&place, &["p", "q"], 100);
}

const THREADS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

#[test]
fn threads_lose_nothing() {
    for one_store in [true, false] {
        let place = Place::new();
        let store = place.create();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| read_meanwhile(&store, &done));
            let writers = THREADS.map(|prefix| {
                let (place, store) = (&place, &store);
                scope.spawn(move || {
                    let own;
                    let store = if one_store {
                        store
                    } else {
                        own = place.open().unwrap();
                        &own
                    };
                    for number in 0..20 {
                        let text = format!("{prefix}-{number}");
                        import(store, &text, &bytes_of(&text)).unwrap();
                    }
                })
            });
            let results = writers.map(|writer| writer.join());
            done.store(true, Ordering::Relaxed);
            for result in results {
                result.unwrap();
            }
            reader.join().unwrap();
        });
        assert_all(&place, &THREADS, 20);
    }
}

#[test]
fn one_of_many_creates() {
    for _ in 0..20 {
        let place = Place::new();
        let barrier = Barrier::new(THREADS.len());
        let results = thread::scope(|scope| {
            let creators = THREADS.map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    FileKeyStore::create(&place.path, StoreKey::Raw(&raw(1)))
                })
            });
            creators.map(|creator| creator.join().unwrap())
        });
        let (created, refused): (Vec<_>, Vec<_>) =
            results.into_iter().partition(|result| result.is_ok());
        assert_eq!(created.len(), 1);
        for refused in refused {
            assert_eq!(refused.unwrap_err(), FileStoreError::AlreadyExists);
        }
        let store = created.into_iter().next().unwrap().unwrap();
        import(&store, "a", b"a").unwrap();
        assert_eq!(state(&place.open().unwrap()), state(&store));
    }
}

#[test]
fn one_of_many_imports() {
    let place = Place::new();
    let store = place.create();
    let barrier = Barrier::new(THREADS.len());
    let results = thread::scope(|scope| {
        let (store, barrier) = (&store, &barrier);
        let writers = THREADS.map(|prefix| {
            scope.spawn(move || {
                barrier.wait();
                import(store, "the-one", prefix.as_bytes())
            })
        });
        writers.map(|writer| writer.join().unwrap())
    });
    let won: Vec<_> = THREADS.iter().zip(&results).filter(|(_, result)| result.is_ok()).collect();
    let [(prefix, _)] = won[..] else { panic!("{results:?}") };
    assert_eq!(state(&store).unwrap()["the-one"], Held::symmetric(prefix.as_bytes()));
    let lost = results.iter().filter(|result| **result == Err(KeyError::AlreadyExists));
    assert_eq!(lost.count(), THREADS.len() - 1);
    assert_eq!(store.generation(), Ok(2));
}

/// Keys that come and go together are never seen apart.
#[test]
fn readers_see_all_of_a_change() {
    let place = Place::new();
    let store = place.create();
    let pairs = [["a", "z"], ["b", "y"]];
    let turn = |number: usize| {
        let (come, go) = (pairs[number % 2], pairs[(number + 1) % 2]);
        store.transact(&mut |records| {
            for text in come {
                let new = NewKey::Generate(KeyKind::Symmetric);
                records.put_key(Slot::Current, &name(text), new)?;
            }
            go.iter().try_for_each(|text| records.delete_key(Slot::Current, &name(text)))
        })
    };
    turn(0).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = [0; 2];
            while !done.load(Ordering::Relaxed) {
                let list = store.list().unwrap();
                let names: Vec<_> = list.iter().map(|info| info.name.as_str()).collect();
                let pair = pairs.iter().position(|pair| *pair == *names);
                seen[pair.unwrap_or_else(|| panic!("{names:?}"))] += 1;
            }
            seen
        });
        let result = (1..=200).try_for_each(turn);
        done.store(true, Ordering::Relaxed);
        result.unwrap();
        assert!(reader.join().unwrap().iter().all(|seen| *seen > 0));
    });
}

/// A transaction that fails, or that does nothing, writes nothing.
#[test]
fn what_fails_is_not_written() {
    let place = Place::new();
    let store = place.create();
    import(&store, "a", b"a").unwrap();
    store.set_certificates(&name("a"), &chain(1)).unwrap();
    let before = place.bytes();
    let refused = store.transact(&mut |records| {
        records.delete_key(Slot::Current, &name("a"))?;
        records.put_record(RecordKind::Certificates, Slot::Current, &name("a"), None)?;
        Err(KeyError::NotFound)
    });
    assert_eq!(refused, Err(KeyError::NotFound));
    assert!(place.bytes() == before);
    store
        .transact(&mut |records| {
            records.kind(Slot::Current, &name("a"))?;
            records.delete_key(Slot::Current, &name("b"))?;
            records.put_record(RecordKind::Journal, Slot::Current, &name("a"), None)
        })
        .unwrap();
    assert!(place.bytes() == before);
    assert_eq!(store.generation(), Ok(3));
    // A panic in the middle lets go of the lock.
    let panicked = thread::scope(|scope| {
        scope.spawn(|| store.transact(&mut |_| std::panic::resume_unwind(Box::new(())))).join()
    });
    assert!(panicked.is_err());
    assert!(place.bytes() == before);
    import(&store, "b", b"b").unwrap();
}

/// Whoever writes waits for whoever does, and then sees what that one wrote.
#[test]
fn writers_wait_for_each_other() {
    let place = Place::new();
    let store = place.create();
    thread::scope(|scope| {
        let (holds, held) = mpsc::channel();
        let (let_go, go) = mpsc::channel::<()>();
        let (store, place) = (&store, &place);
        let holder = scope.spawn(move || {
            store.transact(&mut |records| {
                holds.send(()).unwrap();
                go.recv().unwrap();
                records.put_key(
                    Slot::Current,
                    &name("w-0"),
                    NewKey::Symmetric(&key(&bytes_of("w-0"))),
                )
            })
        });
        held.recv().unwrap();
        let waiting = [1, 2, 3, 4].map(|number| {
            scope.spawn(move || {
                let text = format!("w-{number}");
                import(&place.open().unwrap(), &text, &bytes_of(&text))
            })
        });
        // They wait by then; if not, nothing is shown, and nothing fails.
        thread::sleep(Duration::from_millis(300));
        let_go.send(()).unwrap();
        holder.join().unwrap().unwrap();
        for waiting in waiting {
            waiting.join().unwrap().unwrap();
        }
    });
    assert_all(&place, &["w"], 5);
}
