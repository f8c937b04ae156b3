//! `sas_token`, `sas_signature`, `sas_format`, `sas_parse`.

use core::time::Duration;

use base64::Engine as _;
use base64::engine::DecodePaddingMode::Indifferent;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use hubward::identity::NameKind;
use hubward::keystore::KeyError;
use hubward::sas::{ResourceUriError, SasField, TokenParseError, TokenVerifyError};
use hubward::{
    MacKey as _, NameError, PolicyName, ResourceUri, SasSigner, SasToken, SymmetricKey, UnixTime,
};

use crate::harness::{Divergences, Listed, for_each, from_base64, load, to_base64, token_fields};
use crate::reading::{self, Reading};
use crate::signing::{Refused, mint, write};

const SAS_TOKEN: &str = include_str!("../data/vectors/sas_token.json");

/// Why an ID with a space has no token, and no resource.
const SPACE: &str = "no ID has a space, whatever an SDK would encode";

const fn space_in_device_id() -> ResourceUriError {
    ResourceUriError::Name(NameError::InvalidCharacter { kind: NameKind::DeviceId, position: 3 })
}

/// What is no policy name, although an SDK would send it.
const fn no_policy_name(position: usize) -> NameError {
    NameError::InvalidCharacter { kind: NameKind::PolicyName, position }
}

#[test]
fn sas_token_is_read() {
    let mut divergences = Divergences::new([
        ("azsdkc-gen-dev space-", SPACE, Reading::NoSuchResource(space_in_device_id())),
        ("py-device-dev space", SPACE, Reading::NoSuchResource(space_in_device_id())),
        ("node-device-dev space", SPACE, Reading::NoSuchResource(space_in_device_id())),
        (
            "py-skn-not-encoded",
            "Python sends a policy name raw, here one that is none and that breaks the token",
            Reading::Unread(TokenParseError::InvalidCharacter { position: 130 }),
        ),
    ]);
    for_each(SAS_TOKEN, &[("sas_token", 79)], |vector| {
        assert!(!vector.is_model, "official output only");
        // In words; the token shows it.
        let _ = vector.inputs.optional_text("encoding");
        let reading = reading::read(vector);
        divergences.compare(&vector.name, &Reading::Good, &reading);
    });
}

#[test]
fn sas_token_is_made() {
    const STAR: &str = "Node writes `*` as %2a, in lower case unlike all else, and signs it so";
    const LOWER: &str = "azure-sdk-for-c writes the slashes of DPS as %2f, in lower case";
    const RAW: &str = "Node sends the slashes of DPS raw, and the policy before the expiry";
    const ORDER: &str = "Node's service package writes the policy before the expiry";

    // What we make instead is what Python makes of the same inputs, with the policy as given.
    let python = |name: &str, policy: Option<&str>| {
        let mut vector = load(SAS_TOKEN).into_iter().find(|vector| vector.name == name).unwrap();
        let token = vector.expected.text("token");
        let without_policy = token.split("&skn=").next().unwrap();
        Ok(match policy {
            Some(policy) => format!("{without_policy}&skn={policy}"),
            None => without_policy.to_owned(),
        })
    };
    let registration = Some("registration");
    let space = || Err(Refused::Resource(space_in_device_id()));

    let mut divergences = Divergences::new([
        ("node-device-dev*star", STAR, python("py-device-dev*star", None)),
        ("node-device--.+%_#*?!(),=@;$':", STAR, python("py-device--.+%_#*?!(),=@;$':", None)),
        ("azsdkc-gen-dps-reg-1", LOWER, python("py-dps-noskn-reg-1", None)),
        ("azsdkc-gen-dps-my.reg_id:1", LOWER, python("py-dps-noskn-my.reg_id:1", None)),
        (
            "azsdkc-gen-dps-sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6",
            LOWER,
            python("py-dps-noskn-sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6", None),
        ),
        ("node-dps-reg-1", RAW, python("py-dps-skn-reg-1", registration)),
        ("node-dps-my.reg_id:1", RAW, python("py-dps-noskn-my.reg_id:1", registration)),
        ("node-service-iothubowner", ORDER, python("py-service", Some("iothubowner"))),
        ("node-service-service", ORDER, python("py-service", Some("service"))),
        ("azsdkc-gen-dev space-", SPACE, space()),
        ("py-device-dev space", SPACE, space()),
        ("node-device-dev space", SPACE, space()),
        (
            "py-skn-not-encoded",
            "a text with a space and `&` is no policy name",
            Err(Refused::Policy(no_policy_name(2))),
        ),
    ]);
    for_each(SAS_TOKEN, &[("sas_token", 79)], |vector| {
        let (inputs, expected) = (&mut vector.inputs, &mut vector.expected);
        let _ = (inputs.optional_text("encoding"), expected.text("string_to_sign"));
        let theirs = expected.text("token");
        let ours = mint(
            &inputs.text("key_base64"),
            &inputs.text("resource_uri"),
            inputs.number("expiry"),
            inputs.optional_text("policy").as_deref(),
        );
        divergences.compare(&vector.name, &Ok(theirs), &ours);
    });
}

