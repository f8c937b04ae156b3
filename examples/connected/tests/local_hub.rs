//! The local hub as a front door: who is let in, who is turned away and why, and what it makes of clients that
//! do as they like.

#![cfg(unix)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes as Payload, BytesMut};
use common::hub::{HUB, Hub, World, host, id, identity, key, keys, now, token};
use common::mqtt::{Bytes, Login};
use hubward::sas::TokenVerifyError;
use hubward::session::mqtt::HubSession;
use hubward::tls::rustls::ClientConfig;
use hubward::x509::Thumbprint;
use hubward::{PolicyName, ResourceUri, SasSigner, SymmetricKey, UnixTime};
use hubward_connected::hub::{Credential, Disconnect, Event, Protocol, Refused, Registry};
use reqwest::header::{AUTHORIZATION, HOST};
use rumqttc::{
    Connect, ConnectReturnCode, LastWill, Packet, PubAck, Publish, QoS, Subscribe,
    SubscribeReasonCode,
};

const MINUTE: Duration = Duration::from_secs(60);
/// How long the test waits for what is not to come.
const A_WHILE: Duration = Duration::from_millis(300);

/// What is there: pumps have keys, valves certificates of the hub's CA, lamps registered certificates.
fn register(registry: &mut Registry, lamp: Thumbprint) {
    registry.device(&id("pump-7"), keys());
    registry.device(&id("pump-70"), Credential::Keys(key(3), key(4)));
    registry.device(&id("pump-9"), Credential::Disabled);
    registry.device(&id("valve-3"), Credential::Authority);
    registry.device(&id("lamp-1"), Credential::Thumbprints(vec![lamp]));
    for (number, name) in (10..).zip(["device", "service", "iothubowner"]) {
        registry.policy(&policy(name), key(number));
    }
}

fn policy(name: &str) -> PolicyName {
    PolicyName::new(name).unwrap()
}

fn device(name: &str) -> ResourceUri {
    ResourceUri::device(&host(), &id(name))
}

fn signed(key: SymmetricKey, resource: &ResourceUri, expiry: UnixTime) -> String {
    SasSigner::new(key, resource).unwrap().sign(expiry).unwrap().expose_token().to_owned()
}

fn signed_with(name: &str, key: SymmetricKey, resource: &ResourceUri) -> String {
    let signer = SasSigner::with_policy(key, resource, &policy(name)).unwrap();
    signer.sign_for(MINUTE, now()).unwrap().expose_token().to_owned()
}

fn soon() -> UnixTime {
    now().saturating_add(MINUTE)
}

/// What somebody comes with, over MQTT or HTTPS.
struct Case {
    what: &'static str,
    device: &'static str,
    token: String,
    tls: Arc<ClientConfig>,
    /// None if it is let in.
    refused: Option<fn(&Refused) -> bool>,
}

