//! The connection string that the portal hands out.
//!
//! `HostName=…;DeviceId=…;SharedAccessKey=…`: fields split at `;`, then at their first `=`, names
//! exact in case. No two official SDKs read the corner cases alike; this reader takes what all of
//! them mean and refuses what they disagree on, with an error that names the field and never its
//! value.

use core::fmt;

use thiserror::Error;

use super::names::{DeviceId, HubHost, ModuleId, NameError, PolicyName};
use crate::encoding::TOKEN_PREFIX;
use crate::encoding::base64::{self, Base64Error};
use crate::secret::{REDACTED, SecretBytes, SecretText};

#[cfg(feature = "alloc")]
use alloc::string::String;
#[cfg(feature = "alloc")]
use zeroize::Zeroizing;

/// An identity and what it authenticates with, as one connection string says them.
///
/// | form | fields |
/// |---|---|
/// | device | `HostName`, `DeviceId` |
/// | module | … and `ModuleId` |
/// | policy | `HostName`, `SharedAccessKeyName`, with or without `DeviceId` |
/// | behind a gateway | any of these and `GatewayHostName` |
///
/// and exactly one of `SharedAccessKey`, `SharedAccessSignature` and `x509=true` (`X509Cert=true` is
/// the same). `RepositoryId`, `UseProvisioning`, `CredentialScope` and `CredentialType` are ignored,
/// whatever they hold; any other field is refused. Whitespace around the whole and one `;` at its end are fine.
///
/// `Debug` and `Display` hide the secrets.
///
/// # Examples
///
/// ```
/// use hubward::ConnectionString;
///
/// let text = "HostName=contoso.azure-devices.net;DeviceId=pump-7;SharedAccessKey=Zm9vYmFy";
/// let connection = ConnectionString::parse(text)?;
/// assert_eq!(connection.host().as_str(), "contoso.azure-devices.net");
/// assert_eq!(connection.device_id().map(|id| id.as_str()), Some("pump-7"));
/// assert_eq!(
///     connection.to_string(),
///     "HostName=contoso.azure-devices.net;DeviceId=pump-7;SharedAccessKey=<redacted>"
/// );
/// # Ok::<(), hubward::ConnectionStringError>(())
/// ```
///
/// # Security
///
/// The key is decoded without data-dependent branches. The text it came from is as secret as the
/// key: `ConnectionString::from_string` takes it over and wipes it; [`ConnectionString::parse`]
/// leaves that to the caller.
#[derive(Debug)]
pub struct ConnectionString<'a> {
    host: HubHost,
    gateway: Option<HubHost>,
    device_id: Option<DeviceId>,
    module_id: Option<ModuleId>,
    policy_name: Option<PolicyName>,
    authentication: Authentication<'a>,
}

/// What a connection string authenticates with.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "alloc"),
    expect(clippy::large_enum_variant, reason = "there is no heap to put the key on")
)]
#[non_exhaustive]
pub enum Authentication<'a> {
    /// `SharedAccessKey`: the decoded key, 1 to [`SecretBytes::MAX_LEN`] bytes.
    SharedAccessKey(SecretBytes),
    /// `SharedAccessSignature`: a token that somebody else made, its beginning checked and no more.
    SharedAccessSignature(SecretText<'a>),
    /// `x509=true`: a certificate that is configured elsewhere.
    X509,
}

impl Authentication<'_> {
    /// The field that says so in a connection string.
    pub const fn field(&self) -> Field {
        match self {
            Self::SharedAccessKey(_) => Field::SharedAccessKey,
            Self::SharedAccessSignature(_) => Field::SharedAccessSignature,
            Self::X509 => Field::X509,
        }
    }
}

