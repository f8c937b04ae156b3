//! A second schedule, written from what the documentation of the first one promises: in whole numbers that do
//! not overflow, with what it knows kept as it came. The fuzz target `cache_schedule` stands on it as well.

use hubward::UnixTime;
use hubward::sas::{Refusal, Step, TokenId, TokenSchedule};
use sha2::{Digest as _, Sha256};

const FLOOR: u64 = UnixTime::BUILD_FLOOR.as_secs();
const END: i128 = u64::MAX as i128;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    signed: i128,
    pub(super) expiry: i128,
    is_refused: bool,
}

#[derive(Debug)]
pub(super) struct Model {
    lifetime: i128,
    percent: i128,
    place: i128,
    /// When the first token was signed; at the moment zero there is none.
    first: i128,
    /// The last that was signed, and when it is to be renewed.
    pub(super) token: Option<Token>,
    pub(super) due: i128,
    /// Tries in vain since the last good token.
    failures: Vec<i128>,
    /// How many tokens in a row were refused.
    pub(super) refused: usize,
    /// From when until when there is no try.
    pause: Option<(i128, i128)>,
    /// The tokens that were good, from the first on, as the schedule called them.
    pub(super) ids: Vec<TokenId>,
}

impl Model {
    pub(super) fn new(lifetime: u64, percent: u8, name: &str) -> Self {
        let sr = format!("contoso.azure-devices.net%2Fdevices%2F{}", urlencoding::encode(name));
        let mut hash = Sha256::new();
        hash.update("hubward token renewal");
        hash.update([0]);
        hash.update(sr);
        let hash = hash.finalize();
        let place = hash.iter().take(4).fold(0, |number, byte| number * 256 + i128::from(*byte));
        Self {
            lifetime: lifetime.into(),
            percent: percent.into(),
            place,
            first: 0,
            token: None,
            due: 0,
            failures: Vec::new(),
            refused: 0,
            pause: None,
            ids: Vec::new(),
        }
    }

    fn margin(&self, token: Token) -> i128 {
        ((token.expiry - token.signed).min(self.lifetime) / 20).max(3)
    }

    pub(super) fn is_usable(&self, now: i128) -> bool {
        self.token.is_some_and(|token| {
            now >= FLOOR.into()
                && !token.is_refused
                && now >= token.signed
                && token.expiry - now > self.margin(token)
        })
    }

    pub(super) fn poll(&self, now: i128) -> Step {
        let moment = |moment: i128| at(u64::try_from(moment.min(END)).unwrap());
        if now < FLOOR.into() {
            return Step::ClockUnknown;
        }
        let is_usable = self.is_usable(now);
        if is_usable && now < self.due {
            return Step::Use { next: moment(self.due) };
        }
        if let Some((from, until)) = self.pause
            && (from..until).contains(&now)
        {
            let until = moment(until);
            return if is_usable { Step::Use { next: until } } else { Step::Wait { until } };
        }
        Step::Sign { expiry: moment(now + self.lifetime) }
    }

    /// The longest of the policy's period, its half, its quarter and so on that leaves enough of the life.
    fn period(&self, life: i128, usable: i128) -> i128 {
        let whole = self.lifetime * self.percent / 100;
        let is_short = |period: i128| {
            // Half of what the policy leaves, in hundredths: `life * (100 - percent) / 100 / 2`.
            let left = life - period;
            200 * left >= life * (100 - self.percent) && period <= usable
        };
        (0..63)
            .map(|halvings| whole >> halvings)
            .find(|period| *period == 1 || is_short(*period))
            .expect("one second")
    }

    /// What the schedule made of a token, and whether that is right: each has an ID of its own.
    pub(super) fn agrees(&mut self, id: Option<TokenId>, expiry: i128, now: i128) -> bool {
        let is_new = id.is_none_or(|id| !self.ids.contains(&id));
        self.ids.extend(id);
        self.signed(expiry, now) == id.is_some() && is_new
    }

