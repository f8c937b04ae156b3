//! What each error says. The message is for the person who has to put it right.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::identity::{Authentication, Field, NameKind};
use hubward::keystore::KeyError;
use hubward::sas::{ResourceUriError, SasField, ServiceBusKey, TokenParseError, TokenVerifyError};
use hubward::secret::{SecretBytes, SecretError};
use hubward::{
    Clock, ConnectionString, ConnectionStringError, DeviceId, FixedClock, HubHost, IdScope, MacKey,
    ModuleId, NameError, OtherError, PolicyName, RegistrationId, ResourceUri, SasError, SasSigner,
    SasToken, SymmetricKey, TimeError, UnixTime,
};

use super::source::sources;
use super::{Broken, NO_TOLERANCE, signer, silence, symmetric, token_text};

/// Stands for a secret or a private name; no message may repeat it.
const CANARY: &str = "cAnArY";

/// The variant of an error, as `Debug` names it.
fn variant(error: &dyn Debug) -> String {
    let text = format!("{error:?}");
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    text[..end].to_owned()
}

/// Checks message by message, that none repeats the canary, and that every variant is in the table.
fn check_messages<E: Error + PartialEq>(name: &str, table: &[(E, E, &str)]) {
    let mut seen = Vec::new();
    for (found, expected, message) in table {
        assert_eq!(found, expected);
        assert_eq!(&found.to_string(), message);
        for text in [found.to_string(), format!("{found:?}"), format!("{found:#?}")] {
            assert!(!text.to_lowercase().contains(&CANARY.to_lowercase()), "{text}");
        }
        // A sentence in a chain of causes: no capital that is no name, no full stop, one line.
        assert!(!message.ends_with(['.', ' ']) && !message.contains(['\n', '"']), "{message}");
        seen.push(variant(found));
    }
    for (variant, place) in variants(name) {
        assert!(seen.contains(&variant), "{place}: {name}::{variant} is not in the table");
    }
}

/// The variants of an enum as the source has them, and where.
fn variants(name: &str) -> Vec<(String, String)> {
    for source in sources() {
        let words: Vec<&str> = source.tokens.iter().map(|token| token.text.as_str()).collect();
        let Some(start) = words.windows(3).position(|three| three == ["enum", name, "{"]) else {
            continue;
        };
        let mut found = Vec::new();
        let mut depth = 0;
        for index in start + 2.. {
            match words[index] {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                word if depth == 1 && matches!(words[index + 1], "{" | "(" | ",") => {
                    let line = source.tokens[index].line;
                    found.push((word.to_owned(), format!("src/{}:{line}", source.path)));
                }
                _ => {}
            }
            if depth == 0 {
                assert!(!found.is_empty(), "{name} has no variants");
                return found;
            }
        }
    }
    panic!("there is no {name}");
}

