//! All vectors of the test data, by C and by Rust: the same bytes, or both refuse.

use core::fmt::Write as _;
use core::time::Duration;
use std::fs;

use hubward::session::HubIdentity;
use hubward::session::mqtt::HubSession;
use hubward::{
    ConnectionString, DeviceId, GroupKey, HubHost, ModuleId, PolicyName, RegistrationId,
    ResourceUri, SasSigner, SasToken, SymmetricKey, UnixTime,
};

use crate::c_library::built;
use crate::suite::{self, Folder, Under};
use crate::vector_files::{Fields, from_hex, load, to_base64};

const HOST: &str = "contoso-hub.azure-devices.net";
const RESOURCE: &str = "contoso-hub.azure-devices.net/devices/device1";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const EXPIRY: u64 = 1_735_689_600;

/// What Rust makes of it; `None` if it refuses.
type Answer = Option<String>;

/// Lines for the suite, with what each must be answered by.
#[derive(Default)]
struct Calls {
    input: String,
    calls: Vec<(String, Answer)>,
}

impl Calls {
    fn add(
        &mut self,
        vector: &str,
        name: &str,
        words: &[Option<&str>],
        number: Option<u64>,
        rust: Answer,
    ) {
        self.input.push_str(name);
        for word in words {
            self.input.push(' ');
            match word {
                None => self.input.push('-'),
                Some(word) => word.bytes().for_each(|byte| {
                    let _ = write!(self.input, "{byte:02x}");
                }),
            }
        }
        if let Some(number) = number {
            let _ = write!(self.input, " {number}");
        }
        self.input.push('\n');
        self.calls.push((format!("{vector}: {name}"), rust));
    }

    /// A token by all its ways, and what becomes of it when it is read again.
    fn sign(&mut self, vector: &str, resource: &str, policy: Option<&str>, key: &str, expiry: u64) {
        let token = signed(resource, policy, key, expiry);
        let words = [Some(resource), policy, Some(key)];
        self.add(vector, "sign", &words, Some(expiry), token.clone());
        self.add(vector, "handle", &words, Some(expiry), token.clone());
        if let Some(token) = token {
            self.read(vector, &token, key, resource);
        }
    }

    fn read(&mut self, vector: &str, token: &str, key: &str, resource: &str) {
        let read = SasToken::parse(token).ok().map(|token| token.to_string());
        self.add(vector, "describe", &[Some(token)], None, read);
        let words = [Some(token), Some(key), Some(resource)];
        for now in [0, EXPIRY, u64::MAX] {
            self.add(vector, "verify", &words, Some(now), verified(token, key, resource, now));
        }
    }
}

fn signed(resource: &str, policy: Option<&str>, key: &str, expiry: u64) -> Answer {
    let resource = ResourceUri::parse(resource).ok()?;
    let key = SymmetricKey::from_base64(key).ok()?;
    let signer = match policy.map(PolicyName::new).transpose().ok()? {
        None => SasSigner::new(key, &resource),
        Some(policy) => SasSigner::with_policy(key, &resource, &policy),
    };
    let token = signer.ok()?.sign(UnixTime::from_secs(expiry)).ok()?;
    Some(token.expose_token().to_owned())
}

fn connected(text: &str) -> Answer {
    let connection = ConnectionString::parse(text).ok()?;
    let signer = SasSigner::from_connection_string(&connection).ok()?;
    Some(signer.sign(UnixTime::from_secs(EXPIRY)).ok()?.expose_token().to_owned())
}

fn resource_of(text: &str) -> Answer {
    let connection = ConnectionString::parse(text).ok()?;
    let host = connection.host();
    let resource = match (connection.device_id(), connection.module_id()) {
        (None, _) => ResourceUri::hub(host),
        (Some(device), None) => ResourceUri::device(host, device),
        (Some(device), Some(module)) => ResourceUri::module(host, device, module),
    };
    Some(resource.to_string())
}

fn derived(key: &str, registration: &str) -> Answer {
    let registration = RegistrationId::new(registration).ok()?;
    let key = GroupKey::from_base64(key).ok()?.derive_device_key(&registration).ok()?;
    Some(key.expose_base64().expose_text().to_owned())
}

fn verified(token: &str, key: &str, resource: &str, now: u64) -> Answer {
    let token = SasToken::parse(token).ok()?;
    let (key, resource) =
        (SymmetricKey::from_base64(key).ok()?, ResourceUri::parse(resource).ok()?);
    token.verify(&key, &resource, UnixTime::from_secs(now), Duration::ZERO).ok()?;
    Some(String::new())
}

fn user_name(host: &str, device: &str, module: Option<&str>, product: &str) -> Answer {
    let (host, device) = (HubHost::new(host).ok()?, DeviceId::new(device).ok()?);
    let identity = match module.map(ModuleId::new).transpose().ok()? {
        None => HubIdentity::device(host, device),
        Some(module) => HubIdentity::module(host, device, module),
    };
    Some(HubSession::new(&identity).product(product).ok()?.user_name())
}

