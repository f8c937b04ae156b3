//! `TokenSchedule` and `TokenCache` against the second schedule of the main package's tests, in whatever
//! order they are asked and told.
//!
//! An input is lines. The first one is a policy and a device: `3600 80 pump-7`, what is missing being that.
//! Each that follows is a letter and perhaps a number:
//!
//! ```text
//! p    ask, and do what is asked for       + - =   the clock goes on, goes back, is set
//! s    a token is signed that lives so long   n    the clock goes to the moment that was asked for, and so on
//! S    one that expires at that moment        f    signing failed
//! r a  the hub refused the token, or took it: the one that was signed so many before the last
//! ```

use core::cell::Cell;
use core::time::Duration;

use hubward::sas::{CachedToken, SasError, Step, TokenCache, TokenFn, TokenPolicy, TokenSchedule};
use hubward::{DeviceId, HubHost, ResourceUri, SasSigner, SymmetricKey, UnixTime};

#[path = "../../tests/token_cache/reference.rs"]
mod reference;

use reference::{Model, is_sound, recovers};

const FLOOR: u64 = UnixTime::BUILD_FLOOR.as_secs();
const START: u64 = 1_800_000_000;

/// Checks one input; panics where an invariant is broken.
pub fn check(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let mut words = lines.next().unwrap_or_default().split(' ');
    let mut number = |usual: u64| words.next().and_then(|word| word.parse().ok()).unwrap_or(usual);
    let (lifetime, percent) = (number(3600), number(80));
    let percent = u8::try_from(percent).unwrap_or(u8::MAX);
    let name = words.next().filter(|name| DeviceId::new(name).is_ok()).unwrap_or("pump-7");

    let is_right = (60..=31_536_000).contains(&lifetime) && (10..=90).contains(&percent);
    let policy = TokenPolicy::new(Duration::new(lifetime, 999_999_999), percent);
    assert_eq!(policy.is_ok(), is_right, "{lifetime} {percent}");
    let Ok(policy) = policy else {
        return;
    };
    assert_eq!(policy.lifetime().as_secs(), lifetime);
    assert_eq!(policy.period().as_secs(), lifetime * u64::from(percent) / 100);

    let host = HubHost::new("contoso.azure-devices.net").expect("a host");
    let resource = ResourceUri::device(&host, &DeviceId::new(name).expect("it was one"));
    let story: Vec<Line> = lines.filter_map(Line::read).take(300).collect();
    let world = World { policy, lifetime, percent, name, resource: &resource };
    schedule(&world, &story);
    cache(&world, &story);
}

#[derive(Clone, Copy, Debug)]
enum Line {
    Ask,
    Lives(i64),
    Until(u64),
    Failed,
    Refused(usize),
    Accepted(usize),
    By(i64),
    At(u64),
    Next(i64),
}

impl Line {
    fn read(line: &str) -> Option<Self> {
        let mut characters = line.chars();
        let letter = characters.next()?;
        let number = characters.as_str();
        let (signed, unsigned) = (number.parse().unwrap_or(0), number.parse().unwrap_or(0));
        let back = number.parse().unwrap_or(0);
        Some(match letter {
            'p' => Self::Ask,
            's' => Self::Lives(signed),
            'S' => Self::Until(unsigned),
            'f' => Self::Failed,
            'r' => Self::Refused(back),
            'a' => Self::Accepted(back),
            '+' => Self::By(signed),
            '-' => Self::By(signed.saturating_neg()),
            '=' => Self::At(unsigned),
            'n' => Self::Next(signed),
            _ => return None,
        })
    }

    /// The moment that it goes on to; `None` if it is not about the clock.
    fn moved(self, now: u64, step: Step) -> Option<u64> {
        Some(match self {
            Self::By(seconds) => now.saturating_add_signed(seconds),
            Self::At(moment) => moment,
            Self::Next(beside) => match step {
                Step::Use { next: moment } | Step::Wait { until: moment } => {
                    moment.as_secs().saturating_add_signed(beside)
                }
                _ => now.saturating_add_signed(beside),
            },
            _ => return None,
        })
    }
}

struct World<'a> {
    policy: TokenPolicy,
    lifetime: u64,
    percent: u8,
    name: &'a str,
    resource: &'a ResourceUri,
}

