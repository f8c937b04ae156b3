//! What a C program makes, until it is freed, and what its calls leave behind.

use core::ffi::c_char;
use std::ptr;

use hubward::capi::*;

use super::*;

const RESOURCE: &str =
    "canary.azure-devices.net/devices/a-device-with-a-name-of-some-length-0123456789";

/// The pointer and the length of a text.
fn lent(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

fn connection_text() -> &'static str {
    format!("HostName={HOST};DeviceId={DEVICE};SharedAccessKey={KEY_TEXT}").leak()
}

/// What a function makes.
fn made<T>(make: impl FnOnce(*mut *mut T) -> hubward_status) -> *mut T {
    let mut object = ptr::null_mut();
    assert_eq!(make(&raw mut object), HUBWARD_OK);
    object
}

#[test]
fn handles_are_wiped_when_the_last_that_needs_them_is_freed() {
    let (text, len) = lent(connection_text());
    let (resource, resource_len) = lent(RESOURCE);
    clean(|| {
        // SAFETY: texts with their lengths; what was made, given back once each; places for the results.
        unsafe {
            let connection = made(|out| hubward_connection_string_parse(text, len, out));
            assert_eq!(alive(), ["key"]);
            let key = made(|out| hubward_connection_string_mac_key(connection, out));
            hubward_connection_string_free(connection);
            assert_eq!(alive(), ["key"]);
            let signer = made(|out| {
                hubward_signer_from_mac_key(resource, resource_len, ptr::null(), 0, key, out)
            });
            assert_eq!(alive(), ["key", "inner state", "outer state"]);
            hubward_mac_key_free(key);
            assert_eq!(alive(), ["inner state", "outer state"]);
            let cache = made(|out| hubward_token_cache_new(signer, 3600, 80, out));
            hubward_signer_free(signer);
            assert_eq!(alive(), ["inner state", "outer state"]);
            hubward_token_cache_free(cache);
            assert!(alive().is_empty());
        }
    });
}

#[test]
fn tokens_are_wiped_wherever_they_were_on_the_way() {
    let (text, len) = lent(connection_text());
    let token = token_text();
    let mut buffer = [0; HUBWARD_SAS_TOKEN_MAX];
    let (out, cap) = (buffer.as_mut_ptr(), buffer.len());
    clean(|| {
        // SAFETY: texts with their lengths; what was made, given back once each; places for the results.
        unsafe {
            let signer = made(|out| hubward_signer_from_connection_string(text, len, out));
            let mut n = 0;
            let at = &raw mut n;
            // The size, no room, room.
            let sign = hubward_signer_sign;
            assert_eq!(sign(signer, EXPIRY.as_secs(), ptr::null_mut(), 0, at), HUBWARD_OK);
            assert_eq!(sign(signer, EXPIRY.as_secs(), out, 9, at), HUBWARD_BUFFER_TOO_SMALL);
            assert_eq!(sign(signer, EXPIRY.as_secs(), out, cap, at), HUBWARD_OK);
            assert_eq!(alive(), ["inner state", "outer state"]);

            let cache = made(|out| hubward_token_cache_new(signer, 3600, 80, out));
            hubward_signer_free(signer);
            let mut result = std::mem::zeroed();
            let poll = hubward_token_cache_poll;
            assert_eq!(poll(cache, NOW.as_secs(), out, cap, at, &raw mut result), HUBWARD_OK);
            assert_eq!(alive(), ["inner state", "outer state", "sig"]);
            hubward_token_cache_free(cache);

            let (token, token_len) = lent(token);
            let token = made(|out| hubward_token_parse(token, token_len, out));
            assert_eq!(alive(), ["sig"]);
            let show = hubward_token_describe;
            assert_eq!(show(token, out, cap, at), HUBWARD_OK);
            hubward_token_free(token);
            assert!(alive().is_empty());
        }
    });
    assert_ne!(buffer[0], 0);
}

