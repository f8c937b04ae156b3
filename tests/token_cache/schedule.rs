//! When to sign, case by case: the clock jumps, the signer fails, the hub refuses.

use std::collections::BTreeSet;
use std::time::Duration;

use hubward::UnixTime;
use hubward::sas::{Refusal, Step, TokenPolicy, TokenPolicyError, TokenSchedule};
use sha2::{Digest as _, Sha256};

use super::{
    FLOOR, START, at, device, hourly, next, policy, sign, sign_until, signed, use_until, wait_until,
};

const PERIOD: u64 = 2880;
const LIFETIME: u64 = 3600;
const YEAR: u64 = 365 * 86_400;

#[test]
fn policies_have_bounds() {
    use TokenPolicyError::{Lifetime, Percent};

    let new = |nanos: u128, percent| {
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap();
        let nanos = u32::try_from(nanos % 1_000_000_000).unwrap();
        TokenPolicy::new(Duration::new(seconds, nanos), percent)
    };
    const SECOND: u128 = 1_000_000_000;
    let year = SECOND * u128::from(YEAR);
    for (lifetime, percent, expected) in [
        (0, 80, Err(Lifetime)),
        (60 * SECOND - 1, 80, Err(Lifetime)),
        (60 * SECOND, 80, Ok((60, 48))),
        // Parts of a second do not count.
        (61 * SECOND - 1, 80, Ok((60, 48))),
        (year, 90, Ok((YEAR, YEAR / 10 * 9))),
        (year + SECOND - 1, 10, Ok((YEAR, YEAR / 10))),
        (year + SECOND, 10, Err(Lifetime)),
        (u128::from(u64::MAX) * SECOND, 50, Err(Lifetime)),
        (3600 * SECOND, 9, Err(Percent)),
        (3600 * SECOND, 10, Ok((3600, 360))),
        (3600 * SECOND, 90, Ok((3600, 3240))),
        (3600 * SECOND, 91, Err(Percent)),
        (3600 * SECOND, u8::MAX, Err(Percent)),
        (60 * SECOND, 10, Ok((60, 6))),
        // Both are wrong: the first is told.
        (0, 0, Err(Lifetime)),
    ] {
        let found = new(lifetime, percent);
        let found = found.map(|policy| (policy.lifetime().as_secs(), policy.period().as_secs()));
        assert_eq!(found, expected, "{lifetime} ns, {percent} %");
    }
    assert_eq!(TokenPolicy::default(), policy(LIFETIME, 80));
    assert_eq!(TokenPolicy::default().period(), Duration::from_secs(PERIOD));
}

#[test]
fn a_schedule_is_as_small_as_it_says() {
    assert_eq!(size_of::<TokenSchedule>(), 48);
}

