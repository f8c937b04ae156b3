//! The programs as somebody uses them: `https_telemetry`, `connect_mqtt` and `local_hub`, with what is wrong in
//! what they are given, in whom they meet, and in how they are ended.

#![cfg(unix)]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use common::PATIENCE;
use common::hub::{HUB, Hub, World, host, id, key, keys, token};
use common::mqtt::Login;
use common::program::{Ended, Program};
use hubward::SystemClock;
use hubward_connected::hub::{Config, Credential, Disconnect, Event, LocalHub, Refused, Registry};
use rumqttc::{ConnAck, ConnectReturnCode, Packet};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

const CONNECT_MQTT: &str = env!("CARGO_BIN_EXE_connect_mqtt");
const HTTPS_TELEMETRY: &str = env!("CARGO_BIN_EXE_https_telemetry");
const LOCAL_HUB: &str = env!("CARGO_BIN_EXE_local_hub");

const MINUTE: Duration = Duration::from_secs(60);
/// How long a program may take to end once it is told to.
const GOODBYE: Duration = Duration::from_secs(2);

/// A world with the files of `pump-7`, which has a key, and of `valve-3`, which has a certificate, and a hub
/// that knows both.
async fn start() -> (World, Hub) {
    let world = World::new();
    world.with_key("pump-7");
    world.with_certificate("valve-3");
    let hub = Hub::start(&world, |registry| {
        registry.device(&id("pump-7"), keys());
        registry.device(&id("valve-3"), Credential::Authority);
    })
    .await;
    (world, hub)
}

fn refusals(hub: &Hub) -> usize {
    hub.told().iter().filter(|event| matches!(event, Event::Refused { .. })).count()
}

