//! AMQP: tokens put over `$cbs`, and SASL.

use hubward::session::amqp::{self, PutToken, SaslPlain};
use hubward::{PolicyName, ResourceUri, SasSigner, SasToken, SymmetricKey};
use proptest::prelude::*;

use crate::{HOST, NOW, config, device, host, id, module, token};

#[test]
fn a_token_is_put_with_its_own_resource() {
    assert_eq!((amqp::PORT, amqp::CBS_ADDRESS), (5671, "$cbs"));
    assert_eq!((PutToken::TO, PutToken::REPLY_TO), ("$cbs", "cbs"));
    for (identity, name) in [
        (device("pump-7"), "contoso.azure-devices.net%2Fdevices%2Fpump-7"),
        (device("a%23"), "contoso.azure-devices.net%2Fdevices%2Fa%2523"),
        (
            module("pump-7", "$edgeHub"),
            "contoso.azure-devices.net%2Fdevices%2Fpump-7%2Fmodules%2F%24edgeHub",
        ),
    ] {
        let token = token(&identity.resource());
        let put = PutToken::new(&token);
        assert_eq!(
            put.application_properties(),
            [
                ("operation", "put-token"),
                ("type", "servicebus.windows.net:sastoken"),
                ("name", name),
            ]
        );
        assert_eq!(put.expose_body(), token.expose_token());
    }
    // As the token has it, also where another SDK wrote it.
    let text = "SharedAccessSignature sr=h%2fdevices%2fd&se=1800000000\
                &sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3d";
    let token = SasToken::parse(text).expect("it is in order");
    let put = PutToken::new(&token);
    assert_eq!(put.application_properties()[2], ("name", "h%2fdevices%2fd"));
    assert_eq!(put.expose_body(), text);
}

#[test]
fn sasl_plain_says_who_and_with_what() {
    let identity = device("pump-7");
    let of_device = token(&identity.resource());
    let policy = PolicyName::new("device").expect("a policy");
    let key = SymmetricKey::from_bytes(b"made up").expect("a key");
    let resource = ResourceUri::hub(&host(HOST));
    let signer = SasSigner::with_policy(key, &resource, &policy).expect("not Service Bus");
    let of_policy = signer.sign(NOW).expect("in memory");
    for (plain, user, token) in [
        (SaslPlain::device(&identity, &of_device), "pump-7@sas.contoso", &of_device),
        // The hub is named, not the gateway.
        (
            SaslPlain::device(&identity.clone().through_gateway(host("edge")), &of_device),
            "pump-7@sas.contoso",
            &of_device,
        ),
        (
            SaslPlain::device(&module("pump-7", "fan"), &of_device),
            "pump-7/fan@sas.contoso",
            &of_device,
        ),
        (
            SaslPlain::policy(&host(HOST), &policy, &of_policy),
            "device@sas.root.contoso",
            &of_policy,
        ),
    ] {
        assert_eq!(plain.user_name(), user);
        assert_eq!(plain.expose_password(), token.expose_token());
        let response = [b"\0", user.as_bytes(), b"\0", token.expose_token().as_bytes()].concat();
        assert_eq!(plain.response().expose_text().as_bytes(), response);
    }
}

#[test]
fn over_websocket() {
    assert_eq!(amqp::WEBSOCKET_SUBPROTOCOL, "AMQPWSB10");
    let url = format!("wss://{HOST}:443/$iothub/websocket");
    assert_eq!(amqp::websocket_url(&device("pump-7")), url);
    let through = device("pump-7").through_gateway(host("edge"));
    assert_eq!(amqp::websocket_url(&through), "wss://edge:443/$iothub/websocket");
}

proptest! {
    #![proptest_config(config())]

    /// RFC 4616: three parts between zeroes, and none in them.
    #[test]
    fn a_response_has_three_parts(id in id()) {
        let identity = device(&id);
        let token = token(&identity.resource());
        let response = SaslPlain::device(&identity, &token).response();
        let response = response.expose_text().as_bytes();
        let parts: Vec<&[u8]> = response.split(|byte| *byte == 0).collect();
        let user = format!("{id}@sas.contoso");
        prop_assert_eq!(parts, [b"", user.as_bytes(), token.expose_token().as_bytes()]);
        let put = PutToken::new(&token);
        let name = put.application_properties()[2].1;
        prop_assert_eq!(urlencoding::decode(name)?, format!("{HOST}/devices/{id}"));
    }
}
