//! What each error says. The message is for the person who has to put it right.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::identity::{Authentication, Field, NameKind};
use hubward::keystore::rotation::RotationError;
use hubward::keystore::{KeyError, KeyKind, KeyName, KeyNameError, Protection};
use hubward::sas::{
    CachedToken, ResourceUriError, SasField, ServiceBusKey, TokenCache, TokenFn, TokenParseError,
    TokenPolicy, TokenPolicyError, TokenVerifyError,
};
use hubward::secret::{SecretBytes, SecretError};
use hubward::time::{LearnError, TrustedTime};
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
        // It says what came of locking, of which no value can be had without the feature.
        if variant == "NotLocked" && cfg!(not(feature = "mlock")) {
            continue;
        }
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
            (
                short_lived(UnixTime::from_secs(1), floor),
                S::ShortLived { expiry: UnixTime::from_secs(1), now: floor },
                "the token that its source gave expires at 1970-01-01T00:00:01Z, and now it is \
                 2026-11-01T00:00:00Z: no use can be made of it",
            ),
        ],
    );

    use TokenPolicyError as P;
    let policy =
        |lifetime, percent| TokenPolicy::new(lifetime, percent).expect_err("it is out of bounds");
    check_messages(
        "TokenPolicyError",
        &[
            (policy(one, 80), P::Lifetime, "a token's lifetime is a minute to a year"),
            (
                policy(one * 3600, 100),
                P::Percent,
                "tokens are renewed after 10 to 90 percent of their lifetime",
            ),
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

    use LearnError as L;
    let learn = |server| {
        let mut time = TrustedTime::new(FixedClock::unknown());
        time.learn(server).expect_err("it is out of bounds")
    };
    let latest = floor.saturating_add(TrustedTime::<FixedClock>::AHEAD_MAX);
    check_messages(
        "LearnError",
        &[
            (
                learn(start),
                L::BeforeFloor { server: start, floor },
                "the server says that it is 1970-01-01T00:00:00Z, which is before \
                 2026-11-01T00:00:00Z: its clock is wrong",
            ),
            (
                learn(UnixTime::MAX),
                L::TooFar { server: UnixTime::MAX, latest },
                "the server says that it is @18446744073709551615, and no later moment than \
                 2046-10-27T00:00:00Z is believed",
            ),
        ],
    );
}

/// What a cache says of a token that its source gave too late.
fn short_lived(expiry: UnixTime, now: UnixTime) -> SasError {
    let resource = ResourceUri::parse("h/devices/cAnArY").expect("a resource");
    let source = signer(CANARY.as_bytes(), &resource, None).expect("not Service Bus");
    let source = TokenFn(|_| source.sign(expiry));
    let mut cache = TokenCache::new(source, &resource, TokenPolicy::default());
    match cache.poll(now) {
        CachedToken::Wait { error: Some(error), .. } => error.clone(),
        other => panic!("{other:?}"),
    }
}

// Sessions.

#[cfg(feature = "session")]
#[test]
fn errors_of_sessions_say_what_is_wrong() {
    use hubward::session::HubIdentity;
    use hubward::session::mqtt::{DpsSession, UserNameError as U};
    use hubward::session::storage::{FileUpload, StorageReason as R};

    let text = "HostName=h;SharedAccessKeyName=cAnArY;SharedAccessKey=AAAA";
    let connection = ConnectionString::parse(text).expect("it is in order");
    let error = HubIdentity::from_connection_string(&connection).expect_err("it names none");
    assert_eq!(
        error.to_string(),
        "the connection string names no device (DeviceId): it is that of a service"
    );

    let scope = IdScope::new(CANARY).expect("a scope");
    let session = DpsSession::new(&scope, &RegistrationId::new(CANARY).expect("an ID"));
    let long = CANARY.repeat(1000);
    check_messages(
        "UserNameError",
        &[(
            session.product(&long).expect_err("it is too long"),
            U::TooLong { field: "ClientVersion", len: long.len() },
            "ClientVersion has 6000 bytes; at most 4096 go into a user name",
        )],
    );

    let now = UnixTime::from_secs(1_800_000_000);
    let device = DeviceId::new(CANARY).expect("an ID");
    let good = FileUpload {
        host: "contoso.blob.core.windows.net",
        container: "logs",
        blob: "cAnArY/t",
        sas: "sv=2018-03-28&sr=b&sig=cAnArY&se=2027-01-15T09:00Z&sp=rw",
    };
    let reason = |upload: FileUpload<'_>| {
        let refused = upload.check(&device, now).expect_err("it is refused");
        let [reason] = refused.reasons() else {
            panic!("{refused}");
        };
        let expected = format!("the place for the file is refused: {reason}");
        assert_eq!(refused.to_string(), expected);
        *reason
    };
    let sas = |old: &str, new: &str| {
        let sas = good.sas.replace(old, new);
        reason(FileUpload { sas: &sas, ..good })
    };
    let long = format!("cAnArY/{}", CANARY.repeat(400));
    let (end, start) = (UnixTime::from_secs(1_799_971_200), UnixTime::from_secs(1_800_057_600));
    check_messages(
        "StorageReason",
        &[
            (
                reason(FileUpload { blob: &long, ..good }),
                R::TooLong,
                "a part of the reply is longer than 2048 bytes",
            ),
            (
                reason(FileUpload { host: CANARY, ..good }),
                R::Host,
                "the host is none of Azure's blob storage",
            ),
            (
                reason(FileUpload { container: CANARY, ..good }),
                R::Container,
                "the container has no name that one can have",
            ),
            (
                reason(FileUpload { blob: "cAnArYcAnArY/t", ..good }),
                R::NotOfDevice,
                "the blob is not below the device's own name",
            ),
            (
                reason(FileUpload { blob: "cAnArY/../t", ..good }),
                R::Path,
                "the blob's name has segments that lead elsewhere, or characters that no path has",
            ),
            (
                sas("&sr", "&cAnArY=x&sr"),
                R::Malformed,
                "the shared access signature is malformed, or a field of it is there twice, \
                 missing, or none of one",
            ),
            (
                sas("sr=b", "sr=cAnArY"),
                R::NotABlob,
                "the shared access signature is not for one blob (sr=b)",
            ),
            (
                sas("se=2027-01-15T09:00Z", "se=cAnArY"),
                R::NoEnd,
                "the shared access signature has no end (se), or none that can be read",
            ),
            (
                sas("T09:00Z", ""),
                R::Expired { end, now },
                "the shared access signature ended at 2027-01-15T00:00:00Z, and now it is \
                 2027-01-15T08:00:00Z",
            ),
            (
                sas("&sp", "&st=2027-01-16&sp"),
                R::NotYet { start, now },
                "the shared access signature begins at 2027-01-16T00:00:00Z, and now it is \
                 2027-01-15T08:00:00Z",
            ),
            (
                sas("sp=rw", "sp=r"),
                R::NotWritable,
                "the shared access signature does not allow to write (sp)",
            ),
            (
                sas("sp=rw", "sp=rwd"),
                R::TooMuch,
                "the shared access signature allows more than to read, add, create and write (sp)",
            ),
            (
                sas("sp=rw", "sp=rw&spr=http"),
                R::PlainText,
                "the shared access signature allows connections without TLS (spr)",
            ),
        ],
    );
}

