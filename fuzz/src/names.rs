//! Names and resource URIs against the rules of the documentation, written down once more.

use hubward::identity::{NameError, NameKind};
use hubward::sas::ResourceUriError;
use hubward::{DeviceId, HubHost, IdScope, ModuleId, PolicyName, RegistrationId, ResourceUri};

use super::oracle;

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    macro_rules! names {
        ($($name:ident),*) => {$(
            let made = $name::new(text);
            judge(NameKind::$name, text, made.as_ref().map($name::as_str).map_err(Clone::clone));
            assert_eq!(text.parse::<$name>(), made);
            assert_eq!($name::try_from(text), made);
            if let Ok(name) = made {
                assert_eq!(name.to_string(), text);
                let as_ref: &str = name.as_ref();
                assert_eq!(as_ref, text);
                assert_eq!(format!("{name:?}"), format!("{}({text:?})", stringify!($name)));
                assert!(text.len() <= $name::MAX_LEN);
            }
        )*};
    }
    names!(HubHost, DeviceId, ModuleId, PolicyName, IdScope, RegistrationId);

    resource(text);
    service_bus(text);
}

/// The bound, and what is allowed beside letters and digits.
fn rule(kind: NameKind) -> (usize, &'static str) {
    match kind {
        NameKind::HubHost => (253, "-_."),
        NameKind::DeviceId | NameKind::ModuleId => (128, oracle::ID_MARKS),
        NameKind::PolicyName => (256, "_.@-"),
        NameKind::IdScope => (128, "_.-"),
        NameKind::RegistrationId => (128, "-._:"),
        _ => panic!("a new kind of name: teach it to the fuzz targets"),
    }
}

fn is_allowed(kind: NameKind, character: char) -> bool {
    character.is_ascii_alphanumeric() || rule(kind).1.contains(character)
}

fn is_label(label: &str) -> bool {
    matches!(label.len(), 1..=63) && !label.starts_with('-') && !label.ends_with('-')
}

fn ends_well(text: &str) -> bool {
    text.ends_with(|last: char| last.is_ascii_alphanumeric() || last == '-')
}

fn is_name(kind: NameKind, text: &str) -> bool {
    matches!(text.len(), 1.. if text.len() <= rule(kind).0)
        && text.chars().all(|character| is_allowed(kind, character))
        && (kind != NameKind::HubHost || text.split('.').all(is_label))
        && (kind != NameKind::RegistrationId || ends_well(text))
}

/// Accepted is what the rules allow, as it is; and an error says the truth.
fn judge(kind: NameKind, text: &str, made: Result<&str, NameError>) {
    assert_eq!(made.is_ok(), is_name(kind, text), "{kind}: {text:?}");
    match made {
        Ok(name) => assert_eq!(name, text),
        Err(error) => is_true(kind, text, &error),
    }
}

fn is_true(expected: NameKind, text: &str, error: &NameError) {
    let of = match error.clone() {
        NameError::Empty { kind } => {
            assert_eq!(text, "");
            kind
        }
        NameError::TooLong { kind, len, max } => {
            assert_eq!((len, max), (text.len(), rule(kind).0));
            assert!(len > max);
            kind
        }
        NameError::InvalidCharacter { kind, position } => {
            // The first one, and at the beginning of a character.
            let first = text.char_indices().find(|(_, c)| !is_allowed(kind, *c));
            assert_eq!(first.map(|(at, _)| at), Some(position));
            kind
        }
        NameError::InvalidLabel { kind, position } => {
            assert_eq!(kind, NameKind::HubHost);
            assert!(position == 0 || text.as_bytes()[position - 1] == b'.');
            let label = text[position..].split('.').next();
            assert!(label.is_some_and(|label| !is_label(label)));
            kind
        }
        NameError::InvalidEnd { kind } => {
            assert_eq!(kind, NameKind::RegistrationId);
            assert!(!ends_well(text));
            kind
        }
        _ => panic!("a new error: teach it to the fuzz targets"),
    };
    assert_eq!(of, expected);
}

