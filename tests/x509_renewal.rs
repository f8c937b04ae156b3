//! When to renew a certificate, and when to try again: against the vectors of the IoT identity service
//! (`data/x509/SOURCE.md`) and against oracles that count second by second.

#[path = "vectors/harness.rs"]
#[expect(dead_code, reason = "its other half is for other vectors")]
mod harness;

use std::collections::BTreeSet;
use std::time::Duration;

use hubward::UnixTime;
use hubward::x509::{
    Renewal, RenewalPolicy, RenewalPolicyError, RetrySchedule, Validity, next_renewal,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;

fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * 8,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..usual
    }
}

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn validity(not_before: u64, not_after: u64) -> Validity {
    Validity { not_before: at(not_before), not_after: at(not_after) }
}

fn percent(percent: u8) -> RenewalPolicy {
    RenewalPolicy::at_percent(percent).unwrap()
}

fn left(seconds: u64) -> RenewalPolicy {
    RenewalPolicy::before_end(Duration::from_secs(seconds)).unwrap()
}

fn parse(text: &str) -> Result<RenewalPolicy, RenewalPolicyError> {
    text.parse()
}

// Vectors.

#[test]
fn texts_that_the_identity_service_reads() {
    let json = include_str!("data/x509/renewal_policy_parse.json");
    harness::for_each(json, &[("renewal_policy_parse", 11)], |vector| {
        let parsed = parse(&vector.inputs.text("text"));
        if !vector.expected.flag("ok") {
            parsed.unwrap_err();
        } else if vector.expected.has("percentage") {
            let expected = u8::try_from(vector.expected.number("percentage")).unwrap();
            assert_eq!(parsed, Ok(percent(expected)));
        } else {
            assert_eq!(parsed, Ok(left(vector.expected.number("seconds"))));
        }
    });
}

#[test]
fn texts_that_the_identity_service_writes() {
    let json = include_str!("data/x509/renewal_policy_serialize.json");
    harness::for_each(json, &[("renewal_policy_serialize", 3)], |vector| {
        let policy = left(vector.inputs.number("seconds"));
        assert_eq!(policy.to_string(), vector.expected.text("text"));
    });
}

#[test]
fn what_is_due_for_the_identity_service() {
    let json = include_str!("data/x509/renewal_due.json");
    harness::for_each(json, &[("renewal_due", 7)], |vector| {
        let threshold = vector.inputs.text("threshold");
        let policy = match threshold.strip_prefix("time:") {
            Some(seconds) => left(seconds.parse().unwrap()),
            None => parse(&threshold).unwrap(),
        };
        let [not_before, not_after, now] =
            ["not_before", "not_after", "now"].map(|field| vector.inputs.number(field));
        let due = policy.is_due(validity(not_before, not_after), at(now));
        assert_eq!(due, vector.expected.flag("renew"));
    });
}

// Texts.

#[test]
fn texts_that_are_no_policies() {
    use RenewalPolicyError::{NoNumber, PercentOutOfRange, TooLong, UnknownUnit, ZeroSpan};

    for (text, expected) in [
        ("", NoNumber),
        ("%", NoNumber),
        ("min", NoNumber),
        ("day", NoNumber),
        ("+80%", NoNumber),
        ("+1day", NoNumber),
        ("-1day", NoNumber),
        ("-1%", NoNumber),
        (" 80%", NoNumber),
        ("\t1day", NoNumber),
        ("\u{feff}1day", NoNumber),
        (".5day", NoNumber),
        ("x80%", NoNumber),
        // Digits, but not those.
        ("８０%", NoNumber),
        ("٣day", NoNumber),
        ("³day", NoNumber),
        ("80", UnknownUnit),
        ("0", UnknownUnit),
        ("80 %", UnknownUnit),
        ("80% ", UnknownUnit),
        ("80%\n", UnknownUnit),
        ("80%%", UnknownUnit),
        ("80%min", UnknownUnit),
        ("1.5day", UnknownUnit),
        ("1,5day", UnknownUnit),
        ("1_000day", UnknownUnit),
        ("1e3day", UnknownUnit),
        ("0x10day", UnknownUnit),
        ("5٣day", UnknownUnit),
        ("30DAY", UnknownUnit),
        ("30Day", UnknownUnit),
        ("90MIN", UnknownUnit),
        ("30days", UnknownUnit),
        ("30d", UnknownUnit),
        ("90minutes", UnknownUnit),
        ("1hour", UnknownUnit),
        ("1sec", UnknownUnit),
        ("1year", UnknownUnit),
        ("30day\0", UnknownUnit),
        ("1day1min", UnknownUnit),
        ("5％", UnknownUnit),
        ("0%", PercentOutOfRange),
        ("000%", PercentOutOfRange),
        ("100%", PercentOutOfRange),
        ("101%", PercentOutOfRange),
        // What 8 and 64 bits would cut down to a good one.
        ("336%", PercentOutOfRange),
        ("18446744073709551615%", PercentOutOfRange),
        ("0min", ZeroSpan),
        ("0day", ZeroSpan),
        ("18446744073709551616day", TooLong),
        ("18446744073709551616%", TooLong),
        ("99999999999999999999day", TooLong),
        ("18446744073709551615day", TooLong),
        ("213503982334602day", TooLong),
        ("307445734561825861min", TooLong),
    ] {
        assert_eq!(parse(text), Err(expected), "{text:?}");
    }
    // The last that fit.
    assert_eq!(parse("213503982334601day"), Ok(left(213_503_982_334_601 * DAY)));
    assert_eq!(parse("307445734561825860min"), Ok(left(u64::MAX / MINUTE * MINUTE)));
    assert_eq!(parse("007day"), Ok(left(7 * DAY)));
}