// Keys, their names and their stores.

#[test]
fn errors_of_key_names_say_what_is_wrong() {
    use KeyNameError as E;

    let error = |name: &str| KeyName::new(name).expect_err(name);
    let character = |position| E::InvalidCharacter { position };
    let not_allowed = |position| {
        format!(
            "the name of the key has a character that is not allowed at byte {position}; allowed \
             are letters, digits, and any of . _ -"
        )
    };
    check_messages(
        "KeyNameError",
        &[
            (error(""), E::Empty, "the name of the key is empty"),
            (
                error(&CANARY.repeat(11)),
                E::TooLong { len: 66 },
                "the name of the key has 66 bytes; at most 64 are allowed",
            ),
            (error(".cAnArY"), E::LeadingDot, "the name of the key begins with a dot"),
            (error("../cAnArY"), E::LeadingDot, "the name of the key begins with a dot"),
            (error("cAnArY/x"), character(6), &not_allowed(6)),
            (error("\u{e9}cAnArY"), character(0), &not_allowed(0)),
        ],
    );
}

#[test]
fn errors_of_keys_say_what_is_wrong() {
    use KeyError as K;

    let key = |text: &str| SymmetricKey::from_base64(text).expect_err("it is wrong");
    let other = |cause| OtherError::from_static(cause);
    let not_base64 = "the key is not canonical base64 with padding: copy the whole key, with any \
                      `=` at its end and without spaces";
    let wiped = "the secret was wiped in this forked process: load it after the fork";
    let changing = "a change of this credential is in progress: finish it first";
    let locked = locked();
    let (required, actual) = (Protection::Sealed, Protection::Passphrase);
    let too_long = "the key has more bytes than any of its kind: at most 256 for a symmetric one";
    #[cfg_attr(not(feature = "mlock"), expect(unused_mut, reason = "there is one more"))]
    let mut table = vec![
        (key(""), K::Empty, "the key is empty"),
        (key("cAnArY"), K::NotBase64, not_base64),
        (key("cAnA\n"), K::NotBase64, not_base64),
        (key(" cAnA"), K::NotBase64, not_base64),
        (key(&STANDARD.encode([0; 257])), K::TooLong, too_long),
        (key(&"cAnA".repeat(87)), K::TooLong, too_long),
        (
            private_keys::garbage(CANARY.as_bytes()),
            K::InvalidPrivateKey,
            "this is not a private key that is understood: give an unencrypted PKCS#8 key in DER, \
             for instance from `openssl pkcs8 -topk8 -nocrypt -outform DER`",
        ),
        (
            private_keys::rsa(),
            K::UnsupportedAlgorithm("making RSA keys: import one, or take P-256"),
            "this store or build does not support making RSA keys: import one, or take P-256",
        ),
        (
            stores::not_found(),
            K::NotFound,
            "the store has no key of that name: `list` shows the names that it has",
        ),
        (
            stores::already_exists(),
            K::AlreadyExists,
            "the store has a key of that name already: delete it first, or rotate it",
        ),
        (
            stores::wrong_kind(),
            K::WrongKind { found: Some(KeyKind::Symmetric) },
            "the key is of another kind: symmetric",
        ),
        (
            K::WrongKind { found: None },
            K::WrongKind { found: None },
            "the key is of another kind: a private key",
        ),
        (
            locked.clone(),
            locked.clone(),
            "the store is locked: give it its present passphrase or key",
        ),
        (
            stores::corrupt(),
            K::Corrupt(other("the journal of a change of credential is not one")),
            "the store is damaged or was tampered with, and was left untouched: restore a copy",
        ),
        (stores::refused(), K::Refused(other(changing)), "the store refuses"),
        (
            actual.require(required).expect_err("it is less"),
            K::ProtectionTooLow { required, actual },
            "the key's protection is by a passphrase, and at least sealed by hardware is demanded",
        ),
        (K::from(SecretError::WipedByFork), K::WipedByFork, wiped),
        (
            Broken.hmac_sha256(&[]).expect_err("it is broken"),
            K::Other(other("the secure element does not answer")),
            "the store or chip that holds the key failed",
        ),
    ];
    #[cfg(feature = "mlock")]
    let not_locked = not_locked_message("can be swapped");
    #[cfg(feature = "mlock")]
    table.push((
        K::from(SecretError::NotLocked(outcome([true, false, true, true]))),
        K::NotLocked(outcome([true, false, true, true])),
        &not_locked,
    ));
    check_messages("KeyError", &table);

    assert!(matches!(locked, K::Locked(_)));
    for (kind, message) in [
        (KeyKind::EcdsaP256, "the key is of another kind: ECDSA P-256"),
        (KeyKind::EcdsaP384, "the key is of another kind: ECDSA P-384"),
        (KeyKind::Rsa, "the key is of another kind: RSA"),
    ] {
        assert_eq!(K::WrongKind { found: Some(kind) }.to_string(), message);
    }
    for (required, actual, message) in [
        (
            Protection::OperatingSystem,
            Protection::Plain,
            "plain, and at least by the operating system",
        ),
        (Protection::Hardware, Protection::Sealed, "sealed by hardware, and at least in hardware"),
    ] {
        let expected = format!("the key's protection is {message} is demanded");
        assert_eq!(K::ProtectionTooLow { required, actual }.to_string(), expected);
    }
    // A refusal does not say itself why; its cause does.
    for (error, cause) in [
        (stores::refused(), changing),
        (stores::corrupt(), "the journal of a change of credential is not one"),
        (locked, "the passphrase or key is not the store's: give it the present one"),
    ] {
        assert_eq!(error.source().expect("there is a cause").to_string(), cause);
    }
}