#[test]
fn sas_signature() {
    const LENIENT: &str = "Node decodes what is not base64; see `lenient`";

    let mut divergences = Divergences::new([
        ("node-device-create-lenientkey", LENIENT, Err(Refused::Key(KeyError::NotBase64))),
        ("node-device-sak-lenientkey", LENIENT, Err(Refused::Key(KeyError::NotBase64))),
        (
            "node-common-create",
            "a text with parentheses and quotes is no policy name",
            Err(Refused::Policy(no_policy_name(6))),
        ),
    ]);
    for_each(
        include_str!("../data/vectors/sas_signature.json"),
        &[("sas_signature", 10)],
        |vector| {
            let right = !vector.is_negative_control;
            let (inputs, expected) = (&mut vector.inputs, &mut vector.expected);
            let key_text = inputs.text("key_base64");
            let sr = inputs.text("sr_as_sent");
            let expiry = inputs.number("expiry");
            let skn = inputs.optional_text("skn");
            let signature_base64 = expected.text("signature_base64");
            let signature = expected.text("signature_urlencoded");
            let string_to_sign = expected.text("string_to_sign");
            assert_eq!(string_to_sign, format!("{sr}\n{expiry}"));
            assert_eq!(signature, urlencoding::encode(&signature_base64));

            // The HMAC, in one piece and prepared, by the bytes of the key.
            let key = SymmetricKey::from_base64(&key_text)
                .or_else(|_| SymmetricKey::from_bytes(&lenient(&key_text)))
                .unwrap();
            let tag = from_base64(&signature_base64).try_into().unwrap();
            let hmac = key.hmac_sha256(&[string_to_sign.as_bytes()]).unwrap();
            assert_eq!(hmac.matches(&tag), right);
            let prepared = key.prepare(format!("{sr}\n").as_bytes()).unwrap();
            let prepared = prepared.finish(expiry.to_string().as_bytes()).unwrap();
            assert_eq!(prepared.matches(&tag), right);

            // All resources of this file are ones that we can name.
            let uri = urlencoding::decode(&sr).unwrap();
            let resource = ResourceUri::parse(&uri).unwrap();
            assert_eq!(resource.as_encoded(), sr);
            let token = format!("SharedAccessSignature sr={sr}&sig={signature}&se={expiry}");
            let signer = SasSigner::new(&key, &resource).unwrap();
            assert_eq!(write(&signer, expiry) == token, right);
            let verdict = SasToken::parse(&token).unwrap().verify(
                &key,
                &resource,
                UnixTime::from_secs(expiry - 1),
                Duration::ZERO,
            );
            assert_eq!(verdict, right.then_some(()).ok_or(TokenVerifyError::SignatureMismatch));

            // The whole of it from the texts, the policy included.
            let skn_field = skn.as_ref().map(|skn| format!("&skn={skn}"));
            let theirs = token + skn_field.as_deref().unwrap_or_default();
            let ours = mint(&key_text, &uri, expiry, skn.as_deref());
            if right {
                divergences.compare(&vector.name, &Ok(theirs), &ours);
            } else {
                let ours = ours.unwrap();
                let (mut theirs, mut ours) = (token_fields(&theirs), token_fields(&ours));
                assert_ne!(theirs.remove("sig"), ours.remove("sig"));
                assert_eq!(theirs, ours);
            }
        },
    );
}

