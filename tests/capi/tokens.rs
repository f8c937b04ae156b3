//! Tokens: the same, byte for byte, as those of the Rust interface, over all vectors; read, verified, derived.

use std::ptr;

use hubward::capi::*;
use hubward::{
    ConnectionString, PolicyName, RegistrationId, ResourceUri, SAS_TOKEN_MAX, SasSigner, SasToken,
    SymmetricKey, UnixTime,
};

use crate::calls::{
    CONNECTION, KEY, NOW, RESOURCE, at, made, refuses_what_is_no_text, sign, signer_new, signer_of,
    text,
};
use crate::harness::load;

const TOKENS: [&str; 2] = [
    include_str!("../data/vectors/sas_token.json"),
    include_str!("../data/vectors/models_of_other_sdks.json"),
];

#[test]
fn tokens_are_those_of_rust_over_all_vectors() {
    let (mut made_of_them, mut refused) = (0, 0);
    for mut vector in TOKENS.into_iter().flat_map(load) {
        if vector.kind != "sas_token" {
            continue;
        }
        let (key, resource) =
            (vector.inputs.text("key_base64"), vector.inputs.text("resource_uri"));
        let policy = vector.inputs.optional_text("policy");
        let expiry = vector.inputs.number("expiry");

        let c = match &policy {
            None => signer_new(&resource, &key),
            // SAFETY: texts with their lengths, and a place for the result or null.
            Some(policy) => made(|out| unsafe {
                hubward_signer_with_policy(
                    at(&resource),
                    resource.len(),
                    at(policy),
                    policy.len(),
                    at(&key),
                    key.len(),
                    out,
                )
            }),
        };
        let rust = rust_signer(&key, &resource, policy.as_deref());
        let name = &vector.name;
        match (c, rust) {
            (Ok(c), Some(rust)) => {
                let expected = rust.sign(UnixTime::from_secs(expiry)).expect("in memory");
                assert_eq!(sign(c, expiry).as_deref(), Ok(expected.expose_token()), "{name}");
                // SAFETY: it is given back once.
                unsafe { hubward_signer_free(c) };
                made_of_them += 1;
            }
            (Err(_), None) => refused += 1,
            (c, rust) => panic!("{name}: {c:?}, {rust:?}"),
        }
    }
    assert!(made_of_them > 150 && refused > 0, "{made_of_them} and {refused}");
}

fn rust_signer(key: &str, resource: &str, policy: Option<&str>) -> Option<SasSigner> {
    let key = SymmetricKey::from_base64(key).ok()?;
    let resource = ResourceUri::parse(resource).ok()?;
    match policy {
        None => SasSigner::new(key, &resource).ok(),
        Some(policy) => SasSigner::with_policy(key, &resource, &PolicyName::new(policy).ok()?).ok(),
    }
}

#[test]
fn signers_of_connection_strings_are_those_of_rust_over_all_vectors() {
    let (mut same, mut refused) = (0, 0);
    for mut vector in load(include_str!("../data/vectors/connection_string.json")) {
        let string = vector.inputs.text("connection_string");
        let rust = ConnectionString::parse(&string).ok();
        let rust = rust.and_then(|string| SasSigner::from_connection_string(&string).ok());
        match (signer_of(&string), rust) {
            (Ok(c), Some(rust)) => {
                let expected = rust.sign(UnixTime::from_secs(NOW)).expect("in memory");
                assert_eq!(sign(c, NOW).as_deref(), Ok(expected.expose_token()));
                // SAFETY: it is given back once.
                unsafe { hubward_signer_free(c) };
                same += 1;
            }
            (Err(_), None) => refused += 1,
            (c, rust) => panic!("{}: {c:?}, {rust:?}", vector.name),
        }
    }
    assert!(same > 5 && refused > 20, "{same} and {refused}");
}

#[test]
fn every_expiry_is_signed_into_every_buffer() {
    let signer = signer_of(CONNECTION).expect("a signer");
    for expiry in [0, 9, 1_735_689_600, 9_999_999_999, 10_000_000_000, u64::MAX] {
        let token = sign(signer, expiry).expect("a token");
        assert!(token.ends_with(&format!("&se={expiry}")));
    }
    assert_eq!(sign(ptr::null(), 1), Err(HUBWARD_NULL_POINTER));
    // SAFETY: null, and once what was made.
    unsafe {
        hubward_signer_free(ptr::null_mut());
        hubward_signer_free(signer);
    }
    assert_eq!(HUBWARD_SAS_TOKEN_MAX, SAS_TOKEN_MAX + 1);
}

