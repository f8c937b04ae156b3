//! Token caches: the protocol of polls, buffers that are too small, sources that fail, and callers that come back.

use core::ffi::{c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};

use hubward::capi::*;

use crate::callbacks::Chip;
use crate::calls::{CONNECTION, NOW, RESOURCE, at, made, refuses_what_is_no_text, sign, signer_of};

const NOTHING: hubward_token_cache_result =
    hubward_token_cache_result { next: 7, action: 7, reason: 7, is_new: 7, id: 7 };

fn cache_of(signer: *const hubward_signer) -> *mut hubward_token_cache {
    // SAFETY: a signer, and a place for the result or null.
    made(|out| unsafe { hubward_token_cache_new(signer, 3600, 80, out) }).expect("a cache")
}

/// A poll with a buffer of `cap`: the status, the result, the length and the text.
fn poll(
    cache: *const hubward_token_cache,
    now: u64,
    cap: usize,
) -> (hubward_status, hubward_token_cache_result, usize, String) {
    let mut buffer = vec![0xA5_u8; cap];
    let (mut len, mut result) = (99_999, NOTHING);
    let out = if cap == 0 { ptr::null_mut() } else { buffer.as_mut_ptr().cast() };
    // SAFETY: a cache or null, a buffer or null with its length, places for the rest.
    let status =
        unsafe { hubward_token_cache_poll(cache, now, out, cap, &raw mut len, &raw mut result) };
    let is_written = status == HUBWARD_OK && cap > 0;
    assert!(is_written || buffer.iter().all(|byte| *byte == 0xA5), "the buffer was written");
    let text =
        if is_written { String::from_utf8(buffer[..len].to_vec()).unwrap() } else { String::new() };
    (status, result, len, text)
}

#[test]
fn a_token_is_handed_out_once_as_new_and_renewed_in_time() {
    let signer = signer_of(CONNECTION).expect("a signer");
    let cache = cache_of(signer);
    let expected = sign(signer, NOW + 3600).expect("a token");
    // SAFETY: given back once; the cache holds what it needs.
    unsafe { hubward_signer_free(signer) };

    // Whoever asks for the size, or has a buffer that is too small, was not handed the token.
    let (status, result, len, _) = poll(cache, NOW, 0);
    assert_eq!((status, len), (HUBWARD_OK, expected.len()));
    assert_eq!((result.action, result.is_new), (HUBWARD_CACHE_USE, 1));
    let (status, result, len, _) = poll(cache, NOW, expected.len());
    assert_eq!((status, len, result.action), (HUBWARD_BUFFER_TOO_SMALL, expected.len(), 7));
    for is_new in [1, 0, 0] {
        let (status, result, _, token) = poll(cache, NOW, expected.len() + 1);
        assert_eq!((status, &token), (HUBWARD_OK, &expected));
        assert_eq!((result.is_new, result.reason, result.id), (is_new, HUBWARD_OK, 1));
        assert!(result.next > NOW && result.next <= NOW + 2880);
    }

    // Nothing changes before the moment that was named, and then there is another one.
    let (_, result, ..) = poll(cache, NOW, 4096);
    let (_, before, _, token) = poll(cache, result.next - 1, 4096);
    assert_eq!((before.is_new, &token), (0, &expected));
    let (_, then, _, token) = poll(cache, result.next, 4096);
    assert_eq!((then.is_new, then.id), (1, 2));
    assert_ne!(token, expected);

    // Of a clock that was never set no token is judged.
    let (status, result, len, token) = poll(cache, 0, 4096);
    assert_eq!((status, len, &*token), (HUBWARD_OK, 0, ""));
    assert_eq!(
        (result.action, result.reason, result.id),
        (HUBWARD_CACHE_CLOCK_UNKNOWN, HUBWARD_CLOCK_UNKNOWN, 0)
    );
    // SAFETY: given back once; null is fine.
    unsafe {
        hubward_token_cache_free(cache);
        hubward_token_cache_free(ptr::null_mut());
    }
}

