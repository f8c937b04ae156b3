//! MQTT: who connects, with what, and on which topics.

use std::time::Duration;

use hubward::session::HubIdentity;
use hubward::session::mqtt::{self, DpsReply, DpsSession, HubSession, UserNameError};
use hubward::{DeviceId, HubHost, IdScope, ModuleId, RegistrationId, ResourceUri};
use proptest::prelude::*;

use crate::{HOST, config, device, host, id, module, token};

#[test]
fn the_limits_are_those_of_the_service() {
    assert_eq!(mqtt::PORT, 8883);
    assert_eq!(mqtt::WEBSOCKET_SUBPROTOCOL, "mqtt");
    // The hub closes what was silent for one and a half of it, and for 1767 seconds at most.
    assert!(mqtt::KEEP_ALIVE_MAX * 3 / 2 <= Duration::from_secs(1767));
    assert!((mqtt::KEEP_ALIVE_MAX + Duration::from_secs(2)) * 3 / 2 > Duration::from_secs(1767));
    assert_eq!(mqtt::QOS_MAX, 1);
    assert_eq!(mqtt::MESSAGE_MAX, 262_144);
}

#[test]
fn user_names_of_every_kind() -> Result<(), UserNameError> {
    let fan = || module("pump-7", "fan");
    for (session, user_name, client_id) in [
        (
            HubSession::new(&device("pump-7")),
            "contoso.azure-devices.net/pump-7/?api-version=2021-04-12",
            "pump-7",
        ),
        (
            HubSession::new(&fan()).product("a b")?.model_id("dtmi:a;1")?,
            "contoso.azure-devices.net/pump-7/fan/?api-version=2021-04-12&DeviceClientType=a%20b\
             &model-id=dtmi%3Aa%3B1",
            "pump-7/fan",
        ),
        (
            HubSession::new(&fan()).model_id("dtmi:a;1")?,
            "contoso.azure-devices.net/pump-7/fan/?api-version=2021-04-12&model-id=dtmi%3Aa%3B1",
            "pump-7/fan",
        ),
        // The hub is named, not the gateway.
        (
            HubSession::new(&fan().through_gateway(host("edge"))).api_version("2020-09-30")?,
            "contoso.azure-devices.net/pump-7/fan/?api-version=2020-09-30",
            "pump-7/fan",
        ),
        // The last one counts.
        (
            HubSession::new(&device("pump-7")).product("a")?.product("b")?,
            "contoso.azure-devices.net/pump-7/?api-version=2021-04-12&DeviceClientType=b",
            "pump-7",
        ),
        // What could end the field, or begin another, does not.
        (
            HubSession::new(&device("pump-7"))
                .product("a&model-id=b#?/+%")?
                .api_version("1&x=y")?,
            "contoso.azure-devices.net/pump-7/?api-version=1%26x%3Dy\
             &DeviceClientType=a%26model-id%3Db%23%3F%2F%2B%25",
            "pump-7",
        ),
        (
            HubSession::new(&device("pump-7")).product("pümp\n")?,
            "contoso.azure-devices.net/pump-7/?api-version=2021-04-12&DeviceClientType=p%C3%BCmp%0A",
            "pump-7",
        ),
    ] {
        assert_eq!(session.user_name(), user_name);
        assert_eq!(session.client_id(), client_id);
    }
    Ok(())
}