impl<'a> ConnectionString<'a> {
    /// Reads a connection string; a ready-made token in it is borrowed from `text`.
    ///
    /// # Errors
    ///
    /// A [`ConnectionStringError`] for the first thing that is wrong.
    pub fn parse(text: &'a str) -> Result<Self, ConnectionStringError> {
        let fields = Fields::split(text)?;

        let authentication = fields.authentication()?;
        let host =
            fields.host.ok_or(ConnectionStringError::MissingField { field: Field::HostName })?;
        // A policy key stands for the whole hub; everything else needs to say which device.
        if fields.device_id.is_none()
            && (fields.policy_name.is_none() || fields.module_id.is_some())
        {
            return Err(ConnectionStringError::MissingField { field: Field::DeviceId });
        }

        Ok(Self {
            host: named(Field::HostName, host, HubHost::new)?,
            gateway: optional(Field::GatewayHostName, fields.gateway, HubHost::new)?,
            device_id: optional(Field::DeviceId, fields.device_id, DeviceId::new)?,
            module_id: optional(Field::ModuleId, fields.module_id, ModuleId::new)?,
            policy_name: optional(Field::SharedAccessKeyName, fields.policy_name, PolicyName::new)?,
            authentication,
        })
    }

    /// The identity of a device.
    pub const fn device(
        host: HubHost,
        device_id: DeviceId,
        authentication: Authentication<'a>,
    ) -> Self {
        Self {
            host,
            gateway: None,
            device_id: Some(device_id),
            module_id: None,
            policy_name: None,
            authentication,
        }
    }

    /// The identity of a module of a device.
    pub const fn module(
        host: HubHost,
        device_id: DeviceId,
        module_id: ModuleId,
        authentication: Authentication<'a>,
    ) -> Self {
        Self {
            host,
            gateway: None,
            device_id: Some(device_id),
            module_id: Some(module_id),
            policy_name: None,
            authentication,
        }
    }

    /// A shared access policy of the hub, which no device needs: see the least-privilege advice in
    /// the service's documentation.
    pub const fn policy(host: HubHost, policy_name: PolicyName, key: SecretBytes) -> Self {
        Self {
            host,
            gateway: None,
            device_id: None,
            module_id: None,
            policy_name: Some(policy_name),
            authentication: Authentication::SharedAccessKey(key),
        }
    }

    /// The policy, used for one device: tokens are scoped to it.
    #[must_use]
    pub fn for_device(self, device_id: DeviceId) -> Self {
        Self { device_id: Some(device_id), ..self }
    }

    /// The same identity, reached through a gateway.
    #[must_use]
    pub fn through_gateway(self, gateway: HubHost) -> Self {
        Self { gateway: Some(gateway), ..self }
    }

    /// `HostName`: the hub, which tokens name even behind a gateway.
    pub const fn host(&self) -> &HubHost {
        &self.host
    }

    /// `GatewayHostName`: the host to connect to instead of the hub.
    pub const fn gateway(&self) -> Option<&HubHost> {
        self.gateway.as_ref()
    }

    /// `DeviceId`; absent only in the policy form.
    pub const fn device_id(&self) -> Option<&DeviceId> {
        self.device_id.as_ref()
    }

    /// `ModuleId`.
    pub const fn module_id(&self) -> Option<&ModuleId> {
        self.module_id.as_ref()
    }

    /// `SharedAccessKeyName`.
    pub const fn policy_name(&self) -> Option<&PolicyName> {
        self.policy_name.as_ref()
    }

    /// The one kind of authentication that the string has.
    pub const fn authentication(&self) -> &Authentication<'a> {
        &self.authentication
    }
}

