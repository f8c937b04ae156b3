//! `SasToken` against an independent reading of tokens, and tokens of our own.

use core::time::Duration;

use hubward::sas::{SasField, ServiceBusKey, TokenParseError, TokenVerifyError};
use hubward::{
    DeviceId, HubHost, PolicyName, ResourceUri, SasSigner, SasToken, SymmetricKey, UnixTime,
};

use super::oracle;

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    our_own_comes_back(data);

    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let model = Model::read(text);
    match SasToken::parse(text) {
        Ok(token) => {
            let model = model.expect("what is accepted follows the rules");
            says_what_was_read(&token, &model);
            assert_eq!(token.expose_token(), text);
            comes_back_in_our_order(&model);
            hides_the_signature(&token, &model);
            expires_once(&token);
            is_judged(&model);

            let owned = SasToken::parse(text).map(SasToken::into_owned);
            says_what_was_read(owned.as_ref().expect("it was parsed before"), &model);
            assert_eq!(owned, Ok(token));
        }
        Err(error) => {
            assert!(model.is_none(), "refused although it is fine: {error}");
            is_true(&error, text);
        }
    }
}

/// The fields of a token that should be accepted.
struct Model<'a> {
    sr: &'a str,
    signature: [u8; 32],
    expiry: u64,
    skn: Option<&'a str>,
    policy: Option<PolicyName>,
}

impl<'a> Model<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let fields = text.strip_prefix(oracle::TOKEN_PREFIX)?;
        if !fields.chars().all(|character| character.is_ascii_graphic()) {
            return None;
        }
        let (mut sr, mut sig, mut se, mut skn) = (None, None, None, None);
        for pair in fields.split('&') {
            let (name, value) = pair.split_once('=')?;
            let field = match name {
                "sr" => &mut sr,
                "sig" => &mut sig,
                "se" => &mut se,
                "skn" => &mut skn,
                _ => return None,
            };
            if value.is_empty() || field.replace(value).is_some() {
                return None;
            }
        }
        let decoded = |text| String::from_utf8(oracle::percent_decode(text)).ok();
        let expiry = decoded(se?)?;
        let policy = match skn {
            None => None,
            Some(skn) => Some(PolicyName::new(&decoded(skn)?).ok()?),
        };
        Some(Self {
            sr: sr?,
            signature: oracle::base64_decode(decoded(sig?)?)?.try_into().ok()?,
            // A number that is written in one way only.
            expiry: expiry.parse().ok().filter(|number: &u64| number.to_string() == expiry)?,
            skn,
            policy,
        })
    }
}

fn says_what_was_read(token: &SasToken<'_>, model: &Model<'_>) {
    assert_eq!(token.resource_text(), model.sr);
    assert!(token.expose_token().contains(token.resource_text()));
    assert_eq!(token.expiry().as_secs(), model.expiry);
    assert_eq!(token.policy_name(), model.policy);
    let plain: String = oracle::percent_decode(model.sr)
        .into_iter()
        .map(|byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '?' })
        .collect();
    assert_eq!(token.resource().to_string(), plain);
}

fn comes_back_in_our_order(model: &Model<'_>) {
    let skn =
        model.policy.as_ref().map(|policy| oracle::percent_encode(policy.as_str().as_bytes()));
    let text = oracle::token(model.sr, &model.signature, model.expiry, skn.as_deref());
    let again = Model::read(&text).expect("as before");
    let token = SasToken::parse(&text).expect("a token in our own words");
    says_what_was_read(&token, model);
    assert_eq!(again.signature, model.signature);
}

/// Another signature in its place, and nothing that is shown changes: so nothing of the signature is
/// shown, whatever the rest of the token looks like.
fn hides_the_signature(token: &SasToken<'_>, model: &Model<'_>) {
    let text = oracle::token(model.sr, &[0xFB; 32], model.expiry, model.skn);
    let other = SasToken::parse(&text).expect("only the signature is another");
    assert_eq!(oracle::shown(token), oracle::shown(&other));
    let skn = model.skn.map(|skn| format!("&skn={skn}")).unwrap_or_default();
    assert_eq!(
        token.to_string(),
        format!("SharedAccessSignature sr={}&sig=<redacted>&se={}{skn}", model.sr, model.expiry)
    );
}

fn expires_once(token: &SasToken<'_>) {
    let expiry = token.expiry().as_secs();
    let moments = [0, expiry.saturating_sub(1), expiry, expiry.saturating_add(1), u64::MAX];
    for now in moments {
        let expired = token.is_expired_at(UnixTime::from_secs(now));
        assert_eq!(expired, now >= expiry);
        let left = token.expires_in(UnixTime::from_secs(now));
        assert_eq!(left, Duration::from_secs(expiry.saturating_sub(now)));
        assert_eq!(left.is_zero(), expired);
    }
}

