//! Credentials in the words of the protocols: what a library for MQTT, AMQP or HTTPS is to send.
//!
//! Nothing here connects. [`HubIdentity`] is who a session is for; [`mqtt`], [`amqp`] and [`https`] say how
//! that is put, with a token of a [`TokenCache`](crate::sas::TokenCache) or a certificate on the connection.
//!
//! | protocol | port | over WebSocket | token in | certificate |
//! |---|---|---|---|---|
//! | [`mqtt`] 3.1.1 | 8883 | 443, `/$iothub/websocket`, `mqtt` | the password of CONNECT | on the connection; no password |
//! | [`amqp`] 1.0 | 5671 | 443, `/$iothub/websocket`, `AMQPWSB10` | a message to `$cbs` | on the connection; SASL EXTERNAL |
//! | [`https`] | 443 | | `Authorization` | on the connection; no header |
//!
//! Sources: "Communicate with an IoT hub using the MQTT protocol" in Azure's documentation, and what its
//! SDKs send.

pub mod amqp;
pub mod https;
pub mod mqtt;
pub mod policy;
pub mod preflight;
pub mod storage;

use alloc::string::{String, ToString as _};

use thiserror::Error;

use crate::encoding::percent;
use crate::identity::{ConnectionString, DeviceId, HubHost, ModuleId};
use crate::sas::ResourceUri;

/// The path of MQTT and AMQP over WebSocket.
const WEBSOCKET_PATH: &str = "/$iothub/websocket";

/// Whom a session is for: a device or module of a hub, perhaps through a gateway.
///
/// # Examples
///
/// ```
/// use hubward::session::HubIdentity;
/// use hubward::{DeviceId, HubHost};
///
/// let identity =
///     HubIdentity::device(HubHost::new("contoso.azure-devices.net")?, DeviceId::new("pump-7")?);
/// assert_eq!(identity.to_string(), "contoso.azure-devices.net/pump-7");
/// # Ok::<(), hubward::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubIdentity {
    host: HubHost,
    gateway: Option<HubHost>,
    device: DeviceId,
    module: Option<ModuleId>,
}

impl HubIdentity {
    /// A device.
    pub const fn device(host: HubHost, device: DeviceId) -> Self {
        Self { host, gateway: None, device, module: None }
    }

    /// A module of a device.
    pub const fn module(host: HubHost, device: DeviceId, module: ModuleId) -> Self {
        Self { host, gateway: None, device, module: Some(module) }
    }

    /// The same through a gateway: only whom to connect to differs.
    #[must_use]
    pub fn through_gateway(self, gateway: HubHost) -> Self {
        Self { gateway: Some(gateway), ..self }
    }

    /// That of a connection string.
    ///
    /// # Errors
    ///
    /// [`NoDeviceError`] if it names no device, as that of a service does.
    pub fn from_connection_string(
        connection: &ConnectionString<'_>,
    ) -> Result<Self, NoDeviceError> {
        Ok(Self {
            host: connection.host().clone(),
            gateway: connection.gateway().cloned(),
            device: connection.device_id().ok_or(NoDeviceError)?.clone(),
            module: connection.module_id().cloned(),
        })
    }

    /// The hub.
    pub const fn host(&self) -> &HubHost {
        &self.host
    }

    /// Whom to connect to, and whose name TLS is to verify: the gateway, else the hub.
    pub fn connect_to(&self) -> &HubHost {
        self.gateway.as_ref().unwrap_or(&self.host)
    }

    /// The device.
    pub const fn device_id(&self) -> &DeviceId {
        &self.device
    }

    /// The module.
    pub const fn module_id(&self) -> Option<&ModuleId> {
        self.module.as_ref()
    }

    /// What its tokens are for, whoever it connects to.
    pub fn resource(&self) -> ResourceUri {
        match &self.module {
            Some(module) => ResourceUri::module(&self.host, &self.device, module),
            None => ResourceUri::device(&self.host, &self.device),
        }
    }

    /// `deviceId` or `deviceId/moduleId`.
    fn path(&self) -> String {
        match &self.module {
            Some(module) => alloc::format!("{}/{module}", self.device),
            None => self.device.to_string(),
        }
    }
}

/// Hub, device and module.
impl core::fmt::Display for HubIdentity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}/{}", self.host, self.path())
    }
}

/// A connection string that names no device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the connection string names no device (DeviceId): it is that of a service")]
pub struct NoDeviceError;

/// A text, percent-encoded where it is shown.
struct Encoded<'a>(&'a str);

impl core::fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.bytes().try_for_each(|byte| {
            let (encoded, len) = percent::encode_byte(byte);
            f.write_str(
                encoded
                    .get(..len)
                    .and_then(|text| core::str::from_utf8(text).ok())
                    .unwrap_or_default(),
            )
        })
    }
}
