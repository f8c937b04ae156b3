//! Every store of keys passes the same suite, and each does what is its own.
//!
//! A store joins with a line in the table below. What the kernel or the machine does not let a test do
//! is counted and said, however quiet the run is.

#[path = "common/conformance.rs"]
#[macro_use]
mod conformance;
#[cfg(all(feature = "keystore-file", unix))]
#[path = "key_stores/file.rs"]
mod file;
#[cfg(all(feature = "keystore-os", target_os = "linux"))]
#[path = "key_stores/keyring.rs"]
mod keyring;
#[path = "key_stores/memory.rs"]
mod memory;
#[path = "signing_keys/openssl.rs"]
mod openssl;
#[cfg(all(feature = "keystore-systemd", unix))]
#[path = "key_stores/systemd.rs"]
mod systemd;

use conformance::Abilities;
use hubward::keystore::{KeyKind, Protection};

/// The table of stores.
mod suite {
    conformance!(memory keeps credentials, crate::memory::subject);
    conformance!(memory_in_turn keeps credentials in turn, crate::memory::subject);
    #[cfg(feature = "mlock")]
    conformance!(memory_locked keeps credentials, crate::memory::locked);

    #[cfg(all(feature = "keystore-file", unix))]
    conformance!(file_raw_key keeps credentials, crate::file::raw_key);
    #[cfg(all(feature = "keystore-file", unix))]
    conformance!(file_mac_key keeps credentials, crate::file::mac_key);
    #[cfg(all(feature = "keystore-file", unix))]
    conformance!(file_passphrase keeps credentials in turn, crate::file::passphrase);
    #[cfg(all(feature = "keystore-file", feature = "mlock", unix))]
    conformance!(file_locked keeps credentials, crate::file::locked);

    #[cfg(all(feature = "keystore-os", target_os = "linux"))]
    conformance!(keyring_of_the_process keeps keys, crate::keyring::of_the_process);
    #[cfg(all(feature = "keystore-os", target_os = "linux"))]
    conformance!(keyring_of_the_session keeps keys, crate::keyring::of_the_session);
    #[cfg(all(feature = "keystore-os", target_os = "linux"))]
    conformance!(keyring_of_the_user keeps keys, crate::keyring::of_the_user);
    #[cfg(all(feature = "keystore-os", feature = "mlock", target_os = "linux"))]
    conformance!(keyring_locked keeps keys, crate::keyring::locked);
}

/// The kinds of keys that this build keeps in memory.
const IN_MEMORY: &[KeyKind] = if cfg!(feature = "keystore-software") {
    &[KeyKind::Symmetric, KeyKind::EcdsaP256, KeyKind::EcdsaP384]
} else {
    &[KeyKind::Symmetric]
};

/// What a store can do that keeps its keys in memory while they are used.
const ABILITIES: Abilities = Abilities {
    generates: IN_MEMORY,
    imports: if cfg!(all(
        feature = "keystore-software",
        any(feature = "aws-lc-rs", feature = "ring")
    )) {
        &[KeyKind::Symmetric, KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa]
    } else {
        IN_MEMORY
    },
    swaps: true,
    prepares: true,
    locked: false,
    protection: Protection::Plain,
};

/// The search for keys in what is shown finds them in every form.
#[test]
fn what_shows_a_key_is_found() {
    use base64::Engine as _;

    let key = b"conformance key 1, plainly fake";
    let text = str::from_utf8(key).unwrap();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    for shown in [
        text.to_owned(),
        text.to_uppercase(),
        format!("{key:?}"),
        format!("{key:#?}"),
        format!("{key:x?}"),
        hex.to_uppercase(),
        hex,
        base64::engine::general_purpose::STANDARD.encode(key),
        format!("Key {{ bytes: {:?} }}", &key[..15]),
    ] {
        let found = std::panic::catch_unwind(|| conformance::hides_keys(&shown));
        assert!(found.is_err(), "{shown}");
    }
    conformance::hides_keys("a conformance test of keys");
}
