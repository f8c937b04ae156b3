//! `ConnectionString` against an independent reading of its rules.

use std::collections::BTreeMap;

use hubward::identity::{Authentication, Field};
use hubward::{
    ConnectionString, ConnectionStringError, DeviceId, HubHost, ModuleId, PolicyName, ResourceUri,
    SasError, SasSigner, SasToken, SymmetricKey, UnixTime,
};

use super::oracle;

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let parsed = ConnectionString::parse(text);
    all_readers_agree(text, &parsed);
    let model = model(text);
    match &parsed {
        Ok(connection) => {
            let model = model.expect("what is accepted follows the rules");
            says_what_was_read(connection, &model);
            comes_back(connection);
            hides_the_secret(text, connection);
            signs_where_there_is_a_key(connection);
        }
        Err(error) => {
            assert!(model.is_none(), "refused although it is fine: {error}");
            is_true(error, text);
            error_is_the_same_for_other_secrets(text, error);
        }
    }
}

fn same(a: &ConnectionString<'_>, b: &ConnectionString<'_>) -> bool {
    let authentication = match (a.authentication(), b.authentication()) {
        (Authentication::SharedAccessKey(a), Authentication::SharedAccessKey(b)) => a == b,
        (Authentication::SharedAccessSignature(a), Authentication::SharedAccessSignature(b)) => {
            a == b
        }
        (a, b) => a.field() == Field::X509 && b.field() == Field::X509,
    };
    authentication
        && a.host() == b.host()
        && a.gateway() == b.gateway()
        && a.device_id() == b.device_id()
        && a.module_id() == b.module_id()
        && a.policy_name() == b.policy_name()
}

fn all_readers_agree(text: &str, parsed: &Result<ConnectionString<'_>, ConnectionStringError>) {
    let others = [
        ConnectionString::from_string(text.to_owned()),
        text.parse(),
        ConnectionString::parse(text).map(ConnectionString::into_owned),
    ];
    for other in &others {
        match (parsed, other) {
            (Ok(parsed), Ok(other)) => assert!(same(parsed, other)),
            (Err(parsed), Err(other)) => assert_eq!(parsed, other),
            _ => panic!("one reader accepts what another refuses"),
        }
    }
}

const IGNORED: [&str; 4] = ["RepositoryId", "UseProvisioning", "CredentialScope", "CredentialType"];
const PUBLIC: [&str; 7] = [
    "HostName",
    "GatewayHostName",
    "DeviceId",
    "ModuleId",
    "SharedAccessKeyName",
    "x509",
    "X509Cert",
];
const KEY: &str = "SharedAccessKey";
const TOKEN: &str = "SharedAccessSignature";

type Model<'a> = BTreeMap<&'a str, &'a str>;

/// The fields of a text that should be accepted.
fn model(text: &str) -> Option<Model<'_>> {
    let text = text.trim();
    let mut fields = Model::new();
    for segment in text.strip_suffix(';').unwrap_or(text).split(';') {
        let (name, value) = segment.split_once('=')?;
        let name = if name == "X509Cert" { "x509" } else { name };
        let ignored = IGNORED.contains(&name);
        let known = ignored || PUBLIC.contains(&name) || name == KEY || name == TOKEN;
        if !known || (value.is_empty() && !ignored) || fields.insert(name, value).is_some() {
            return None;
        }
    }
    fields.retain(|name, _| !IGNORED.contains(name));

    let get = |name| fields.get(name).copied();
    let policy = get("SharedAccessKeyName");
    let authentication_is_fine = match (get(KEY), get(TOKEN), get("x509")) {
        (Some(key), None, None) => oracle::base64_decode(key).is_some_and(|key| key.len() <= 256),
        (None, Some(token), None) => is_token(token),
        (None, None, Some(x509)) => x509 == "true" && policy.is_none(),
        _ => false,
    };
    let identity_is_fine = match (get("DeviceId"), get("ModuleId")) {
        (None, None) => policy.is_some(),
        (None, Some(_)) => false,
        (Some(_), _) => true,
    };
    let names_are_fine = get("HostName").is_some_and(|host| HubHost::new(host).is_ok())
        && get("GatewayHostName").is_none_or(|host| HubHost::new(host).is_ok())
        && get("DeviceId").is_none_or(|id| DeviceId::new(id).is_ok())
        && get("ModuleId").is_none_or(|id| ModuleId::new(id).is_ok())
        && policy.is_none_or(|name| PolicyName::new(name).is_ok());
    (authentication_is_fine && identity_is_fine && names_are_fine).then_some(fields)
}

