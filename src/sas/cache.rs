//! Tokens that are renewed in time: when to sign the next one, and which one may be used.
//!
//! ```text
//!   first mint                first renewal          every period
//!      │<── spread of the device ──>│<──── period ────>│<──── period ────>│
//!      ├────────────────────────────┼──────────────────┼──────────────────┼──>
//!      │<───────────── lifetime of the first token ────────────┤
//! ```
//!
//! The period is a share of the lifetime, so that each token is replaced while it is still good. The first
//! renewal comes earlier: after a part of the period that differs from device to device and is always the
//! same for one, from SHA-256 over its identity. Devices that start together, after a power cut, mint
//! together once and then never again. Of a million, with tokens of an hour, 21 071 renew in the fullest
//! minute of the first five periods, where the mean is 20 832; without that part it would be all of them.
//! `docs/renewals.svg` in the repository shows it, and `tests/token_cache` counts.
//!
//! Whatever befalls all devices at once (nothing signs, the hub refuses, they are suspended, their clocks
//! jump), each keeps its own moments, and they renew as far apart afterwards as they did before. What is
//! tried again comes after a pause that differs from device to device as well, and from try to try: of 100 000
//! that fail in one second, 4 099 try again in the fullest second of the ten minutes after the first, where the
//! mean is 2 194, and an hour later 2 594, where it is 2 224.
//!
//! Nothing here reads a clock or waits: `now` is an argument, and the answer says when to ask again. Clocks
//! jump, devices are suspended: whatever `now` is, a token that is not good then is not handed out.

use core::fmt;
use core::time::Duration;

use alloc::boxed::Box;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::resource::ResourceUri;
use super::signer::{SasError, SasSigner};
use super::token::SasToken;
use crate::keystore::MacKey;
use crate::time::UnixTime;

/// How long tokens live, and after which share of that they are renewed.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use hubward::sas::TokenPolicy;
///
/// let policy = TokenPolicy::new(Duration::from_secs(3600), 80)?;
/// assert_eq!(policy.period(), Duration::from_secs(2880));
/// # Ok::<(), hubward::sas::TokenPolicyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPolicy {
    lifetime: u32,
    percent: u8,
}

impl TokenPolicy {
    /// The shortest lifetime: there must be time to sign, to connect and to fail.
    pub const LIFETIME_MIN: Duration = Duration::from_secs(60);

    /// The longest lifetime, a year. The service publishes none.
    pub const LIFETIME_MAX: Duration = Duration::from_secs(365 * 86_400);

    /// Tokens of `lifetime`, renewed once `percent` of it are over.
    ///
    /// # Errors
    ///
    /// [`TokenPolicyError::Lifetime`] unless it is a minute to a year; [`TokenPolicyError::Percent`] unless
    /// it is 10 to 90.
    pub const fn new(lifetime: Duration, percent: u8) -> Result<Self, TokenPolicyError> {
        let seconds = lifetime.as_secs();
        if seconds < Self::LIFETIME_MIN.as_secs() || seconds > Self::LIFETIME_MAX.as_secs() {
            return Err(TokenPolicyError::Lifetime);
        }
        if percent < 10 || percent > 90 {
            return Err(TokenPolicyError::Percent);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a year of seconds fits")]
        let lifetime = seconds as u32;
        Ok(Self { lifetime, percent })
    }

    /// How long a token lives.
    pub const fn lifetime(self) -> Duration {
        Duration::from_secs(self.lifetime as u64)
    }

    /// From one renewal to the next.
    pub const fn period(self) -> Duration {
        Duration::from_secs(self.lifetime as u64 * self.percent as u64 / 100)
    }

    /// The seconds from `signed` to `expiry`; no more than a token of this policy lives.
    fn lifetime_of(self, expiry: UnixTime, signed: UnixTime) -> u64 {
        expiry.saturating_duration_since(signed).min(self.lifetime()).as_secs()
    }

    /// The period of tokens that live for `lifetime`. It is halved, not cut to their measure: a source whose
    /// tokens live a few seconds more or less would have another one each time, and no moment of its own.
    fn period_of(self, lifetime: u64) -> u64 {
        let usable = lifetime.saturating_sub(Self::margin(lifetime));
        let longest = (lifetime * (100 + u64::from(self.percent)) / 200).min(usable).max(1);
        let mut period = self.period().as_secs();
        while period > longest {
            period /= 2;
        }
        period
    }

    /// How many seconds of a token must be left for it to be handed out: a twentieth of its life, and no
    /// less than what remains of the shortest.
    const fn margin(lifetime: u64) -> u64 {
        let (least, margin) = (Self::LIFETIME_MIN.as_secs() / 20, lifetime / 20);
        if margin < least { least } else { margin }
    }
}

/// An hour, renewed after 80 %, as most of the official SDKs have it.
impl Default for TokenPolicy {
    fn default() -> Self {
        Self { lifetime: 3600, percent: 80 }
    }
}

/// Why there is no such [`TokenPolicy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenPolicyError {
    /// Too short or too long.
    #[error("a token's lifetime is a minute to a year")]
    Lifetime,
    /// Too early or too late.
    #[error("tokens are renewed after 10 to 90 percent of their lifetime")]
    Percent,
}

