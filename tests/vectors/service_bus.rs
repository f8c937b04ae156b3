//! `eventhubs_sas`.

use core::time::Duration;

use hubward::sas::{SasError, ServiceBusKey, TokenVerifyError};
use hubward::{
    KeyError, MacKey as _, PolicyName, ResourceUri, SasSigner, SasToken, SymmetricKey, UnixTime,
};

use crate::harness::{Listed, for_each, to_base64, token_fields};
use crate::signing::write;

#[test]
fn eventhubs_sas() {
    // The text of a key there, read as a key of IoT Hub.
    let mut as_iot_keys = Listed::new([
        ("eventhubs-RootManageSharedAccessKey", Ok(())),
        ("eventhubs-send", Err(KeyError::NotBase64)),
    ]);
    for_each(
        include_str!("../data/vectors/eventhubs_sas.json"),
        &[("eventhubs_sas", 2)],
        |vector| {
            let (inputs, expected) = (&mut vector.inputs, &mut vector.expected);
            let text = inputs.text("key_text");
            let resource = ResourceUri::service_bus(&inputs.text("resource_uri")).unwrap();
            let policy = PolicyName::new(&inputs.text("policy")).unwrap();
            let expiry = inputs.number("expiry");
            let theirs = expected.text("token");
            let string_to_sign = expected.text("string_to_sign");
            assert_eq!(string_to_sign, format!("{}\n{expiry}", resource.as_encoded()));

            let key = || ServiceBusKey::from_text(&text).unwrap();
            let signer = SasSigner::for_service_bus(key(), &resource, &policy).unwrap();
            assert_eq!(write(&signer, expiry), theirs);

            let token = SasToken::parse(&theirs).unwrap();
            let expiry = UnixTime::from_secs(expiry);
            let before = UnixTime::from_secs(expiry.as_secs() - 1);
            let verify = |token: &SasToken<'_>, text: &str, resource: &str, now| {
                let key = ServiceBusKey::from_text(text).unwrap();
                let resource = ResourceUri::service_bus(resource).unwrap();
                token.verify_service_bus(&key, &resource, now, Duration::ZERO)
            };
            let uri = resource.to_string();
            assert_eq!(token.policy_name(), Some(policy.clone()));
            assert_eq!(verify(&token, &text, &uri, before), Ok(()));
            let inside = format!("{uri}/publishers/pump-7");
            assert_eq!(verify(&token, &text, &inside, before), Ok(()));
            assert_eq!(
                verify(&token, &text, &uri, expiry),
                Err(TokenVerifyError::Expired { expiry, now: expiry })
            );
            assert_eq!(
                verify(&token, &format!("{text}x"), &uri, before),
                Err(TokenVerifyError::SignatureMismatch)
            );
            assert_eq!(
                verify(&token, &text, &format!("{uri}2"), before),
                Err(TokenVerifyError::OutOfScope)
            );

            // As a key of IoT Hub the same text is another key, or none; neither signs here.
            let iot_key = SymmetricKey::from_base64(&text);
            let as_iot_key = as_iot_keys.get(&vector.name).expect("is not listed");
            assert_eq!(&iot_key.as_ref().map(|_| ()).map_err(KeyError::clone), as_iot_key);
            let Ok(iot_key) = iot_key else { return };
            assert_eq!(
                SasSigner::with_policy(&iot_key, &resource, &policy).err(),
                Some(SasError::ServiceBus)
            );
            assert_eq!(
                token.verify(&iot_key, &resource, before, Duration::ZERO),
                Err(TokenVerifyError::ServiceBus)
            );
            let other = iot_key.hmac_sha256(&[string_to_sign.as_bytes()]).unwrap();
            let other = to_base64(other.expose_bytes());
            let other = theirs.replace(token_fields(&theirs)["sig"], &urlencoding::encode(&other));
            assert_ne!(other, theirs);
            let other = SasToken::parse(&other).unwrap();
            assert_eq!(
                verify(&other, &text, &uri, before),
                Err(TokenVerifyError::SignatureMismatch)
            );
        },
    );
}
