//! `key_decode`, `dps_derived_key`, `hmac_sha256`.

use hubward::keystore::{KeyError, MacKey as _, SymmetricKey};
use hubward::{GroupKey, RegistrationId};

use crate::harness::{Divergences, for_each, from_base64, from_hex, to_base64};

#[test]
fn key_decode() {
    const WHITESPACE: &str = "whitespace is not part of a key: trim it knowingly";
    const UNPADDED: &str = "a key without its padding may have lost more than that";

    let mut divergences = Divergences::new([
        ("py-keydecode-'AA A='", WHITESPACE, Err(KeyError::NotBase64)),
        ("py-keydecode-'AA\\nAA'", WHITESPACE, Err(KeyError::NotBase64)),
        ("py-keydecode-''", "who signs with no key signs for everybody", Err(KeyError::Empty)),
        ("node-keydecode-\"AAA\"", UNPADDED, Err(KeyError::NotBase64)),
        (
            "node-keydecode-\"A\"",
            "six bits are no byte; Node makes an empty key of them",
            Err(KeyError::NotBase64),
        ),
        ("node-keydecode-\"AA A=\"", WHITESPACE, Err(KeyError::NotBase64)),
        (
            "node-keydecode-\"AA-_\"",
            "the service writes its keys in the standard alphabet",
            Err(KeyError::NotBase64),
        ),
    ]);
    for_each(include_str!("../data/vectors/key_decode.json"), &[("key_decode", 21)], |vector| {
        let name = &vector.name;
        let text = vector.inputs.text("key_base64");
        let ours = SymmetricKey::from_base64(&text).map(|key| key.expose_bytes().to_vec());
        if vector.expected.flag("ok") {
            let theirs = Ok(from_hex(&vector.expected.text("key_hex")));
            divergences.compare(name, &theirs, &ours);
        } else {
            let theirs = vector.expected.text("error");
            assert!(theirs.starts_with("ValueError"), "{theirs}");
            divergences.judge(name, &theirs, &ours, ours.is_err());
            // No vector has a text that is too long, and the empty one is taken.
            assert_eq!(ours, Err(KeyError::NotBase64));
        }
    });
}

#[test]
fn dps_derived_key() {
    for_each(
        include_str!("../data/vectors/dps_derived_key.json"),
        &[("dps_derived_key", 17)],
        |vector| {
            let text = vector.inputs.text("group_key_base64");
            let group = GroupKey::from_base64(&text).unwrap();
            assert_eq!(group, GroupKey::from_bytes(&from_base64(&text)).unwrap());

            let registration = RegistrationId::new(&vector.inputs.text("registration_id")).unwrap();
            let derived = group.derive_device_key(&registration).unwrap();
            let expected = vector.expected.text("device_key_base64");
            assert_eq!(to_base64(derived.expose_bytes()) == expected, !vector.is_negative_control);

            // The derived key is one that the device can read back.
            let device = SymmetricKey::from_base64(&expected).unwrap();
            assert_eq!(derived == device, !vector.is_negative_control);
            #[cfg(feature = "alloc")]
            assert_eq!(
                derived.expose_base64().expose_text() == expected,
                !vector.is_negative_control
            );
        },
    );
}

#[test]
fn hmac_sha256() {
    for_each(include_str!("../data/vectors/hmac_sha256.json"), &[("hmac_sha256", 6)], |vector| {
        let key = from_hex(&vector.inputs.text("key_hex"));
        let key = SymmetricKey::from_bytes(&key).unwrap();
        let message = vector.inputs.text("message_utf8");
        let expected = match vector.expected.optional_text("digest_hex") {
            Some(hex) => from_hex(&hex),
            None => from_base64(&vector.expected.text("digest_base64")),
        };
        let expected = expected.try_into().unwrap();

        // In one part, and at every place where the message can be taken apart.
        let message = message.as_bytes();
        assert!(key.hmac_sha256(&[message]).unwrap().matches(&expected));
        for at in 0..=message.len() {
            let (start, end) = message.split_at(at);
            let in_parts = key.hmac_sha256(&[start, end]).unwrap();
            assert!(in_parts.matches(&expected), "in parts at {at}");
            let prepared = key.prepare(start).unwrap().finish(end).unwrap();
            assert!(prepared.matches(&expected), "prepared up to {at}");
        }
    });
}