#[test]
fn errors_of_secrets_say_what_is_wrong() {
    use SecretError as E;

    #[cfg_attr(not(feature = "mlock"), expect(unused_mut, reason = "there is one more"))]
    let mut table = vec![
        (
            SecretBytes::copy_from(&[0; 300]).expect_err("too long"),
            E::TooLong { len: 300, max: 256 },
            "the secret has 300 bytes; at most 256 are held",
        ),
        // Provoked in tests/locked_memory.rs, as the next one.
        (
            E::WipedByFork,
            E::WipedByFork,
            "the secret was wiped in this forked process: load it after the fork",
        ),
    ];
    #[cfg(feature = "mlock")]
    let not_locked = not_locked_message("no guard pages, can be swapped");
    #[cfg(feature = "mlock")]
    table.push((
        E::NotLocked(outcome([false, false, true, true])),
        E::NotLocked(outcome([false, false, true, true])),
        &not_locked,
    ));
    check_messages("SecretError", &table);
}

#[cfg(feature = "mlock")]
fn not_locked_message(missing: &str) -> String {
    format!(
        "the secret cannot be held in locked memory ({missing}): raise the limit of locked memory \
         (RLIMIT_MEMLOCK, `LimitMEMLOCK=` of a systemd unit), or take `LockPolicy::Prefer`"
    )
}

