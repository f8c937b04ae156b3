//! Time, buffers and keys: what a signer promises.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::keystore::{KeyError, Tag};
use hubward::sas::{ServiceBusKey, TokenVerifyError};
use hubward::secret::SecretBytes;
use hubward::{
    DeviceId, GroupKey, HubHost, IdScope, MacKey, PolicyName, RegistrationId, ResourceUri,
    SAS_TOKEN_MAX, SasError, SasSigner, SasToken, SymmetricKey, TimeError, UnixTime,
};
use proptest::prelude::*;

use super::{
    Broken, NO_TOLERANCE, config, expiry, hmac, key, percent, policy, registration, resource,
    signature, signer, silence, symmetric, token_text,
};

#[test]
fn the_expiry_is_judged_before_anything_is_signed() {
    let floor = UnixTime::BUILD_FLOOR;
    let before = UnixTime::from_secs(floor.as_secs() - 1);
    let secs = Duration::from_secs;
    let unknown = |now| SasError::Clock(TimeError::ClockUnknown { now, floor });
    let far = u64::MAX - floor.as_secs();
    for (lifetime, now, expected) in [
        (secs(1), floor, Ok(floor.as_secs() + 1)),
        (secs(3600), floor, Ok(floor.as_secs() + 3600)),
        // Fractions are cut off, never rounded up.
        (Duration::from_nanos(1_999_999_999), floor, Ok(floor.as_secs() + 1)),
        (Duration::ZERO, floor, Err(SasError::ZeroLifetime)),
        (Duration::from_nanos(1), floor, Err(SasError::ZeroLifetime)),
        (Duration::from_nanos(999_999_999), floor, Err(SasError::ZeroLifetime)),
        (secs(far), floor, Ok(u64::MAX)),
        (secs(far + 1), floor, Err(SasError::ExpiryOverflow)),
        (Duration::MAX, floor, Err(SasError::ExpiryOverflow)),
        (secs(1), UnixTime::MAX, Err(SasError::ExpiryOverflow)),
        (secs(1), before, Err(unknown(before))),
        (secs(1), UnixTime::from_secs(0), Err(unknown(UnixTime::from_secs(0)))),
        // The clock is looked at before the sum.
        (Duration::MAX, before, Err(unknown(before))),
    ] {
        let expected = expected.map(UnixTime::from_secs);
        assert_eq!(SasSigner::expiry_for(lifetime, now), expected, "{lifetime:?} from {now}");
        let signer = signer(b"key", &ResourceUri::parse("h").expect("a resource"), None);
        let signer = signer.expect("not Service Bus");
        let signed = signer.sign_for(lifetime, now).map(|token| token.expiry());
        assert_eq!(signed, expected, "{lifetime:?} from {now}");
    }
}

#[test]
fn a_token_is_good_until_its_expiry_and_the_tolerance() {
    let plain = "h/devices/d";
    let resource = ResourceUri::parse(plain).expect("a resource");
    let key = symmetric(b"key");
    let max = u64::MAX;
    let expiries = [0, 1, 1_735_689_600, max - 10, max - 1, max];
    let tolerances = [0, 1, 300, max - 1, max];
    for se in expiries {
        let text = token_text(b"key", plain, se, None);
        let token = SasToken::parse(&text).expect("it is in order");
        for tolerance in tolerances {
            let end = se.saturating_add(tolerance);
            let around = [se.checked_sub(1), Some(se), end.checked_sub(1), Some(end)];
            let beyond = [end.checked_add(1), Some(0), Some(max)];
            for now in around.into_iter().chain(beyond).flatten() {
                let now = UnixTime::from_secs(now);
                let tolerance = Duration::from_secs(tolerance);
                let verdict = token.verify(&key, &resource, now, tolerance);
                let expected = if now.as_secs() < end {
                    Ok(())
                } else {
                    let expiry = UnixTime::from_secs(se);
                    Err(TokenVerifyError::Expired { expiry, now })
                };
                assert_eq!(verdict, expected, "se={se}, tolerance {tolerance:?}, now {now}");
            }
        }
        let expiry = token.expiry();
        assert_eq!(expiry.as_secs(), se);
        assert!(token.is_expired_at(expiry));
        assert_eq!(token.expires_in(expiry), Duration::ZERO);
        if let Some(before) = se.checked_sub(1).map(UnixTime::from_secs) {
            assert!(!token.is_expired_at(before));
            assert_eq!(token.expires_in(before), Duration::from_secs(1));
        }
        // A fraction of a second of tolerance counts for nothing.
        let fraction = Duration::from_nanos(999_999_999);
        assert!(token.verify(&key, &resource, expiry, fraction).is_err());
    }
}

