//! What a token covers, and that no two resources are written alike.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hubward::keystore::{KeyError, Tag};
use hubward::sas::{ServiceBusKey, TokenVerifyError};
use hubward::{DeviceId, HubHost, MacKey, ModuleId, ResourceUri, SasToken, UnixTime};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Encoding, NO_TOLERANCE, config, encoding, hmac, host, id, percent, resource};

/// Signs nothing: for tests that are not about the signature.
#[derive(Debug)]
struct Blank;

impl MacKey for Blank {
    fn hmac_sha256(&self, _: &[&[u8]]) -> Result<Tag, KeyError> {
        Ok(Tag::from_bytes([0; 32]))
    }
}

/// `true` if a token that says `sr` is accepted for `expected`.
fn covers(sr: &str, expected: &ResourceUri) -> bool {
    let sig = STANDARD.encode([0; 32]);
    let text = format!("SharedAccessSignature sr={sr}&sig={sig}&se=1");
    let token = SasToken::parse(&text).expect("the fields are in order");
    match token.verify(&Blank, expected, UnixTime::from_secs(0), NO_TOLERANCE) {
        Ok(()) => true,
        Err(TokenVerifyError::OutOfScope) => false,
        Err(other) => panic!("{other}"),
    }
}

/// The same for Event Hubs and Service Bus, with a key.
fn covers_entity(sr: &str, expected: &ResourceUri) -> bool {
    let sig = STANDARD.encode(hmac(b"text", format!("{sr}\n1").as_bytes()));
    let text = format!("SharedAccessSignature sr={sr}&sig={sig}&se=1&skn=p");
    let token = SasToken::parse(&text).expect("the fields are in order");
    let key = ServiceBusKey::from_text("text").expect("a key");
    match token.verify_service_bus(&key, expected, UnixTime::from_secs(0), NO_TOLERANCE) {
        Ok(()) => true,
        Err(TokenVerifyError::OutOfScope) => false,
        Err(other) => panic!("{other}"),
    }
}

/// The oracle: decode once, split, compare segment by segment.
fn covers_by_segments(sr: &str, expected: &str, host: Option<usize>) -> bool {
    let decoded = urlencoding::decode_binary(sr.as_bytes()).into_owned();
    let given: Vec<&[u8]> = decoded.split(|byte| *byte == b'/').collect();
    let expected: Vec<&[u8]> = expected.as_bytes().split(|byte| *byte == b'/').collect();
    given.len() <= expected.len()
        // What ends before the host, a mere scheme, names nothing.
        && host.is_none_or(|host| given.len() > host)
        && given.iter().zip(&expected).enumerate().all(|(index, (given, expected))| {
            given == expected || host == Some(index) && given.eq_ignore_ascii_case(expected)
        })
}

/// Few and short segments, so that they often meet.
fn near_segment() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "h",
            "H",
            "h.h",
            "devices",
            "Devices",
            "modules",
            "registrations",
            "d",
            "D",
            "d1",
            "1",
            "%64",
            "d%31",
            "%2F",
            "",
            "%",
            "d%2fd",
            // With an empty segment behind it, like a scheme.
            "d:",
        ][..],
    )
}

fn near_resource() -> impl Strategy<Value = String> {
    let host = || select(&["h", "H", "h.h", "d"][..]);
    let id = || select(&["d", "D", "d1", "1", "%64", "d%31", "%2F", "%", "devices", "h"][..]);
    let registration = select(&["d", "D", "d1", "1", "devices", "h"][..]);
    prop_oneof![
        host().prop_map(str::to_owned),
        host().prop_map(|host| format!("{host}/devices")),
        (host(), id()).prop_map(|(host, id)| format!("{host}/devices/{id}")),
        (host(), id(), id()).prop_map(|(host, d, m)| format!("{host}/devices/{d}/modules/{m}")),
        (host(), registration).prop_map(|(scope, id)| format!("{scope}/registrations/{id}")),
    ]
}

/// What `sr` does to the segments of a resource.
#[derive(Clone, Copy, Debug)]
enum Edit {
    None,
    FlipCase,
    CutCharacter,
    AddCharacter,
    AddSegment,
    Replace(&'static str),
    /// Encode once more than is decoded.
    EncodeAgain,
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        select(
            &[
                Edit::None,
                Edit::FlipCase,
                Edit::CutCharacter,
                Edit::AddCharacter,
                Edit::AddSegment,
                Edit::EncodeAgain,
            ][..]
        ),
        near_segment().prop_map(Edit::Replace),
    ]
}

