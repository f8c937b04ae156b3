//! The pages themselves: locked, guarded, given back, shared by threads.

use std::fs;

use hubward::keystore::{KeyName, KeyStore as _, KeyStoreAdmin as _, MemoryKeyStore, NewKey};
use hubward::secret::{LockPolicy, SecretBytes};
use hubward::{
    GroupKey, MacKey as _, RegistrationId, ResourceUri, SasSigner, SymmetricKey, UnixTime,
};

use super::Outcome;
use super::process::{End, Mapping, fork, limit, mappings, page, secret_pages};

const TEXT: &str = "njd5uX9KfBXznMBgXO3INBCCJ2vzonJR+GxqEdDBjpU=";

fn key() -> SymmetricKey {
    SymmetricKey::from_base64_locked(TEXT, LockPolicy::Require).expect("there are pages")
}

/// That a page is what it should be, and stands between two that nobody can use.
fn assert_protected(page: &Mapping) {
    assert_eq!(page.permissions, "rw-p", "{page:x?}");
    assert_eq!(page.locked, page.end - page.start, "{page:x?}");
    // Locked; not in core dumps; wiped on a fork.
    for flag in ["lo", "dd", "wf"] {
        assert!(page.has(flag), "{flag}: {page:x?}");
    }
    let all = mappings();
    for edge in [page.start - 1, page.end] {
        let guard = all.iter().find(|mapping| (mapping.start..mapping.end).contains(&edge));
        let guard = guard.expect("something is there");
        assert_eq!(guard.permissions, "---p", "{guard:x?}");
    }
}

/// The page that an address is in.
fn page_of(address: *const u8) -> Mapping {
    let address = address as usize;
    let mut pages = mappings().into_iter();
    pages.find(|page| (page.start..page.end).contains(&address)).expect("it is mapped")
}

pub(crate) fn locked_and_guarded() -> Outcome {
    let keys: Vec<_> = (0..10).map(|_| key()).collect();
    for key in &keys {
        let of_key = page_of(key.expose_bytes().as_ptr());
        assert_eq!(of_key.end - of_key.start, page());
        assert_protected(&of_key);
        assert!(key.lock_outcome().is_some_and(|outcome| outcome.is_complete()));
        assert!(key.lock_outcome().is_some_and(|outcome| outcome.to_string() == "fully protected"));
    }
    assert_eq!(secret_pages().len(), keys.len());
    let plain = SymmetricKey::from_base64(TEXT).expect("a key");
    assert_eq!(plain.lock_outcome(), None);
    assert!(!page_of(plain.expose_bytes().as_ptr()).has("wf"));
    Ok(())
}

pub(crate) fn made_of_a_key() -> Outcome {
    let before = secret_pages().len();
    let pages = |expected: usize| {
        let pages = secret_pages();
        assert_eq!(pages.len() - before, expected);
        pages.iter().for_each(assert_protected);
    };
    let key = key();
    pages(1);
    let prepared = key.prepare(b"prefix").expect("there are pages");
    pages(2);
    let bytes = SecretBytes::copy_from(key.expose_bytes()).expect("it fits");
    let group = GroupKey::from_secret(bytes.to_locked(LockPolicy::Require).expect("the same"));
    let group = group.expect("a key");
    pages(3);
    let registration = RegistrationId::new("sn-7").expect("an ID");
    let derived = group.derive_device_key(&registration).expect("there are pages");
    assert_protected(&page_of(derived.expose_bytes().as_ptr()));
    pages(4);
    let resource = ResourceUri::parse("h.example/devices/d").expect("a resource");
    let signer = SasSigner::new(derived, &resource).expect("not Service Bus");
    // The state instead of the key.
    pages(4);
    for outcome in [key.lock_outcome(), prepared.lock_outcome(), signer.lock_outcome()] {
        assert!(outcome.is_some_and(|outcome| outcome.is_complete()));
    }

    let name = KeyName::new("hub.primary").expect("a name");
    let store = MemoryKeyStore::locked(LockPolicy::Require);
    store.import(&name, NewKey::Symmetric(&key)).expect("it is new");
    pages(5);
    let handle = store.mac_key(&name).expect("it is there");
    assert!(handle.lock_outcome().is_some_and(|outcome| outcome.is_complete()));
    let of_handle = SasSigner::new(handle, &resource).expect("not Service Bus");
    pages(6);
    store.delete(&name).expect("it is there");
    pages(5);
    drop((key, prepared, group, signer, of_handle));
    pages(0);
    Ok(())
}

