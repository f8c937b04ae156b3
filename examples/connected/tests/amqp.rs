//! AMQP: what `hubward::session::amqp` has to say, said by a client of Rust over this crate's TLS to a peer
//! that is made of the library of the official Node SDK, `rhea`; and that SDK's own words beside ours.
//!
//! Needs what `scripts/peers/install` installs, and node.

mod clients;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clients::{Client, PATIENCE, free_address, new_key, new_signing_key};
use fe2o3_amqp::connection::{ConnectionHandle, OpenError};
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::types::messaging::message::DecodeIntoMessage as _;
use fe2o3_amqp::types::messaging::{
    ApplicationProperties, Body, Message, MessageId, Outcome, Properties,
};
use fe2o3_amqp::types::primitives::{SimpleValue, Value as AmqpValue};
use fe2o3_amqp::types::sasl::SaslCode;
use fe2o3_amqp::{Connection, Receiver, Sender, Session};
use hubward::pki_types::ServerName;
use hubward::session::HubIdentity;
use hubward::session::amqp::{CBS_ADDRESS, PORT, PutToken, SaslPlain};
use hubward::tls::{ClientTls, Provider};
use hubward::{
    Clock as _, DeviceId, HubHost, ModuleId, PolicyName, ResourceUri, SasSigner, SasToken,
    SymmetricKey, SystemClock, UnixTime,
};
use hubward_connected::certificates::Certificates;
use hubward_connected::hub::{Credential, Proof, Registry};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

const HOUR: Duration = Duration::from_secs(3600);
const DEVICE: &str = "pump-7";
const MODULE: &str = "vibration";
/// A device that the hub knows as well.
const OTHER: &str = "valve-3";

// --- Tokens over `$cbs`.

#[tokio::test]
async fn a_token_opens_the_links_of_its_device() {
    let mut hub = Hub::start(0).await;
    let mut connection = hub.connect(SaslProfile::Anonymous).await.unwrap();
    assert_eq!(hub.next("open").await["mechanism"], "ANONYMOUS");
    let mut session = Session::begin(&mut connection).await.unwrap();

    // --- Nothing is open before.
    send(&mut session, "early", DEVICE).await.expect_err("there is no token");
    assert_eq!(hub.next("attach").await["is_open"], false);

    let identity = hub.device(DEVICE);
    let mut cbs = Cbs::attach(&mut session).await;
    let token = hub.sign(&identity.resource(), HOUR);
    assert_eq!(cbs.put(&token).await, (200, "OK".to_owned()));
    send(&mut session, "first", DEVICE).await.unwrap();
    let message = hub.next("message").await;
    assert_eq!(message["address"], format!("/devices/{DEVICE}/messages/events"));
    send(&mut session, "not mine", OTHER).await.expect_err("the token is not for it");

    // --- A newer one, on the same link.
    let token = hub.sign(&identity.resource(), HOUR * 2);
    assert_eq!(cbs.put(&token).await, (200, "OK".to_owned()));
    send(&mut session, "second", DEVICE).await.unwrap();
    hub.next("message").await;
    let put = hub.put_tokens();
    assert_eq!(put.len(), 2);
    assert_ne!(put[0]["properties.message-id"], put[1]["properties.message-id"]);
    connection.close().await.unwrap();
    hub.end().await;
}

#[tokio::test]
async fn a_token_is_refused_with_the_reason() {
    let hub = Hub::start(0).await;
    let mut connection = hub.connect(SaslProfile::Anonymous).await.unwrap();
    let mut session = Session::begin(&mut connection).await.unwrap();
    let mut cbs = Cbs::attach(&mut session).await;
    let resource = hub.device(DEVICE).resource();
    let signed = |key: &SymmetricKey, resource: &ResourceUri, expiry: u64| {
        let signer = SasSigner::new(copy(key), resource).unwrap();
        signer.sign(UnixTime::from_secs(expiry)).unwrap()
    };
    let later = now().as_secs() + 3600;
    let elsewhere = HubHost::new("other.example").unwrap();
    for (token, reason) in [
        (signed(&new_key().0, &resource, later), "signature"),
        (signed(&hub.key, &resource, now().as_secs() - 1), "expired"),
        (signed(&hub.key, &hub.device("nobody").resource(), later), "does not contain"),
        (signed(&hub.key, &ResourceUri::device(&elsewhere, &id(DEVICE)), later), "another hub"),
        // No device may have all of them.
        (signed(&hub.key, &ResourceUri::all_devices(&hub.host), later), "name"),
    ] {
        let (status, description) = cbs.put(&token).await;
        assert_eq!(status, 401, "{token}: {description}");
        assert!(description.contains(reason), "{token}: {description}");
    }
    send(&mut session, "not this", DEVICE).await.expect_err("no token was good");
    connection.close().await.unwrap();
    hub.end().await;
}