fn says_what_was_read(connection: &ConnectionString<'_>, model: &Model<'_>) {
    let get = |name| model.get(name).copied();
    assert_eq!(Some(connection.host().as_str()), get("HostName"));
    let gateway = connection.gateway().map(HubHost::as_str);
    assert_eq!(gateway, get("GatewayHostName"));
    let device = connection.device_id().map(DeviceId::as_str);
    assert_eq!(device, get("DeviceId"));
    let module = connection.module_id().map(ModuleId::as_str);
    assert_eq!(module, get("ModuleId"));
    let policy = connection.policy_name().map(PolicyName::as_str);
    assert_eq!(policy, get("SharedAccessKeyName"));
    match connection.authentication() {
        Authentication::SharedAccessKey(key) => {
            let expected = get(KEY).and_then(oracle::base64_decode);
            assert_eq!(Some(key.expose_bytes()), expected.as_deref());
        }
        Authentication::SharedAccessSignature(token) => {
            assert_eq!(Some(token.expose_text()), get(TOKEN));
        }
        _ => assert_eq!(get("x509"), Some("true")),
    }
    let field = connection.authentication().field();
    assert!(model.contains_key(field.name()));
}

/// What was parsed has no `;` in it and no empty value, so it can always be written, and what is
/// written is read as the same.
fn comes_back(connection: &ConnectionString<'_>) {
    let written = connection.expose_connection_string().expect("what was read can be written");
    let again =
        ConnectionString::parse(written.expose_text()).expect("what was written can be read");
    assert!(same(connection, &again), "another identity came back");
    let twice = again.expose_connection_string().expect("as before");
    assert_eq!(twice.expose_text(), written.expose_text());
}

/// `text` with the value of every field that is not public replaced: also of those whose names are
/// unknown, which may be misspelled secrets. Empty values stay empty.
fn with_secrets(text: &str, key: &str, token: &str) -> String {
    let segments: Vec<String> = text
        .trim()
        .split(';')
        .map(|segment| match segment.split_once('=') {
            Some((name, value)) if !value.is_empty() && !PUBLIC.contains(&name) => {
                format!("{name}={}", if name == TOKEN { token } else { key })
            }
            _ => segment.to_owned(),
        })
        .collect();
    segments.join(";")
}

/// Another secret in its place, and nothing that is shown changes: so nothing of the secret is shown,
/// whatever it looks like.
fn hides_the_secret(text: &str, connection: &ConnectionString<'_>) {
    let other = with_secrets(text, "b3RoZXI=", "SharedAccessSignature other");
    let other = ConnectionString::parse(&other).expect("only the secret is another");
    assert_eq!(oracle::shown(connection), oracle::shown(&other));
    let authentication =
        |connection: &ConnectionString<'_>| format!("{0:?}{0:#?}", connection.authentication());
    assert_eq!(authentication(connection), authentication(&other));
    match (SasSigner::from_connection_string(connection), SasSigner::from_connection_string(&other))
    {
        (Ok(signer), Ok(other)) => {
            assert_eq!(format!("{signer:?}{signer:#?}"), format!("{other:?}{other:#?}"));
        }
        (signer, other) => assert_eq!(signer.err(), other.err()),
    }
}

/// Whatever kinds of secrets there are, one of them brings the same error: so the error depends on the
/// kind alone and nothing of the secret is in it, whatever the secret looks like.
fn error_is_the_same_for_other_secrets(text: &str, error: &ConnectionStringError) {
    let too_long = "A".repeat(352);
    let same = ["AAAA", "!", &too_long].iter().any(|key| {
        ["SharedAccessSignature x", "!"].iter().any(|token| {
            let other = ConnectionString::parse(&with_secrets(text, key, token)).map(|_| ());
            other.is_err_and(|other| oracle::shown(&other) == oracle::shown(error))
        })
    });
    assert!(same, "the error changes with the secret: {error:?}");
}

fn is_token(text: &str) -> bool {
    text.strip_prefix(oracle::TOKEN_PREFIX)
        .is_some_and(|fields| !fields.is_empty() && fields.chars().all(|c| c.is_ascii_graphic()))
}

/// Whether some segment has the name of a field, but for case and what is around it.
fn has_name(segments: &[&str]) -> bool {
    let names: Vec<&str> = PUBLIC.iter().copied().chain([KEY, TOKEN]).collect();
    segments.iter().filter_map(|segment| segment.split_once('=')).any(|(name, _)| {
        let bare = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        names.iter().any(|name| name.eq_ignore_ascii_case(bare))
    })
}