/// Guarded, locked, undumped, wiped on fork.
#[cfg(feature = "mlock")]
fn outcome([guarded, locked, undumped, wiped_on_fork]: [bool; 4]) -> hubward::secret::LockOutcome {
    use hubward::secret::LockPolicy;

    let secret = SecretBytes::copy_from(b"").expect("it fits").to_locked(LockPolicy::Prefer);
    let mut outcome = secret.expect("preferred").lock_outcome().expect("asked for");
    outcome.guarded = guarded;
    outcome.locked = locked;
    outcome.undumped = undumped;
    outcome.wiped_on_fork = wiped_on_fork;
    outcome
}

#[cfg(feature = "mlock")]
#[test]
fn an_outcome_says_what_is_missing() {
    let all = [false, true].map(|guarded| {
        [false, true].map(|locked| {
            [false, true]
                .map(|undumped| [false, true].map(|wiped| [guarded, locked, undumped, wiped]))
        })
    });
    for given in all.as_flattened().as_flattened().as_flattened() {
        let outcome = outcome(*given);
        assert_eq!(outcome.is_complete(), given.iter().all(|given| *given));
        let texts =
            ["no guard pages", "can be swapped", "goes into core dumps", "is copied by fork"];
        let missing: Vec<&str> = texts
            .into_iter()
            .zip(given)
            .filter(|(_, given)| !**given)
            .map(|(text, _)| text)
            .collect();
        let expected =
            if missing.is_empty() { "fully protected".to_owned() } else { missing.join(", ") };
        assert_eq!(outcome.to_string(), expected);
    }
}

#[cfg(feature = "keystore-software")]
mod private_keys {
    use hubward::keystore::{KeyError, KeyKind, SoftwareSigningKey};
    use hubward::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    pub(super) fn garbage(der: &[u8]) -> KeyError {
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der));
        SoftwareSigningKey::from_der(&der).expect_err("it is none")
    }

    pub(super) fn rsa() -> KeyError {
        SoftwareSigningKey::generate(KeyKind::Rsa).expect_err("it takes too long")
    }
}

/// Without private keys, their errors as the source has them.
#[cfg(not(feature = "keystore-software"))]
mod private_keys {
    use hubward::keystore::KeyError;

    pub(super) const fn garbage(_: &[u8]) -> KeyError {
        KeyError::InvalidPrivateKey
    }

    pub(super) const fn rsa() -> KeyError {
        KeyError::UnsupportedAlgorithm("making RSA keys: import one, or take P-256")
    }
}

#[cfg(feature = "keystore-memory")]
mod stores {
    use hubward::keystore::rotation::{Rotation, RotationError};
    use hubward::keystore::{
        CredentialStore, KeyError, KeyKind, KeyName, KeyStore, KeyStoreAdmin, MemoryKeyStore,
        NewKey, RecordKind, Slot,
    };

    const NEW: NewKey<'_> = NewKey::Generate(KeyKind::Symmetric);

    fn name() -> KeyName {
        KeyName::new("hub.primary").expect("a name")
    }

    fn store() -> MemoryKeyStore {
        let store = MemoryKeyStore::new();
        assert_eq!(store.create(&name(), KeyKind::Symmetric), Ok(true));
        store
    }

    pub(super) fn not_found() -> KeyError {
        MemoryKeyStore::new().mac_key(&name()).expect_err("it is empty")
    }

    pub(super) fn already_exists() -> KeyError {
        store().import(&name(), NEW).expect_err("it is there")
    }

    pub(super) fn wrong_kind() -> KeyError {
        store().signing_key(&name()).expect_err("it is symmetric")
    }

