//! What keys are called in their store.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::encoding::text::Text;

/// The name of a key in its store: letters, digits, `-`, `_` and `.`, at most 64 bytes, not beginning
/// with a dot.
///
/// What passes can be the name of a file, of a systemd credential or of an object on a chip, and
/// cannot leave the folder that it is looked up in. Case is kept and counts.
///
/// # Examples
///
/// ```
/// use hubward::keystore::{KeyName, KeyNameError};
///
/// let name = KeyName::new("hub.primary")?;
/// assert_eq!(name.as_str(), "hub.primary");
/// assert_eq!(KeyName::new("../key"), Err(KeyNameError::LeadingDot));
/// assert_eq!(KeyName::new("a/b"), Err(KeyNameError::InvalidCharacter { position: 1 }));
/// # Ok::<(), KeyNameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Text<{ Self::MAX_LEN }>);

impl KeyName {
    /// The most bytes that a name has.
    pub const MAX_LEN: usize = 64;

    /// Checks `name` and copies it.
    ///
    /// # Errors
    ///
    /// A [`KeyNameError`] that says what is wrong and where.
    pub fn new(name: &str) -> Result<Self, KeyNameError> {
        let len = name.len();
        if len == 0 {
            return Err(KeyNameError::Empty);
        }
        if len > Self::MAX_LEN {
            return Err(KeyNameError::TooLong { len });
        }
        if name.starts_with('.') {
            return Err(KeyNameError::LeadingDot);
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match name.bytes().position(|byte| !allowed(byte)) {
            Some(position) => Err(KeyNameError::InvalidCharacter { position }),
            // What passed is ASCII and within the bound.
            None => Text::new(name).map(Self).ok_or(KeyNameError::TooLong { len }),
        }
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for KeyName {
    type Err = KeyNameError;

    fn from_str(name: &str) -> Result<Self, KeyNameError> {
        Self::new(name)
    }
}

impl TryFrom<&str> for KeyName {
    type Error = KeyNameError;

    fn try_from(name: &str) -> Result<Self, KeyNameError> {
        Self::new(name)
    }
}

impl AsRef<str> for KeyName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyName").field(&self.as_str()).finish()
    }
}

/// Why a text is not the name of a key. Says where, never what the text was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyNameError {
    /// No text at all.
    #[error("the name of the key is empty")]
    Empty,
    /// More bytes than any store takes.
    #[error("the name of the key has {len} bytes; at most {max} are allowed", max = KeyName::MAX_LEN)]
    TooLong {
        /// Bytes given.
        len: usize,
    },
    /// A dot at the beginning, as hidden files and ways out of a folder have it.
    #[error("the name of the key begins with a dot")]
    LeadingDot,
    /// A separator, or any other character that some store does not take.
    #[error(
        "the name of the key has a character that is not allowed at byte {position}; allowed are \
         letters, digits, and any of . _ -"
    )]
    InvalidCharacter {
        /// Offset of the character in bytes, from 0.
        position: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn bounds_and_alphabet() {
        for name in ["a", "hub.primary", "A-1_b", "a..b", "-", "_", &"n".repeat(64)] {
            assert_eq!(KeyName::new(name).unwrap().as_str(), name);
        }
        assert_eq!(KeyName::new(""), Err(KeyNameError::Empty));
        assert_eq!(KeyName::new(&"n".repeat(65)), Err(KeyNameError::TooLong { len: 65 }));
        for name in [".", "..", ".a", "../a"] {
            assert_eq!(KeyName::new(name), Err(KeyNameError::LeadingDot), "{name}");
        }
        for byte in 0..=u8::MAX {
            let name = alloc::format!("a{}", char::from(byte));
            let allowed = byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            let expected = Err(KeyNameError::InvalidCharacter { position: 1 });
            let found = KeyName::new(&name).map(|name| String::from(name.as_str()));
            assert_eq!(found, if allowed { Ok(name) } else { expected });
        }
    }
}