#[test]
fn a_user_name_fits_mqtt_whatever_is_in_it() {
    // The longest names there are, and what takes three bytes for each.
    let label = |len| "a".repeat(len);
    let host = [label(63), label(63), label(63), label(61)].join(".");
    let identity = HubIdentity::module(
        HubHost::new(&host).expect("a host"),
        DeviceId::new(&"#".repeat(128)).expect("an ID"),
        ModuleId::new(&"#".repeat(128)).expect("an ID"),
    );
    let (full, more) = ("\n".repeat(mqtt::FIELD_MAX), "\n".repeat(mqtt::FIELD_MAX + 1));
    let too_long = |field| Some(UserNameError::TooLong { field, len: mqtt::FIELD_MAX + 1 });

    let session = HubSession::new(&identity);
    assert_eq!(session.clone().product(&more).err(), too_long("DeviceClientType"));
    assert_eq!(session.clone().model_id(&more).err(), too_long("model-id"));
    assert_eq!(session.clone().api_version(&more).err(), too_long("api-version"));
    let session = session
        .product(&full)
        .and_then(|session| session.model_id(&full))
        .and_then(|session| session.api_version(&full))
        .expect("they fit");
    assert!(u16::try_from(session.user_name().len()).is_ok());
    // It is bytes that count.
    assert!(session.product(&"ü".repeat(mqtt::FIELD_MAX / 2 + 1)).is_err());

    let scope = IdScope::new(&"0".repeat(128)).expect("a scope");
    let session = DpsSession::new(&scope, &RegistrationId::new(&"a".repeat(128)).expect("an ID"));
    assert_eq!(session.clone().product(&more).err(), too_long("ClientVersion"));
    assert_eq!(session.clone().api_version(&more).err(), too_long("api-version"));
    let session = session.product(&full).and_then(|session| session.api_version(&full));
    assert!(u16::try_from(session.expect("they fit").user_name().len()).is_ok());
}

#[test]
fn the_password_is_the_token() {
    let identity = device("pump-7");
    let token = token(&identity.resource());
    let session = HubSession::new(&identity);
    assert_eq!(session.expose_password(&token), token.expose_token());
    assert!(session.expose_password(&token).starts_with("SharedAccessSignature sr="));

    let (scope, registration) = dps();
    let token = self::token(&ResourceUri::dps_registration(&scope, &registration));
    let session = DpsSession::new(&scope, &registration);
    assert_eq!(session.expose_password(&token), token.expose_token());
}

#[test]
fn over_websocket_it_goes_to_whom_it_connects_to() {
    let url = |identity: HubIdentity| HubSession::new(&identity).websocket_url();
    let path = "/$iothub/websocket";
    assert_eq!(url(device("pump-7")), format!("wss://{HOST}:443{path}"));
    assert_eq!(url(module("pump-7", "fan")), format!("wss://{HOST}:443{path}"));
    let through = device("pump-7").through_gateway(host("edge"));
    assert_eq!(url(through), format!("wss://edge:443{path}"));
}

#[test]
fn topics_of_devices_and_modules() {
    let session = HubSession::new(&device("pump-7"));
    assert_eq!(session.telemetry_topic(), "devices/pump-7/messages/events/");
    assert_eq!(session.commands_filter().as_deref(), Some("devices/pump-7/messages/devicebound/#"));
    let session = HubSession::new(&module("pump-7", "fan"));
    assert_eq!(session.telemetry_topic(), "devices/pump-7/modules/fan/messages/events/");
    assert_eq!(session.commands_filter(), None);
}

#[test]
fn hazards_of_topics_are_told_with_their_places() {
    let hazards = |identity: HubIdentity| -> Vec<(String, usize, char)> {
        let hazards = HubSession::new(&identity).topic_hazards().into_iter();
        hazards.map(|hazard| (hazard.id, hazard.position, hazard.character)).collect()
    };
    let of = |id: &str, position, character| (id.to_owned(), position, character);
    assert_eq!(hazards(device("pump-7:.%_*?!(),=@;$'")), []);
    assert_eq!(hazards(device("a#b")), [of("a#b", 1, '#')]);
    assert_eq!(hazards(device("+")), [of("+", 0, '+')]);
    assert_eq!(hazards(device("#+#")), [of("#+#", 0, '#'), of("#+#", 1, '+'), of("#+#", 2, '#')]);
    assert_eq!(hazards(module("a+", "#b")), [of("a+", 1, '+'), of("#b", 0, '#')]);
    assert_eq!(hazards(module("a", "b")), []);
    let text = HubSession::new(&device("a#b")).topic_hazards()[0].to_string();
    assert_eq!(text, "the ID \"a#b\" has '#' at byte 1, which has a meaning of its own in topics");
}

