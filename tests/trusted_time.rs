//! What a device knows of the time: never before the floor, no later than a server can mean, and never more
//! than it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hubward::time::{Confidence, FloorClock, LearnError, TimeEstimate, TrustedTime};
use hubward::{Clock, FixedClock, SystemClock, TimeError, UnixTime};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;

const FLOOR: u64 = UnixTime::BUILD_FLOOR.as_secs();
const DAY: u64 = 86_400;
const YEAR: u64 = 365 * DAY;
/// The latest that a server may say.
const LATEST: u64 = FLOOR + 20 * YEAR;
/// Some moment after the floor.
const NOON: u64 = FLOOR + 100 * DAY;

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

/// A clock that a test sets. It knows the time as the operating system's does.
#[derive(Clone, Debug, Default)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn at(seconds: u64) -> Self {
        let hands = Self::default();
        hands.set(seconds);
        hands
    }

    fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    fn shows(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clock for Hands {
    fn now(&self) -> Result<UnixTime, TimeError> {
        at(self.shows()).believed_from(UnixTime::BUILD_FLOOR)
    }
}

fn trusted(shows: u64) -> (Hands, TrustedTime<Hands>) {
    let hands = Hands::at(shows);
    (hands.clone(), TrustedTime::new(hands))
}

fn estimate<C: Clock>(time: &TrustedTime<C>) -> (u64, Confidence) {
    let TimeEstimate { now, confidence, .. } = time.estimate();
    // The clock that it is says the same.
    match (confidence, time.now()) {
        (Confidence::Floor, Err(TimeError::ClockUnknown { floor, .. })) => assert_eq!(floor, now),
        (Confidence::Clock | Confidence::Server, Ok(same)) => assert_eq!(same, now),
        (confidence, said) => panic!("{confidence:?}, but {said:?}"),
    }
    (now.as_secs(), confidence)
}

#[test]
fn the_clock_alone_is_believed_from_the_floor_on() {
    for (shows, expected) in [
        (0, (FLOOR, Confidence::Floor)),
        (42, (FLOOR, Confidence::Floor)),
        (FLOOR - 1, (FLOOR, Confidence::Floor)),
        (FLOOR, (FLOOR, Confidence::Clock)),
        (NOON, (NOON, Confidence::Clock)),
        (u64::MAX, (u64::MAX, Confidence::Clock)),
    ] {
        assert_eq!(estimate(&trusted(shows).1), expected, "{shows}");
    }
    let unknown = TrustedTime::new(FixedClock::unknown());
    assert_eq!(estimate(&unknown), (FLOOR, Confidence::Floor));
    let (_, time) = trusted(7);
    assert_eq!(time.now(), Err(TimeError::ClockUnknown { now: at(7), floor: at(FLOOR) }));
}

#[test]
fn confidence_has_an_order() {
    assert!(Confidence::Floor < Confidence::Clock && Confidence::Clock < Confidence::Server);
}

#[test]
fn what_a_server_says_holds_while_the_clock_runs_on() {
    for shows in [0, 42, FLOOR - 1, FLOOR, NOON - DAY, NOON, NOON + DAY, NOON + 5 * YEAR] {
        let (hands, mut time) = trusted(shows);
        assert_eq!(time.learn(at(NOON)), Ok(()));
        for elapsed in [0, 1, 3600, 30 * DAY] {
            hands.set(shows + elapsed);
            let expected = (NOON + elapsed, Confidence::Server);
            assert_eq!(estimate(&time), expected, "{shows} and {elapsed}");
        }
    }
}

/// It showed the time since it was switched on; then it is set.
#[test]
fn a_clock_that_is_set_takes_over() {
    let (hands, mut time) = trusted(42);
    time.learn(at(NOON)).expect("it is after the floor");
    hands.set(100);
    assert_eq!(estimate(&time), (NOON + 58, Confidence::Server));
    for set in [NOON - 2, NOON + 60, NOON + YEAR] {
        hands.set(set);
        assert_eq!(estimate(&time), (set, Confidence::Clock));
    }
    // The server is asked once more.
    time.learn(at(NOON + YEAR + 1)).expect("it is after the floor");
    assert_eq!(estimate(&time), (NOON + YEAR + 1, Confidence::Server));
}

/// A device without a clock of its own saves the time when it is switched off, and goes on from there. What
/// it has persisted is a little later: its clock passes that while it runs.
#[test]
fn a_clock_that_is_late_passes_the_floor_and_stays_late() {
    const LATE: u64 = 8 * 3600;
    let (hands, time) = trusted(NOON - 600);
    let mut time = time.with_high_water(at(NOON));
    assert_eq!(estimate(&time), (NOON, Confidence::Floor));
    time.learn(at(NOON - 600 + LATE)).expect("it is after the floor");
    for elapsed in [0, 599, 600, 601, 3600, LATE - 1] {
        hands.set(NOON - 600 + elapsed);
        let expected = (NOON - 600 + LATE + elapsed, Confidence::Server);
        assert_eq!(estimate(&time), expected, "{elapsed}");
    }
    // From here on it cannot be told from one that was set; a device that learns now and then is spared.
    hands.set(NOON - 600 + LATE);
    assert_eq!(estimate(&time), (NOON - 600 + LATE, Confidence::Clock));
    time.learn(at(NOON - 600 + 2 * LATE)).expect("it is after the floor");
    hands.set(NOON + LATE);
    assert_eq!(estimate(&time), (NOON + 2 * LATE, Confidence::Server));
}

#[test]
fn a_clock_that_goes_back_is_a_clock_that_was_set() {
    let (hands, mut time) = trusted(NOON);
    time.learn(at(NOON + 10)).expect("it is after the floor");
    hands.set(NOON - 1);
    assert_eq!(estimate(&time), (NOON - 1, Confidence::Clock));
    // Below the floor nothing is known, whatever a server said once.
    hands.set(3);
    assert_eq!(estimate(&time), (FLOOR, Confidence::Floor));
    hands.set(FLOOR - 1);
    assert_eq!(estimate(&time), (FLOOR, Confidence::Floor));
}

#[test]
fn servers_are_believed_within_bounds() {
    let mark = at(NOON);
    for (server, expected) in [
        (0, Err(LearnError::BeforeFloor { server: at(0), floor: mark })),
        (FLOOR, Err(LearnError::BeforeFloor { server: at(FLOOR), floor: mark })),
        (NOON - 1, Err(LearnError::BeforeFloor { server: at(NOON - 1), floor: mark })),
        (NOON, Ok(())),
        (LATEST, Ok(())),
        (LATEST + 1, Err(LearnError::TooFar { server: at(LATEST + 1), latest: at(LATEST) })),
        (u64::MAX, Err(LearnError::TooFar { server: UnixTime::MAX, latest: at(LATEST) })),
    ] {
        let (_, time) = trusted(42);
        let mut time = time.with_high_water(mark);
        assert_eq!(time.learn(at(server)), expected, "{server}");
        let expected = match expected {
            Ok(()) => (server, Confidence::Server),
            Err(_) => (NOON, Confidence::Floor),
        };
        assert_eq!(estimate(&time), expected, "{server}");
        // What was learned before stays, where nothing is learned.
        if expected.1 == Confidence::Floor {
            time.learn(at(NOON + 5)).expect("it is after the floor");
            time.learn(at(server)).expect_err("it was refused before");
            assert_eq!(estimate(&time), (NOON + 5, Confidence::Server), "{server}");
        }
    }
    assert_eq!(TrustedTime::<SystemClock>::AHEAD_MAX, Duration::from_secs(20 * YEAR));
}

/// A clock that runs away takes no server's word with it.
#[test]
fn no_server_vouches_for_a_moment_that_none_could_have_said() {
    let (hands, mut time) = trusted(NOON);
    time.learn(at(NOON + 1)).expect("it is after the floor");
    for (shows, expected) in [
        (LATEST - 1, (LATEST, Confidence::Server)),
        (LATEST, (LATEST, Confidence::Clock)),
        (u64::MAX, (u64::MAX, Confidence::Clock)),
    ] {
        hands.set(shows);
        assert_eq!(estimate(&time), expected);
    }
}

#[test]
fn the_high_water_mark_is_what_servers_said() {
    let (hands, mut time) = trusted(NOON);
    // The clock does not raise it.
    assert_eq!(time.high_water(), at(FLOOR));
    hands.set(NOON + YEAR);
    assert_eq!(time.high_water(), at(FLOOR));
    hands.set(NOON);
    time.learn(at(NOON + 100)).expect("it is after the floor");
    assert_eq!(time.high_water(), at(NOON + 100));
    // Neither does it with a server's word, and neither does it lower it.
    for shows in [NOON + 15 * YEAR, u64::MAX, NOON - 1, FLOOR, 0] {
        hands.set(shows);
        assert_eq!(time.high_water(), at(NOON + 100), "{shows}");
    }
    // A server that is a little behind: it is believed, and the mark stays.
    hands.set(NOON);
    time.learn(at(NOON + 50)).expect("it is after the floor");
    assert_eq!(estimate(&time), (NOON + 50, Confidence::Server));
    assert_eq!(time.high_water(), at(NOON + 100));
    // One that is refused changes nothing.
    time.learn(at(LATEST + 1)).expect_err("it is too far");
    time.learn(at(FLOOR - 1)).expect_err("it is over");
    assert_eq!(time.high_water(), at(NOON + 100));
}

/// A clock that was once far ahead does not shut the device out of the runs that follow.
#[test]
fn a_clock_that_ran_away_does_no_harm_to_the_next_run() {
    let (hands, mut time) = trusted(NOON);
    time.learn(at(NOON)).expect("it is after the floor");
    hands.set(NOON + 15 * YEAR);
    let mark = time.high_water();
    let (_, next) = trusted(NOON + 60);
    let mut next = next.with_high_water(mark);
    assert_eq!(estimate(&next), (NOON + 60, Confidence::Clock));
    assert_eq!(next.learn(at(NOON + 61)), Ok(()));
}

#[test]
fn marks_that_nobody_wrote_do_not_count() {
    for (mark, floor) in [
        (0, FLOOR),
        (FLOOR - 1, FLOOR),
        (FLOOR, FLOOR),
        (FLOOR + 1, FLOOR + 1),
        (LATEST, LATEST),
        (LATEST + 1, FLOOR),
        (u64::MAX, FLOOR),
    ] {
        let (_, time) = trusted(0);
        let time = time.with_high_water(at(mark));
        assert_eq!(estimate(&time), (floor, Confidence::Floor), "{mark}");
        assert_eq!(time.high_water(), at(floor), "{mark}");
        // A second one only raises it.
        let time = time.with_high_water(at(FLOOR + 9));
        assert_eq!(time.high_water(), at(floor.max(FLOOR + 9)), "{mark}");
    }
}

/// For TLS: where the clock knows, it is the clock's moment, or the floor where that is later; so no
/// certificate is good that would not be at a moment that has come.
#[test]
fn a_floor_clock_is_never_before_its_floor_nor_after_its_clock() {
    for (shows, floor, expected) in [
        (0, 0, FLOOR),
        (0, NOON, NOON),
        (FLOOR - 1, FLOOR - 1, FLOOR),
        (FLOOR, 0, FLOOR),
        (NOON, FLOOR, NOON),
        (NOON, NOON + DAY, NOON + DAY),
        (NOON + DAY, NOON, NOON + DAY),
        (u64::MAX, NOON, u64::MAX),
        (0, u64::MAX, u64::MAX),
    ] {
        let clock = FloorClock::new(Hands::at(shows), at(floor));
        assert_eq!(clock.now(), Ok(at(expected)), "{shows} {floor}");
    }
    let clock = FloorClock::new(FixedClock::unknown(), at(NOON));
    assert_eq!(clock.now(), Ok(at(NOON)));
}

#[test]
fn handles_of_clocks_are_clocks() {
    let hands = Hands::at(NOON);
    let shared: Arc<dyn Clock> = Arc::new(hands.clone());
    let boxed: Box<dyn Clock> = Box::new(hands.clone());
    let by_reference: &dyn Clock = &hands;
    assert_eq!(estimate(&TrustedTime::new(shared)), (NOON, Confidence::Clock));
    assert_eq!(estimate(&TrustedTime::new(boxed)), (NOON, Confidence::Clock));
    assert_eq!(estimate(&TrustedTime::new(by_reference)), (NOON, Confidence::Clock));
    assert_eq!(FloorClock::new(by_reference, at(0)).now(), Ok(at(NOON)));
    // And what it knows is one too.
    let of_trusted = FloorClock::new(TrustedTime::new(Hands::at(1)), at(NOON));
    assert_eq!(of_trusted.now(), Ok(at(NOON)));
}

// Whatever happens.

#[derive(Clone, Copy, Debug)]
enum Event {
    /// The clock shows this.
    Shows(u64),
    RunsOn(u64),
    Learn(u64),
    Mark(u64),
}

fn moment() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => FLOOR..LATEST,
        2 => NOON - 100..NOON + 100,
        1 => 0_u64..1000,
        1 => select(&[0, FLOOR - 1, FLOOR, LATEST, LATEST + 1, u64::MAX][..]),
        1 => any::<u64>(),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => moment().prop_map(Event::Shows),
        3 => (0_u64..2 * YEAR).prop_map(Event::RunsOn),
        3 => moment().prop_map(Event::Learn),
        1 => moment().prop_map(Event::Mark),
    ]
}

fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * 8,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..usual
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn floors_and_marks_hold_whatever_happens(
        start in moment(),
        story in prop::collection::vec(event(), 1..30),
    ) {
        let (hands, mut time) = trusted(start);
        let (mut floor, mut said, mut has_learned) = (FLOOR, FLOOR, false);
        for event in story {
            match event {
                Event::Shows(moment) => hands.set(moment),
                Event::RunsOn(seconds) => hands.set(hands.shows().saturating_add(seconds)),
                Event::Learn(server) => {
                    let is_believed = (floor..=LATEST).contains(&server);
                    prop_assert_eq!(time.learn(at(server)).is_ok(), is_believed);
                    if is_believed {
                        said = said.max(server);
                        has_learned = true;
                        prop_assert_eq!(estimate(&time), (server, Confidence::Server));
                    }
                }
                Event::Mark(mark) => {
                    time = time.with_high_water(at(mark));
                    if mark <= LATEST {
                        floor = floor.max(mark);
                    }
                }
            }
            prop_assert_eq!(time.high_water(), at(said.max(floor)));
            let (now, confidence) = estimate(&time);
            prop_assert!(now >= floor);
            match confidence {
                Confidence::Server => prop_assert!(has_learned && now <= LATEST),
                Confidence::Clock => prop_assert_eq!(now, hands.shows()),
                _ => prop_assert!(now == floor && hands.shows() < floor),
            }
        }
    }

    /// A world with a true time: a device that learns it knows it, until its clock is set or reset.
    #[test]
    fn what_is_learned_is_true_while_nobody_touches_the_clock(
        truth in FLOOR..FLOOR + 10 * YEAR,
        // Seconds since it was switched on, a time that was saved, or a clock that is off.
        shows in prop_oneof![0_u64..DAY, FLOOR - 90 * DAY..FLOOR + 11 * YEAR],
        mark in prop_oneof![Just(0_u64), FLOOR..FLOOR + 10 * YEAR],
        spans in prop::collection::vec(0_u64..DAY, 1..20),
    ) {
        let (hands, time) = trusted(shows);
        let mark = mark.min(truth);
        let mut time = time.with_high_water(at(mark));
        let floor = mark.max(FLOOR);
        prop_assert_eq!(time.learn(at(truth)), Ok(()));
        let mut elapsed = 0;
        for span in spans {
            elapsed += span;
            hands.set(shows + elapsed);
            // A clock below the floor that has come as far as the server was may have been set.
            if shows < floor && shows + elapsed >= floor && shows + elapsed >= truth {
                break;
            }
            prop_assert_eq!(estimate(&time), (truth + elapsed, Confidence::Server));
        }
        // Learned again, it is true again.
        prop_assert_eq!(time.learn(at(truth + elapsed)), Ok(()));
        prop_assert_eq!(estimate(&time), (truth + elapsed, Confidence::Server));
    }

    /// A clock that knew nothing is set to the truth: it is believed, and no offset is added to it.
    #[test]
    fn a_clock_that_is_set_to_the_truth_is_believed(
        truth in FLOOR + YEAR + DAY..FLOOR + 10 * YEAR,
        shows in 0_u64..DAY,
        elapsed in 0_u64..YEAR,
        skew in -300_i64..300,
    ) {
        let (hands, mut time) = trusted(shows);
        time.learn(at(truth)).expect("it is after the floor");
        let set = truth.saturating_add_signed(skew) + elapsed;
        hands.set(set);
        prop_assert_eq!(estimate(&time), (set, Confidence::Clock));
    }
}