#[test]
fn what_the_hub_says_is_heard() {
    let signer = signer_of(CONNECTION).expect("a signer");
    let cache = cache_of(signer);
    let refused = |id| {
        let mut refusal = 7;
        // SAFETY: a cache, and a place for the result.
        let status = unsafe { hubward_token_cache_refused(cache, id, NOW, &raw mut refusal) };
        assert_eq!(status, HUBWARD_OK);
        refusal
    };
    let (_, first, ..) = poll(cache, NOW, 4096);
    assert_eq!(refused(first.id), HUBWARD_REFUSED_ONCE);
    let (_, second, ..) = poll(cache, NOW, 4096);
    // Late news of the first.
    assert_eq!(refused(first.id), HUBWARD_REFUSED_REPLACED);
    assert_eq!(poll(cache, NOW, 4096).1.id, second.id);
    assert_eq!(refused(second.id), HUBWARD_REFUSED_AGAIN);
    let (_, result, len, _) = poll(cache, NOW, 4096);
    assert_eq!((result.action, result.reason, len), (HUBWARD_CACHE_WAIT, HUBWARD_TOKEN_REFUSED, 0));
    let (_, third, ..) = poll(cache, result.next, 4096);
    assert_eq!(third.action, HUBWARD_CACHE_USE);
    // SAFETY: a cache or null, given back once; a place or null.
    unsafe {
        // That the second was taken does not count for the third.
        assert_eq!(hubward_token_cache_accepted(cache, second.id), HUBWARD_OK);
        assert_eq!(hubward_token_cache_accepted(cache, third.id), HUBWARD_OK);
        assert_eq!(refused(third.id), HUBWARD_REFUSED_ONCE);
        assert_eq!(hubward_token_cache_accepted(ptr::null(), 1), HUBWARD_NULL_POINTER);
        let mut refusal = 7;
        let call = hubward_token_cache_refused;
        assert_eq!(call(ptr::null(), 1, NOW, &raw mut refusal), HUBWARD_NULL_POINTER);
        assert_eq!(call(cache, 1, NOW, ptr::null_mut()), HUBWARD_NULL_POINTER);
        hubward_token_cache_free(cache);
        hubward_signer_free(signer);
    }
}

#[test]
fn a_key_that_fails_leaves_the_token_before() {
    let chip = Chip::default();
    let key = chip.key();
    // SAFETY: what was made, given back once each; texts with their lengths, and places.
    unsafe {
        let (resource, len) = (at(RESOURCE), RESOURCE.len());
        let signer =
            made(|out| hubward_signer_from_mac_key(resource, len, ptr::null(), 0, key, out));
        let signer = signer.expect("a signer");
        let cache = cache_of(signer);

        chip.answer.store(5, Ordering::Relaxed);
        let (status, result, len, _) = poll(cache, NOW, 4096);
        assert_eq!((status, len, result.action), (HUBWARD_OK, 0, HUBWARD_CACHE_WAIT));
        assert_eq!(result.reason, HUBWARD_KEY_FAILED);
        assert!((NOW + 1..=NOW + 2).contains(&result.next));

        chip.answer.store(0, Ordering::Relaxed);
        let (_, result, _, token) = poll(cache, result.next, 4096);
        assert_eq!(result.action, HUBWARD_CACHE_USE);

        chip.answer.store(5, Ordering::Relaxed);
        let (_, later, _, same) = poll(cache, result.next, 4096);
        assert_eq!((later.action, later.reason), (HUBWARD_CACHE_USE, HUBWARD_KEY_FAILED));
        assert_eq!(same, token);

        chip.answer.store(crate::callbacks::PANICS, Ordering::Relaxed);
        assert_eq!(poll(cache, later.next, 4096).0, HUBWARD_PANIC);
        chip.answer.store(0, Ordering::Relaxed);
        assert_eq!(poll(cache, later.next, 4096).1.is_new, 1, "it goes on as before");
        hubward_token_cache_free(cache);
        hubward_signer_free(signer);
        hubward_mac_key_free(key);
    }
    assert_eq!(chip.released.load(Ordering::Relaxed), 1);
}

/// A service that makes tokens.
struct Service {
    signer: *mut hubward_signer,
    answer: AtomicI32,
    asked: AtomicUsize,
    released: AtomicUsize,
    /// A cache to come back to.
    cache: AtomicPtr<hubward_token_cache>,
    came_back: AtomicI32,
}

