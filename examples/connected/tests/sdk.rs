//! The official device SDKs, for Python and Node, at the local hub: they connect, send, receive and are
//! refused with credentials that this crate made, as they would by the service.
//!
//! Needs what `scripts/peers/install` installs, python3 and node.

mod clients;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clients::{Client, PATIENCE, free_address, new_key, new_signing_key};
use hubward::keystore::SoftwareSigningKey;
use hubward::sas::TokenVerifyError;
use hubward::session::HubIdentity;
use hubward::x509::{DeviceCertificate, Thumbprint, Validity, self_signed};
use hubward::{
    Clock, DeviceId, GroupKey, HubHost, ModuleId, PolicyName, RegistrationId, ResourceUri,
    SasSigner, SymmetricKey, SystemClock, TimeError, UnixTime,
};
use hubward_connected::certificates::Certificates;
use hubward_connected::hub::{
    Config, Credential, Disconnect, Event, LocalHub, Protocol, Refused, Registry,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

const HOUR: Duration = Duration::from_secs(3600);

/// Which SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sdk {
    Python,
    Node,
}

impl Sdk {
    fn start(self) -> Client {
        match self {
            Self::Python => Client::start("device.py", &[]),
            Self::Node => Client::start("device.cjs", &["mqtt"]),
        }
    }

    /// What it says where the hub answers that it is not authorized.
    fn assert_unauthorized(self, answer: &Value, context: &str) {
        match self {
            Self::Python => {
                assert_eq!(answer["error"], "CredentialError", "{context}: {answer}");
                // Its transport's own: it makes a `CredentialError` of distrust in the server as well.
                assert_eq!(answer["cause"], "UnauthorizedError", "{context}: {answer}");
            }
            Self::Node => {
                assert_eq!(answer["error"], "UnauthorizedError", "{context}: {answer}");
                // The class alone tells nothing: the SDK makes one of whatever goes wrong with the first
                // connection.
                let message = answer["message"].as_str().unwrap_or_default();
                let refusal = "Connection refused: Not authorized";
                assert!(message.contains(refusal), "{context}: {answer}");
            }
        }
    }
}

// --- Sessions.

#[tokio::test]
async fn python_sends_and_receives() {
    sends_and_receives(Sdk::Python).await;
}

#[tokio::test]
async fn node_sends_and_receives() {
    sends_and_receives(Sdk::Node).await;
}

async fn sends_and_receives(sdk: Sdk) {
    let mut stand = Stand::start().await;
    let mut client = sdk.start();
    let open = stand.open(&stand.connection("DeviceId=pump-7", &stand.with_key("pump-7")));
    client.must(open.clone()).await;
    client.must(json!({ "do": "connect" })).await;
    let Event::Connected { admitted } = stand.next().await else { panic!("not connected") };
    assert_eq!(admitted.identity, HubIdentity::device(stand.host.clone(), id("pump-7")));

    // --- To the hub, with properties of every kind.
    let properties = json!({ "plain": "1", "a b/c": "ä&=?#+", "empty": "" });
    client.must(json!({ "do": "send", "text": "first", "properties": properties })).await;
    let Event::Message { id, over, properties, payload, is_duplicate } = stand.next().await else {
        panic!("no message")
    };
    assert_eq!((id.as_str(), over, is_duplicate), ("pump-7", Protocol::Mqtt, false));
    assert_eq!(payload, "first");
    assert_eq!(pairs(&properties), expected([("a b/c", "ä&=?#+"), ("empty", ""), ("plain", "1")]));

    // --- To the device: each once, in order, those from before it listened as well.
    assert!(stand.hub.send("pump-7", "open"));
    client.must(json!({ "do": "listen" })).await;
    assert!(stand.hub.send("pump-7", "close"));
    for text in ["open", "close"] {
        let message = client.must(json!({ "do": "receive" })).await;
        assert_eq!((&message["text"], &message["properties"]), (&json!(text), &json!({})));
    }

    // --- Twins are not there, and asking for one ends nothing.
    let answer = client.ask(&json!({ "do": "twin" })).await;
    match sdk {
        Sdk::Python => assert_eq!(answer["cause"], "ServiceError", "{answer}"),
        Sdk::Node => assert_eq!(answer["message"], "this hub has no twins", "{answer}"),
    }
    client.must(json!({ "do": "send", "text": "second" })).await;
    stand.expect_message("pump-7", "second").await;

    // --- And what comes while it is away waits for it.
    client.must(json!({ "do": "close" })).await;
    stand.expect_goodbye("pump-7").await;
    assert!(stand.hub.send("pump-7", "once more"));
    client.must(open).await;
    // The hub remembers that it listens, and sends at once: either SDK acknowledges what comes before somebody
    // listens in the program, and throws it away. To listen connects.
    client.must(json!({ "do": "listen" })).await;
    client.must(json!({ "do": "connect" })).await;
    assert!(matches!(stand.next().await, Event::Connected { .. }));
    assert_eq!(client.must(json!({ "do": "receive" })).await["text"], "once more");
    client.end().await;
}

