//! `mqtt_username`, `dps_mqtt_username` and `dps_mqtt_topic`.

use hubward::identity::NameKind;
use hubward::session::HubIdentity;
use hubward::session::mqtt::{DpsSession, HubSession};
use hubward::{DeviceId, HubHost, IdScope, ModuleId, NameError, RegistrationId};

use crate::harness::{Divergences, for_each};

/// What is between `api-version=` and the next `&`: each SDK has its own.
fn api_version(user_name: &str) -> String {
    let (_, rest) = user_name.split_once("api-version=").expect("every user name has one");
    rest.split('&').next().unwrap().to_owned()
}

#[test]
fn mqtt_username() {
    const SPACE: &str = "no ID has a space";
    const PARENTHESES: &str = "Node leaves `(` and `)` as they are; both decode to the same";
    const MODEL_FIRST: &str =
        "Node puts the model ID first and leaves it as it is; its parentheses too";

    let node = |path: &str, rest: &str| {
        Ok(format!(
            "contoso-hub.azure-devices.net/{path}/?api-version=2021-04-12&DeviceClientType=azure-iot-device\
             %2F1.18.4%20%28node%20v20.20.2%3B%20Linux%3B%20x64%29{rest}"
        ))
    };
    let mut user_names = Divergences::new([
        (
            "azsdkc-gen-user-dev space-",
            SPACE,
            Err(NameError::InvalidCharacter { kind: NameKind::DeviceId, position: 3 }),
        ),
        ("node-mqtt-user-device1-null-null", PARENTHESES, node("device1", "")),
        ("node-mqtt-user-device1-mod1-null", PARENTHESES, node("device1/mod1", "")),
        ("node-mqtt-user-dev%23-null-null", PARENTHESES, node("dev%23", "")),
        (
            "node-mqtt-user-dev@at$'!-null-dtmi:com:example:Thermostat;1",
            MODEL_FIRST,
            node("dev@at$'!", "prod%2F1.0&model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1"),
        ),
    ]);
    for_each(
        include_str!("../data/vectors/mqtt_username.json"),
        &[("mqtt_username", 29)],
        |vector| {
            let name = &vector.name;
            let host = HubHost::new(&vector.inputs.text("hostname")).unwrap();
            let device = DeviceId::new(&vector.inputs.text("device_id"));
            let module = vector.inputs.optional_text("module_id");
            let product = vector.inputs.text("user_agent");
            // Python takes the model ID for a product of its own.
            let model = vector
                .inputs
                .optional_text("model_id")
                .or(vector.inputs.optional_text("product_info"))
                .filter(|model| !model.is_empty());
            let theirs = vector.expected.text("username");
            let client_id = vector.expected.optional_text("client_id");
            let uri = vector.expected.optional_text("uri");

            let version = api_version(&theirs);
            let session = device.map(|device| {
                let identity = match module {
                    None => HubIdentity::device(host.clone(), device),
                    Some(module) => {
                        HubIdentity::module(host.clone(), device, ModuleId::new(&module).unwrap())
                    }
                };
                let session = HubSession::new(&identity).api_version(&version).unwrap();
                let session = session.product(&product).unwrap();
                match &model {
                    None => session,
                    Some(model) => session.model_id(model).unwrap(),
                }
            });
            if let (Ok(session), Some(client_id)) = (&session, client_id) {
                assert_eq!(session.client_id(), client_id);
            }
            if let Some(uri) = uri {
                assert_eq!(uri, format!("mqtts://{host}"));
            }
            let ours = session.map(|session| session.user_name());
            // The same fields in another order or encoding.
            if let Ok(ours) = &ours {
                assert_eq!(fields(ours), fields(&theirs));
            }
            user_names.compare(name, &Ok(theirs), &ours);
        },
    );
}

/// What the hub reads in a user name: the path, and the fields, decoded.
fn fields(user_name: &str) -> (String, Vec<String>) {
    let (path, query) = user_name.split_once("/?").expect("there are fields");
    let mut fields: Vec<_> = query
        .split('&')
        .map(|field| urlencoding::decode(field).expect("it is text").into_owned())
        .collect();
    fields.sort();
    (path.to_owned(), fields)
}

#[test]
fn dps_mqtt_username() {
    const VERBATIM: &str = "azure-sdk-for-c leaves the encoding to its caller, who did none";

    let mut user_names = Divergences::new([(
        "azsdkc-dps-user-ua",
        VERBATIM,
        "0neFEEDC0DE/registrations/myRegistrationId/api-version=2019-03-31&ClientVersion=c%2F1.2.3"
            .to_owned(),
    )]);
    for_each(
        include_str!("../data/vectors/dps_mqtt_username.json"),
        &[("dps_mqtt_username", 4)],
        |vector| {
            let scope = IdScope::new(&vector.inputs.text("id_scope")).unwrap();
            let registration = RegistrationId::new(&vector.inputs.text("registration_id")).unwrap();
            let encoded = vector.inputs.optional_text("user_agent");
            let product = encoded.or(vector.inputs.optional_text("user_agent_verbatim"));
            let theirs = vector.expected.text("username");
            let session = DpsSession::new(&scope, &registration);
            let session = session.api_version(&api_version(&theirs)).unwrap();
            let session = match product {
                None => session,
                Some(product) => session.product(&product).unwrap(),
            };
            if let Some(client_id) = vector.expected.optional_text("client_id") {
                assert_eq!(session.client_id(), client_id);
            }
            user_names.compare(&vector.name, &theirs, &session.user_name());
        },
    );
}

#[test]
fn dps_mqtt_topic() {
    let scope = IdScope::new("0ne00000001").unwrap();
    let session = DpsSession::new(&scope, &RegistrationId::new("pump-7").unwrap());
    for_each(
        include_str!("../data/vectors/dps_mqtt_topic.json"),
        &[("dps_mqtt_topic", 2)],
        |vector| {
            let request = vector.inputs.text("request_id");
            let topic = match vector.inputs.optional_text("operation_id") {
                None => session.register_topic(&request),
                Some(operation) => session.status_topic(&request, &operation),
            };
            assert_eq!(topic, vector.expected.text("topic"));
        },
    );
}
