//! Calls as a C program makes them.

use core::ffi::c_char;
use core::ptr;

use hubward::capi::*;

pub(crate) const CONNECTION: &str =
    "HostName=contoso.azure-devices.net;DeviceId=pump-7;SharedAccessKey=Zm9vYmFy";
pub(crate) const RESOURCE: &str = "contoso.azure-devices.net/devices/pump-7";
pub(crate) const KEY: &str = "Zm9vYmFy";
pub(crate) const NOW: u64 = 1_800_000_000;

/// What stands in a buffer that nothing was written to.
const UNTOUCHED: u8 = 0xA5;

/// The pointer of a text, to be handed over with its length.
pub(crate) const fn at(text: &str) -> *const c_char {
    text.as_ptr().cast()
}

/// The text that a function writes, by all ways in which it can be asked. `call` gets the three arguments for a
/// text; it must write the same each time.
pub(crate) fn text(
    call: impl Fn(*mut c_char, usize, *mut usize) -> hubward_status,
) -> Result<String, hubward_status> {
    let bytes = written(1, |out, cap, len| call(out.cast(), cap, len))?;
    Ok(String::from_utf8(bytes).expect("a text is UTF-8"))
}

/// [`text`] for functions that write bytes.
pub(crate) fn bytes(
    call: impl Fn(*mut u8, usize, *mut usize) -> hubward_status,
) -> Result<Vec<u8>, hubward_status> {
    written(0, call)
}

fn written(
    nul: usize,
    call: impl Fn(*mut u8, usize, *mut usize) -> hubward_status,
) -> Result<Vec<u8>, hubward_status> {
    const NOBODYS: usize = 0xDEAD_BEEF;

    let mut needed = NOBODYS;
    let status = call(ptr::null_mut(), 0, &raw mut needed);
    if status != HUBWARD_OK {
        assert_eq!(needed, NOBODYS, "the length was written");
    }
    let with = |cap: usize| {
        let (mut buffer, mut len) = (vec![UNTOUCHED; cap + 1], NOBODYS);
        let status = call(buffer.as_mut_ptr(), cap, &raw mut len);
        assert_eq!(buffer[cap], UNTOUCHED, "a byte behind the buffer was written");
        let is_untouched = buffer.iter().all(|byte| *byte == UNTOUCHED);
        match status {
            HUBWARD_OK => Ok((buffer, len)),
            status => {
                assert!(is_untouched, "the buffer was written, and the status is {status}");
                if status != HUBWARD_BUFFER_TOO_SMALL {
                    assert_eq!(len, NOBODYS, "the length was written");
                }
                Err((status, len))
            }
        }
    };
    if status != HUBWARD_OK {
        assert_ne!(status, HUBWARD_BUFFER_TOO_SMALL);
        assert_eq!(with(4096), Err((status, NOBODYS)), "a query answers what a call does");
        return Err(status);
    }
    for cap in 0..needed + nul {
        // All of them for what is short; else the ends.
        if cap < 3 || needed - cap < 3 || needed < 100 {
            assert_eq!(with(cap), Err((HUBWARD_BUFFER_TOO_SMALL, needed)), "a buffer of {cap}");
        }
    }
    let (exact, len) = with(needed + nul).expect("a buffer that is just right");
    assert_eq!(len, needed);
    let (ample, len) = with(needed + nul + 100).expect("a buffer with room to spare");
    assert_eq!(len, needed);
    assert_eq!(exact[..needed + nul], ample[..needed + nul]);
    assert!(ample[needed + nul..].iter().all(|byte| *byte == UNTOUCHED), "more was written");
    assert!(nul == 0 || exact[needed] == 0, "a text ends in NUL");

    // Pointers.
    let mut buffer = [UNTOUCHED; 64];
    let mut len = NOBODYS;
    assert_eq!(call(ptr::null_mut(), 1, &raw mut len), HUBWARD_NULL_POINTER);
    assert_eq!(call(buffer.as_mut_ptr(), 64, ptr::null_mut()), HUBWARD_NULL_POINTER);
    assert_eq!(call(ptr::null_mut(), 0, ptr::null_mut()), HUBWARD_NULL_POINTER);
    assert_eq!(call(buffer.as_mut_ptr(), usize::MAX, &raw mut len), HUBWARD_INVALID_LENGTH);
    assert_eq!((buffer, len), ([UNTOUCHED; 64], NOBODYS), "something was written");
    Ok(exact[..needed].to_vec())
}

/// The object that a function makes; on failure nothing must have been written.
pub(crate) fn made<T>(
    call: impl Fn(*mut *mut T) -> hubward_status,
) -> Result<*mut T, hubward_status> {
    let nobodys = ptr::dangling_mut::<T>();
    let mut out = nobodys;
    match call(&raw mut out) {
        HUBWARD_OK => {
            assert!(!out.is_null() && out != nobodys, "an object was made");
            assert_eq!(call(ptr::null_mut()), HUBWARD_NULL_POINTER);
            Ok(out)
        }
        status => {
            assert_eq!(out, nobodys, "something was written");
            Err(status)
        }
    }
}

/// `call` with a text refuses NULL, also with a length of 0, a length that no memory has, and what is not UTF-8.
pub(crate) fn refuses_what_is_no_text(
    mut call: impl FnMut(*const c_char, usize) -> hubward_status,
) {
    assert_eq!(call(ptr::null(), 0), HUBWARD_NULL_POINTER);
    assert_eq!(call(ptr::null(), 5), HUBWARD_NULL_POINTER);
    assert_eq!(call(at("x"), usize::MAX), HUBWARD_INVALID_LENGTH);
    assert_eq!(call(at("x"), isize::MAX.unsigned_abs() + 1), HUBWARD_INVALID_LENGTH);
    assert_eq!(call(b"a\xFFb".as_ptr().cast(), 3), HUBWARD_NOT_UTF8);
}

pub(crate) fn signer_new(resource: &str, key: &str) -> Result<*mut hubward_signer, hubward_status> {
    // SAFETY: texts with their lengths, and a place for the result or null.
    made(|out| unsafe { hubward_signer_new(at(resource), resource.len(), at(key), key.len(), out) })
}

pub(crate) fn signer_of(text: &str) -> Result<*mut hubward_signer, hubward_status> {
    // SAFETY: a text with its length, and a place for the result or null.
    made(|out| unsafe { hubward_signer_from_connection_string(at(text), text.len(), out) })
}

pub(crate) fn sign(signer: *const hubward_signer, expiry: u64) -> Result<String, hubward_status> {
    // SAFETY: a signer or null, and a buffer or null, with its length and a place for that of the token or null.
    text(|out, cap, len| unsafe { hubward_signer_sign(signer, expiry, out, cap, len) })
}