fn place(name: &str) -> u32 {
    let resource = format!("contoso.azure-devices.net%2Fdevices%2F{name}");
    let hash = Sha256::digest([b"hubward token renewal\0", resource.as_bytes()].concat());
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// From the documentation, and nothing else.
fn first_wait(name: &str, period: u64) -> u64 {
    ((u64::from(place(name)) * period) >> 32) + 1
}

/// The pauses of a device after the first try in vain, the second and so on, from the documentation.
fn pauses(name: &str) -> impl Iterator<Item = u64> {
    let place = place(name).reverse_bits();
    (1_u32..).zip([2, 4, 8, 16, 32].into_iter().chain([60; 1000])).map(move |(count, longest)| {
        // The count goes no further.
        let place = place.wrapping_mul(2 * count.min(255) + 1);
        let shortest = longest / 2;
        shortest + (u64::from(place) * (shortest + 1) / (1 << 32))
    })
}

#[test]
fn the_first_renewal_is_the_devices_own_and_always_the_same() {
    // Another version of this crate renews at the same moments.
    for (name, wait) in [("pump-7", 80), ("pump-8", 852), ("fan", 2745)] {
        assert_eq!(first_wait(name, PERIOD), wait, "{name}");
        assert_eq!(sign(&mut hourly(name), START), START + wait, "{name}");
        // Whenever it starts.
        assert_eq!(sign(&mut hourly(name), START + 12_345), START + 12_345 + wait, "{name}");
    }
    for (lifetime, percent) in [(60, 10), (60, 90), (3601, 33), (86_400, 80), (YEAR, 90)] {
        let policy = policy(lifetime, percent);
        let mut seen = BTreeSet::new();
        for number in 0..200 {
            let name = format!("pump-{number}");
            let mut schedule = TokenSchedule::new(policy, &device(&name));
            let wait = sign(&mut schedule, START) - START;
            assert_eq!(wait, first_wait(&name, policy.period().as_secs()), "{policy:?} {name}");
            assert!((1..=policy.period().as_secs()).contains(&wait), "{policy:?} {name}: {wait}");
            seen.insert(wait);
        }
        assert!(seen.len() >= 6, "{policy:?}: {seen:?}");
    }
}

#[test]
fn every_second_of_a_period_is_the_first_of_some_device() {
    let policy = policy(60, 10);
    let mut counts = [0_u32; 6];
    for number in 0..6000 {
        let mut schedule = TokenSchedule::new(policy, &device(&number.to_string()));
        let wait = sign(&mut schedule, START) - START;
        counts[usize::try_from(wait - 1).unwrap()] += 1;
    }
    // A thousand each, give or take five standard deviations.
    assert!(counts.iter().all(|count| (850..=1150).contains(count)), "{counts:?}");
}

#[test]
fn later_ones_follow_a_period_apart() {
    let mut schedule = hourly("pump-7");
    assert_eq!(schedule.poll(at(START)), sign_until(START + LIFETIME));
    assert!(!schedule.is_usable(at(START)));
    let first = sign(&mut schedule, START);
    for count in 0..1000 {
        let due = first + count * PERIOD;
        assert_eq!(schedule.poll(at(due - 1)), use_until(due));
        // Still good, and to be replaced.
        assert!(schedule.is_usable(at(due)));
        assert_eq!(schedule.poll(at(due)), sign_until(due + LIFETIME));
        assert_eq!(sign(&mut schedule, due), due + PERIOD);
    }
}

/// Late or out of turn: what follows comes when it would have come.
#[test]
fn one_that_is_late_moves_none_of_those_that_follow() {
    for late in [0, 1, 7, 119, 2879, 2880, 2881, 10 * PERIOD + 5, YEAR] {
        let mut schedule = hourly("pump-7");
        let due = sign(&mut schedule, START);
        let expected = due + (late / PERIOD + 1) * PERIOD;
        assert_eq!(sign(&mut schedule, due + late), expected, "{late} s late");
    }
    // Nobody asked for it.
    for early in [1, 100, PERIOD / 2] {
        let mut schedule = hourly("pump-7");
        let due = sign(&mut schedule, START);
        let due = sign(&mut schedule, due);
        assert!(schedule.signed(at(due - early + LIFETIME), at(due - early)).is_some());
        assert_eq!(next(&schedule, due - early), due, "{early} s early");
    }
}

#[test]
fn an_unknown_time_is_said_and_changes_nothing() {
    let mut schedule = hourly("pump-7");
    for now in [0, 42, FLOOR - 1] {
        assert_eq!(schedule.poll(at(now)), Step::ClockUnknown);
        assert!(!schedule.is_usable(at(now)));
    }
    // Known late: from the floor itself on.
    assert_eq!(schedule.poll(at(FLOOR)), sign_until(FLOOR + LIFETIME));
    let due = sign(&mut schedule, START);
    let before = schedule.clone();
    // The clock is lost, and comes back.
    assert_eq!(schedule.poll(at(0)), Step::ClockUnknown);
    assert!(!schedule.is_usable(at(0)));
    assert_eq!(schedule, before);
    assert_eq!(schedule.poll(at(START + 1)), use_until(due));
}

/// Whatever was reported while nobody knew the time does no harm once somebody does.
#[test]
fn reports_at_an_unknown_time_do_no_harm() {
    let mut schedule = hourly("pump-7");
    schedule.failed(at(3));
    assert_eq!(schedule.poll(at(START)), sign_until(START + LIFETIME));
    // It may be good; its renewal was due decades ago.
    let token = schedule.signed(at(START + 100), at(5)).expect("for all that is known");
    assert_eq!(schedule.poll(at(START)), sign_until(START + LIFETIME));
    assert_eq!(schedule.refused(token, at(7)), Refusal::Once);
    assert!(!schedule.is_usable(at(START)));
    sign(&mut schedule, START);
}

#[test]
fn a_clock_that_jumps_ahead_and_back_makes_a_new_token() {
    for ahead in [1, 60, LIFETIME, 86_400, 10 * YEAR, u64::MAX - START - 2 * LIFETIME] {
        // A token signed by the clock that was wrong.
        let mut schedule = hourly("pump-7");
        sign(&mut schedule, START + ahead);
        assert!(!schedule.is_usable(at(START)), "{ahead}");
        assert_eq!(schedule.poll(at(START)), sign_until(START + LIFETIME), "{ahead}");
        // Its moments are those that it had, and not a year away.
        let due = sign(&mut schedule, START);
        let own = START + ahead + first_wait("pump-7", PERIOD);
        assert!((START + 1..=START + PERIOD).contains(&due), "{ahead}");
        assert!(own == u64::MAX || (own - due).is_multiple_of(PERIOD), "{ahead}");

        // Signing failed by it: what is to be waited for is not ten years away.
        let mut schedule = hourly("pump-7");
        schedule.failed(at(START + ahead));
        assert_eq!(schedule.poll(at(START)), sign_until(START + LIFETIME), "{ahead}");
        let due = sign(&mut schedule, START);
        // With a good token at hand too.
        schedule.failed(at(due + ahead));
        assert_eq!(schedule.poll(at(due)), sign_until(due + LIFETIME), "{ahead}");

        // The hub refused by it.
        let mut schedule = hourly("pump-7");
        for _ in 0..9 {
            let token = signed(&mut schedule, START);
            schedule.refused(token, at(START + ahead));
            assert_eq!(schedule.poll(at(START)), sign_until(START + LIFETIME), "{ahead}");
        }
    }
}

#[test]
fn a_jump_ahead_is_a_suspension() {
    let mut schedule = hourly("pump-7");
    let due = sign(&mut schedule, START);
    // Shorter than the token lives: it is renewed, and good until then.
    assert_eq!(schedule.poll(at(due + 60)), sign_until(due + 60 + LIFETIME));
    assert!(schedule.is_usable(at(due + 60)));
    // From a twentieth of its life before the end it is not handed out.
    let end = START + LIFETIME - LIFETIME / 20;
    assert!(schedule.is_usable(at(end - 1)));
    for now in [end, START + LIFETIME, START + YEAR, u64::MAX] {
        assert!(!schedule.is_usable(at(now)), "{now}");
        let expiry = now.saturating_add(LIFETIME);
        assert_eq!(schedule.poll(at(now)), sign_until(expiry), "{now}");
    }
}

#[test]
fn a_signer_that_fails_is_asked_less_and_less_and_the_token_kept() {
    let mut schedule = hourly("pump-7");
    let due = sign(&mut schedule, START);
    let end = START + LIFETIME - LIFETIME / 20;
    let mut now = due;
    for pause in pauses("pump-7") {
        assert_eq!(schedule.poll(at(now)), sign_until(now + LIFETIME));
        schedule.failed(at(now));
        for asked in [now, now + pause - 1] {
            let expected =
                if asked < end { use_until(now + pause) } else { wait_until(now + pause) };
            assert_eq!(schedule.poll(at(asked)), expected, "{asked}");
        }
        now += pause;
    }
    // It answers again, long after.
    let next = sign(&mut schedule, now);
    assert!((next - due).is_multiple_of(PERIOD), "the device's own moment");
    assert!((now + 1..=now + PERIOD).contains(&next));
    // And fails for the first time again.
    schedule.failed(at(next));
    assert_eq!(schedule.poll(at(next)), use_until(next + first_pause("pump-7")));
}

fn first_pause(name: &str) -> u64 {
    pauses(name).next().expect("there is one")
}

/// Between half and whole of two seconds, four and so on up to a minute; every second of it is some device's.
#[test]
fn pauses_are_each_devices_own() {
    let mut seen: [BTreeSet<u64>; 9] = Default::default();
    for number in 0..2000 {
        let name = format!("pump-{number}");
        let mut schedule = hourly(&name);
        let mut now = START;
        for (seen, expected) in seen.iter_mut().zip(pauses(&name)) {
            schedule.failed(at(now));
            let Step::Wait { until } = schedule.poll(at(now)) else {
                panic!("{:?}", schedule.poll(at(now)));
            };
            let pause = until.as_secs() - now;
            assert_eq!(pause, expected, "{name}");
            seen.insert(pause);
            now += pause;
        }
    }
    let longest = [2_u64, 4, 8, 16, 32, 60, 60, 60, 60];
    for (seen, longest) in seen.iter().zip(longest) {
        assert!(seen.iter().copied().eq(longest / 2..=longest), "{longest}: {seen:?}");
    }
    // Another version of this crate pauses as long.
    assert!(pauses("pump-7").take(8).eq([2, 3, 5, 16, 28, 46, 39, 31]));
}

#[test]
fn a_failure_that_nobody_asked_for_keeps_the_renewal() {
    let mut schedule = hourly("pump-7");
    let due = sign(&mut schedule, START);
    schedule.failed(at(START + 1));
    assert_eq!(schedule.poll(at(START + 1)), use_until(due));
}

#[test]
fn a_refused_token_is_replaced_once_and_then_reported() {
    let mut schedule = hourly("pump-7");
    let mut token = signed(&mut schedule, START);
    let due = next(&schedule, START);
    schedule.accepted(token);
    let mut now = START + 10;
    assert_eq!(schedule.refused(token, at(now)), Refusal::Once);
    assert!(!schedule.is_usable(at(now)));
    // At once, and the renewals stay where they were.
    let is_own = |next: u64| next.abs_diff(due).is_multiple_of(PERIOD);
    token = signed(&mut schedule, now);
    assert!(is_own(next(&schedule, now)));
    for pause in pauses("pump-7").take(9) {
        assert_eq!(schedule.refused(token, at(now)), Refusal::Again);
        assert!(!schedule.is_usable(at(now)));
        assert_eq!(schedule.poll(at(now)), wait_until(now + pause));
        assert_eq!(schedule.poll(at(now + pause - 1)), wait_until(now + pause));
        now += pause;
        token = signed(&mut schedule, now);
        assert!(is_own(next(&schedule, now)));
    }
    // It was taken: the next time is the first time.
    schedule.accepted(token);
    assert_eq!(schedule.refused(token, at(now)), Refusal::Once);
    assert_eq!(schedule.poll(at(now)), sign_until(now + LIFETIME));
}

#[test]
fn refusals_are_counted_by_the_token() {
    // Two connections with one token.
    let mut schedule = hourly("pump-7");
    let first = signed(&mut schedule, START);
    assert_eq!(schedule.refused(first, at(START + 5)), Refusal::Once);
    assert_eq!(schedule.refused(first, at(START + 5)), Refusal::Once);
    assert_eq!(schedule.poll(at(START + 5)), sign_until(START + 5 + LIFETIME));
    let second = signed(&mut schedule, START + 5);
    assert_eq!(schedule.refused(second, at(START + 6)), Refusal::Again);
    assert_eq!(schedule.refused(second, at(START + 6)), Refusal::Again);
    assert_eq!(schedule.poll(at(START + 6)), wait_until(START + 6 + first_pause("pump-7")));

    // Whoever never says that a token was taken: one that was replaced in its time was not refused.
    let mut schedule = hourly("pump-7");
    let first = signed(&mut schedule, START);
    assert_eq!(schedule.refused(first, at(START)), Refusal::Once);
    let due = sign(&mut schedule, START);
    let third = signed(&mut schedule, due);
    assert_eq!(schedule.refused(third, at(due)), Refusal::Once);
}

/// A connection that was opened with one token tells of it when there is another.
#[test]
fn news_of_an_older_token_changes_nothing() {
    let mut schedule = hourly("pump-7");
    let first = signed(&mut schedule, START);
    let due = next(&schedule, START);
    let second = signed(&mut schedule, due);
    assert_ne!(first, second);
    let before = schedule.clone();
    assert_eq!(schedule.refused(first, at(due + 5)), Refusal::Replaced);
    assert_eq!(schedule, before);
    assert!(schedule.is_usable(at(due + 5)));

    // In the same second, with the same expiry: it is another one all the same.
    let mut schedule = hourly("pump-7");
    let first = signed(&mut schedule, START);
    assert_eq!(schedule.refused(first, at(START)), Refusal::Once);
    let second = signed(&mut schedule, START);
    assert_eq!(schedule.refused(first, at(START)), Refusal::Replaced);
    assert!(schedule.is_usable(at(START)));
    // That the first was taken, once, says nothing of the second.
    schedule.accepted(first);
    assert_eq!(schedule.refused(second, at(START)), Refusal::Again);
    let before = schedule.clone();
    schedule.accepted(first);
    assert_eq!(schedule, before);
    schedule.accepted(second);
    assert_eq!(schedule.refused(second, at(START)), Refusal::Once);

    // Nothing was handed out yet, but by another.
    let mut schedule = hourly("pump-7");
    let before = schedule.clone();
    assert_eq!(schedule.refused(first, at(START)), Refusal::Replaced);
    schedule.accepted(first);
    assert_eq!(schedule, before);
    // What was no good has no ID, and is not the one before.
    let token = signed(&mut schedule, START);
    assert_eq!(schedule.signed(at(START + 1), at(START + 1)), None);
    assert_eq!(schedule.refused(token, at(START + 1)), Refusal::Once);
}

#[test]
fn signing_that_fails_after_a_refusal_waits() {
    let mut schedule = hourly("pump-7");
    let mut pauses = pauses("pump-7");
    let token = signed(&mut schedule, START);
    assert_eq!(schedule.refused(token, at(START)), Refusal::Once);
    let mut now = START;
    for pause in pauses.by_ref().take(2) {
        schedule.failed(at(now));
        assert_eq!(schedule.poll(at(now)), wait_until(now + pause));
        now += pause;
    }
    let token = signed(&mut schedule, now);
    // The signer's failures are no refusals.
    assert_eq!(schedule.refused(token, at(now)), Refusal::Again);
    assert_eq!(schedule.poll(at(now)), wait_until(now + first_pause("pump-7")));
}

/// Sources give what they like.
#[test]
fn tokens_of_any_lifetime_are_judged_by_their_own_life() {
    // Asked for an hour: how long it lives, how long it is handed out, and what its period is.
    for (lifetime, usable, period) in [
        (0, 0, 0),
        (1, 0, 0),
        (3, 0, 0),
        (4, 1, 1),
        (10, 7, 5),
        (59, 56, 45),
        (60, 57, 45),
        (100, 95, 90),
        (600, 570, 360),
        // A tenth of its life is left, and a second less.
        (3199, 3040, 1440),
        (3200, 3040, 2880),
        (3599, 3420, 2880),
        (3600, 3420, 2880),
        // Longer than asked for: it is renewed as if it were not.
        (3601, 3421, 2880),
        (7200, 7020, 2880),
        (YEAR, YEAR - 180, 2880),
        (u64::MAX - START, u64::MAX - START - 180, 2880),
    ] {
        let mut schedule = hourly("pump-7");
        let is_one = schedule.signed(at(START + lifetime), at(START)).is_some();
        assert_eq!(is_one, usable > 0, "{lifetime}");
        if !is_one {
            let until = START + first_pause("pump-7");
            assert_eq!(schedule.poll(at(START)), wait_until(until), "{lifetime}");
            continue;
        }
        assert!(schedule.is_usable(at(START + usable - 1)), "{lifetime}");
        assert!(!schedule.is_usable(at(START + usable)), "{lifetime}");
        // The same place in a shorter period.
        let first = next(&schedule, START);
        assert_eq!(first, START + first_wait("pump-7", period), "{lifetime}");
        assert!(schedule.signed(at(first + lifetime.min(YEAR)), at(first)).is_some(), "{lifetime}");
        assert_eq!(next(&schedule, first), first + period, "{lifetime}");
        assert!(schedule.is_usable(at(first + period - 1)), "{lifetime}");
    }
    // Past: none is made of it, and the one before is kept.
    for expiry in [0, 1, FLOOR, START - 1, START, START + 3] {
        let mut schedule = hourly("pump-7");
        assert_eq!(schedule.signed(at(expiry), at(START)), None, "{expiry}");
        let pause = first_pause("pump-7");
        let due = sign(&mut schedule, START + pause);
        assert_eq!(schedule.signed(at(expiry), at(due)), None, "{expiry}");
        assert!(schedule.is_usable(at(due)), "{expiry}");
        assert_eq!(schedule.poll(at(due)), use_until(due + pause), "{expiry}");
    }
}

/// A source that counts from when it was done, or by a clock of its own.
#[test]
fn lifetimes_that_differ_a_little_change_no_renewal() {
    let mut schedule = hourly("pump-7");
    let mut now = sign(&mut schedule, START);
    for lifetime in (3200..4000).step_by(7) {
        assert!(schedule.signed(at(now + lifetime), at(now)).is_some());
        assert_eq!(next(&schedule, now), now + PERIOD, "{lifetime}");
        now += PERIOD;
    }
}

/// A source that is asked for a month and gives an hour is a good source.
#[test]
fn tokens_much_shorter_than_the_policy_are_taken() {
    let mut schedule = TokenSchedule::new(policy(30 * 86_400, 80), &device("pump-7"));
    let mut now = START;
    for _ in 0..100 {
        assert!(schedule.signed(at(now + LIFETIME), at(now)).is_some());
        let next = next(&schedule, now);
        assert!(next <= now + PERIOD);
        now = next;
    }
}

#[test]
fn lifetimes_of_a_minute_work() {
    for percent in [10, 50, 80, 90] {
        let policy = policy(60, percent);
        let mut schedule = TokenSchedule::new(policy, &device("pump-7"));
        let mut now = START;
        for _ in 0..100 {
            let due = sign(&mut schedule, now);
            assert!(due > now && due <= now + policy.period().as_secs(), "{percent} %");
            assert!(schedule.is_usable(at(due)), "{percent} %");
            now = due;
        }
    }
}

#[test]
fn nothing_overflows_at_the_end_of_time() {
    for percent in [10, 90] {
        for lifetime in [60, LIFETIME, YEAR] {
            for back in [0, 1, 3, 4, 59, 60, 61, LIFETIME, YEAR, YEAR + 1] {
                let now = u64::MAX - back;
                let mut schedule = TokenSchedule::new(policy(lifetime, percent), &device("pump-7"));
                let Step::Sign { expiry } = schedule.poll(at(now)) else {
                    panic!("nothing to sign at {now}");
                };
                assert_eq!(expiry.as_secs(), now.saturating_add(lifetime));
                let token = schedule.signed(expiry, at(now));
                assert_eq!(token.is_some(), back > 3, "{back}");
                schedule.failed(at(now));
                let token = schedule.signed(UnixTime::MAX, at(0)).expect("it never expires");
                schedule.refused(token, at(now));
                schedule.refused(token, UnixTime::MAX);
                schedule.accepted(token);
                assert_eq!(schedule.signed(at(0), UnixTime::MAX), None);
                for asked in [0, FLOOR, START, now, u64::MAX] {
                    let _ = schedule.poll(at(asked));
                    let _ = schedule.is_usable(at(asked));
                }
            }
        }
    }
}