#[test]
fn connection_string_errors_say_what_is_wrong() {
    use ConnectionStringError as E;
    use Field as F;

    let with_key = |key: &str| format!("HostName=h;DeviceId=d;SharedAccessKey={key}");
    let longest_key = with_key(&STANDARD.encode([0; 256]));
    assert!(ConnectionString::parse(&longest_key).is_ok());
    let too_long_by_one = with_key(&STANDARD.encode([0; 257]));
    let long_key = with_key(&"cAnA".repeat(87));
    let long_host = format!("HostName={};DeviceId=d;x509=true", CANARY.repeat(43));
    let parse = |text: &str| ConnectionString::parse(text).expect_err(text);
    let policy_key = SecretBytes::copy_from(b"").expect("it fits");
    let no_key = ConnectionString::policy(
        HubHost::new("h").expect("a host"),
        PolicyName::new("p").expect("a policy"),
        policy_key,
    );
    let key = SymmetricKey::from_bytes(CANARY.as_bytes()).expect("a key");
    let no_token = ConnectionString::device(
        HubHost::new("h").expect("a host"),
        DeviceId::new(CANARY).expect("an ID"),
        Authentication::SharedAccessSignature(key.expose_base64()),
    );
    let semicolon = ConnectionString::device(
        HubHost::new("h").expect("a host"),
        DeviceId::new("cAnArY;").expect("an ID"),
        Authentication::X509,
    );
    let no_equals_sign = "segment 2 has no `=`: remove the stray `;`; an ID that contains `;` \
                          cannot be written in a connection string, build the identity with \
                          `DeviceId::new` or `ModuleId::new`";
    let not_a_token = "SharedAccessSignature does not hold a token: tokens begin with \
                       `SharedAccessSignature` and one space, and have no other";
    let not_a_connection_string = "not a connection string: one looks like \
                                   HostName=...;DeviceId=...;SharedAccessKey=..., on one line";
    let missing = |field| E::MissingField { field };
    let name = |field, error| E::InvalidName { field, error };
    let character = |kind, position| NameError::InvalidCharacter { kind, position };
    check_messages(
        "ConnectionStringError",
        &[
            (parse(""), E::Empty, "the connection string is empty"),
            (parse(" \r\n"), E::Empty, "the connection string is empty"),
            (
                parse("HostName=;DeviceId=cAnArY"),
                E::EmptyValue { field: F::HostName },
                "HostName has no value",
            ),
            (
                parse("HostName=cAnArY;SharedAccessKey="),
                E::EmptyValue { field: F::SharedAccessKey },
                "SharedAccessKey has no value",
            ),
            (
                parse("DeviceId=cAnArY;SharedAccessKey=cAnA"),
                missing(F::HostName),
                "HostName is missing",
            ),
            (
                parse("HostName=cAnArY;SharedAccessKey=cAnA"),
                missing(F::DeviceId),
                "DeviceId is missing",
            ),
            // A module is one of a device, also where a policy's key opens it.
            (
                parse("HostName=h;ModuleId=cAnArY;SharedAccessKeyName=p;SharedAccessKey=cAnA"),
                missing(F::DeviceId),
                "DeviceId is missing",
            ),
            (
                parse("HostName=h;SharedAccessKeyName=cAnArY"),
                missing(F::SharedAccessKey),
                "SharedAccessKey is missing",
            ),
            (
                parse("HostName=h;DeviceId=cAnArY;DeviceId=cAnArY;x509=true"),
                E::DuplicateField { field: F::DeviceId },
                "DeviceId is there more than once",
            ),
            (
                parse("HostName=h;DeviceId=cAnArY;x509=true;X509Cert=true"),
                E::DuplicateField { field: F::X509 },
                "x509 is there more than once",
            ),
            (
                parse("HostName=h;RepositoryId=cAnArY;RepositoryId=cAnArY"),
                E::DuplicateIgnoredField { name: "RepositoryId" },
                "RepositoryId is there more than once",
            ),
            (
                parse("HostName=h;cAnArY=cAnArY"),
                E::UnknownField { segment: 2, similar: None },
                "segment 2 has an unknown field name; check its spelling, or remove it",
            ),
            // A key pasted alone: what stands before its `=` is the key.
            (
                parse("cAnArYcAnArYcAnArYcAnArYcAnArYcAnArYcAnArYc="),
                E::NotAConnectionString,
                not_a_connection_string,
            ),
            (parse("cAnArY"), E::NotAConnectionString, not_a_connection_string),
            (parse("# cAnArY;x;RepositoryId=1"), E::NotAConnectionString, not_a_connection_string),
            (
                parse("Endpoint=sb://cAnArY/;SharedAccessKeyName=cAnArY;SharedAccessKey=cAnArY"),
                E::ServiceBus,
                "Endpoint belongs to Event Hubs or Service Bus: take the connection string apart \
                 and use `SasSigner::for_service_bus`",
            ),
            (
                parse("HostName=h;deviceid=cAnArY"),
                E::UnknownField { segment: 2, similar: Some(F::DeviceId) },
                "segment 2 has an unknown field name; if DeviceId is meant, write it exactly so, \
                 without spaces, quotes or a byte-order mark",
            ),
            (
                parse("HostName=h; SharedAccessKey =cAnArY"),
                E::UnknownField { segment: 2, similar: Some(F::SharedAccessKey) },
                "segment 2 has an unknown field name; if SharedAccessKey is meant, write it \
                 exactly so, without spaces, quotes or a byte-order mark",
            ),
            (
                parse("HostName=h;X509=true"),
                E::UnknownField { segment: 2, similar: Some(F::X509) },
                "segment 2 has an unknown field name; if x509 is meant, write it exactly so, \
                 without spaces, quotes or a byte-order mark",
            ),
            (
                parse("HostName=h;x509cert=true"),
                E::UnknownField { segment: 2, similar: Some(F::X509) },
                "segment 2 has an unknown field name; if x509 is meant, write it exactly so, \
                 without spaces, quotes or a byte-order mark",
            ),
            (parse("HostName=h;;"), E::MissingEqualsSign { segment: 2 }, no_equals_sign),
            (parse("HostName=h;cAnArY"), E::MissingEqualsSign { segment: 2 }, no_equals_sign),
            (
                parse("DeviceId=cAnArY;cAnArY;HostName=h"),
                E::MissingEqualsSign { segment: 2 },
                no_equals_sign,
            ),
            (
                parse("HostName=h;DeviceId=cAnArY"),
                E::MissingAuthentication,
                "one of SharedAccessKey, SharedAccessSignature or x509=true is missing",
            ),
            (
                parse("HostName=h;DeviceId=d;SharedAccessKey=cAnA;SharedAccessSignature=cAnArY"),
                E::TwoAuthentications {
                    first: F::SharedAccessKey,
                    second: F::SharedAccessSignature,
                },
                "SharedAccessKey and SharedAccessSignature exclude each other: keep one",
            ),
            (
                parse("HostName=h;DeviceId=d;x509=true;SharedAccessKey=cAnA"),
                E::TwoAuthentications { first: F::SharedAccessKey, second: F::X509 },
                "SharedAccessKey and x509 exclude each other: keep one",
            ),
            (
                parse("HostName=h;DeviceId=d;x509=cAnArY;SharedAccessSignature=cAnArY"),
                E::TwoAuthentications { first: F::SharedAccessSignature, second: F::X509 },
                "SharedAccessSignature and x509 exclude each other: keep one",
            ),
            (
                parse("HostName=h;DeviceId=d;x509=true;SharedAccessKeyName=cAnArY"),
                E::TwoAuthentications { first: F::SharedAccessKeyName, second: F::X509 },
                "SharedAccessKeyName and x509 exclude each other: keep one",
            ),
            (
                parse("HostName=h;DeviceId=d;x509=cAnArY"),
                E::X509NotTrue,
                "x509 can only be `true`, in lower case; leave it out where a key is used",
            ),
            (
                parse("HostName=h;DeviceId=d;x509=True"),
                E::X509NotTrue,
                "x509 can only be `true`, in lower case; leave it out where a key is used",
            ),
            (
                parse("HostName=h;DeviceId=d;SharedAccessKey=cAnArY"),
                E::KeyNotBase64,
                "SharedAccessKey is not canonical base64 with padding: copy the whole key, \
                 with any `=` at its end and without spaces",
            ),
            (
                parse(&too_long_by_one),
                E::KeyTooLong { max: 256 },
                "SharedAccessKey decodes to more than 256 bytes",
            ),
            (
                parse(&long_key),
                E::KeyTooLong { max: 256 },
                "SharedAccessKey decodes to more than 256 bytes",
            ),
            (
                parse("HostName=h;SharedAccessSignature=SharedAccessSignature cAnArY ;DeviceId=d"),
                E::NotAToken,
                not_a_token,
            ),
            (
                parse("HostName=h;DeviceId=d;SharedAccessSignature=SharedAccessSignature "),
                E::NotAToken,
                not_a_token,
            ),
            (
                parse("HostName=h;DeviceId=d;SharedAccessSignature=cAnArY"),
                E::NotAToken,
                not_a_token,
            ),
            (
                parse("HostName=https://cAnArY;DeviceId=d;x509=true"),
                name(F::HostName, character(NameKind::HubHost, 5)),
                "HostName: the host name has a character that is not allowed at byte 5; allowed \
                 are letters, digits, `-`, `_`, and `.` between labels, without scheme or port",
            ),
            (
                parse(&long_host),
                name(
                    F::HostName,
                    NameError::TooLong { kind: NameKind::HubHost, len: 258, max: 253 },
                ),
                "HostName: the host name has 258 bytes; at most 253 are allowed",
            ),
            (
                parse("HostName=h;GatewayHostName=cAnArY.;DeviceId=d;x509=true"),
                name(
                    F::GatewayHostName,
                    NameError::InvalidLabel { kind: NameKind::HubHost, position: 7 },
                ),
                "GatewayHostName: the host name has a bad label at byte 7; the parts between dots \
                 are 1 to 63 bytes and neither begin nor end with `-`",
            ),
            (
                parse("HostName=h;DeviceId=cAnArY/;x509=true"),
                name(F::DeviceId, character(NameKind::DeviceId, 6)),
                "DeviceId: the device ID has a character that is not allowed at byte 6; allowed \
                 are letters, digits, and any of - : . + % _ # * ? ! ( ) , = @ ; $ '",
            ),
            (
                parse("HostName=h;DeviceId=d;ModuleId=cAnArY ;x509=true"),
                name(F::ModuleId, character(NameKind::ModuleId, 6)),
                "ModuleId: the module ID has a character that is not allowed at byte 6; allowed \
                 are letters, digits, and any of - : . + % _ # * ? ! ( ) , = @ ; $ '",
            ),
            (
                parse("HostName=h;SharedAccessKeyName=cAnArY+;SharedAccessKey=cAnA"),
                name(F::SharedAccessKeyName, character(NameKind::PolicyName, 6)),
                "SharedAccessKeyName: the policy name has a character that is not allowed at byte \
                 6; allowed are letters, digits, and any of _ . @ -",
            ),
            (
                semicolon.expose_connection_string().expect_err("it has a `;`"),
                E::NotRepresentable { field: F::DeviceId },
                "DeviceId cannot be written in a connection string: it contains `;`",
            ),
            (
                no_token.expose_connection_string().expect_err("it has no token"),
                E::NotAToken,
                not_a_token,
            ),
            (
                no_key.expose_connection_string().expect_err("it has no key"),
                E::EmptyValue { field: F::SharedAccessKey },
                "SharedAccessKey has no value",
            ),
        ],
    );
}

