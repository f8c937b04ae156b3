//! The other side of each comparison: plain `hmac`, `base64` and `urlencoding`, and the texts that
//! the service's documentation gives.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The key of most committed tokens, so that some of them verify.
pub(super) const SAMPLE_KEY: [u8; 32] = {
    let mut key = [0; 32];
    let mut next = 0;
    while next < 32 {
        key[next as usize] = next;
        next += 1;
    }
    key
};

/// How every token begins.
pub(super) const TOKEN_PREFIX: &str = "SharedAccessSignature ";

/// What may stand in a device ID or module ID beside letters and digits.
pub(super) const ID_MARKS: &str = "-:.+%_#*?!(),=@;$'";

pub(super) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    for part in parts {
        hmac.update(part);
    }
    hmac.finalize().into_bytes().into()
}

/// Canonical base64 with padding, or nothing.
pub(super) fn base64_decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Unreserved characters stay, everything else becomes `%XX`.
pub(super) fn percent_encode(bytes: &[u8]) -> String {
    urlencoding::encode_binary(bytes).into_owned()
}

/// Decoded once; a `%` that two hex digits do not follow stays.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    urlencoding::decode_binary(text.as_bytes()).into_owned()
}

/// What stands behind the scheme of RFC 3986 section 3.1 that `uri` begins with, if it does.
pub(super) fn behind_scheme(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(rest)
}

/// A token from the literal texts of its `sr` and `skn` and the bytes of its signature.
pub(super) fn token(sr: &str, signature: &[u8], expiry: u64, skn: Option<&str>) -> String {
    let sig = percent_encode(STANDARD.encode(signature).as_bytes());
    let skn = skn.map(|skn| format!("&skn={skn}")).unwrap_or_default();
    format!("{TOKEN_PREFIX}sr={sr}&sig={sig}&se={expiry}{skn}")
}

/// The token that `key` signs.
pub(super) fn signed_token(key: &[u8], sr: &str, expiry: u64, skn: Option<&str>) -> String {
    token(sr, &signature(key, sr, expiry), expiry, skn)
}

pub(super) fn signature(key: &[u8], sr: &str, expiry: u64) -> [u8; 32] {
    hmac_sha256(key, &[format!("{sr}\n{expiry}").as_bytes()])
}

/// A text of at most `max` of `bytes`, those that are not letters, digits or `marks` replaced by some
/// that are, so that few inputs are wasted.
pub(super) fn fitted(bytes: &[u8], marks: &str, max: usize) -> String {
    let alphabet: Vec<u8> =
        (b'a'..=b'z').chain(b'A'..=b'Z').chain(b'0'..=b'9').chain(marks.bytes()).collect();
    bytes
        .iter()
        .take(max)
        .map(|byte| {
            let fits = alphabet.contains(byte);
            char::from(if fits { *byte } else { alphabet[usize::from(*byte) % alphabet.len()] })
        })
        .collect()
}

/// `Display` and `Debug` in both forms: all that a log could show of a value.
pub(super) fn shown<T: core::fmt::Display + core::fmt::Debug>(value: &T) -> String {
    format!("{value}\n{value:?}\n{value:#?}")
}
