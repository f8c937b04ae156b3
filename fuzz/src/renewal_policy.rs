//! `RenewalPolicy` and `RetrySchedule` against the rules of the IoT identity service, written down once
//! more.
//!
//! An input is a policy; where it has lines, the first one is taken for a policy as well, and those that
//! follow for the numbers of `Case`.

use std::time::Duration;

use hubward::UnixTime;
use hubward::x509::{
    Renewal, RenewalPolicy, RenewalPolicyError, RetrySchedule, Validity, next_renewal,
};

use super::oracle::shown;

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let case = Case::read(rest);
    for text in [text, first] {
        if let Some((policy, model)) = parse(text) {
            is_due(policy, model, &case);
        }
    }
    spans(&case);
    retries(&case);
}

/// Why the input, or its first line, is no policy.
pub fn errors(text: &str) -> impl Iterator<Item = RenewalPolicyError> {
    let first = text.split('\n').next();
    [Some(text), first].into_iter().flatten().filter_map(|text| text.parse::<RenewalPolicy>().err())
}

/// Numbers, one a line; what is missing is a moment of the years in which certificates are used.
#[derive(Clone, Copy)]
struct Case {
    validity: Validity,
    now: UnixTime,
    failures: u32,
    chance: u64,
    span: u64,
}

impl Case {
    fn read(text: &str) -> Self {
        let mut lines = text.split('\n');
        let mut number =
            |usual| lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(usual);
        let validity = Validity {
            not_before: UnixTime::from_secs(number(1_800_000_000)),
            not_after: UnixTime::from_secs(number(1_800_001_000)),
        };
        let now = UnixTime::from_secs(number(1_800_000_500));
        let failures = u32::try_from(number(1)).unwrap_or(u32::MAX);
        Self { validity, now, failures, chance: number(0), span: number(86_400) }
    }
}

/// What a policy says.
#[derive(Clone, Copy)]
enum Model {
    Percent(u128),
    Left(u128),
}

/// Digits and a unit, and nothing else.
fn model(text: &str) -> Option<Model> {
    let (number, unit) =
        ["%", "min", "day"].into_iter().find_map(|unit| Some((text.strip_suffix(unit)?, unit)))?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // 20 digits are the most of 64 bits.
    let significant = number.trim_start_matches('0');
    let number: u128 =
        if significant.len() > 20 { u128::MAX >> 32 } else { number.parse().ok()? };
    let seconds = |seconds: u128| {
        let left = number * seconds;
        (1..=u128::from(u64::MAX)).contains(&left).then_some(Model::Left(left))
    };
    match unit {
        "%" => (1..=99).contains(&number).then_some(Model::Percent(number)),
        "min" => seconds(60),
        _ => seconds(86_400),
    }
}

fn parse(text: &str) -> Option<(RenewalPolicy, Model)> {
    let parsed = text.parse::<RenewalPolicy>();
    let model = model(text);
    match (parsed, model) {
        (Ok(policy), Some(model)) => {
            comes_back(policy, text, model);
            Some((policy, model))
        }
        (Err(error), None) => {
            is_true(&error, text);
            None
        }
        (parsed, _) => panic!("{text:?}: {parsed:?}"),
    }
}

fn comes_back(policy: RenewalPolicy, text: &str, model: Model) {
    let written = policy.to_string();
    assert_eq!(written.parse(), Ok(policy));
    assert!(written.len() <= text.len() || text.ends_with("day"), "{text:?} became {written:?}");
    match model {
        Model::Percent(percent) => {
            assert_eq!(written, format!("{percent}%"));
            let percent = u8::try_from(percent).expect("two digits");
            assert_eq!(RenewalPolicy::at_percent(percent), Ok(policy));
        }
        Model::Left(left) => {
            // The largest unit that needs no fraction.
            let expected = match left % 86_400 {
                0 => format!("{}day", left / 86_400),
                _ => format!("{}min", left / 60),
            };
            assert_eq!(written, expected);
            let left = u64::try_from(left).expect("it fits");
            assert_eq!(RenewalPolicy::before_end(Duration::from_secs(left)), Ok(policy));
        }
    }
}

