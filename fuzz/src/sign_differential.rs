//! The signing path against plain `hmac`, `base64` and `urlencoding`.
//!
//! An input is text as far as it can be: six lines and a rest.
//!
//! ```text
//! form and policy   first letter: h(ub), a(ll devices), d(evice), m(odule), r(egistration),
//!                   s(ervice bus); second letter p: name the policy
//! expiry            decimal, or up to eight bytes of a big-endian number
//! host              or ID scope
//! device            or registration ID, or the path of Service Bus
//! module
//! policy
//! K S rest          K + 1 bytes of key, then a message whose prefix has S bytes
//! ```

use std::sync::Arc;

use hubward::keystore::{KeyError, MacKey, Tag};
use hubward::sas::ServiceBusKey;
use hubward::{
    DeviceId, GroupKey, HubHost, IdScope, ModuleId, OtherError, PolicyName, RegistrationId,
    ResourceUri, SAS_TOKEN_MAX, SasError, SasSigner, SasToken, SymmetricKey, UnixTime,
};

use super::oracle;

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    let input = Input::read(data);
    macs(&input);
    tokens(&input);
}

#[derive(Clone, Copy)]
enum Form {
    Hub,
    AllDevices,
    Device,
    Module,
    Registration,
    ServiceBus,
}

struct Input {
    form: Form,
    policy: Option<PolicyName>,
    expiry: u64,
    host: HubHost,
    scope: IdScope,
    device: DeviceId,
    module: ModuleId,
    registration: RegistrationId,
    path: String,
    key: Vec<u8>,
    prefix: Vec<u8>,
    suffix: Vec<u8>,
}

impl Input {
    fn read(data: &[u8]) -> Self {
        let mut lines = data.splitn(7, |byte| *byte == b'\n');
        let mut line = || lines.next().unwrap_or_default();
        let (form, expiry, host, device, module, policy, rest) =
            (line(), line(), line(), line(), line(), line(), line());
        let number = core::str::from_utf8(expiry).ok().and_then(|text| text.parse().ok());
        let big_endian = || {
            let bytes = expiry.iter().take(8);
            bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        let (key, message) = key_and_message(rest.get(2..).unwrap_or_default(), rest.first());
        let split = rest.get(1).map_or(0, |byte| usize::from(*byte)).min(message.len());

        let name =
            |bytes, marks, max| Some(oracle::fitted(bytes, marks, max)).filter(|n| !n.is_empty());
        let or = |name: Option<String>, default: &str| name.unwrap_or_else(|| default.to_owned());
        let policy_name = PolicyName::new(&or(name(policy, "_.@-", 256), "p")).expect("fitted");
        let mut registration = or(name(device, "-._:", 128), "r");
        if RegistrationId::new(&registration).is_err() {
            registration.pop();
            registration.push('r');
        }
        Self {
            form: match form.first() {
                Some(b'h') => Form::Hub,
                Some(b'a') => Form::AllDevices,
                Some(b'm') => Form::Module,
                Some(b'r') => Form::Registration,
                Some(b's') => Form::ServiceBus,
                _ => Form::Device,
            },
            policy: (form.get(1) == Some(&b'p')).then_some(policy_name),
            expiry: number.unwrap_or_else(big_endian),
            host: HubHost::new(&or(name(host, "-_.", 253), "h"))
                .or_else(|_| HubHost::new("contoso-hub.azure-devices.net"))
                .expect("a host"),
            scope: IdScope::new(&or(name(host, "_.-", 128), "0ne")).expect("fitted"),
            device: DeviceId::new(&or(name(device, oracle::ID_MARKS, 128), "d")).expect("fitted"),
            module: ModuleId::new(&or(name(module, oracle::ID_MARKS, 128), "m")).expect("fitted"),
            registration: RegistrationId::new(&registration).expect("fitted"),
            path: oracle::fitted(device, "/~-:.+%_#*?!(),=@;$'&[]{}|\\^`\"<>", 90),
            key,
            prefix: message[..split].to_vec(),
            suffix: message[split..].to_vec(),
        }
    }
}

/// A key of one byte more than `len` says, out of `bytes` over and over; and what of them is left.
fn key_and_message<'a>(bytes: &'a [u8], len: Option<&u8>) -> (Vec<u8>, &'a [u8]) {
    let len = len.map_or(0, |len| usize::from(*len)) + 1;
    let source = if bytes.is_empty() { b"k" } else { bytes };
    let key = source.iter().cycle().take(len).copied().collect();
    (key, bytes.get(len..).unwrap_or_default())
}

/// A key on a chip, as far as the crate can tell: it signs but cannot be prepared.
#[derive(Debug)]
struct Chip(Vec<u8>);

