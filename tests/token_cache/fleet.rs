//! A million devices that start together do not renew together: not after they started, and not after what
//! befalls all of them at once.
//!
//! Each device is asked when it wants to be asked, and its renewals are counted by the minute. The picture in
//! `docs/renewals.svg` is drawn by the ignored test here.

use std::fmt::Write as _;
use std::path::Path;

use hubward::sas::{Step, TokenId, TokenPolicy, TokenSchedule};
use hubward::{DeviceId, HubHost, ResourceUri};

use super::{START, at, policy};

/// A million where that takes a second.
const DEVICES: u32 = if cfg!(debug_assertions) { 50_000 } else { 1_000_000 };
/// For what is asked of many policies, or over many tries.
const FEWER: u32 = DEVICES / 10;

/// What is allowed: the peak of renewals in a minute, as a multiple of their mean.
const PEAK_MAX: f64 = 1.5;

const PERIOD: u64 = 2880;

/// Renewals by the minute from a moment on.
struct Minutes {
    from: u64,
    counts: Vec<u32>,
}

impl Minutes {
    fn new(from: u64, minutes: u64) -> Self {
        Self { from, counts: vec![0; usize::try_from(minutes).unwrap()] }
    }

    fn end(&self) -> u64 {
        self.from + 60 * u64::try_from(self.counts.len()).unwrap()
    }

    fn count(&mut self, now: u64) {
        if (self.from..self.end()).contains(&now) {
            self.counts[usize::try_from((now - self.from) / 60).unwrap()] += 1;
        }
    }

    fn mean(&self) -> f64 {
        f64::from(self.counts.iter().sum::<u32>()) / self.counts.len() as f64
    }

    fn peak(&self) -> f64 {
        f64::from(*self.counts.iter().max().unwrap())
    }

    fn assert_even(&self, what: &str) {
        let (peak, mean) = (self.peak(), self.mean());
        let least = f64::from(*self.counts.iter().min().unwrap());
        println!("{what}: peak {peak}, mean {mean:.1}, {:.3} of it; least {least}", peak / mean);
        assert!(mean > 0.0, "{what}");
        assert!(peak < PEAK_MAX * mean, "{what}: peak {peak}, mean {mean}");
        assert!(least > mean / PEAK_MAX, "{what}: least {least}, mean {mean}");
    }
}

fn fleet(count: u32, policy: TokenPolicy) -> impl Iterator<Item = TokenSchedule> {
    let host = HubHost::new("contoso.azure-devices.net").expect("a host");
    (0..count).map(move |number| {
        let id = DeviceId::new(&format!("device-{number:07}")).expect("an ID");
        TokenSchedule::new(policy, &ResourceUri::device(&host, &id))
    })
}

/// Asks whenever it is asked to, up to `to`; each time there is something to sign, `sign` says how long the
/// token lives, or that there is none. Gives the first moment that is not before `to`.
fn run(
    schedule: &mut TokenSchedule,
    from: u64,
    to: u64,
    mut sign: impl FnMut(u64) -> Option<u64>,
) -> u64 {
    let mut now = from;
    while now < to {
        match schedule.poll(at(now)) {
            Step::Use { next } => now = next.as_secs(),
            Step::Wait { until } => now = until.as_secs(),
            Step::Sign { .. } => match sign(now) {
                Some(lifetime) => {
                    assert!(schedule.signed(at(now + lifetime), at(now)).is_some());
                }
                None => schedule.failed(at(now)),
            },
            other => panic!("{other:?}"),
        }
    }
    now
}

/// The renewals of a fleet that starts at once; the mints at the start are not among them.
fn started_together(count: u32, policy: TokenPolicy, lifetime: u64, minutes: u64) -> Minutes {
    let mut renewals = Minutes::new(START, minutes);
    for mut schedule in fleet(count, policy) {
        let mut is_first = true;
        run(&mut schedule, START, renewals.end(), |now| {
            if !std::mem::take(&mut is_first) {
                renewals.count(now);
            }
            Some(lifetime)
        });
    }
    renewals
}

#[test]
fn devices_that_start_together_renew_apart() {
    // Five periods.
    let renewals = started_together(DEVICES, TokenPolicy::default(), 3600, 5 * 48);
    renewals.assert_even("started together");
    // Each renews once a period, from the first on.
    assert_eq!(renewals.counts.iter().sum::<u32>(), 5 * DEVICES - on_the_last_second(&renewals));
}

/// Renewals due at the very end of the last period, which is the first second behind it.
fn on_the_last_second(renewals: &Minutes) -> u32 {
    let due = |mut schedule: TokenSchedule| {
        schedule.signed(at(START + 3600), at(START)).expect("it is good");
        schedule.poll(at(START)) == Step::Use { next: at(START + PERIOD) }
    };
    let count = fleet(DEVICES, TokenPolicy::default()).filter(|schedule| due(schedule.clone()));
    assert_eq!(renewals.end(), START + 5 * PERIOD);
    u32::try_from(count.count()).unwrap()
}