#[test]
fn a_token_from_elsewhere_is_wiped() {
    unsafe extern "C-unwind" fn token(
        _: *mut core::ffi::c_void,
        _: u64,
        out: *mut c_char,
        _: usize,
        len: *mut usize,
    ) -> i32 {
        let token = token_text();
        // SAFETY: there is room for every token.
        unsafe {
            out.copy_from_nonoverlapping(token.as_ptr().cast(), token.len());
            *len = token.len();
        }
        0
    }
    let (resource, resource_len) = lent(RESOURCE);
    let callbacks =
        hubward_token_callbacks { user_data: ptr::null_mut(), token: Some(token), release: None };
    let mut buffer = [0; HUBWARD_SAS_TOKEN_MAX];
    let _ = token_text();
    clean(|| {
        // SAFETY: functions, a text with its length, places for the results; it is given back once.
        unsafe {
            let new = hubward_token_cache_from_callbacks;
            let from = &raw const callbacks;
            let cache = made(|out| new(from, resource, resource_len, 3600, 80, out));
            let (mut n, mut result) = (0, std::mem::zeroed());
            let poll = hubward_token_cache_poll;
            let (out, cap) = (buffer.as_mut_ptr(), buffer.len());
            let status = poll(cache, NOW.as_secs(), out, cap, &raw mut n, &raw mut result);
            assert_eq!((status, result.action), (HUBWARD_OK, HUBWARD_CACHE_USE));
            assert_eq!(alive(), ["sig"]);
            hubward_token_cache_free(cache);
        }
    });
}

#[test]
fn what_is_derived_or_refused_is_wiped() {
    let (key, key_len) = lent(KEY_TEXT);
    let (id, id_len) = lent(REGISTRATION);
    let broken = connection_text().replace("jpU=", "jpV=").leak();
    let (broken, broken_len) = lent(broken);
    let mut buffer = [0; 64];
    clean(|| {
        // SAFETY: texts with their lengths, and places for the results.
        unsafe {
            let mut n = 0;
            let derive = hubward_derive_device_key;
            for cap in [buffer.len(), 3] {
                let out = buffer.as_mut_ptr();
                let status = derive(key, key_len, id, id_len, out, cap, &raw mut n);
                assert_eq!(status, if cap == 3 { HUBWARD_BUFFER_TOO_SMALL } else { HUBWARD_OK });
            }
            let mut signer = ptr::null_mut();
            let status = hubward_signer_from_connection_string(broken, broken_len, &raw mut signer);
            assert_eq!(status, HUBWARD_CONNECTION_STRING_KEY_NOT_BASE64);
            let (token, token_len) = lent(token_text());
            let (resource, resource_len) = lent(RESOURCE);
            let verify = hubward_token_verify;
            let now = NOW.as_secs();
            let status = verify(token, token_len, key, key_len, resource, resource_len, now, 0);
            assert_eq!(status, HUBWARD_OK);
        }
    });
}

#[cfg(all(feature = "keystore-file", feature = "keystore-software", unix))]
#[test]
fn what_a_store_is_given_and_gives_is_wiped() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("private/keys").into_os_string().into_string().expect("it is text");
    let private = private_key().leak();
    let (path, path_len) = lent(&path);
    let (passphrase, passphrase_len) = lent(PASSPHRASE);
    let (key, key_len) = lent(KEY_TEXT);
    let mut buffer = [0; HUBWARD_SIGNATURE_MAX];
    clean(|| {
        // SAFETY: texts and bytes with their lengths; what was made, given back once each; places for the results.
        unsafe {
            let create = hubward_store_create;
            let store = made(|out| create(path, path_len, passphrase, passphrase_len, out));
            let (mac, _) = lent("mac");
            let (pri, _) = lent("pri");
            assert_eq!(hubward_store_import(store, mac, 3, key, key_len), HUBWARD_OK);
            let import = hubward_store_import_private_der;
            assert_eq!(import(store, pri, 3, private.as_ptr(), private.len()), HUBWARD_OK);
            assert!(alive().is_empty());
            let handle = made(|out| hubward_store_mac_key(store, mac, 3, out));
            assert_eq!(alive(), ["key"]);
            hubward_mac_key_free(handle);
            let handle = made(|out| hubward_store_signing_key(store, pri, 3, out));
            assert_eq!(alive(), ["scalar"]);
            let mut n = 0;
            let (message, out, cap) = (b"message".as_ptr(), buffer.as_mut_ptr(), buffer.len());
            let sign = hubward_signing_key_sign;
            assert_eq!(sign(handle, 0, message, 7, out, cap, &raw mut n), HUBWARD_OK);
            hubward_signing_key_free(handle);
            hubward_store_free(store);
            assert!(alive().is_empty());
        }
    });
}
