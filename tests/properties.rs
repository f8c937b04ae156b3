//! What must hold for whatever is put in: what is written is read back as it was, what is signed is
//! verified and nothing else is, a token covers what is below it and nothing beside it, and every
//! error says what is wrong.
//!
//! The oracles share no code with the crate: `hmac`, `base64` and `urlencoding`, and lists of
//! segments in place of iterators.

#[path = "properties/connection_strings.rs"]
mod connection_strings;
#[path = "properties/coverage.rs"]
mod coverage;
#[path = "properties/errors.rs"]
mod errors;
#[path = "properties/signing.rs"]
mod signing;
#[path = "common/source.rs"]
mod source;
#[path = "properties/tokens.rs"]
mod tokens;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hubward::keystore::{KeyError, Tag};
use hubward::{MacKey, OtherError, PolicyName, ResourceUri, SasError, SasSigner, SymmetricKey};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;
use sha2::Sha256;

// Oracles.

const NO_TOLERANCE: Duration = Duration::ZERO;

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}

fn percent(text: &str) -> String {
    urlencoding::encode(text).into_owned()
}

/// The base64 text of the signature for `sr` as it is sent.
fn signature(key: &[u8], sr: &str, expiry: u64) -> String {
    STANDARD.encode(hmac(key, format!("{sr}\n{expiry}").as_bytes()))
}

/// A token as this crate writes it.
fn token_text(key: &[u8], plain: &str, expiry: u64, policy: Option<&str>) -> String {
    let sr = percent(plain);
    let sig = percent(&signature(key, &sr, expiry));
    let mut text = format!("SharedAccessSignature sr={sr}&sig={sig}&se={expiry}");
    if let Some(policy) = policy {
        text.push_str("&skn=");
        text.push_str(&percent(policy));
    }
    text
}

// Strategies.

fn host() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_]([A-Za-z0-9_-]{0,8}[A-Za-z0-9_])?(\\.[A-Za-z0-9]([a-z0-9-]{0,6}[a-z0-9])?){0,3}"
}

/// IDs without `;`, which connection strings cannot hold.
fn id_without_semicolon() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9:.+%_#*?!(),=@$'-]{1,128}",
        // Close to percent-encoding: what would change if it were decoded once too often.
        "(%[0-9A-Fa-f]{2}|%|[a-c2]){1,12}",
    ]
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![3 => id_without_semicolon(), 1 => "[a-z;%=]{1,128}"]
}

fn policy() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z0-9_.@-]{1,40}", "[a@]{1,256}"]
}

fn scope() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_.-]{1,128}"
}

fn registration() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._:-]{0,127}[A-Za-z0-9-]"
}

/// The plain text of any resource of IoT Hub or DPS.
fn resource() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => host(),
        1 => host().prop_map(|host| format!("{host}/devices")),
        4 => (host(), id()).prop_map(|(host, id)| format!("{host}/devices/{id}")),
        4 => (host(), id(), id())
            .prop_map(|(host, id, module)| format!("{host}/devices/{id}/modules/{module}")),
        2 => (scope(), registration())
            .prop_map(|(scope, id)| format!("{scope}/registrations/{id}")),
    ]
}

/// Keys of a block of the hash at most, and some that are longer and are hashed first.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 1..=64),
        1 => prop::collection::vec(any::<u8>(), 65..=SymmetricKey::MAX_LEN),
    ]
}

/// Half of them of ten digits, as they have been since 2001 and will be until 2286; the others of
/// any length.
fn expiry() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1_000_000_000_u64..10_000_000_000,
        1 => select(&[0, 1, 999_999_999, 1_000_000_000, 9_999_999_999, 10_000_000_000][..]),
        3 => (any::<u64>(), 0_u32..64).prop_map(|(expiry, shift)| expiry >> shift),
    ]
}

/// Later than the moment 0, at which tests verify.
fn expiry_after_0() -> impl Strategy<Value = u64> {
    expiry().prop_map(|expiry| expiry.max(1))
}

fn symmetric(key: &[u8]) -> SymmetricKey {
    SymmetricKey::from_bytes(key).expect("the key is neither empty nor too long")
}

fn signer(key: &[u8], resource: &ResourceUri, policy: Option<&str>) -> Result<SasSigner, SasError> {
    match policy {
        None => SasSigner::new(symmetric(key), resource),
        Some(policy) => {
            let policy = PolicyName::new(policy).expect("a policy name");
            SasSigner::with_policy(symmetric(key), resource, &policy)
        }
    }
}

/// Some eighths of the usual number of cases, which the environment may set.
fn config(eighths: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * eighths / 8,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..usual
    }
}

// Encodings and keys.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Encoding {
    Raw,
    /// As this crate has it.
    Upper,
    Lower,
    /// Separators in lower case, the rest in upper.
    Mixed,
    /// Every byte, also those that need no escape.
    All,
}

fn encoding() -> impl Strategy<Value = Encoding> {
    use Encoding::{All, Lower, Mixed, Raw, Upper};
    select(&[Raw, Upper, Lower, Mixed, All][..])
}

impl Encoding {
    fn apply(self, plain: &str) -> String {
        let escape = |byte: u8| match self {
            Self::Raw => char::from(byte).to_string(),
            Self::Mixed if byte == b'/' => "%2f".to_owned(),
            Self::All => format!("%{byte:02X}"),
            _ => percent(&char::from(byte).to_string()),
        };
        match self {
            Self::Lower => plain
                .bytes()
                .map(|byte| {
                    let escaped = escape(byte);
                    if escaped.len() == 1 { escaped } else { escaped.to_lowercase() }
                })
                .collect(),
            _ => plain.bytes().map(escape).collect(),
        }
    }
}

/// A key that does not answer.
#[derive(Debug)]
struct Broken;

fn silence() -> KeyError {
    KeyError::Other(OtherError::from_static("the secure element does not answer"))
}

impl MacKey for Broken {
    fn hmac_sha256(&self, _: &[&[u8]]) -> Result<Tag, KeyError> {
        Err(silence())
    }
}
