//! Names as validated newtypes.
//!
//! A name is checked when it is made and never changed: case is kept as given, nothing is lowercased
//! and nothing percent-decoded. Two names are equal if their texts are.
//!
//! The rules follow the service's documentation of the identity registry and of resource names, and
//! where it became stricter over time, the older rule: a device that was registered under it must be
//! able to say its name.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::encoding::percent;
use crate::encoding::text::Text;

/// What kind of name an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameKind {
    /// A [`HubHost`].
    HubHost,
    /// A [`DeviceId`].
    DeviceId,
    /// A [`ModuleId`].
    ModuleId,
    /// A [`PolicyName`].
    PolicyName,
    /// An [`IdScope`].
    IdScope,
    /// A [`RegistrationId`].
    RegistrationId,
}

impl NameKind {
    /// What may stand in such a name, for people.
    const fn alphabet(self) -> &'static str {
        match self {
            Self::HubHost => {
                "letters, digits, `-`, `_`, and `.` between labels, without scheme or port"
            }
            Self::DeviceId | Self::ModuleId => {
                "letters, digits, and any of - : . + % _ # * ? ! ( ) , = @ ; $ '"
            }
            Self::PolicyName => "letters, digits, and any of _ . @ -",
            Self::IdScope => "letters, digits, and any of _ . -",
            Self::RegistrationId => "letters, digits, and any of - . _ :",
        }
    }
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HubHost => "host name",
            Self::DeviceId => "device ID",
            Self::ModuleId => "module ID",
            Self::PolicyName => "policy name",
            Self::IdScope => "ID scope",
            Self::RegistrationId => "registration ID",
        })
    }
}

/// Why a text is not a name. Says where, never what the text was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// No text at all.
    #[error("the {kind} is empty")]
    Empty {
        /// What the text should have been.
        kind: NameKind,
    },
    /// More bytes than the service takes.
    #[error("the {kind} has {len} bytes; at most {max} are allowed")]
    TooLong {
        /// What the text should have been.
        kind: NameKind,
        /// Bytes given.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A character that the service does not take.
    #[error("the {kind} has a character that is not allowed at byte {position}; allowed are {}", kind.alphabet())]
    InvalidCharacter {
        /// What the text should have been.
        kind: NameKind,
        /// Offset of the character in bytes, from 0.
        position: usize,
    },
    /// A host label that is empty, longer than 63 bytes, or begins or ends with `-`.
    #[error(
        "the {kind} has a bad label at byte {position}; the parts between dots are 1 to 63 bytes \
         and neither begin nor end with `-`"
    )]
    InvalidLabel {
        /// What the text should have been.
        kind: NameKind,
        /// Offset of the label in bytes, from 0.
        position: usize,
    },
    /// A registration ID that ends in something other than a letter, a digit or `-`.
    #[error("the {kind} must end in a letter, a digit or `-`")]
    InvalidEnd {
        /// What the text should have been.
        kind: NameKind,
    },
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:literal, $allowed:path, $also:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Text<$max>);

        impl $name {
            /// The most bytes that such a name has.
            pub const MAX_LEN: usize = $max;

            /// The most bytes that it has once it is percent-encoded: as many if nothing in its alphabet
            /// is escaped, else three times that.
            pub(crate) const ENCODED_MAX: usize = {
                let mut factor = 1;
                let mut byte = 0;
                while byte < u8::MAX {
                    if $allowed(byte) && !percent::is_unreserved(byte) {
                        factor = 3;
                    }
                    byte += 1;
                }
                factor * $max
            };

            /// Checks `name` and copies it.
            ///
            /// # Errors
            ///
            /// A [`NameError`] that says what is wrong and where.
            pub fn new(name: &str) -> Result<Self, NameError> {
                Self::check_alphabet(name.bytes())?;
                let kind = NameKind::$name;
                let also: fn(&str, NameKind) -> Result<(), NameError> = $also;
                also(name, kind)?;
                // What passed is ASCII and within the bound.
                Text::new(name).map(Self).ok_or(NameError::InvalidCharacter { kind, position: 0 })
            }

            /// Whether length and alphabet are those of such a name; there may be more to it.
            pub(crate) fn check_alphabet(name: impl Iterator<Item = u8> + Clone) -> Result<(), NameError> {
                let kind = NameKind::$name;
                let len = name.clone().count();
                if len == 0 {
                    return Err(NameError::Empty { kind });
                }
                if len > Self::MAX_LEN {
                    return Err(NameError::TooLong { kind, len, max: Self::MAX_LEN });
                }
                let mut bytes = name;
                match bytes.position(|byte| !$allowed(byte)) {
                    Some(position) => Err(NameError::InvalidCharacter { kind, position }),
                    None => Ok(()),
                }
            }

            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }
    };
}