// --- SASL PLAIN.

#[tokio::test]
async fn sasl_plain_says_who_and_with_what() {
    let mut hub = Hub::start(0).await;
    let device = hub.device(DEVICE);
    let module = hub.module();
    let policy = PolicyName::new("device").unwrap();
    let signer =
        SasSigner::with_policy(copy(&hub.policy), &ResourceUri::hub(&hub.host), &policy).unwrap();
    let of_policy = signer.sign_for(HOUR, now()).unwrap();
    let of_device = hub.sign(&device.resource(), HOUR);
    let of_module = hub.sign(&module.resource(), HOUR);

    for (plain, user, address) in [
        (SaslPlain::device(&device, &of_device), "pump-7@sas.contoso", DEVICE.to_owned()),
        (
            SaslPlain::device(&module, &of_module),
            "pump-7/vibration@sas.contoso",
            format!("{DEVICE}/modules/{MODULE}"),
        ),
        (
            SaslPlain::policy(&hub.host, &policy, &of_policy),
            "device@sas.root.contoso",
            OTHER.to_owned(),
        ),
    ] {
        let mut connection = hub.connect(profile(&plain)).await.unwrap();
        let opened = hub.next("open").await;
        assert_eq!((&opened["mechanism"], &opened["user"]), (&json!("PLAIN"), &json!(user)));
        let mut session = Session::begin(&mut connection).await.unwrap();
        send(&mut session, user, &address).await.unwrap();
        let message = hub.next("message").await;
        assert_eq!(message["address"], format!("/devices/{address}/messages/events"));
        connection.close().await.unwrap();
    }

    // --- A token of somebody else, a name that is not the token's, and no token.
    let other_key = SasSigner::new(new_key().0, &device.resource()).unwrap();
    let wrong_key = other_key.sign_for(HOUR, now()).unwrap();
    let expired = hub.sign_until(&device.resource(), now().as_secs() - 1);
    let owner = PolicyName::new("iothubowner").unwrap();
    for plain in [
        SaslPlain::device(&device, &wrong_key),
        SaslPlain::device(&device, &expired),
        SaslPlain::device(&device, &of_module),
        SaslPlain::device(&hub.device("nobody"), &of_device),
        SaslPlain::policy(&hub.host, &owner, &of_policy),
        SaslPlain::policy(&hub.host, &policy, &of_device),
    ] {
        let refused = hub.connect(profile(&plain)).await.err();
        let refused = refused.unwrap_or_else(|| panic!("{plain:?} was let in"));
        let is_auth = matches!(refused, OpenError::SaslError { code: SaslCode::Auth, .. });
        assert!(is_auth, "{plain:?}: {refused:?}");
    }
    hub.end().await;
}

fn profile(plain: &SaslPlain<'_>) -> SaslProfile {
    let (username, password) = (plain.user_name().to_owned(), plain.expose_password().to_owned());
    SaslProfile::Plain { username, password }
}

// --- The official SDK.

/// Where what the Node SDK sends is not what this crate has its callers send: the field, theirs and ours, and
/// why. `*` is another value each time.
const DIFFERENCES: [(&str, Option<&str>, Option<&str>, &str); 2] = [
    (
        "header",
        Some(
            "Header { durable: false, priority: Priority(4), ttl: None, first_acquirer: false, \
             delivery_count: 0 }",
        ),
        None,
        "`rhea` always writes the section, and all in it is what holds without it",
    ),
    (
        "properties.message-id",
        Some("String(*)"),
        Some("String(*)"),
        "whoever sends a message gives it one of its own, which the reply has to repeat",
    ),
];