#[test]
fn token_errors_say_what_is_wrong() {
    use SasField as F;
    use TokenParseError as E;

    const SIG: &str = "cAnArYcAnArYcAnArYcAnArYcAnArYcAnArYcAnArY0%3D";
    let parse = |fields: &str| {
        let text = format!("SharedAccessSignature {fields}");
        SasToken::parse(&text).expect_err(&text)
    };
    let bare = |text: &str| SasToken::parse(text).expect_err(text);
    let good = format!("sr=cAnArY&sig={SIG}&se=1");
    let with = |more: &str| parse(&format!("{good}{more}"));
    let expiry = |expiry: &str| parse(&format!("sr=h&sig={SIG}&se={expiry}"));
    let sig = |sig: &str| parse(&format!("sr=h&sig={sig}&se=1"));
    assert!(SasToken::parse(&format!("SharedAccessSignature {good}")).is_ok());

    let not_a_token = "not a token: it does not begin with `SharedAccessSignature` and one space";
    let not_canonical = "sig is not canonical base64 of 32 bytes";
    let not_decimal =
        "se is not a whole number of seconds in plain decimal, without leading zeroes";
    let invalid =
        |kind, position| E::InvalidPolicyName(NameError::InvalidCharacter { kind, position });
    check_messages(
        "TokenParseError",
        &[
            (bare(""), E::NotAToken, not_a_token),
            (bare("cAnArY"), E::NotAToken, not_a_token),
            (bare(" SharedAccessSignature sr=cAnArY"), E::NotAToken, not_a_token),
            (bare("sharedaccesssignature sr=cAnArY"), E::NotAToken, not_a_token),
            (bare("SharedAccessSignature\tsr=cAnArY"), E::NotAToken, not_a_token),
            (
                parse(" sr=cAnArY"),
                E::InvalidCharacter { position: 22 },
                "the token has a character that is not allowed at byte 22",
            ),
            (
                parse("sr=cAnArY\n"),
                E::InvalidCharacter { position: 31 },
                "the token has a character that is not allowed at byte 31",
            ),
            (
                parse("sr=\u{e9}cAnArY"),
                E::InvalidCharacter { position: 25 },
                "the token has a character that is not allowed at byte 25",
            ),
            (parse(""), E::MissingEqualsSign { pair: 1 }, "pair 1 of the token has no `=`"),
            (with("&cAnArY"), E::MissingEqualsSign { pair: 4 }, "pair 4 of the token has no `=`"),
            (with("&"), E::MissingEqualsSign { pair: 4 }, "pair 4 of the token has no `=`"),
            (
                with("&cAnArY=1"),
                E::UnknownField { pair: 4 },
                "pair 4 of the token is none of sr, sig, se, skn",
            ),
            (
                parse("SR=cAnArY"),
                E::UnknownField { pair: 1 },
                "pair 1 of the token is none of sr, sig, se, skn",
            ),
            (with("&skn="), E::EmptyValue { field: F::PolicyName }, "skn has no value"),
            (parse("sr=&sig=cAnArY"), E::EmptyValue { field: F::Resource }, "sr has no value"),
            (
                with("&sr=cAnArY"),
                E::DuplicateField { field: F::Resource },
                "sr is there more than once",
            ),
            (with("&se=1"), E::DuplicateField { field: F::Expiry }, "se is there more than once"),
            (
                with("&skn=cAnArY&skn=cAnArY"),
                E::DuplicateField { field: F::PolicyName },
                "skn is there more than once",
            ),
            (parse("sig=cAnArY&se=1"), E::MissingField { field: F::Resource }, "sr is missing"),
            (parse("sr=cAnArY&se=1"), E::MissingField { field: F::Signature }, "sig is missing"),
            (parse("sr=cAnArY&sig=cAnArY"), E::MissingField { field: F::Expiry }, "se is missing"),
            (sig("cAnArY"), E::SignatureNotCanonical, not_canonical),
            // Without padding, with bits behind the end, in another alphabet, too long.
            (sig(&SIG.replace("%3D", "")), E::SignatureNotCanonical, not_canonical),
            (sig(&SIG.replace("0%3D", "1%3D")), E::SignatureNotCanonical, not_canonical),
            (sig(&SIG.replace("cA", "-_")), E::SignatureNotCanonical, not_canonical),
            (sig(&SIG.replace("%3D", "A")), E::SignatureNotCanonical, not_canonical),
            (sig(&SIG.replace("%3D", "%253D")), E::SignatureNotCanonical, not_canonical),
            (expiry("cAnArY"), E::ExpiryNotCanonical, not_decimal),
            (expiry("01"), E::ExpiryNotCanonical, not_decimal),
            (expiry("+1"), E::ExpiryNotCanonical, not_decimal),
            (expiry("-1"), E::ExpiryNotCanonical, not_decimal),
            (expiry("1.0"), E::ExpiryNotCanonical, not_decimal),
            (expiry("%20"), E::ExpiryNotCanonical, not_decimal),
            (expiry("18446744073709551616"), E::ExpiryNotCanonical, not_decimal),
            (expiry("100000000000000000000000"), E::ExpiryNotCanonical, not_decimal),
            (
                with("&skn=cAnArY/"),
                invalid(NameKind::PolicyName, 6),
                "skn: the policy name has a character that is not allowed at byte 6; allowed are \
                 letters, digits, and any of _ . @ -",
            ),
            (
                with("&skn=%FFcAnArY"),
                invalid(NameKind::PolicyName, 0),
                "skn: the policy name has a character that is not allowed at byte 0; allowed are \
                 letters, digits, and any of _ . @ -",
            ),
            (
                with(&format!("&skn={}", "a".repeat(257))),
                E::InvalidPolicyName(NameError::TooLong {
                    kind: NameKind::PolicyName,
                    len: 257,
                    max: 256,
                }),
                "skn: the policy name has 257 bytes; at most 256 are allowed",
            ),
        ],
    );
}

