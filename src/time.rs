//! Moments, and the clocks that may or may not know them.
//!
//! Every rule of this crate takes the moment as an argument (`now: UnixTime`); only what lives long
//! holds a [`Clock`]. A clock can answer that it does not know the time: a device that boots in 1970
//! gets [`TimeError::ClockUnknown`], never a token that expired decades ago.
//!
//! `SystemClock` is the only reader of the operating system's clock in this crate.

use core::fmt;
use core::time::Duration;

use thiserror::Error;

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, sync::Arc};
#[cfg(feature = "std")]
use std::time::SystemTime;

/// A moment: whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX time), which
/// is what the `se` field of a SAS token holds.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use hubward::UnixTime;
///
/// let expiry = UnixTime::from_secs(1_735_689_600);
/// assert_eq!(expiry.to_string(), "2025-01-01T00:00:00Z");
/// assert_eq!(expiry.checked_add(Duration::from_secs(60)), Some(UnixTime::from_secs(1_735_689_660)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The build-time floor, 2026-11-01T00:00:00Z: this version of the crate did not exist before.
    ///
    /// A clock that shows an earlier moment was not set, and [`Clock`]s answer
    /// [`TimeError::ClockUnknown`].
    pub const BUILD_FLOOR: Self = Self(1_793_491_200);

    /// The latest moment that fits.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// The moment `span` later, fractions of a second cut off; `None` where it does not fit.
    pub const fn checked_add(self, span: Duration) -> Option<Self> {
        match self.0.checked_add(span.as_secs()) {
            Some(seconds) => Some(Self(seconds)),
            None => None,
        }
    }

    /// The moment `span` later, fractions of a second cut off; [`UnixTime::MAX`] where it does not fit.
    pub const fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_secs()))
    }

    /// The span from `earlier` to `self`; zero if `earlier` is in fact later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }

    /// The moment of a date in the Gregorian calendar, in UTC; `None` if there is none, before 1970 and after
    /// the year 9999. A leap second is the one before it.
    #[cfg(feature = "session")]
    pub(crate) fn from_civil([year, month, day]: [u64; 3], [h, m, s]: [u64; 3]) -> Option<Self> {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + u64::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let fits = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days).contains(&day)
            && h < 24
            && m < 60
            && s <= 60;
        fits.then_some(())?;
        // As in `Display`: years that begin in March.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let day_of_year = (153 * month + 2) / 5 + day - 1;
        let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
        Some(Self(((days * 24 + h) * 60 + m) * 60 + s.min(59)))
    }

    /// Refuses a moment before `floor`.
    ///
    /// # Errors
    ///
    /// [`TimeError::ClockUnknown`] if `self` is earlier than `floor`.
    pub const fn believed_from(self, floor: Self) -> Result<Self, TimeError> {
        if self.0 < floor.0 {
            return Err(TimeError::ClockUnknown { now: self, floor });
        }
        Ok(self)
    }
}

/// RFC 3339 in UTC up to the year 9999 (`2025-01-01T00:00:00Z`); beyond it, `@` and the seconds.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 86_400;
        const END_OF_9999: u64 = 253_402_300_799;
        if self.0 > END_OF_9999 {
            return write!(f, "@{}", self.0);
        }
        let (days, second) = (self.0 / DAY, self.0 % DAY);
        // Days to a civil date, in 400-year eras that begin on the first of March of year 0, so that
        // the leap day is the last day of its year.
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = 400 * era + year_of_era + u64::from(month <= 2);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// What knows the time, or says that it does not.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present moment.
    ///
    /// # Errors
    ///
    /// [`TimeError::ClockUnknown`] if the clock was not set.
    fn now(&self) -> Result<UnixTime, TimeError>;
}

/// The operating system's clock, believed from [`UnixTime::BUILD_FLOOR`] on.
///
/// # Examples
///
/// ```
/// use hubward::{Clock, SystemClock, TimeError};
///
/// match SystemClock.now() {
///     Ok(now) => println!("it is {now}"),
///     Err(TimeError::ClockUnknown { .. }) => println!("wait for NTP, then try again"),
///     Err(other) => println!("{other}"),
/// }
/// ```
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[cfg(feature = "std")]
impl Clock for SystemClock {
    fn now(&self) -> Result<UnixTime, TimeError> {
        believed(SystemTime::now())
    }
}