/// A verifier tells strangers nothing about the expiry and the scope.
#[test]
fn the_signature_is_judged_first() {
    let text = token_text(b"key", "h/devices/d", 1, None);
    let token = SasToken::parse(&text).expect("it is in order");
    let other = ResourceUri::parse("other").expect("a resource");
    let entity = ResourceUri::service_bus("h/devices/d").expect("a resource");
    let key = ServiceBusKey::from_text("key").expect("a key");
    let now = UnixTime::MAX;
    let verify = |key: &[u8]| token.verify(&symmetric(key), &other, now, NO_TOLERANCE);
    assert_eq!(verify(b"another"), Err(TokenVerifyError::SignatureMismatch));
    assert!(matches!(verify(b"key"), Err(TokenVerifyError::Expired { .. })));
    // A mistake of the caller's, which does not depend on the token.
    assert_eq!(
        token.verify(&symmetric(b"key"), &entity, now, NO_TOLERANCE),
        Err(TokenVerifyError::ServiceBus)
    );
    assert_eq!(
        token.verify_service_bus(&key, &other, now, NO_TOLERANCE),
        Err(TokenVerifyError::NotServiceBus)
    );
}

// Buffers.

const FILLING: u8 = 0xA5;

proptest! {
    #![proptest_config(config(1))]

    #[test]
    fn a_buffer_holds_the_whole_token_or_nothing(
        plain in resource(),
        key in key(),
        expiry in expiry(),
        policy in prop::option::of(policy()),
    ) {
        let resource = ResourceUri::parse(&plain)?;
        let text = token_text(&key, &plain, expiry, policy.as_deref());
        let expiry = UnixTime::from_secs(expiry);
        let needed = text.len();
        let prepared = signer(&key, &resource, policy.as_deref())?;
        let element = Element::new(&key);
        let element = match &policy {
            None => SasSigner::new(element, &resource)?,
            Some(policy) => SasSigner::with_policy(element, &resource, &PolicyName::new(policy)?)?,
        };
        // Too short, just enough, and lengths at which a signature of any length would fit; then
        // the length that the documentation names.
        let mut buffer = vec![0; SAS_TOKEN_MAX + 1];
        let near = 0..=SAS_TOKEN_MAX.min(needed + 100);
        for available in near.chain([SAS_TOKEN_MAX, SAS_TOKEN_MAX + 1]) {
            let mut check = |signed: &dyn Fn(&mut [u8]) -> Result<usize, SasError>| {
                buffer.fill(FILLING);
                let written = signed(&mut buffer[..available]);
                if available < needed {
                    let error = SasError::BufferTooSmall { needed, available };
                    prop_assert_eq!(written, Err(error));
                    prop_assert!(buffer.iter().all(|byte| *byte == FILLING));
                } else {
                    prop_assert_eq!(written, Ok(needed));
                    prop_assert_eq!(&buffer[..needed], text.as_bytes());
                    prop_assert!(buffer[needed..].iter().all(|byte| *byte == FILLING));
                }
                Ok(())
            };
            check(&|out| prepared.sign_into(expiry, out))?;
            check(&|out| element.sign_into(expiry, out))?;
        }
    }
}

