//! MQTT 3.1.1: client ID, user name, password, topics, limits.

use core::time::Duration;

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use thiserror::Error;

use super::{Encoded, HubIdentity, WEBSOCKET_PATH};
use crate::encoding::percent;
use crate::identity::{IdScope, RegistrationId};
use crate::sas::SasToken;

/// The port of MQTT over TLS.
pub const PORT: u16 = 8883;

/// The subprotocol of MQTT over WebSocket.
pub const WEBSOCKET_SUBPROTOCOL: &str = "mqtt";

/// The longest keep-alive that the hub takes as it is: it closes a connection that was silent for one and a
/// half of it, but never later than after 1767 seconds (29.45 minutes).
pub const KEEP_ALIVE_MAX: Duration = Duration::from_secs(1177);

/// The QoS that the hub knows, at most: it closes a connection that asks for 2.
pub const QOS_MAX: u8 = 1;

/// The longest message to the hub, in bytes, its properties included; a last will is one too.
pub const MESSAGE_MAX: usize = 256 * 1024;

/// The API version of the user name, unless told otherwise.
pub const API_VERSION: &str = "2021-04-12";

/// The API version of the user name for DPS.
pub const DPS_API_VERSION: &str = "2019-03-31";

/// The longest that each field of a user name may be, in bytes before it is encoded: a user name with all of
/// them, each byte escaped, still fits the 65 535 bytes of a text of MQTT (3.1.1 section 1.5.3).
pub const FIELD_MAX: usize = 4096;

/// How a device or module introduces itself to a hub.
///
/// # Examples
///
/// ```
/// use hubward::session::HubIdentity;
/// use hubward::session::mqtt::HubSession;
/// use hubward::{DeviceId, HubHost};
///
/// let identity =
///     HubIdentity::device(HubHost::new("contoso.azure-devices.net")?, DeviceId::new("pump-7")?);
/// let session = HubSession::new(&identity).product("contoso-pump/1.4")?;
/// assert_eq!(session.client_id(), "pump-7");
/// assert_eq!(
///     session.user_name(),
///     "contoso.azure-devices.net/pump-7/?api-version=2021-04-12&DeviceClientType=contoso-pump%2F1.4"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSession {
    identity: HubIdentity,
    api_version: String,
    product: Option<String>,
    model: Option<String>,
}

impl HubSession {
    /// A session of `identity`.
    #[must_use]
    pub fn new(identity: &HubIdentity) -> Self {
        Self {
            identity: identity.clone(),
            api_version: API_VERSION.into(),
            product: None,
            model: None,
        }
    }

    /// Name and version of the product, which the hub shows to the operator (`DeviceClientType`). It is
    /// percent-encoded.
    ///
    /// # Errors
    ///
    /// [`UserNameError::TooLong`].
    pub fn product(self, product: &str) -> Result<Self, UserNameError> {
        Ok(Self { product: Some(bounded("DeviceClientType", product)?), ..self })
    }

    /// The DTDL model that the device is of, as in `dtmi:com:example:Thermostat;1`. It is percent-encoded.
    ///
    /// # Errors
    ///
    /// [`UserNameError::TooLong`].
    pub fn model_id(self, model: &str) -> Result<Self, UserNameError> {
        Ok(Self { model: Some(bounded("model-id", model)?), ..self })
    }

    /// Another API version than [`API_VERSION`].
    ///
    /// # Errors
    ///
    /// [`UserNameError::TooLong`].
    pub fn api_version(self, version: &str) -> Result<Self, UserNameError> {
        Ok(Self { api_version: bounded("api-version", version)?, ..self })
    }

    /// The client ID: `deviceId` or `deviceId/moduleId`, as it is.
    pub fn client_id(&self) -> String {
        self.identity.path()
    }

