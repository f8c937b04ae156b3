//! Vector files whose every field is used, and lists of deliberate divergences.

use core::fmt::Debug;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// Published values that are wrong for the inputs printed beside them: nothing may agree with these.
const NEGATIVE_CONTROLS: [&str; 3] = [
    "doc-dps-https-dps-token-STALE",
    "doc-dps-derived-key-sn007-STALE",
    "doc-dps-https-derived-key-STALE",
];

/// One entry of a vector file.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// The expected value is a wrong one.
    pub(crate) is_negative_control: bool,
    /// The expected value comes from a model of an encoder that was read, not run.
    pub(crate) is_model: bool,
    pub(crate) inputs: Fields,
    pub(crate) expected: Fields,
}

/// The fields of `inputs` or `expected`; each is taken once.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    pub(crate) fn text(&mut self, field: &str) -> String {
        self.optional_text(field).unwrap_or_else(|| panic!("there is no `{field}`"))
    }

    /// The text of a field; `None` if it is not there or null.
    pub(crate) fn optional_text(&mut self, field: &str) -> Option<String> {
        match self.0.remove(field)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => panic!("`{field}` is not a text: {other}"),
        }
    }

    pub(crate) fn number(&mut self, field: &str) -> u64 {
        let value = self.0.remove(field);
        value
            .as_ref()
            .and_then(Value::as_u64)
            .unwrap_or_else(|| panic!("`{field}` is not a number: {value:?}"))
    }

    pub(crate) fn flag(&mut self, field: &str) -> bool {
        let value = self.0.remove(field);
        value
            .as_ref()
            .and_then(Value::as_bool)
            .unwrap_or_else(|| panic!("`{field}` is neither true nor false: {value:?}"))
    }

    /// A field that is itself an object of texts; `None` if it is not there.
    pub(crate) fn optional_texts(&mut self, field: &str) -> Option<BTreeMap<String, String>> {
        match self.0.remove(field)? {
            Value::Object(fields) => Some(Self(fields).rest()),
            other => panic!("`{field}` is not an object: {other}"),
        }
    }

    /// All fields that are left; each must be a text.
    pub(crate) fn rest(&mut self) -> BTreeMap<String, String> {
        let names: Vec<String> = self.0.keys().cloned().collect();
        names
            .into_iter()
            .map(|name| {
                let text = self.text(&name);
                (name, text)
            })
            .collect()
    }
}

/// Calls `check` for each vector of the file `json`, which has as many of each kind as `counts` says.
pub(crate) fn for_each(json: &str, counts: &[(&str, usize)], mut check: impl FnMut(&mut Vector)) {
    let mut names = BTreeSet::new();
    let mut seen = BTreeMap::<String, usize>::new();
    for mut vector in load(json) {
        // The last line that a failed test shows.
        println!("vector {:?}", vector.name);
        assert!(names.insert(vector.name.clone()), "the name is there twice");
        *seen.entry(vector.kind.clone()).or_default() += 1;

        check(&mut vector);

        let Vector { inputs, expected, .. } = vector;
        assert_eq!(inputs.0, Map::new(), "inputs that nothing looked at");
        assert_eq!(expected.0, Map::new(), "expectations that nothing looked at");
    }
    let counts = counts.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
    assert_eq!(seen, counts, "how many vectors there are of each kind");
    assert!(!names.is_empty());
}

/// The vectors of a file, for a first look.
pub(crate) fn load(json: &str) -> Vec<Vector> {
    let Value::Array(vectors) = serde_json::from_str(json).unwrap() else {
        panic!("a vector file is an array");
    };
    vectors.into_iter().map(vector).collect()
}

fn vector(json: Value) -> Vector {
    let object = |json| match json {
        Some(Value::Object(fields)) => Fields(fields),
        other => panic!("not an object: {other:?}"),
    };
    let mut fields = object(Some(json));
    let name = fields.text("name");
    let inputs = object(fields.0.remove("inputs"));
    let expected = object(fields.0.remove("expected"));
    let kind = fields.text("kind");
    let recomputed = fields.text("recomputed");
    assert!(!fields.text("source").is_empty(), "{name}: no source");
    // For people.
    let _ = (fields.optional_text("generated_by"), fields.optional_text("note"));
    assert_eq!(fields.0, Map::new(), "{name}: fields that nobody knows");

    let (is_negative_control, is_model) = match recomputed.split(' ').next() {
        Some("OK" | "executed" | "n.a.") => (false, false),
        Some("model") => (false, true),
        Some("FAIL") => (true, false),
        _ => panic!("{name}: recomputed is {recomputed:?}"),
    };
    assert_eq!(
        is_negative_control,
        NEGATIVE_CONTROLS.contains(&name.as_str()),
        "{name}: negative controls are listed by name"
    );
    Vector { name, kind, is_negative_control, is_model, inputs, expected }
}

