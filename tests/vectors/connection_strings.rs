//! `connection_string`.

use std::collections::BTreeMap;

use hubward::identity::{Authentication, Field};
use hubward::{ConnectionString, ConnectionStringError as Error};

use crate::harness::{Divergences, Listed, for_each, to_base64};

type Fields = BTreeMap<String, String>;

#[test]
fn connection_string() {
    // Who refuses a string refuses it for a reason: ours, where a vector's author refuses it as well.
    let unknown = |segment, similar| Error::UnknownField { segment, similar };
    let mut refusals = Listed::new([
        ("cs-csharp-noauth", Error::MissingAuthentication),
        ("cs-csharp-badkey", Error::KeyNotBase64),
        ("cs-csharp-badsas", Error::NotAToken),
        ("cs-csharp-empty", Error::Empty),
        ("cs-csharp-x509+sas", conflict(Field::SharedAccessSignature, Field::X509)),
        ("cs-csharp-x509false", Error::X509NotTrue),
        ("cs-csharp-both", TWO_SECRETS),
        ("cs-pytest-garbage", Error::NotAConnectionString),
        ("cs-pytest-hostonly", Error::MissingAuthentication),
        ("cs-pytest-badkey", unknown(2, None)),
        ("cs-pytest-duphost", duplicate(Field::HostName)),
        ("cs-pytest-dupkey", duplicate(Field::SharedAccessKey)),
        ("cs-pytest-mixed", conflict(Field::SharedAccessKey, Field::X509)),
        ("py-cs-hostname=h;DeviceId=d1;SharedAccessKey=A", unknown(1, Some(Field::HostName))),
        ("py-cs-HostName=h; DeviceId=d1;SharedAccessKey=", unknown(2, Some(Field::DeviceId))),
        ("py-cs-HostName=h;HostName=h2;DeviceId=d1;Share", duplicate(Field::HostName)),
        ("py-cs-HostName=h;DeviceId=d;1;SharedAccessKey=", no_equals_sign(3)),
        ("py-cs-HostName=h;DeviceId=d1", Error::MissingAuthentication),
        ("py-cs-HostName=h;DeviceId=d1;SharedAccessKey=A#3", unknown(4, None)),
        ("py-cs-HostName=;DeviceId=d1;SharedAccessKey=AA", empty(Field::HostName)),
        ("py-cs-HostName=h;DeviceId=;SharedAccessKey=AAA", empty(Field::DeviceId)),
        ("py-cs-HostName=h;DeviceId=d1;SharedAccessKey=", empty(Field::SharedAccessKey)),
        ("py-cs-", Error::Empty),
        ("node-cs-HostName =h;DeviceId=d1;SharedAccessKey=", unknown(1, Some(Field::HostName))),
        ("node-cs-HostName=h;DeviceId=d1", Error::MissingAuthentication),
        ("node-cs-HostName=h;DeviceId=d1;SharedAccessKey=A#2", TWO_SECRETS),
        ("node-cs-HostName=;DeviceId=d1;SharedAccessKey=AA", empty(Field::HostName)),
        ("node-cs-HostName=h;DeviceId=;SharedAccessKey=AAA", empty(Field::DeviceId)),
        ("node-cs-HostName=h;DeviceId=d1;SharedAccessKey=", empty(Field::SharedAccessKey)),
        ("node-cs-", Error::Empty),
        ("node-cs-garbage", Error::NotAConnectionString),
    ]);

    let mut divergences = Divergences::new([
        // Stricter.
        (
            "cs-pytest-x509",
            "`x509=True`: the SDKs do not agree on what is true, so it is `true` alone",
            Err(Error::X509NotTrue),
        ),
        (
            "py-cs-HostName=h;DeviceId=d1;x509=false",
            "Python takes any text of `x509` for true, `false` as well",
            Err(Error::X509NotTrue),
        ),
        (
            "py-cs-HostName=h;DeviceId=d1;SharedAccessKey=A#2",
            "a key and a token: Python would use one of them silently",
            Err(TWO_SECRETS),
        ),
        (
            "py-cs-HostName=h;DeviceId=d1;SharedAccessKey=n",
            "Python looks at the key only when it signs",
            Err(Error::KeyNotBase64),
        ),
        (
            "node-cs-HostName=h;DeviceId=d;1;SharedAccessKey=",
            "Node cuts the ID off at its `;` and goes on as another device",
            Err(no_equals_sign(3)),
        ),
        // Laxer.
        (
            "py-cs-HostName=h;DeviceId=d1;SharedAccessKey=A",
            "one `;` at the end means nothing else; Node and C take it",
            Ok(device_d1()),
        ),
        (
            "py-cs-HostName=h;DeviceId=d1;SharedAccessKey=A#4",
            "RepositoryId is left over from a tool and means nothing to a device",
            Ok(device_d1()),
        ),
        (
            "node-cs-HostName=h;SharedAccessKeyName=iothubown",
            "the policy form is for service tools, which Node's device package is not",
            Ok(fields([
                ("HostName", "h"),
                ("SharedAccessKeyName", "iothubowner"),
                ("SharedAccessKey", "AAAA"),
            ])),
        ),
    ]);

    for_each(
        include_str!("../data/vectors/connection_string.json"),
        &[("connection_string", 54)],
        |vector| {
            let name = &vector.name;
            let text = vector.inputs.text("connection_string");
            let parsed = ConnectionString::parse(&text);
            if let Ok(connection) = &parsed
                && let Some(key) = vector.expected.optional_text("key_utf8")
            {
                assert_eq!(key_bytes(connection), Some(key.as_bytes()));
            }

            let ours = parsed.map(|connection| read(&connection));
            #[cfg(feature = "alloc")]
            owned_forms(&text, &ours);

            if vector.expected.flag("ok") {
                let theirs = vector.expected.optional_texts("fields");
                let theirs = Ok(theirs.unwrap_or_else(|| split(&text)));
                divergences.compare(name, &theirs, &ours);
            } else {
                // The messages of the SDKs say less than ours; each is there in words only.
                let theirs = vector.expected.optional_text("error");
                divergences.judge(name, &theirs, &ours, ours.is_err());
                if let Err(error) = &ours {
                    assert_eq!(Some(error), refusals.get(name), "{name}: refused otherwise");
                }
            }
        },
    );
}

