//! The log: what it is told, that it shows no secret, and that nothing comes of what it does.

use core::ffi::{c_char, c_void};
use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use hubward::capi::*;

use crate::calls::{NOW, RESOURCE, signer_new, signer_of};

thread_local! {
    /// What this thread heard: other tests run beside this one, and make mistakes of their own.
    static HEARD: RefCell<Vec<(i32, String)>> = const { RefCell::new(Vec::new()) };
}

/// There is one log, and it is one test's at a time.
static ONE: Mutex<()> = Mutex::new(());

static INSIDE: AtomicI32 = AtomicI32::new(-1);

unsafe extern "C-unwind" fn hear(
    user_data: *mut c_void,
    level: i32,
    text: *const c_char,
    len: usize,
) {
    assert_eq!(user_data.addr(), 42);
    // SAFETY: a text with a NUL behind it, as the header says.
    let text = unsafe { CStr::from_ptr(text) }.to_str().expect("it is UTF-8");
    assert_eq!(text.len(), len);
    HEARD.with_borrow_mut(|heard| heard.push((level, text.to_owned())));
    // What it does with the library is neither heard nor waits for itself.
    assert!(signer_new(RESOURCE, "?").is_err());
    // SAFETY: no function.
    let status = unsafe { hubward_log_set(None, ptr::null_mut()) };
    INSIDE.store(status, Ordering::Relaxed);
}

unsafe extern "C-unwind" fn panics(_: *mut c_void, _: i32, _: *const c_char, _: usize) {
    panic!("as a test wants it");
}

/// What is heard while `run` runs.
fn heard(run: impl FnOnce()) -> Vec<(i32, String)> {
    let _one = ONE.lock().expect("no other test fails");
    HEARD.take();
    let user_data = ptr::without_provenance_mut(42);
    // SAFETY: a function that takes what it is given; it is taken away again.
    unsafe {
        assert_eq!(hubward_log_set(Some(hear), user_data), HUBWARD_OK);
        run();
        assert_eq!(hubward_log_set(None, ptr::null_mut()), HUBWARD_OK);
    }
    HEARD.take()
}

#[test]
fn what_goes_wrong_is_told_in_words() {
    let heard = heard(|| {
        for string in [
            "HostName=h;DeviceId=;SharedAccessKey=c2VjcmV0",
            "HostName=h;DeviceId=d;SharedAccessKey=SeCrEtKeY",
        ] {
            assert!(signer_of(string).is_err());
        }
        // SAFETY: null is refused.
        let status = unsafe { hubward_signer_expiry_for(1, NOW, ptr::null_mut()) };
        assert_eq!(status, HUBWARD_NULL_POINTER);
    });
    let words: Vec<_> = heard.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        words,
        [
            "DeviceId has no value",
            "SharedAccessKey is not canonical base64 with padding: copy the whole key, with any `=` at its end and \
             without spaces",
            "a pointer is null that must not be",
        ]
    );
    assert!(heard.iter().all(|(level, _)| *level == HUBWARD_LOG_ERROR));
    assert_eq!(INSIDE.load(Ordering::Relaxed), HUBWARD_BUSY);
}

#[test]
fn answers_and_questions_are_no_mistakes() {
    let signer = signer_of(crate::calls::CONNECTION).expect("a signer");
    let heard = heard(|| {
        let mut len = 0;
        // SAFETY: a signer, and the size is asked for; and a buffer without room.
        unsafe {
            let mut buffer: c_char = 0;
            let sign = hubward_signer_sign;
            assert_eq!(sign(signer, NOW, ptr::null_mut(), 0, &raw mut len), HUBWARD_OK);
            let status = sign(signer, NOW, &raw mut buffer, 1, &raw mut len);
            assert_eq!(status, HUBWARD_BUFFER_TOO_SMALL);
        }
    });
    assert_eq!(heard, []);
    // SAFETY: given back once.
    unsafe { hubward_signer_free(signer) };
}