#[test]
fn every_percentage_and_no_other() {
    for number in 0..=u8::MAX {
        let policy = RenewalPolicy::at_percent(number);
        assert_eq!(parse(&format!("{number}%")), policy);
        match number {
            1..=99 => assert_eq!(policy.unwrap().to_string(), format!("{number}%")),
            _ => assert_eq!(policy, Err(RenewalPolicyError::PercentOutOfRange)),
        }
    }
    assert_eq!(RenewalPolicy::default(), percent(80));
}

#[test]
fn spans_are_cut_to_seconds() {
    let span = |nanos| RenewalPolicy::before_end(Duration::from_nanos(nanos));
    assert_eq!(span(0), Err(RenewalPolicyError::ZeroSpan));
    assert_eq!(span(999_999_999), Err(RenewalPolicyError::ZeroSpan));
    assert_eq!(span(1_000_000_000), Ok(left(1)));
    assert_eq!(span(1_999_999_999), Ok(left(1)));
    assert_eq!(RenewalPolicy::before_end(Duration::MAX), Ok(left(u64::MAX)));
}

#[test]
fn what_is_written_is_read_and_renews_no_later() {
    for (seconds, text) in [
        (1, "1min"),
        (59, "1min"),
        (60, "1min"),
        (61, "2min"),
        (3_600, "60min"),
        (DAY - 1, "1day"),
        (DAY - MINUTE, "1439min"),
        (DAY, "1day"),
        (DAY + 1, "1441min"),
        (DAY + MINUTE, "1441min"),
        (365 * DAY, "365day"),
        (u64::MAX / DAY * DAY, "213503982334601day"),
        // There is no text for more minutes than fit into seconds.
        (u64::MAX - 16, "307445734561825860min"),
        (u64::MAX - 15, "307445734561825860min"),
        (u64::MAX, "307445734561825860min"),
    ] {
        assert_eq!(left(seconds).to_string(), text);
        assert!(parse(text).is_ok(), "{text}");
    }
}

#[test]
fn errors_say_what_is_right() {
    for text in ["x", "80", "0%", "0min", "99999999999999999999day"] {
        let shown = parse(text).unwrap_err().to_string();
        assert!(shown.contains("renewal policy") && shown.len() < 100, "{shown}");
        assert!(!shown.contains("99999"), "what was given is not repeated");
    }
}

// When it is due.

/// Counts seconds one by one: those of the lifetime, those of it that are over, and those that are left.
fn is_due_by_counting(
    threshold: Result<u8, u64>,
    not_before: u64,
    not_after: u64,
    now: u64,
) -> bool {
    if not_after <= not_before || now > not_after {
        return true;
    }
    let count = |from: u64, to: u64| (from..to).map(|_| 1_u64).sum::<u64>();
    match threshold {
        Ok(percent) => {
            count(not_before, now) * 100 >= count(not_before, not_after) * u64::from(percent)
        }
        Err(seconds) => now >= not_before && count(now, not_after) <= seconds,
    }
}