/// Whether a token for `sr` covers `uri`, whose host, if it has one, is the segment `host`.
fn covers(sr: &str, uri: &str, host: Option<usize>) -> bool {
    let sr = oracle::percent_decode(sr);
    let is_slash = |byte: &u8| *byte == b'/';
    let segments: Vec<&[u8]> = sr.split(is_slash).collect();
    let expected: Vec<&[u8]> = uri.as_bytes().split(is_slash).collect();
    segments.len() <= expected.len()
        && host.is_none_or(|host| segments.len() > host)
        && segments.iter().zip(expected).enumerate().all(|(index, (segment, expected))| {
            *segment == expected || (Some(index) == host && segment.eq_ignore_ascii_case(expected))
        })
}

/// `verify` says what the signature, the expiry and the scope say, for the token as it came and for
/// one of the same fields that is signed by the right key.
fn is_judged(model: &Model<'_>) {
    let decoded = oracle::percent_decode(model.sr);
    let decoded = core::str::from_utf8(&decoded).unwrap_or_default();
    let parent = |uri: &str| uri.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
    let (first, rest) = decoded.split_at(decoded.find('/').unwrap_or(decoded.len()));
    let (ids, last) = decoded.split_at(decoded.rfind('/').unwrap_or(0));
    // The resource itself, above and below it, beside it, and far from it.
    let expected = [
        decoded.to_owned(),
        parent(decoded),
        parent(&parent(decoded)),
        format!("{decoded}/devices/x"),
        format!("{decoded}/modules/x"),
        format!("{decoded}0"),
        format!("{}{rest}", first.to_ascii_uppercase()),
        format!("{ids}{}", last.to_ascii_uppercase()),
        "contoso-hub.azure-devices.net/devices/device1".to_owned(),
        "0ne00000001/registrations/reg-1".to_owned(),
    ];
    let key = SymmetricKey::from_bytes(&oracle::SAMPLE_KEY).expect("32 bytes");
    let right = oracle::signature(&oracle::SAMPLE_KEY, model.sr, model.expiry);
    let wrong = model.signature != right;
    for (signature, wrong) in [(model.signature, wrong), (right, false)] {
        let text = oracle::token(model.sr, &signature, model.expiry, model.skn);
        let token = SasToken::parse(&text).expect("the same fields");
        for uri in &expected {
            let Ok(resource) = ResourceUri::parse(uri) else {
                continue;
            };
            let host = (!uri.contains("/registrations/")).then_some(0);
            let covered = covers(model.sr, uri, host);
            assert!(covered || uri != decoded, "a token covers its own resource");
            verifies(model, wrong, covered, |now, tolerance| {
                token.verify(&key, &resource, now, tolerance)
            });
            assert_eq!(
                token.verify_service_bus(&bus_key(), &resource, UnixTime::MAX, Duration::ZERO),
                Err(TokenVerifyError::NotServiceBus)
            );
        }
    }
    is_judged_for_service_bus(model, decoded);
}

const BUS_KEY: &str = "sample-key";

fn bus_key() -> ServiceBusKey {
    ServiceBusKey::from_text(BUS_KEY).expect("a short text")
}

fn is_judged_for_service_bus(model: &Model<'_>, decoded: &str) {
    let key = SymmetricKey::from_bytes(BUS_KEY.as_bytes()).expect("a short key");
    let text = oracle::signed_token(BUS_KEY.as_bytes(), model.sr, model.expiry, model.skn);
    let token = SasToken::parse(&text).expect("the same fields");
    for uri in [decoded, &decoded.to_ascii_uppercase(), &format!("{decoded}/x")] {
        let Ok(resource) = ResourceUri::service_bus(uri) else {
            continue;
        };
        // Without a scheme the host comes first; behind one, after an empty segment.
        let host = if oracle::behind_scheme(uri).is_some() { 2 } else { 0 };
        let covered = covers(model.sr, uri, Some(host));
        assert!(covered || uri != decoded, "a token covers its own entity");
        verifies(model, false, covered, |now, tolerance| {
            token.verify_service_bus(&bus_key(), &resource, now, tolerance)
        });
        assert_eq!(
            token.verify(&key, &resource, UnixTime::MAX, Duration::ZERO),
            Err(TokenVerifyError::ServiceBus)
        );
    }
}