/// When to sign: what a [`TokenCache`] stands on, for those who keep their tokens elsewhere. 48 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSchedule {
    lifetime: u32,
    percent: u8,
    /// Where in a period the device's own place is: a share of it, of 2^32.
    place: u32,
    /// Which token was signed last.
    token: TokenId,
    /// How often signing failed since a token was signed.
    failures: u8,
    /// How many tokens were refused since one was taken.
    refusals: u8,
    /// How many seconds there are to the next try, from `tried` on.
    pause: u8,
    tried: UnixTime,
    /// When the first token was signed; zero before that.
    first: UnixTime,
    /// When the token was signed, and when it expires; no token where the second is zero.
    signed: UnixTime,
    expiry: UnixTime,
}

/// Which of a device's tokens something is about: what came of a token is told with the ID that it was handed
/// out with, for when it is told, the token may have been renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenId(u32);

/// For C, which keeps a number.
#[cfg(feature = "capi")]
impl TokenId {
    pub(crate) const fn to_bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The token is good: use it, and ask again at `next`.
    Use {
        /// When to ask again.
        next: UnixTime,
    },
    /// A token is to be signed that expires at `expiry`; whether the one before can still be used until
    /// then, [`TokenSchedule::is_usable`] says. Report what came of it.
    Sign {
        /// When the new one is to expire.
        expiry: UnixTime,
    },
    /// There is no token that could be used, and signing failed or the hub refused what was signed: ask
    /// again at `until`.
    Wait {
        /// When to ask again.
        until: UnixTime,
    },
    /// Nobody knows the time, so that no token can be judged or made: ask again once the clock is set.
    ClockUnknown,
}

impl TokenSchedule {
    /// The longest pause between two tries.
    const PAUSE_MAX: u8 = 60;

    /// The schedule of the device that `resource` is about.
    #[must_use]
    pub fn new(policy: TokenPolicy, resource: &ResourceUri) -> Self {
        Self::of_text(policy, resource.as_encoded())
    }

    fn of_text(policy: TokenPolicy, resource: &str) -> Self {
        let none = UnixTime::from_secs(0);
        let TokenPolicy { lifetime, percent } = policy;
        Self {
            lifetime,
            percent,
            place: place(resource),
            token: TokenId(0),
            failures: 0,
            refusals: 0,
            pause: 0,
            tried: none,
            first: none,
            signed: none,
            expiry: none,
        }
    }

    /// What to do at `now`.
    #[must_use]
    pub fn poll(&self, now: UnixTime) -> Step {
        if now.believed_from(UnixTime::BUILD_FLOOR).is_err() {
            return Step::ClockUnknown;
        }
        let is_usable = self.is_usable(now);
        let due = self.due();
        if is_usable && now < due {
            return Step::Use { next: due };
        }
        // A pause that begins after `now` was counted by a clock that was wrong.
        let until = self.tried.saturating_add(Duration::from_secs(self.pause.into()));
        if now >= self.tried && now < until {
            return if is_usable { Step::Use { next: until } } else { Step::Wait { until } };
        }
        Step::Sign { expiry: now.saturating_add(self.policy().lifetime()) }
    }