/// Whoever runs over the end or the beginning is stopped there.
pub(crate) fn edges() -> Outcome {
    let key = key();
    let of_key = page_of(key.expose_bytes().as_ptr());
    let touch = |address: usize, write: bool| {
        fork(|| {
            limit(libc::RLIMIT_CORE, 0);
            let byte = std::ptr::with_exposed_provenance_mut::<u8>(address);
            // SAFETY: there is none; the system is to end this process here, which has nothing to lose.
            unsafe {
                if write {
                    byte.write_volatile(1);
                } else {
                    byte.read_volatile();
                }
            }
        })
    };
    for write in [false, true] {
        for inside in [of_key.start, of_key.end - 1] {
            assert_eq!(touch(inside, write), End::Code(0));
        }
        for outside in
            [of_key.start - 1, of_key.start - page(), of_key.end, of_key.end + page() - 1]
        {
            assert_eq!(touch(outside, write), End::Signal(libc::SIGSEGV), "{outside:x}");
        }
    }
    assert!(key.hmac_sha256(&[b"m"]).is_ok());
    Ok(())
}

/// Mappings, and kilobytes that are locked.
fn in_use() -> (usize, String) {
    let maps = fs::read_to_string("/proc/self/maps").expect("it is text");
    let status = fs::read_to_string("/proc/self/status").expect("it is text");
    let locked = status.lines().find(|line| line.starts_with("VmLck:")).expect("it is named");
    (maps.lines().count(), locked.to_owned())
}

pub(crate) fn given_back() -> Outcome {
    let cycle = || {
        let key = key();
        let prepared = key.prepare(b"prefix").expect("there are pages");
        drop(key);
        prepared.finish(b"m").expect("in memory");
    };
    cycle();
    let before = in_use();
    (0..10_000).for_each(|_| cycle());
    assert_eq!(in_use(), before);

    // Also where nothing was made, or nothing is left to wipe.
    for _ in 0..1000 {
        let refused = SymmetricKey::from_base64_locked("not base64", LockPolicy::Require);
        assert!(refused.is_err());
        let empty = SymmetricKey::from_base64_locked("", LockPolicy::Require);
        assert!(empty.is_err());
    }
    assert_eq!(in_use(), before);

    // In any order, with others between them.
    let mut keys: Vec<_> = (0..300).map(|_| key()).collect();
    while !keys.is_empty() {
        drop(keys.swap_remove(keys.len() * 7 % 11 % keys.len()));
    }
    assert_eq!(in_use(), before);
    Ok(())
}

pub(crate) fn threads() -> Outcome {
    let key = key();
    let plain = SymmetricKey::from_base64(TEXT).expect("a key");
    let resource = ResourceUri::parse("h.example/devices/d").expect("a resource");
    let signer = SasSigner::new(&key, &resource).expect("not Service Bus");
    let expected = SasSigner::new(&plain, &resource).expect("not Service Bus");
    let start = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let (key, plain, signer, expected, start) = (&key, &plain, &signer, &expected, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..500_u16 {
                    let message = [&[thread], &round.to_be_bytes()[..]].concat();
                    assert_eq!(key.hmac_sha256(&[&message]), plain.hmac_sha256(&[&message]));
                    let expiry = UnixTime::from_secs(1_800_000_000 + u64::from(round));
                    assert_eq!(signer.sign(expiry), expected.sign(expiry));
                    let prepared = key.prepare(&message).expect("there are pages");
                    assert_eq!(prepared.finish(b"m"), plain.hmac_sha256(&[&message, b"m"]));
                }
            });
        }
    });
    // A key may be dropped by another thread than its maker.
    std::thread::spawn(move || drop(key)).join().expect("it does not panic");
    Ok(())
}