/// Nothing of a secret may be in what a program says: neither the device's key nor a signature.
fn assert_silent_about_secrets(ended: &Ended) {
    let key = key(1);
    let key = key.expose_base64();
    for secret in [key.expose_text(), "AQEBAQ", "sig=", "SharedAccessSignature "] {
        assert!(!format!("{}{}", ended.out, ended.err).contains(secret), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_over_https() {
    let (world, hub) = start().await;
    let port = hub.https().port();
    for device in ["pump-7", "valve-3"] {
        let ended = Program::https_telemetry(&world, device, port, &["--count", "3"]);
        let ended = ended.end(PATIENCE).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.out, "message 1 is sent\nmessage 2 is sent\nmessage 3 is sent\n");
        assert_eq!(ended.err, "");
        let messages = hub.wait_for_messages(device, 3).await;
        assert_eq!(messages, [r#"{"message":1}"#, r#"{"message":2}"#, r#"{"message":3}"#]);
    }
    assert_eq!(refusals(&hub), 0);
}

/// Who does not know the time is told it, once.
#[tokio::test(flavor = "multi_thread")]
async fn messages_without_a_clock() {
    let (world, hub) = start().await;
    let more = ["--without-clock", "--count", "2"];
    let port = hub.https().port();
    let ended = Program::https_telemetry(&world, "pump-7", port, &more).end(PATIENCE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.out, "message 1 is sent\nmessage 2 is sent\n");
    assert!(ended.err.contains("the time was not known; the hub says that it is 20"), "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert_eq!(hub.wait_for_messages("pump-7", 2).await.len(), 2);
    let told = hub.told();
    let refused = Event::Refused { claim: "pump-7".to_owned(), refused: Refused::NoToken };
    assert_eq!(told.first(), Some(&refused));
    assert_eq!(refusals(&hub), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_refuses() {
    let (world, hub) = start().await;
    hub.running().with_registry(|registry| {
        registry.device(&id("pump-7"), Credential::Keys(key(5), key(6)));
        registry.device(&id("valve-3"), Credential::Disabled);
    });

    // A new token is tried once.
    let program = Program::https_telemetry(&world, "pump-7", hub.https().port(), &[]);
    let ended = program.end(PATIENCE).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.out, "");
    assert!(ended.err.contains("401 Unauthorized; trying once more with a new token"), "{ended:?}");
    let last = "https_telemetry: message 1: the hub answered 401 Unauthorized, also with a new \
                token: is the clock right, and the key?\n";
    assert!(ended.err.ends_with(last), "{ended:?}");
    assert_silent_about_secrets(&ended);
    hub.wait_for(|_| (refusals(&hub) == 2).then_some(())).await;

    // A certificate is what it is.
    let program = Program::https_telemetry(&world, "valve-3", hub.https().port(), &[]);
    let ended = program.end(PATIENCE).await;
    let said = "https_telemetry: message 1: the hub answered 401 Unauthorized\n";
    assert_eq!((ended.code, &*ended.err), (Some(1), said), "{ended:?}");
    hub.wait_for(|_| (refusals(&hub) == 3).then_some(())).await;

    // Who stays connected tries further and further apart, until it is let in.
    let program = Program::connect_mqtt(&world, "pump-7", hub.mqtt().port(), &["--count", "1"]);
    program.wait_for_err("the hub refused the device: NotAuthorized; trying once more", 1).await;
    program.wait_for_err("NotAuthorized, and a new token as well: is the clock right", 1).await;
    hub.running().with_registry(|registry| registry.device(&id("pump-7"), keys()));
    let ended = program.end(PATIENCE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_silent_about_secrets(&ended);
}

/// A server with the hub's certificate, which answers each request with the next of `answers`: a status and
/// a `Date`. Returns the requests as well.
async fn answer(world: &World, answers: &[(&str, &str)], more: &[&str]) -> (Ended, Vec<String>) {
    let tls = TlsAcceptor::from(world.certificates.server(HUB, SystemClock).unwrap().config());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&asked);
    let mut server = JoinSet::new();
    let answers: Vec<_> = answers.iter().map(|(s, d)| (s.to_string(), d.to_string())).collect();
    server.spawn(async move {
        for (status, date) in answers {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = tls.accept(stream).await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(br#"{"message":1}"#) {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            requests.lock().unwrap().push(String::from_utf8(request).unwrap());
            let text = format!(
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\nDate: {date}\r\n\r\n"
            );
            stream.write_all(text.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    let ended = Program::https_telemetry(world, "pump-7", port, more).end(PATIENCE).await;
    let asked = asked.lock().unwrap().clone();
    (ended, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_has_trouble() {
    const BUSY: &str = "429 Too Many Requests";
    const DOWN: &str = "503 Service Unavailable";
    const LATER: &str = "Wed, 01 Jan 2098 00:00:00 GMT";

    let world = World::new();
    world.with_key("pump-7");
    // What may pass is tried again, five times in all.
    let answers =
        &[(DOWN, LATER), (BUSY, LATER), (DOWN, LATER), (BUSY, LATER), ("204 No Content", "")];
    let (ended, asked) = answer(&world, answers, &[]).await;
    assert_eq!(
        (ended.code, &*ended.out, asked.len()),
        (Some(0), "message 1 is sent\n", 5),
        "{ended:?}"
    );
    // Where the clock is set, no server moves it, which would make for another token.
    assert!(asked[0].contains("authorization: SharedAccessSignature sr=localhost"), "{asked:?}");
    assert_eq!(asked, [(); 5].map(|()| asked[0].clone()));
    assert_eq!(ended.err.matches("the hub answered").count(), 4, "{ended:?}");

    let (ended, asked) = answer(&world, &[(DOWN, ""); 5], &[]).await;
    assert_eq!((ended.code, &*ended.out, asked.len()), (Some(1), "", 5), "{ended:?}");
    let last = "https_telemetry: message 1: the hub answered 503 Service Unavailable\n";
    assert!(ended.err.ends_with(last), "{ended:?}");

    // What will not pass is not, nor is anybody asked elsewhere.
    for status in ["400 Bad Request", "404 Not Found", "413 Payload Too Large", "301 Moved"] {
        let (ended, asked) = answer(&world, &[(status, "")], &[]).await;
        assert_eq!((ended.code, &*ended.out, asked.len()), (Some(1), "", 1), "{ended:?}");
        let said = format!("https_telemetry: message 1: the hub answered {}", &status[..3]);
        assert!(ended.err.starts_with(&said), "{ended:?}");
    }

    // A time before this crate was made is none.
    let past = &[("401 Unauthorized", "Mon, 01 Jan 2001 00:00:00 GMT")];
    let (ended, asked) = answer(&world, past, &["--without-clock"]).await;
    assert_eq!((ended.code, &*ended.out, asked.len()), (Some(1), "", 1), "{ended:?}");
    assert!(ended.err.contains("https_telemetry: the hub's Date is not believed: "), "{ended:?}");
    assert!(ended.err.contains("message 1: the hub answered 401 Unauthorized; "), "{ended:?}");
}

/// Whoever is not proven to be the hub gets nothing: no token, no message.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_the_hub() {
    let (world, _) = start().await;
    let impostor = World::new();
    let hub = Hub::start(&impostor, |registry| registry.device(&id("pump-7"), keys())).await;
    // The hub's own, under another name.
    let named = Hub::start(&world, |registry| registry.device(&id("pump-7"), keys())).await;
    let text = std::fs::read_to_string(world.path("pump-7.txt")).unwrap();
    world.write("other.txt", text.replace(HUB, "127.0.0.1"));
    // Both CAs have the same name, as those of a hub that was started anew.
    for (device, hub, reason) in [
        ("pump-7", &hub, "a CA that was made anew under the same name has another key"),
        ("other", &named, "the server was asked for as \"127.0.0.1\", and its certificate is for"),
    ] {
        let program = Program::https_telemetry(&world, device, hub.https().port(), &[]);
        let ended = program.end(PATIENCE).await;
        assert_eq!((ended.code, &*ended.out), (Some(1), ""), "{ended:?}");
        assert!(ended.err.contains("https_telemetry: message 1: the server"), "{ended:?}");
        assert!(ended.err.lines().all(|line| line.contains(reason)), "{ended:?}");

        let program = Program::connect_mqtt(&world, device, hub.mqtt().port(), &[]);
        program.wait_for_err(reason, 2).await;
        program.signal(libc::SIGINT);
        let ended = program.end(GOODBYE).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.err.contains("trying again in 2s"), "{ended:?}");
        assert_eq!(hub.told(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there() {
    let (world, mut hub) = start().await;
    hub.stop();
    let program = Program::https_telemetry(&world, "pump-7", hub.https().port(), &[]);
    let ended = program.end(PATIENCE).await;
    assert_eq!((ended.code, &*ended.out), (Some(1), ""), "{ended:?}");
    assert!(ended.err.lines().all(|line| line.contains("Connection refused")), "{ended:?}");
    assert_eq!(ended.err.lines().count(), 6, "{ended:?}");
}

/// Runs a program with the arguments, and expects that it says on one line what is wrong.
async fn refuses(world: &World, program: &str, arguments: &[&str], reason: &str) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(world.folder());
    let ended = Program::start(command).end(PATIENCE).await;
    let told = format!("{program} {arguments:?}: {ended:?}");
    assert_eq!((ended.code, &*ended.out), (Some(2), ""), "{told}");
    assert_eq!(ended.err.lines().count(), 1, "{told}");
    assert!(ended.err.contains(reason), "{told}");
    let name = Path::new(program).file_name().unwrap().to_str().unwrap();
    assert!(ended.err.starts_with(&format!("{name}: ")), "{told}");
    assert_silent_about_secrets(&ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input() {
    let world = World::new();
    world.with_key("pump-7");
    world.with_certificate("valve-3");
    world.write("other.key", world.issue("valve-4", 30).key_pem);
    let good = std::fs::read_to_string(world.path("pump-7.txt")).unwrap();
    world.write("empty.txt", "");
    world.write("none.txt", "no connection string");
    world.write("short.txt", good.replace("AQ", "="));
    world.write("hub.txt", good.replace("DeviceId=pump-7", "SharedAccessKeyName=iothubowner"));
    world.write("hazard.txt", good.replace("pump-7", "pump#7"));
    world.write("binary.txt", [0, 0xff, 0, 0xff]);

    let pump = ["--connection-string-file", "pump-7.txt"];
    let valve = ["--connection-string-file", "valve-3.txt", "--certificate"];
    let secret = "never taken as an argument";
    for program in [CONNECT_MQTT, HTTPS_TELEMETRY] {
        let refuses = |arguments: &[&str], reason| {
            let arguments: Vec<_> = arguments.iter().map(|&text| text.to_owned()).collect();
            let world = &world;
            async move {
                let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
                refuses(world, program, &arguments, reason).await;
            }
        };
        let file = async |name, reason| {
            refuses(&["--connection-string-file", name], reason).await;
        };
        file("missing.txt", "--connection-string-file cannot be read: there is no such file").await;
        file("/", "it is a directory").await;
        file("empty.txt", "--connection-string-file").await;
        file("none.txt", "--connection-string-file: ").await;
        file("short.txt", "--connection-string-file: ").await;
        file("binary.txt", "save it as UTF-8").await;
        file("hub.txt", "names no device").await;
        file("valve-3.txt", "says x509=true: give --certificate and --key").await;
        refuses(&[], "give --connection-string-file, or set IOTHUB_DEVICE_CONNECTION_STRING").await;

        let and = |more: &[&'static str]| [&pump[..], more].concat();
        refuses(&and(&["--unknown"]), "an argument is not known").await;
        refuses(&and(&["stray"]), "an argument is not known").await;
        refuses(&[&good], secret).await;
        refuses(&["--connection-string-file", &good], secret).await;
        refuses(&and(&["--port", "0"]), "an option does not take that value").await;
        refuses(&and(&["--port", "65536"]), "an option does not take that value").await;
        refuses(&and(&["--port"]), "an option lacks its value").await;
        refuses(&and(&["--count", "0"]), "an option does not take that value").await;
        refuses(&and(&["--ttl", "59"]), "--ttl: a token's lifetime is a minute to a year").await;
        refuses(&and(&["--ttl", "31536001"]), "--ttl: ").await;
        refuses(&and(&["--ttl", "-1"]), "an argument is not known").await;
        refuses(&and(&["--trust", "missing.pem"]), "missing.pem: there is no such file").await;
        refuses(&and(&["--trust", "pump-7.txt"]), "pump-7.txt: ").await;
        refuses(&and(&["--trust", "valve-3.key"]), "valve-3.key: ").await;
        refuses(&and(&["--certificate", "valve-3.pem"]), "is missing").await;
        refuses(&and(&["--key", "valve-3.key"]), "is missing").await;
        refuses(
            &and(&["--certificate", "valve-3.pem", "--key", "valve-3.key"]),
            "has a key or a token: with a certificate, it says x509=true",
        )
        .await;

        let and = |more: &[&'static str]| [&valve[..], more].concat();
        refuses(&and(&["missing.pem", "--key", "valve-3.key"]), "missing.pem: ").await;
        refuses(&and(&["valve-3.pem", "--key", "missing.key"]), "missing.key: ").await;
        refuses(&and(&["valve-3.pem", "--key", "other.key"]), "does not belong to the certificate")
            .await;
        refuses(&and(&["valve-3.key", "--key", "valve-3.key"]), "valve-3.key: ").await;
        refuses(&and(&["valve-3.pem", "--key", "valve-3.pem"]), "valve-3.pem: ").await;
    }
    let hazard = ["--connection-string-file", "hazard.txt"];
    refuses(&world, CONNECT_MQTT, &hazard, "pump#7").await;
    let and = |more: &[&'static str]| [&pump[..], more].concat();
    refuses(&world, CONNECT_MQTT, &and(&["--interval", "0"]), "an option does not take that value")
        .await;

    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    for (arguments, reason) in [
        (["--mqtt-port", &*taken, "--https-port", "0"], "choose other ports, see --help"),
        (["--https-port", &*taken, "--mqtt-port", "0"], "choose other ports, see --help"),
        (["--https-port", "x", "--mqtt-port", "0"], "an option does not take that value"),
        (["--mqtt-port", "0", "--name", "a b"], "--name: "),
        (["--mqtt-port", "0", "--address", "nowhere"], "an option does not take that value"),
        (["--mqtt-port", "0", "--address", "192.0.2.1"], "cannot listen at 192.0.2.1"),
    ] {
        refuses(&world, LOCAL_HUB, &arguments, reason).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variable() {
    let (world, hub) = start().await;
    let text = std::fs::read_to_string(world.path("pump-7.txt")).unwrap();
    for (program, port) in [(CONNECT_MQTT, hub.mqtt()), (HTTPS_TELEMETRY, hub.https())] {
        let mut command = Command::new(program);
        command.args(["--count", "1", "--trust", &world.argument("hub-ca.pem"), "--port"]);
        command.arg(port.port().to_string());
        let ended = Program::start_with(command, &[("IOTHUB_DEVICE_CONNECTION_STRING", &text)]);
        let ended = ended.end(PATIENCE).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_silent_about_secrets(&ended);
    }
    assert_eq!(hub.wait_for_messages("pump-7", 2).await, [r#"{"message":1}"#; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goodbye() {
    let (world, hub) = start().await;
    for (number, (device, signal)) in
        [("pump-7", libc::SIGINT), ("pump-7", libc::SIGTERM), ("valve-3", libc::SIGINT)]
            .into_iter()
            .enumerate()
    {
        let program = Program::connect_mqtt(&world, device, hub.mqtt().port(), &[]);
        program.wait_for_err("is connected", 1).await;
        hub.wait_for(|events| {
            let count = events.iter().filter(|event| matches!(event, Event::Message { .. }));
            (count.count() > number).then_some(())
        })
        .await;
        program.signal(signal);
        let ended = program.end(GOODBYE).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(
            ended.err.ends_with("connect_mqtt: 1 messages acknowledged, 0 left\n"),
            "{ended:?}"
        );
        let ends =
            hub.wait_for(|_| Some(hub.ends(device)).filter(|ends| ends.len() > number % 2)).await;
        assert_eq!(ends.last(), Some(&Disconnect::Orderly));
    }
}

/// While there is nobody to say goodbye to: within a pause, and within a handshake that does not go on.
#[tokio::test(flavor = "multi_thread")]
async fn no_goodbye() {
    let (world, mut hub) = start().await;
    hub.stop();
    let program = Program::connect_mqtt(&world, "pump-7", hub.mqtt().port(), &["--interval", "10"]);
    program.wait_for_err("trying again in 4s", 1).await;
    program.signal(libc::SIGINT);
    let ended = program.end(GOODBYE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("connect_mqtt: 0 messages acknowledged, "), "{ended:?}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let program = Program::connect_mqtt(&world, "pump-7", port, &[]);
    let _open = silent.accept().await.unwrap();
    program.signal(libc::SIGINT);
    let ended = program.end(GOODBYE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.starts_with("connect_mqtt: 0 messages acknowledged, "), "{ended:?}");
}

/// The hub acknowledges nothing, and does not close: the goodbye is said all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_goodbye_without_an_answer() {
    let world = World::new();
    world.with_key("pump-7");
    let tls = TlsAcceptor::from(world.certificates.server(HUB, SystemClock).unwrap().config());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let program = Program::connect_mqtt(&world, "pump-7", port, &["--interval", "20"]);

    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = tls.accept(stream).await.unwrap();
    let (mut read, mut written) = (BytesMut::new(), BytesMut::new());
    let accepted = ConnAck::new(ConnectReturnCode::Success, false);
    Packet::ConnAck(accepted).write(&mut written, 100).unwrap();
    let mut packets = Vec::new();
    loop {
        match Packet::read(&mut read, 1 << 20) {
            Ok(packet) => {
                if matches!(packet, Packet::Connect(_)) {
                    stream.write_all(&written).await.unwrap();
                    stream.flush().await.unwrap();
                }
                if matches!(packet, Packet::Publish(_)) {
                    program.signal(libc::SIGINT);
                }
                packets.push(packet);
                continue;
            }
            Err(rumqttc::Error::InsufficientBytes(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
        if packets.last() == Some(&Packet::Disconnect) {
            break;
        }
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "{packets:?}");
    }
    let ended = program.end(GOODBYE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("connect_mqtt: 0 messages acknowledged, "), "{ended:?}");
    assert!(!ended.err.contains(" 0 left"), "{ended:?}");
    let published = packets.iter().filter(|packet| matches!(packet, Packet::Publish(_)));
    assert_eq!(published.count(), 1, "{packets:?}");
    drop(stream);
}

/// The hub hears of a message, and its acknowledgement comes while the device is already ending.
#[tokio::test(flavor = "multi_thread")]
async fn a_goodbye_after_the_answer() {
    let world = World::new();
    world.with_key("pump-7");
    let mut registry = Registry::new(host());
    registry.device(&id("pump-7"), keys());
    // Where nobody takes what happens, the hub waits with its answer.
    let (sender, mut events) = mpsc::channel(1);
    let config = Config {
        registry,
        tls: world.certificates.server(HUB, SystemClock).unwrap(),
        clock: Arc::new(SystemClock),
        address: "127.0.0.1".parse().unwrap(),
        mqtt_port: 0,
        https_port: 0,
    };
    let hub = LocalHub::start(config, sender).await.unwrap();
    let program = Program::connect_mqtt(&world, "pump-7", hub.mqtt().port(), &["--interval", "20"]);
    program.wait_for_err("is connected", 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    program.signal(libc::SIGINT);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut told = Vec::new();
    while !matches!(told.last(), Some(Event::Disconnected { .. })) {
        told.push(tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap());
    }
    let ended = program.end(GOODBYE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("connect_mqtt: 1 messages acknowledged, "), "{ended:?}");
    let [Event::Connected { .. }, Event::Message { .. }, Event::Disconnected { reason, .. }] =
        &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(*reason, Disconnect::Orderly);
}

/// The program `local_hub`, and what it printed.
struct Printed {
    program: Program,
    out: String,
    folder: PathBuf,
    /// Where it makes its folder: a hub that a test kills leaves it behind.
    _above: TempDir,
}

impl Printed {
    async fn start(more: &[&str]) -> Self {
        let ports = ["--mqtt-port", "0", "--https-port", "0"];
        let above = tempfile::tempdir().unwrap();
        let mut command = Command::new(LOCAL_HUB);
        command.args(ports).args(more);
        let place = above.path().to_str().unwrap();
        let program = Program::start_with(command, &[("TMPDIR", place)]);
        program.wait_for_out("with an official SDK", 1).await;
        // The line behind it, too.
        program.wait_for_out("SharedAccessKey=", 1).await;
        let out = program.out();
        let file = out.split_whitespace().find(|word| word.ends_with("/hub-ca.pem")).unwrap();
        let folder = Path::new(file).parent().unwrap().to_owned();
        assert!(folder.starts_with(above.path()));
        Self { program, out, folder, _above: above }
    }

    /// The commands for this program, ready for a shell.
    fn commands(&self, program: &str) -> Vec<String> {
        let run = "cargo run --manifest-path examples/connected/Cargo.toml --bin ".to_owned()
            + program
            + " -- ";
        let path = match program {
            "connect_mqtt" => CONNECT_MQTT,
            _ => HTTPS_TELEMETRY,
        };
        let commands = self.out.lines().filter_map(|line| line.strip_prefix(&run));
        commands.map(|arguments| format!("exec {path} {arguments}")).collect()
    }
}

fn shell(command: &str) -> Program {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    Program::start(shell)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hub_prints_works() {
    for name in [HUB, "127.0.0.1"] {
        let mut hub = Printed::start(&["--name", name]).await;
        let [pump, valve] = &hub.commands("connect_mqtt")[..] else { panic!("{}", hub.out) };
        let [https] = &hub.commands("https_telemetry")[..] else { panic!("{}", hub.out) };

        let ended = shell(https).end(PATIENCE).await;
        assert_eq!((ended.code, &*ended.out), (Some(0), "message 1 is sent\n"), "{ended:?}");
        hub.program.wait_for_err(r#"pump-7 over Https: {\"message\":1}"#, 1).await;
        for (device, command) in [("pump-7", pump), ("valve-3", valve)] {
            // A line to the hub is a message to the device.
            hub.program.type_line(format!("{device} open the valve"));
            hub.program.wait_for_err(&format!("{device} is sent a message"), 1).await;
            let client = shell(command);
            client.wait_for_out("open the valve\n", 1).await;
            hub.program.wait_for_err(&format!("{name}/{device} is connected, until 20"), 1).await;
            hub.program.wait_for_err(&format!(r#"{device} over Mqtt: {{\"message\":1}}"#), 1).await;
            hub.program.type_line(format!("{device} close it \u{1b}[2J"));
            client.wait_for_out("close it \\u{1b}[2J\n", 1).await;
            client.signal(libc::SIGINT);
            let ended = client.end(GOODBYE).await;
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert_eq!(ended.out, "open the valve\nclose it \\u{1b}[2J\n");
            hub.program.wait_for_err(&format!("{device} is gone: Orderly"), 1).await;
        }
        // What cannot be sent is said to be so, and what follows is heard.
        let form = "local_hub: a device and a message in UTF-8, as in `pump-7 open`";
        for line in [b"nonsense".to_vec(), b"pump-7 caf\xE9".to_vec()] {
            hub.program.type_line(line);
        }
        hub.program.wait_for_err(form, 2).await;
        hub.program.type_line("nobody open");
        hub.program.wait_for_err("nobody is not sent it: unknown", 1).await;
        hub.program.type_line(format!("pump-7 {}", "x".repeat(64 * 1024 + 1)));
        hub.program.wait_for_err("pump-7 is not sent it: unknown, or more than 64 KiB", 1).await;
    }
}

/// The line for clients of MQTT, with its words as a shell makes them.
#[tokio::test(flavor = "multi_thread")]
async fn any_client_of_mqtt() {
    let hub = Printed::start(&[]).await;
    let line = hub.out.lines().find(|line| line.starts_with("mosquitto_pub ")).unwrap();
    // What the token is made with comes from elsewhere; here it has its arguments for a token.
    let script =
        format!("mosquitto_pub() {{ printf '%s\\n' \"$@\"; }}; cargo() {{ echo \"$*\"; }}; {line}");
    let ended = shell(&script).end(PATIENCE).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let words: Vec<_> = ended.out.lines().collect();
    let after = |option: &str| {
        let at = words.iter().position(|&word| word == option).unwrap();
        words[at + 1]
    };
    let folder = hub.folder.display();
    let minted =
        format!("run -q --example mint_token -- --connection-string-file {folder}/pump-7.txt");
    assert_eq!((after("-P"), after("-V"), after("-q")), (&*minted, "mqttv311", "1"));
    assert_eq!(after("--cafile"), format!("{folder}/hub-ca.pem"));

    let text = std::fs::read_to_string(hub.folder.join("pump-7.txt")).unwrap();
    // It is what an SDK is to be given.
    assert_eq!(hub.out.lines().filter(|&line| line == text).count(), 1);
    let connection = hubward::ConnectionString::parse(&text).unwrap();
    let signer = hubward::SasSigner::from_connection_string(&connection).unwrap();
    let token = signer.sign_for(MINUTE, common::hub::now()).unwrap();
    let pem = std::fs::read(hub.folder.join("hub-ca.pem")).unwrap();
    let trust = hubward::tls::TrustAnchors::from_pem(&pem).unwrap();
    let tls = hubward::tls::ClientTls::builder(hubward::tls::Provider::Ring)
        .trust(trust)
        .build(SystemClock)
        .unwrap();
    let login = Login {
        tls: Some(tls.config()),
        port: after("-p").parse().unwrap(),
        client_id: after("-i").to_owned(),
        user_name: after("-u").to_owned(),
        password: token.expose_token().to_owned(),
        clean: true,
        will: None,
    };
    assert_eq!(after("-h"), HUB);
    assert!(login.connect().await.unwrap().publish(after("-t"), after("-m")).await);
    hub.program.wait_for_err("pump-7 over Mqtt: hello", 1).await;
    // A token for somebody who has none of this hub's keys is refused, and the hub says why.
    Login { password: crate::token("pump-7", MINUTE), ..login }.refused().await;
    let refused = "pump-7 is refused: 401003 the signature is not by this key";
    hub.program.wait_for_err(refused, 1).await;
    let said = hub.program.err();
    assert!(!said.contains("SharedAccessKey=") && !said.contains("sig="), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_the_hub() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        let mut hub = Printed::start(&[]).await;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&hub.folder), 0o700);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&hub.folder).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(mode(&entry.path()), 0o600, "{entry:?}");
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        let expected = ["hub-ca.pem", "pump-7.txt", "valve-3.key", "valve-3.pem", "valve-3.txt"];
        assert_eq!(names, expected);

        // The end of its input is not its end.
        hub.program.close_input();
        let [https] = &hub.commands("https_telemetry")[..] else { panic!("{}", hub.out) };
        assert_eq!(shell(https).end(PATIENCE).await.code, Some(0));
        // With a client connected.
        let [pump, _] = &hub.commands("connect_mqtt")[..] else { panic!("{}", hub.out) };
        let client = shell(pump);
        client.wait_for_err("is connected", 1).await;
        hub.program.signal(signal);
        let ended = hub.program.end(GOODBYE).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!hub.folder.exists());
        client.wait_for_err("trying again in", 1).await;
    }
}
