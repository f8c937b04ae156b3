//! Panics of a program's functions, which C has none of, but Rust that is called through C may; and exceptions of
//! C++, which must not come back as a success.

use core::ffi::{c_char, c_void};
use core::ptr;
use std::os::unix::process::ExitStatusExt as _;
use std::panic::panic_any;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use hubward::capi::*;

use crate::c_library::built;

const RESOURCE: &str = "contoso-hub.azure-devices.net/devices/device1";
const NOW: u64 = 1_800_000_000;

/// What goes on panicking when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a test wants it: what was thrown panics as well");
    }
}

#[derive(Default)]
struct Source {
    calls: AtomicU32,
    releases: AtomicU32,
}

/// The first time it panics, the second time with what does so again, and then it fails.
unsafe extern "C-unwind" fn token(
    source: *mut c_void,
    _: u64,
    out: *mut c_char,
    cap: usize,
    len: *mut usize,
) -> i32 {
    // SAFETY: it is the source of the test, and the buffer is as large as it says.
    let source = unsafe {
        out.write_bytes(b'x', cap);
        *len = cap;
        &*source.cast::<Source>()
    };
    match source.calls.fetch_add(1, Ordering::Relaxed) {
        0 => panic!("a test wants it"),
        1 => panic_any(Bomb),
        _ => 3,
    }
}

unsafe extern "C-unwind" fn release(source: *mut c_void) {
    // SAFETY: it is the source of the test.
    unsafe { &*source.cast::<Source>() }.releases.fetch_add(1, Ordering::Relaxed);
    panic_any(Bomb);
}

#[test]
fn a_source_that_panics_leaves_the_cache_whole() {
    const UNTOUCHED: hubward_token_cache_result =
        hubward_token_cache_result { next: 7, action: 7, reason: 7, is_new: 7, id: 7 };

    let source = Source::default();
    let callbacks = hubward_token_callbacks {
        user_data: (&raw const source).cast_mut().cast(),
        token: Some(token),
        release: Some(release),
    };
    let mut cache = ptr::null_mut();
    let resource = RESOURCE.as_ptr().cast();
    // SAFETY: callbacks, a text with its length, and a place.
    let status = unsafe {
        hubward_token_cache_from_callbacks(
            &raw const callbacks,
            resource,
            RESOURCE.len(),
            3600,
            80,
            &raw mut cache,
        )
    };
    assert_eq!(status, HUBWARD_OK);
    let mut buffer = [0xA5_u8; HUBWARD_SAS_TOKEN_MAX];
    let (mut len, mut result) = (7_usize, UNTOUCHED);
    for _ in 0..2 {
        let out = buffer.as_mut_ptr().cast();
        // SAFETY: a cache, and places for all that is written.
        let status = unsafe {
            hubward_token_cache_poll(cache, NOW, out, buffer.len(), &raw mut len, &raw mut result)
        };
        assert_eq!(status, HUBWARD_PANIC);
        assert!(buffer.iter().all(|byte| *byte == 0xA5) && len == 7);
        assert_eq!(format!("{result:?}"), format!("{UNTOUCHED:?}"));
        // Nobody is in it any more.
        // SAFETY: a cache.
        assert_eq!(unsafe { hubward_token_cache_accepted(cache, 7) }, HUBWARD_OK);
    }
    // The third time it only fails, which is an answer.
    let out = buffer.as_mut_ptr().cast();
    // SAFETY: a cache, and places for all that is written.
    let status = unsafe {
        hubward_token_cache_poll(cache, NOW, out, buffer.len(), &raw mut len, &raw mut result)
    };
    assert_eq!((status, result.action, len, buffer[0]), (HUBWARD_OK, HUBWARD_CACHE_WAIT, 0, 0));
    assert_eq!(source.calls.load(Ordering::Relaxed), 3);
    // SAFETY: a cache that nobody uses any more.
    unsafe { hubward_token_cache_free(cache) };
    assert_eq!(source.releases.load(Ordering::Relaxed), 1);
}

/// The header forbids it. Whoever does it all the same is stopped or told, and has no token.
#[test]
fn an_exception_is_no_success() {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/capi_c/throws.cpp"));
    let program = built().program("throws", "g++", &["-std=c++11"], source);
    let output =
        Command::new(program).env_remove("LD_LIBRARY_PATH").output().expect("it can be run");
    let aborted = output.status.signal() == Some(libc::SIGABRT);
    let told = output.status.code() == Some(HUBWARD_PANIC);
    assert!(aborted || told, "{}: {output:?}", output.status);
}
