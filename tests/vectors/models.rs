//! `url_encode`, and `models_of_other_sdks`: encoders that were read, not run. Of these we say that we
//! read what they would send, never that we write the same.

use hubward::identity::NameKind;
use hubward::sas::{ResourceUriError, TokenParseError};
use hubward::{DeviceId, HubHost, NameError, ResourceUri, SasToken};

use crate::harness::{Divergences, Vector, for_each};
use crate::reading::{self, Reading};

/// The encoder that ours equals: RFC 3986, unreserved characters kept.
const RFC_3986: &str = "python_quote_safe_empty";

/// All others.
const OTHER_ENCODERS: [&str; 6] = [
    "azure_sdk_for_c",
    "c_utility_URL_Encode",
    "csharp_WebUtility_UrlEncode",
    "java_URLEncoder",
    "node_encodeUriComponentStrict",
    "python_quote_plus",
];

/// Our encoder, where it can be seen from outside: no name has a space or is not ASCII.
fn encode(text: &str) -> Result<String, ResourceUriError> {
    let uri = ResourceUri::service_bus(&format!("h/{text}"))?;
    let encoded = uri.as_encoded().strip_prefix("h%2F").unwrap().to_owned();
    if let Ok(device) = DeviceId::new(text) {
        let resource = ResourceUri::device(&HubHost::new("h").unwrap(), &device);
        assert_eq!(resource.as_encoded(), format!("h%2Fdevices%2F{encoded}"));
    }
    Ok(encoded)
}

/// Our decoder, where it can be seen from outside: bytes outside printable ASCII show as `?`.
fn decode(encoded: &str) -> String {
    let token = format!(
        "SharedAccessSignature sr={encoded}&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&se=1"
    );
    SasToken::parse(&token).unwrap().resource().to_string()
}

/// `text` as [`decode`] shows it.
fn shown(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect()
}

/// A character that [`encode`] refuses, at an offset in the text.
const fn refused_at(position: usize) -> Result<String, ResourceUriError> {
    let prefix = "h/".len();
    Err(ResourceUriError::InvalidCharacter { position: prefix + position })
}

#[test]
fn url_encode() {
    let mut ours = Divergences::new([
        ("java-urlenc-üm@?", "names and URIs are ASCII", refused_at(0)),
        ("java-urlenc-m m", "and have no spaces", refused_at(1)),
    ]);
    let mut rfc_3986 =
        Divergences::new([("java-urlenc-m m", "Java encodes forms, not URIs", "m%20m".to_owned())]);
    for_each(include_str!("../data/vectors/url_encode.json"), &[("url_encode", 2)], |vector| {
        let text = vector.inputs.text("text");
        let java = vector.expected.text("java_URLEncoder");
        rfc_3986.compare(&vector.name, &java, &urlencoding::encode(&text).into_owned());
        ours.compare(&vector.name, &Ok(java), &encode(&text));
    });
}

#[test]
fn models_of_other_sdks() {
    const RAW: &str = "an ID with `%` sent raw: decoded once, as everything is, it is another's";
    const LOWERED: &str = "the identity service lowers the case of IDs, which are case-sensitive";
    const SPACE: &str = "no ID has a space";
    const PLUS: &str = "no ID has a space, and one encoded as `+` is read as a plus";
    const FORM: &str = "a space encoded as `+`, as in forms, is read as a plus";
    const LATIN_1: &str = "the C utility takes UTF-8 for Latin-1 and encodes it again";

    let good_for =
        |resource: &str| Reading::GoodFor(format!("contoso-hub.azure-devices.net/{resource}"));
    let no_such_resource = || {
        Reading::NoSuchResource(ResourceUriError::Name(NameError::InvalidCharacter {
            kind: NameKind::DeviceId,
            position: 3,
        }))
    };
    let mut readings = Divergences::new([
        ("c-mqtt-amqp-model-dev%23-", RAW, good_for("devices/dev#")),
        ("c-mqtt-amqp-model-dev%23-mod:ule;1", RAW, good_for("devices/dev#/modules/mod:ule;1")),
        ("identity-service-model-dev%23-", RAW, good_for("devices/dev#")),
        (
            "identity-service-model-dev%23-mod:ule;1",
            RAW,
            good_for("devices/dev#/modules/mod:ule;1"),
        ),
        ("identity-service-model-Device-01-", LOWERED, good_for("devices/device-01")),
        (
            "identity-service-model-dev@at-$edgeAgent",
            LOWERED,
            good_for("devices/dev@at/modules/$edgeagent"),
        ),
        (
            "c-mqtt-amqp-model-dev space-",
            "a raw space in a token",
            Reading::Unread(TokenParseError::InvalidCharacter { position: 66 }),
        ),
        ("c-http-model-dev space-", SPACE, no_such_resource()),
        ("identity-service-model-dev space-", SPACE, no_such_resource()),
        ("csharp-model-dev space-", PLUS, good_for("devices/dev+space")),
        ("java-device-model-dev space-", PLUS, good_for("devices/dev+space")),
    ]);
    let mut encoded = Divergences::new([
        ("urlenc- ", "URIs have no spaces", refused_at(0)),
        ("urlenc-a b", "URIs have no spaces", refused_at(1)),
        ("urlenc-é", "URIs are ASCII", refused_at(0)),
        ("urlenc-Ω", "URIs are ASCII", refused_at(0)),
        ("urlenc-😀", "URIs are ASCII", refused_at(0)),
    ]);
    let mut decoded = Divergences::new(
        [
            ("urlenc-  by csharp_WebUtility_UrlEncode", FORM, "+"),
            ("urlenc-  by java_URLEncoder", FORM, "+"),
            ("urlenc-  by python_quote_plus", FORM, "+"),
            ("urlenc-a b by csharp_WebUtility_UrlEncode", FORM, "a+b"),
            ("urlenc-a b by java_URLEncoder", FORM, "a+b"),
            ("urlenc-a b by python_quote_plus", FORM, "a+b"),
            ("urlenc-é by c_utility_URL_Encode", LATIN_1, "????"),
            ("urlenc-Ω by c_utility_URL_Encode", LATIN_1, "????"),
            ("urlenc-😀 by c_utility_URL_Encode", LATIN_1, "????????"),
        ]
        .map(|(name, reason, instead)| (name, reason, instead.to_owned())),
    );

    for_each(
        include_str!("../data/vectors/models_of_other_sdks.json"),
        &[("sas_token", 117), ("url_encode", 40)],
        |vector| {
            assert!(vector.is_model, "nothing here is official");
            match vector.kind.as_str() {
                "sas_token" => {
                    let reading = read(vector);
                    readings.compare(&vector.name, &Reading::Good, &reading);
                }
                "url_encode" => {
                    let text = vector.inputs.text("text");
                    let theirs = vector.expected.text(RFC_3986);
                    assert_eq!(theirs, urlencoding::encode(&text));
                    assert_eq!(decode(&theirs), shown(&text));
                    encoded.compare(&vector.name, &Ok(theirs), &encode(&text));

                    for encoder in OTHER_ENCODERS {
                        let name = format!("{} by {encoder}", vector.name);
                        let read = decode(&vector.expected.text(encoder));
                        decoded.compare(&name, &shown(&text), &read);
                    }
                }
                other => panic!("a kind that nobody knows: {other}"),
            }
        },
    );
}

fn read(vector: &mut Vector) -> Reading {
    // Whose model it is; the name says so as well.
    let _ = vector.inputs.text("encoding");
    reading::read(vector)
}