    /// Whether the token that was signed last may be used at `now`.
    ///
    /// Not if a twentieth of its life is left, or three seconds. And not if the clock shows a moment before
    /// it was signed: that clock was wrong then or is now, and in neither case is the expiry what was meant.
    #[must_use]
    pub fn is_usable(&self, now: UnixTime) -> bool {
        let lifetime = self.policy().lifetime_of(self.expiry, self.signed);
        let margin = Duration::from_secs(TokenPolicy::margin(lifetime));
        now.believed_from(UnixTime::BUILD_FLOOR).is_ok()
            && now >= self.signed
            && now.saturating_add(margin) < self.expiry
    }

    /// A token was signed at `now` that expires at `expiry`, which need not be what was asked for: the ID to
    /// tell of it by, or `None` if it is no good, which then counts as a failure.
    ///
    /// One that lives much shorter than the policy has it is renewed after half the period, a quarter and so
    /// on, so that at least half as much of its life is left as the policy leaves; one that lives longer, as
    /// if it did not.
    pub fn signed(&mut self, expiry: UnixTime, now: UnixTime) -> Option<TokenId> {
        let lifetime = self.policy().lifetime_of(expiry, now);
        if lifetime <= TokenPolicy::margin(lifetime) {
            self.failed(now);
            return None;
        }
        if self.first.as_secs() == 0 {
            self.first = now;
        }
        if self.expiry.as_secs() != 0 {
            // It takes the place of one that nobody refused.
            self.refusals = 0;
        }
        self.token = TokenId(self.token.0.wrapping_add(1));
        self.signed = now;
        self.expiry = expiry;
        self.failures = 0;
        self.pause = 0;
        Some(self.token)
    }

    /// No token came of it: the next try comes after at most two seconds, four, eight, and so on up to a
    /// minute, and at least half of that. Where in between, differs from device to device and from try to
    /// try: devices that fail together do not try again together.
    pub fn failed(&mut self, now: UnixTime) {
        self.failures = self.failures.saturating_add(1);
        self.pause_at(now, self.failures);
    }

    /// The hub refused a token at `now`, though by this clock it is good. Once, a new one may help; refused
    /// again, it is the clock or the key, and the next try comes after a pause as in
    /// [`TokenSchedule::failed`].
    ///
    /// However often it is told of one token, it counts once; told of one that has been replaced, it changes
    /// nothing.
    pub fn refused(&mut self, token: TokenId, now: UnixTime) -> Refusal {
        if token != self.token {
            return Refusal::Replaced;
        }
        let is_in_use = self.expiry.as_secs() != 0;
        if is_in_use {
            self.expiry = UnixTime::from_secs(0);
            self.refusals = self.refusals.saturating_add(1);
        }
        if self.refusals < 2 {
            return Refusal::Once;
        }
        if is_in_use {
            self.pause_at(now, self.refusals - 1);
        }
        Refusal::Again
    }

    /// The hub took a token. To be called each time, for what is refused later is then refused for the first
    /// time. Told of a token that has been replaced, it changes nothing.
    pub fn accepted(&mut self, token: TokenId) {
        if token == self.token {
            self.refusals = 0;
        }
    }

    /// When the token is to be renewed: at the first of the device's own moments after it was signed. These
    /// are a period apart, and begin at the device's place in the first.
    ///
    /// So a token that comes late or out of turn, one that lives shorter, and a clock that jumps move none of
    /// those that follow; and where that happens to all devices at once, they stay as far apart as they were.
    fn due(&self) -> UnixTime {
        let policy = self.policy();
        let period = policy.period_of(policy.lifetime_of(self.expiry, self.signed));
        // Evenly over `1..=period`.
        let place = ((u64::from(self.place) * period) >> 32) + 1;
        let (first, signed) = (self.first.as_secs(), self.signed.as_secs());
        let since = match signed.checked_sub(first) {
            Some(since) => since % period,
            None => period - (first - signed) % period,
        };
        let wait = match (place + period - since) % period {
            0 => period,
            wait => wait,
        };
        self.signed.saturating_add(Duration::from_secs(wait))
    }

