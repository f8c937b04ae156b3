//! JSON (RFC 8259), as far as reports are written in it.

use core::fmt;

use alloc::format;
use alloc::string::String;

/// Escapes what JSON does not take in a string (section 7).
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                '\0'..='\u{1f}' => write!(f, "\\u{:04x}", u32::from(character))?,
                _ => write!(f, "{character}")?,
            }
        }
        Ok(())
    }
}

/// An object, member by member. Keys are written as they are.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".into())
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.member(key, format_args!("\"{}\"", Text(value)))
    }

    /// A text, or null.
    #[cfg(feature = "tls")]
    pub(crate) fn maybe_text(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self.member(key, format_args!("null")),
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn bool(self, key: &str, value: bool) -> Self {
        self.member(key, format_args!("{value}"))
    }

    /// A number, or null.
    #[cfg(feature = "x509")]
    pub(crate) fn maybe_number(self, key: &str, value: Option<usize>) -> Self {
        match value {
            Some(value) => self.member(key, format_args!("{value}")),
            None => self.member(key, format_args!("null")),
        }
    }

    /// An object, or null.
    #[cfg(feature = "tls")]
    pub(crate) fn maybe_object(self, key: &str, value: Option<Self>) -> Self {
        match value {
            Some(value) => self.member(key, format_args!("{}", value.finish())),
            None => self.member(key, format_args!("null")),
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn objects(self, key: &str, values: impl IntoIterator<Item = Self>) -> Self {
        self.member(key, format_args!("{}", array(values.into_iter().map(Self::finish))))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn texts<'a>(self, key: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values = values.into_iter().map(|value| format!("\"{}\"", Text(value)));
        self.member(key, format_args!("{}", array(values)))
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn member(mut self, key: &str, value: fmt::Arguments<'_>) -> Self {
        let comma = if self.0.len() == 1 { "" } else { "," };
        self.0.push_str(&format!("{comma}\"{key}\":{value}"));
        self
    }
}

/// An array of what is JSON already.
pub(crate) fn array(values: impl IntoIterator<Item = String>) -> String {
    let mut array = String::from("[");
    for value in values {
        if array.len() > 1 {
            array.push(',');
        }
        array.push_str(&value);
    }
    array.push(']');
    array
}