#[test]
fn with_any_policy() {
    for (lifetime, percent) in [(60, 10), (60, 90), (600, 50), (3601, 77), (86_400, 80)] {
        let policy = policy(lifetime, percent);
        // Three periods, and at least half an hour: enough for a mean.
        let minutes = (3 * policy.period().as_secs() / 60).max(30);
        // As many a minute as those of an hour.
        let devices = if lifetime > 3600 { DEVICES } else { FEWER };
        let renewals = started_together(devices, policy, lifetime, minutes);
        // A day is longer: there are few in a minute of a debug build.
        if renewals.mean() > 200.0 {
            renewals.assert_even(&format!("{lifetime} s, {percent} %"));
        }
    }
}

/// A source of one's own that gives less than was asked for, or more.
#[test]
fn with_tokens_of_another_lifetime() {
    for (lifetime, period) in [(600, 480), (60, 48), (7200, 2880)] {
        let minutes = (3 * period / 60_u64).max(30);
        let renewals = started_together(FEWER, TokenPolicy::default(), lifetime, minutes);
        renewals.assert_even(&format!("tokens of {lifetime} s"));
    }
}

/// What befalls all of them in the third period; afterwards, a minute later, they renew apart as before.
fn after(what: &str, befall: impl Fn(&mut TokenSchedule, u64) -> u64) {
    let event = START + 2 * PERIOD + 1000;
    let mut from = 0;
    let mut renewals = None;
    for mut schedule in fleet(FEWER, TokenPolicy::default()) {
        run(&mut schedule, START, event, |_| Some(3600));
        let now = befall(&mut schedule, event);
        let renewals = renewals.get_or_insert_with(|| {
            from = now;
            Minutes::new(now + 60, 4 * 48)
        });
        assert_eq!(from, now);
        run(&mut schedule, now, renewals.end(), |now| {
            renewals.count(now);
            Some(3600)
        });
    }
    renewals.expect("there are devices").assert_even(what);
}

#[test]
fn after_an_outage_of_what_signs() {
    for minutes in [5, 20, 120, 1000] {
        after(&format!("nothing signed for {minutes} minutes"), |schedule, event| {
            let end = event + 60 * minutes;
            run(schedule, event, end, |_| None);
            end
        });
    }
}

#[test]
fn after_a_suspension() {
    for seconds in [600, 3600, 36_000, 86_400 * 365] {
        after(&format!("suspended for {seconds} s"), |_, event| event + seconds);
    }
}

#[test]
fn after_a_clock_that_was_wrong() {
    const DAY: u64 = 86_400;
    // Set back, by more than a token lives or less.
    for seconds in [900, DAY] {
        after(&format!("set back by {seconds} s"), |_, event| event - seconds);
    }
    // Ahead, and back again after a while.
    for seconds in [900, DAY, 3650 * DAY] {
        after(&format!("ahead by {seconds} s, and back"), |schedule, event| {
            run(schedule, event + seconds, event + seconds + 120, |_| Some(3600));
            event + 120
        });
    }
    // Ahead, where nothing could be signed.
    after("ahead and nothing signed", |schedule, event| {
        run(schedule, event + DAY, event + DAY + 600, |_| None);
        event + 600
    });
    // Lost, and known late.
    after("lost and found", |schedule, event| {
        assert_eq!(schedule.poll(at(42)), Step::ClockUnknown);
        event + 5000
    });
}

/// A source that gives shorter tokens for a while: their period is another, and so are their places in it.
#[test]
fn after_tokens_that_lived_shorter() {
    for lifetime in [60, 600, 1000] {
        after(&format!("tokens of {lifetime} s for an hour"), |schedule, event| {
            run(schedule, event, event + 3600, |_| Some(lifetime));
            // What is left of the short one.
            event + 3600 + lifetime
        });
    }
}

#[test]
fn after_a_hub_that_refused_them_all() {
    after("refused once", |schedule, event| {
        let token = signed_anew(schedule, event);
        schedule.accepted(token);
        schedule.refused(token, at(event));
        event
    });
    after("refused for ten minutes", |schedule, event| {
        let mut now = event;
        let mut token = signed_anew(schedule, event);
        while now < event + 600 {
            match schedule.poll(at(now)) {
                Step::Sign { expiry } => {
                    token = schedule.signed(expiry, at(now)).expect("it is good");
                }
                Step::Wait { until } => now = until.as_secs(),
                Step::Use { .. } => {
                    schedule.refused(token, at(now));
                }
                other => panic!("{other:?}"),
            }
        }
        schedule.accepted(token);
        event + 660
    });
}

/// A token out of turn, which moves none of the renewals.
fn signed_anew(schedule: &mut TokenSchedule, now: u64) -> TokenId {
    schedule.signed(at(now + 3600), at(now)).expect("it is good")
}