#[test]
fn the_longest_token_explains_the_bound() {
    let host = [63, 63, 63, 61].map(|len| "h".repeat(len)).join(".");
    assert_eq!(host.len(), HubHost::MAX_LEN);
    let id = "#".repeat(DeviceId::MAX_LEN);
    let plain = format!("{host}/devices/{id}/modules/{id}");
    let resource = ResourceUri::parse(&plain).expect("at the bound, not over it");
    assert_eq!(resource.as_encoded().len(), ResourceUri::ENCODED_MAX);
    let policy = "@".repeat(PolicyName::MAX_LEN);

    // All bounds are reached at once but that of the signature, which nobody chooses: it has 43
    // characters of base64, each of which the bound takes for an escape of three bytes.
    for byte in 0..=u8::MAX {
        let key = [byte; 32];
        let signer = signer(&key, &resource, Some(&policy)).expect("not Service Bus");
        for (expiry, unused_digits) in [(u64::MAX, 0), (9_999_999_999, 10)] {
            let mut buffer = [FILLING; SAS_TOKEN_MAX];
            let len = signer.sign_into(UnixTime::from_secs(expiry), &mut buffer).expect("it fits");
            let text = token_text(&key, &plain, expiry, Some(&policy));
            assert_eq!(str::from_utf8(&buffer[..len]), Ok(text.as_str()));
            let sig = signature(&key, resource.as_encoded(), expiry);
            let unescaped = sig.bytes().filter(u8::is_ascii_alphanumeric).count();
            assert_eq!(SAS_TOKEN_MAX - len, 2 * unescaped + unused_digits, "{sig}");
            let token = signer.sign(UnixTime::from_secs(expiry)).expect("in memory");
            assert_eq!(token.expose_token(), text);
        }
    }

    // A signature of ones is as long as one can be: all but its last character, four bits of which
    // are given, and the padding escaped anyway.
    let ones =
        SasSigner::with_policy(Ones, &resource, &PolicyName::new(&policy).expect("at the bound"));
    let ones = ones.expect("not Service Bus");
    let mut buffer = [0; SAS_TOKEN_MAX];
    let len = ones.sign_into(UnixTime::MAX, &mut buffer).expect("it fits");
    assert_eq!(SAS_TOKEN_MAX - len, 2);
    assert_eq!(ones.sign(UnixTime::MAX).expect("it fits").expose_token().len(), len);
}

#[derive(Debug)]
struct Ones;

impl MacKey for Ones {
    fn hmac_sha256(&self, _: &[&[u8]]) -> Result<Tag, KeyError> {
        Ok(Tag::from_bytes([0xFF; 32]))
    }
}

// Keys out of reach.

/// A key that has no prepared state, and writes down what it is asked to sign.
#[derive(Debug)]
struct Element {
    key: Vec<u8>,
    messages: Mutex<Vec<Vec<u8>>>,
}

impl Element {
    fn new(key: &[u8]) -> Self {
        Self { key: key.to_vec(), messages: Mutex::default() }
    }
}

impl MacKey for Element {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        let message = parts.concat();
        let tag = hmac(&self.key, &message);
        self.messages.lock().expect("nothing panics").push(message);
        Ok(Tag::from_bytes(tag))
    }
}

