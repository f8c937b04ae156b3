//! Least privilege: what the policies of a hub open to whoever has their key.
//!
//! Source: "Control access to IoT Hub by using shared access signatures" in Azure's documentation.

use core::fmt;

use crate::identity::PolicyName;

/// A permission of IoT Hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// `DeviceConnect`.
    DeviceConnect,
    /// `ServiceConnect`.
    ServiceConnect,
    /// `RegistryRead`.
    RegistryRead,
    /// `RegistryWrite`.
    RegistryWrite,
}

impl Permission {
    /// What it opens.
    pub const fn opens(self) -> &'static str {
        match self {
            Self::DeviceConnect => {
                "sending and receiving as any device of the hub, its files and its twin"
            }
            Self::ServiceConnect => {
                "reading the messages of all devices, sending to them, calling their methods, their twins"
            }
            Self::RegistryRead => "reading the registry, the keys of all devices included",
            Self::RegistryWrite => "adding, changing and deleting devices",
        }
    }
}

/// The name as the portal shows it.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DeviceConnect => "DeviceConnect",
            Self::ServiceConnect => "ServiceConnect",
            Self::RegistryRead => "RegistryRead",
            Self::RegistryWrite => "RegistryWrite",
        })
    }
}

/// What the policies open that each hub begins with; `None` for one that somebody made.
///
/// | policy | permissions |
/// |---|---|
/// | `iothubowner` | all |
/// | `service` | `ServiceConnect` |
/// | `device` | `DeviceConnect` |
/// | `registryRead` | `RegistryRead` |
/// | `registryReadWrite` | `RegistryRead`, `RegistryWrite` |
#[must_use]
pub fn permissions(policy: &PolicyName) -> Option<&'static [Permission]> {
    use Permission::{DeviceConnect, RegistryRead, RegistryWrite, ServiceConnect};

    // The hub compares without case.
    let known: [(&str, &'static [Permission]); 5] = [
        ("iothubowner", &[DeviceConnect, ServiceConnect, RegistryRead, RegistryWrite]),
        ("service", &[ServiceConnect]),
        ("device", &[DeviceConnect]),
        ("registryRead", &[RegistryRead]),
        ("registryReadWrite", &[RegistryRead, RegistryWrite]),
    ];
    let found = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(policy.as_str()));
    found.map(|(_, permissions)| *permissions)
}
