//! The official device SDKs, for Python and Node, at the local hub: they connect, send, receive and are
//! refused with credentials that this crate made, as they would by the service.
//!
//! Needs what `scripts/peers/install` installs, python3 and node.

mod clients;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clients::{Client, MovedClock, PATIENCE, free_address, new_key};
use hubward::sas::TokenVerifyError;
use hubward::session::HubIdentity;
use hubward::{
    Clock as _, DeviceId, HubHost, ModuleId, PolicyName, ResourceUri, SasSigner, SymmetricKey,
    SystemClock, UnixTime,
};
use hubward_connected::certificates::Certificates;
use hubward_connected::hub::{
    Config, Credential, Disconnect, Event, LocalHub, Protocol, Refused, Registry,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A hub at port 8883 of an address of its own, which it is named after.
struct Stand {
    host: HubHost,
    certificates: Certificates,
    clock: MovedClock,
    hub: LocalHub,
    events: mpsc::Receiver<Event>,
}

impl Stand {
    async fn start() -> Self {
        let address = free_address(&[8883]);
        Self::start_at(address, 0).await
    }

    async fn start_at(address: IpAddr, https_port: u16) -> Self {
        let host = HubHost::new(&address.to_string()).unwrap();
        let certificates = Certificates::new(now()).unwrap();
        let clock = MovedClock::default();
        let (sender, events) = mpsc::channel(64);
        let config = Config {
            registry: Registry::new(host.clone()),
            tls: certificates.server(host.as_str(), SystemClock).unwrap(),
            clock: Arc::new(clock.clone()),
            address,
            mqtt_port: 8883,
            https_port,
        };
        let hub = LocalHub::start(config, sender).await.unwrap();
        Self { host, certificates, clock, hub, events }
    }

    /// The next thing that happens.
    async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv()).await.expect("nothing happens").unwrap()
    }

    /// Registers a device with a key, which is the second of two.
    fn with_key(&self, device: &str) -> SymmetricKey {
        let key = new_key();
        self.hub.with_registry(|registry| {
            registry.device(&id(device), Credential::Keys(new_key(), copy(&key)));
        });
        key
    }

    fn connection(&self, ids: &str, key: &SymmetricKey) -> String {
        let key = key.expose_base64();
        format!("HostName={};{ids};SharedAccessKey={}", self.host, key.expose_text())
    }

    fn open(&self, connection: &str) -> Value {
        json!({ "do": "open", "ca": self.certificates.servers_pem(), "connection": connection })
    }
}

fn now() -> UnixTime {
    SystemClock.now().unwrap()
}

fn id(device: &str) -> DeviceId {
    DeviceId::new(device).unwrap()
}

fn copy(key: &SymmetricKey) -> SymmetricKey {
    SymmetricKey::from_base64(key.expose_base64().expose_text()).unwrap()
}

/// The pairs of a message's properties.
fn pairs(properties: &str) -> Vec<(String, String)> {
    let decode = |text: &str| urlencoding::decode(text).unwrap().into_owned();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    };
    properties.split('&').map(pair).collect()
}

#[tokio::test]
async fn python_sends_and_receives() {
    sends_and_receives(Client::python()).await;
}

#[tokio::test]
async fn node_sends_and_receives() {
    sends_and_receives(Client::node("mqtt")).await;
}

async fn sends_and_receives(mut sdk: Client) {
    let mut stand = Stand::start().await;
    let key = stand.with_key("pump-7");
    sdk.must(stand.open(&stand.connection("DeviceId=pump-7", &key))).await;
    sdk.must(json!({ "do": "connect" })).await;
    let Event::Connected { admitted } = stand.next().await else { panic!("not connected") };
    assert_eq!(admitted.identity, HubIdentity::device(stand.host.clone(), id("pump-7")));

    // --- To the hub, with properties of every kind.
    let properties = json!({ "plain": "1", "a b/c": "ä&=?#+", "empty": "" });
    sdk.must(json!({ "do": "send", "text": "first", "properties": properties })).await;
    let Event::Message { id, over, properties, payload, is_duplicate } = stand.next().await else {
        panic!("no message")
    };
    assert_eq!((id.as_str(), over, is_duplicate), ("pump-7", Protocol::Mqtt, false));
    assert_eq!(payload, "first");
    let mut properties = pairs(&properties);
    properties.sort();
    let expected = [("a b/c", "ä&=?#+"), ("empty", ""), ("plain", "1")];
    assert_eq!(properties, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));

    // --- To the device: each once, in order, those from before it listened as well.
    assert!(stand.hub.send("pump-7", "open"));
    sdk.must(json!({ "do": "listen" })).await;
    assert!(stand.hub.send("pump-7", "close"));
    for text in ["open", "close"] {
        let message = sdk.must(json!({ "do": "receive" })).await;
        assert_eq!(message["text"], text);
        assert_eq!(message["properties"], json!({}));
    }

    // --- And what comes while it is away waits for it.
    sdk.must(json!({ "do": "close" })).await;
    let gone = Event::Disconnected { id: "pump-7".to_owned(), reason: Disconnect::Orderly };
    assert_eq!(stand.next().await, gone);
    assert!(stand.hub.send("pump-7", "once more"));
    sdk.must(stand.open(&stand.connection("DeviceId=pump-7", &key))).await;
    sdk.must(json!({ "do": "connect" })).await;
    assert!(matches!(stand.next().await, Event::Connected { .. }));
    sdk.must(json!({ "do": "listen" })).await;
    assert_eq!(sdk.must(json!({ "do": "receive" })).await["text"], "once more");
    sdk.end().await;
}