fn verifies(
    model: &Model<'_>,
    wrong: bool,
    covered: bool,
    verify: impl Fn(UnixTime, Duration) -> Result<(), TokenVerifyError>,
) {
    let expiry = UnixTime::from_secs(model.expiry);
    for (now, tolerance) in [
        (model.expiry.saturating_sub(1), 0),
        (model.expiry, 0),
        (model.expiry, 1),
        (model.expiry.saturating_add(300), 300),
        (u64::MAX, u64::MAX),
    ] {
        let expired = now >= model.expiry.saturating_add(tolerance);
        let now = UnixTime::from_secs(now);
        let expected = match (wrong, expired, covered) {
            (true, _, _) => Err(TokenVerifyError::SignatureMismatch),
            (_, true, _) => Err(TokenVerifyError::Expired { expiry, now }),
            (_, _, false) => Err(TokenVerifyError::OutOfScope),
            _ => Ok(()),
        };
        assert_eq!(verify(now, Duration::from_secs(tolerance)), expected);
    }
}

/// A token that we sign, for a device whose ID is made of the bytes, is read as what it was made of.
fn our_own_comes_back(data: &[u8]) {
    let (expiry, rest) = data.split_at(data.len().min(8));
    let expiry = expiry.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let host = HubHost::new("Contoso-Hub.azure-devices.net").expect("a host");
    let id = oracle::fitted(rest, oracle::ID_MARKS, 128);
    let resource = match DeviceId::new(&id) {
        Ok(device) => ResourceUri::device(&host, &device),
        Err(_) => ResourceUri::all_devices(&host),
    };
    let policy = PolicyName::new(&oracle::fitted(rest, "_.@-", 256)).ok();
    let key = || SymmetricKey::from_bytes(&oracle::SAMPLE_KEY).expect("32 bytes");
    let signer = match &policy {
        Some(policy) => SasSigner::with_policy(key(), &resource, policy),
        None => SasSigner::new(key(), &resource),
    };
    let expiry = UnixTime::from_secs(expiry);
    let token = signer.expect("not of Service Bus").sign(expiry).expect("a key in memory");

    let read = SasToken::parse(token.expose_token()).expect("a token of our own");
    for token in [&token, &read] {
        assert_eq!(token.resource_text(), resource.as_encoded());
        assert_eq!(token.resource().to_string(), resource.to_string());
        assert_eq!(token.expiry(), expiry);
        assert_eq!(token.policy_name(), policy);
        // The very last moment is past the end of any token.
        let now = UnixTime::from_secs(expiry.as_secs().saturating_sub(1));
        let expected = match token.is_expired_at(now) {
            true => Err(TokenVerifyError::Expired { expiry, now }),
            false => Ok(()),
        };
        assert_eq!(token.verify(&key(), &resource, now, Duration::ZERO), expected);
    }
    assert_eq!(read, token);
    assert_eq!(oracle::shown(&read), oracle::shown(&token));
}

/// An error that can be judged by itself says the truth.
fn is_true(error: &TokenParseError, text: &str) {
    let fields = text.strip_prefix(oracle::TOKEN_PREFIX);
    let pairs: Vec<&str> = fields.unwrap_or_default().split('&').collect();
    let values = |field: SasField| -> Vec<&str> {
        let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == field.name()).map(|(_, value)| value).collect()
    };
    let decoded = |field| String::from_utf8(oracle::percent_decode(values(field)[0])).ok();
    match error.clone() {
        TokenParseError::NotAToken => assert_eq!(fields, None),
        TokenParseError::InvalidCharacter { position } => {
            let prefix = oracle::TOKEN_PREFIX.len();
            let mut characters = text[prefix..].char_indices();
            let first = characters.find(|(_, character)| !character.is_ascii_graphic());
            assert_eq!(first.map(|(at, _)| prefix + at), Some(position));
        }
        TokenParseError::MissingEqualsSign { pair } => assert!(!pairs[pair - 1].contains('=')),
        TokenParseError::UnknownField { pair } => {
            let name = pairs[pair - 1].split('=').next();
            assert!(!["sr", "sig", "se", "skn"].map(Some).contains(&name));
        }
        TokenParseError::EmptyValue { field } => assert!(values(field).contains(&"")),
        TokenParseError::DuplicateField { field } => assert!(values(field).len() > 1),
        TokenParseError::MissingField { field } => assert!(values(field).is_empty()),
        TokenParseError::SignatureNotCanonical => {
            let signature = decoded(SasField::Signature).and_then(oracle::base64_decode);
            assert!(signature.is_none_or(|signature| signature.len() != 32));
        }
        TokenParseError::ExpiryNotCanonical => {
            let expiry = decoded(SasField::Expiry);
            let number = expiry.as_ref().and_then(|expiry| expiry.parse::<u64>().ok());
            assert!(number.is_none_or(|number| Some(number.to_string()) != expiry));
        }
        TokenParseError::InvalidPolicyName(_) => {
            let name = decoded(SasField::PolicyName);
            assert!(name.is_none_or(|name| PolicyName::new(&name).is_err()));
        }
        _ => panic!("a new error: teach it to the fuzz targets"),
    }
}