fn cases(world: &World, lamp: Arc<ClientConfig>) -> Vec<Case> {
    let plain = world.client(None).config();
    let certificate = |world: &World, device: &str| {
        let identity = world.issue(device, 30).identity();
        world.client(Some(identity)).config()
    };
    let valve = certificate(world, "valve-3");
    // The hub's CA is trusted, the CA of another world's devices is not.
    let stranger = World::new().issue("valve-3", 30).identity();
    let stranger = world.client(Some(stranger)).config();
    let with_token = |what, device, token: String, refused| {
        let tls = Arc::clone(&plain);
        Case { what, device, token, tls, refused }
    };
    let with_certificate = |what, device, tls: &Arc<ClientConfig>, refused| {
        let (token, tls) = (String::new(), Arc::clone(tls));
        Case { what, device, token, tls, refused }
    };
    let of_pump = |number| signed(key(number), &device("pump-7"), soon());

    let mismatch =
        |refused: &Refused| matches!(refused, Refused::Verify(TokenVerifyError::SignatureMismatch));
    let scope =
        |refused: &Refused| matches!(refused, Refused::Verify(TokenVerifyError::OutOfScope));
    let expired =
        |refused: &Refused| matches!(refused, Refused::Verify(TokenVerifyError::Expired { .. }));
    let other_hub = "other-hub.azure-devices.net".parse().unwrap();
    let good = of_pump(1);
    let (head, tail) = good.split_once("sig=").unwrap();
    let changed = tail.replacen(|c: char| c.is_ascii_lowercase(), "0", 1);
    vec![
        with_token("primary key", "pump-7", of_pump(1), None),
        with_token("secondary key", "pump-7", of_pump(2), None),
        with_token("wrong key", "pump-7", of_pump(9), Some(mismatch)),
        with_token("changed signature", "pump-7", format!("{head}sig={changed}"), Some(mismatch)),
        with_token("another device's key", "pump-7", of_pump(3), Some(mismatch)),
        with_token(
            "key of a policy, which is not named",
            "pump-7",
            signed(key(10), &device("pump-7"), soon()),
            Some(mismatch),
        ),
        with_token("expired", "pump-7", signed(key(1), &device("pump-7"), now()), Some(expired)),
        with_token(
            "another device's token",
            "pump-7",
            signed(key(3), &device("pump-70"), soon()),
            Some(|refused| matches!(refused, Refused::Verify(_))),
        ),
        with_token(
            "a device whose name goes on",
            "pump-7",
            signed(key(1), &device("pump-70"), soon()),
            Some(scope),
        ),
        with_token(
            "a device whose name is the beginning",
            "pump-70",
            signed(key(3), &device("pump-7"), soon()),
            Some(scope),
        ),
        with_token(
            "another hub",
            "pump-7",
            signed(key(1), &ResourceUri::device(&other_hub, &id("pump-7")), soon()),
            Some(scope),
        ),
        with_token(
            "policy device",
            "pump-7",
            signed_with("device", key(10), &device("pump-7")),
            None,
        ),
        with_token(
            "policy device, all devices",
            "pump-7",
            signed_with("device", key(10), &ResourceUri::all_devices(&host())),
            None,
        ),
        with_token(
            "policy device, the hub",
            "valve-3",
            signed_with("device", key(10), &ResourceUri::hub(&host())),
            None,
        ),
        with_token(
            "policy device, another device",
            "pump-7",
            signed_with("device", key(10), &device("pump-70")),
            Some(scope),
        ),
        with_token(
            "policy device, wrong key",
            "pump-7",
            signed_with("device", key(1), &device("pump-7")),
            Some(mismatch),
        ),
        with_token(
            "policy iothubowner",
            "pump-7",
            signed_with("iothubowner", key(12), &device("pump-7")),
            None,
        ),
        with_token(
            "policy service",
            "pump-7",
            signed_with("service", key(11), &device("pump-7")),
            Some(|refused| *refused == Refused::Policy),
        ),
        with_token(
            "no such policy",
            "pump-7",
            signed_with("registryRead", key(11), &device("pump-7")),
            Some(|refused| *refused == Refused::Policy),
        ),
        with_token(
            "no such device",
            "pump-8",
            token("pump-8", MINUTE),
            Some(|refused| *refused == Refused::UnknownDevice),
        ),
        with_token(
            "a device of another case",
            "PUMP-7",
            token("PUMP-7", MINUTE),
            Some(|refused| *refused == Refused::UnknownDevice),
        ),
        with_token(
            "disabled",
            "pump-9",
            token("pump-9", MINUTE),
            Some(|refused| *refused == Refused::Disabled),
        ),
        with_token(
            "no token",
            "pump-7",
            String::new(),
            Some(|refused| *refused == Refused::NoToken),
        ),
        with_token(
            "no token in it",
            "pump-7",
            "SharedAccessKey=AAAA".to_owned(),
            Some(|refused| matches!(refused, Refused::Token(_))),
        ),
        with_token(
            "a token for a certificate",
            "valve-3",
            token("valve-3", MINUTE),
            Some(|refused| *refused == Refused::NoKeys),
        ),
        with_token(
            "no certificate",
            "valve-3",
            String::new(),
            Some(|refused| *refused == Refused::NoCertificate),
        ),
        with_certificate("certificate", "valve-3", &valve, None),
        with_certificate("registered certificate", "lamp-1", &lamp, None),
        with_certificate(
            "another device's certificate",
            "valve-3",
            &certificate(world, "valve-4"),
            Some(|refused| *refused == Refused::CommonName),
        ),
        with_certificate(
            "a certificate of another CA",
            "valve-3",
            &stranger,
            Some(|refused| *refused == Refused::Chain),
        ),
        with_certificate(
            "a certificate that is not registered",
            "lamp-1",
            &certificate(world, "lamp-1"),
            Some(|refused| *refused == Refused::Thumbprint),
        ),
        with_certificate(
            "a certificate where there are keys",
            "pump-7",
            &valve,
            Some(|refused| *refused == Refused::NoToken),
        ),
    ]
}

