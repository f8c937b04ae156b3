//! `KeyName` against its rules, written down once more.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use hubward::keystore::{KeyName, KeyNameError};

use super::oracle;

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let made = KeyName::new(text);
    assert_eq!(text.parse(), made);
    assert_eq!(KeyName::try_from(text), made);
    assert_eq!(made.is_ok(), is_key_name(text), "{text:?}");
    match made {
        Ok(name) => says_what_it_is(&name, text),
        Err(error) => is_true(&error, text),
    }
    in_the_order_of_their_texts(text);
}

/// One to 64 letters, digits and marks, the first one no dot.
pub(super) fn is_key_name(text: &str) -> bool {
    matches!(text.as_bytes(), [first, rest @ ..] if *first != b'.' && rest.len() < 64)
        && text.chars().all(is_allowed)
}

fn is_allowed(character: char) -> bool {
    matches!(character, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.')
}

fn says_what_it_is(name: &KeyName, text: &str) {
    assert_eq!(name.as_str(), text);
    let as_ref: &str = name.as_ref();
    assert_eq!(as_ref, text);
    assert_eq!(name.to_string(), text);
    assert_eq!(format!("{name:70}|{name:>70}"), format!("{text:70}|{text:>70}"));
    assert_eq!(format!("{name:?}"), format!("KeyName({text:?})"));
    // Looked up in a folder, it stays there.
    let path = std::path::Path::new("folder").join(text);
    assert_eq!(path.components().count(), 2);
    assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(text));
}

fn is_true(error: &KeyNameError, text: &str) {
    match *error {
        KeyNameError::Empty => assert_eq!(text, ""),
        KeyNameError::TooLong { len } => {
            assert_eq!(len, text.len());
            assert!(len > KeyName::MAX_LEN);
        }
        KeyNameError::LeadingDot => assert!(text.starts_with('.')),
        KeyNameError::InvalidCharacter { position } => {
            let first = text.char_indices().find(|(_, character)| !is_allowed(*character));
            assert_eq!(first.map(|(at, _)| at), Some(position));
        }
        _ => panic!("a new error: teach it to the fuzz targets"),
    }
    // Nothing of the text is in it: numbers and a sentence are all that it is made of.
    let shown = oracle::shown(error);
    let other = match *error {
        KeyNameError::TooLong { len } => "!".repeat(len),
        KeyNameError::InvalidCharacter { position } => format!("{}!", "a".repeat(position)),
        _ => return,
    };
    let other = KeyName::new(&other).expect_err("as the first");
    assert_eq!(oracle::shown(&other), shown);
}

/// The parts of the text, those that are names, compare and hash as texts do.
fn in_the_order_of_their_texts(text: &str) {
    // A name is ASCII: what cannot be split there has no half that is one.
    let (first, second) = text.split_at_checked(text.len() / 2).unwrap_or_default();
    let names: Vec<KeyName> =
        [text, first, second].into_iter().filter_map(|part| KeyName::new(part).ok()).collect();
    let hash = |value: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        value(&mut hasher);
        hasher.finish()
    };
    for a in &names {
        assert_eq!(hash(&|hasher| a.hash(hasher)), hash(&|hasher| a.as_str().hash(hasher)));
        for b in &names {
            assert_eq!(a.cmp(b), a.as_str().cmp(b.as_str()));
            assert_eq!(a.partial_cmp(b), Some(a.cmp(b)));
            assert_eq!(a == b, a.as_str() == b.as_str());
        }
    }
}