/// The forms of a resource of IoT Hub or DPS.
fn is_resource(text: &str) -> bool {
    let segments: Vec<&str> = text.split('/').collect();
    let host = |text| is_name(NameKind::HubHost, text);
    let device = |text| is_name(NameKind::DeviceId, text);
    match segments[..] {
        [h] | [h, "devices"] => host(h),
        [h, "devices", d] => host(h) && device(d),
        [h, "devices", d, "modules", m] => host(h) && device(d) && is_name(NameKind::ModuleId, m),
        [scope, "registrations", id] => {
            is_name(NameKind::IdScope, scope) && is_name(NameKind::RegistrationId, id)
        }
        _ => false,
    }
}

fn resource(text: &str) {
    let parsed = ResourceUri::parse(text);
    assert_eq!(parsed.is_ok(), is_resource(text), "{text:?}");
    assert_eq!(text.parse::<ResourceUri>(), parsed);
    match parsed {
        Ok(resource) => {
            assert!(!resource.is_service_bus());
            is_encoded_once(&resource, text);
            assert_eq!(ResourceUri::parse(&resource.to_string()), Ok(resource));
        }
        Err(ResourceUriError::Name(error)) => {
            // One of the segments is the one that is judged.
            let names = |segment: &str| {
                [
                    HubHost::new(segment).err(),
                    DeviceId::new(segment).err(),
                    ModuleId::new(segment).err(),
                    IdScope::new(segment).err(),
                    RegistrationId::new(segment).err(),
                ]
                .contains(&Some(error.clone()))
            };
            assert!(text.split('/').any(names), "{error}");
        }
        Err(ResourceUriError::UnknownShape) => {}
        Err(error) => panic!("{error} is not about this kind of resource"),
    }
}

/// Host and whatever follows, behind a scheme of RFC 3986 section 3.1 or without one.
fn is_service_bus(text: &str) -> bool {
    let after_scheme = oracle::behind_scheme(text).unwrap_or(text);
    let host = after_scheme.split('/').next().unwrap_or_default();
    text.len() <= ResourceUri::SERVICE_BUS_MAX
        && text.chars().all(|c| c.is_ascii_graphic())
        && is_name(NameKind::HubHost, host)
}

fn service_bus(text: &str) {
    let made = ResourceUri::service_bus(text);
    assert_eq!(made.is_ok(), is_service_bus(text), "{text:?}");
    match made {
        Ok(resource) => {
            assert!(resource.is_service_bus());
            is_encoded_once(&resource, text);
            assert_eq!(ResourceUri::service_bus(&resource.to_string()), Ok(resource));
        }
        Err(ResourceUriError::TooLong { len, max }) => {
            assert_eq!((len, max), (text.len(), ResourceUri::SERVICE_BUS_MAX));
            assert!(len > max);
        }
        Err(ResourceUriError::InvalidCharacter { position }) => {
            let first = text.char_indices().find(|(_, c)| !c.is_ascii_graphic());
            assert_eq!(first.map(|(at, _)| at), Some(position));
        }
        Err(ResourceUriError::Name(_)) => {}
        Err(error) => panic!("{error} is not about this kind of resource"),
    }
}

fn is_encoded_once(resource: &ResourceUri, text: &str) {
    let encoded = resource.as_encoded();
    assert_eq!(encoded, oracle::percent_encode(text.as_bytes()));
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        let is_hex = |digit| matches!(digit, Some(b'0'..=b'9' | b'A'..=b'F'));
        assert!(
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'.' | b'_' | b'~')
                || (byte == b'%' && is_hex(rest.next()) && is_hex(rest.next()))
        );
    }
    assert!(encoded.len() <= ResourceUri::ENCODED_MAX);
    assert_eq!(urlencoding::decode(encoded).as_deref(), Ok(text));
    assert_eq!(resource.to_string(), text);
    assert_eq!(format!("{resource:?}"), format!("ResourceUri({text})"));
}