proptest! {
    #![proptest_config(config())]

    /// What another reads in the user name is what was put in.
    #[test]
    fn a_user_name_is_read_as_it_was_meant(
        device_id in id(),
        module_id in proptest::option::of(id()),
        version in any::<String>(),
        product in proptest::option::of(any::<String>()),
        model in proptest::option::of(any::<String>()),
    ) {
        let id = DeviceId::new(&device_id)?;
        let identity = match &module_id {
            None => HubIdentity::device(host(HOST), id),
            Some(module) => HubIdentity::module(host(HOST), id, ModuleId::new(module)?),
        };
        let mut session = HubSession::new(&identity).api_version(&version)?;
        let mut expected = vec![("api-version", version)];
        if let Some(product) = product {
            session = session.product(&product)?;
            expected.push(("DeviceClientType", product));
        }
        if let Some(model) = model {
            session = session.model_id(&model)?;
            expected.push(("model-id", model));
        }
        let user_name = session.user_name();
        // IDs have no `/`, and may have `?`: the fields begin behind the last `/?` that has a name after it.
        let path = match &module_id {
            None => format!("{HOST}/{device_id}"),
            Some(module_id) => format!("{HOST}/{device_id}/{module_id}"),
        };
        let query = user_name.strip_prefix(&format!("{path}/?")).expect("the path is as it is");
        let found: Vec<(&str, String)> = query
            .split('&')
            .map(|field| field.split_once('=').expect("a name and a value"))
            .map(|(name, value)| (name, urlencoding::decode(value).expect("text").into_owned()))
            .collect();
        prop_assert_eq!(found, expected);
        let client_id = path.strip_prefix(&format!("{HOST}/")).expect("it begins so");
        prop_assert_eq!(session.client_id(), client_id);
        // A topic has as many levels as it should exactly where there are no hazards.
        let topic = session.telemetry_topic();
        let has_hazards = topic.contains(['#', '+']);
        prop_assert_eq!(!session.topic_hazards().is_empty(), has_hazards);
        let levels = if module_id.is_some() { 7 } else { 5 };
        prop_assert_eq!(topic.split('/').count(), levels);
        for hazard in session.topic_hazards() {
            prop_assert_eq!(hazard.id[hazard.position..].chars().next(), Some(hazard.character));
        }
    }

    #[test]
    fn a_reply_of_dps_says_which_request_it_answers(request in any::<String>(), operation in any::<String>()) {
        let (scope, registration) = dps();
        let session = DpsSession::new(&scope, &registration);
        let topic = session.register_topic(&request);
        let rid = topic.strip_prefix("$dps/registrations/PUT/iotdps-register/?").expect("it is that");
        let reply = DpsReply::from_topic(&format!("$dps/registrations/res/202/?{rid}")).expect("one");
        prop_assert_eq!((reply.status, &reply.request, reply.retry_after), (202, &request, None));

        let topic = session.status_topic(&request, &operation);
        let rest = topic.strip_prefix("$dps/registrations/GET/iotdps-get-operationstatus/?");
        let (rid, id) = rest.expect("it is that").split_once('&').expect("two fields");
        prop_assert_eq!(rid, format!("$rid={}", urlencoding::encode(&request)));
        prop_assert_eq!(id, format!("operationId={}", urlencoding::encode(&operation)));
    }

    #[test]
    fn no_topic_panics(topic in prop_oneof![
        any::<String>(),
        "\\$dps/registrations/res/[0-9a+-]{0,4}/?\\??(&?\\$?(rid|retry-after|x)=?[0-9a%&=+-]{0,4}){0,4}",
    ]) {
        if let Some(reply) = DpsReply::from_topic(&topic) {
            prop_assert!(topic.starts_with("$dps/registrations/res/") && topic.contains("$rid="));
            prop_assert!(reply.status < 1000);
            prop_assert!(reply.retry_after <= Some(DpsReply::RETRY_AFTER_MAX));
            let fields = topic.split_once("/?").expect("there are fields").1.split('&');
            prop_assert_eq!(fields.filter(|field| field.starts_with("$rid=")).count(), 1);
        }
    }
}

// DPS.

fn dps() -> (IdScope, RegistrationId) {
    (IdScope::new("0ne00000001").expect("a scope"), RegistrationId::new("pump-7").expect("an ID"))
}