/// Base64 as Node decodes the keys of its own tests: no padding needed, bits left over dropped.
fn lenient(text: &str) -> Vec<u8> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(text).unwrap()
}

#[test]
fn sas_format() {
    // The signatures of these vectors are placeholders, so any key will do.
    let key = to_base64(b"any key");
    let mut texts = Divergences::new([(
        "azsdkc-dps-sts",
        "azure-sdk-for-c writes the slashes of DPS as %2f, in lower case",
        "0neFEEDC0DE%2Fregistrations%2FmyRegistrationId\n1578941692".to_owned(),
    )]);
    let mut policies = Divergences::new([(
        "node-signfn-abcd",
        "a text with a parenthesis is no policy name",
        Err(no_policy_name(11)),
    )]);

    for_each(include_str!("../data/vectors/sas_format.json"), &[("sas_format", 6)], |vector| {
        let name = &vector.name;
        let (inputs, expected) = (&mut vector.inputs, &mut vector.expected);
        let uri = if inputs.has("id_scope") {
            let (scope, id) = (inputs.text("id_scope"), inputs.text("registration_id"));
            format!("{scope}/registrations/{id}")
        } else {
            let (host, device) = (inputs.text("host"), inputs.text("device_id"));
            match inputs.optional_text("module_id") {
                Some(module) => format!("{host}/devices/{device}/modules/{module}"),
                None => format!("{host}/devices/{device}"),
            }
        };
        let skn = inputs.optional_text("skn");
        if let Some(skn) = &skn {
            let ours = PolicyName::new(skn).map(|policy| policy.to_string());
            policies.compare(name, &Ok(skn.clone()), &ours);
        }

        if expected.has("string_to_sign") {
            let expiry = inputs.number("expiry");
            let token = mint(&key, &uri, expiry, skn.as_deref()).unwrap();
            let fields = token_fields(&token);
            let ours = format!("{}\n{}", fields["sr"], fields["se"]);
            texts.compare(name, &expected.text("string_to_sign"), &ours);
        } else if expected.has("token") {
            let expiry = inputs.number("expiry");
            let placeholder = inputs.text("signature_base64");
            let placeholder = urlencoding::encode(&placeholder);
            let theirs = expected.text("token");
            let token = mint(&key, &uri, expiry, skn.as_deref()).unwrap();
            let ours = token.replace(token_fields(&token)["sig"], &placeholder);
            texts.compare(name, &theirs, &ours);

            // Their placeholder lacks its padding: a signature that we read has it.
            let parse = |token: &str| SasToken::parse(token).map(|token| token.expiry());
            assert_eq!(parse(&theirs), Err(TokenParseError::SignatureNotCanonical));
            let padded = theirs.replace(&*placeholder, &format!("{placeholder}%3D"));
            assert_eq!(parse(&padded), Ok(UnixTime::from_secs(expiry)));
        } else {
            // Node's parts, put together by nobody: no expiry, and a signature of four bytes.
            let sr = ResourceUri::parse(&uri).unwrap();
            assert_eq!(sr.as_encoded(), expected.text("sr"));
            let signature = to_base64(inputs.text("signature_bytes_utf8").as_bytes());
            assert_eq!(urlencoding::encode(&signature), expected.text("sig"));
            assert_eq!(urlencoding::encode(&skn.unwrap()), expected.text("skn"));
        }
    });
}