/// The tries of a fleet for which a hub refuses all tokens from one second on, or nothing signs: those of each
/// second, from the `from`th behind that on, for ten minutes.
fn tries(from: u64, fails: impl Fn(&mut TokenSchedule, u64)) -> Vec<u32> {
    let mut counts = vec![0; 600];
    for mut schedule in fleet(FEWER, TokenPolicy::default()) {
        let mut now = START;
        fails(&mut schedule, now);
        while now < START + from + 600 {
            match schedule.poll(at(now)) {
                Step::Wait { until } => now = until.as_secs(),
                Step::Sign { .. } => {
                    if let Some(second) = now.checked_sub(START + from)
                        && let Some(count) = counts.get_mut(usize::try_from(second).unwrap())
                    {
                        *count += 1;
                    }
                    fails(&mut schedule, now);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    counts
}

/// An outage that began for all devices in one second does not find them all at the door in one, once a
/// minute.
#[test]
fn tries_in_vain_part() {
    type Fails = fn(&mut TokenSchedule, u64);

    let refused: Fails = |schedule, now| {
        let token = signed_anew(schedule, now);
        schedule.refused(token, at(now));
    };
    let unsigned: Fails = |schedule, now| schedule.failed(at(now));
    for (what, fails) in [("nothing signs", unsigned), ("all is refused", refused)] {
        for (minutes, allowed) in [(1, 2.5), (60, PEAK_MAX)] {
            let counts = tries(60 * minutes, fails);
            let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
            let peak = f64::from(*counts.iter().max().unwrap());
            println!("{what}, from {minutes} minutes on: peak {peak}, mean {mean:.1} a second");
            assert!(mean > 0.0 && peak < allowed * mean, "{what}: {peak}, {mean}");
        }
    }
}

// The picture.

/// Draws `docs/renewals.svg`, and fails where that was another one.
#[test]
#[ignore = "writes the picture of the documentation; a million devices, better optimised"]
fn the_picture_is_what_is_seen() {
    let renewals = started_together(1_000_000, TokenPolicy::default(), 3600, 5 * 48);
    renewals.assert_even("the picture");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/renewals.svg");
    let drawn = drawing(&renewals);
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    if drawn != known {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, drawn).unwrap();
        panic!("the picture was another one: it is drawn anew, look at it and commit it");
    }
}

/// Lines and words: minutes to the right, renewals upwards.
fn drawing(renewals: &Minutes) -> String {
    const LEFT: usize = 70;
    const BOTTOM: usize = 260;
    const MINUTE: usize = 3;
    // Renewals in a minute that a pixel stands for.
    const STEP: f64 = 200.0;

    let (peak, mean) = (renewals.peak(), renewals.mean());
    let minutes = renewals.counts.len();
    let right = LEFT + MINUTE * minutes;
    let x = |minute: usize| LEFT + MINUTE * minute;
    let y = |count: f64| BOTTOM as f64 - count / STEP;

    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 310\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"860\" height=\"310\" fill=\"white\"/>\n",
    );
    let mut line = |text: String| svg.push_str(&(text + "\n"));
    let text = |x: usize, y: f64, anchor: &str, words: &str| {
        format!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>")
    };
    let across = |count: f64, style: &str| {
        format!("<path d=\"M{LEFT} {:.1}H{right}\" fill=\"none\" {style}/>", y(count))
    };

    line(text(
        LEFT,
        20.0,
        "start",
        "Renewals per minute of 1 000 000 devices that start together: tokens of an hour, renewed \
         every 48 minutes",
    ));
    line(text(
        LEFT,
        36.0,
        "start",
        &format!(
            "peak {peak:.0}, mean {mean:.0}: {:.3} times the mean; grey: without the spread, \
             1 000 000 in one minute",
            peak / mean
        ),
    ));
    // Without the spread: all of them, far beyond the picture.
    for minute in (48..=minutes).step_by(48) {
        line(format!("<path d=\"M{0} {BOTTOM}V50\" stroke=\"#bbb\" fill=\"none\"/>", x(minute)));
    }
    for count in [0.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0] {
        line(text(LEFT - 6, y(count) + 4.0, "end", &format!("{count:.0}")));
    }
    for hour in 0..=minutes / 60 {
        line(text(x(60 * hour), BOTTOM as f64 + 18.0, "middle", &format!("{hour} h")));
    }
    line(format!("<path d=\"M{LEFT} 50V{BOTTOM}H{right}\" stroke=\"black\" fill=\"none\"/>"));
    line(across(mean, "stroke=\"#080\""));
    line(across(1.5 * mean, "stroke=\"#c00\" stroke-dasharray=\"6 4\""));
    line(text(right + 6, y(mean) + 4.0, "start", "mean"));
    line(text(right + 6, y(1.5 * mean) + 4.0, "start", "1.5 ×"));

    let mut path = format!("M{LEFT} {BOTTOM}");
    for (minute, count) in renewals.counts.iter().enumerate() {
        write!(path, "V{:.1}H{}", y(f64::from(*count)), x(minute + 1)).unwrap();
    }
    line(format!("<path d=\"{path}\" stroke=\"#05a\" fill=\"none\"/>"));
    svg.push_str("</svg>\n");
    svg
}