#[cfg(feature = "alloc")]
impl<'a> ConnectionString<'a> {
    /// Reads a connection string and wipes the text, also where it is refused.
    ///
    /// # Errors
    ///
    /// As [`ConnectionString::parse`].
    pub fn from_string(text: String) -> Result<ConnectionString<'static>, ConnectionStringError> {
        let text = Zeroizing::new(text);
        ConnectionString::parse(&text).map(ConnectionString::into_owned)
    }

    /// Copies what is borrowed, so that the value can outlive the text it came from.
    pub fn into_owned(self) -> ConnectionString<'static> {
        let Self { host, gateway, device_id, module_id, policy_name, authentication } = self;
        ConnectionString {
            host,
            gateway,
            device_id,
            module_id,
            policy_name,
            authentication: match authentication {
                Authentication::SharedAccessKey(key) => Authentication::SharedAccessKey(key),
                Authentication::SharedAccessSignature(token) => {
                    Authentication::SharedAccessSignature(token.into_owned())
                }
                Authentication::X509 => Authentication::X509,
            },
        }
    }

    /// The connection string with its secret, fields in the portal's order.
    ///
    /// # Errors
    ///
    /// [`ConnectionStringError::NotRepresentable`] for an ID that contains `;`, which no reader of
    /// connection strings could tell from the end of the field; [`ConnectionStringError::EmptyValue`]
    /// for a key of no bytes; [`ConnectionStringError::NotAToken`] for a ready-made token that is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubward::identity::Authentication;
    /// use hubward::secret::SecretBytes;
    /// use hubward::{ConnectionString, DeviceId, HubHost};
    ///
    /// let connection = ConnectionString::device(
    ///     HubHost::new("contoso.azure-devices.net")?,
    ///     DeviceId::new("pump-7")?,
    ///     Authentication::SharedAccessKey(SecretBytes::copy_from(b"foobar")?),
    /// );
    /// assert_eq!(
    ///     connection.expose_connection_string()?.expose_text(),
    ///     "HostName=contoso.azure-devices.net;DeviceId=pump-7;SharedAccessKey=Zm9vYmFy"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expose_connection_string(&self) -> Result<SecretText<'static>, ConnectionStringError> {
        for (field, value) in self.public_fields() {
            if value.contains(';') {
                return Err(ConnectionStringError::NotRepresentable { field });
            }
        }
        let key_text;
        let secret = match &self.authentication {
            Authentication::SharedAccessKey(key) => {
                key_text = SecretText::owned(base64::encode_secret(key.expose_bytes()));
                key_text.expose_text()
            }
            Authentication::SharedAccessSignature(token) => token.expose_text(),
            Authentication::X509 => "true",
        };
        let field = self.authentication.field();
        if secret.is_empty() {
            return Err(ConnectionStringError::EmptyValue { field });
        }
        if field == Field::SharedAccessSignature && !looks_like_token(secret) {
            return Err(ConnectionStringError::NotAToken);
        }

        // The text must not grow once the secret is in it: it is given its full length first.
        let fields = || self.public_fields().chain([(field, secret)]);
        let len = fields().map(|(field, value)| field.name().len() + value.len() + 2).sum();
        let mut text = String::with_capacity(len);
        for (field, value) in fields() {
            if !text.is_empty() {
                text.push(';');
            }
            text.push_str(field.name());
            text.push('=');
            text.push_str(value);
        }
        Ok(SecretText::owned(text))
    }
}

#[cfg(feature = "alloc")]
impl core::str::FromStr for ConnectionString<'static> {
    type Err = ConnectionStringError;

    fn from_str(text: &str) -> Result<Self, ConnectionStringError> {
        ConnectionString::parse(text).map(ConnectionString::into_owned)
    }
}

impl ConnectionString<'_> {
    fn public_fields(&self) -> impl Iterator<Item = (Field, &str)> {
        let Self { host, gateway, device_id, module_id, policy_name, authentication: _ } = self;
        [
            Some((Field::HostName, host.as_str())),
            gateway.as_ref().map(|gateway| (Field::GatewayHostName, gateway.as_str())),
            device_id.as_ref().map(|id| (Field::DeviceId, id.as_str())),
            module_id.as_ref().map(|id| (Field::ModuleId, id.as_str())),
            policy_name.as_ref().map(|name| (Field::SharedAccessKeyName, name.as_str())),
        ]
        .into_iter()
        .flatten()
    }
}