#[test]
fn signers_refuse_what_is_none() {
    // SAFETY: texts with their lengths, or what is refused before it is read; places for the result.
    unsafe {
        let mut out = ptr::null_mut();
        let place = &raw mut out;
        refuses_what_is_no_text(|text, len| {
            hubward_signer_from_connection_string(text, len, place)
        });
        refuses_what_is_no_text(|text, len| {
            hubward_signer_new(text, len, at(KEY), KEY.len(), place)
        });
        refuses_what_is_no_text(|text, len| {
            hubward_signer_new(at(RESOURCE), RESOURCE.len(), text, len, place)
        });
        refuses_what_is_no_text(|text, len| {
            hubward_signer_with_policy(
                at(RESOURCE),
                RESOURCE.len(),
                text,
                len,
                at(KEY),
                KEY.len(),
                place,
            )
        });
        // The last pointer is looked at before the first is used.
        let broken = b"\xFF".as_ptr().cast();
        assert_eq!(
            hubward_signer_new(broken, 1, at(KEY), KEY.len(), ptr::null_mut()),
            HUBWARD_NULL_POINTER
        );
        assert!(out.is_null());
    }
    for (resource, key, status) in [
        ("contoso.azure-devices.net/device/x", KEY, HUBWARD_RESOURCE_UNKNOWN_SHAPE),
        ("contoso.azure-devices.net/devices/a b", KEY, HUBWARD_NAME_INVALID_CHARACTER),
        ("", KEY, HUBWARD_NAME_EMPTY),
        (RESOURCE, "Zm9vYmFy=", HUBWARD_KEY_NOT_BASE64),
        (RESOURCE, "", HUBWARD_KEY_EMPTY),
        (RESOURCE, &"AAAA".repeat(86), HUBWARD_KEY_TOO_LONG),
    ] {
        assert_eq!(signer_new(resource, key), Err(status), "{resource} {key}");
    }
    for (string, status) in [
        ("", HUBWARD_CONNECTION_STRING_EMPTY),
        ("HostName=h;DeviceId=d;x509=true", HUBWARD_SIGNER_NO_KEY),
        ("HostName=h;DeviceId=d", HUBWARD_CONNECTION_STRING_MISSING_AUTHENTICATION),
    ] {
        assert_eq!(signer_of(string), Err(status), "{string}");
    }
}

#[test]
fn an_expiry_is_judged() {
    let judged = |lifetime, now| {
        let mut expiry = 7;
        // SAFETY: a place for the result.
        let status = unsafe { hubward_signer_expiry_for(lifetime, now, &raw mut expiry) };
        assert!(status == HUBWARD_OK || expiry == 7, "something was written");
        (status, expiry)
    };
    assert_eq!(judged(3600, NOW), (HUBWARD_OK, NOW + 3600));
    assert_eq!(judged(0, NOW).0, HUBWARD_LIFETIME_ZERO);
    assert_eq!(judged(3600, 0).0, HUBWARD_CLOCK_UNKNOWN);
    assert_eq!(judged(u64::MAX, NOW).0, HUBWARD_EXPIRY_OVERFLOW);
    // SAFETY: null is refused.
    let status = unsafe { hubward_signer_expiry_for(1, NOW, ptr::null_mut()) };
    assert_eq!(status, HUBWARD_NULL_POINTER);
}

fn verify(token: &str, key: &str, resource: &str, now: u64, tolerance: u64) -> hubward_status {
    // SAFETY: texts with their lengths.
    unsafe {
        hubward_token_verify(
            at(token),
            token.len(),
            at(key),
            key.len(),
            at(resource),
            resource.len(),
            now,
            tolerance,
        )
    }
}

#[test]
fn tokens_are_verified() {
    let signer = signer_of(CONNECTION).expect("a signer");
    let token = sign(signer, NOW).expect("a token");
    // SAFETY: it is given back once.
    unsafe { hubward_signer_free(signer) };

    assert_eq!(verify(&token, KEY, RESOURCE, NOW - 1, 0), HUBWARD_OK);
    assert_eq!(verify(&token, KEY, RESOURCE, NOW, 0), HUBWARD_TOKEN_EXPIRED);
    assert_eq!(verify(&token, KEY, RESOURCE, NOW + 9, 10), HUBWARD_OK);
    assert_eq!(verify(&token, "AAAA", RESOURCE, NOW - 1, 0), HUBWARD_TOKEN_SIGNATURE_MISMATCH);
    let other = format!("{RESOURCE}0");
    assert_eq!(verify(&token, KEY, &other, NOW - 1, 0), HUBWARD_TOKEN_OUT_OF_SCOPE);
    let changed = token.replace(&format!("se={NOW}"), &format!("se={}", NOW + 1));
    assert_eq!(verify(&changed, KEY, RESOURCE, NOW, 0), HUBWARD_TOKEN_SIGNATURE_MISMATCH);
    assert_eq!(verify("", KEY, RESOURCE, NOW, 0), HUBWARD_TOKEN_NOT_A_TOKEN);
    assert_eq!(verify(&token, "=", RESOURCE, NOW, 0), HUBWARD_KEY_NOT_BASE64);

    // SAFETY: texts with their lengths, or what is refused before it is read.
    unsafe {
        refuses_what_is_no_text(|text, len| {
            hubward_token_verify(text, len, at(KEY), 8, at(RESOURCE), RESOURCE.len(), NOW, 0)
        });
        refuses_what_is_no_text(|text, len| {
            hubward_token_verify(at(&token), 9, text, len, at(RESOURCE), RESOURCE.len(), NOW, 0)
        });
        refuses_what_is_no_text(|text, len| {
            hubward_token_verify(at(&token), 9, at(KEY), 8, text, len, NOW, 0)
        });
    }
}

