//! What a token is for: the `sr` field.

use core::fmt;

use thiserror::Error;

use crate::encoding::percent::Decoded;
use crate::encoding::text::{Text, TextBuilder};
use crate::identity::{DeviceId, HubHost, IdScope, ModuleId, NameError, RegistrationId};

const SLASH: &str = "%2F";
const DEVICES: &str = "devices";
const MODULES: &str = "modules";
const REGISTRATIONS: &str = "registrations";

/// The longest module of a device, and with it the longest resource of a hub.
const MODULE_MAX: usize = HubHost::ENCODED_MAX
    + 2 * SLASH.len()
    + DEVICES.len()
    + DeviceId::ENCODED_MAX
    + 2 * SLASH.len()
    + MODULES.len()
    + ModuleId::ENCODED_MAX;

/// The longest registration in DPS.
const REGISTRATION_MAX: usize =
    IdScope::ENCODED_MAX + 2 * SLASH.len() + REGISTRATIONS.len() + RegistrationId::ENCODED_MAX;

/// A resource as tokens name it: encoded once, RFC 3986 unreserved characters kept, everything else,
/// the separators included, as `%` and upper-case hex digits.
///
/// | resource | URI | a token for it needs |
/// |---|---|---|
/// | [`hub`](Self::hub) | `{host}` | a policy |
/// | [`all_devices`](Self::all_devices) | `{host}/devices` | a policy |
/// | [`device`](Self::device) | `{host}/devices/{device}` | the device's key, or a policy |
/// | [`module`](Self::module) | `{host}/devices/{device}/modules/{module}` | the module's key |
/// | [`dps_registration`](Self::dps_registration) | `{scope}/registrations/{registration}` | the policy name `registration` |
/// | [`dps_service`](Self::dps_service) | `{host}` | a policy |
/// | [`service_bus`](Self::service_bus) | `{host}/{entity}`, a scheme before it or not | a policy and a [`ServiceBusKey`] |
///
/// A token covers every resource whose URI begins with its own, by whole segments.
///
/// # Examples
///
/// ```
/// use hubward::{DeviceId, HubHost, ResourceUri};
///
/// let host = HubHost::new("contoso.azure-devices.net")?;
/// let resource = ResourceUri::device(&host, &DeviceId::new("dev%23")?);
/// assert_eq!(resource.as_encoded(), "contoso.azure-devices.net%2Fdevices%2Fdev%2523");
/// assert_eq!(resource.to_string(), "contoso.azure-devices.net/devices/dev%23");
/// # Ok::<(), hubward::NameError>(())
/// ```
///
/// [`ServiceBusKey`]: super::ServiceBusKey
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResourceUri {
    encoded: Text<{ ResourceUri::ENCODED_MAX }>,
    /// Which segment is a host, which compares without regard to case; a DPS registration has none.
    host_segment: Option<usize>,
    service_bus: bool,
}

impl ResourceUri {
    /// The longest encoded form, in bytes.
    pub const ENCODED_MAX: usize =
        if MODULE_MAX > REGISTRATION_MAX { MODULE_MAX } else { REGISTRATION_MAX };

    /// The most bytes of a Service Bus URI: with each of them escaped it fits the same bound.
    pub const SERVICE_BUS_MAX: usize = Self::ENCODED_MAX / 3;

    /// A hub as a whole: what service policies open.
    pub fn hub(host: &HubHost) -> Self {
        Self::iot(host.as_str(), &[])
    }

    /// All devices of a hub.
    pub fn all_devices(host: &HubHost) -> Self {
        Self::iot(host.as_str(), &[DEVICES])
    }

    /// One device and its modules.
    pub fn device(host: &HubHost, device: &DeviceId) -> Self {
        Self::iot(host.as_str(), &[DEVICES, device.as_str()])
    }

    /// One module of a device.
    pub fn module(host: &HubHost, device: &DeviceId, module: &ModuleId) -> Self {
        Self::iot(host.as_str(), &[DEVICES, device.as_str(), MODULES, module.as_str()])
    }

    /// A device's registration in the Device Provisioning Service.
    pub fn dps_registration(scope: &IdScope, registration: &RegistrationId) -> Self {
        Self {
            host_segment: None,
            ..Self::iot(scope.as_str(), &[REGISTRATIONS, registration.as_str()])
        }
    }

    /// A provisioning service as a whole.
    pub fn dps_service(host: &HubHost) -> Self {
        Self::hub(host)
    }