impl World<'_> {
    fn model(&self) -> Model {
        Model::new(self.lifetime, self.percent, self.name)
    }
}

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn schedule(world: &World<'_>, story: &[Line]) {
    let mut schedule = TokenSchedule::new(world.policy, world.resource);
    let mut model = world.model();
    let mut now = START;
    for line in story {
        let step = schedule.poll(at(now));
        let moment = i128::from(now);
        let mut signed = |expiry: u64| {
            let id = schedule.signed(at(expiry), at(now));
            assert!(model.agrees(id, expiry.into(), moment), "until {expiry} at {now}: {id:?}");
        };
        match *line {
            Line::Ask => {
                if let Step::Sign { expiry } = step {
                    signed(expiry.as_secs());
                }
            }
            Line::Lives(seconds) => signed(now.saturating_add_signed(seconds)),
            Line::Until(expiry) => signed(expiry),
            Line::Failed => {
                schedule.failed(at(now));
                model.failed(moment);
            }
            Line::Refused(back) => {
                if let Some(id) = model.id(back) {
                    assert_eq!(schedule.refused(id, at(now)), model.refused(id, moment));
                }
            }
            Line::Accepted(back) => {
                if let Some(id) = model.id(back) {
                    schedule.accepted(id);
                    model.accepted(id);
                }
            }
            clock => now = clock.moved(now, step).expect("it is about the clock"),
        }
        let due = u64::try_from(model.due).expect("it fits");
        for asked in [now, now.saturating_add(1), due, due.saturating_sub(1), FLOOR, u64::MAX] {
            let step = schedule.poll(at(asked));
            assert_eq!(step, model.poll(asked.into()), "at {asked} after {line:?}");
            assert_eq!(schedule.is_usable(at(asked)), model.is_usable(asked.into()), "at {asked}");
            is_sound(&schedule, asked, step, world.lifetime);
        }
    }
    if (FLOOR..u64::MAX - 200).contains(&now) {
        recovers(schedule, now);
    }
}

/// The cache is asked at each line that is not about the clock, and its source gives what the line says.
fn cache(world: &World<'_>, story: &[Line]) {
    let key = SymmetricKey::from_bytes(b"made up").expect("a key");
    let signer = SasSigner::new(key, world.resource).expect("not Service Bus");
    let (clock, gift, asked) = (Cell::new(START), Cell::new(Line::Ask), Cell::new(None));
    let given = |expiry: u64| match gift.get() {
        Line::Lives(seconds) => Some(clock.get().saturating_add_signed(seconds)),
        Line::Until(expiry) => Some(expiry),
        Line::Failed => None,
        _ => Some(expiry),
    };
    let source = TokenFn(|expiry: UnixTime| {
        assert_eq!(asked.replace(Some(expiry)), None, "asked twice at once");
        given(expiry.as_secs())
            .map_or(Err(SasError::ZeroLifetime), |expiry| signer.sign(at(expiry)))
    });
    let mut cache = TokenCache::new(source, world.resource, world.policy);
    let mut model = world.model();
    for line in story {
        if let Some(moment) = line.moved(clock.get(), model.poll(clock.get().into())) {
            clock.set(moment);
            continue;
        }
        let now = clock.get();
        let moment = i128::from(now);
        gift.set(*line);
        asked.set(None);
        let expected = match model.poll(moment) {
            Step::Sign { expiry } => Some(expiry),
            _ => None,
        };
        let is_new = match expected.map(|expiry| given(expiry.as_secs())) {
            None => false,
            Some(Some(expiry)) => model.signed(expiry.into(), moment),
            Some(None) => {
                model.failed(moment);
                false
            }
        };
        match cache.poll(at(now)) {
            CachedToken::Use { token, id, next, is_new: said, error } => {
                if is_new {
                    assert!(!model.ids.contains(&id), "an ID twice");
                    model.ids.push(id);
                }
                assert_eq!(model.id(0), Some(id));
                assert!(model.is_usable(moment) && token.expiry() > at(now));
                let kept = model.token.expect("it is usable");
                assert_eq!(i128::from(token.expiry().as_secs()), kept.expiry);
                assert_eq!((said, is_new && error.is_some()), (is_new, false));
                assert_eq!(Step::Use { next }, model.poll(moment));
            }
            CachedToken::Wait { until, .. } => {
                assert!(!model.is_usable(moment) && !is_new);
                match model.poll(moment) {
                    Step::Wait { until: expected } => assert_eq!(until, expected),
                    // No pause ends there.
                    _ => assert_eq!((now, until), (u64::MAX, UnixTime::MAX)),
                }
            }
            CachedToken::ClockUnknown { now: shown } => {
                assert!(shown == at(now) && now < FLOOR);
            }
            other => panic!("a new answer: teach it to the fuzz targets: {other:?}"),
        }
        assert_eq!(asked.get(), expected, "what the source was asked for at {now}");
        match *line {
            Line::Refused(back) => {
                if let Some(id) = model.id(back) {
                    assert_eq!(cache.refused(id, at(now)), model.refused(id, moment));
                }
            }
            Line::Accepted(back) => {
                if let Some(id) = model.id(back) {
                    cache.accepted(id);
                    model.accepted(id);
                }
            }
            _ => {}
        }
    }
}