#[tokio::test]
async fn the_node_sdk_puts_its_tokens_as_this_crate_does() {
    for module in [None, Some(MODULE)] {
        let mut hub = Hub::start(PORT).await;
        let identity = if module.is_some() { hub.module() } else { hub.device(DEVICE) };
        let ids = module.map_or(String::new(), |module| format!("ModuleId={module};"));

        // --- Theirs. The address stands for a gateway, so that the token is for a hub with a real name.
        let mut sdk = Client::start("device.cjs", &["amqp"]);
        let connection = format!(
            "HostName={};DeviceId={DEVICE};{ids}SharedAccessKey={};GatewayHostName={}",
            hub.host,
            hub.key.expose_base64().expose_text(),
            hub.address.ip()
        );
        let ca = hub.certificates.servers_pem();
        let is_module = module.is_some();
        sdk.must(
            json!({ "do": "open", "ca": ca, "connection": connection, "is_module": is_module }),
        )
        .await;
        sdk.must(json!({ "do": "connect" })).await;
        // With CBS it says nothing in SASL, not even that it is anonymous.
        assert_eq!(hub.next("open").await["mechanism"], Value::Null);
        sdk.must(json!({ "do": "send", "text": "theirs" })).await;
        hub.next("message").await;
        sdk.end().await;
        let theirs = hub.put_tokens().pop().unwrap();

        // --- Ours, with the same key and expiry.
        let token = token_of(&theirs);
        let until = SasToken::parse(&token).unwrap().expiry();
        assert!(until > now() && until.as_secs() <= now().as_secs() + 3600, "{until}");
        let mut connection = hub.connect(SaslProfile::Anonymous).await.unwrap();
        let mut session = Session::begin(&mut connection).await.unwrap();
        let mut cbs = Cbs::attach(&mut session).await;
        let ours = hub.sign_until(&identity.resource(), until.as_secs());
        assert_eq!(cbs.put(&ours).await.0, 200);
        connection.close().await.unwrap();
        let ours = hub.put_tokens().pop().unwrap();
        assert_eq!(token_of(&ours), token);

        // --- Beside each other.
        let mut names: Vec<_> = theirs.keys().chain(ours.keys()).collect();
        names.sort();
        names.dedup();
        for expected in [
            "application-properties.name",
            "application-properties.operation",
            "application-properties.type",
            "body",
            "properties.message-id",
            "properties.reply-to",
            "properties.to",
        ] {
            assert!(names.iter().any(|name| *name == expected), "{expected}: {theirs:?}");
        }
        let mut found = Vec::new();
        for name in names {
            let (theirs, ours) = (theirs.get(name), ours.get(name));
            if theirs == ours {
                continue;
            }
            let known = DIFFERENCES.iter().find(|(field, ..)| field == name);
            let (_, their_form, our_form, _) =
                known.unwrap_or_else(|| panic!("{name}: theirs {theirs:?}, ours {ours:?}"));
            assert!(is_of_form(theirs, *their_form), "{name}: theirs {theirs:?}");
            assert!(is_of_form(ours, *our_form), "{name}: ours {ours:?}");
            found.push(name.as_str());
        }
        assert_eq!(found, DIFFERENCES.map(|(field, ..)| field));
        hub.end().await;
    }
}

#[tokio::test]
async fn the_node_sdk_is_refused() {
    let hub = Hub::start(PORT).await;
    let mut sdk = Client::start("device.cjs", &["amqp"]);
    let connection = format!(
        "HostName={};DeviceId={DEVICE};SharedAccessKey={};GatewayHostName={}",
        hub.host,
        new_key().0.expose_base64().expose_text(),
        hub.address.ip()
    );
    let ca = hub.certificates.servers_pem();
    sdk.must(json!({ "do": "open", "ca": ca, "connection": connection })).await;
    let answer = sdk.ask(&json!({ "do": "connect" })).await;
    assert_eq!(answer["error"], "UnauthorizedError", "{answer}");
    assert_eq!(hub.put_tokens().len(), 1);
    sdk.end().await;
    hub.end().await;
}

// --- A message field by field: its section and name, and its value with the type that it has on the wire.

type Fields = BTreeMap<String, String>;

