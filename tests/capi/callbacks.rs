//! Keys behind functions of the program's: what they are asked, what comes of their answers, and of a panic.

use core::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use hubward::capi::*;
use hubward::{MacKey as _, SymmetricKey};

use crate::calls::{KEY, NOW, RESOURCE, at, made, refuses_what_is_no_text, sign, signer_new};

/// A chip that the tests look into.
#[derive(Default)]
pub(crate) struct Chip {
    pub(crate) answer: AtomicI32,
    pub(crate) asked: AtomicUsize,
    pub(crate) released: AtomicUsize,
}

/// The answer of a chip that panics.
pub(crate) const PANICS: i32 = i32::MAX;

impl Chip {
    pub(crate) fn callbacks(&self) -> hubward_mac_key_callbacks {
        hubward_mac_key_callbacks {
            user_data: ptr::from_ref(self).cast_mut().cast(),
            hmac_sha256: Some(hmac),
            release: Some(release),
        }
    }

    pub(crate) fn key(&self) -> *mut hubward_mac_key {
        let callbacks = self.callbacks();
        let mut key = ptr::null_mut();
        // SAFETY: functions with what belongs to them, and a place for the result.
        let status = unsafe { hubward_mac_key_from_callbacks(&raw const callbacks, &raw mut key) };
        assert_eq!(status, HUBWARD_OK);
        key
    }
}

unsafe extern "C-unwind" fn hmac(
    chip: *mut c_void,
    message: *const u8,
    len: usize,
    tag: *mut u8,
) -> i32 {
    // SAFETY: what `callbacks` gave, and what the header says.
    let (chip, message) = unsafe { (&*chip.cast::<Chip>(), slice::from_raw_parts(message, len)) };
    chip.asked.fetch_add(1, Ordering::Relaxed);
    let answer = chip.answer.load(Ordering::Relaxed);
    assert_ne!(answer, PANICS, "the driver panics, as a test wants it");
    let key = SymmetricKey::from_base64(KEY).expect("a key");
    let made = key.hmac_sha256(&[message]).expect("in memory");
    // SAFETY: there is room for a tag.
    unsafe { tag.copy_from_nonoverlapping(made.expose_bytes().as_ptr(), 32) };
    answer
}

unsafe extern "C-unwind" fn release(chip: *mut c_void) {
    // SAFETY: what `callbacks` gave.
    unsafe { &*chip.cast::<Chip>() }.released.fetch_add(1, Ordering::Relaxed);
}

fn signer_of(key: *const hubward_mac_key) -> *mut hubward_signer {
    // SAFETY: texts with their lengths, a key, and a place for the result or null.
    let signer = made(|out| unsafe {
        let (resource, len) = (at(RESOURCE), RESOURCE.len());
        hubward_signer_from_mac_key(resource, len, ptr::null(), 0, key, out)
    });
    signer.expect("a signer")
}

#[test]
fn a_key_behind_a_callback_signs_the_same_token() {
    let chip = Chip::default();
    let key = chip.key();
    let signer = signer_of(key);
    // What is made of it holds the key, whatever is freed first.
    // SAFETY: given back once.
    unsafe { hubward_mac_key_free(key) };
    assert_eq!(chip.released.load(Ordering::Relaxed), 0);

    let plain = signer_new(RESOURCE, KEY).expect("a signer");
    assert_eq!(sign(signer, NOW), sign(plain, NOW));
    assert!(chip.asked.load(Ordering::Relaxed) > 0);
    // SAFETY: given back once each.
    unsafe {
        hubward_signer_free(plain);
        hubward_signer_free(signer);
    }
    assert_eq!(chip.released.load(Ordering::Relaxed), 1);
}

#[test]
fn a_callback_that_fails_or_panics_gives_no_token() {
    let chip = Chip::default();
    let key = chip.key();
    let signer = signer_of(key);
    for (answer, status) in
        [(1, HUBWARD_KEY_FAILED), (-7, HUBWARD_KEY_FAILED), (PANICS, HUBWARD_PANIC)]
    {
        chip.answer.store(answer, Ordering::Relaxed);
        let result = catch_unwind(AssertUnwindSafe(|| sign(signer, NOW)));
        assert_eq!(result.expect("no panic crosses"), Err(status), "{answer}");
    }
    // The next time it works.
    chip.answer.store(0, Ordering::Relaxed);
    assert!(sign(signer, NOW).is_ok());
    // SAFETY: given back once each.
    unsafe {
        hubward_signer_free(signer);
        hubward_mac_key_free(key);
    }
    assert_eq!(chip.released.load(Ordering::Relaxed), 1);
}

