//! What the examples print as JSON.

use serde_json::Value;

/// The object on one line. What is in a name ends in a terminal: no character is left that one might obey.
pub(crate) fn line(object: &Value) -> String {
    let escaped = |character: char| match character {
        ' '..='~' => character.to_string(),
        _ => character
            .encode_utf16(&mut [0; 2])
            .iter()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect(),
    };
    let mut line: String = object.to_string().chars().map(escaped).collect();
    line.push('\n');
    line
}
