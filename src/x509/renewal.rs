//! When to renew a certificate: pure rules, in which the moment is an argument.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use thiserror::Error;

use super::Validity;
use crate::time::UnixTime;

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;

/// When a certificate is to be renewed: once a part of its lifetime is over, or a span before its end.
///
/// As text it is what Azure IoT Edge and the IoT identity service write in their configuration: `80%`
/// (1 to 99), `90min` or `30day`.
///
/// # Examples
///
/// ```
/// use hubward::x509::{RenewalPolicy, RenewalPolicyError};
///
/// let policy: RenewalPolicy = "30day".parse()?;
/// assert_eq!(policy.to_string(), "30day");
/// assert_eq!("0%".parse::<RenewalPolicy>(), Err(RenewalPolicyError::PercentOutOfRange));
/// # Ok::<(), RenewalPolicyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewalPolicy(Threshold);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Threshold {
    /// Of the lifetime that is over, 1 to 99.
    Percent(u8),
    /// Seconds that are left, at least 1.
    Left(u64),
}

impl RenewalPolicy {
    /// Once `percent` of the lifetime is over.
    ///
    /// # Errors
    ///
    /// [`RenewalPolicyError::PercentOutOfRange`] unless it is 1 to 99.
    pub const fn at_percent(percent: u8) -> Result<Self, RenewalPolicyError> {
        match percent {
            1..=99 => Ok(Self(Threshold::Percent(percent))),
            _ => Err(RenewalPolicyError::PercentOutOfRange),
        }
    }

    /// Once no more than `span` is left, fractions of a second cut off.
    ///
    /// # Errors
    ///
    /// [`RenewalPolicyError::ZeroSpan`] for less than a second.
    pub const fn before_end(span: Duration) -> Result<Self, RenewalPolicyError> {
        match span.as_secs() {
            0 => Err(RenewalPolicyError::ZeroSpan),
            seconds => Ok(Self(Threshold::Left(seconds))),
        }
    }

    /// Whether a certificate of that validity is to be renewed at `now`, whatever `now` is:
    /// [`next_renewal`] judges the clock as well. One that ends before it begins, or has ended, is.
    #[must_use]
    pub fn is_due(self, validity: Validity, now: UnixTime) -> bool {
        match self.due_at(validity) {
            None => true,
            Some(due) => now >= due || now > validity.not_after,
        }
    }

    /// Whether a certificate of that validity is not due as soon as it is issued, as it is where the span is
    /// no shorter than the lifetime: a device would renew without end. Choose another policy then.
    #[must_use]
    pub fn fits(self, validity: Validity) -> bool {
        !self.is_due(validity, validity.not_before)
    }

    /// The first moment at which a certificate of that validity is to be renewed; `None` if at once,
    /// because it ends before it begins.
    fn due_at(self, validity: Validity) -> Option<UnixTime> {
        let Validity { not_before, not_after } = validity;
        let lifetime =
            not_after.as_secs().checked_sub(not_before.as_secs()).filter(|span| *span > 0)?;
        let over = match self.0 {
            // The first second of which a whole percentage is over.
            Threshold::Percent(percent) => {
                let scaled = u128::from(lifetime) * u128::from(percent);
                u64::try_from(scaled.div_ceil(100)).ok()?
            }
            Threshold::Left(seconds) => lifetime.saturating_sub(seconds),
        };
        Some(UnixTime::from_secs(not_before.as_secs().saturating_add(over)))
    }
}

/// 80 %, as in the identity service.
impl Default for RenewalPolicy {
    fn default() -> Self {
        Self(Threshold::Percent(80))
    }
}

impl FromStr for RenewalPolicy {
    type Err = RenewalPolicyError;

    fn from_str(text: &str) -> Result<Self, RenewalPolicyError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(RenewalPolicyError::NoNumber);
        }
        let number: u64 = number.parse().map_err(|_| RenewalPolicyError::TooLong)?;
        let seconds = match unit {
            "%" => {
                let percent =
                    u8::try_from(number).map_err(|_| RenewalPolicyError::PercentOutOfRange)?;
                return Self::at_percent(percent);
            }
            "min" => number.checked_mul(MINUTE),
            "day" => number.checked_mul(DAY),
            _ => return Err(RenewalPolicyError::UnknownUnit),
        };
        Self::before_end(Duration::from_secs(seconds.ok_or(RenewalPolicyError::TooLong)?))
    }
}

/// The largest unit that needs no fraction. Seconds that are no whole minute are rounded up to one, as
/// long as it fits: what is read back renews no later.
impl fmt::Display for RenewalPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Threshold::Percent(percent) => write!(f, "{percent}%"),
            Threshold::Left(seconds) => {
                // One more than these is a text that is not read.
                let minutes = seconds.div_ceil(MINUTE).min(u64::MAX / MINUTE);
                match minutes % (DAY / MINUTE) {
                    0 => write!(f, "{}day", minutes / (DAY / MINUTE)),
                    _ => write!(f, "{minutes}min"),
                }
            }
        }
    }
}