    pub(super) fn signed(&mut self, expiry: i128, now: i128) -> bool {
        let new = Token { signed: now, expiry, is_refused: false };
        let life = (expiry - now).min(self.lifetime);
        if expiry <= now || life <= self.margin(new) {
            self.failed(now);
            return false;
        }
        let period = self.period(life, life - self.margin(new));
        if self.first == 0 {
            self.first = now;
        }
        // The first of the device's own moments after `now`.
        let own = self.first + 1 + self.place * period / (1 << 32);
        let from_here = (own - now).rem_euclid(period);
        self.due = (now + if from_here == 0 { period } else { from_here }).min(END);
        if self.token.is_some_and(|token| !token.is_refused) {
            self.refused = 0;
        }
        self.token = Some(new);
        self.failures.clear();
        self.pause = None;
        true
    }

    fn pause(&mut self, now: i128, count: usize) {
        let longest = [2, 4, 8, 16, 32, 60][(count - 1).min(5)];
        // The bits of the place from the last to the first.
        let place = (0..32).fold(0, |turned, bit| turned * 2 + ((self.place >> bit) & 1));
        let odd = 2 * i128::try_from(count.min(255)).unwrap() + 1;
        let place = place * odd % (1 << 32);
        let pause = longest / 2 + place * (longest / 2 + 1) / (1 << 32);
        self.pause = Some((now, (now + pause).min(END)));
    }

    pub(super) fn failed(&mut self, now: i128) {
        self.failures.push(now);
        self.pause(now, self.failures.len());
    }

    /// The token of that ID was refused.
    pub(super) fn refused(&mut self, id: TokenId, now: i128) -> Refusal {
        if self.ids.last() != Some(&id) {
            return Refusal::Replaced;
        }
        let again = |refused| if refused > 1 { Refusal::Again } else { Refusal::Once };
        match &mut self.token {
            Some(token) if !token.is_refused => token.is_refused = true,
            _ => return again(self.refused),
        }
        // It counts no further.
        self.refused = (self.refused + 1).min(255);
        if self.refused > 1 {
            self.pause(now, self.refused - 1);
        }
        again(self.refused)
    }

    /// The token that was good so many before the last one.
    pub(super) fn id(&self, back: usize) -> Option<TokenId> {
        self.ids.iter().rev().nth(back).copied()
    }

    /// The token of that ID was taken.
    pub(super) fn accepted(&mut self, id: TokenId) {
        if self.ids.last() == Some(&id) {
            self.refused = 0;
        }
    }
}

/// What holds for any answer, whatever came before.
pub(super) fn is_sound(schedule: &TokenSchedule, now: u64, step: Step, lifetime: u64) {
    match step {
        Step::Use { next } => {
            assert!(schedule.is_usable(at(now)) && next > at(now));
            // Not longer than there is something to use, but for a signer that fails.
            assert!(next <= at(now.saturating_add(lifetime.max(60))));
        }
        Step::Sign { expiry } => assert_eq!(expiry, at(now.saturating_add(lifetime))),
        Step::Wait { until } => {
            assert!(!schedule.is_usable(at(now)));
            assert!(until > at(now) && until <= at(now.saturating_add(60)));
        }
        Step::ClockUnknown => assert!(now < FLOOR),
        other => panic!("a new answer: teach it to the model: {other:?}"),
    }
}

/// From wherever it is: a signer that works and a clock that runs on lead to a token within a minute.
pub(super) fn recovers(mut schedule: TokenSchedule, from: u64) {
    let mut now = from;
    loop {
        match schedule.poll(at(now)) {
            Step::Sign { expiry } => {
                assert!(schedule.signed(expiry, at(now)).is_some());
                break assert!(schedule.is_usable(at(now)));
            }
            Step::Wait { until } => now = until.as_secs(),
            Step::Use { .. } => break,
            other => panic!("{other:?}"),
        }
        assert!(now <= from + 60);
    }
}