fn fields(raw: &[u8]) -> Fields {
    let reader = serde_amqp::read::SliceReader::new(raw);
    let message = Body::<AmqpValue>::decode_message_from_reader(reader).unwrap();
    let Message {
        header,
        delivery_annotations,
        message_annotations,
        properties,
        application_properties,
        body,
        footer,
    } = message;
    let mut fields = Fields::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    add("header", header.map(|section| format!("{section:?}")));
    add("delivery-annotations", delivery_annotations.map(|section| format!("{section:?}")));
    add("message-annotations", message_annotations.map(|section| format!("{section:?}")));
    add("footer", footer.map(|section| format!("{section:?}")));
    if let Some(properties) = properties {
        let Properties {
            message_id,
            user_id,
            to,
            subject,
            reply_to,
            correlation_id,
            content_type,
            content_encoding,
            absolute_expiry_time,
            creation_time,
            group_id,
            group_sequence,
            reply_to_group_id,
        } = properties;
        add("properties.message-id", message_id.map(|value| format!("{value:?}")));
        add("properties.user-id", user_id.map(|value| format!("{value:?}")));
        add("properties.to", to);
        add("properties.subject", subject);
        add("properties.reply-to", reply_to);
        add("properties.correlation-id", correlation_id.map(|value| format!("{value:?}")));
        add("properties.content-type", content_type.map(|value| format!("{value:?}")));
        add("properties.content-encoding", content_encoding.map(|value| format!("{value:?}")));
        let expiry = absolute_expiry_time.map(|value| format!("{value:?}"));
        add("properties.absolute-expiry-time", expiry);
        add("properties.creation-time", creation_time.map(|value| format!("{value:?}")));
        add("properties.group-id", group_id);
        add("properties.group-sequence", group_sequence.map(|value| format!("{value:?}")));
        add("properties.reply-to-group-id", reply_to_group_id);
    }
    for (name, value) in application_properties.into_iter().flat_map(|section| section.0) {
        add(&format!("application-properties.{name}"), Some(format!("{value:?}")));
    }
    add("body", Some(format!("{body:?}")));
    fields
}

fn is_of_form(value: Option<&String>, form: Option<&str>) -> bool {
    match (value, form) {
        (None, None) => true,
        (Some(value), Some(form)) => match form.strip_suffix("(*)") {
            Some(kind) => value.split('(').next() == Some(kind),
            None => value == form,
        },
        _ => false,
    }
}