#[cfg(feature = "std")]
fn believed(now: SystemTime) -> Result<UnixTime, TimeError> {
    // A clock before 1970 is as unset as one that shows 1970.
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_secs(since_epoch.as_secs()).believed_from(UnixTime::BUILD_FLOOR)
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Result<UnixTime, TimeError> {
        (**self).now()
    }
}

#[cfg(feature = "alloc")]
impl<C: Clock + ?Sized> Clock for Box<C> {
    fn now(&self) -> Result<UnixTime, TimeError> {
        (**self).now()
    }
}

#[cfg(feature = "alloc")]
impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Result<UnixTime, TimeError> {
        (**self).now()
    }
}

/// A clock that stands still, for tests and for devices that learn the time elsewhere.
///
/// # Examples
///
/// ```
/// use hubward::{Clock, FixedClock, UnixTime};
///
/// let clock = FixedClock::at(UnixTime::from_secs(1_800_000_000));
/// assert_eq!(clock.now()?, UnixTime::from_secs(1_800_000_000));
/// assert!(FixedClock::unknown().now().is_err());
/// # Ok::<(), hubward::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(Option<UnixTime>);

impl FixedClock {
    /// A clock that always answers `now`, whatever it is.
    pub const fn at(now: UnixTime) -> Self {
        Self(Some(now))
    }

    /// A clock that never knows.
    pub const fn unknown() -> Self {
        Self(None)
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Result<UnixTime, TimeError> {
        self.0.ok_or(TimeError::ClockUnknown {
            now: UnixTime::from_secs(0),
            floor: UnixTime::BUILD_FLOOR,
        })
    }
}

/// A clock that answers at least a floor: where the one within does not know the time, the floor's moment.
///
/// For TLS on a device that has no clock: certificates are then checked in full, at that moment. One that
/// has expired since is not noticed, and one that begins after it is refused, so that the floor must move on:
/// persist the [high-water mark](TrustedTime::high_water). It is for TLS alone: no token is made by it.
#[derive(Clone, Copy, Debug)]
pub struct FloorClock<C> {
    clock: C,
    floor: UnixTime,
}

impl<C: Clock> FloorClock<C> {
    /// `clock`, and `floor` where it does not know; a floor before [`UnixTime::BUILD_FLOOR`] is that.
    #[must_use]
    pub fn new(clock: C, floor: UnixTime) -> Self {
        Self { clock, floor: floor.max(UnixTime::BUILD_FLOOR) }
    }
}

impl<C: Clock> Clock for FloorClock<C> {
    fn now(&self) -> Result<UnixTime, TimeError> {
        Ok(self.clock.now().map_or(self.floor, |now| now.max(self.floor)))
    }
}

/// How far a moment can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Confidence {
    /// It is at least that late: nobody knows more.
    Floor,
    /// The clock says so, and nobody has confirmed it.
    Clock,
    /// A server that proved itself said so.
    Server,
}

/// What a device knows of the time: a floor, its clock, and what an authenticated server said.
///
/// ```text
///   floor: this version's release, or the high-water mark of an earlier run, whichever is later
///   clock: the operating system's, if it shows a moment after the floor
///   offset: from the clock to the server's `Date`, kept while the clock runs on
/// ```
///
/// Whether a clock ran on or was set a little forward cannot be told: learn from each reply.
///
/// It may help to mint a token. It never makes a certificate valid that is not: give TLS the clock itself, or
/// a [`FloorClock`].
///
/// # Examples
///
/// A device whose clock shows the time since it was switched on:
///
/// ```
/// use hubward::time::{Confidence, TrustedTime};
/// use hubward::{Clock, FixedClock, UnixTime};
///
/// let mut time = TrustedTime::new(FixedClock::at(UnixTime::from_secs(42)));
/// assert!(time.now().is_err());
/// // From the `Date` of a reply over TLS with the server's name verified.
/// time.learn(UnixTime::from_secs(1_800_000_000))?;
/// assert_eq!(time.now(), Ok(UnixTime::from_secs(1_800_000_000)));
/// assert_eq!(time.estimate().confidence, Confidence::Server);
/// # Ok::<(), hubward::time::LearnError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrustedTime<C> {
    clock: C,
    floor: UnixTime,
    learned: Option<Learned>,
    /// The latest that a server said.
    latest_said: UnixTime,
}

