//! Who a device is: names that are checked once, and the connection string that carries them.

mod connection_string;
mod names;

pub use connection_string::{Authentication, ConnectionString, ConnectionStringError, Field};
pub use names::{
    DeviceId, HubHost, IdScope, ModuleId, NameError, NameKind, PolicyName, RegistrationId,
};