/// The token in a body, which is a value of the type string.
fn token_of(fields: &Fields) -> String {
    let text = fields["body"].strip_prefix("Value(AmqpValue(String(\"").unwrap_or_else(|| {
        panic!("it is no string: {}", fields["body"]);
    });
    text.strip_suffix("\")))").unwrap().to_owned()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

// --- The client.

/// The links to `$cbs` and from there.
struct Cbs {
    sender: Sender,
    receiver: Receiver,
    put: u32,
}

impl Cbs {
    async fn attach(session: &mut SessionHandle<()>) -> Self {
        let sender = Sender::attach(session, "cbs-sender", CBS_ADDRESS).await.unwrap();
        let receiver = Receiver::attach(session, "cbs-receiver", CBS_ADDRESS).await.unwrap();
        Self { sender, receiver, put: 0 }
    }

    /// Puts a token, and has the answer to it.
    async fn put(&mut self, token: &SasToken<'_>) -> (i32, String) {
        let put = PutToken::new(token);
        self.put += 1;
        let message_id = MessageId::String(format!("put-{}", self.put));
        let properties = Properties::builder()
            .message_id(message_id.clone())
            .to(PutToken::TO)
            .reply_to(PutToken::REPLY_TO)
            .build();
        let mut named = ApplicationProperties::builder();
        for (name, value) in put.application_properties() {
            named = named.insert(name, value);
        }
        let message = Message::builder()
            .properties(properties)
            .application_properties(named.build())
            .value(AmqpValue::String(put.expose_body().to_owned()))
            .build();
        let outcome = timeout(PATIENCE, self.sender.send(message)).await.unwrap().unwrap();
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");

        let reply = timeout(PATIENCE, self.receiver.recv::<Body<AmqpValue>>()).await;
        let reply = reply.expect("no reply").unwrap();
        self.receiver.accept(&reply).await.unwrap();
        let properties = reply.message().properties.as_ref().unwrap();
        assert_eq!(properties.correlation_id, Some(message_id));
        let named = &reply.message().application_properties.as_ref().unwrap().0;
        match (named.get("status-code"), named.get("status-description")) {
            (Some(SimpleValue::Int(status)), Some(SimpleValue::String(description))) => {
                (*status, description.clone())
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Sends a message of a device, or of `device/modules/module`.
async fn send(
    session: &mut SessionHandle<()>,
    text: &str,
    device: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let address = format!("/devices/{device}/messages/events");
    let sending = async {
        let mut sender = Sender::attach(session, text, address).await?;
        let outcome = sender.send(text.to_owned()).await?;
        sender.close().await?;
        match outcome {
            Outcome::Accepted(_) => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    };
    timeout(PATIENCE, sending).await?
}

// --- The hub's side.

/// The peer, and the judgement about who comes.
struct Hub {
    host: HubHost,
    certificates: Certificates,
    address: SocketAddr,
    key: SymmetricKey,
    policy: SymmetricKey,
    put_tokens: Arc<Mutex<Vec<Fields>>>,
    events: mpsc::Receiver<Value>,
    /// Gives the peer back.
    judge: tokio::task::JoinHandle<Client>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Hub {
    async fn start(port: u16) -> Self {
        let ip = free_address(&[port]);
        let host = HubHost::new("contoso.azure-devices.net").unwrap();
        let certificates = Certificates::new(now()).unwrap();
        let (signing_key, pem) = new_signing_key();
        let chain = certificates.server_chain(&ip.to_string(), &signing_key).unwrap();
        let mut peer = Client::start("amqp_peer.cjs", &[]);
        let listening = peer
            .ask(&json!({
                "address": ip.to_string(),
                "port": port,
                "certificate": chain.to_pem(),
                "key": pem,
            }))
            .await;
        assert_eq!(listening["event"], "listening", "{listening}");
        let port = u16::try_from(listening["port"].as_u64().unwrap()).unwrap();

        let (key, policy) = (new_key().0, new_key().0);
        let mut registry = Registry::new(host.clone());
        let keys = || Credential::Keys(copy(&key), new_key().0);
        registry.device(&id(DEVICE), keys());
        registry.module(&id(DEVICE), &ModuleId::new(MODULE).unwrap(), keys());
        registry.device(&id(OTHER), keys());
        let judge = Judge { registry, policy: copy(&policy) };
        let put_tokens = Arc::new(Mutex::new(Vec::new()));
        let (sender, events) = mpsc::channel(64);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let judge = tokio::spawn(judge.run(peer, Arc::clone(&put_tokens), sender, stopped));
        let address = SocketAddr::new(ip, port);
        Self { host, certificates, address, key, policy, put_tokens, events, judge, stop }
    }

    fn device(&self, device: &str) -> HubIdentity {
        HubIdentity::device(self.host.clone(), id(device))
    }

    fn module(&self) -> HubIdentity {
        HubIdentity::module(self.host.clone(), id(DEVICE), ModuleId::new(MODULE).unwrap())
    }

    fn sign(&self, resource: &ResourceUri, lifetime: Duration) -> SasToken<'static> {
        self.sign_until(resource, now().as_secs() + lifetime.as_secs())
    }

    fn sign_until(&self, resource: &ResourceUri, expiry: u64) -> SasToken<'static> {
        let signer = SasSigner::new(copy(&self.key), resource).unwrap();
        signer.sign(UnixTime::from_secs(expiry)).unwrap()
    }

    /// Connects, over TLS of this crate.
    async fn connect(&self, profile: SaslProfile) -> Result<ConnectionHandle<()>, OpenError> {
        let tls = ClientTls::builder(Provider::Ring)
            .trust(self.certificates.trust().unwrap())
            .build(SystemClock)
            .unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let connector = TlsConnector::from(tls.config());
        let name = ServerName::from(self.address.ip());
        let stream = timeout(PATIENCE, connector.connect(name, stream)).await.unwrap().unwrap();
        let open = Connection::builder()
            .container_id(DEVICE)
            .hostname(self.host.as_str())
            .sasl_profile(profile)
            .open_with_stream(stream);
        timeout(PATIENCE, open).await.unwrap()
    }

    /// The next of these events; what else happens before it is passed over.
    async fn next(&mut self, event: &str) -> Value {
        loop {
            let next = timeout(PATIENCE, self.events.recv()).await;
            let next = next.unwrap_or_else(|_| panic!("there is no {event}")).unwrap();
            if next["event"] == event {
                return next;
            }
        }
    }

    /// The messages that put tokens so far.
    fn put_tokens(&self) -> Vec<Fields> {
        self.put_tokens.lock().unwrap().clone()
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.judge.await.unwrap().end().await;
    }
}

struct Judge {
    registry: Registry,
    policy: SymmetricKey,
}

impl Judge {
    async fn run(
        self,
        mut peer: Client,
        put_tokens: Arc<Mutex<Vec<Fields>>>,
        events: mpsc::Sender<Value>,
        mut stopped: tokio::sync::oneshot::Receiver<()>,
    ) -> Client {
        loop {
            let told = tokio::select! {
                told = peer.wait() => told,
                _ = &mut stopped => return peer,
            };
            let text = |name: &str| told[name].as_str().unwrap_or_default();
            let judged = match text("ask") {
                "put-token" => {
                    let fields = fields(&hex(text("raw")));
                    put_tokens.lock().unwrap().push(fields.clone());
                    self.put_token(&fields)
                }
                "plain" => self.plain(text("user"), text("password")),
                _ => {
                    let _ = events.send(told).await;
                    continue;
                }
            };
            let mut answer = match judged {
                Ok(opens) => json!({ "status": 200, "description": "OK", "opens": opens }),
                Err((status, reason)) => json!({ "status": status, "description": reason }),
            };
            answer["id"] = told["id"].clone();
            peer.say(&answer).await;
        }
    }

    /// What is open with it, or a status and why.
    fn put_token(&self, fields: &Fields) -> Result<String, (u16, String)> {
        for (name, value) in
            [("operation", "put-token"), ("type", "servicebus.windows.net:sastoken")]
        {
            let value = format!("String({value:?})");
            if fields.get(&format!("application-properties.{name}")) != Some(&value) {
                return Err((400, format!("{name} is not {value}")));
            }
        }
        let text = token_of(fields);
        let token = SasToken::parse(&text).map_err(|error| (401, error.to_string()))?;
        let audience = format!("String({:?})", token.resource_text());
        if fields["application-properties.name"] != audience {
            return Err((400, "name is not the resource of the token".to_owned()));
        }
        let resource = urlencoding::decode(token.resource_text()).unwrap().into_owned();
        let parts: Vec<_> = resource.split('/').collect();
        let (host, id) = match parts[..] {
            [host, "devices", device] => (host, device.to_owned()),
            [host, "devices", device, "modules", module] => (host, format!("{device}/{module}")),
            _ => return Err((401, "the token's resource has no name of a device".to_owned())),
        };
        self.admit(host, &id, &text)
    }

    fn plain(&self, user: &str, password: &str) -> Result<String, (u16, String)> {
        let refused = |reason: &str| (401, reason.to_owned());
        if let Some(policy) = user.strip_suffix("@sas.root.contoso") {
            let token = SasToken::parse(password).map_err(|error| (401, error.to_string()))?;
            let resource = ResourceUri::hub(self.registry.host());
            token
                .verify(&self.policy, &resource, now(), Duration::ZERO)
                .map_err(|error| (401, error.to_string()))?;
            if token.policy_name().is_none_or(|name| name.as_str() != policy) {
                return Err(refused("the token is of another policy"));
            }
            return Ok("/devices".to_owned());
        }
        let id = user.strip_suffix("@sas.contoso").ok_or_else(|| refused("another hub"))?;
        self.admit(self.registry.host().as_str(), id, password)
    }

    fn admit(&self, host: &str, id: &str, token: &str) -> Result<String, (u16, String)> {
        let proof = Proof { token: Some(token), chain: &[] };
        match self.registry.admit(host, id, proof, now()) {
            Ok(_) => Ok(format!("/devices/{}", id.replace('/', "/modules/"))),
            Err(refused) => Err((401, refused.to_string())),
        }
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