    /// The user name, which names the hub, also where a gateway is between.
    pub fn user_name(&self) -> String {
        let Self { identity, api_version, product, model } = self;
        let mut name = format!("{identity}/?api-version={}", Encoded(api_version));
        if let Some(product) = product {
            name.push_str(&format!("&DeviceClientType={}", Encoded(product)));
        }
        if let Some(model) = model {
            name.push_str(&format!("&model-id={}", Encoded(model)));
        }
        name
    }

    /// The password: the token. With a certificate on the connection, there is none.
    pub fn expose_password<'t>(&self, token: &'t SasToken<'_>) -> &'t str {
        token.expose_token()
    }

    /// The URL over WebSocket, with [`WEBSOCKET_SUBPROTOCOL`].
    pub fn websocket_url(&self) -> String {
        format!("wss://{}:443{WEBSOCKET_PATH}", self.identity.connect_to())
    }

    /// The topic of messages to the hub, to which properties may be added. It is that of a last will too,
    /// which the hub passes on as a message with the property `iothub-MessageType` of `Will`; it retains
    /// none.
    pub fn telemetry_topic(&self) -> String {
        match self.identity.module_id() {
            None => format!("devices/{}/messages/events/", self.identity.device_id()),
            Some(module) => {
                format!("devices/{}/modules/{module}/messages/events/", self.identity.device_id())
            }
        }
    }

    /// The filter of messages from the hub; `None` for modules, which have inputs instead.
    pub fn commands_filter(&self) -> Option<String> {
        self.identity
            .module_id()
            .is_none()
            .then(|| format!("devices/{}/messages/devicebound/#", self.identity.device_id()))
    }

    /// What in the IDs means something else in a topic. The hub takes such IDs, and MQTT does not
    /// (MQTT 3.1.1 section 4.7.1): choose other IDs, or another protocol.
    pub fn topic_hazards(&self) -> Vec<TopicHazard> {
        let ids = [
            Some(self.identity.device_id().as_str()),
            self.identity.module_id().map(|id| id.as_str()),
        ];
        let mut hazards = Vec::new();
        for id in ids.into_iter().flatten() {
            for (position, character) in id.char_indices() {
                if matches!(character, '#' | '+' | '/') {
                    hazards.push(TopicHazard { id: id.to_string(), position, character });
                }
            }
        }
        hazards
    }
}

/// Why something does not go into a user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UserNameError {
    /// More than [`FIELD_MAX`] bytes.
    #[error("{field} has {len} bytes; at most {FIELD_MAX} go into a user name")]
    TooLong {
        /// The field, as the user name calls it.
        field: &'static str,
        /// Bytes given.
        len: usize,
    },
}

fn bounded(field: &'static str, value: &str) -> Result<String, UserNameError> {
    match value.len() {
        0..=FIELD_MAX => Ok(value.into()),
        len => Err(UserNameError::TooLong { field, len }),
    }
}

/// A character of an ID that means something else in a topic.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error(
    "the ID {id:?} has {character:?} at byte {position}, which has a meaning of its own in topics"
)]
pub struct TopicHazard {
    /// The ID.
    pub id: String,
    /// Where, in bytes.
    pub position: usize,
    /// What.
    pub character: char,
}

/// How a device introduces itself to DPS.
///
/// # Examples
///
/// ```
/// use hubward::session::mqtt::DpsSession;
/// use hubward::{IdScope, RegistrationId};
///
/// let session = DpsSession::new(&IdScope::new("0ne00000001")?, &RegistrationId::new("pump-7")?);
/// assert_eq!(session.client_id(), "pump-7");
/// assert_eq!(session.user_name(), "0ne00000001/registrations/pump-7/api-version=2019-03-31");
/// assert_eq!(session.register_topic("1"), "$dps/registrations/PUT/iotdps-register/?$rid=1");
/// # Ok::<(), hubward::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DpsSession {
    scope: IdScope,
    registration: RegistrationId,
    api_version: String,
    product: Option<String>,
}

impl DpsSession {
    /// The host of DPS in the public cloud; `.us` and `.cn` end those of the others.
    pub const HOST: &str = "global.azure-devices-provisioning.net";