#[test]
fn sas_parse() {
    use TokenParseError::{
        DuplicateField, ExpiryNotCanonical, InvalidCharacter, MissingField, NotAToken,
        SignatureNotCanonical, UnknownField,
    };

    let missing_expiry = MissingField { field: SasField::Expiry };
    let duplicate_resource = DuplicateField { field: SasField::Resource };
    let second_space = InvalidCharacter { position: 22 };

    // The signatures of these vectors are `b` and the like, so nothing in this file is a token here.
    // The second result is for the same text with a signature that is one. Where it is an error and
    // the SDK takes the text, we are stricter about more than the signature.
    let mut results = Listed::new([
        ("py-tokparse-SharedAccessSignature sig=x%3D&se=1&sr=a", (SignatureNotCanonical, Ok(()))),
        ("py-tokparse-sharedaccesssignature sr=a&sig=b&se=1", (NotAToken, Err(NotAToken))),
        // Two spaces.
        (
            "py-tokparse-SharedAccessSignature  sr=a&sig=b&se=1",
            (second_space.clone(), Err(second_space)),
        ),
        // A space before it.
        ("py-tokparse- SharedAccessSignature sr=a&sig=b&se=1", (NotAToken, Err(NotAToken))),
        (
            "py-tokparse-SharedAccessSignature sr=a&sig=b",
            (missing_expiry.clone(), Err(missing_expiry)),
        ),
        (
            "py-tokparse-SharedAccessSignature sr=a&sig=b&se=1&foo=1",
            (UnknownField { pair: 4 }, Err(UnknownField { pair: 4 })),
        ),
        ("py-tokparse-SharedAccessSignature sr=a&sig=b=&se=1", (SignatureNotCanonical, Ok(()))),
        // Python takes the last of two resources.
        (
            "py-tokparse-SharedAccessSignature sr=a&sr=b&sig=b&se=1",
            (duplicate_resource.clone(), Err(duplicate_resource)),
        ),
        // `SharedAccessSignature=SharedAccessSignature sr=a&sig=b&se=1`
        (
            "py-tokparse-SharedAccessSignature=SharedAccessSignature sr=a&s",
            (NotAToken, Err(NotAToken)),
        ),
        (
            "node-tokparse-SharedAccessSignature sr=a&sig=b&se=1&skn=p",
            (SignatureNotCanonical, Ok(())),
        ),
        ("node-tokparse-sharedaccesssignature sr=a&sig=b&se=1", (NotAToken, Err(NotAToken))),
        ("node-tokparse-SharedAccessSignature sr=a&sig=b=&se=1", (SignatureNotCanonical, Ok(()))),
        (
            "node-tokparse-SharedAccessSignature=SharedAccessSignature sr=a&s",
            (NotAToken, Err(NotAToken)),
        ),
        // `abc` is no number.
        (
            "node-tokparse-SharedAccessSignature sr=a&sig=b&se=abc",
            (SignatureNotCanonical, Err(ExpiryNotCanonical)),
        ),
    ]);

    // With both characters that percent-encoding escapes, and raw: the form is the emitter's affair.
    let raw_signature = to_base64(&[0xFB; 32]);
    assert!(raw_signature.contains(['+', '/']) && raw_signature.ends_with('='));

    for_each(include_str!("../data/vectors/sas_parse.json"), &[("sas_parse", 14)], |vector| {
        let name = &vector.name;
        let text = vector.inputs.text("token");
        let theirs = if vector.expected.flag("ok") {
            Ok(vector.expected.optional_texts("fields").unwrap())
        } else {
            Err(vector.expected.text("error"))
        };
        let (as_it_is, with_signature) = results.get(name).expect("is not listed");
        assert_eq!(SasToken::parse(&text).unwrap_err(), *as_it_is);
        if theirs.is_err() {
            assert!(with_signature.is_err(), "we take what they refuse");
        }

        let signature = text.split("sig=").nth(1).unwrap();
        let signature = signature.split('&').next().unwrap();
        for real in [&raw_signature, &*urlencoding::encode(&raw_signature)] {
            let text = text.replacen(&format!("sig={signature}"), &format!("sig={real}"), 1);
            let token = SasToken::parse(&text);
            assert_eq!(token.as_ref().map(|_| ()), with_signature.as_ref().map(|_| ()));

            // What both take, both read alike.
            let Ok(token) = token else { continue };
            let mut fields = theirs.clone().unwrap();
            assert_eq!(fields.remove("sr").unwrap(), token.resource_text());
            assert_eq!(fields.remove("se").unwrap(), token.expiry().as_secs().to_string());
            let policy = token.policy_name().map(|policy| policy.to_string());
            assert_eq!(fields.remove("skn"), policy);
            assert_eq!(fields.remove("sig").unwrap(), signature);
            assert!(fields.is_empty(), "{fields:?}");
        }
    });
}
