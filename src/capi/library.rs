//! The library itself: its version, and what was compiled in.

use core::ffi::{CStr, c_char};
use core::slice;

const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

/// As `HUBWARD_VERSION_NUMBER` of the header, which tests/header writes.
const VERSION_NUMBER: u32 = {
    const fn part(text: &str) -> u32 {
        match u8::from_str_radix(text, 10) {
            Ok(part) => part as u32,
            #[expect(clippy::panic, reason = "in a constant, and then it does not compile")]
            Err(_) => panic!("a part of the version is more than 255"),
        }
    }
    (part(env!("CARGO_PKG_VERSION_MAJOR")) << 16)
        | (part(env!("CARGO_PKG_VERSION_MINOR")) << 8)
        | part(env!("CARGO_PKG_VERSION_PATCH"))
};

/// The version of the library, such as "0.1.0". `HUBWARD_VERSION_STRING` is that of the header.
///
/// Ownership: the text is the library's, and stays for as long as the program runs. Threads: any. Errors: none; it is
/// never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hubward_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the library as a number; `HUBWARD_VERSION_NUMBER` is that of the header. A program runs with any
/// library of the same major and minor version that is not older than its header.
///
/// Threads: any. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn hubward_version_number() -> u32 {
    VERSION_NUMBER
}

/// What was compiled into the library, as names with a space between, such as "capi session std".
///
/// Every function is in every build. One that needs what is not compiled in answers `HUBWARD_NOT_COMPILED_IN`.
///
/// Ownership: the text is the library's, and stays for as long as the program runs. Threads: any. Errors: none; it is
/// never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hubward_features() -> *const c_char {
    FEATURES.as_ptr()
}

/// 1 if the feature was compiled into the library, 0 if it was not or is none.
///
/// Threads: any. Errors: none; for NULL it is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hubward_has_feature(name: *const c_char, name_len: usize) -> i32 {
    if name.is_null() || name_len > FEATURES_MAX {
        return 0;
    }
    // SAFETY: it is not null and not long; the caller lends it for the call.
    let name = unsafe { slice::from_raw_parts(name.cast::<u8>(), name_len) };
    i32::from(ALL.iter().any(|(feature, is_on)| *is_on && feature.as_bytes() == name))
}

macro_rules! features {
    ($($name:literal),* $(,)?) => {
        /// Those of `Cargo.toml`, which a test compares, and whether they are on.
        const ALL: &[(&str, bool)] = &[$(($name, cfg!(feature = $name))),*];
    };
}

features![
    "alloc",
    "aws-lc-rs",
    "capi",
    "fips",
    "keystore-file",
    "keystore-memory",
    "keystore-os",
    "keystore-software",
    "keystore-systemd",
    "mlock",
    "ring",
    "session",
    "std",
    "tls",
    "tls-platform-roots",
    "x509",
    "x509-issue",
];

/// Room for all of them.
const FEATURES_MAX: usize = 256;

const JOINED: [u8; FEATURES_MAX] = {
    let mut joined = [0; FEATURES_MAX];
    let mut len = 0;
    let mut features = ALL;
    while let [(name, is_on), rest @ ..] = features {
        features = rest;
        if !*is_on {
            continue;
        }
        let (space, mut name): (&[u8], _) = (if len == 0 { b"" } else { b" " }, name.as_bytes());
        if let [byte] = space {
            write(&mut joined, len, *byte);
            len += 1;
        }
        while let [byte, rest @ ..] = name {
            write(&mut joined, len, *byte);
            len += 1;
            name = rest;
        }
    }
    joined
};

const fn write(into: &mut [u8; FEATURES_MAX], at: usize, byte: u8) {
    // One byte must be left for the NUL: else this is no constant.
    assert!(at < FEATURES_MAX - 1);
    #[expect(clippy::indexing_slicing, reason = "a bound that the compiler looks at")]
    {
        into[at] = byte;
    }
}

const FEATURES: &CStr = match CStr::from_bytes_until_nul(&JOINED) {
    Ok(features) => features,
    Err(_) => c"",
};