/// What a server said, and what the clock showed then.
#[derive(Clone, Copy, Debug)]
struct Learned {
    server: UnixTime,
    shown: UnixTime,
}

impl Learned {
    /// A clock that takes longer than that to pass the floor was set.
    const PASSING_MAX: Duration = Duration::from_secs(365 * 86_400);

    /// What time it is now that the clock shows `shown`; `None` if it has not run on since, but was set, or
    /// switched off and on.
    fn now(&self, shown: UnixTime, floor: UnixTime) -> Option<UnixTime> {
        let elapsed = Duration::from_secs(shown.as_secs().checked_sub(self.shown.as_secs())?);
        let passed_floor = self.shown < floor && shown >= floor;
        // A clock that was saved when the device was switched off begins a little before the floor. When it
        // passes that it is still behind what the server said, and one that was set would not be.
        let is_late = shown < self.server && elapsed <= Self::PASSING_MAX;
        (!passed_floor || is_late).then(|| self.server.saturating_add(elapsed).max(floor))
    }
}

/// A moment, and how far it can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeEstimate {
    /// The moment; with [`Confidence::Floor`], it may be any later one.
    pub now: UnixTime,
    /// How far it can be relied on.
    pub confidence: Confidence,
}

impl<C: Clock> TrustedTime<C> {
    /// How far after [`UnixTime::BUILD_FLOOR`] a server may say that it is: twenty years. A device does not
    /// run longer on one version, and a moment beyond would raise the high-water mark for good.
    pub const AHEAD_MAX: Duration = Duration::from_secs(20 * 365 * 86_400);

    const LATEST: UnixTime = UnixTime::BUILD_FLOOR.saturating_add(Self::AHEAD_MAX);

    /// What `clock` knows, from [`UnixTime::BUILD_FLOOR`] on.
    #[must_use]
    pub const fn new(clock: C) -> Self {
        let floor = UnixTime::BUILD_FLOOR;
        Self { clock, floor, learned: None, latest_said: floor }
    }

    /// The same with the [high-water mark](Self::high_water) of an earlier run as the floor. One before the
    /// release of this version, or too far after it, was not written by this crate and does not count.
    #[must_use]
    pub fn with_high_water(self, mark: UnixTime) -> Self {
        let floor = if mark <= Self::LATEST { self.floor.max(mark) } else { self.floor };
        Self { floor, ..self }
    }

    /// What time it is, as far as it is known.
    #[must_use]
    pub fn estimate(&self) -> TimeEstimate {
        let shown = self.shown();
        let learned = self.learned.and_then(|learned| learned.now(shown, self.floor));
        if let Some(now) = learned.filter(|now| *now <= Self::LATEST) {
            return TimeEstimate { now, confidence: Confidence::Server };
        }
        if shown >= self.floor {
            return TimeEstimate { now: shown, confidence: Confidence::Clock };
        }
        TimeEstimate { now: self.floor, confidence: Confidence::Floor }
    }

    /// Learns what time a server says it is: from the `Date` of a reply over a connection on which the
    /// server's certificate and name were verified, and from nothing else.
    ///
    /// # Errors
    ///
    /// [`LearnError`] for a moment before the floor, or one that is [too far ahead](Self::AHEAD_MAX);
    /// nothing is learned then.
    pub fn learn(&mut self, server: UnixTime) -> Result<(), LearnError> {
        if server < self.floor {
            return Err(LearnError::BeforeFloor { server, floor: self.floor });
        }
        if server > Self::LATEST {
            return Err(LearnError::TooFar { server, latest: Self::LATEST });
        }
        self.learned = Some(Learned { server, shown: self.shown() });
        self.latest_said = self.latest_said.max(server);
        Ok(())
    }