#[test]
fn name_errors_say_what_is_wrong() {
    use NameError as E;

    fn error<T>(result: Result<T, E>) -> E {
        result.err().expect("it is wrong")
    }
    let long = CANARY.repeat(50);
    let ids = "letters, digits, and any of - : . + % _ # * ? ! ( ) , = @ ; $ '";
    let module =
        format!("the module ID has a character that is not allowed at byte 6; allowed are {ids}");
    check_messages(
        "NameError",
        &[
            (
                error(HubHost::new("")),
                E::Empty { kind: NameKind::HubHost },
                "the host name is empty",
            ),
            (
                error(DeviceId::new("")),
                E::Empty { kind: NameKind::DeviceId },
                "the device ID is empty",
            ),
            (
                error(ModuleId::new("")),
                E::Empty { kind: NameKind::ModuleId },
                "the module ID is empty",
            ),
            (
                error(PolicyName::new("")),
                E::Empty { kind: NameKind::PolicyName },
                "the policy name is empty",
            ),
            (
                error(IdScope::new("")),
                E::Empty { kind: NameKind::IdScope },
                "the ID scope is empty",
            ),
            (
                error(RegistrationId::new("")),
                E::Empty { kind: NameKind::RegistrationId },
                "the registration ID is empty",
            ),
            (
                error(DeviceId::new(&long)),
                E::TooLong { kind: NameKind::DeviceId, len: 300, max: 128 },
                "the device ID has 300 bytes; at most 128 are allowed",
            ),
            (
                error(HubHost::new(&long)),
                E::TooLong { kind: NameKind::HubHost, len: 300, max: 253 },
                "the host name has 300 bytes; at most 253 are allowed",
            ),
            (
                error(ModuleId::new("cAnArY\u{e9}")),
                E::InvalidCharacter { kind: NameKind::ModuleId, position: 6 },
                &module,
            ),
            (
                error(IdScope::new("0ne/cAnArY")),
                E::InvalidCharacter { kind: NameKind::IdScope, position: 3 },
                "the ID scope has a character that is not allowed at byte 3; allowed are letters, \
                 digits, and any of _ . -",
            ),
            (
                error(RegistrationId::new("cAnArY#")),
                E::InvalidCharacter { kind: NameKind::RegistrationId, position: 6 },
                "the registration ID has a character that is not allowed at byte 6; allowed are \
                 letters, digits, and any of - . _ :",
            ),
            (
                error(HubHost::new("a.-cAnArY")),
                E::InvalidLabel { kind: NameKind::HubHost, position: 2 },
                "the host name has a bad label at byte 2; the parts between dots are 1 to 63 bytes \
                 and neither begin nor end with `-`",
            ),
            (
                error(RegistrationId::new("cAnArY.")),
                E::InvalidEnd { kind: NameKind::RegistrationId },
                "the registration ID must end in a letter, a digit or `-`",
            ),
        ],
    );
}