#[test]
fn a_key_that_fails_in_a_cache_is_a_warning() {
    let chip = crate::callbacks::Chip::default();
    chip.answer.store(77, Ordering::Relaxed);
    let key = chip.key();
    let heard = heard(|| {
        let (mut signer, mut cache) = (ptr::null_mut(), ptr::null_mut());
        let (mut buffer, mut len) = ([0; 64], 0);
        let mut result =
            hubward_token_cache_result { next: 0, action: 0, reason: 0, is_new: 0, id: 0 };
        // SAFETY: what was made, given back once each; places for the results.
        unsafe {
            let (resource, resource_len) = (RESOURCE.as_ptr().cast(), RESOURCE.len());
            let new = hubward_signer_from_mac_key;
            let status = new(resource, resource_len, ptr::null(), 0, key, &raw mut signer);
            assert_eq!(status, HUBWARD_OK);
            assert_eq!(hubward_token_cache_new(signer, 60, 50, &raw mut cache), HUBWARD_OK);
            let poll = hubward_token_cache_poll;
            let (out, len) = (buffer.as_mut_ptr(), &raw mut len);
            assert_eq!(poll(cache, NOW, out, 64, len, &raw mut result), HUBWARD_OK);
            // In the pause nothing is tried.
            assert_eq!(poll(cache, NOW, out, 64, len, &raw mut result), HUBWARD_OK);
            hubward_token_cache_free(cache);
            hubward_signer_free(signer);
        }
    });
    let text = "the store or chip that holds the key failed: the program's function answers 77";
    assert_eq!(heard, [(HUBWARD_LOG_WARNING, text.to_owned())]);
    // SAFETY: given back once.
    unsafe { hubward_mac_key_free(key) };
}

/// A source whose tokens are as good as expired.
unsafe extern "C-unwind" fn short_lived(
    signer: *mut c_void,
    _: u64,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> i32 {
    // SAFETY: the signer of the test, and what the header says.
    unsafe { hubward_signer_sign(signer.cast(), NOW + 1, out, cap, len) }
}

static CACHE: AtomicPtr<hubward_token_cache> = AtomicPtr::new(ptr::null_mut());
static TOLD: AtomicI32 = AtomicI32::new(0);
static CAME_BACK: AtomicI32 = AtomicI32::new(-1);

/// What hears of a cache may ask it.
unsafe extern "C-unwind" fn comes_back(_: *mut c_void, _: i32, _: *const c_char, _: usize) {
    let cache = CACHE.load(Ordering::Relaxed);
    // Other tests make mistakes beside this one.
    if THIS.get() {
        TOLD.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the cache of the test.
        CAME_BACK.store(unsafe { hubward_token_cache_accepted(cache, 1) }, Ordering::Relaxed);
    }
}

thread_local! {
    /// Whether it is this thread's cache.
    static THIS: Cell<bool> = const { Cell::new(false) };
}

#[test]
fn the_log_is_told_once_and_outside_of_the_cache() {
    let _one = ONE.lock().expect("no other test fails");
    let signer = signer_of(crate::calls::CONNECTION).expect("a signer");
    let callbacks = hubward_token_callbacks {
        user_data: signer.cast(),
        token: Some(short_lived),
        release: None,
    };
    let mut cache = ptr::null_mut();
    let (mut buffer, mut len) = ([0; 64], 0);
    let mut result = hubward_token_cache_result { next: 0, action: 0, reason: 0, is_new: 0, id: 0 };
    THIS.set(true);
    // SAFETY: what was made, given back once each; texts with their lengths, and places.
    unsafe {
        let (resource, resource_len) = (RESOURCE.as_ptr().cast(), RESOURCE.len());
        let new = hubward_token_cache_from_callbacks;
        let status = new(&raw const callbacks, resource, resource_len, 3600, 80, &raw mut cache);
        assert_eq!(status, HUBWARD_OK);
        CACHE.store(cache, Ordering::Relaxed);
        assert_eq!(hubward_log_set(Some(comes_back), ptr::null_mut()), HUBWARD_OK);
        for _ in 0..3 {
            let poll = hubward_token_cache_poll;
            let (out, len) = (buffer.as_mut_ptr(), &raw mut len);
            assert_eq!(poll(cache, NOW, out, 64, len, &raw mut result), HUBWARD_OK);
            assert_eq!(result.reason, HUBWARD_TOKEN_SHORT_LIVED);
        }
        assert_eq!(hubward_log_set(None, ptr::null_mut()), HUBWARD_OK);
        hubward_token_cache_free(cache);
        hubward_signer_free(signer);
    }
    THIS.set(false);
    assert_eq!(TOLD.load(Ordering::Relaxed), 1);
    assert_eq!(CAME_BACK.load(Ordering::Relaxed), HUBWARD_OK);
}

#[test]
fn a_log_that_panics_changes_nothing() {
    let _one = ONE.lock().expect("no other test fails");
    // SAFETY: a function that takes what it is given; it is taken away again.
    unsafe {
        assert_eq!(hubward_log_set(Some(panics), ptr::null_mut()), HUBWARD_OK);
        for _ in 0..2 {
            assert_eq!(signer_of("x"), Err(HUBWARD_CONNECTION_STRING_UNRECOGNIZED));
        }
        assert_eq!(hubward_log_set(None, ptr::null_mut()), HUBWARD_OK);
    }
}