    /// The pause before the try after the `count`th in vain. Its place between half and whole is that of the
    /// device with its bits in reverse order, so that it has nothing to do with when the device renews,
    /// times the next odd number, so that those who waited alike once part the next time.
    fn pause_at(&mut self, now: UnixTime, count: u8) {
        let doublings = u32::from(count.clamp(1, 6));
        let longest = (1_u8 << doublings).min(Self::PAUSE_MAX);
        let shortest = longest / 2;
        let place = self.place.reverse_bits().wrapping_mul(2 * u32::from(count) + 1);
        // Evenly over `0..=shortest`.
        #[expect(clippy::cast_possible_truncation, reason = "it is no more than `shortest`")]
        let more = ((u64::from(place) * (u64::from(shortest) + 1)) >> 32) as u8;
        self.pause = shortest + more;
        self.tried = now;
    }

    const fn policy(&self) -> TokenPolicy {
        let Self { lifetime, percent, .. } = *self;
        TokenPolicy { lifetime, percent }
    }
}

/// What to make of a token that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// For the first time: sign anew, and try once more.
    Once,
    /// The new one as well: the clock is off, the key is another one, or the device is not known. Tries go
    /// on, further and further apart.
    Again,
    /// It was replaced before this was told: try once more, with the one that is at hand.
    Replaced,
}

/// The place of a device in the period.
fn place(resource: &str) -> u32 {
    let mut hash = Sha256::new();
    hash.update(b"hubward token renewal\0");
    hash.update(resource.as_bytes());
    hash.finalize().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// What makes tokens: a [`SasSigner`], or a function of one's own ([`TokenFn`]) that asks a service or a
/// chip.
pub trait TokenSource: fmt::Debug {
    /// A token that expires at `expiry`, or earlier if that is longer than the source gives.
    ///
    /// # Errors
    ///
    /// A [`SasError`]: the cache keeps the token before, as long as it is good, and tries again later.
    fn token(&mut self, expiry: UnixTime) -> Result<SasToken<'static>, SasError>;
}

impl<K: MacKey> TokenSource for SasSigner<K> {
    fn token(&mut self, expiry: UnixTime) -> Result<SasToken<'static>, SasError> {
        self.sign(expiry)
    }
}

impl<S: TokenSource + ?Sized> TokenSource for Box<S> {
    fn token(&mut self, expiry: UnixTime) -> Result<SasToken<'static>, SasError> {
        (**self).token(expiry)
    }
}

/// A function as a [`TokenSource`].
pub struct TokenFn<F>(
    /// The function.
    pub F,
);

impl<F> fmt::Debug for TokenFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenFn(..)")
    }
}

impl<F> TokenSource for TokenFn<F>
where
    F: FnMut(UnixTime) -> Result<SasToken<'static>, SasError>,
{
    fn token(&mut self, expiry: UnixTime) -> Result<SasToken<'static>, SasError> {
        (self.0)(expiry)
    }
}

/// The token of a device, renewed in time.
///
/// # Examples
///
/// ```
/// use hubward::sas::{CachedToken, TokenCache, TokenPolicy};
/// use hubward::{DeviceId, HubHost, ResourceUri, SasSigner, SymmetricKey, UnixTime};
///
/// let host = HubHost::new("contoso.azure-devices.net")?;
/// let resource = ResourceUri::device(&host, &DeviceId::new("pump-7")?);
/// let signer = SasSigner::new(SymmetricKey::from_base64("Zm9vYmFy")?, &resource)?;
/// let mut cache = TokenCache::for_signer(signer, TokenPolicy::default());
///
/// // At each connect, and at the moment of the answer before.
/// let now = UnixTime::from_secs(1_800_000_000);
/// match cache.poll(now) {
///     CachedToken::Use { token, id, next, .. } => {
///         assert!(token.expose_token().ends_with("&se=1800003600"));
///         println!("ask again at {next}");
///         // Once the hub has answered:
///         let is_taken = true;
///         if is_taken {
///             cache.accepted(id);
///         } else {
///             println!("refused: {:?}", cache.refused(id, now));
///         }
///     }
///     CachedToken::Wait { until, error } => println!("none: {error:?}; ask again at {until}"),
///     CachedToken::ClockUnknown { now } => println!("set the clock, which shows {now}"),
///     _ => {}
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TokenCache<S = SasSigner> {
    source: S,
    schedule: TokenSchedule,
    token: Option<SasToken<'static>>,
    /// Why it was not renewed when it last should have been.
    error: Option<SasError>,
}