name! {
    /// Host of an IoT hub, of a gateway in front of one, or of a provisioning service:
    /// `contoso.azure-devices.net`. DNS labels of 1 to 63 bytes, at most 253 bytes in all; neither
    /// scheme nor port.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubward::{HubHost, NameError};
    ///
    /// assert_eq!(HubHost::new("Contoso.azure-devices.net")?.as_str(), "Contoso.azure-devices.net");
    /// assert!(matches!(
    ///     HubHost::new("https://contoso.azure-devices.net"),
    ///     Err(NameError::InvalidCharacter { position: 5, .. })
    /// ));
    /// # Ok::<(), NameError>(())
    /// ```
    HubHost, 253, is_host, labels
}

name! {
    /// ID of a device in the hub's identity registry: 1 to 128 bytes, case-sensitive.
    ///
    /// Takes what the registry takes today (letters, digits and `- . % _ * ? ! ( ) , : = @ $ '`) and
    /// what it took once (`+ # ;`). Some of these are trouble elsewhere: `#` and `+` are wildcards in
    /// MQTT topics, and `;` cannot be written in a connection string.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubward::DeviceId;
    ///
    /// assert_eq!(DeviceId::new("Pump%23-7")?.as_str(), "Pump%23-7");
    /// assert_eq!(
    ///     DeviceId::new("pump 7").unwrap_err().to_string(),
    ///     "the device ID has a character that is not allowed at byte 4; allowed are letters, \
    ///      digits, and any of - : . + % _ # * ? ! ( ) , = @ ; $ '"
    /// );
    /// # Ok::<(), hubward::NameError>(())
    /// ```
    DeviceId, 128, is_device_id, |_, _| Ok(())
}

name! {
    /// ID of a module of a device: the alphabet and length of a [`DeviceId`]. The modules of IoT Edge
    /// itself are `$edgeAgent` and `$edgeHub`.
    ModuleId, 128, is_device_id, |_, _| Ok(())
}

name! {
    /// Name of a shared access policy (`SharedAccessKeyName`, `skn`): 1 to 256 bytes of
    /// `A-Z a-z 0-9 _ . @ -`.
    PolicyName, 256, is_policy_name, |_, _| Ok(())
}

name! {
    /// ID scope of a Device Provisioning Service instance, `0ne00000001`: 1 to 128 bytes.
    IdScope, 128, is_id_scope, |_, _| Ok(())
}

name! {
    /// Registration ID of a device in the Device Provisioning Service: 1 to 128 bytes of
    /// `A-Z a-z 0-9 - . _ :`, the last a letter, a digit or `-`.
    ///
    /// The service compares registration IDs without regard to case, but a device key is derived from
    /// the exact text, so two that differ in case are not equal here.
    RegistrationId, 128, is_registration_id,
    |name, kind| match name.bytes().last() {
        Some(last) if last.is_ascii_alphanumeric() || last == b'-' => Ok(()),
        _ => Err(NameError::InvalidEnd { kind }),
    }
}

const fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

const fn is_device_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b':' | b'.' | b'+' | b'%' | b'_' | b'#' | b'*' | b'?')
        || matches!(byte, b'!' | b'(' | b')' | b',' | b'=' | b'@' | b';' | b'$' | b'\'')
}