    /// An entity of Event Hubs or Service Bus: `{namespace}.servicebus.windows.net/{entity}`, with a
    /// scheme before it (`https://`, `sb://`, `amqps://`) or without. The text is encoded as it is.
    ///
    /// These services take the *text* of a key as the HMAC key, undecoded, so such a resource is
    /// signed for by [`SasSigner::for_service_bus`] alone.
    ///
    /// # Errors
    ///
    /// [`ResourceUriError::InvalidCharacter`] for anything but printable ASCII without spaces;
    /// [`ResourceUriError::TooLong`] past [`ResourceUri::SERVICE_BUS_MAX`];
    /// [`ResourceUriError::Name`] for a host that is not one.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubward::ResourceUri;
    ///
    /// let resource = ResourceUri::service_bus("https://contoso.servicebus.windows.net/hub")?;
    /// assert_eq!(
    ///     resource.as_encoded(),
    ///     "https%3A%2F%2Fcontoso.servicebus.windows.net%2Fhub"
    /// );
    /// # Ok::<(), hubward::sas::ResourceUriError>(())
    /// ```
    ///
    /// [`SasSigner::for_service_bus`]: super::SasSigner::for_service_bus
    pub fn service_bus(uri: &str) -> Result<Self, ResourceUriError> {
        if uri.len() > Self::SERVICE_BUS_MAX {
            return Err(ResourceUriError::TooLong { len: uri.len(), max: Self::SERVICE_BUS_MAX });
        }
        if let Some(position) = uri.bytes().position(|byte| !byte.is_ascii_graphic()) {
            return Err(ResourceUriError::InvalidCharacter { position });
        }
        // A scheme and the empty segment behind it come before the host; `://` elsewhere is part of
        // the path.
        let (host_segment, after_scheme) = uri
            .split_once("://")
            .filter(|(scheme, _)| is_scheme(scheme))
            .map_or((0, uri), |(_, rest)| (2, rest));
        let host = after_scheme.split_once('/').map_or(after_scheme, |(host, _)| host);
        HubHost::new(host)?;

        let mut encoded = TextBuilder::new();
        encoded.push_percent_encoded(uri);
        Ok(Self { encoded: encoded.finish(), host_segment: Some(host_segment), service_bus: true })
    }

    /// Reads a resource of IoT Hub or DPS from its plain URI, `host/devices/id` and the like:
    /// nothing is percent-decoded.
    ///
    /// # Errors
    ///
    /// [`ResourceUriError::Name`] for a part that is not a name; [`ResourceUriError::UnknownShape`]
    /// for segments that are none of the forms above.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubward::ResourceUri;
    ///
    /// let resource = ResourceUri::parse("contoso.azure-devices.net/devices/pump-7")?;
    /// assert_eq!(resource.as_encoded(), "contoso.azure-devices.net%2Fdevices%2Fpump-7");
    /// # Ok::<(), hubward::sas::ResourceUriError>(())
    /// ```
    pub fn parse(uri: &str) -> Result<Self, ResourceUriError> {
        let mut segments = uri.split('/');
        let first = segments.next().unwrap_or_default();
        let rest = [segments.next(), segments.next(), segments.next(), segments.next()];
        if segments.next().is_some() {
            return Err(ResourceUriError::UnknownShape);
        }
        Ok(match rest {
            [None, ..] => Self::hub(&HubHost::new(first)?),
            [Some(DEVICES), None, ..] => Self::all_devices(&HubHost::new(first)?),
            [Some(DEVICES), Some(device), None, _] => {
                Self::device(&HubHost::new(first)?, &DeviceId::new(device)?)
            }
            [Some(DEVICES), Some(device), Some(MODULES), Some(module)] => Self::module(
                &HubHost::new(first)?,
                &DeviceId::new(device)?,
                &ModuleId::new(module)?,
            ),
            [Some(REGISTRATIONS), Some(registration), None, _] => {
                Self::dps_registration(&IdScope::new(first)?, &RegistrationId::new(registration)?)
            }
            _ => return Err(ResourceUriError::UnknownShape),
        })
    }

    /// The text that is signed and sent.
    pub fn as_encoded(&self) -> &str {
        self.encoded.as_str()
    }

    /// `true` for an entity of Event Hubs or Service Bus, whose keys are not decoded.
    pub const fn is_service_bus(&self) -> bool {
        self.service_bus
    }