/// What a [`TokenCache`] has.
#[derive(Debug)]
#[non_exhaustive]
pub enum CachedToken<'a> {
    /// A token that is good.
    Use {
        /// The token.
        token: &'a SasToken<'static>,
        /// What to tell of it by: to be kept with the connection that is made with it.
        id: TokenId,
        /// When to ask again.
        next: UnixTime,
        /// Whether it was signed just now: a connection that is up needs a new one too.
        is_new: bool,
        /// Why it was not renewed, though it should have been.
        error: Option<&'a SasError>,
    },
    /// None, and none was to be had.
    Wait {
        /// When to ask again.
        until: UnixTime,
        /// Why; `None` if the hub refused the last one.
        error: Option<&'a SasError>,
    },
    /// None can be judged or made: ask again once the clock is set.
    ClockUnknown {
        /// What the clock shows.
        now: UnixTime,
    },
}

impl<K: MacKey> TokenCache<SasSigner<K>> {
    /// An empty one, which signs when it is first asked.
    #[must_use]
    pub fn for_signer(signer: SasSigner<K>, policy: TokenPolicy) -> Self {
        let schedule = TokenSchedule::of_text(policy, signer.resource_text());
        Self { source: signer, schedule, token: None, error: None }
    }
}

impl<S: TokenSource> TokenCache<S> {
    /// An empty one over a source of one's own, which it asks when it is first asked itself. `resource` is
    /// what the source's tokens are for: the spread of the device follows from it, and nothing else.
    #[must_use]
    pub fn new(source: S, resource: &ResourceUri, policy: TokenPolicy) -> Self {
        Self { source, schedule: TokenSchedule::new(policy, resource), token: None, error: None }
    }

    /// The token for `now`, signed if need be. What is not good at `now` is never handed out.
    pub fn poll(&mut self, now: UnixTime) -> CachedToken<'_> {
        let mut is_new = false;
        let mut step = self.schedule.poll(now);
        if let Step::Sign { expiry } = step {
            match self.source.token(expiry) {
                Ok(token) => {
                    if self.schedule.signed(token.expiry(), now).is_some() {
                        is_new = true;
                        self.error = None;
                        self.token = Some(token);
                    } else {
                        self.error = Some(SasError::ShortLived { expiry: token.expiry(), now });
                    }
                }
                Err(error) => {
                    self.schedule.failed(now);
                    self.error = Some(error);
                }
            }
            step = self.schedule.poll(now);
        }
        let error = self.error.as_ref();
        match (&self.token, step) {
            (Some(token), Step::Use { next }) => {
                CachedToken::Use { token, id: self.schedule.token, next, is_new, error }
            }
            (_, Step::Wait { until }) => CachedToken::Wait { until, error },
            (_, Step::ClockUnknown) => CachedToken::ClockUnknown { now },
            // At the end of time, where no pause ends.
            _ => CachedToken::Wait { until: UnixTime::MAX, error },
        }
    }

    /// The hub refused the token that was handed out with `id`: see [`TokenSchedule::refused`].
    pub fn refused(&mut self, id: TokenId, now: UnixTime) -> Refusal {
        let refusal = self.schedule.refused(id, now);
        if refusal != Refusal::Replaced && self.token.take().is_some() {
            // Whatever it was, it is not why there is none now.
            self.error = None;
        }
        refusal
    }

    /// The hub took the token that was handed out with `id`: see [`TokenSchedule::accepted`].
    pub fn accepted(&mut self, id: TokenId) {
        self.schedule.accepted(id);
    }

    /// When it signs, and what for.
    pub const fn schedule(&self) -> &TokenSchedule {
        &self.schedule
    }
}