/// The fields in order, the secret as `<redacted>`; a `;` in an ID, which no reader of connection
/// strings could tell from the end of the field, as `\;`.
impl fmt::Display for ConnectionString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (field, value) in self.public_fields() {
            write!(f, "{}=", field.name())?;
            for (index, part) in value.split(';').enumerate() {
                f.write_str(if index == 0 { "" } else { "\\;" })?;
                f.write_str(part)?;
            }
            f.write_str(";")?;
        }
        let field = self.authentication.field();
        let value = if field == Field::X509 { "true" } else { REDACTED };
        write!(f, "{}={value}", field.name())
    }
}

/// A field of a connection string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// `HostName`.
    HostName,
    /// `GatewayHostName`.
    GatewayHostName,
    /// `DeviceId`.
    DeviceId,
    /// `ModuleId`.
    ModuleId,
    /// `SharedAccessKeyName`.
    SharedAccessKeyName,
    /// `SharedAccessKey`.
    SharedAccessKey,
    /// `SharedAccessSignature`.
    SharedAccessSignature,
    /// `x509`, also written `X509Cert`.
    X509,
}

impl Field {
    const ALL: [Self; 8] = [
        Self::HostName,
        Self::GatewayHostName,
        Self::DeviceId,
        Self::ModuleId,
        Self::SharedAccessKeyName,
        Self::SharedAccessKey,
        Self::SharedAccessSignature,
        Self::X509,
    ];

    /// The name as it stands in a connection string.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HostName => "HostName",
            Self::GatewayHostName => "GatewayHostName",
            Self::DeviceId => "DeviceId",
            Self::ModuleId => "ModuleId",
            Self::SharedAccessKeyName => "SharedAccessKeyName",
            Self::SharedAccessKey => "SharedAccessKey",
            Self::SharedAccessSignature => "SharedAccessSignature",
            Self::X509 => "x509",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        if name == "X509Cert" {
            return Some(Self::X509);
        }
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The field whose name `name` is but for case and surrounding characters.
    fn similar_to(name: &str) -> Option<Self> {
        let name = name.trim_matches(|character: char| !character.is_ascii_alphanumeric());
        Self::ALL
            .into_iter()
            .find(|field| field.name().eq_ignore_ascii_case(name))
            .or_else(|| name.eq_ignore_ascii_case("X509Cert").then_some(Self::X509))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Left behind by other tools, without a meaning for a device's identity.
const IGNORED: [&str; 4] = ["RepositoryId", "UseProvisioning", "CredentialScope", "CredentialType"];

/// The values of the fields, each at most once and none of them empty.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a str>,
    gateway: Option<&'a str>,
    device_id: Option<&'a str>,
    module_id: Option<&'a str>,
    policy_name: Option<&'a str>,
    key: Option<&'a str>,
    token: Option<&'a str>,
    x509: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn split(text: &'a str) -> Result<Self, ConnectionStringError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ConnectionStringError::Empty);
        }
        let text = text.strip_suffix(';').unwrap_or(text);

        let mut fields = Self::default();
        let mut ignored = IGNORED.map(|name| (name, false));
        for (index, segment) in text.split(';').enumerate() {
            let segment_number = index + 1;
            let Some((name, value)) = segment.split_once('=') else {
                return Err(if has_known_field(text) {
                    ConnectionStringError::MissingEqualsSign { segment: segment_number }
                } else {
                    ConnectionStringError::NotAConnectionString
                });
            };
            if let Some((ignored, seen)) = ignored.iter_mut().find(|(ignored, _)| *ignored == name)
            {
                if core::mem::replace(seen, true) {
                    return Err(ConnectionStringError::DuplicateIgnoredField { name: ignored });
                }
                continue;
            }
            let Some(field) = Field::from_name(name) else {
                return Err(unknown(text, segment_number, name));
            };
            if value.is_empty() {
                return Err(ConnectionStringError::EmptyValue { field });
            }
            if fields.slot(field).replace(value).is_some() {
                return Err(ConnectionStringError::DuplicateField { field });
            }
        }
        Ok(fields)
    }