const TWO_SECRETS: Error = conflict(Field::SharedAccessKey, Field::SharedAccessSignature);

const fn conflict(first: Field, second: Field) -> Error {
    Error::TwoAuthentications { first, second }
}

const fn duplicate(field: Field) -> Error {
    Error::DuplicateField { field }
}

const fn empty(field: Field) -> Error {
    Error::EmptyValue { field }
}

const fn no_equals_sign(segment: usize) -> Error {
    Error::MissingEqualsSign { segment }
}

fn device_d1() -> Fields {
    fields([("HostName", "h"), ("DeviceId", "d1"), ("SharedAccessKey", "AAAA")])
}

fn fields<const N: usize>(fields: [(&str, &str); N]) -> Fields {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    fields.map(owned).into()
}

/// What a connection string says where the vector does not spell it out: good ones are this plain.
fn split(text: &str) -> Fields {
    text.split(';')
        .map(|segment| segment.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What this crate read, under the names of the connection string.
fn read(connection: &ConnectionString<'_>) -> Fields {
    let (secret_field, secret) = match connection.authentication() {
        Authentication::SharedAccessKey(key) => ("SharedAccessKey", to_base64(key.expose_bytes())),
        Authentication::SharedAccessSignature(token) => {
            ("SharedAccessSignature", token.expose_text().to_owned())
        }
        Authentication::X509 => ("x509", "true".to_owned()),
        other => panic!("an authentication that no vector has: {other:?}"),
    };
    assert_eq!(connection.authentication().field().name(), secret_field);

    let host = Some(connection.host().as_str());
    let gateway = connection.gateway().map(AsRef::as_ref);
    let device = connection.device_id().map(AsRef::as_ref);
    let module = connection.module_id().map(AsRef::as_ref);
    let policy = connection.policy_name().map(AsRef::as_ref);
    [
        ("HostName", host),
        ("GatewayHostName", gateway),
        ("DeviceId", device),
        ("ModuleId", module),
        ("SharedAccessKeyName", policy),
        (secret_field, Some(&secret)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
    .collect()
}

fn key_bytes<'a>(connection: &'a ConnectionString<'_>) -> Option<&'a [u8]> {
    match connection.authentication() {
        Authentication::SharedAccessKey(key) => Some(key.expose_bytes()),
        _ => None,
    }
}

/// The owned forms read the same, and what is written is read back the same.
#[cfg(feature = "alloc")]
fn owned_forms(text: &str, expected: &Result<Fields, Error>) {
    let owned = ConnectionString::from_string(text.to_owned());
    if let Ok(connection) = &owned {
        let written = connection.expose_connection_string().unwrap();
        let back = ConnectionString::parse(written.expose_text());
        assert_eq!(&back.map(|connection| read(&connection)), expected);
    }
    assert_eq!(&owned.map(|connection| read(&connection)), expected);
}