    /// `true` if a token whose `sr` text is `sr`, in whichever encoding, covers this resource: `sr`,
    /// decoded once, is a beginning of this URI by whole segments. Hosts compare without regard to
    /// case, everything else exactly.
    pub(super) fn is_covered_by(&self, sr: &str) -> bool {
        // What ends before the host, a mere scheme, names nothing.
        let names_a_host =
            self.host_segment.is_none_or(|host| Segments::new(sr).nth(host).is_some());
        let mut expected = Segments::new(self.as_encoded());
        names_a_host
            && Segments::new(sr).enumerate().all(|(index, segment)| {
                expected.next().is_some_and(|expected| {
                    if Some(index) == self.host_segment {
                        let lower = |byte: u8| byte.to_ascii_lowercase();
                        segment.map(lower).eq(expected.map(lower))
                    } else {
                        segment.eq(expected)
                    }
                })
            })
    }

    fn iot(first: &str, segments: &[&str]) -> Self {
        let mut encoded = TextBuilder::new();
        encoded.push_percent_encoded(first);
        for segment in segments {
            encoded.push(SLASH);
            encoded.push_percent_encoded(segment);
        }
        Self { encoded: encoded.finish(), host_segment: Some(0), service_bus: false }
    }
}

impl core::str::FromStr for ResourceUri {
    type Err = ResourceUriError;

    fn from_str(uri: &str) -> Result<Self, ResourceUriError> {
        Self::parse(uri)
    }
}

/// The plain URI, as people read it.
impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;

        // Only ASCII was encoded.
        Decoded::new(self.as_encoded()).try_for_each(|byte| f.write_char(char::from(byte)))
    }
}

impl fmt::Debug for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResourceUri").field(&format_args!("{self}")).finish()
    }
}

/// Why a text is not a resource.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResourceUriError {
    /// A part of it is not the name it should be.
    #[error(transparent)]
    Name(#[from] NameError),
    /// None of the forms that hubs and provisioning services have.
    #[error(
        "not a resource: use `host`, `host/devices`, `host/devices/DEVICE`, \
         `host/devices/DEVICE/modules/MODULE` or `SCOPE/registrations/ID`, not percent-encoded"
    )]
    UnknownShape,
    /// A character outside printable ASCII, or a space.
    #[error("the URI has a character that is not allowed at byte {position}")]
    InvalidCharacter {
        /// Offset of the character in bytes, from 0.
        position: usize,
    },
    /// A URI that is too long to be one.
    #[error("the URI has {len} bytes; at most {max} are allowed")]
    TooLong {
        /// Bytes given.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Segments of a URI that is decoded once and then split, without a buffer: each is an iterator over
/// its bytes.
struct Segments<'a>(Option<Decoded<'a>>);

impl<'a> Segments<'a> {
    const fn new(encoded: &'a str) -> Self {
        Self(Some(Decoded::new(encoded)))
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let segment = self.0.clone()?;
        let mut rest = segment.clone();
        // What follows the next slash is left for the next call; without one this was the last.
        self.0 = rest.any(|byte| byte == b'/').then_some(rest);
        Some(Segment(segment))
    }
}

struct Segment<'a>(Decoded<'a>);