    const fn slot(&mut self, field: Field) -> &mut Option<&'a str> {
        match field {
            Field::HostName => &mut self.host,
            Field::GatewayHostName => &mut self.gateway,
            Field::DeviceId => &mut self.device_id,
            Field::ModuleId => &mut self.module_id,
            Field::SharedAccessKeyName => &mut self.policy_name,
            Field::SharedAccessKey => &mut self.key,
            Field::SharedAccessSignature => &mut self.token,
            Field::X509 => &mut self.x509,
        }
    }

    fn authentication(&self) -> Result<Authentication<'a>, ConnectionStringError> {
        let conflict =
            |first, second| Err(ConnectionStringError::TwoAuthentications { first, second });
        match (self.key, self.token, self.x509) {
            (Some(_), Some(_), _) => conflict(Field::SharedAccessKey, Field::SharedAccessSignature),
            (Some(_), _, Some(_)) => conflict(Field::SharedAccessKey, Field::X509),
            (_, Some(_), Some(_)) => conflict(Field::SharedAccessSignature, Field::X509),
            (_, _, Some(_)) if self.policy_name.is_some() => {
                conflict(Field::SharedAccessKeyName, Field::X509)
            }
            (Some(key), None, None) => decode_key(key).map(Authentication::SharedAccessKey),
            (None, Some(token), None) => {
                if !looks_like_token(token) {
                    return Err(ConnectionStringError::NotAToken);
                }
                Ok(Authentication::SharedAccessSignature(SecretText::borrowed(token)))
            }
            (None, None, Some("true")) => Ok(Authentication::X509),
            (None, None, Some(_)) => Err(ConnectionStringError::X509NotTrue),
            // Whoever names a policy means to give its key.
            (None, None, None) if self.policy_name.is_some() => {
                Err(ConnectionStringError::MissingField { field: Field::SharedAccessKey })
            }
            (None, None, None) => Err(ConnectionStringError::MissingAuthentication),
        }
    }
}

/// The value of `field` as the name that it is.
fn named<T>(
    field: Field,
    value: &str,
    new: fn(&str) -> Result<T, NameError>,
) -> Result<T, ConnectionStringError> {
    new(value).map_err(|error| ConnectionStringError::InvalidName { field, error })
}

/// [`named`] for a field that may not be there.
fn optional<T>(
    field: Field,
    value: Option<&str>,
    new: fn(&str) -> Result<T, NameError>,
) -> Result<Option<T>, ConnectionStringError> {
    value.map(|value| named(field, value, new)).transpose()
}

/// What to say about a field that is none: whether the text is a connection string at all, and of
/// which service.
fn unknown(text: &str, segment: usize, name: &str) -> ConnectionStringError {
    if name == "Endpoint" {
        ConnectionStringError::ServiceBus
    } else if has_known_field(text) {
        ConnectionStringError::UnknownField { segment, similar: Field::similar_to(name) }
    } else {
        ConnectionStringError::NotAConnectionString
    }
}

/// `true` if any segment has the name of a field, or one that was meant for it.
fn has_known_field(text: &str) -> bool {
    text.split(';')
        .filter_map(|segment| segment.split_once('='))
        .any(|(name, _)| Field::similar_to(name).is_some())
}

/// Tokens are read by `sas`; here is looked only at the beginning, and that nothing is in them that
/// would not come back from a connection string.
fn looks_like_token(text: &str) -> bool {
    text.strip_prefix(TOKEN_PREFIX).is_some_and(|fields| {
        !fields.is_empty() && fields.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
    })
}

fn decode_key(text: &str) -> Result<SecretBytes, ConnectionStringError> {
    SecretBytes::build(|bytes| {
        base64::decode_secret(text, bytes).map_err(|error| match error {
            Base64Error::NotCanonical => ConnectionStringError::KeyNotBase64,
            Base64Error::TooLong => ConnectionStringError::KeyTooLong { max: SecretBytes::MAX_LEN },
        })
    })
}