/// Values by the name of a vector, each of which must be asked for before the list is dropped.
pub(crate) struct Listed<T> {
    entries: BTreeMap<&'static str, T>,
    left: BTreeSet<&'static str>,
}

impl<T> Listed<T> {
    pub(crate) fn new<const N: usize>(entries: [(&'static str, T); N]) -> Self {
        let entries = BTreeMap::from(entries);
        assert_eq!(entries.len(), N, "a name is listed twice");
        let left = entries.keys().copied().collect();
        Self { entries, left }
    }

    pub(crate) fn get(&mut self, name: &str) -> Option<&T> {
        self.left.remove(name);
        self.entries.get(name)
    }
}

impl<T> Drop for Listed<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left = &self.left;
            assert!(left.is_empty(), "listed, but no such vector: {left:?}");
        }
    }
}

/// Where this crate deliberately differs from a vector: its name, why, and what happens instead.
pub(crate) struct Divergences<T>(Listed<(&'static str, T)>);

impl<T: Debug + PartialEq> Divergences<T> {
    pub(crate) fn new<const N: usize>(list: [(&'static str, &'static str, T); N]) -> Self {
        Self(Listed::new(list.map(|(name, reason, instead)| {
            assert!(!reason.is_empty(), "{name}: why?");
            (name, (reason, instead))
        })))
    }

    /// Agreement is fine unless the vector is listed; a difference is fine only if it is, and is
    /// exactly the listed one.
    pub(crate) fn judge(&mut self, name: &str, theirs: &impl Debug, ours: &T, agree: bool) {
        match self.0.get(name) {
            None => assert!(
                agree,
                "{name}: not in the list of divergences\n theirs: {theirs:?}\n   ours: {ours:?}"
            ),
            Some((reason, instead)) => {
                assert!(!agree, "{name}: listed as a divergence ({reason}), but agrees: {ours:?}");
                assert_eq!(ours, instead, "{name}: differs otherwise than listed: {reason}");
            }
        }
    }

    /// [`Divergences::judge`] where the vector's value and ours are of the same type.
    pub(crate) fn compare(&mut self, name: &str, theirs: &T, ours: &T) {
        self.judge(name, theirs, ours, theirs == ours);
    }
}

pub(crate) fn from_base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2) && text.is_ascii(), "{text:?}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// What a token's text says, without this crate: the fields split at `&` and at their first `=`.
pub(crate) fn token_fields(text: &str) -> BTreeMap<&str, &str> {
    text.strip_prefix("SharedAccessSignature ")
        .unwrap()
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .collect()
}

mod tests {
    use super::*;

    /// `run` panics, and says why in these words.
    fn fails(why: &str, run: fn()) {
        let panic = std::panic::catch_unwind(run).expect_err(why);
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains(why), "{message}");
    }

    fn file(name: &str, inputs: &str) -> String {
        format!(
            r#"[{{"name": "{name}", "source": "here", "kind": "k", "recomputed": "OK",
                "inputs": {inputs}, "expected": {{}}}}]"#
        )
    }

    #[test]
    fn nothing_goes_unread() {
        for_each(&file("a", r#"{"x": 1}"#), &[("k", 1)], |vector| {
            assert_eq!(vector.inputs.number("x"), 1);
        });
        fails("inputs that nothing looked at", || {
            for_each(&file("a", r#"{"x": 1}"#), &[("k", 1)], |_| {});
        });
        fails("how many vectors", || {
            for_each(&file("a", "{}"), &[("k", 2)], |_| {});
        });
        fails("how many vectors", || {
            for_each(&file("a", "{}"), &[("other", 1)], |_| {});
        });
        fails("negative controls are listed", || {
            for_each(&file(NEGATIVE_CONTROLS[0], "{}"), &[("k", 1)], |_| {});
        });
    }

    #[test]
    fn divergences_are_exact() {
        let list = || Divergences::new([("a", "because", 2)]);
        list().compare("a", &1, &2);
        let mut both = list();
        both.compare("a", &1, &2);
        both.compare("b", &1, &1);
        fails("not in the list", || {
            Divergences::new([]).compare("b", &1, &2);
        });
        fails("but agrees", || {
            Divergences::new([("a", "because", 2)]).compare("a", &2, &2);
        });
        fails("differs otherwise", || {
            Divergences::new([("a", "because", 2)]).compare("a", &1, &3);
        });
        fails("no such vector", || {
            Divergences::new([("a", "because", 2)]).compare("b", &1, &1);
        });
    }
}
