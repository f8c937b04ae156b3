//! The schedule against the second one in `reference.rs`, over random schedules of a clock, a signer and a hub.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use hubward::sas::{CachedToken, SasError, Step, TokenCache, TokenFn, TokenSchedule};
use hubward::{SasSigner, SasToken, SymmetricKey, UnixTime};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;

use super::reference::{Model, is_sound, recovers};
use super::{FLOOR, START, at, device, policy};

const NAMES: [&str; 3] = ["pump-7", "pump-8", "$%23"];

fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * 8,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..usual
    }
}

// What happens.

/// How the clock goes on.
#[derive(Clone, Copy, Debug)]
enum Tick {
    /// To the moment that was asked for, or a little beside it.
    ToNext(i64),
    By(i64),
    To(u64),
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// What the schedule asks for is done.
    AsAsked,
    /// A token that lives that long, asked for or not.
    Signed(i64),
    SignedUntil(u64),
    Failed,
    /// So many before the last.
    Refused(usize),
    Accepted(usize),
}

fn tick() -> impl Strategy<Value = Tick> {
    prop_oneof![
        6 => (-2_i64..4).prop_map(Tick::ToNext),
        3 => (0_i64..4000).prop_map(Tick::By),
        1 => (-4000_i64..0).prop_map(Tick::By),
        1 => (-40_000_000_i64..40_000_000).prop_map(Tick::By),
        1 => select(&[0, 1, FLOOR - 1, FLOOR, START, u64::MAX - 4000, u64::MAX - 61, u64::MAX][..])
            .prop_map(Tick::To),
        1 => any::<u64>().prop_map(Tick::To),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::AsAsked),
        2 => (-10_i64..200).prop_map(Event::Signed),
        2 => (-10_i64..8000).prop_map(Event::Signed),
        1 => any::<u64>().prop_map(Event::SignedUntil),
        3 => Just(Event::Failed),
        3 => back().prop_map(Event::Refused),
        1 => back().prop_map(Event::Accepted),
    ]
}

/// Which token is told of: mostly the last.
fn back() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0_usize), 1 => 0_usize..4]
}

fn policies() -> impl Strategy<Value = (u64, u8)> {
    let lifetime =
        prop_oneof![Just(60_u64), Just(3600), 60_u64..200, 60_u64..100_000, Just(365 * 86_400)];
    (lifetime, 10_u8..=90)
}