#[test]
fn what_lets_go_may_panic() {
    unsafe extern "C-unwind" fn panics(_: *mut c_void) {
        panic!("as a test wants it");
    }
    let chip = Chip::default();
    let callbacks = hubward_mac_key_callbacks { release: Some(panics), ..chip.callbacks() };
    let mut key = ptr::null_mut();
    // SAFETY: functions with what belongs to them, and a place for the result; it is given back once.
    unsafe {
        assert_eq!(hubward_mac_key_from_callbacks(&raw const callbacks, &raw mut key), HUBWARD_OK);
        hubward_mac_key_free(key);
    }
}

#[test]
fn keys_refuse_what_is_none() {
    let chip = Chip::default();
    let without = hubward_mac_key_callbacks { hmac_sha256: None, ..chip.callbacks() };
    let alone = hubward_mac_key_callbacks { release: None, ..chip.callbacks() };
    let callbacks = chip.callbacks();
    let mut key = ptr::null_mut();
    // SAFETY: functions with what belongs to them or null, and a place for the result or null; texts, or what is
    // refused before it is read.
    unsafe {
        let new = hubward_mac_key_from_callbacks;
        assert_eq!(new(ptr::null(), &raw mut key), HUBWARD_NULL_POINTER);
        assert_eq!(new(&raw const callbacks, ptr::null_mut()), HUBWARD_NULL_POINTER);
        assert_eq!(new(&raw const without, &raw mut key), HUBWARD_NULL_POINTER);
        assert!(key.is_null());
        assert_eq!(chip.released.load(Ordering::Relaxed), 0, "nothing was taken over");
        assert_eq!(new(&raw const alone, &raw mut key), HUBWARD_OK);
        hubward_mac_key_free(key);
        hubward_mac_key_free(ptr::null_mut());

        let mut key = ptr::null_mut();
        refuses_what_is_no_text(|text, len| hubward_mac_key_new(text, len, &raw mut key));
        let new = |text: &str| made(|out| hubward_mac_key_new(at(text), text.len(), out));
        assert_eq!(new("A"), Err(HUBWARD_KEY_NOT_BASE64));
        assert_eq!(new(""), Err(HUBWARD_KEY_EMPTY));
        hubward_mac_key_free(new(KEY).expect("a key"));

        let mut signer = ptr::null_mut();
        let status = hubward_signer_from_mac_key(
            at(RESOURCE),
            RESOURCE.len(),
            ptr::null(),
            0,
            ptr::null(),
            &raw mut signer,
        );
        assert_eq!(status, HUBWARD_NULL_POINTER);
    }
}

#[test]
fn keys_are_locked_where_that_is_compiled_in() {
    let locked = |policy| {
        // SAFETY: a text with its length, and a place for the result or null.
        made(|out| unsafe { hubward_mac_key_new_locked(at(KEY), KEY.len(), policy, out) })
    };
    let string = crate::calls::CONNECTION;
    let signer = |policy| {
        // SAFETY: a text with its length, and a place for the result or null.
        made(|out| unsafe {
            hubward_signer_from_connection_string_locked(at(string), string.len(), policy, out)
        })
    };
    if !cfg!(feature = "mlock") {
        assert_eq!(locked(HUBWARD_LOCK_PREFER), Err(HUBWARD_NOT_COMPILED_IN));
        assert_eq!(signer(HUBWARD_LOCK_PREFER), Err(HUBWARD_NOT_COMPILED_IN));
        return;
    }
    assert_eq!(locked(0), Err(HUBWARD_INVALID_ARGUMENT));
    assert_eq!(signer(3), Err(HUBWARD_INVALID_ARGUMENT));
    let key = locked(HUBWARD_LOCK_PREFER).expect("a key");
    let of_key = signer_of(key);
    let of_string = signer(HUBWARD_LOCK_PREFER).expect("a signer");
    let plain = signer_new(RESOURCE, KEY).expect("a signer");
    assert_eq!(sign(of_key, NOW), sign(plain, NOW));
    assert_eq!(sign(of_string, NOW), sign(plain, NOW));
    // SAFETY: given back once each.
    unsafe {
        hubward_mac_key_free(key);
        for signer in [of_key, of_string, plain] {
            hubward_signer_free(signer);
        }
    }
}