/// An error that can be judged by itself says the truth.
fn is_true(error: &ConnectionStringError, text: &str) {
    let text = text.trim();
    let segments: Vec<&str> = text.strip_suffix(';').unwrap_or(text).split(';').collect();
    let names = |field: Field| -> &[&str] {
        match field {
            Field::HostName => &["HostName"],
            Field::GatewayHostName => &["GatewayHostName"],
            Field::DeviceId => &["DeviceId"],
            Field::ModuleId => &["ModuleId"],
            Field::SharedAccessKeyName => &["SharedAccessKeyName"],
            Field::SharedAccessKey => &[KEY],
            Field::SharedAccessSignature => &[TOKEN],
            Field::X509 => &["x509", "X509Cert"],
            _ => panic!("a new field: teach it to the fuzz targets"),
        }
    };
    let values = |field| -> Vec<&str> {
        let pairs = segments.iter().filter_map(|segment| segment.split_once('='));
        pairs.filter(|(name, _)| names(field).contains(name)).map(|(_, value)| value).collect()
    };
    let key = || oracle::base64_decode(values(Field::SharedAccessKey)[0]);
    match error.clone() {
        ConnectionStringError::Empty => assert_eq!(text, ""),
        ConnectionStringError::NotAConnectionString => assert!(!has_name(&segments)),
        ConnectionStringError::ServiceBus => {
            assert!(segments.iter().any(|segment| segment.starts_with("Endpoint=")));
        }
        ConnectionStringError::EmptyValue { field } => assert!(values(field).contains(&"")),
        ConnectionStringError::MissingField { field } => assert!(values(field).is_empty()),
        ConnectionStringError::DuplicateField { field } => assert!(values(field).len() > 1),
        ConnectionStringError::DuplicateIgnoredField { name } => {
            assert!(IGNORED.contains(&name));
            let pairs = segments.iter().filter_map(|segment| segment.split_once('='));
            assert!(pairs.filter(|(own, _)| *own == name).count() > 1);
        }
        ConnectionStringError::UnknownField { segment, similar } => {
            let (name, _) = segments[segment - 1].split_once('=').expect("a field");
            let known = PUBLIC.contains(&name) || IGNORED.contains(&name);
            assert!(!known && name != KEY && name != TOKEN && has_name(&segments));
            if let Some(field) = similar {
                let bare = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
                assert!(names(field).iter().any(|name| name.eq_ignore_ascii_case(bare)));
            }
        }
        ConnectionStringError::MissingEqualsSign { segment } => {
            assert!(!segments[segment - 1].contains('=') && has_name(&segments));
        }
        ConnectionStringError::MissingAuthentication => {
            for field in [Field::SharedAccessKey, Field::SharedAccessSignature, Field::X509] {
                assert!(values(field).is_empty());
            }
        }
        ConnectionStringError::TwoAuthentications { first, second } => {
            assert!(first != second && values(first).len() == 1 && values(second).len() == 1);
        }
        ConnectionStringError::X509NotTrue => assert_ne!(values(Field::X509), ["true"]),
        ConnectionStringError::KeyNotBase64 => assert!(key().is_none(), "canonical base64"),
        ConnectionStringError::KeyTooLong { max } => {
            let text = values(Field::SharedAccessKey)[0];
            assert!(key().map_or(text.len() / 4 * 3, |key| key.len()) > max);
        }
        ConnectionStringError::NotAToken => {
            assert!(!is_token(values(Field::SharedAccessSignature)[0]));
        }
        ConnectionStringError::InvalidName { field, error: source } => {
            let value = values(field)[0];
            let own = match field {
                Field::HostName | Field::GatewayHostName => HubHost::new(value).err(),
                Field::DeviceId => DeviceId::new(value).err(),
                Field::ModuleId => ModuleId::new(value).err(),
                Field::SharedAccessKeyName => PolicyName::new(value).err(),
                _ => panic!("{field} is no name"),
            };
            assert_eq!(own, Some(source));
        }
        ConnectionStringError::NotRepresentable { .. } => panic!("nothing was written"),
        _ => panic!("a new error: teach it to the fuzz targets"),
    }
}

fn signs_where_there_is_a_key(connection: &ConnectionString<'_>) {
    let signer = SasSigner::from_connection_string(connection);
    let Authentication::SharedAccessKey(key) = connection.authentication() else {
        let found = connection.authentication().field();
        assert_eq!(signer.err(), Some(SasError::NoKey { found }));
        return;
    };
    let host = connection.host();
    let resource = match (connection.device_id(), connection.module_id()) {
        (Some(device), Some(module)) => ResourceUri::module(host, device, module),
        (Some(device), None) => ResourceUri::device(host, device),
        (None, _) => ResourceUri::hub(host),
    };
    let expiry = UnixTime::from_secs(1_800_000_000);
    let token = signer.expect("there is a key").sign(expiry).expect("it is in memory");

    let read = SasToken::parse(token.expose_token()).expect("a token of our own");
    assert_eq!(read, token);
    assert_eq!(read.resource_text(), resource.as_encoded());
    assert_eq!(read.expiry(), expiry);
    assert_eq!(read.policy_name().as_ref(), connection.policy_name());
    let key = SymmetricKey::from_bytes(key.expose_bytes()).expect("a key that signs");
    let now = UnixTime::from_secs(1_799_999_999);
    assert_eq!(read.verify(&key, &resource, now, core::time::Duration::ZERO), Ok(()));
}