fn moved(now: u64, tick: Tick, step: Step) -> u64 {
    match tick {
        Tick::By(seconds) => now.saturating_add_signed(seconds),
        Tick::To(moment) => moment,
        Tick::ToNext(beside) => match step {
            Step::Use { next } => next.as_secs().saturating_add_signed(beside),
            Step::Wait { until } => until.as_secs().saturating_add_signed(beside),
            // It is asked for now.
            _ => now.saturating_add_signed(beside),
        },
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_schedule_is_the_models(
        (lifetime, percent) in policies(),
        name in select(&NAMES[..]),
        story in prop::collection::vec((tick(), event()), 1..60),
    ) {
        let mut schedule = TokenSchedule::new(policy(lifetime, percent), &device(name));
        let mut model = Model::new(lifetime, percent, name);
        let mut now = START;
        for (tick, event) in story {
            now = moved(now, tick, schedule.poll(at(now)));
            let moment = i128::from(now);
            match event {
                Event::AsAsked => if let Step::Sign { expiry } = schedule.poll(at(now)) {
                    let id = schedule.signed(expiry, at(now));
                    prop_assert!(model.agrees(id, expiry.as_secs().into(), moment));
                },
                Event::Signed(life) => {
                    let expiry = now.saturating_add_signed(life);
                    let id = schedule.signed(at(expiry), at(now));
                    prop_assert!(model.agrees(id, expiry.into(), moment));
                }
                Event::SignedUntil(expiry) => {
                    let id = schedule.signed(at(expiry), at(now));
                    prop_assert!(model.agrees(id, expiry.into(), moment));
                }
                Event::Failed => {
                    schedule.failed(at(now));
                    model.failed(moment);
                }
                Event::Refused(back) => if let Some(id) = model.id(back) {
                    prop_assert_eq!(schedule.refused(id, at(now)), model.refused(id, moment));
                },
                Event::Accepted(back) => if let Some(id) = model.id(back) {
                    schedule.accepted(id);
                    model.accepted(id);
                },
            }
            let due = model.due.try_into().unwrap_or(u64::MAX);
            for asked in [
                now, now.saturating_sub(1), now.saturating_add(1), now.saturating_add(59),
                due, due.saturating_sub(1), START, FLOOR, FLOOR - 1, 0, u64::MAX,
            ] {
                let step = schedule.poll(at(asked));
                prop_assert_eq!(step, model.poll(asked.into()), "at {} after {:?}", asked, event);
                prop_assert_eq!(schedule.is_usable(at(asked)), model.is_usable(asked.into()));
                is_sound(&schedule, asked, step, lifetime);
            }
            if (FLOOR..u64::MAX - 200).contains(&now) {
                recovers(schedule.clone(), now);
            }
        }
    }
}

// The same for the cache, and for a source of one's own.

/// What a source gives when it is asked.
#[derive(Clone, Copy, Debug)]
enum Gift {
    AsAsked,
    Life(i64),
    Until(u64),
    Nothing,
}

fn gift() -> impl Strategy<Value = Gift> {
    prop_oneof![
        6 => Just(Gift::AsAsked),
        2 => (-10_i64..5000).prop_map(Gift::Life),
        1 => any::<u64>().prop_map(Gift::Until),
        4 => Just(Gift::Nothing),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Report {
    Nothing,
    /// So many before the last.
    Refused(usize),
    Accepted(usize),
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        2 => Just(Report::Nothing),
        1 => back().prop_map(Report::Refused),
        1 => back().prop_map(Report::Accepted),
    ]
}

/// What the source was asked for, and what it is to give.
#[derive(Default)]
struct Source {
    now: u64,
    gifts: VecDeque<Gift>,
    asked: Vec<u64>,
    /// Of the tokens it gave.
    given: Vec<u64>,
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_cache_hands_out_what_the_model_has(
        (lifetime, percent) in policies(),
        story in prop::collection::vec((tick(), gift(), report()), 1..60),
    ) {
        let resource = device("pump-7");
        let key = SymmetricKey::from_bytes(b"made up").expect("a key");
        let signer = SasSigner::new(key, &resource).expect("not Service Bus");
        let world = Rc::new(RefCell::new(Source::default()));
        let source = {
            let world = Rc::clone(&world);
            TokenFn(move |expiry: UnixTime| -> Result<SasToken<'static>, SasError> {
                let mut world = world.borrow_mut();
                world.asked.push(expiry.as_secs());
                let now = world.now;
                let expiry = match world.gifts.pop_front().expect("it is asked once a poll") {
                    Gift::AsAsked => expiry.as_secs(),
                    Gift::Life(life) => now.saturating_add_signed(life),
                    Gift::Until(expiry) => expiry,
                    Gift::Nothing => return Err(SasError::ZeroLifetime),
                };
                world.given.push(expiry);
                signer.sign(at(expiry))
            })
        };
        let policy = policy(lifetime, percent);
        let mut cache = TokenCache::new(source, &resource, policy);
        let mut model = Model::new(lifetime, percent, "pump-7");
        let mut now = START;
        for (tick, gift, report) in story {
            now = moved(now, tick, model.poll(now.into()));
            let moment = i128::from(now);
            {
                let mut world = world.borrow_mut();
                world.now = now;
                world.gifts = VecDeque::from([gift]);
                world.asked.clear();
            }
            // What is to come, by the model.
            let asked = match model.poll(moment) {
                Step::Sign { expiry } => Some(expiry.as_secs()),
                _ => None,
            };
            let is_new = match (asked, gift) {
                (None, _) => false,
                (Some(expiry), Gift::AsAsked) => model.signed(expiry.into(), moment),
                (Some(_), Gift::Life(life)) => {
                    model.signed(now.saturating_add_signed(life).into(), moment)
                }
                (Some(_), Gift::Until(expiry)) => model.signed(expiry.into(), moment),
                (Some(_), Gift::Nothing) => {
                    model.failed(moment);
                    false
                }
            };
            match cache.poll(at(now)) {
                CachedToken::Use { token, id, next, is_new: said, error } => {
                    prop_assert!(model.is_usable(moment));
                    if is_new {
                        prop_assert!(!model.ids.contains(&id));
                        model.ids.push(id);
                    }
                    prop_assert_eq!(model.id(0), Some(id));
                    let expiry = model.token.expect("it is usable").expiry;
                    prop_assert_eq!(i128::from(token.expiry().as_secs()), expiry);
                    // Not stale, and the text says the same.
                    prop_assert!(token.expiry() > at(now));
                    let end = format!("&se={expiry}");
                    prop_assert!(token.expose_token().ends_with(&end));
                    prop_assert_eq!(said, is_new);
                    prop_assert!(!is_new || error.is_none());
                    prop_assert!(next > at(now));
                    prop_assert_eq!(Step::Use { next }, model.poll(moment));
                }
                CachedToken::Wait { until, .. } => {
                    prop_assert!(!model.is_usable(moment) && !is_new);
                    prop_assert!(until > at(now) || until == UnixTime::MAX);
                    match model.poll(moment) {
                        Step::Wait { until: expected } => prop_assert_eq!(until, expected),
                        // No pause ends there.
                        _ => prop_assert_eq!((now, until), (u64::MAX, UnixTime::MAX)),
                    }
                }
                CachedToken::ClockUnknown { now: shown } => {
                    prop_assert_eq!(shown, at(now));
                    prop_assert!(now < FLOOR);
                }
                other => panic!("a new answer: teach it to the model: {other:?}"),
            }
            prop_assert_eq!(&world.borrow().asked, &Vec::from_iter(asked));
            match report {
                Report::Nothing => {}
                Report::Refused(back) => if let Some(id) = model.id(back) {
                    prop_assert_eq!(cache.refused(id, at(now)), model.refused(id, moment));
                },
                Report::Accepted(back) => if let Some(id) = model.id(back) {
                    cache.accepted(id);
                    model.accepted(id);
                },
            }
        }
    }
}