#[test]
fn small_numbers_by_counting() {
    let percentages = (1..=99).map(Ok);
    for threshold in percentages.chain((1..18).map(Err)) {
        let policy = policy(threshold);
        for not_before in 0..6 {
            for not_after in 0..14 {
                for now in 0..18 {
                    assert_eq!(
                        policy.is_due(validity(not_before, not_after), at(now)),
                        is_due_by_counting(threshold, not_before, not_after, now),
                        "{threshold:?} of {not_before} to {not_after} at {now}"
                    );
                }
            }
        }
    }
}

/// The same for numbers of any size, in twice as many bits.
fn is_due_in_wide_numbers(
    threshold: Result<u8, u64>,
    not_before: u64,
    not_after: u64,
    now: u64,
) -> bool {
    let [not_before, not_after, now] = [not_before, not_after, now].map(i128::from);
    if not_after <= not_before || now > not_after {
        return true;
    }
    match threshold {
        Ok(percent) => (now - not_before) * 100 >= (not_after - not_before) * i128::from(percent),
        Err(seconds) => now >= not_before && not_after - now <= i128::from(seconds),
    }
}

fn thresholds() -> impl Strategy<Value = Result<u8, u64>> {
    prop_oneof![
        (1..=99_u8).prop_map(Ok),
        prop_oneof![1..100_000_u64, 1..=u64::MAX, Just(u64::MAX)].prop_map(Err)
    ]
}

fn moments() -> impl Strategy<Value = u64> {
    let floor = UnixTime::BUILD_FLOOR.as_secs();
    prop_oneof![
        0..1_000_u64,
        floor - 1_000..floor + 1_000,
        floor..floor + 400 * DAY,
        any::<u64>(),
        u64::MAX - 1_000..=u64::MAX,
    ]
}

fn policy(threshold: Result<u8, u64>) -> RenewalPolicy {
    threshold.map_or_else(left, percent)
}

#[test]
fn an_answer_is_a_part_of_a_sentence() {
    for (renewal, text) in [
        (Renewal::Now, "now"),
        (Renewal::At(at(1_800_000_000)), "at 2027-01-15T08:00:00Z"),
        (Renewal::ClockUnknown, "once the clock is set"),
    ] {
        assert_eq!(renewal.to_string(), text);
    }
}