impl Iterator for Segment<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.0.next().filter(|byte| *byte != b'/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn uri(text: &str) -> ResourceUri {
        ResourceUri::parse(text).unwrap()
    }

    #[test]
    fn the_bounds_are_reached() {
        let host = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        let device = "#".repeat(128);
        let module = uri(&alloc::format!("{host}/devices/{device}/modules/{device}"));
        assert_eq!(module.as_encoded().len(), ResourceUri::ENCODED_MAX);
        let registration =
            uri(&alloc::format!("{}/registrations/{}a", "s".repeat(128), ":".repeat(127)));
        // Its last character is one that is not escaped.
        assert_eq!(registration.as_encoded().len(), REGISTRATION_MAX - 2);

        let path = "?".repeat(ResourceUri::SERVICE_BUS_MAX - 2);
        let longest = ResourceUri::service_bus(&alloc::format!("h/{path}")).unwrap();
        assert!(longest.as_encoded().len() <= ResourceUri::ENCODED_MAX);
        assert_eq!(longest.to_string(), alloc::format!("h/{path}"));
        assert!(matches!(
            ResourceUri::service_bus(&alloc::format!("h/{path}?")),
            Err(ResourceUriError::TooLong { .. })
        ));
    }

    #[test]
    fn plain_text_comes_back() {
        for text in [
            "h",
            "h/devices",
            "H/devices/Dev%23;x",
            "h/devices/d/modules/$edgeAgent",
            "0ne/registrations/my.reg_id:1",
        ] {
            assert_eq!(uri(text).to_string(), text);
            assert_eq!(alloc::format!("{:?}", uri(text)), alloc::format!("ResourceUri({text})"));
            assert_eq!(text.parse::<ResourceUri>().unwrap(), uri(text));
        }
        let host = HubHost::new("h").unwrap();
        assert_eq!(ResourceUri::dps_service(&host), uri("h"));
        assert!(!uri("h").is_service_bus());
    }

    #[test]
    fn shapes_that_are_none() {
        for text in [
            "h/Devices/d",
            "h/devices/d/modules",
            "h/devices/d/modules/m/x",
            "h/devices/d/x/m",
            "h/registrations",
            "h/registrations/r/x",
            "h/x",
        ] {
            assert_eq!(ResourceUri::parse(text), Err(ResourceUriError::UnknownShape), "{text}");
        }
        for text in ["", "/", "h/", "h/devices/", "h//d", "h%2Fdevices", "https://h/devices/d"] {
            assert!(ResourceUri::parse(text).is_err(), "{text}");
        }
        for text in ["", "https://", "https:///x", "://h", "1s://h", "h ost/x", "h/\n", "-h/x"] {
            assert!(ResourceUri::service_bus(text).is_err(), "{text}");
        }
    }

    #[test]
    fn coverage_is_by_whole_segments_decoded_once() {
        let device = uri("Hub.example/devices/dev1");
        for covers in [
            "Hub.example",
            "hUB.EXAMPLE%2Fdevices",
            "Hub.example/devices/dev1",
            "Hub.example%2fdevices%2Fdev1",
            "Hub.example/devices/%64ev1",
        ] {
            assert!(device.is_covered_by(covers), "{covers}");
        }
        for does_not in [
            "",
            "/",
            "Hub",
            "Hub.exampl",
            "Hub.example/",
            "Hub.example//devices",
            "Hub.example/device",
            "Hub.example/DEVICES",
            "Hub.example/devices/",
            "Hub.example/devices/dev",
            "Hub.example/devices/Dev1",
            "Hub.example/devices/dev10",
            "Hub.example/devices/dev1/",
            "Hub.example/devices/dev1/modules/m",
            "Hub.example%252Fdevices%252Fdev1",
            "https://Hub.example/devices/dev1",
        ] {
            assert!(!device.is_covered_by(does_not), "{does_not}");
        }
        assert!(!uri("h/devices/dev10").is_covered_by("h/devices/dev1"));
        assert!(uri("h/devices/d/modules/m").is_covered_by("h/devices/d"));
        assert!(!uri("h/devices/d/modules/m").is_covered_by("h/devices/d/modules/m2"));
        // Decoded once: `%2523` names the device `dev%23`, never `dev#`.
        assert!(uri("h/devices/dev%23").is_covered_by("h%2Fdevices%2Fdev%2523"));
        assert!(!uri("h/devices/dev#").is_covered_by("h%2Fdevices%2Fdev%2523"));
        assert!(!uri("h/devices/dev%23").is_covered_by("h%2Fdevices%2Fdev%23"));
    }

    #[test]
    fn only_hosts_ignore_case() {
        assert!(!uri("0neABC/registrations/r").is_covered_by("0neabc/registrations/r"));
        assert!(!uri("0neABC/registrations/r").is_covered_by("0neABC/registrations/R"));
        let entity = ResourceUri::service_bus("sb://Ns.example/Hub").unwrap();
        assert!(entity.is_covered_by("sb%3a%2f%2fns.EXAMPLE%2fHub"));
        assert!(!entity.is_covered_by("sb%3a%2f%2fns.EXAMPLE%2fhub"));
        assert!(!entity.is_covered_by("ns.example/Hub"));
        for no_host in ["sb:", "sb%3A", "sb:/", "sb%3a%2f"] {
            assert!(!entity.is_covered_by(no_host), "{no_host}");
        }
        assert!(entity.is_covered_by("sb://ns.example"));
        // What looks like a scheme but stands in the path is part of the path.
        let path = ResourceUri::service_bus("Ns.example/x://-Y-").unwrap();
        assert!(path.is_covered_by("ns.EXAMPLE/x://-Y-"));
        assert!(!path.is_covered_by("ns.example/x://-y-"));
    }
}