unsafe extern "C-unwind" fn token(
    service: *mut c_void,
    expiry: u64,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> i32 {
    // SAFETY: what the test gave, and what the header says.
    unsafe {
        let service = &*service.cast::<Service>();
        service.asked.fetch_add(1, Ordering::Relaxed);
        let cache = service.cache.load(Ordering::Relaxed);
        if !cache.is_null() {
            let (mut len, mut result) = (0, NOTHING);
            let poll = hubward_token_cache_poll;
            let status = poll(cache, NOW, ptr::null_mut(), 0, &raw mut len, &raw mut result);
            service.came_back.store(status, Ordering::Relaxed);
        }
        assert_eq!(cap, HUBWARD_SAS_TOKEN_MAX);
        match service.answer.load(Ordering::Relaxed) {
            // A length that is a lie.
            1000 => {
                *len = cap + 1;
                0
            }
            // A token that is none.
            1001 => {
                *out = b'x'.cast_signed();
                *len = 1;
                0
            }
            0 => hubward_signer_sign(service.signer, expiry, out, cap, len),
            answer => answer,
        }
    }
}

unsafe extern "C-unwind" fn release(service: *mut c_void) {
    // SAFETY: what the test gave.
    unsafe { &*service.cast::<Service>() }.released.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn tokens_may_come_from_elsewhere() {
    let signer = signer_of(CONNECTION).expect("a signer");
    let service = Service {
        signer,
        answer: AtomicI32::new(3),
        asked: AtomicUsize::new(0),
        released: AtomicUsize::new(0),
        cache: AtomicPtr::new(ptr::null_mut()),
        came_back: AtomicI32::new(-1),
    };
    let user_data = ptr::from_ref(&service).cast_mut().cast();
    let callbacks =
        hubward_token_callbacks { user_data, token: Some(token), release: Some(release) };
    let none = hubward_token_callbacks { token: None, ..callbacks };
    // SAFETY: functions with what belongs to them or null; texts, or what is refused before it is read; places.
    unsafe {
        let new = |callbacks, resource: &str, lifetime, percent| {
            let len = resource.len();
            let mut out = ptr::null_mut();
            let place = &raw mut out;
            let call = hubward_token_cache_from_callbacks;
            match call(callbacks, at(resource), len, lifetime, percent, place) {
                HUBWARD_OK => Ok(out),
                status => Err(status),
            }
        };
        let of_them = &raw const callbacks;
        assert_eq!(new(ptr::null(), RESOURCE, 3600, 80), Err(HUBWARD_NULL_POINTER));
        assert_eq!(new(&raw const none, RESOURCE, 3600, 80), Err(HUBWARD_NULL_POINTER));
        assert_eq!(new(of_them, "", 3600, 80), Err(HUBWARD_NAME_EMPTY));
        assert_eq!(new(of_them, RESOURCE, 59, 80), Err(HUBWARD_CACHE_LIFETIME));
        assert_eq!(new(of_them, RESOURCE, 3600, 91), Err(HUBWARD_CACHE_PERCENT));
        assert_eq!(new(of_them, RESOURCE, 3600, 256 + 80), Err(HUBWARD_CACHE_PERCENT));
        let mut out = ptr::null_mut();
        refuses_what_is_no_text(|text, len| {
            hubward_token_cache_from_callbacks(of_them, text, len, 3600, 80, &raw mut out)
        });
        assert_eq!(service.released.load(Ordering::Relaxed), 0, "nothing was taken over");

        let cache = new(of_them, RESOURCE, 3600, 80).expect("a cache");
        // What it answers that is no token comes to nothing; the pauses grow.
        let mut now = NOW;
        for answer in [3, 1000, 1001] {
            service.answer.store(answer, Ordering::Relaxed);
            let (status, result, ..) = poll(cache, now, 4096);
            assert_eq!((status, result.action), (HUBWARD_OK, HUBWARD_CACHE_WAIT), "{answer}");
            assert_eq!(result.reason, HUBWARD_KEY_FAILED);
            now = result.next;
        }
        service.answer.store(0, Ordering::Relaxed);
        // Who comes back to the cache from within does not wait for himself.
        service.cache.store(cache, Ordering::Relaxed);
        let (_, result, _, found) = poll(cache, now, 4096);
        assert_eq!(service.came_back.load(Ordering::Relaxed), HUBWARD_BUSY);
        assert_eq!((result.action, Ok(found)), (HUBWARD_CACHE_USE, sign(signer, now + 3600)));
        assert_eq!(service.asked.load(Ordering::Relaxed), 4);
        assert_eq!(service.released.load(Ordering::Relaxed), 0);
        hubward_token_cache_free(cache);
        assert_eq!(service.released.load(Ordering::Relaxed), 1);
        hubward_signer_free(signer);
    }
}

#[test]
fn caches_refuse_what_is_none() {
    let signer = signer_of(CONNECTION).expect("a signer");
    let cache = cache_of(signer);
    let (mut len, mut result, mut out) = (0, NOTHING, ptr::null_mut());
    let (place, answer) = (&raw mut len, &raw mut result);
    // SAFETY: what was made or null, given back once; places or null.
    unsafe {
        let poll = hubward_token_cache_poll;
        let none = ptr::null_mut();
        assert_eq!(poll(ptr::null(), NOW, none, 0, place, answer), HUBWARD_NULL_POINTER);
        assert_eq!(poll(cache, NOW, none, 1, place, answer), HUBWARD_NULL_POINTER);
        assert_eq!(poll(cache, NOW, none, 0, ptr::null_mut(), answer), HUBWARD_NULL_POINTER);
        assert_eq!(poll(cache, NOW, none, 0, place, ptr::null_mut()), HUBWARD_NULL_POINTER);
        let new = hubward_token_cache_new;
        assert_eq!(new(ptr::null(), 3600, 80, &raw mut out), HUBWARD_NULL_POINTER);
        assert_eq!(new(signer, 3600, 80, ptr::null_mut()), HUBWARD_NULL_POINTER);
        assert_eq!(new(signer, 0, 80, &raw mut out), HUBWARD_CACHE_LIFETIME);
        assert_eq!(new(signer, 3600, 9, &raw mut out), HUBWARD_CACHE_PERCENT);
        assert!(out.is_null());
        hubward_token_cache_free(cache);
        hubward_signer_free(signer);
    }
}