    /// The filter of its replies: to be subscribed to before anything is asked.
    pub const REPLIES_FILTER: &str = "$dps/registrations/res/#";

    /// A session of a registration.
    #[must_use]
    pub fn new(scope: &IdScope, registration: &RegistrationId) -> Self {
        Self {
            scope: scope.clone(),
            registration: registration.clone(),
            api_version: DPS_API_VERSION.into(),
            product: None,
        }
    }

    /// Name and version of the product (`ClientVersion`). It is percent-encoded.
    ///
    /// # Errors
    ///
    /// [`UserNameError::TooLong`].
    pub fn product(self, product: &str) -> Result<Self, UserNameError> {
        Ok(Self { product: Some(bounded("ClientVersion", product)?), ..self })
    }

    /// Another API version than [`DPS_API_VERSION`].
    ///
    /// # Errors
    ///
    /// [`UserNameError::TooLong`].
    pub fn api_version(self, version: &str) -> Result<Self, UserNameError> {
        Ok(Self { api_version: bounded("api-version", version)?, ..self })
    }

    /// The client ID: the registration ID.
    pub fn client_id(&self) -> &str {
        self.registration.as_str()
    }

    /// The user name. There is no `?` in it.
    pub fn user_name(&self) -> String {
        let Self { scope, registration, api_version, product } = self;
        let mut name =
            format!("{scope}/registrations/{registration}/api-version={}", Encoded(api_version));
        if let Some(product) = product {
            name.push_str(&format!("&ClientVersion={}", Encoded(product)));
        }
        name
    }

    /// The password: the token.
    pub fn expose_password<'t>(&self, token: &'t SasToken<'_>) -> &'t str {
        token.expose_token()
    }

    /// Where to ask for the registration; `request` comes back in the reply's topic.
    pub fn register_topic(&self, request: &str) -> String {
        format!("$dps/registrations/PUT/iotdps-register/?$rid={}", Encoded(request))
    }

    /// Where to ask how far it is.
    pub fn status_topic(&self, request: &str, operation: &str) -> String {
        format!(
            "$dps/registrations/GET/iotdps-get-operationstatus/?$rid={}&operationId={}",
            Encoded(request),
            Encoded(operation)
        )
    }
}

/// A reply of DPS: what its topic says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DpsReply {
    /// As in HTTP.
    pub status: u16,
    /// Which request it answers.
    pub request: String,
    /// How long to wait before asking again, at most [`DpsReply::RETRY_AFTER_MAX`].
    pub retry_after: Option<Duration>,
}

impl DpsReply {
    /// The longest that a device is told to wait: whatever is in a topic, it asks again within the hour.
    pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

    /// Reads a topic, as in `$dps/registrations/res/202/?$rid=1&retry-after=3`; `None` for one of something
    /// else, and for one that says something twice.
    #[must_use]
    pub fn from_topic(topic: &str) -> Option<Self> {
        let (status, rest) = topic.strip_prefix("$dps/registrations/res/")?.split_once("/?")?;
        let (mut request, mut retry_after) = (None, None);
        for (key, value) in rest.split('&').filter_map(|field| field.split_once('=')) {
            let slot = match key {
                "$rid" => &mut request,
                "retry-after" => &mut retry_after,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let status = status.parse().ok().filter(|_| status.len() == 3 && is_number(status))?;
        // As it was before it was put into the topic.
        let request = String::from_utf8(percent::Decoded::new(request?).collect()).ok()?;
        let retry_after = retry_after.filter(|text| !text.is_empty() && is_number(text));
        // What does not fit is too long as well.
        let seconds = |text: &str| text.parse().map_or(Self::RETRY_AFTER_MAX, Duration::from_secs);
        let retry_after = retry_after.map(|text| seconds(text).min(Self::RETRY_AFTER_MAX));
        Some(Self { status, request, retry_after })
    }
}
