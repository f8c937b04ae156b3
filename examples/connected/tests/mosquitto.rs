//! Devices at the broker mosquitto, over TLS: with a token, which is a password to it, and with a certificate.

#![cfg(unix)]

mod common;

use std::time::Duration;

use common::PATIENCE;
use common::broker::{Broker, find};
use common::hub::{World, count_all, identity, token};
use common::mqtt::{Login, Session};
use common::program::Program;
use hubward::session::mqtt::HubSession;
use rumqttc::{ConnectReturnCode, QoS, SubscribeReasonCode};

const MINUTE: Duration = Duration::from_secs(60);

/// Devices whose certificate is their user name, each on topics of its own.
const CERTIFICATES: &str =
    "require_certificate true\nuse_identity_as_username true\nacl_file topics\n";

fn write_topics(world: &World) {
    world.write("topics", "pattern readwrite devices/%u/#\n");
}

/// Somebody who listens to everything, and whom the broker remembers.
async fn listener(broker: &Broker) -> Session {
    let login = Login {
        tls: None,
        port: broker.plain,
        client_id: "listener".to_owned(),
        user_name: String::new(),
        password: String::new(),
        clean: false,
        will: None,
    };
    let mut session = login.connect().await.unwrap();
    if !session.is_resumed {
        let granted = session.subscribe("devices/#", QoS::AtLeastOnce).await;
        assert_eq!(granted, SubscribeReasonCode::Success(QoS::AtLeastOnce));
    }
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_a_password() {
    let world = World::new();
    let session = HubSession::new(&identity("pump-7")).product("contoso-pump/1.4").unwrap();
    let (good, other) = (token("pump-7", MINUTE), token("pump-8", MINUTE));
    // The broker keeps a hash of it.
    let mut command = find("mosquitto_passwd");
    command.args(["-c", "-b", "passwords", &session.user_name(), &good]);
    let done = command.current_dir(world.folder()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let broker = Broker::start(&world, "allow_anonymous false\npassword_file passwords\n").await;

    let mut listener = listener(&broker).await;
    let login = Login {
        user_name: session.user_name(),
        ..Login::new("pump-7", broker.port, world.client(None).config(), &good)
    };
    let mut pump = login.connect().await.unwrap();
    let topic = session.telemetry_topic();
    for number in 1..=100 {
        assert!(pump.publish(&topic, &number.to_string()).await);
        let message = listener.message().await.unwrap();
        assert_eq!(
            (message.topic, &*message.payload),
            (topic.clone(), number.to_string().as_bytes())
        );
    }
    pump.disconnect().await;

    let almost = good.replace("sig=", "sig=A");
    for password in [&other, &almost, ""] {
        let code = Login { password: password.to_owned(), ..login.clone() }.refused().await;
        assert_eq!(code, ConnectReturnCode::NotAuthorized);
    }
    let code = Login { user_name: String::new(), ..login.clone() }.refused().await;
    assert_eq!(code, ConnectReturnCode::NotAuthorized);
    assert!(login.connect().await.is_ok());
    assert!(listener.message_within(Duration::from_millis(200)).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_a_user_name() {
    let world = World::new();
    world.with_certificate("valve-3");
    write_topics(&world);
    let broker = Broker::start(&world, CERTIFICATES).await;
    let mut listener = listener(&broker).await;

    let program = Program::connect_mqtt(
        &world,
        "valve-3",
        broker.port,
        &["--interval", "1", "--count", "200"],
    );
    let mut messages = Vec::new();
    for _ in 0..200 {
        let message = listener.message().await.unwrap();
        assert_eq!(message.topic, "devices/valve-3/messages/events/");
        messages.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    assert_eq!(count_all(&messages, 200), 0);
    let ended = program.end(PATIENCE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.ends_with("connect_mqtt: 200 messages acknowledged, 0 left\n"), "{ended:?}");
    // The user name of `CONNECT` is nothing to it, and the goodbye has come.
    let said = broker.said();
    assert!(said.contains("as valve-3 (p2, c0, k240, u'valve-3')"), "{said}");
    assert!(said.contains("Received DISCONNECT from valve-3"), "{said}");

    // Without a certificate, or with one of a CA that the broker does not know, there is no session.
    let login = Login::new("valve-3", broker.port, world.client(None).config(), "");
    assert!(login.connect().await.is_err());
    let stranger = World::new().issue("valve-3", 30).identity();
    let login = Login { tls: Some(world.client(Some(stranger)).config()), ..login };
    assert!(login.connect().await.is_err());
}

/// Killed in the middle of traffic, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn the_broker_is_killed_and_started_again() {
    const COUNT: usize = 300;

    let world = World::new();
    world.with_certificate("valve-3");
    write_topics(&world);
    let mut broker = Broker::start(&world, CERTIFICATES).await;
    // Once it has ended in peace, it knows the listener, whatever comes. Then each message waits for it
    // from the moment on at which it is acknowledged.
    drop(listener(&broker).await);
    broker.stop().await;
    broker.restart(&world).await;

    let program = Program::connect_mqtt(
        &world,
        "valve-3",
        broker.port,
        &["--interval", "20", "--count", &COUNT.to_string()],
    );
    let mut messages = Vec::new();
    for life in 1.. {
        let mut listener = listener(&broker).await;
        assert!(listener.is_resumed);
        let last = if life <= 3 { 60 * life } else { COUNT };
        while messages.last() != Some(&format!(r#"{{"message":{last}}}"#)) {
            let message = listener.message().await.unwrap();
            messages.push(String::from_utf8(message.payload.to_vec()).unwrap());
        }
        if last == COUNT {
            break;
        }
        broker.kill();
        // What it had sent, and the device had no acknowledgement for.
        while let Some(message) = listener.message().await {
            messages.push(String::from_utf8(message.payload.to_vec()).unwrap());
        }
        program.wait_for_err("trying again in 1s", life).await;
        broker.restart(&world).await;
    }
    let twice = count_all(&messages, COUNT);
    // At most the one that was on its way when the broker was killed.
    assert!(twice <= 3, "{twice} came twice");
    println!("{twice} came twice");
    let ended = program.end(PATIENCE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.err.matches("is connected").count(), 4, "{ended:?}");
    assert!(ended.err.ends_with("connect_mqtt: 300 messages acknowledged, 0 left\n"), "{ended:?}");
}