/// What is wrong with a connection string. Segments are what stands between the `;`, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectionStringError {
    /// Nothing but whitespace.
    #[error("the connection string is empty")]
    Empty,
    /// No field of it has a name that a connection string has: a key alone, or another file.
    #[error(
        "not a connection string: one looks like HostName=...;DeviceId=...;SharedAccessKey=..., on one line"
    )]
    NotAConnectionString,
    /// A connection string of Event Hubs or Service Bus, which begins with `Endpoint=`.
    #[error(
        "Endpoint belongs to Event Hubs or Service Bus: take the connection string apart and use \
         `SasSigner::for_service_bus`"
    )]
    ServiceBus,
    /// A field without a value.
    #[error("{field} has no value")]
    EmptyValue {
        /// Which field.
        field: Field,
    },
    /// A field that this form needs is not there.
    #[error("{field} is missing")]
    MissingField {
        /// Which field.
        field: Field,
    },
    /// The same field twice; `x509` and `X509Cert` are the same field.
    #[error("{field} is there more than once")]
    DuplicateField {
        /// Which field.
        field: Field,
    },
    /// One of the fields that are ignored, twice.
    #[error("{name} is there more than once")]
    DuplicateIgnoredField {
        /// Which field.
        name: &'static str,
    },
    /// A field that no connection string for a device has.
    #[error(
        "segment {segment} has an unknown field name{}",
        SimilarField(*similar)
    )]
    UnknownField {
        /// Which segment.
        segment: usize,
        /// The field that was probably meant: the names differ only in case or in characters around.
        similar: Option<Field>,
    },
    /// A segment without `=`: a stray `;`, or an ID that contains one.
    #[error(
        "segment {segment} has no `=`: remove the stray `;`; an ID that contains `;` cannot be \
         written in a connection string, build the identity with `DeviceId::new` or `ModuleId::new`"
    )]
    MissingEqualsSign {
        /// Which segment.
        segment: usize,
    },
    /// None of `SharedAccessKey`, `SharedAccessSignature` and `x509=true`.
    #[error("one of SharedAccessKey, SharedAccessSignature or x509=true is missing")]
    MissingAuthentication,
    /// More than one way to authenticate.
    #[error("{first} and {second} exclude each other: keep one")]
    TwoAuthentications {
        /// One of the two.
        first: Field,
        /// The other.
        second: Field,
    },
    /// `x509` says something other than `true`.
    #[error("x509 can only be `true`, in lower case; leave it out where a key is used")]
    X509NotTrue,
    /// The key is not canonical base64 with padding.
    #[error(
        "SharedAccessKey is not canonical base64 with padding: copy the whole key, with any `=` at \
         its end and without spaces"
    )]
    KeyNotBase64,
    /// The key decodes to more bytes than any key of the service has.
    #[error("SharedAccessKey decodes to more than {max} bytes")]
    KeyTooLong {
        /// Bytes allowed.
        max: usize,
    },
    /// `SharedAccessSignature` does not hold a token.
    #[error(
        "SharedAccessSignature does not hold a token: tokens begin with `SharedAccessSignature` and \
         one space, and have no other"
    )]
    NotAToken,
    /// A host, ID or policy name that is not one.
    #[error("{field}: {error}")]
    InvalidName {
        /// Which field.
        field: Field,
        /// What is wrong with it.
        error: NameError,
    },
    /// The identity cannot be written as a connection string.
    #[error("{field} cannot be written in a connection string: it contains `;`")]
    NotRepresentable {
        /// Which field.
        field: Field,
    },
}

struct SimilarField(Option<Field>);

impl fmt::Display for SimilarField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(field) => write!(
                f,
                "; if {field} is meant, write it exactly so, without spaces, quotes or a byte-order mark"
            ),
            None => f.write_str("; check its spelling, or remove it"),
        }
    }
}