impl MacKey for Chip {
    fn hmac_sha256(&self, parts: &[&[u8]]) -> Result<Tag, KeyError> {
        Ok(Tag::from_bytes(oracle::hmac_sha256(&self.0, parts)))
    }
}

/// A chip that does not answer.
#[derive(Debug)]
struct Broken;

impl MacKey for Broken {
    fn hmac_sha256(&self, _: &[&[u8]]) -> Result<Tag, KeyError> {
        Err(KeyError::Other(OtherError::from_static("no answer")))
    }
}

fn macs(input: &Input) {
    let Input { key: bytes, prefix, suffix, .. } = input;
    let expected = oracle::hmac_sha256(bytes, &[prefix, suffix]);
    let key = SymmetricKey::from_bytes(bytes).expect("1 to 256 bytes");
    assert!(key.hmac_sha256(&[prefix, suffix]).is_ok_and(|tag| tag.matches(&expected)));

    let prepared = key.prepare(prefix).expect("a key in memory");
    // What is finished is not used up.
    for _ in 0..2 {
        assert_eq!(prepared.finish(suffix).unwrap().expose_bytes(), &expected);
    }
    let empty = oracle::hmac_sha256(bytes, &[prefix]);
    assert_eq!(prepared.finish(b"").unwrap().expose_bytes(), &empty);
    let whole = key.prepare(&[&prefix[..], suffix].concat()).expect("a key in memory");
    assert_eq!(whole.finish(b"").unwrap().expose_bytes(), &expected);

    let text = key.expose_base64();
    assert_eq!(oracle::base64_decode(text.expose_text()).as_ref(), Some(bytes));
    assert_eq!(SymmetricKey::from_base64(text.expose_text()).as_ref(), Ok(&key));

    let group = GroupKey::from_bytes(bytes).expect("1 to 256 bytes");
    let derived = group.derive_device_key(&input.registration).expect("a key in memory");
    let registration = input.registration.as_str().as_bytes();
    assert_eq!(derived.expose_bytes(), oracle::hmac_sha256(bytes, &[registration]));
}

fn tokens(input: &Input) {
    let Input { host, device, module, .. } = input;
    let (uri, resource) = match input.form {
        Form::Hub => (host.to_string(), ResourceUri::hub(host)),
        Form::AllDevices => (format!("{host}/devices"), ResourceUri::all_devices(host)),
        Form::Device => (format!("{host}/devices/{device}"), ResourceUri::device(host, device)),
        Form::Module => (
            format!("{host}/devices/{device}/modules/{module}"),
            ResourceUri::module(host, device, module),
        ),
        Form::Registration => return registration_tokens(input),
        Form::ServiceBus => return service_bus_tokens(input),
    };
    let sr = oracle::percent_encode(uri.as_bytes());
    let key = || SymmetricKey::from_bytes(&input.key).expect("1 to 256 bytes");
    let chip = || Chip(input.key.clone());
    let expected = Expected { sr: &sr, key: &input.key, policy: input.policy.as_ref() };
    match &input.policy {
        Some(policy) => {
            signs(input, SasSigner::with_policy(key(), &resource, policy), &expected);
            signs(input, SasSigner::with_policy(chip(), &resource, policy), &expected);
            signs(input, SasSigner::with_policy(&key(), &resource, policy), &expected);
            let handle: Arc<dyn MacKey> = Arc::new(chip());
            signs(input, SasSigner::with_policy(handle, &resource, policy), &expected);
        }
        None => {
            signs(input, SasSigner::new(key(), &resource), &expected);
            signs(input, SasSigner::new(chip(), &resource), &expected);
            signs(input, SasSigner::new(&chip(), &resource), &expected);
            let handle: Box<dyn MacKey> = Box::new(key());
            signs(input, SasSigner::new(handle, &resource), &expected);
        }
    }
    fails(input, SasSigner::new(Broken, &resource));
    let bus = ServiceBusKey::from_text("k").expect("a short text");
    let policy = PolicyName::new("p").expect("a name");
    let wrong = SasSigner::for_service_bus(bus, &resource, &policy);
    assert_eq!(wrong.err(), Some(SasError::NotServiceBus));
}

fn registration_tokens(input: &Input) {
    let Input { scope, registration, .. } = input;
    let sr = oracle::percent_encode(format!("{scope}/registrations/{registration}").as_bytes());
    assert_eq!(ResourceUri::dps_registration(scope, registration).as_encoded(), sr);
    let policy = PolicyName::new("registration").expect("a name");
    let expected = Expected { sr: &sr, key: &input.key, policy: Some(&policy) };
    let key = SymmetricKey::from_bytes(&input.key).expect("1 to 256 bytes");
    signs(input, Ok(SasSigner::for_registration(key, scope, registration)), &expected);
    let chip = Chip(input.key.clone());
    signs(input, Ok(SasSigner::for_registration(chip, scope, registration)), &expected);
    fails(input, Ok(SasSigner::for_registration(Broken, scope, registration)));
}

