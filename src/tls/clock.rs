//! Our clocks, as rustls asks for the time.

use alloc::sync::Arc;
use core::time::Duration;

use rustls::pki_types;
use rustls::time_provider::TimeProvider;

use crate::time::{Clock, UnixTime};

/// A clock that does not know the time ends the handshake (`FailedToGetCurrentTime`).
#[derive(Clone, Debug)]
pub(super) struct ClockTime(pub(super) Arc<dyn Clock>);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<pki_types::UnixTime> {
        let now = self.0.now().ok()?;
        Some(pki_types::UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs())))
    }
}

pub(super) const fn from_pki(moment: pki_types::UnixTime) -> UnixTime {
    UnixTime::from_secs(moment.as_secs())
}