#[test]
fn dps_is_told_who_asks() {
    let (scope, registration) = dps();
    let session = DpsSession::new(&scope, &registration);
    assert_eq!(DpsSession::HOST, "global.azure-devices-provisioning.net");
    assert_eq!(DpsSession::REPLIES_FILTER, "$dps/registrations/res/#");
    assert_eq!(session.client_id(), "pump-7");
    let told = session.product("a/b").and_then(|session| session.api_version("2021-06-01"));
    assert_eq!(
        told.expect("it fits").user_name(),
        "0ne00000001/registrations/pump-7/api-version=2021-06-01&ClientVersion=a%2Fb"
    );
    // A reply is on a topic of the filter.
    assert!(
        "$dps/registrations/res/200/?$rid=1"
            .starts_with(DpsSession::REPLIES_FILTER.trim_end_matches('#'))
    );
}

#[test]
fn replies_of_dps() {
    let reply = |status, request: &str, retry_after: Option<u64>| {
        Some((status, request.to_owned(), retry_after.map(Duration::from_secs)))
    };
    for (topic, expected) in [
        ("$dps/registrations/res/200/?$rid=1", reply(200, "1", None)),
        ("$dps/registrations/res/202/?$rid=1&retry-after=3", reply(202, "1", Some(3))),
        ("$dps/registrations/res/202/?retry-after=0&$rid=a-b", reply(202, "a-b", Some(0))),
        ("$dps/registrations/res/429/?$rid=a%20b&x=y", reply(429, "a b", None)),
        // What has no `=` says nothing.
        ("$dps/registrations/res/200/?x&$rid=1&", reply(200, "1", None)),
        ("$dps/registrations/res/200/?$rid=", reply(200, "", None)),
        ("$dps/registrations/res/200/?$rid=a=b", reply(200, "a=b", None)),
        ("$dps/registrations/res/200/", None),
        ("$dps/registrations/res/200/?", None),
        ("$dps/registrations/res/200/?rid=1", None),
        ("$dps/registrations/res/200?$rid=1", None),
        ("$dps/registrations/res//?$rid=1", None),
        ("$dps/registrations/res/20/?$rid=1", None),
        ("$dps/registrations/res/2000/?$rid=1", None),
        ("$dps/registrations/res/+20/?$rid=1", None),
        ("$dps/registrations/res/２00/?$rid=1", None),
        ("$dps/registrations/res/200/?$rid=%ff", None),
        // What it cannot say is no reason to lose the rest.
        ("$dps/registrations/res/202/?$rid=1&retry-after=soon", reply(202, "1", None)),
        ("$dps/registrations/res/202/?$rid=1&retry-after=", reply(202, "1", None)),
        ("$dps/registrations/res/202/?$rid=1&retry-after=+3", reply(202, "1", None)),
        ("$dps/registrations/res/202/?$rid=1&retry-after=-3", reply(202, "1", None)),
        ("$dps/registrations/res/202/?$rid=1&retry-after=٣", reply(202, "1", None)),
        // A device that waits for a year is lost.
        ("$dps/registrations/res/202/?$rid=1&retry-after=3600", reply(202, "1", Some(3600))),
        ("$dps/registrations/res/202/?$rid=1&retry-after=3601", reply(202, "1", Some(3600))),
        (
            "$dps/registrations/res/202/?$rid=1&retry-after=18446744073709551616",
            reply(202, "1", Some(3600)),
        ),
        // Which of the two?
        ("$dps/registrations/res/200/?$rid=1&$rid=2", None),
        ("$dps/registrations/res/200/?$rid=1&$rid=1", None),
        ("$dps/registrations/res/200/?$rid=1&$rid=", None),
        ("$dps/registrations/res/202/?$rid=1&retry-after=3&retry-after=4", None),
        ("$dps/registrations/res/202/?$rid=1&x=1&x=2", reply(202, "1", None)),
        ("$dps/registrations/PUT/iotdps-register/?$rid=1", None),
        ("$iothub/twin/res/200/?$rid=1", None),
        ("", None),
    ] {
        let found = DpsReply::from_topic(topic);
        let found = found.map(|reply| (reply.status, reply.request, reply.retry_after));
        assert_eq!(found, expected, "{topic}");
    }
}