fn service_bus_tokens(input: &Input) {
    let host = Some(&input.host).filter(|host| host.as_str().len() < 200);
    let host = host.map_or("ns.servicebus.windows.net", HubHost::as_str);
    let uri = format!("sb://{host}/{}", input.path);
    let resource = ResourceUri::service_bus(&uri).expect("a host and printable ASCII");
    let policy = input.policy.clone();
    let policy =
        policy.unwrap_or_else(|| PolicyName::new("RootManageSharedAccessKey").expect("a name"));
    // The text itself is the key.
    let text = oracle::fitted(&input.key, "+/=", 256);
    let sr = oracle::percent_encode(uri.as_bytes());
    let expected = Expected { sr: &sr, key: text.as_bytes(), policy: Some(&policy) };
    let key = ServiceBusKey::from_text(&text).expect("1 to 256 bytes");
    signs(input, SasSigner::for_service_bus(key, &resource, &policy), &expected);

    let chip = || Chip(input.key.clone());
    assert_eq!(SasSigner::new(chip(), &resource).err(), Some(SasError::ServiceBus));
    let wrong = SasSigner::with_policy(chip(), &resource, &policy);
    assert_eq!(wrong.err(), Some(SasError::ServiceBus));
}

/// The tokens by their expiry, in other crates' words.
struct Expected<'a> {
    sr: &'a str,
    key: &'a [u8],
    policy: Option<&'a PolicyName>,
}

impl Expected<'_> {
    fn token(&self, expiry: u64) -> String {
        let policy = self.policy.map(|policy| policy.as_str().as_bytes());
        let skn = policy.map(oracle::percent_encode);
        oracle::signed_token(self.key, self.sr, expiry, skn.as_deref())
    }
}

/// Every way to sign writes what is expected.
fn signs<K: MacKey>(
    input: &Input,
    signer: Result<SasSigner<K>, SasError>,
    expected_by_expiry: &Expected<'_>,
) {
    const UNTOUCHED: u8 = 0xA5;

    let signer = signer.expect("the right kind of resource");
    let expected = &*expected_by_expiry.token(input.expiry);
    let expiry = UnixTime::from_secs(input.expiry);
    let needed = expected.len();
    let any = usize::from(input.key[0]) << 8 | input.key.len();
    for available in [needed, needed + 1, needed + any % 200, SAS_TOKEN_MAX] {
        let mut buffer = vec![UNTOUCHED; available];
        assert_eq!(signer.sign_into(expiry, &mut buffer), Ok(needed));
        let (token, behind) = buffer.split_at(needed);
        assert_eq!(core::str::from_utf8(token), Ok(expected));
        assert!(behind.iter().all(|byte| *byte == UNTOUCHED));
    }
    let step = needed / 12;
    for available in (any % step..needed).step_by(step).chain([needed - 1]) {
        let mut buffer = vec![UNTOUCHED; available];
        assert_eq!(
            signer.sign_into(expiry, &mut buffer),
            Err(SasError::BufferTooSmall { needed, available })
        );
        assert!(buffer.iter().all(|byte| *byte == UNTOUCHED));
    }

    let token = signer.sign(expiry).expect("it signed before");
    assert_eq!(token.expose_token(), expected);
    let read = SasToken::parse(expected).expect("a token of our own");
    assert_eq!((&token, token.expiry()), (&read, read.expiry()));
    assert_eq!(token.resource_text(), read.resource_text());
    assert_eq!(token.policy_name(), read.policy_name());

    // From 2001 to 2286 an expiry has ten digits; such are the tokens that are sent.
    let ten_digits = 1_000_000_000 + input.expiry % 9_000_000_000;
    let token = signer.sign(UnixTime::from_secs(ten_digits)).expect("it signed before");
    assert_eq!(token.expose_token(), expected_by_expiry.token(ten_digits));
}

/// A key that fails writes nothing.
fn fails<K: MacKey>(input: &Input, signer: Result<SasSigner<K>, SasError>) {
    let signer = signer.expect("the right kind of resource");
    let mut buffer = [0; SAS_TOKEN_MAX];
    let expiry = UnixTime::from_secs(input.expiry);
    let error = SasError::Key(KeyError::Other(OtherError::from_static("no answer")));
    assert_eq!(signer.sign_into(expiry, &mut buffer), Err(error.clone()));
    assert_eq!(buffer, [0; SAS_TOKEN_MAX]);
    assert_eq!(signer.sign(expiry).err(), Some(error));
}