#[tokio::test]
async fn python_renews_its_token_and_loses_nothing() {
    renews(Sdk::Python).await;
}

#[tokio::test]
async fn node_renews_its_token_and_loses_nothing() {
    renews(Sdk::Node).await;
}

/// With tokens of this crate's, and messages on their way while the SDK connects anew.
async fn renews(sdk: Sdk) {
    let mut stand = Stand::start().await;
    let mut client = sdk.start();
    let key = stand.with_key("pump-7");
    let signer = SasSigner::new(key, &stand.device("pump-7")).unwrap();
    let token = |lifetime| signer.sign_for(lifetime, now()).unwrap().expose_token().to_owned();
    client.must(stand.open_token(&token(HOUR))).await;
    client.must(json!({ "do": "connect" })).await;

    let mut sent = Vec::new();
    for round in 0..3_u32 {
        let texts: Vec<_> = (0..10).map(|message| format!("{round}.{message}")).collect();
        let token = token(HOUR * (round + 2));
        client.must(json!({ "do": "renew", "token": token, "texts": texts })).await;
        sent.extend(texts);
    }
    client.must(json!({ "do": "close" })).await;

    let (mut lifetimes, mut messages, mut ended) = (Vec::new(), Vec::new(), 0);
    // The Node SDK connects twice for each new token.
    let expected: &[u64] = match sdk {
        Sdk::Python => &[1, 2, 3, 4],
        Sdk::Node => &[1, 2, 2, 3, 3, 4, 4],
    };
    while ended < expected.len() {
        match stand.next().await {
            Event::Connected { admitted } => {
                lifetimes.push((admitted.until.as_secs() - now().as_secs()).div_ceil(3600));
            }
            Event::Message { payload, is_duplicate, .. } => {
                messages.push((String::from_utf8(payload.to_vec()).unwrap(), is_duplicate));
            }
            // The Python SDK may close before its goodbye is out.
            Event::Disconnected { reason: Disconnect::Orderly | Disconnect::Lost, .. } => {
                ended += 1;
            }
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(lifetimes, expected);
    // At least once is what QoS 1 promises, and more than once only with the mark of it.
    let mut all: Vec<_> = messages.iter().map(|(text, _)| text).collect();
    all.sort();
    all.dedup();
    assert_eq!(all, sent.iter().collect::<Vec<_>>());
    let unmarked = messages.iter().filter(|(_, is_duplicate)| !is_duplicate).count();
    assert!(unmarked <= sent.len(), "{messages:?}");
    client.end().await;
}

#[tokio::test]
async fn python_is_dropped_when_its_token_expires() {
    expires(Sdk::Python).await;
}

#[tokio::test]
async fn node_is_dropped_when_its_token_expires() {
    expires(Sdk::Node).await;
}

async fn expires(sdk: Sdk) {
    let mut stand = Stand::start().await;
    let mut client = sdk.start();
    let signer = SasSigner::new(stand.with_key("pump-7"), &stand.device("pump-7")).unwrap();
    let token = |hours| signer.sign_for(HOUR * hours, now()).unwrap().expose_token().to_owned();
    let mut open = stand.open_token(&token(1));
    // Else it would come back by itself, at a time of its own choice.
    open["once"] = json!(true);
    client.must(open).await;
    client.must(json!({ "do": "connect" })).await;
    assert!(matches!(stand.next().await, Event::Connected { .. }));

    stand.clock.ahead_by(HOUR * 2);
    let dropped = Event::Disconnected { id: "pump-7".to_owned(), reason: Disconnect::Expired };
    assert_eq!(stand.next().await, dropped);
    client.must(json!({ "do": "wait_until_lost" })).await;

    // --- The old token opens nothing any more, a new one does.
    let answer = client.ask(&json!({ "do": "connect" })).await;
    match sdk {
        Sdk::Python => sdk.assert_unauthorized(&answer, "expired"),
        // What it makes of a refusal after a connection that was good.
        Sdk::Node => assert_eq!(answer["error"], "NotConnectedError", "{answer}"),
    }
    let Event::Refused { refused, .. } = stand.next().await else { panic!("not refused") };
    assert!(matches!(refused, Refused::Verify(TokenVerifyError::Expired { .. })), "{refused:?}");
    client.must(json!({ "do": "close" })).await;
    client.must(stand.open_token(&token(3))).await;
    client.must(json!({ "do": "connect" })).await;
    assert!(matches!(stand.next().await, Event::Connected { .. }));
    client.must(json!({ "do": "send", "text": "back" })).await;
    stand.expect_message("pump-7", "back").await;
    client.end().await;
}

// --- Who is let in.

#[tokio::test]
async fn python_is_let_in_with_every_credential() {
    is_let_in(Sdk::Python).await;
}

#[tokio::test]
async fn node_is_let_in_with_every_credential() {
    is_let_in(Sdk::Node).await;
}

async fn is_let_in(sdk: Sdk) {
    let mut stand = Stand::start().await;
    let mut client = sdk.start();
    let host = stand.host.clone();
    let device = |name: &str| HubIdentity::device(host.clone(), id(name));
    // What it is called, how it is opened, who comes, and until when if that is known before.
    let mut cases: Vec<(&str, Value, HubIdentity, Option<UnixTime>)> = Vec::new();

    let (primary, same) = new_key();
    let keys = Credential::Keys(same, new_key().0);
    stand.hub.with_registry(|registry| registry.device(&id("first"), keys));
    let open = stand.open(&stand.connection("DeviceId=first", &primary));
    cases.push(("primary key", open, device("first"), None));

    let key = stand.with_key("second");
    let open = stand.open(&stand.connection("DeviceId=second", &key));
    cases.push(("secondary key", open, device("second"), None));

    let group = GroupKey::from_base64(new_key().0.expose_base64().expose_text()).unwrap();
    let derive = || group.derive_device_key(&RegistrationId::new("derived").unwrap()).unwrap();
    let keys = Credential::Keys(derive(), new_key().0);
    stand.hub.with_registry(|registry| registry.device(&id("derived"), keys));
    let open = stand.open(&stand.connection("DeviceId=derived", &derive()));
    cases.push(("derived key", open, device("derived"), None));

    // All that may stand in an ID, in a connection string and in a topic, without what is a wildcard there.
    let odd = "Pump-7:of.hall_3%2F!(),=@$'";
    let key = stand.with_key(odd);
    let open = stand.open(&stand.connection(&format!("DeviceId={odd}"), &key));
    cases.push(("odd ID", open, device(odd), None));

    let signer = SasSigner::new(stand.with_key("token"), &stand.device("token")).unwrap();
    let token = signer.sign_for(HOUR, now()).unwrap();
    let open = stand.open_token(token.expose_token());
    cases.push(("token", open, device("token"), Some(token.expiry())));

    let (key, same) = new_key();
    let policy = PolicyName::new("device").unwrap();
    stand.hub.with_registry(|registry| registry.policy(&policy, same));
    let _ = stand.with_key("policy");
    let signer = SasSigner::with_policy(key, &stand.device("policy"), &policy).unwrap();
    let token = signer.sign_for(HOUR, now()).unwrap();
    let open = stand.open_token(token.expose_token());
    cases.push(("token of a policy", open, device("policy"), Some(token.expiry())));

    stand.register("valve", Credential::Authority);
    let (key, pem) = new_signing_key();
    let chain = stand.certificates.device(&id("valve"), &key, validity()).unwrap();
    let open = stand.open_certificate("valve", &chain, &pem);
    cases.push(("certificate of the CA", open, device("valve"), Some(validity().not_after)));

    // The name in it does not count.
    let (chain, pem) = own_certificate("whoever");
    let thumbprint = Thumbprint::sha256(chain.end_entity().der());
    let known = vec![Thumbprint::sha1(chain.end_entity().der())];
    stand.register("self-signed", Credential::Thumbprints(vec![thumbprint]));
    stand.register("self-signed-1", Credential::Thumbprints(known));
    for name in ["self-signed", "self-signed-1"] {
        let open = stand.open_certificate(name, &chain, &pem);
        cases.push(("thumbprint", open, device(name), Some(validity().not_after)));
    }

    let module = ModuleId::new("vibration").unwrap();
    let identity = HubIdentity::module(host.clone(), id("pump-7"), module.clone());
    let (key, same) = new_key();
    let keys = Credential::Keys(same, new_key().0);
    stand.hub.with_registry(|registry| registry.module(&id("pump-7"), &module, keys));
    let mut open = stand.open(&stand.connection("DeviceId=pump-7;ModuleId=vibration", &key));
    open["is_module"] = json!(true);
    cases.push(("key of a module", open, identity.clone(), None));

    let resource = ResourceUri::module(&host, &id("pump-7"), &module);
    let token = SasSigner::new(key, &resource).unwrap().sign_for(HOUR, now()).unwrap();
    let mut open = stand.open_token(token.expose_token());
    open["is_module"] = json!(true);
    cases.push(("token of a module", open, identity, Some(token.expiry())));

    for (name, open, identity, until) in cases {
        let mut claim = identity.device_id().to_string();
        if let Some(module) = identity.module_id() {
            claim = format!("{claim}/{module}");
        }
        client.must(open).await;
        let connected = client.ask(&json!({ "do": "connect" })).await;
        let event = stand.next().await;
        let Event::Connected { admitted } = event else { panic!("{name}: {event:?} {connected}") };
        assert_eq!(admitted.identity, identity, "{name}");
        assert!(until.is_none_or(|until| admitted.until == until), "{name}: {admitted:?}");
        assert!(connected.get("error").is_none(), "{name}: {connected}");
        client.must(json!({ "do": "send", "text": name })).await;
        stand.expect_message(&claim, name).await;
        if identity.module_id().is_some() {
            client.must(json!({ "do": "send", "text": "by an output", "output": "alarm" })).await;
            let event = stand.next().await;
            let Event::Message { properties, .. } = event else { panic!("{name}: {event:?}") };
            assert_eq!(pairs(&properties), expected([("$.on", "alarm")]));
            assert!(!stand.hub.send(&claim, "there is nothing for modules"));
        }
        client.must(json!({ "do": "close" })).await;
        stand.expect_goodbye(&claim).await;
    }
    client.end().await;
}

// --- Who is not.

#[tokio::test]
async fn python_is_refused_as_by_the_service() {
    is_refused(Sdk::Python).await;
}

#[tokio::test]
async fn node_is_refused_as_by_the_service() {
    is_refused(Sdk::Node).await;
}

async fn is_refused(sdk: Sdk) {
    let mut stand = Stand::start().await;
    let mut client = sdk.start();
    let is_expired =
        |refused: &Refused| matches!(refused, Refused::Verify(TokenVerifyError::Expired { .. }));
    let is_wrong_key =
        |refused: &Refused| *refused == Refused::Verify(TokenVerifyError::SignatureMismatch);
    let is_wrong_scope =
        |refused: &Refused| matches!(refused, Refused::Verify(TokenVerifyError::OutOfScope));
    type Is<'a> = Box<dyn Fn(&Refused) -> bool + 'a>;
    let just = |expected: Refused| -> Is<'_> { Box::new(move |refused| *refused == expected) };
    // What it is called, who it says it is, how it is opened, and how it is refused.
    let mut cases: Vec<(&str, &str, Value, Is<'_>)> = Vec::new();

    let _ = stand.with_key("pump-7");
    let open = stand.open(&stand.connection("DeviceId=pump-7", &new_key().0));
    cases.push(("wrong key", "pump-7", open, Box::new(is_wrong_key)));

    let key = stand.with_key("PUMP-7");
    let open = stand.open(&stand.connection("DeviceId=Pump-7", &key));
    cases.push(("other case", "Pump-7", open, just(Refused::UnknownDevice)));

    let open = stand.open(&stand.connection("DeviceId=nobody", &key));
    cases.push(("unknown device", "nobody", open, just(Refused::UnknownDevice)));

    let mut open = stand.open(&stand.connection("DeviceId=pump-7;ModuleId=nothing", &key));
    open["is_module"] = json!(true);
    cases.push(("unknown module", "pump-7/nothing", open, just(Refused::UnknownDevice)));

    stand.register("off", Credential::Disabled);
    let open = stand.open(&stand.connection("DeviceId=off", &key));
    cases.push(("disabled device", "off", open, just(Refused::Disabled)));

    // The SDKs refuse tokens that have expired by their own clocks; the hub's is ahead of these.
    let (key, same) = new_key();
    let keys = Credential::Keys(same, new_key().0);
    stand.hub.with_registry(|registry| registry.device(&id("late"), keys));
    let signer = SasSigner::new(key, &stand.device("late")).unwrap();
    let token = signer.sign_for(HOUR, now()).unwrap();
    let open = stand.open_token(token.expose_token());
    stand.clock.ahead_by(HOUR * 2);
    cases.push(("expired token", "late", open, Box::new(is_expired)));

    // The hub of a token is not the one at the other end, as behind a gateway that passes all on.
    let key = stand.with_key("pump-8");
    let other = ResourceUri::device(&HubHost::new("other.example").unwrap(), &id("pump-8"));
    let token = SasSigner::new(key, &other).unwrap().sign_for(HOUR * 9, now()).unwrap();
    let mut open = stand.open_token(token.expose_token());
    if sdk == Sdk::Python {
        open["gateway"] = json!(stand.host.as_str());
        cases.push(("other hub", "pump-8", open, just(Refused::Host)));
    } else {
        // This SDK alone has a door for tokens that are not for the device that it says it is.
        open["lies"] = json!({ "host": stand.host.as_str(), "device": "pump-8" });
        cases.push(("scope of another hub", "pump-8", open, Box::new(is_wrong_scope)));

        let signer = SasSigner::new(stand.with_key("pump-9"), &stand.device("pump-7")).unwrap();
        let token = signer.sign_for(HOUR * 9, now()).unwrap();
        let mut open = stand.open_token(token.expose_token());
        open["lies"] = json!({ "host": stand.host.as_str(), "device": "pump-9" });
        cases.push(("scope of another device", "pump-9", open, Box::new(is_wrong_scope)));

        let mut open = stand.open_token("SharedAccessSignature sr=pump-7");
        open["lies"] = json!({ "host": stand.host.as_str(), "device": "pump-7" });
        let is_none = |refused: &Refused| matches!(refused, Refused::Token(_));
        cases.push(("no token", "pump-7", open, Box::new(is_none)));
    }

    let (key, same) = new_key();
    let policy = PolicyName::new("service").unwrap();
    stand.hub.with_registry(|registry| registry.policy(&policy, same));
    let signer = SasSigner::with_policy(key, &stand.device("pump-7"), &policy).unwrap();
    let token = signer.sign_for(HOUR * 9, now()).unwrap();
    let open = stand.open_token(token.expose_token());
    cases.push(("policy not for devices", "pump-7", open, just(Refused::Policy)));

    stand.register("valve", Credential::Authority);
    let open = stand.open(&stand.connection("DeviceId=valve", &new_key().0));
    cases.push(("token in place of a certificate", "valve", open, just(Refused::NoKeys)));

    let (key, pem) = new_signing_key();
    let issue = |certificates: &Certificates, name, validity| {
        certificates.device(&id(name), &key, validity).unwrap()
    };
    let chain = issue(&stand.certificates, "pump-7", validity());
    let open = stand.open_certificate("pump-7", &chain, &pem);
    cases.push(("certificate in place of a token", "pump-7", open, just(Refused::NoToken)));

    let chain = issue(&stand.certificates, "valve-4", validity());
    let open = stand.open_certificate("valve", &chain, &pem);
    cases.push(("certificate of another device", "valve", open, just(Refused::CommonName)));

    let others = Certificates::new(now()).unwrap();
    let open = stand.open_certificate("valve", &issue(&others, "valve", validity()), &pem);
    cases.push(("certificate of another CA", "valve", open, just(Refused::Chain)));

    let hour = Validity::starting(now(), HOUR);
    let open = stand.open_certificate("valve", &issue(&stand.certificates, "valve", hour), &pem);
    cases.push(("expired certificate", "valve", open, just(Refused::CertificateTime)));

    let (chain, pem) = own_certificate("valve");
    let open = stand.open_certificate("valve", &chain, &pem);
    cases.push(("self-signed", "valve", open, just(Refused::Chain)));

    let (other, _) = own_certificate("self-signed");
    let known = Thumbprint::sha256(other.end_entity().der());
    stand.register("self-signed", Credential::Thumbprints(vec![known]));
    let open = stand.open_certificate("self-signed", &chain, &pem);
    cases.push(("other thumbprint", "self-signed", open, just(Refused::Thumbprint)));

    for (name, claimed, open, is_expected) in cases {
        client.must(open).await;
        let answer = client.ask(&json!({ "do": "connect" })).await;
        let event = stand.next().await;
        let Event::Refused { claim, refused } = event else { panic!("{name}: {event:?} {answer}") };
        assert!(is_expected(&refused), "{name}: {refused:?}");
        assert_eq!(claim, claimed, "{name}");
        sdk.assert_unauthorized(&answer, name);
        client.must(json!({ "do": "close" })).await;
        assert!(stand.events.is_empty(), "{name}: it tried once more");
    }
    client.end().await;
}

#[tokio::test]
async fn python_does_not_talk_to_another_server() {
    distrusts(Sdk::Python).await;
}

#[tokio::test]
async fn node_does_not_talk_to_another_server() {
    distrusts(Sdk::Node).await;
}

/// That the certificate of the hub, which this package makes, is what lets the SDKs in, and that an error is
/// not always that of a refusal.
async fn distrusts(sdk: Sdk) {
    let stand = Stand::start().await;
    let elsewhere = free_address(&[8883]);
    let misnamed = Stand::start_as("127.0.0.2", elsewhere, 0).await;
    let mut client = sdk.start();
    let key = stand.with_key("pump-7");
    let open = stand.open(&stand.connection("DeviceId=pump-7", &key));
    let mut distrusting = open.clone();
    distrusting["ca"] = json!(Certificates::new(now()).unwrap().servers_pem());
    let mut other_name = open.clone();
    other_name["ca"] = json!(misnamed.certificates.servers_pem());
    other_name["connection"] = json!(
        stand
            .connection("DeviceId=pump-7", &key)
            .replace(stand.host.as_str(), &elsewhere.to_string())
    );
    let mut nobody = open;
    let silent = free_address(&[8883]).to_string();
    nobody["connection"] =
        json!(stand.connection("DeviceId=pump-7", &key).replace(stand.host.as_str(), &silent));
    for (name, open, python, node) in [
        ("other CA", distrusting, ("ClientError", "TlsExchangeAuthError"), "certificate"),
        ("other name", other_name, ("ClientError", "TlsExchangeAuthError"), "altnames"),
        ("nobody", nobody, ("ConnectionFailedError", "ConnectionFailedError"), "ECONNREFUSED"),
    ] {
        client.must(open).await;
        let answer = client.ask(&json!({ "do": "connect" })).await;
        match sdk {
            Sdk::Python => {
                assert_eq!(
                    (&answer["error"], &answer["cause"]),
                    (&json!(python.0), &json!(python.1)),
                    "{name}: {answer}"
                );
            }
            Sdk::Node => {
                let message = answer["message"].as_str().unwrap_or_default();
                assert!(message.contains(node), "{name}: {answer}");
            }
        }
        client.must(json!({ "do": "close" })).await;
    }
    assert!(stand.events.is_empty() && misnamed.events.is_empty());
    client.end().await;
}

// --- HTTPS, which of the two SDKs only that for Node speaks.

#[tokio::test]
async fn node_sends_over_https() {
    if let Err(reason) = may_listen_at(443) {
        eprintln!("node_sends_over_https: not run: {reason}");
        return;
    }
    let address = free_address(&[443, 8883]);
    let mut stand = Stand::start_as(&address.to_string(), address, 443).await;
    let mut client = Client::start("device.cjs", &["http"]);
    let open = stand.open(&stand.connection("DeviceId=pump-7", &stand.with_key("pump-7")));
    stand.register("valve", Credential::Authority);
    let (key, pem) = new_signing_key();
    let chain = stand.certificates.device(&id("valve"), &key, validity()).unwrap();
    let certificate = stand.open_certificate("valve", &chain, &pem);

    for (name, open) in [("pump-7", open), ("valve", certificate)] {
        client.must(open).await;
        client.must(json!({ "do": "connect" })).await;
        let properties = json!({ "plain": "1", "other": "a b&=" });
        client.must(json!({ "do": "send", "text": name, "properties": properties })).await;
        let event = stand.next().await;
        let Event::Message { id, over, properties, payload, .. } = event else {
            panic!("{name}: {event:?}")
        };
        assert_eq!((id.as_str(), over, &*payload), (name, Protocol::Https, name.as_bytes()));
        assert_eq!(pairs(&properties), expected([("other", "a b&="), ("plain", "1")]));
        client.must(json!({ "do": "close" })).await;
    }

    let wrong_key = stand.open(&stand.connection("DeviceId=pump-7", &new_key().0));
    let chain = stand.certificates.device(&id("valve-4"), &key, validity()).unwrap();
    let wrong_name = stand.open_certificate("valve", &chain, &pem);
    for (name, open, expected) in [
        ("pump-7", wrong_key, Refused::Verify(TokenVerifyError::SignatureMismatch)),
        ("valve", wrong_name, Refused::CommonName),
    ] {
        client.must(open).await;
        client.must(json!({ "do": "connect" })).await;
        let answer = client.ask(&json!({ "do": "send", "text": "not this" })).await;
        assert_eq!(answer["error"], "UnauthorizedError", "{name}: {answer}");
        let refused = Event::Refused { claim: name.to_owned(), refused: expected };
        assert_eq!(stand.next().await, refused);
        client.must(json!({ "do": "close" })).await;
    }
    client.end().await;
}

/// Whether such a port is for this user, as Linux says.
fn may_listen_at(port: u16) -> Result<(), String> {
    match std::net::TcpListener::bind((free_address(&[]), port)) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(format!("port {port} is not for this user: {error}"))
        }
        _ => Ok(()),
    }
}

// --- What all have in common.

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
        Self::start_as(&address.to_string(), address, 0).await
    }

    async fn start_as(name: &str, address: IpAddr, https_port: u16) -> Self {
        let host = HubHost::new(name).unwrap();
        let certificates = Certificates::new(now()).unwrap();
        let clock = MovedClock::default();
        let (sender, events) = mpsc::channel(256);
        let mut registry = Registry::new(host.clone());
        registry.authority(certificates.devices()).unwrap();
        let config = Config {
            registry,
            tls: certificates.server(name, SystemClock).unwrap(),
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

    async fn expect_message(&mut self, from: &str, text: &str) {
        let event = self.next().await;
        let Event::Message { id, payload, .. } = &event else { panic!("{event:?}") };
        assert_eq!((id.as_str(), &**payload), (from, text.as_bytes()));
    }

    async fn expect_goodbye(&mut self, from: &str) {
        let goodbye = Event::Disconnected { id: from.to_owned(), reason: Disconnect::Orderly };
        assert_eq!(self.next().await, goodbye);
    }

    fn device(&self, device: &str) -> ResourceUri {
        ResourceUri::device(&self.host, &id(device))
    }

    fn register(&self, device: &str, credential: Credential) {
        self.hub.with_registry(|registry| registry.device(&id(device), credential));
    }

    /// Registers a device with a key, which is the second of two.
    fn with_key(&self, device: &str) -> SymmetricKey {
        let (key, same) = new_key();
        self.register(device, Credential::Keys(new_key().0, same));
        key
    }

    fn connection(&self, ids: &str, key: &SymmetricKey) -> String {
        let key = key.expose_base64();
        format!("HostName={};{ids};SharedAccessKey={}", self.host, key.expose_text())
    }

    fn open(&self, connection: &str) -> Value {
        json!({ "do": "open", "ca": self.certificates.servers_pem(), "connection": connection })
    }

    fn open_token(&self, token: &str) -> Value {
        json!({ "do": "open", "ca": self.certificates.servers_pem(), "token": token })
    }

    fn open_certificate(&self, device: &str, chain: &DeviceCertificate, key: &str) -> Value {
        let mut open = self.open(&format!("HostName={};DeviceId={device};x509=true", self.host));
        open["host"] = json!(self.host.as_str());
        open["device"] = json!(device);
        open["certificate"] = json!(chain.to_pem());
        open["key"] = json!(key);
        open
    }
}

/// The system's time, moved ahead.
#[derive(Clone, Debug, Default)]
struct MovedClock(Arc<AtomicU64>);

impl MovedClock {
    /// Moves it ahead, by so much in all.
    fn ahead_by(&self, duration: Duration) {
        self.0.store(duration.as_secs(), Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Result<UnixTime, TimeError> {
        let ahead = self.0.load(Ordering::Relaxed);
        Ok(UnixTime::from_secs(SystemClock.now()?.as_secs() + ahead))
    }
}

fn now() -> UnixTime {
    SystemClock.now().unwrap()
}

fn id(device: &str) -> DeviceId {
    DeviceId::new(device).unwrap()
}

/// The same each time within a test, from before it to long after it.
fn validity() -> Validity {
    let today = now().as_secs() / 86_400 * 86_400;
    Validity::starting(UnixTime::from_secs(today), HOUR * 24 * 30)
}

/// A certificate that a device made itself, and its key.
fn own_certificate(name: &str) -> (DeviceCertificate, String) {
    let (key, pem): (SoftwareSigningKey, _) = new_signing_key();
    let certificate = self_signed(&key, &id(name), validity()).unwrap();
    (DeviceCertificate::from_certificates(vec![certificate]).unwrap(), pem)
}

/// The pairs of a message's properties, in order.
fn pairs(properties: &str) -> Vec<(String, String)> {
    let decode = |text: &str| urlencoding::decode(text).unwrap().into_owned();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    };
    // The Node SDK has a separator after those of the service.
    let mut pairs: Vec<_> = properties.trim_end_matches('/').split('&').map(pair).collect();
    pairs.sort();
    pairs
}

fn expected<const N: usize>(pairs: [(&str, &str); N]) -> [(String, String); N] {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))
}