    /// The latest moment that is known to have been: what a server said, and the floor. Persist it now and
    /// then, and hand it to the next run. What the clock says does not raise it, neither alone nor since a
    /// server spoke, for a clock that was once too far ahead would shut the device out for good.
    pub fn high_water(&self) -> UnixTime {
        self.latest_said.max(self.floor)
    }

    /// What the clock shows, be it believable or not.
    fn shown(&self) -> UnixTime {
        match self.clock.now() {
            Ok(now) | Err(TimeError::ClockUnknown { now, .. }) => now,
        }
    }
}

/// Knows the time where the clock or a server does.
impl<C: Clock> Clock for TrustedTime<C> {
    fn now(&self) -> Result<UnixTime, TimeError> {
        match self.estimate() {
            TimeEstimate { confidence: Confidence::Floor, .. } => {
                Err(TimeError::ClockUnknown { now: self.shown(), floor: self.floor })
            }
            TimeEstimate { now, .. } => Ok(now),
        }
    }
}

/// Why nothing was learned from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LearnError {
    /// It said a moment that is over for sure.
    #[error("the server says that it is {server}, which is before {floor}: its clock is wrong")]
    BeforeFloor {
        /// What it said.
        server: UnixTime,
        /// The floor.
        floor: UnixTime,
    },
    /// It said a moment that is too far ahead.
    #[error("the server says that it is {server}, and no later moment than {latest} is believed")]
    TooFar {
        /// What it said.
        server: UnixTime,
        /// The latest that is believed.
        latest: UnixTime,
    },
}

/// Why a clock gave no moment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimeError {
    /// The clock shows a moment before the floor: it was not set since the device booted.
    #[error("the clock is not set: it shows {now}, before {floor}; set the clock, then try again")]
    ClockUnknown {
        /// What the clock shows.
        now: UnixTime,
        /// The earliest moment that is believed.
        floor: UnixTime,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_knows_leap_years_and_both_ends() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (2_147_483_648, "2038-01-19T03:14:08Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (UnixTime::BUILD_FLOOR.as_secs(), "2026-11-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "@253402300800"),
            (u64::MAX, "@18446744073709551615"),
        ] {
            assert_eq!(alloc::format!("{}", UnixTime::from_secs(seconds)), text);
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let second = Duration::from_secs(1);
        assert_eq!(UnixTime::MAX.checked_add(second), None);
        assert_eq!(UnixTime::MAX.saturating_add(second), UnixTime::MAX);
        assert_eq!(
            UnixTime::from_secs(1).saturating_duration_since(UnixTime::from_secs(2)),
            Duration::ZERO
        );
        assert_eq!(
            UnixTime::from_secs(5).saturating_duration_since(UnixTime::from_secs(2)),
            Duration::from_secs(3)
        );
    }

    #[test]
    fn the_floor_itself_is_believed() {
        let floor = UnixTime::BUILD_FLOOR;
        assert_eq!(floor.believed_from(floor), Ok(floor));
        let now = UnixTime::from_secs(floor.as_secs() - 1);
        assert_eq!(now.believed_from(floor), Err(TimeError::ClockUnknown { now, floor }));
    }

    #[cfg(feature = "std")]
    #[test]
    fn the_system_clock_is_believed_from_the_floor_on() {
        let epoch = SystemTime::UNIX_EPOCH;
        let floor = UnixTime::BUILD_FLOOR;
        let at = |seconds| believed(epoch + Duration::from_secs(seconds));
        let unknown = |now| Err(TimeError::ClockUnknown { now: UnixTime::from_secs(now), floor });
        assert_eq!(believed(epoch - Duration::from_secs(1)), unknown(0));
        assert_eq!(at(0), unknown(0));
        assert_eq!(at(floor.as_secs() - 1), unknown(floor.as_secs() - 1));
        assert_eq!(at(floor.as_secs()), Ok(floor));
        assert_eq!(at(4_000_000_000), Ok(UnixTime::from_secs(4_000_000_000)));
    }
}