#[test]
fn the_other_errors_say_what_is_wrong() {
    let resource = ResourceUri::parse("h/devices/cAnArY").expect("a resource");
    let entity = ResourceUri::service_bus("h/cAnArY").expect("a resource");
    let policy = PolicyName::new("cAnArY").expect("a policy");
    let text_key = || ServiceBusKey::from_text(CANARY).expect("a key");
    let one = Duration::from_secs(1);
    let (floor, start) = (UnixTime::BUILD_FLOOR, UnixTime::from_secs(0));
    let clock = TimeError::ClockUnknown { now: start, floor };
    let clock_message = format!(
        "the clock is not set: it shows 1970-01-01T00:00:00Z, before {floor}; set the clock, then \
         try again"
    );
    let x509 = ConnectionString::parse("HostName=h;DeviceId=cAnArY;x509=true").expect("in order");
    let good = signer(CANARY.as_bytes(), &resource, None).expect("not Service Bus");
    let needed = good.sign(start).expect("in memory").expose_token().len();
    let too_small = format!("the token needs {needed} bytes and the buffer has 3");
    let broken = SasSigner::new(Broken, &resource).expect("not Service Bus");
    let silent = "the store or chip that holds the key failed";
    let expiry = |lifetime, now| SasSigner::expiry_for(lifetime, now).expect_err("it is wrong");

    use SasError as S;
    check_messages(
        "SasError",
        &[
            (
                SasSigner::from_connection_string(&x509).expect_err("there is no key"),
                S::NoKey { found: Field::X509 },
                "the connection string authenticates with x509, not with SharedAccessKey: there is \
                 nothing to sign with",
            ),
            (
                signer(CANARY.as_bytes(), &entity, None).expect_err("Service Bus"),
                S::ServiceBus,
                "the resource is one of Event Hubs or Service Bus: use \
                 `SasSigner::for_service_bus`",
            ),
            (
                signer(CANARY.as_bytes(), &entity, Some(CANARY)).expect_err("Service Bus"),
                S::ServiceBus,
                "the resource is one of Event Hubs or Service Bus: use \
                 `SasSigner::for_service_bus`",
            ),
            (
                SasSigner::for_service_bus(text_key(), &resource, &policy).expect_err("a device"),
                S::NotServiceBus,
                "the resource is not one of Event Hubs or Service Bus: use \
                 `SasSigner::with_policy`",
            ),
            (
                expiry(Duration::ZERO, floor),
                S::ZeroLifetime,
                "the lifetime is less than a second: the token would be expired at once",
            ),
            (
                expiry(one, UnixTime::MAX),
                S::ExpiryOverflow,
                "the expiry is too far in the future to be written: use a shorter lifetime",
            ),
            (expiry(one, start), S::Clock(clock.clone()), &clock_message),
            (
                good.sign_into(start, &mut [0; 3]).expect_err("no room"),
                S::BufferTooSmall { needed, available: 3 },
                &too_small,
            ),
            (broken.sign(start).expect_err("it is broken"), S::Key(silence()), silent),
        ],
    );

    use TokenVerifyError as V;
    let text = token_text(b"key", "h/devices/cAnArY", 1, None);
    let token = SasToken::parse(&text).expect("it is in order");
    let verify = |key: &dyn MacKey, expected: &ResourceUri, now| {
        token
            .verify(key, expected, UnixTime::from_secs(now), NO_TOLERANCE)
            .expect_err("it is wrong")
    };
    let right = symmetric(b"key");
    let other = ResourceUri::parse("cAnArY").expect("a resource");
    check_messages(
        "TokenVerifyError",
        &[
            (
                verify(&symmetric(CANARY.as_bytes()), &resource, 0),
                V::SignatureMismatch,
                "the signature is not by this key",
            ),
            (
                verify(&right, &resource, 1_800_000_000),
                V::Expired {
                    expiry: UnixTime::from_secs(1),
                    now: UnixTime::from_secs(1_800_000_000),
                },
                "the token expired at 1970-01-01T00:00:01Z; it is 2027-01-15T08:00:00Z",
            ),
            (
                verify(&right, &other, 0),
                V::OutOfScope,
                "the token does not cover the expected resource",
            ),
            (
                verify(&right, &entity, 0),
                V::ServiceBus,
                "the resource is one of Event Hubs or Service Bus: use \
                 `SasToken::verify_service_bus`",
            ),
            (
                token
                    .verify_service_bus(&text_key(), &resource, start, NO_TOLERANCE)
                    .expect_err("not Service Bus"),
                V::NotServiceBus,
                "the resource is not one of Event Hubs or Service Bus: use `SasToken::verify`",
            ),
            (verify(&Broken, &resource, 0), V::Key(silence()), silent),
        ],
    );

    use KeyError as K;
    let not_base64 = "the key is not canonical base64 with padding: copy the whole key, with any \
                      `=` at its end and without spaces";
    let key = |text: &str| SymmetricKey::from_base64(text).expect_err("it is wrong");
    check_messages(
        "KeyError",
        &[
            (key(""), K::Empty, "the key is empty"),
            (key("cAnArY"), K::NotBase64, not_base64),
            (key("cAnA\n"), K::NotBase64, not_base64),
            (key(" cAnA"), K::NotBase64, not_base64),
            (key(&STANDARD.encode([0; 257])), K::TooLong, "the key has more than 256 bytes"),
            (key(&"cAnA".repeat(87)), K::TooLong, "the key has more than 256 bytes"),
            (
                Broken.hmac_sha256(&[]).expect_err("it is broken"),
                K::Other(OtherError::from_static("the secure element does not answer")),
                silent,
            ),
        ],
    );

    use ResourceUriError as R;
    let unknown_shape = "not a resource: use `host`, `host/devices`, `host/devices/DEVICE`, \
                         `host/devices/DEVICE/modules/MODULE` or `SCOPE/registrations/ID`, not \
                         percent-encoded";
    let plain = |text: &str| ResourceUri::parse(text).expect_err("it is wrong");
    let bus = |text: &str| ResourceUri::service_bus(text).expect_err("it is wrong");
    let max = ResourceUri::SERVICE_BUS_MAX;
    let too_long = format!("the URI has {} bytes; at most {max} are allowed", max + 1);
    let kind = NameKind::HubHost;
    check_messages(
        "ResourceUriError",
        &[
            (
                plain("h%2Fdevices%2FcAnArY"),
                R::Name(NameError::InvalidCharacter { kind, position: 1 }),
                "the host name has a character that is not allowed at byte 1; allowed are letters, \
                 digits, `-`, `_`, and `.` between labels, without scheme or port",
            ),
            (plain("h/cAnArY"), R::UnknownShape, unknown_shape),
            (
                bus("h/cAnArY x"),
                R::InvalidCharacter { position: 8 },
                "the URI has a character that is not allowed at byte 8",
            ),
            (
                bus(&format!("h/{}", "c".repeat(max - 1))),
                R::TooLong { len: max + 1, max },
                &too_long,
            ),
            (bus("sb:///cAnArY"), R::Name(NameError::Empty { kind }), "the host name is empty"),
        ],
    );

    check_messages(
        "TimeError",
        &[(FixedClock::unknown().now().expect_err("unknown"), clock, &clock_message)],
    );
    let long = SecretBytes::copy_from(&[0; 300]).expect_err("too long");
    check_messages(
        "SecretError",
        &[(
            long,
            SecretError::TooLong { len: 300, max: 256 },
            "the secret has 300 bytes; at most 256 are held",
        )],
    );
}

/// Foreign causes are there for whoever walks them; what an error tells itself is not told twice.
#[test]
fn causes_are_kept() {
    let key = SasError::Key(silence());
    let cause = key.source().expect("the key's error has one");
    assert_eq!(cause.to_string(), "the secure element does not answer");
    let verify = TokenVerifyError::Key(silence());
    assert_eq!(verify.source().expect("the same").to_string(), cause.to_string());

    let name = ConnectionString::parse("HostName=?;DeviceId=d;x509=true").expect_err("no host");
    assert!(name.source().is_none() && name.to_string().contains("the host name"));
    let text = token_text(b"key", "h", 1, None) + "&skn=/";
    let policy = SasToken::parse(&text).expect_err("no policy name");
    assert!(policy.source().is_none() && policy.to_string().contains("the policy name"));

    let other = OtherError::new(SasError::Key(silence()));
    assert_eq!(other.to_string(), key.to_string());
    assert_eq!(other.source().expect("it goes on").to_string(), cause.to_string());
    assert_eq!(other, other.clone());
    assert_ne!(other, OtherError::new(name));
    assert_ne!(other, OtherError::from_static("x"));
}