#[test]
fn a_policy_that_fits_leaves_a_new_certificate_alone() {
    for (policy, lifetime, fits) in [
        ("30day", 30 * DAY, false),
        ("30day", 30 * DAY + 1, true),
        ("31day", 30 * DAY, false),
        ("1%", 30 * DAY, true),
        ("99%", 1, true),
        ("80%", 0, false),
    ] {
        let policy: RenewalPolicy = policy.parse().unwrap();
        let validity = validity(5, 5 + lifetime);
        assert_eq!(policy.fits(validity), fits, "{policy} of {lifetime}");
        assert_eq!(policy.is_due(validity, validity.not_before), !fits);
    }
    assert!(!RenewalPolicy::default().fits(validity(5, 1)));
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn large_numbers_in_wider_ones(
        threshold in thresholds(),
        (not_before, not_after, now) in (moments(), moments(), moments()),
    ) {
        let validity = validity(not_before, not_after);
        let expected = is_due_in_wide_numbers(threshold, not_before, not_after, now);
        prop_assert_eq!(policy(threshold).is_due(validity, at(now)), expected);
    }

    #[test]
    fn the_moment_is_the_first_that_is_due(
        threshold in thresholds(),
        (not_before, not_after, now) in (moments(), moments(), moments()),
    ) {
        let (policy, validity) = (policy(threshold), validity(not_before, not_after));
        match next_renewal(validity, policy, at(now)) {
            Renewal::ClockUnknown => prop_assert!(at(now) < UnixTime::BUILD_FLOOR),
            Renewal::Now => {
                prop_assert!(at(now) >= UnixTime::BUILD_FLOOR && policy.is_due(validity, at(now)));
            }
            Renewal::At(due) => {
                prop_assert!(at(now) >= UnixTime::BUILD_FLOOR && due > at(now));
                prop_assert!(policy.is_due(validity, due));
                prop_assert!(!policy.is_due(validity, at(due.as_secs() - 1)));
                prop_assert!(validity.not_before <= due && due <= validity.not_after);
                prop_assert_eq!(next_renewal(validity, policy, due), Renewal::Now);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// Once it is due, it stays so.
    #[test]
    fn later_is_no_less_due(
        threshold in thresholds(),
        (not_before, not_after, now, later) in (moments(), moments(), moments(), any::<u64>()),
    ) {
        let (policy, validity) = (policy(threshold), validity(not_before, not_after));
        if policy.is_due(validity, at(now)) {
            prop_assert!(policy.is_due(validity, at(now.saturating_add(later))));
        }
    }

    #[test]
    fn what_is_written_is_read(threshold in thresholds()) {
        let policy = policy(threshold);
        let text = policy.to_string();
        let again = parse(&text).unwrap();
        prop_assert_eq!(again.to_string(), text);
        match threshold {
            Ok(_) => prop_assert_eq!(again, policy),
            Err(seconds) if seconds % MINUTE == 0 => prop_assert_eq!(again, policy),
            // The longest for which there is a text are cut down to it.
            Err(seconds) => {
                let up = seconds.div_ceil(MINUTE).min(u64::MAX / MINUTE) * MINUTE;
                prop_assert_eq!(again, left(up));
            }
        }
    }

    #[test]
    fn any_text(text in "\\PC{0,12}|[0-9]{0,24}(%|min|day)?|[-+ ]?[0-9]{1,3}[ .]?(%|min|day)") {
        if let Ok(policy) = parse(&text) {
            prop_assert!(text.as_bytes()[0].is_ascii_digit());
            prop_assert_eq!(parse(&policy.to_string()), Ok(policy));
        }
    }
}

#[test]
fn an_unset_clock_is_an_answer() {
    let floor = UnixTime::BUILD_FLOOR.as_secs();
    let good = validity(floor, floor + 100);
    let next = |validity, now| next_renewal(validity, percent(80), at(now));
    for now in [0, 1, 1_000_000_000, floor - 1] {
        assert_eq!(next(good, now), Renewal::ClockUnknown);
        // Whatever the certificate is like.
        assert_eq!(next(validity(0, 0), now), Renewal::ClockUnknown);
        assert_eq!(next(validity(5, 1), now), Renewal::ClockUnknown);
    }
    assert_eq!(next(good, floor), Renewal::At(at(floor + 80)));
    assert_eq!(next(good, floor + 79), Renewal::At(at(floor + 80)));
    assert_eq!(next(good, floor + 80), Renewal::Now);
    assert_eq!(next(good, floor + 101), Renewal::Now);
    assert_eq!(next(good, u64::MAX), Renewal::Now);
    // Not yet valid: it is renewed in its own time.
    assert_eq!(next(validity(floor + 100, floor + 200), floor), Renewal::At(at(floor + 180)));
    // Never valid.
    assert_eq!(next(validity(floor + 200, floor + 100), floor), Renewal::Now);
    assert_eq!(next(validity(floor + 100, floor + 100), floor), Renewal::Now);
    // A span that is longer than the lifetime: from the beginning.
    assert_eq!(next_renewal(good, left(1_000), at(floor)), Renewal::Now);
    let later = validity(floor + 50, floor + 150);
    assert_eq!(next_renewal(later, left(1_000), at(floor)), Renewal::At(at(floor + 50)));
}

// When to try again.

fn schedule(first: u64, longest: u64) -> RetrySchedule {
    RetrySchedule::new(Duration::from_secs(first), Duration::from_secs(longest))
}

/// Numbers for `chance`: the ends, and a few that follow each other.
fn chances() -> impl Iterator<Item = u64> {
    [u64::MAX, u64::MAX / 2, u64::MAX / 2 + 1, 0x5555_5555_5555_5555].into_iter().chain(0..500)
}

#[test]
fn waits_double_up_to_the_longest() {
    let now = at(1_800_000_000);
    let schedule = schedule(100, 1_000);
    for (failures, whole) in [
        (0, 100),
        (1, 100),
        (2, 200),
        (3, 400),
        (4, 800),
        (5, 1_000),
        (6, 1_000),
        (63, 1_000),
        (64, 1_000),
        (65, 1_000),
        (66, 1_000),
        (u32::MAX, 1_000),
    ] {
        let waits: BTreeSet<_> = chances()
            .map(|chance| schedule.next(failures, now, chance).as_secs() - now.as_secs())
            .collect();
        assert!(*waits.first().unwrap() >= whole / 2, "{failures}: {waits:?}");
        assert!(*waits.last().unwrap() <= whole, "{failures}: {waits:?}");
        // Both halves of what is allowed are used.
        assert!(*waits.first().unwrap() < whole * 3 / 5, "{failures}: {waits:?}");
        assert!(*waits.last().unwrap() > whole * 9 / 10, "{failures}: {waits:?}");
    }
}

#[test]
fn the_same_chance_is_the_same_moment() {
    let schedule = schedule(100, 1_000);
    for chance in chances() {
        let next = || schedule.next(3, at(5), chance);
        assert_eq!(next(), next());
    }
}

#[test]
fn devices_with_numbers_one_after_the_other_do_not_come_back_together() {
    // A fleet that takes its serial numbers for chance, and waits half a day to a day.
    let now = at(1_800_000_000);
    let schedule = schedule(DAY, DAY);
    for (start, step) in [(0, 1), (1_000_000, 1), (0, 2), (0, 43_200), (0, 43_201), (0, 1 << 32)] {
        let mut hours = [0; 12];
        for device in 0..1_200 {
            let wait = schedule.next(1, now, start + device * step).as_secs() - now.as_secs();
            hours[usize::try_from((wait - DAY / 2) / 3_600).unwrap().min(11)] += 1;
        }
        // A hundred an hour, as chance has it.
        assert!(hours.iter().all(|count| (50..=160).contains(count)), "{start}, {step}: {hours:?}");
    }
}

#[test]
fn ends_of_the_numbers() {
    let longest = schedule(u64::MAX, u64::MAX);
    for chance in chances() {
        for failures in [0, 1, 2, u32::MAX] {
            let next = longest.next(failures, at(0), chance).as_secs();
            assert!(next >= u64::MAX / 2, "{next}");
            let now = UnixTime::MAX;
            assert_eq!(longest.next(failures, now, chance), UnixTime::MAX);
            assert_eq!(schedule(1, 1).next(failures, now, chance), UnixTime::MAX);
            // One second has no halves.
            assert_eq!(schedule(1, 1).next(failures, at(7), chance), at(8));
        }
        let doubled = schedule(1, u64::MAX).next(64, at(0), chance).as_secs();
        assert!((1 << 62..=1 << 63).contains(&doubled), "{doubled}");
        let most = schedule(1, u64::MAX).next(65, at(0), chance).as_secs();
        assert!(most >= u64::MAX / 2, "{most}");
    }
}

#[test]
fn schedules_that_make_no_sense_and_those_that_are_mended() {
    let new = |first, longest| {
        RetrySchedule::new(Duration::from_millis(first), Duration::from_millis(longest))
    };
    assert_eq!(new(0, 1_000), schedule(1, 1));
    assert_eq!(new(999, 1_000), schedule(1, 1));
    assert_eq!(new(1_999, 2_999), schedule(1, 2));
    // A longest that is shorter than the first is as long as the first.
    assert_eq!(new(5_000, 1_000), schedule(5, 5));
    assert_eq!(new(5_000, 0), schedule(5, 5));
}

#[test]
fn the_first_wait_is_a_part_of_the_lifetime() {
    for (lifetime, first, longest) in [
        (0, MINUTE, MINUTE),
        (1, MINUTE, MINUTE),
        (304, MINUTE, MINUTE),
        (305, MINUTE, MINUTE + 1),
        (1_499, MINUTE, 299),
        (1_500, MINUTE, 5 * MINUTE),
        (1_525, MINUTE + 1, 305),
        (10 * DAY, 10 * DAY / 25, DAY),
        (25 * DAY, DAY, DAY),
        (365 * DAY, DAY, DAY),
        (u64::MAX - 5, DAY, DAY),
    ] {
        let found = RetrySchedule::for_validity(validity(5, 5 + lifetime));
        assert_eq!(found, schedule(first, longest), "{lifetime}");
    }
    // Ends before it begins.
    assert_eq!(RetrySchedule::for_validity(validity(5, 1)), schedule(MINUTE, MINUTE));
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn waits_are_between_half_and_whole(
        (first, longest) in (1..=u64::MAX, any::<u64>()),
        (failures, now, chance) in (prop_oneof![0..70_u32, any::<u32>()], moments(), any::<u64>()),
    ) {
        let longest = longest.max(first);
        let factor = 1_u128 << failures.saturating_sub(1).min(64);
        let whole = u128::from(longest).min(u128::from(first) * factor);
        let next = schedule(first, longest).next(failures, at(now), chance).as_secs();
        let most = u64::try_from(u128::from(now) + whole).unwrap_or(u64::MAX);
        let least = u64::try_from(u128::from(now) + whole.div_ceil(2)).unwrap_or(u64::MAX);
        prop_assert!(least <= next && next <= most);
    }
}