/// Why a text is not a [`RenewalPolicy`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RenewalPolicyError {
    /// It does not begin with digits.
    #[error("a renewal policy begins with a number: `80%`, `90min`, `30day`")]
    NoNumber,
    /// Something else than `%`, `min` or `day` follows the number.
    #[error("a renewal policy ends in `%`, `min` or `day`")]
    UnknownUnit,
    /// Less than 1 or more than 99 percent.
    #[error("the percentage of a renewal policy is 1 to 99")]
    PercentOutOfRange,
    /// Less than a second.
    #[error("the span of a renewal policy is at least a second")]
    ZeroSpan,
    /// More than fits.
    #[error("the number of a renewal policy is too large")]
    TooLong,
}

/// When to renew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Renewal {
    /// Now: it is due, overdue, or never was valid.
    Now,
    /// At that moment.
    At(UnixTime),
    /// Nobody knows: the clock shows a moment before [`UnixTime::BUILD_FLOOR`]. Ask again once it is set.
    ClockUnknown,
}

impl fmt::Display for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::At(moment) => write!(f, "at {moment}"),
            Self::ClockUnknown => f.write_str("once the clock is set"),
        }
    }
}

/// When a certificate of that validity is to be renewed.
///
/// A policy whose span is no shorter than the lifetime says [`Renewal::Now`] of every certificate that it is
/// asked about, a new one as well: see [`RenewalPolicy::fits`]. Whoever renews waits between two tries
/// ([`RetrySchedule`]).
///
/// # Examples
///
/// ```
/// use hubward::UnixTime;
/// use hubward::x509::{Renewal, RenewalPolicy, Validity, next_renewal};
///
/// let validity = Validity {
///     not_before: UnixTime::from_secs(1_800_000_000),
///     not_after: UnixTime::from_secs(1_800_001_000),
/// };
/// let policy: RenewalPolicy = "80%".parse()?;
/// assert_eq!(
///     next_renewal(validity, policy, UnixTime::from_secs(1_800_000_100)),
///     Renewal::At(UnixTime::from_secs(1_800_000_800))
/// );
/// assert_eq!(next_renewal(validity, policy, UnixTime::from_secs(0)), Renewal::ClockUnknown);
/// # Ok::<(), hubward::x509::RenewalPolicyError>(())
/// ```
#[must_use]
pub fn next_renewal(validity: Validity, policy: RenewalPolicy, now: UnixTime) -> Renewal {
    if now.believed_from(UnixTime::BUILD_FLOOR).is_err() {
        return Renewal::ClockUnknown;
    }
    match policy.due_at(validity) {
        Some(due) if !policy.is_due(validity, now) => Renewal::At(due),
        _ => Renewal::Now,
    }
}

/// When to try again after a renewal failed: the wait doubles from try to try up to a longest one, and
/// each is cut by chance to between a half and the whole of it, so that a fleet that failed together
/// does not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    first: u64,
    longest: u64,
}

impl RetrySchedule {
    /// Waits of `first`, twice that, four times that and so on, but no more than `longest`. A first wait
    /// under a second is one of a second, and a longest one under the first is that.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        let first = match first.as_secs() {
            0 => 1,
            seconds => seconds,
        };
        let longest = longest.as_secs();
        Self { first, longest: if longest < first { first } else { longest } }
    }

    /// From 4 % of a certificate's lifetime, as in the identity service, and at least a minute, up to five
    /// times that: a fifth of the lifetime is what [`RenewalPolicy::default`] leaves. No wait is longer than
    /// a day.
    #[must_use]
    pub fn for_validity(validity: Validity) -> Self {
        let lifetime = validity.not_after.saturating_duration_since(validity.not_before).as_secs();
        let first = (lifetime / 25).clamp(MINUTE, DAY);
        Self { first, longest: (lifetime / 5).clamp(first, DAY) }
    }

    /// When to try again, after `failures` tries in a row failed (from 1), the last of them at `now`.
    /// `chance` is any number that differs from device to device and from try to try.
    #[must_use]
    pub fn next(self, failures: u32, now: UnixTime, chance: u64) -> UnixTime {
        let Self { first, longest } = self;
        let doublings = failures.saturating_sub(1);
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        let wait = first.saturating_mul(factor).min(longest);
        let least = wait.div_ceil(2);
        // `wait - least + 1` choices; the bias of the remainder does not matter here.
        let wait = least + mixed(chance) % (wait - least + 1);
        now.saturating_add(Duration::from_secs(wait))
    }
}

/// The finalizer of SplitMix64: numbers that follow each other, as the serial numbers of devices do, come
/// out all over the place.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