/// A hub that knows a lamp's certificate, and TLS that shows it.
async fn start(world: &World) -> (Hub, Arc<ClientConfig>) {
    let lamp = world.issue("lamp-1", 30);
    let der = lamp.chain.end_entity().der().clone();
    let hub = Hub::start(world, move |registry| register(registry, Thumbprint::sha256(&der))).await;
    (hub, world.client(Some(lamp.identity())).config())
}

/// The refusal after the first `count`.
async fn refusal(hub: &Hub, count: usize) -> (String, Refused) {
    hub.wait_for(|events| {
        let mut refused = events.iter().filter_map(|event| match event {
            Event::Refused { claim, refused } => Some((claim.clone(), refused.clone())),
            _ => None,
        });
        refused.nth(count)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn over_mqtt() {
    let world = World::new();
    let (hub, lamp) = start(&world).await;
    let port = hub.mqtt().port();
    let (mut refusals, mut connections) = (0, 0);
    for Case { what, device, token, tls, refused } in cases(&world, lamp) {
        println!("{what}"); // the last line that a failed test shows
        let login = Login::new(device, port, tls, &token);
        match refused {
            None => {
                login.connect().await.unwrap().disconnect().await;
                connections += 1;
            }
            Some(expected) => {
                assert_eq!(login.refused().await, ConnectReturnCode::NotAuthorized);
                let (claim, refused) = refusal(&hub, refusals).await;
                assert_eq!(claim, device);
                assert!(expected(&refused), "{refused:?}");
                refusals += 1;
            }
        }
    }
    let connected = |event: &&Event| matches!(event, Event::Connected { .. });
    assert_eq!(hub.told().iter().filter(connected).count(), connections);
    assert!(connections >= 7 && refusals >= 20);

    // What only MQTT has: a client ID and a user name.
    let login = Login::new("pump-7", port, world.client(None).config(), &token("pump-7", MINUTE));
    let user = |name: &str| Login { user_name: name.to_owned(), ..login.clone() };
    for (login, expected) in [
        (Login { client_id: "pump-70".to_owned(), ..login.clone() }, Refused::ClientId),
        (user("localhost/pump-70/?api-version=2021-04-12"), Refused::ClientId),
        (user("other-hub/pump-7/?api-version=2021-04-12"), Refused::Host),
        (user("localhost/pump-7/?model-id=x"), Refused::ApiVersion),
        (user("localhost/pump-7"), Refused::UserName),
        (user("pump-7"), Refused::UserName),
        (user(""), Refused::UserName),
    ] {
        println!("{:?} {:?}", login.client_id, login.user_name);
        assert_eq!(login.refused().await, ConnectReturnCode::NotAuthorized);
        assert_eq!(refusal(&hub, refusals).await, (login.client_id, expected));
        refusals += 1;
    }
    // The service compares hubs in any case.
    assert!(user("LocalHost/pump-7/?api-version=2021-04-12").connect().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https() {
    let world = World::new();
    let (hub, lamp) = start(&world).await;
    let url = format!("https://{HUB}:{}", hub.https().port());
    let client = |tls: &ClientConfig| {
        let builder = reqwest::Client::builder().no_proxy();
        builder.tls_backend_preconfigured(tls.clone()).build().unwrap()
    };
    let (mut refusals, mut sent) = (0, 0);
    for Case { what, device, token, tls, refused } in cases(&world, lamp) {
        println!("{what}"); // the last line that a failed test shows
        let path = format!("/devices/{device}/messages/events?api-version=2021-04-12");
        let mut request = client(&tls).post(format!("{url}{path}")).body(what);
        if !token.is_empty() {
            request = request.header(AUTHORIZATION, token);
        }
        let answer = request.send().await.unwrap();
        match refused {
            None => {
                assert_eq!(answer.status(), 204);
                sent += 1;
                let is_it = |text: &String| text == what;
                hub.wait_for(|_| hub.messages(device).last().is_some_and(is_it).then_some(()))
                    .await;
            }
            Some(expected) => {
                assert_eq!(answer.status(), 401);
                assert_eq!(answer.headers()["iothub-errorcode"], "IotHubUnauthorizedAccess");
                let text = answer.text().await.unwrap();
                assert!(
                    text.contains(r#""Message":"ErrorCode:IotHubUnauthorizedAccess;"#),
                    "{text}"
                );
                let (claim, refused) = refusal(&hub, refusals).await;
                assert_eq!(claim, device);
                assert!(expected(&refused), "{refused:?}");
                refusals += 1;
            }
        }
    }
    let over_https = |event: &&Event| matches!(event, Event::Message { over: Protocol::Https, .. });
    assert_eq!(hub.told().iter().filter(over_https).count(), sent);
    assert!(sent >= 7 && refusals >= 20);

    // What only HTTPS has.
    let client = client(&world.client(None).config());
    let good = token("pump-7", MINUTE);
    let events = "/devices/pump-7/messages/events?api-version=2021-04-12";
    let post = |path: &str| client.post(format!("{url}{path}")).header(AUTHORIZATION, &good);
    for (request, status, code) in [
        (post(events).header(HOST, "other-hub"), 401, "IotHubUnauthorizedAccess"),
        (post("/devices/pump-7/messages/events"), 400, "InvalidProtocolVersion"),
        (post("/twins/pump-7?api-version=2021-04-12"), 404, "ResourceNotFound"),
        (post(events).body(vec![b' '; 256 * 1024 + 1]), 413, "MessageTooLarge"),
        (client.get(format!("{url}{events}")), 405, "MethodNotAllowed"),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["iothub-errorcode"], code);
    }
    assert_eq!(hub.told().iter().filter(over_https).count(), sent);
}

/// The bytes of a packet.
fn packet(packet: Packet) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, 1 << 20).unwrap();
    bytes.to_vec()
}

/// The bytes of the device's `CONNECT`, with a session that is kept.
fn connect(device: &str, token: &str) -> Vec<u8> {
    let session = HubSession::new(&identity(device));
    let mut connect = Connect::new(session.client_id());
    connect.set_login(session.user_name(), token);
    connect.clean_session = false;
    packet(Packet::Connect(connect))
}

fn subscribe(filter: &str) -> Vec<u8> {
    let mut subscribe = Subscribe::new(filter, QoS::AtLeastOnce);
    subscribe.pkid = 1;
    packet(Packet::Subscribe(subscribe))
}

fn publish(topic: &str, qos: QoS, payload: impl Into<Payload>) -> Vec<u8> {
    let mut publish = Publish::from_bytes(topic, qos, payload.into());
    publish.pkid = 1;
    packet(Packet::Publish(publish))
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_session() {
    let world = World::new();
    let (hub, _) = start(&world).await;
    let port = hub.mqtt().port();
    let tls = world.client(None).config();
    let mut bystander =
        Login::new("pump-70", port, Arc::clone(&tls), &signed(key(3), &device("pump-70"), soon()))
            .connect()
            .await
            .unwrap();
    let good = connect("pump-7", &token("pump-7", MINUTE));
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let telemetry = "devices/pump-7/messages/events/";

    // Before anybody has introduced itself, the hub says nothing.
    for (what, bytes) in [
        ("HTTP", [&b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: "[..], &[b'x'; 99]].concat()),
        ("zeros", vec![0; 1000]),
        ("ones", vec![0xff; 1000]),
        ("a length of 268 million", vec![0x10, 0xff, 0xff, 0xff, 0x7f]),
        ("a length without an end", vec![0x10, 0x80, 0x80, 0x80, 0x80, 0x80]),
        ("an empty CONNECT", vec![0x10, 0]),
        ("another protocol", changed(4, b'X')),
        ("another version", changed(8, 9)),
        ("a message", publish(telemetry, QoS::AtMostOnce, "x")),
        ("a subscription", subscribe("#")),
        ("a goodbye", packet(Packet::Disconnect)),
        ("a ping", packet(Packet::PingReq)),
    ] {
        println!("{what}");
        let mut stream = Bytes::connect(port, Arc::clone(&tls)).await;
        stream.send(&bytes).await;
        assert_eq!(stream.closed().await, b"");
        assert!(bystander.publish("devices/pump-70/messages/events/", what).await);
    }
    assert_eq!(hub.connections("pump-7"), 0);

    // A device that has, and does what the service ends the connection for.
    for (number, (what, bytes)) in (1..).zip([
        ("CONNECT once more", good.clone()),
        ("an answer", vec![0x20, 2, 0, 0]),
        ("a length of 268 million", vec![0x30, 0xff, 0xff, 0xff, 0x7f]),
        ("a length without an end", vec![0x30, 0x80, 0x80, 0x80, 0x80, 0x80]),
        (
            "another device's topic",
            publish("devices/pump-70/messages/events/", QoS::AtLeastOnce, "x"),
        ),
        ("a topic that goes on", publish("devices/pump-7/messages/eventsX", QoS::AtLeastOnce, "x")),
        (
            "the other direction",
            publish("devices/pump-7/messages/devicebound/", QoS::AtLeastOnce, "x"),
        ),
        ("any topic", publish("weather", QoS::AtMostOnce, "x")),
        ("an empty topic", publish("", QoS::AtMostOnce, "x")),
        ("QoS 2", publish(telemetry, QoS::ExactlyOnce, "x")),
        ("QoS 3", vec![0x36, 5, 0, 1, b'a', 0, 1]),
        (
            "a message that is too long",
            publish(telemetry, QoS::AtLeastOnce, vec![b'x'; 256 * 1024 + 1]),
        ),
        ("a topic that is longer than the packet", vec![0x30, 4, 0xff, 0xff, b'a', b'b']),
        ("a topic that is no UTF-8", vec![0x30, 4, 0, 2, 0xff, 0xfe]),
        ("a subscription to nothing", vec![0x82, 2, 0, 1]),
        ("a release of QoS 2", vec![0x62, 2, 0, 1]),
    ]) {
        println!("{what}");
        let mut stream = Bytes::connect(port, Arc::clone(&tls)).await;
        stream.send(&good).await;
        // The third byte says that there was a session before.
        assert_eq!(stream.receive(4).await, [0x20, 2, u8::from(number > 1), 0]);
        stream.send(&bytes).await;
        assert_eq!(stream.closed().await, b"");
        let ends =
            hub.wait_for(|_| Some(hub.ends("pump-7")).filter(|ends| ends.len() == number)).await;
        assert!(matches!(ends.last(), Some(Disconnect::Protocol(_))), "{ends:?}");
        assert!(bystander.publish("devices/pump-70/messages/events/", what).await);
    }
    assert_eq!(hub.messages("pump-7"), [""; 0]);
    assert_eq!(hub.ends("pump-70"), []);
}

/// Who begins and never ends is not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn silence() {
    let world = World::new();
    let (hub, _) = start(&world).await;
    let tls = world.client(None).config();
    let good = connect("pump-7", &token("pump-7", MINUTE));
    let ask = async |bytes: &[u8]| {
        let mut stream = Bytes::connect(hub.mqtt().port(), Arc::clone(&tls)).await;
        stream.send(bytes).await;
        assert_eq!(stream.closed().await, b"");
    };
    let without_tls = async {
        let mut stream = tokio::net::TcpStream::connect(hub.mqtt()).await.unwrap();
        let mut bytes = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await;
        assert_eq!(bytes, b"");
    };
    tokio::join!(ask(b""), ask(&good[..1]), ask(&good[..good.len() - 1]), without_tls);
    assert_eq!(hub.told(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions() {
    let world = World::new();
    let (hub, _) = start(&world).await;
    let tls = world.client(None).config();
    let mut pump = Login::new("pump-7", hub.mqtt().port(), tls, &token("pump-7", MINUTE))
        .connect()
        .await
        .unwrap();
    for filter in [
        "#",
        "+/pump-7/messages/devicebound/#",
        "devices/#",
        "devices/+/messages/devicebound/#",
        "devices/pump-70/messages/devicebound/#",
        "devices/pump-7/#",
        "devices/pump-7/messages/events/",
    ] {
        let answer = pump.subscribe(filter, QoS::AtLeastOnce).await;
        assert_eq!(answer, SubscribeReasonCode::Failure, "{filter}");
    }
    // Of QoS 2, the service makes 1.
    let own = "devices/pump-7/messages/devicebound/#";
    for (asked, granted) in [
        (QoS::ExactlyOnce, QoS::AtLeastOnce),
        (QoS::AtLeastOnce, QoS::AtLeastOnce),
        (QoS::AtMostOnce, QoS::AtMostOnce),
    ] {
        assert_eq!(pump.subscribe(own, asked).await, SubscribeReasonCode::Success(granted));
    }
    assert!(hub.running().send("pump-70", "not for you"));
    assert!(hub.running().send("pump-7", "for you"));
    assert_eq!(pump.message().await.unwrap().payload, "for you");
    assert!(pump.message_within(A_WHILE).await.is_none());
}

/// Waits until the device's connections have ended so.
async fn ended(hub: &Hub, device: &str, ends: &[Disconnect]) {
    hub.wait_for(|_| (hub.ends(device) == ends).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_connection_ends_the_first() {
    let world = World::new();
    let (hub, _) = start(&world).await;
    let tls = world.client(None).config();
    let login = Login::new("pump-7", hub.mqtt().port(), tls, &token("pump-7", MINUTE));
    let mut first = login.connect().await.unwrap();
    // Whoever is turned away ends nothing.
    Login { password: token("pump-70", MINUTE), ..login.clone() }.refused().await;
    assert!(first.publish("devices/pump-7/messages/events/", "1").await);
    let mut second = login.connect().await.unwrap();
    first.closed().await;
    ended(&hub, "pump-7", &[Disconnect::TakenOver]).await;
    assert!(second.publish("devices/pump-7/messages/events/", "2").await);
    second.disconnect().await;
    ended(&hub, "pump-7", &[Disconnect::TakenOver, Disconnect::Orderly]).await;
    assert_eq!(hub.messages("pump-7"), ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn last_wills() {
    let world = World::new();
    let (hub, _) = start(&world).await;
    let tls = world.client(None).config();
    let topic = "devices/pump-7/messages/events/kind=will";
    let login = Login {
        will: Some(LastWill::new(topic, "lost", QoS::AtLeastOnce, false)),
        ..Login::new("pump-7", hub.mqtt().port(), tls, &token("pump-7", MINUTE))
    };
    login.connect().await.unwrap().disconnect().await;
    ended(&hub, "pump-7", &[Disconnect::Orderly]).await;
    assert_eq!(hub.messages("pump-7"), [""; 0]);

    drop(login.connect().await.unwrap());
    ended(&hub, "pump-7", &[Disconnect::Orderly, Disconnect::Lost]).await;
    let will = hub.wait_for_event(|event| matches!(event, Event::Message { .. })).await;
    let Event::Message { id, properties, payload, .. } = will else { unreachable!() };
    assert_eq!((id.as_str(), &*payload), ("pump-7", &b"lost"[..]));
    assert_eq!(properties, "kind=will&iothub-MessageType=Will");

    // Of another device, there is none.
    let will = LastWill::new("devices/pump-70/messages/events/", "x", QoS::AtLeastOnce, false);
    drop(Login { will: Some(will), ..login }.connect().await.unwrap());
    ended(&hub, "pump-7", &[Disconnect::Orderly, Disconnect::Lost, Disconnect::Lost]).await;
    assert_eq!((hub.messages("pump-7").len(), hub.messages("pump-70").len()), (1, 0));
}

const COMMANDS: &str = "devices/pump-7/messages/devicebound/#";

#[tokio::test(flavor = "multi_thread")]
async fn messages_to_a_device_wait() {
    let world = World::new();
    let (hub, _) = start(&world).await;
    let tls = world.client(None).config();
    let login = Login {
        clean: false,
        ..Login::new("pump-7", hub.mqtt().port(), tls, &token("pump-7", MINUTE))
    };
    assert!(hub.running().send("pump-7", "before it was there"));
    let mut pump = login.connect().await.unwrap();
    assert!(pump.message_within(A_WHILE).await.is_none());
    assert!(!pump.is_resumed);
    // It comes after the answer.
    pump.subscribe(COMMANDS, QoS::AtLeastOnce).await;
    let message = pump.message().await.unwrap();
    assert_eq!((&*message.payload, message.qos), (&b"before it was there"[..], QoS::AtLeastOnce));
    assert_eq!(message.topic, TOPIC);
    pump.disconnect().await;

    // What was asked for is known, and what was acknowledged is over.
    for number in 0..50 {
        assert!(hub.running().send("pump-7", number.to_string()));
    }
    assert!(!hub.running().send("pump-7", "too many"));
    let mut pump = login.connect().await.unwrap();
    assert!(pump.is_resumed);
    for number in 0..50 {
        assert_eq!(pump.message().await.unwrap().payload, number.to_string());
    }
    assert!(pump.message_within(A_WHILE).await.is_none());
    drop(pump);

    // A clean session has to ask again.
    assert!(hub.running().send("pump-7", "last"));
    let mut pump = Login { clean: true, ..login }.connect().await.unwrap();
    assert!(!pump.is_resumed);
    assert!(pump.message_within(A_WHILE).await.is_none());
    pump.subscribe(COMMANDS, QoS::AtMostOnce).await;
    assert_eq!(pump.message().await.unwrap().payload, "last");
}

/// Where the service sends messages to the device.
const TOPIC: &str =
    "devices/pump-7/messages/devicebound/%24.to=%2Fdevices%2Fpump-7%2Fmessages%2FdeviceBound";

/// Receives the message, which is the connection's `number`th, and leaves it at that.
async fn expect(stream: &mut Bytes, number: u16, payload: &str) {
    let mut message = Publish::new(TOPIC, QoS::AtLeastOnce, payload);
    message.pkid = number;
    let expected = packet(Packet::Publish(message));
    assert_eq!(stream.receive(expected.len()).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_comes_again() {
    let world = World::new();
    let (hub, _) = start(&world).await;
    let (port, tls) = (hub.mqtt().port(), world.client(None).config());
    let good = connect("pump-7", &token("pump-7", MINUTE));
    let begin = async || {
        let mut stream = Bytes::connect(port, Arc::clone(&tls)).await;
        stream.send(&good).await;
        stream.receive(4).await;
        stream
    };
    let ack = |number| packet(Packet::PubAck(PubAck::new(number)));
    let mut first = begin().await;
    first.send(&subscribe(COMMANDS)).await;
    first.receive(5).await;
    for payload in ["1", "2", "3", "4"] {
        assert!(hub.running().send("pump-7", payload));
    }
    expect(&mut first, 1, "1").await;
    // Nothing else comes before it is acknowledged, and an acknowledgement of something else is none.
    first.send(&ack(7)).await;
    drop(first);

    let mut second = begin().await;
    expect(&mut second, 1, "1").await;
    second.send(&ack(1)).await;
    expect(&mut second, 2, "2").await;

    // The third takes over. What the second says now counts no more.
    let mut third = begin().await;
    expect(&mut third, 1, "2").await;
    third.send(&ack(1)).await;
    expect(&mut third, 2, "3").await;
    second.send(&ack(2)).await;
    second.closed().await;
    third.send(&ack(2)).await;
    expect(&mut third, 3, "4").await;
    third.send(&ack(3)).await;
    drop(third);

    let mut last = begin().await;
    assert!(hub.running().send("pump-7", "5"));
    expect(&mut last, 1, "5").await;
}

/// The answer to a `CONNECT` is the code of MQTT 3.1.1 that the service uses.
#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_five() {
    let world = World::new();
    let (hub, _) = start(&world).await;
    let mut stream = Bytes::connect(hub.mqtt().port(), world.client(None).config()).await;
    stream.send(&connect("pump-7", "")).await;
    assert_eq!(stream.closed().await, [0x20, 2, 0, 5]);
}