const fn is_policy_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'@' | b'-')
}

const fn is_id_scope(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

const fn is_registration_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':')
}

fn labels(host: &str, kind: NameKind) -> Result<(), NameError> {
    let mut position = 0;
    for label in host.split('.') {
        let bad =
            label.is_empty() || label.len() > 63 || label.starts_with('-') || label.ends_with('-');
        if bad {
            return Err(NameError::InvalidLabel { kind, position });
        }
        position += label.len() + 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    const DEVICE_ID_MARKS: &str = "-:.+%_#*?!(),=@;$'";

    #[test]
    fn each_alphabet_is_exactly_what_it_says() {
        type Make = fn(&str) -> bool;
        let cases: [(Make, &str); 6] = [
            (|name| DeviceId::new(name).is_ok(), DEVICE_ID_MARKS),
            (|name| ModuleId::new(name).is_ok(), DEVICE_ID_MARKS),
            (|name| PolicyName::new(name).is_ok(), "_.@-"),
            (|name| IdScope::new(name).is_ok(), "_.-"),
            (|name| RegistrationId::new(name).is_ok(), "-._:"),
            (|name| HubHost::new(name).is_ok(), "-_."),
        ];
        for (make, marks) in cases {
            for character in (0..=0x17F_u32).filter_map(char::from_u32) {
                let allowed = character.is_ascii_alphanumeric() || marks.contains(character);
                assert_eq!(make(&format!("a{character}z")), allowed, "{character:?}");
            }
        }
    }

    #[test]
    fn bounds_are_held_at_both_ends() {
        macro_rules! bounds {
            ($($name:ident),*) => {$(
                let kind = NameKind::$name;
                assert_eq!($name::new(""), Err(NameError::Empty { kind }));
                // A host of that length needs dots; its labels have a test of their own.
                let full: String = if kind == NameKind::HubHost {
                    ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".")
                } else {
                    "a".repeat($name::MAX_LEN)
                };
                assert_eq!(full.len(), $name::MAX_LEN);
                assert_eq!($name::new(&full).unwrap().as_str(), full);
                let over = full + "a";
                assert_eq!(
                    $name::new(&over),
                    Err(NameError::TooLong { kind, len: over.len(), max: $name::MAX_LEN })
                );
            )*};
        }
        bounds!(HubHost, DeviceId, ModuleId, PolicyName, IdScope, RegistrationId);
    }

    #[test]
    fn host_labels() {
        let long = format!("a.{}.c", "b".repeat(64));
        for (host, position) in [
            (".a", 0),
            ("a.", 2),
            ("a..b", 2),
            ("-a.b", 0),
            ("a-.b", 0),
            ("a.-b", 2),
            ("a.b-", 2),
            (&long, 2),
        ] {
            let kind = NameKind::HubHost;
            assert_eq!(
                HubHost::new(host),
                Err(NameError::InvalidLabel { kind, position }),
                "{host}"
            );
        }
        for host in ["h", "mygateway", "edge_1.local", "192.168.1.7", "xn--bcher-kva.example"] {
            assert_eq!(HubHost::new(host).unwrap().as_str(), host);
        }
    }

    #[test]
    fn registration_ids_end_well() {
        for bad in ["a.", "a_", "a:"] {
            assert_eq!(
                RegistrationId::new(bad),
                Err(NameError::InvalidEnd { kind: NameKind::RegistrationId })
            );
        }
        assert!(RegistrationId::new("a-").is_ok());
    }

    #[test]
    fn case_is_kept_and_counts() {
        assert_ne!(DeviceId::new("Dev").unwrap(), DeviceId::new("dev").unwrap());
        assert_eq!(DeviceId::new("Dev").unwrap().as_str(), "Dev");
        assert_eq!("Dev".parse(), DeviceId::new("Dev"));
        assert_eq!(format!("{:?}", DeviceId::new("Dev").unwrap()), "DeviceId(\"Dev\")");
        assert_eq!(format!("{:>5}", DeviceId::new("Dev").unwrap()), "  Dev");
    }
}