    pub(super) fn corrupt() -> KeyError {
        let store = store();
        let (kind, slot) = (RecordKind::Journal, Slot::Current);
        store
            .transact(&mut |records| records.put_record(kind, slot, &name(), Some(b"cAnArY")))
            .expect("anything can be put there");
        match Rotation::resume(&store, &name()) {
            Err(RotationError::Key(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn refused() -> KeyError {
        let (store, other) = (store(), KeyName::new("other").expect("a name"));
        store.create(&other, KeyKind::Symmetric).expect("in memory");
        store
            .transact(&mut |records| records.put_key(Slot::Retired, &name(), NEW))
            .expect("in memory");
        store.swap(&name(), &other).expect_err("its place is taken")
    }

    pub(super) fn rotation() -> [RotationError; 7] {
        let store = store();
        let begin = || Rotation::begin(&store, &name(), NEW, &[]);
        let rotation = begin().expect("none is in progress");
        let in_progress = begin().expect_err("one is in progress");
        let not_proved = rotation.commit().expect_err("it is not proved");
        let not_committed = rotation.clone().retire().expect_err("it is not committed");
        let candidate = rotation.candidate().expect("it is staged");
        rotation.accept(&candidate).expect("it is the one");
        rotation.commit().expect("it is proved");
        let already_committed = rotation.clone().abandon().expect_err("it is in use");
        store.rotate(&name(), NEW).expect("it is there");
        let superseded = rotation.phase().expect_err("it is replaced");
        let not_in_progress = rotation.phase().expect_err("it is given up");
        let unknown = NewKey::Generate(KeyKind::Rsa);
        let key = Rotation::begin(&store, &name(), unknown, &[]).expect_err("no RSA is made");
        assert!(matches!(key, RotationError::Key(KeyError::UnsupportedAlgorithm(_))), "{key:?}");
        [
            in_progress,
            not_in_progress,
            not_proved,
            already_committed,
            not_committed,
            superseded,
            RotationError::Key(super::silence()),
        ]
    }
}

/// Without a store, the errors of stores as the source has them.
#[cfg(not(feature = "keystore-memory"))]
mod stores {
    use hubward::OtherError;
    use hubward::keystore::rotation::RotationError;
    use hubward::keystore::{KeyError, KeyKind};

    pub(super) const fn not_found() -> KeyError {
        KeyError::NotFound
    }

    pub(super) const fn already_exists() -> KeyError {
        KeyError::AlreadyExists
    }

    pub(super) const fn wrong_kind() -> KeyError {
        KeyError::WrongKind { found: Some(KeyKind::Symmetric) }
    }

    pub(super) const fn corrupt() -> KeyError {
        KeyError::Corrupt(OtherError::from_static(
            "the journal of a change of credential is not one",
        ))
    }

    pub(super) const fn refused() -> KeyError {
        KeyError::Refused(OtherError::from_static(
            "a change of this credential is in progress: finish it first",
        ))
    }

    pub(super) fn rotation() -> [RotationError; 7] {
        [
            RotationError::InProgress,
            RotationError::NotInProgress,
            RotationError::NotProved,
            RotationError::AlreadyCommitted,
            RotationError::NotCommitted,
            RotationError::Superseded,
            RotationError::Key(super::silence()),
        ]
    }
}

#[cfg(all(feature = "keystore-file", unix))]
use file::locked;

#[cfg(not(all(feature = "keystore-file", unix)))]
fn locked() -> KeyError {
    KeyError::Locked(OtherError::from_static(
        "the passphrase or key is not the store's: give it the present one",
    ))
}

#[test]
fn errors_of_rotations_say_what_is_wrong() {
    use RotationError as R;

    let [
        in_progress,
        not_in_progress,
        not_proved,
        already_committed,
        not_committed,
        superseded,
        key,
    ] = stores::rotation();
    check_messages(
        "RotationError",
        &[
            (
                in_progress,
                R::InProgress,
                "a change of this credential is in progress: resume it and finish or abandon it \
                 first",
            ),
            (
                not_in_progress,
                R::NotInProgress,
                "no change of this credential is in progress: it was finished, abandoned or \
                 deleted",
            ),
            (
                not_proved,
                R::NotProved,
                "the new credential is not proved: try it out, and accept it if it works",
            ),
            (
                already_committed,
                R::AlreadyCommitted,
                "the new credential is in use already: retire the old one",
            ),
            (
                not_committed,
                R::NotCommitted,
                "the new credential is not in use yet: commit it first",
            ),
            (
                superseded,
                R::Superseded,
                "the credential was changed by other means: what is there now stays, and the \
                 change is given up",
            ),
            (key, R::Key(silence()), "the store or chip that holds the key failed"),
        ],
    );
}

// Files.

#[cfg(all(any(feature = "keystore-file", feature = "keystore-systemd"), unix))]
mod files {
    use std::fs;
    use std::io::{ErrorKind, Write as _};
    use std::os::unix::fs::{
        MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, symlink,
    };
    use std::path::Path;

    use hubward::keystore::fs_check::{FsFinding, FsReport, check_private_dir, check_private_file};
    use tempfile::TempDir;

    use super::check_messages;

    pub(super) fn dir() -> TempDir {
        let private = fs::Permissions::from_mode(0o700);
        tempfile::Builder::new().permissions(private).tempdir().expect("a folder")
    }

    pub(super) fn write(path: &Path, content: &[u8]) {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options.open(path).and_then(|mut file| file.write_all(content));
        written.expect("it can be written");
    }

    pub(super) fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    }

    /// The findings of a report.
    fn found(result: Result<(), FsReport>) -> Vec<FsFinding> {
        result.expect_err("it is wrong").findings().to_vec()
    }

    /// The one finding of a report.
    fn only(result: Result<(), FsReport>) -> FsFinding {
        let findings = found(result);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings[0].clone()
    }

    #[test]
    fn findings_say_what_is_wrong() {
        use FsFinding as F;

        let dir = dir();
        let at = |name: &str| dir.path().join(name);
        let (file, folder, link) = (at("file"), at("it's a folder"), at("link"));
        let (inside, below_file, missing) = (folder.join("file"), file.join("x"), at("missing"));
        let foreign = at("foreign");
        fs::create_dir(&folder).expect("it is new");
        set_mode(&folder, 0o777);
        symlink(&file, &link).expect("it is new");
        for path in [&file, &inside, &foreign] {
            write(path, b"cAnArY");
        }
        let user = fs::metadata(&file).expect("it is there").uid();
        // Only root can give a file away.
        let given = chown(&foreign, Some(user + 1), None).is_ok();

        let missing_finding = only(check_private_file(&missing));
        let unreadable = only(check_private_file(&below_file));
        let symlink = only(check_private_file(&link));
        let no_file = only(check_private_file(&folder));
        let no_folder = only(check_private_dir(&file));
        let by_hand = F::ForeignOwner { path: foreign.clone(), owner: user + 1, user };
        let foreign_owner =
            if given { only(check_private_file(&foreign)) } else { by_hand.clone() };
        let writable = only(check_private_file(&inside));
        set_mode(&file, 0o644);
        let open = only(check_private_file(&file));

        let table = [
            (
                missing_finding,
                F::Missing { path: missing.clone() },
                format!("{} does not exist", missing.display()),
                format!("check the path, and that the file is there: '{}'", missing.display()),
            ),
            (
                unreadable,
                F::Unreadable { path: below_file.clone(), kind: ErrorKind::NotADirectory },
                format!("{} cannot be looked at (not a directory)", below_file.display()),
                format!(
                    "run as a user who may enter the folders on the way to '{}'",
                    below_file.display()
                ),
            ),
            (
                symlink,
                F::Symlink { path: link.clone() },
                format!("{} is a symbolic link", link.display()),
                format!("give the path that '{}' points to, not the link", link.display()),
            ),
            (
                no_file,
                F::WrongType { path: folder.clone(), wanted_dir: false },
                format!("{} is not a regular file", folder.display()),
                format!(
                    r"move '{}/it'\''s a folder' away, or give another path",
                    dir.path().display()
                ),
            ),
            (
                no_folder,
                F::WrongType { path: file.clone(), wanted_dir: true },
                format!("{} is not a folder", file.display()),
                format!("move '{}' away, or give another path", file.display()),
            ),
            (
                foreign_owner,
                by_hand,
                format!("{} belongs to user {}, not to user {user}", foreign.display(), user + 1),
                format!("chown {user} '{}'", foreign.display()),
            ),
            (
                open,
                F::OpenToOthers { path: file.clone(), mode: 0o644, wanted: 0o600 },
                format!("{} is open to others (mode 0644)", file.display()),
                format!("chmod 600 '{}'", file.display()),
            ),
            (
                writable,
                F::ParentWritable { path: folder.clone(), mode: 0o777 },
                format!("{} can be written to by others (mode 0777)", folder.display()),
                format!(r"chmod go-w '{}/it'\''s a folder'", dir.path().display()),
            ),
        ];
        for (finding, _, _, repair) in &table {
            assert_eq!(&finding.repair(), repair);
        }
        let messages: Vec<_> = table
            .iter()
            .map(|(found, expected, message, _)| {
                (found.clone(), expected.clone(), message.as_str())
            })
            .collect();
        check_messages("FsFinding", &messages);

        // A report names all of it, each with its repair.
        set_mode(&folder, 0o755);
        set_mode(&inside, 0o640);
        set_mode(dir.path(), 0o777);
        let report = check_private_file(&inside).expect_err("it is wrong");
        let [first, second] = report.findings() else {
            panic!("{report:?}");
        };
        assert!(matches!(first, F::OpenToOthers { mode: 0o640, wanted: 0o600, .. }), "{first:?}");
        assert!(matches!(second, F::ParentWritable { mode: 0o777, .. }), "{second:?}");
        let parts = [first, second].map(|finding| format!("{finding}: {}", finding.repair()));
        assert_eq!(report.to_string(), parts.join("; "));
        set_mode(dir.path(), 0o700);
    }
}

#[cfg(all(feature = "keystore-file", unix))]
mod file {
    use std::error::Error as _;
    use std::fs::{self, File};
    use std::path::Path;

    use hubward::OtherError;
    use hubward::keystore::file::{Argon2Params, FileKeyStore, FileStoreError, StoreKey};
    use hubward::keystore::fs_check::check_private_dir;
    use hubward::keystore::{KeyError, KeyKind, KeyName, KeyStore, KeyStoreAdmin};
    use hubward::secret::{SecretBytes, SecretText};
    use sha2::{Digest as _, Sha256};

    use super::files::{dir, set_mode, write};
    use super::{Broken, CANARY, check_messages, silence, symmetric};

    fn raw(byte: u8) -> SecretBytes {
        SecretBytes::copy_from(&[byte; 32]).expect("it fits")
    }

    /// From a store that another process has put under another key.
    pub(super) fn locked() -> KeyError {
        let dir = dir();
        let path = dir.path().join("keys");
        let store = FileKeyStore::create(&path, StoreKey::Raw(&raw(1))).expect("it is new");
        let other = FileKeyStore::open(&path, StoreKey::Raw(&raw(1))).expect("it is there");
        other.rekey(StoreKey::Raw(&raw(2))).expect("it can be written");
        store.mac_key(&KeyName::new("name").expect("a name")).expect_err("it is locked")
    }

    /// The store of `file` with one byte of its header changed, and the sum of it set right.
    fn with_header(file: &[u8], place: usize, byte: u8) -> Vec<u8> {
        let mut changed = file.to_vec();
        changed[place] = byte;
        let sum = Sha256::digest(&changed[..144]);
        changed[144..176].copy_from_slice(&sum);
        changed
    }

    #[test]
    fn errors_of_files_say_what_is_wrong() {
        use FileStoreError as E;

        let dir = dir();
        let at = |name: &str| dir.path().join(name);
        let path = at("keys");
        let store = FileKeyStore::create(&path, StoreKey::Raw(&raw(1))).expect("it is new");
        let name = KeyName::new("name").expect("a name");
        store.create(&name, KeyKind::Symmetric).expect("it can be written");
        let file = fs::read(&path).expect("it can be read");

        let open =
            |path: &Path, key: StoreKey<'_>| FileKeyStore::open(path, key).expect_err("open");
        let create =
            |path: &Path, key: StoreKey<'_>| FileKeyStore::create(path, key).expect_err("create");
        let changed = |content: &[u8]| {
            write(&at("changed"), content);
            open(&at("changed"), StoreKey::Raw(&raw(1)))
        };
        let flipped = |place: usize| {
            let mut content = file.clone();
            content[place] ^= 1;
            changed(&content)
        };
        let damaged = |what| {
            let message = format!(
                "the store is damaged or was tampered with ({what}), and was left untouched: \
                 restore a copy"
            );
            (E::Damaged(what), message)
        };
        let text = |text: &'static str| text.to_owned();
        let other_kind = |expected| {
            let message = format!("the store opens to {expected}, which is not what it was given");
            (E::OtherKindOfKey { expected }, message)
        };
        let empty = SecretText::borrowed("");
        let passphrase = SecretText::borrowed(CANARY);
        let short = SecretBytes::copy_from(CANARY.as_bytes()).expect("it fits");
        let by_mac_key = at("by MAC key");
        let key = symmetric(CANARY.as_bytes());
        FileKeyStore::create(&by_mac_key, StoreKey::MacKey(&key)).expect("it is new");
        // A header that asks for a passphrase, and so names what Argon2id is to cost.
        let asks = |memory: u8| {
            let mut content = with_header(&file, 10, 1);
            content[12..24].copy_from_slice(&[0, 0, memory, 0, 0, 0, 0, 2, 0, 0, 0, 1]);
            with_header(&content, 11, 0)
        };
        let (memory_kib, passes, lanes) = (19 * 1024 - 1, 2, 1);
        let long = at("long");
        write(&long, b"");
        let long_file = File::options().write(true).open(&long).expect("it is there");
        long_file.set_len(17 << 20).expect("it has holes");

        let folder = at("folder");
        let in_folder = folder.join("keys");
        FileKeyStore::create(&in_folder, StoreKey::Raw(&raw(1))).expect("it is new");
        set_mode(&folder, 0o750);
        let report = check_private_dir(&folder).expect_err("it is open");
        let shown = folder.display();
        let not_private = format!("{shown} is open to others (mode 0750): chmod 700 '{shown}'");

        let no_folder = create(&at("a/b/c"), StoreKey::Raw(&raw(1)));
        let no_name = open(Path::new("/"), StoreKey::Raw(&raw(1)));

        // No file system here fails to sync a folder: the unit tests of the store inject it.
        let not_synced = E::NotSynced(OtherError::from_static("injected"));

        let table = vec![
            (
                not_synced.clone(),
                (
                    not_synced,
                    text(
                        "the change is in place, but a loss of power may undo it: the folder could not \
                         be synced",
                    ),
                ),
            ),
            (
                open(&at("missing"), StoreKey::Raw(&raw(1))),
                (
                    E::NotFound,
                    text("there is no store at that path: check the path, or create the store"),
                ),
            ),
            (
                create(&path, StoreKey::Raw(&raw(1))),
                (
                    E::AlreadyExists,
                    text(
                        "there is a file at that path already, and it was left as it is: open it, \
                         or give another path",
                    ),
                ),
            ),
            (open(&in_folder, StoreKey::Raw(&raw(1))), (E::NotPrivate(report), not_private)),
            (no_folder.clone(), (no_folder.clone(), text("making the folder failed"))),
            (no_name.clone(), (no_name, text("finding the file's name in its path failed"))),
            (
                changed(CANARY.as_bytes()),
                (E::NotAStore, text("the file is not a key store of hubward")),
            ),
            (changed(b""), (E::NotAStore, text("the file is not a key store of hubward"))),
            (
                changed(&with_header(&file, 9, 2)),
                (
                    E::UnsupportedVersion(2),
                    text(
                        "the file has format version 2, which this version of hubward does not \
                         read: update it",
                    ),
                ),
            ),
            (
                Argon2Params::new(memory_kib, passes, lanes).expect_err("too little"),
                (
                    E::Argon2OutOfRange { memory_kib, passes, lanes },
                    text(
                        "Argon2id with 19455 KiB, 2 passes and 1 lanes is out of range: 19456 to \
                         262144 KiB, 2 to 16 passes, 1 to 4 lanes",
                    ),
                ),
            ),
            (
                changed(&asks(1)),
                (
                    E::Argon2OutOfRange { memory_kib: 256, passes, lanes },
                    text(
                        "Argon2id with 256 KiB, 2 passes and 1 lanes is out of range: 19456 to \
                         262144 KiB, 2 to 16 passes, 1 to 4 lanes",
                    ),
                ),
            ),
            (changed(&asks(0x80)), other_kind("a passphrase")),
            (open(&path, StoreKey::Passphrase(&passphrase)), other_kind("a raw key")),
            (open(&by_mac_key, StoreKey::Raw(&raw(1))), other_kind("a MAC key of another store")),
            (
                open(&path, StoreKey::Raw(&raw(2))),
                (
                    E::WrongKey,
                    text("the passphrase or key is not the store's: give it the present one"),
                ),
            ),
            (
                create(&at("weak"), StoreKey::Passphrase(&empty)),
                (E::WeakKey("the passphrase is empty"), text("the passphrase is empty")),
            ),
            (
                create(&at("weak"), StoreKey::Raw(&short)),
                (
                    E::WeakKey("a raw key has at least 32 random bytes"),
                    text("a raw key has at least 32 random bytes"),
                ),
            ),
            (changed(&file[..9]), damaged("it is too short")),
            (changed(&file[..175]), damaged("it is too short")),
            (flipped(20), damaged("the header's sum is wrong")),
            (flipped(175), damaged("the header's sum is wrong")),
            (changed(&with_header(&file, 11, 1)), damaged("the header has a value that none has")),
            (changed(&file[..file.len() - 1]), damaged("it does not end where its header says")),
            (flipped(176), damaged("the index does not open")),
            (flipped(file.len() - 1), damaged("an entry is not what the index says")),
            (open(&long, StoreKey::Raw(&raw(1))), damaged("the file is longer than any store")),
            (
                create(&at("broken"), StoreKey::MacKey(&Broken)),
                (E::Key(silence()), silence().to_string()),
            ),
        ];
        let table: Vec<_> = table
            .iter()
            .map(|(found, (expected, message))| (found.clone(), expected.clone(), message.as_str()))
            .collect();
        check_messages("FileStoreError", &table);

        assert!(matches!(no_folder, E::Io { doing: "making the folder", .. }));
        let cause = no_folder.source().expect("the system said why").to_string();
        assert!(cause.starts_with("No such file or directory"), "{cause}");
        // The file that is damaged is left as it is.
        assert_eq!(fs::read(&path).expect("it can be read"), file);
    }
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
