//! What the end-to-end tests share:
//!
//! - `hub`: a local hub, its clock, what happened there, devices and their credentials;
//! - `program`: programs that run beside a test, of this package and foreign ones, and end with it;
//! - `mqtt`: a client of MQTT, and TLS for bytes that no client sends;
//! - `broker`: mosquitto.
//!
//! Whatever is waited for has a deadline. Whatever was started ends with the test, also if that fails.

#![allow(dead_code, reason = "no test needs all of it")]

pub(crate) mod broker;
pub(crate) mod hub;
pub(crate) mod mqtt;
pub(crate) mod program;

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take: a handshake is a matter of milliseconds, on a machine that has the time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What `look` sees, once it sees something. Else the test fails, with what `told` has to say.
pub(crate) async fn wait_for<T>(
    told: impl Fn() -> String,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {}", told());
        sleep(Duration::from_millis(10)).await;
    }
}
