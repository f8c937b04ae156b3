//! Keys that go into locked pages: nothing of them stays on the heap.

use hubward::secret::{LockPolicy, SecretError};

use super::*;

/// The heap is looked at, so it does not matter how well the pages are protected here.
const POLICY: LockPolicy = LockPolicy::Prefer;

fn locked_key() -> SymmetricKey {
    SymmetricKey::from_base64_locked(KEY_TEXT, POLICY).expect("preferred")
}

#[test]
fn a_key_that_is_locked_from_the_start_is_never_on_the_heap() {
    let registration = RegistrationId::new(REGISTRATION).expect("an ID");
    clean(|| {
        let key = locked_key();
        assert!(alive().is_empty());
        let prepared = key.prepare(b"prefix").expect("preferred");
        prepared.finish(b"suffix").expect("in memory");
        key.hmac_sha256(&[b"message"]).expect("in memory");
        let again = key.to_locked(POLICY).expect("preferred");
        assert_eq!(again, key);
        drop(prepared);
        let signer = SasSigner::new(again, &device()).expect("not Service Bus");
        assert!(alive().is_empty());
        let token = signer.sign(EXPIRY).expect("in memory");
        assert_eq!(alive(), ["sig"]);
        token.verify(&key, &device(), NOW, Duration::ZERO).expect("it is good");
        drop(token);

        let bytes = SecretBytes::copy_from(key.expose_bytes()).expect("it fits");
        assert_eq!(alive(), ["key"]);
        let group = GroupKey::from_secret(bytes.to_locked(POLICY).expect("preferred"));
        drop(bytes);
        assert!(alive().is_empty());
        let derived = group.expect("a key").derive_device_key(&registration).expect("preferred");
        let of_derived = SasSigner::new(derived, &device()).expect("not Service Bus");
        assert!(of_derived.sign(EXPIRY).is_ok());
        let shared: Arc<dyn MacKey> = Arc::new(key);
        assert!(alive().is_empty());
        drop(shared);
    });
    // A text of it is asked for, and is on the heap.
    clean(|| {
        let text = locked_key().expose_base64();
        assert_eq!(alive(), ["key text"]);
        drop(text);
    });
}

#[test]
fn the_original_of_a_key_that_is_locked_later_is_wiped() {
    clean(|| {
        let original = key();
        let locked = original.to_locked(POLICY).expect("preferred");
        assert_eq!(alive(), ["key"]);
        drop(original);
        assert!(alive().is_empty());
        drop(locked);

        let bytes = SecretBytes::copy_from(&KEY).expect("it fits");
        let locked = bytes.to_locked(POLICY).expect("preferred");
        drop(bytes);
        assert!(alive().is_empty());
        let key = SymmetricKey::from_secret(locked).expect("a key");
        assert_eq!(key.expose_bytes(), KEY);
        assert!(alive().is_empty());
    });
}

#[test]
fn a_text_that_is_no_key_leaves_nothing_on_the_way_to_a_page() {
    let not_canonical = KEY_TEXT.replace("jpU=", "jpV=").leak();
    let cut = &KEY_TEXT[..KEY_TEXT.len() - 1];
    let too_long = KEY_TEXT.replace('=', "A").repeat(10).leak();
    for (text, error) in [
        (&*not_canonical, KeyError::NotBase64),
        (cut, KeyError::NotBase64),
        (&*too_long, KeyError::TooLong),
        ("", KeyError::Empty),
    ] {
        clean(|| {
            let refused = SymmetricKey::from_base64_locked(text, POLICY).expect_err("it is wrong");
            assert_eq!(refused, error);
        });
    }
    clean(|| {
        let too_long = SecretBytes::copy_from(&[0; 300]).expect_err("it does not fit");
        assert!(matches!(too_long, SecretError::TooLong { .. }));
    });
}

#[test]
fn a_panic_leaves_nothing_of_locked_keys() {
    clean(|| {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let original = key();
            let locked = original.to_locked(POLICY).expect("preferred");
            let signer = SasSigner::new(&locked, &device()).expect("not Service Bus");
            let _token = signer.sign(EXPIRY).expect("in memory");
            assert_eq!(alive(), ["key", "sig"]);
            let panicking = Element { key: locked_key(), mood: Mood::Panicking };
            let _ = panicking.hmac_sha256(&[b"message"]);
        }));
        assert!(result.is_err_and(|panic| panic.is::<()>()), "it did not panic");
        assert!(alive().is_empty());
    });
}