/// Adds what C can do with a vector of that kind.
fn add(calls: &mut Calls, name: &str, kind: &str, inputs: &mut Fields, expected: &mut Fields) {
    match kind {
        "sas_token" => {
            let (resource, key) = (inputs.text("resource_uri"), inputs.text("key_base64"));
            let policy = inputs.optional_text("policy");
            calls.sign(name, &resource, policy.as_deref(), &key, inputs.number("expiry"));
            calls.read(name, &expected.text("token"), &key, &resource);
        }
        "sas_signature" => {
            let sr = inputs.text("sr_as_sent");
            let resource = urlencoding::decode(&sr).expect("it is text").into_owned();
            let policy = inputs.optional_text("skn");
            let key = inputs.text("key_base64");
            calls.sign(name, &resource, policy.as_deref(), &key, inputs.number("expiry"));
        }
        "sas_format" => {
            let resource = if inputs.has("id_scope") {
                format!(
                    "{}/registrations/{}",
                    inputs.text("id_scope"),
                    inputs.text("registration_id")
                )
            } else {
                let device =
                    format!("{}/devices/{}", inputs.text("host"), inputs.text("device_id"));
                match inputs.optional_text("module_id") {
                    None => device,
                    Some(module) => format!("{device}/modules/{module}"),
                }
            };
            let policy = inputs.optional_text("skn");
            calls.sign(name, &resource, policy.as_deref(), KEY, EXPIRY);
        }
        "sas_parse" => calls.read(name, &inputs.text("token"), KEY, RESOURCE),
        "connection_string" => {
            let text = inputs.text("connection_string");
            calls.add(name, "connect", &[Some(&text)], Some(EXPIRY), connected(&text));
            calls.add(name, "resource", &[Some(&text)], None, resource_of(&text));
        }
        "dps_derived_key" => {
            let (key, id) = (inputs.text("group_key_base64"), inputs.text("registration_id"));
            calls.add(name, "derive", &[Some(&key), Some(&id)], None, derived(&key, &id));
        }
        "key_decode" => calls.sign(name, RESOURCE, None, &inputs.text("key_base64"), EXPIRY),
        "hmac_sha256" => {
            let key = to_base64(&from_hex(&inputs.text("key_hex")));
            calls.sign(name, RESOURCE, None, &key, EXPIRY);
        }
        "mqtt_username" => {
            let (host, device) = (inputs.text("hostname"), inputs.text("device_id"));
            let (module, product) = (inputs.optional_text("module_id"), inputs.text("user_agent"));
            let words = [Some(&*host), Some(&device), module.as_deref(), Some(&product)];
            let rust = user_name(&host, &device, module.as_deref(), &product);
            calls.add(name, "username", &words, None, rust);
        }
        "dps_mqtt_username" => {
            let (scope, id) = (inputs.text("id_scope"), inputs.text("registration_id"));
            let resource = format!("{scope}/registrations/{id}");
            calls.sign(name, &resource, Some("registration"), KEY, EXPIRY);
        }
        "eventhubs_sas" => {
            let (resource, policy) = (inputs.text("resource_uri"), inputs.text("policy"));
            let key = inputs.text("key_text");
            calls.sign(name, &resource, Some(&policy), &key, inputs.number("expiry"));
        }
        "url_encode" => {
            let text = inputs.text("text");
            calls.sign(name, &format!("{HOST}/devices/{text}"), None, KEY, EXPIRY);
            calls.sign(name, RESOURCE, Some(&text), KEY, EXPIRY);
        }
        // The topics of DPS are not in the header: its sessions are over before a program has a use for them.
        "dps_mqtt_topic" => {}
        other => panic!("{name}: C can do nothing yet with {other}"),
    }
}

fn check(tool: Under) {
    let mut calls = Calls::default();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vectors");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the vectors are there") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let json = fs::read_to_string(&path).expect("it can be read");
        for mut vector in load(&json) {
            count += 1;
            add(&mut calls, &vector.name, &vector.kind, &mut vector.inputs, &mut vector.expected);
        }
    }
    assert!(
        count > 390 && calls.calls.len() > 1500,
        "{count} vectors, {} calls",
        calls.calls.len()
    );

    let printed = suite::run(built(), "vectors", tool, &Folder::new(), &calls.input);
    let mut lines = printed.lines().skip(1);
    let (mut good, mut refused) = (0, 0);
    for (name, rust) in &calls.calls {
        let line = lines.next().unwrap_or_else(|| panic!("{name}: no answer"));
        let (status, text) = line.split_once(' ').unwrap_or_else(|| panic!("{name}: {line}"));
        let c = match status {
            "0" => Some(String::from_utf8(from_hex(text)).expect("it is text")),
            _ => None,
        };
        assert_eq!(&c, rust, "{name}: C, and Rust; {line}");
        *(if c.is_some() { &mut good } else { &mut refused }) += 1;
    }
    assert_eq!(lines.next(), Some("done"));
    assert!(good > 700 && refused > 100, "{good} answers, {refused} refusals");
}

#[test]
fn c_and_rust_make_the_same_of_all_vectors() {
    check(Under::Nothing);
}

#[test]
fn c_and_rust_make_the_same_under_sanitizers() {
    check(Under::Sanitizers);
}

#[test]
fn c_and_rust_make_the_same_under_valgrind() {
    check(Under::Valgrind);
}