fn sign_with<K: MacKey>(key: K, resource: &ResourceUri, expiry: u64) -> String {
    let signer = SasSigner::new(key, resource).expect("not Service Bus");
    let token = signer.sign(UnixTime::from_secs(expiry)).expect("it answers");
    token.expose_token().to_owned()
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn every_handle_signs_the_same(plain in resource(), key in key(), expiry in expiry()) {
        let resource = ResourceUri::parse(&plain)?;
        let expected = token_text(&key, &plain, expiry, None);
        let element = Element::new(&key);
        prop_assert_eq!(sign_with(&element, &resource, expiry), expected.as_str());
        // Asked once a token, for the text that is sent and nothing else.
        let message = format!("{}\n{expiry}", percent(&plain)).into_bytes();
        prop_assert_eq!(&*element.messages.lock().unwrap(), &[message]);

        let in_memory = symmetric(&key);
        let keys: [Box<dyn MacKey>; 4] = [
            Box::new(symmetric(&key)),
            Box::new(Element::new(&key)),
            Box::new(Arc::new(Element::new(&key))),
            Box::new(Box::new(symmetric(&key))),
        ];
        for key in keys {
            let borrowed: &dyn MacKey = &*key;
            prop_assert_eq!(sign_with(borrowed, &resource, expiry), expected.as_str());
            let twice: &&dyn MacKey = &borrowed;
            prop_assert_eq!(sign_with(twice, &resource, expiry), expected.as_str());
            prop_assert_eq!(borrowed.prepare(b"").is_some(), key.prepare(b"").is_some());
            let shared: Arc<dyn MacKey> = Arc::from(key);
            prop_assert_eq!(sign_with(Arc::clone(&shared), &resource, expiry), expected.as_str());
            let boxed: Box<dyn MacKey> = Box::new(shared);
            prop_assert_eq!(sign_with(boxed, &resource, expiry), expected.as_str());
        }
        prop_assert_eq!(sign_with(&in_memory, &resource, expiry), expected);
        // A handle of a key in memory is prepared through all its layers.
        let layered: Arc<dyn MacKey> = Arc::new(Box::new(in_memory));
        prop_assert!((&&layered).prepare(b"prefix").is_some());
    }

    #[test]
    fn a_prepared_state_signs_what_its_key_signs(
        key in key(),
        prefix in prop::collection::vec(any::<u8>(), 0..200),
        suffix in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let expected = hmac(&key, &[prefix.clone(), suffix.clone()].concat());
        let key = symmetric(&key);
        let prepared = key.prepare(&prefix).expect("in memory");
        prop_assert!(prepared.finish(&suffix).unwrap().matches(&expected));
        prop_assert!(key.hmac_sha256(&[&prefix, b"", &suffix])?.matches(&expected));
    }

    #[test]
    fn a_derived_key_is_the_hmac_of_the_registration(key in key(), id in registration()) {
        let expected = hmac(&key, id.as_bytes());
        let registration = RegistrationId::new(&id)?;
        let text = STANDARD.encode(&key);
        for group in [
            GroupKey::from_bytes(&key)?,
            GroupKey::from_base64(&text)?,
            GroupKey::from_secret(SecretBytes::copy_from(&key)?)?,
        ] {
            let derived = group.derive_device_key(&registration)?;
            prop_assert_eq!(derived.expose_bytes(), expected);
            let text = derived.expose_base64();
            prop_assert_eq!(text.expose_text(), STANDARD.encode(expected));
        }
    }

    #[test]
    fn a_key_comes_back_from_its_text(key in key()) {
        let text = STANDARD.encode(&key);
        let read = SymmetricKey::from_base64(&text)?;
        prop_assert_eq!(read.expose_bytes(), &key[..]);
        let exposed = read.expose_base64();
        prop_assert_eq!(exposed.expose_text(), text);
        prop_assert!(read == symmetric(&key));
    }
}

#[test]
fn a_key_that_fails_leaves_nothing_behind() {
    let resource = ResourceUri::parse("h/devices/d").expect("a resource");
    let policy = PolicyName::new("p").expect("a policy");
    let scope = IdScope::new("0ne").expect("a scope");
    let registration = RegistrationId::new("r").expect("an ID");
    let expiry = UnixTime::from_secs(1_800_000_000);
    let error = SasError::Key(silence());
    for signer in [
        SasSigner::new(Broken, &resource).expect("not Service Bus"),
        SasSigner::with_policy(Broken, &resource, &policy).expect("not Service Bus"),
        SasSigner::for_registration(Broken, &scope, &registration),
    ] {
        for available in [0, 1, SAS_TOKEN_MAX] {
            let mut buffer = vec![FILLING; available];
            assert_eq!(signer.sign_into(expiry, &mut buffer).as_ref(), Err(&error));
            assert!(buffer.iter().all(|byte| *byte == FILLING));
        }
        assert_eq!(signer.sign(expiry).as_ref(), Err(&error));
    }
    let text = token_text(b"key", "h/devices/d", 1, None);
    let token = SasToken::parse(&text).expect("it is in order");
    assert_eq!(
        token.verify(&Broken, &resource, UnixTime::from_secs(0), NO_TOLERANCE),
        Err(TokenVerifyError::Key(silence()))
    );
}