/// An `sr` near the plain text: a beginning of it, one segment of which is changed or none, each
/// character in an encoding of its own.
fn near_sr(plain: &str) -> impl Strategy<Value = String> + use<> {
    let segments: Vec<String> = plain.split('/').map(str::to_owned).collect();
    let (keep, encodings) = (1..=segments.len(), prop::collection::vec(encoding(), 64));
    (Just(segments), keep, any::<Index>(), edit(), encodings)
        .prop_map(|(mut segments, keep, index, edit, encodings)| {
            segments.truncate(keep);
            let segment = &mut segments[index.index(keep)];
            match edit {
                Edit::None => {}
                Edit::FlipCase => {
                    let flip = |c: char| {
                        if c.is_ascii_lowercase() {
                            c.to_ascii_uppercase()
                        } else {
                            c.to_ascii_lowercase()
                        }
                    };
                    *segment = segment.chars().map(flip).collect();
                }
                Edit::CutCharacter => {
                    segment.pop();
                }
                Edit::AddCharacter => segment.push('1'),
                Edit::AddSegment => segment.push_str("/1"),
                Edit::Replace(other) => other.clone_into(segment),
                Edit::EncodeAgain => *segment = Encoding::All.apply(segment),
            }
            let plain = segments.join("/");
            let characters = plain.chars().zip(encodings.iter().cycle());
            characters.map(|(c, encoding)| encoding.apply(&c.to_string())).collect()
        })
        .prop_filter("a field has a value", |sr: &String| !sr.is_empty())
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn a_token_covers_what_begins_with_its_segments(
        (plain, sr) in near_resource().prop_flat_map(|plain| {
            let sr = near_sr(&plain);
            (Just(plain), sr)
        }),
    ) {
        let expected = ResourceUri::parse(&plain)?;
        let host = (!plain.contains("/registrations/")).then_some(0);
        prop_assert_eq!(covers(&sr, &expected), covers_by_segments(&sr, &plain, host));
    }

    #[test]
    fn a_token_of_any_text_covers_what_begins_with_its_segments(
        plain in near_resource(),
        sr in "[hHdD1/%2Ff.]{1,8}",
    ) {
        let expected = ResourceUri::parse(&plain)?;
        let host = (!plain.contains("/registrations/")).then_some(0);
        prop_assert_eq!(covers(&sr, &expected), covers_by_segments(&sr, &plain, host));
    }

    #[test]
    fn a_token_of_service_bus_does_too(
        scheme in select(&["", "sb://", "https://", "SB://"][..]),
        segments in prop::collection::vec(near_segment(), 0..4),
        other in near_segment(),
        cut in 1_usize..7,
        encoding in encoding(),
    ) {
        let mut plain = format!("{scheme}h.h");
        for segment in &segments {
            plain.push('/');
            plain.push_str(segment);
        }
        let expected = ResourceUri::service_bus(&plain)?;
        prop_assert!(expected.is_service_bus());
        let host = if scheme.is_empty() { 0 } else { 2 };
        let mut shorter: Vec<&str> = plain.split('/').take(cut).collect();
        for sr in [shorter.join("/"), {
            *shorter.last_mut().expect("one at least") = other;
            shorter.join("/")
        }] {
            let sr = encoding.apply(&sr.replace('h', "H"));
            if !sr.is_empty() {
                let answer = covers_by_segments(&sr, &plain, Some(host));
                prop_assert_eq!(covers_entity(&sr, &expected), answer, "{}", sr);
            }
        }
    }
}

#[test]
fn what_looks_like_a_scheme_in_a_path_is_part_of_the_path() {
    let path = ResourceUri::service_bus("Ns.example/d://D-/x").expect("the host is one");
    assert!(covers_entity("ns.EXAMPLE/d:", &path));
    assert!(covers_entity("ns.example/d://D-", &path));
    assert!(!covers_entity("Ns.example/d://d-", &path));
    assert!(!covers_entity("Ns.example/D://D-", &path));
    // The host is judged, not what stands behind a later `://`.
    assert!(ResourceUri::service_bus("n!s/d://host").is_err());
}

// Encoding.

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn a_resource_is_encoded_as_others_do_and_comes_back(plain in resource()) {
        let resource = ResourceUri::parse(&plain)?;
        prop_assert_eq!(resource.as_encoded(), percent(&plain));
        prop_assert_eq!(resource.to_string(), plain.as_str());
        prop_assert_eq!(&plain.parse::<ResourceUri>()?, &resource);
        prop_assert!(!resource.is_service_bus());
    }

    #[test]
    fn constructors_and_parser_agree(host in host(), device in id(), module in id()) {
        let (h, d, m) = (HubHost::new(&host)?, DeviceId::new(&device)?, ModuleId::new(&module)?);
        for (resource, plain) in [
            (ResourceUri::hub(&h), host.clone()),
            (ResourceUri::dps_service(&h), host.clone()),
            (ResourceUri::all_devices(&h), format!("{host}/devices")),
            (ResourceUri::device(&h, &d), format!("{host}/devices/{device}")),
            (ResourceUri::module(&h, &d, &m), format!("{host}/devices/{device}/modules/{module}")),
        ] {
            prop_assert_eq!(resource.as_encoded(), percent(&plain));
            prop_assert_eq!(resource, ResourceUri::parse(&plain)?);
        }
    }

    /// No two devices share a resource, however much their names look like each other's encoding.
    #[test]
    fn encoding_is_injective(
        a in "(%|2|5|3|4|f|F|=|a){1,6}",
        b in "(%|2|5|3|4|f|F|=|a){1,6}",
    ) {
        let host = HubHost::new("h")?;
        let of_a = ResourceUri::device(&host, &DeviceId::new(&a)?);
        let of_b = ResourceUri::device(&host, &DeviceId::new(&b)?);
        prop_assert_eq!(a == b, of_a == of_b);
        prop_assert_eq!(a == b, of_a.as_encoded() == of_b.as_encoded());
        prop_assert_eq!(a == b, covers(of_a.as_encoded(), &of_b));
        prop_assert_eq!(of_a.as_encoded() == a, false);
        let encoded_again = ResourceUri::device(&host, &DeviceId::new(&percent(&a))?);
        prop_assert_eq!(encoded_again == of_a, !a.bytes().any(|byte| matches!(byte, b'%' | b'=')));
    }
}
