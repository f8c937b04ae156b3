//! Tokens that are renewed in time: never a stale one, whatever the clock, the signer and the hub do, and
//! never a million devices in one minute.

#[path = "token_cache/cache.rs"]
mod cache;
#[path = "token_cache/fleet.rs"]
mod fleet;
#[path = "token_cache/memory.rs"]
mod memory;
#[path = "token_cache/model.rs"]
mod model;
#[path = "token_cache/reference.rs"]
mod reference;
#[path = "token_cache/schedule.rs"]
mod schedule;

use std::time::Duration;

use hubward::sas::{Step, TokenId, TokenPolicy, TokenSchedule};
use hubward::{DeviceId, HubHost, ResourceUri, UnixTime};

/// When the tests begin.
const START: u64 = 1_800_000_000;

const FLOOR: u64 = UnixTime::BUILD_FLOOR.as_secs();

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn policy(lifetime: u64, percent: u8) -> TokenPolicy {
    TokenPolicy::new(Duration::from_secs(lifetime), percent).expect("a policy")
}

fn device(name: &str) -> ResourceUri {
    let host = HubHost::new("contoso.azure-devices.net").expect("a host");
    ResourceUri::device(&host, &DeviceId::new(name).expect("an ID"))
}

/// An hour, renewed after 48 minutes.
fn hourly(name: &str) -> TokenSchedule {
    TokenSchedule::new(TokenPolicy::default(), &device(name))
}

fn use_until(next: u64) -> Step {
    Step::Use { next: at(next) }
}

fn sign_until(expiry: u64) -> Step {
    Step::Sign { expiry: at(expiry) }
}

fn wait_until(until: u64) -> Step {
    Step::Wait { until: at(until) }
}

/// When a token that is in use is to be renewed.
fn next(schedule: &TokenSchedule, now: u64) -> u64 {
    match schedule.poll(at(now)) {
        Step::Use { next } => next.as_secs(),
        other => panic!("no token at {now}: {other:?}"),
    }
}

/// Signs as the schedule asks for it.
fn signed(schedule: &mut TokenSchedule, now: u64) -> TokenId {
    let Step::Sign { expiry } = schedule.poll(at(now)) else {
        panic!("there is nothing to sign at {now}: {:?}", schedule.poll(at(now)));
    };
    schedule.signed(expiry, at(now)).expect("it is good")
}

/// Signs as the schedule asks for it; gives the moment of the renewal.
fn sign(schedule: &mut TokenSchedule, now: u64) -> u64 {
    signed(schedule, now);
    next(schedule, now)
}