#[test]
fn tokens_are_read() {
    // SAFETY: texts with their lengths, a token that is given back once, places and null.
    unsafe {
        let read = |token: &str| made(|out| hubward_token_parse(at(token), token.len(), out));
        let policy = "SharedAccessSignature sr=h&sig=\
                      z14iWpfqe3qRZCoEvIiCg5pAaVZ941HPKOI6Ax9DR%2F0%3D&se=1735689600&skn=p";
        let token = read(policy).expect("a token");
        let resource = |token| text(|out, cap, len| hubward_token_resource(token, out, cap, len));
        let name = |token| text(|out, cap, len| hubward_token_policy_name(token, out, cap, len));
        let shown = |token| text(|out, cap, len| hubward_token_describe(token, out, cap, len));
        let expiry = |token, out| hubward_token_expiry(token, out);
        let mut se = 0;
        assert_eq!((expiry(token, &raw mut se), se), (HUBWARD_OK, 1_735_689_600));
        assert_eq!((resource(token), name(token)), (Ok("h".into()), Ok("p".into())));
        let hidden =
            policy.replace("z14iWpfqe3qRZCoEvIiCg5pAaVZ941HPKOI6Ax9DR%2F0%3D", "<redacted>");
        assert_eq!(shown(token), Ok(hidden));

        assert_eq!(expiry(token, ptr::null_mut()), HUBWARD_NULL_POINTER);
        assert_eq!(expiry(ptr::null(), &raw mut se), HUBWARD_NULL_POINTER);
        for call in [resource, name] {
            assert_eq!(call(ptr::null()), Err(HUBWARD_NULL_POINTER));
        }
        assert_eq!(shown(ptr::null()), Err(HUBWARD_NULL_POINTER));
        hubward_token_free(token);
        hubward_token_free(ptr::null_mut());

        let token = read(policy.trim_end_matches("&skn=p")).expect("a token");
        assert_eq!(name(token), Err(HUBWARD_ABSENT));
        hubward_token_free(token);
        let mut out = ptr::null_mut();
        refuses_what_is_no_text(|text, len| hubward_token_parse(text, len, &raw mut out));
    }
}

/// Every token that Rust reads, C reads, and the other way round.
#[test]
fn tokens_are_read_as_by_rust_over_all_vectors() {
    let mut seen = [0; 2];
    let parsed = load(include_str!("../data/vectors/sas_parse.json"));
    let given = parsed.into_iter().map(|mut vector| (vector.inputs.text("token"), vector.name));
    let made_by_others = load(TOKENS[0]).into_iter();
    let expected = made_by_others.map(|mut vector| (vector.expected.text("token"), vector.name));
    for (string, name) in given.chain(expected) {
        let rust = SasToken::parse(&string);
        // SAFETY: a text with its length, and a place for the result or null.
        let c = made(|out| unsafe { hubward_token_parse(at(&string), string.len(), out) });
        assert_eq!(c.is_ok(), rust.is_ok(), "{name}");
        seen[usize::from(c.is_ok())] += 1;
        if let Ok(token) = c {
            // SAFETY: it is given back once.
            unsafe { hubward_token_free(token) };
        }
    }
    assert!(seen.iter().all(|count| *count > 2), "{seen:?}");
}

#[test]
fn device_keys_are_derived_as_by_rust_over_all_vectors() {
    let derive = |key: &str, id: &str| {
        // SAFETY: texts with their lengths, and a buffer or null with its length.
        text(|out, cap, len| unsafe {
            hubward_derive_device_key(at(key), key.len(), at(id), id.len(), out, cap, len)
        })
    };
    let mut right = 0;
    for mut vector in load(include_str!("../data/vectors/dps_derived_key.json")) {
        let (key, id) =
            (vector.inputs.text("group_key_base64"), vector.inputs.text("registration_id"));
        let expected = vector.expected.text("device_key_base64");
        let derived = derive(&key, &id);
        match RegistrationId::new(&id) {
            Err(_) => assert!(derived.is_err()),
            Ok(_) => assert_eq!(derived == Ok(expected), !vector.is_negative_control),
        }
        right += usize::from(derived.is_ok());
    }
    assert!(right > 10);
    assert_eq!(derive("Zm9vYmFy", ""), Err(HUBWARD_NAME_EMPTY));
    assert_eq!(derive("Zm9vYmFy", "a."), Err(HUBWARD_NAME_INVALID_END));
    assert_eq!(derive("Zm9vYmF", "a"), Err(HUBWARD_KEY_NOT_BASE64));
}
