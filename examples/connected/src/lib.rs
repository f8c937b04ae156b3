//! What stands between hubward, which opens no socket, and a running session: a stand-in for the front door
//! of a hub, to try everything without an account, and the certificates that it takes.
//!
//! The programs of this package are the examples: `local_hub`, `connect_mqtt`, `https_telemetry`. Its tests
//! run them, mosquitto and the official SDKs against each other.

pub mod certificates;
pub mod hub;

/// What goes wrong where nobody is to tell the cases apart.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