fn is_true(error: &RenewalPolicyError, text: &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let is_zero = number.bytes().all(|digit| digit == b'0');
    match error {
        RenewalPolicyError::NoNumber => assert_eq!(number, ""),
        RenewalPolicyError::UnknownUnit => assert!(!["%", "min", "day"].contains(&unit)),
        RenewalPolicyError::PercentOutOfRange => assert_eq!(unit, "%"),
        RenewalPolicyError::ZeroSpan => assert!(is_zero && unit != "%"),
        RenewalPolicyError::TooLong => assert!(number.len() > 14 && !is_zero),
        _ => panic!("a new error: teach it to the fuzz targets"),
    }
    // A sentence that is always the same.
    assert!(shown(error).len() < 256);
}

/// Shares of the lifetime are whole percentages, rounded down; of spans it is told how much is left.
fn is_due(policy: RenewalPolicy, model: Model, case: &Case) {
    let Case { validity, now, .. } = *case;
    let (begin, end) = (validity.not_before.as_secs(), validity.not_after.as_secs());
    let due_at = |now: u64| {
        let (begin, end, now) = (u128::from(begin), u128::from(end), u128::from(now));
        if end <= begin || now > end {
            return true;
        }
        now >= begin
            && match model {
                Model::Percent(percent) => (now - begin) * 100 / (end - begin) >= percent,
                Model::Left(left) => end - now <= left,
            }
    };
    let moments = [0, begin, end, now.as_secs(), u64::MAX];
    for moment in
        moments.into_iter().flat_map(|at| [at.saturating_sub(1), at, at.saturating_add(1)])
    {
        let now = UnixTime::from_secs(moment);
        assert_eq!(policy.is_due(validity, now), due_at(moment), "{policy} at {moment}");
        let expected = next_renewal(validity, policy, now);
        match expected {
            Renewal::ClockUnknown => assert!(now < UnixTime::BUILD_FLOOR),
            Renewal::Now => assert!(now >= UnixTime::BUILD_FLOOR && due_at(moment)),
            Renewal::At(at) => {
                assert!(now >= UnixTime::BUILD_FLOOR && at > now && !due_at(moment));
                // From then on, and not before.
                assert!(due_at(at.as_secs()) && !due_at(at.as_secs() - 1));
                assert_eq!(next_renewal(validity, policy, at), Renewal::Now);
            }
            _ => panic!("a new answer: teach it to the fuzz targets"),
        }
    }
}

/// A policy that no text has: what is written for it renews no later, and no minute too early.
fn spans(case: &Case) {
    let span = case.span;
    match RenewalPolicy::before_end(Duration::new(span, 999_999_999)) {
        Ok(policy) => {
            // The last seconds of 64 bits are no whole minute.
            let minutes = span.div_ceil(60).min(u64::MAX / 60);
            let read = policy.to_string().parse();
            assert_eq!(read, RenewalPolicy::before_end(Duration::from_secs(minutes * 60)));
        }
        Err(error) => assert_eq!((error, span), (RenewalPolicyError::ZeroSpan, 0)),
    }
}

fn retries(case: &Case) {
    let Case { validity, now, failures, chance, span } = *case;
    let longest = span.saturating_mul(u64::from(failures.max(1)));
    let wait = |first: u64, longest: u64| {
        let doublings = failures.saturating_sub(1);
        let factor = if doublings < 64 { 1_u128 << doublings } else { u128::from(u64::MAX) };
        let wait = u128::from(first).saturating_mul(factor).min(u128::from(longest.max(first)));
        u64::try_from(wait).expect("no more than the longest")
    };
    let check = |schedule: RetrySchedule, wait: u64| {
        let next = schedule.next(failures, now, chance);
        let at = |wait: u64| now.saturating_add(Duration::from_secs(wait));
        assert!((at(wait.div_ceil(2))..=at(wait)).contains(&next), "{schedule:?}: {next}");
        assert_eq!(schedule.next(failures, now, chance), next);
    };
    let schedule = RetrySchedule::new(Duration::from_secs(span), Duration::from_secs(longest));
    check(schedule, wait(span.max(1), longest));
    let lifetime = validity.not_after.as_secs().saturating_sub(validity.not_before.as_secs());
    let first = (lifetime / 25).clamp(60, 86_400);
    check(RetrySchedule::for_validity(validity), wait(first, (lifetime / 5).clamp(first, 86_400)));
}
