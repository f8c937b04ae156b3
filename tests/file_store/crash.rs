//! A writer that is killed at any moment leaves the state before a change or the one after it.
//!
//! A process of its own writes and tells each change before it begins and when it is done. It is killed
//! with SIGKILL while it writes; what it told says which states may be found.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::iter;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use hubward::keystore::file::{FileKeyStore, FileStoreError, StoreKey};
use hubward::keystore::{CredentialStore as _, KeyError, KeyStoreAdmin as _, NewKey};

use super::child::{self, Arguments, Reporting, report};
use super::{Held, Place, State, WRITING, chain, fill, import, key, name, raw, state, text};

const KILLS: usize = 400;
const KILLS_OF_CREATING: usize = 100;

/// Enough to tell which numbers come up, and the same in each run; the moments differ anyway.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(bound).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(255)).unwrap() + 1
    }
}

/// One change of the store.
#[derive(Clone, Debug)]
enum Change {
    Import(String, u8),
    Rotate(String, u8),
    Swap(String, String),
    Delete(String),
    Certify(String, u8),
    Rekey(u8),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Import(name, number) => write!(f, "import {name} {number}"),
            Self::Rotate(name, number) => write!(f, "rotate {name} {number}"),
            Self::Swap(one, other) => write!(f, "swap {one} {other}"),
            Self::Delete(name) => write!(f, "delete {name}"),
            Self::Certify(name, number) => write!(f, "certify {name} {number}"),
            Self::Rekey(number) => write!(f, "rekey {number}"),
        }
    }
}

impl Change {
    fn parse(text: &str) -> Self {
        let words: Vec<_> = text.split(' ').collect();
        let name = |at: usize| words[at].to_owned();
        let number = |at: usize| words[at].parse().unwrap();
        match words[0] {
            "import" => Self::Import(name(1), number(2)),
            "rotate" => Self::Rotate(name(1), number(2)),
            "swap" => Self::Swap(name(1), name(2)),
            "delete" => Self::Delete(name(1)),
            "certify" => Self::Certify(name(1), number(2)),
            "rekey" => Self::Rekey(number(1)),
            other => panic!("no such change: {other}"),
        }
    }

    fn apply(&self, store: &FileKeyStore) -> Result<(), KeyError> {
        match self {
            Self::Import(text, number) => import(store, text, &[*number; 32]),
            Self::Rotate(text, number) => {
                store.rotate(&name(text), NewKey::Symmetric(&key(&[*number; 32])))
            }
            Self::Swap(one, other) => store.swap(&name(one), &name(other)),
            Self::Delete(text) => store.delete(&name(text)),
            Self::Certify(text, number) => store.set_certificates(&name(text), &chain(*number)),
            Self::Rekey(number) => Ok(store.rekey(StoreKey::Raw(&raw(*number)))?),
        }
    }
}

/// What the store holds as far as was told.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    raw: u8,
    generation: u64,
    /// Numbers that stand for a key, and for certificates if there are any.
    held: BTreeMap<String, (u8, Option<u8>)>,
}

impl Model {
    /// A change that the store must take.
    fn any_change(&self, dice: &mut Dice) -> Change {
        let names: Vec<_> = self.held.keys().cloned().collect();
        let mut any = || names[dice.below(names.len())].clone();
        let (one, other) = (any(), any());
        match dice.below(12) {
            0..3 if names.len() < 12 => {
                let mut new = (0..).map(|number| format!("key-{number}"));
                let new = new.find(|name| !self.held.contains_key(name));
                Change::Import(new.expect("there are more than twelve"), dice.byte())
            }
            3..5 if names.len() > 3 => Change::Delete(one),
            5..7 if one != other => Change::Swap(one, other),
            7 => Change::Certify(one, dice.byte()),
            8 | 9 => Change::Rekey(dice.byte()),
            _ => Change::Rotate(one, dice.byte()),
        }
    }

    fn after(&self, change: &Change) -> Self {
        let mut after = self.clone();
        after.generation += 1;
        let held = &mut after.held;
        match change.clone() {
            Change::Import(name, number) => drop(held.insert(name, (number, None))),
            Change::Rotate(name, number) => held.get_mut(&name).unwrap().0 = number,
            Change::Swap(one, other) => {
                let (a, b) = (held[&one], held[&other]);
                held.extend([(one, b), (other, a)]);
            }
            Change::Delete(name) => drop(held.remove(&name)),
            Change::Certify(name, number) => held.get_mut(&name).unwrap().1 = Some(number),
            Change::Rekey(number) => after.raw = number,
        }
        after
    }

    fn state(&self) -> State {
        let held = self.held.iter().map(|(name, (number, certificates))| {
            let certificates = certificates.map(chain).unwrap_or_default();
            (name.clone(), Held::symmetric(&[*number; 32]).with(certificates))
        });
        held.collect()
    }

    /// Whether the store opens to this and holds it, entire.
    fn is_in(&self, path: &Path) -> bool {
        match FileKeyStore::open(path, StoreKey::Raw(&raw(self.raw))) {
            Ok(store) => {
                store.generation() == Ok(self.generation)
                    && state(&store).as_ref() == Ok(&self.state())
            }
            Err(FileStoreError::WrongKey) => false,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Makes the changes that it is told, one after the other, and waits to be killed.
pub(super) fn write(arguments: &Arguments) {
    let raw = raw(arguments.text(1).parse().unwrap());
    let store = FileKeyStore::open(arguments.path(0), StoreKey::Raw(&raw)).unwrap();
    for (number, change) in arguments.text(2).lines().map(Change::parse).enumerate() {
        report(&format!("begin {number}"));
        change.apply(&store).unwrap();
        report(&format!("done {number}"));
    }
    wait_for_the_end();
}

fn wait_for_the_end() {
    report("waiting");
    thread::sleep(Duration::from_secs(600));
}

/// Creates a store and waits to be killed.
pub(super) fn create(arguments: &Arguments) {
    report("begin 0");
    FileKeyStore::create(arguments.path(0), StoreKey::Raw(&raw(1))).unwrap();
    report("done 0");
    wait_for_the_end();
}

/// How many changes were begun and done when the task was killed: a moment after it began change number
/// `at`.
fn kill_during(mut task: Reporting, at: usize, moment: Duration) -> (usize, usize) {
    let (mut begun, mut done) = (0, 0);
    let mut note = |line: &str| match line.split_once(' ') {
        Some(("begin", number)) => begun = number.parse::<usize>().unwrap() + 1,
        Some(("done", number)) => done = number.parse::<usize>().unwrap() + 1,
        _ => assert_eq!(line, "waiting"),
    };
    let begin = format!("begin {at}");
    loop {
        let line = task.line().expect("it goes on until it is killed");
        note(&line);
        if line == begin {
            break;
        }
    }
    // Sleeping would take longer than that.
    let start = Instant::now();
    while start.elapsed() < moment {
        std::hint::spin_loop();
    }
    task.child.kill().unwrap();
    iter::from_fn(|| task.line()).for_each(|line| note(&line));
    task.child.wait().unwrap();
    assert!(done <= begun && begun <= done + 1, "{begun} begun, {done} done");
    (begun, done)
}

#[test]
fn killed_writers_leave_one_state_or_the_other() {
    /// Changes that a writer is told to make.
    const CHANGES: usize = 4;

    let place = Place::new();
    let store = place.create();
    let mut model = Model { raw: 1, generation: 1, held: BTreeMap::new() };
    let start = Instant::now();
    for number in 0..8 {
        let change = Change::Import(format!("key-{number}"), number);
        change.apply(&store).unwrap();
        model = model.after(&change);
    }
    let mut span = start.elapsed() / 8;
    assert!(model.is_in(&place.path));

    let mut dice = Dice(1);
    let (mut interrupted, mut went_through, mut left_behind) = (0, 0, 0);
    for kill in 0..KILLS {
        let mut models = vec![model];
        let mut changes = Vec::new();
        for _ in 0..CHANGES {
            let last = models.last().unwrap();
            let change = last.any_change(&mut dice);
            models.push(last.after(&change));
            changes.push(change.to_string());
        }
        let raw = models[0].raw.to_string();
        let task = Reporting::start("crash::write", &[&place.path, &raw, &changes.join("\n")]);
        let at = dice.below(CHANGES);
        let moment = span.mul_f64(f64::from(dice.byte()) / 170.);
        let (begun, done) = kill_during(task, at, moment);

        let what = || format!("kill {kill}: {begun} begun, {done} done of {changes:?}");
        let found = (done..=begun).find(|number| models[*number].is_in(&place.path));
        let found = found.unwrap_or_else(|| panic!("neither state: {}", what()));
        interrupted += usize::from(begun > done);
        went_through += usize::from(found > done);
        // However fast the machine is by now, some kills come late and most do not.
        span = span.mul_f64(if found > at { 0.9 } else { 1.05 });
        model = models.swap_remove(found);

        let mut names = place.names();
        names.retain(|name| name != ".keys.new");
        assert_eq!(names, ["keys"], "{}", what());
        left_behind += usize::from(place.names().len() > 1);
    }
    println!(
        "{KILLS} kills, {interrupted} during a change, of which {went_through} had gone through; \
         {left_behind} new files left behind"
    );
    // Else the moments are badly chosen.
    assert!(interrupted > KILLS / 4, "{interrupted}");
    assert!(0 < went_through && went_through < interrupted, "{went_through} of {interrupted}");
    assert!(left_behind > 0);

    // Nothing of it is in the way of the next writer, who also clears it away.
    let store = FileKeyStore::open(&place.path, StoreKey::Raw(&raw(model.raw))).unwrap();
    let change = Change::Rekey(1);
    change.apply(&store).unwrap();
    assert!(model.after(&change).is_in(&place.path));
    assert_eq!(place.names(), ["keys"]);
}

#[test]
fn killed_creators_leave_a_store_or_none() {
    let mut dice = Dice(2);
    let (mut nothing, mut unheard, mut left_behind) = (0, 0, 0);
    let mut span = Duration::from_millis(2);
    for kill in 0..KILLS_OF_CREATING {
        let place = Place::new();
        let task = Reporting::start("crash::create", &[&place.path]);
        let moment = span.mul_f64(f64::from(dice.byte()) / 170.);
        let (_, done) = kill_during(task, 0, moment);
        match place.open() {
            Ok(store) => {
                assert_eq!(store.generation(), Ok(1));
                unheard += usize::from(done == 0);
                span = span.mul_f64(0.9);
                let again = FileKeyStore::create(&place.path, StoreKey::Raw(&raw(1)));
                assert_eq!(again.unwrap_err(), FileStoreError::AlreadyExists);
            }
            Err(error) => {
                assert_eq!((error, done), (FileStoreError::NotFound, 0), "kill {kill}");
                nothing += 1;
                left_behind += usize::from(place.dir().join(".keys.new").exists());
                span = span.mul_f64(1.05);
                place.create();
            }
        }
        let store = place.open().unwrap();
        import(&store, "a", b"a").unwrap();
        assert_eq!(state(&store).unwrap().len(), 1);
        assert_eq!(place.names(), ["keys"]);
    }
    println!(
        "{KILLS_OF_CREATING} kills: {nothing} left no store, {unheard} one that was not yet told \
         of; {left_behind} new files left behind"
    );
    assert!(0 < nothing && nothing < KILLS_OF_CREATING, "{nothing}");
}

/// Writes where the system takes only so many bytes, as on a disk that is full.
pub(super) fn write_on_a_full_disk(arguments: &Arguments) {
    let limit = |bytes| {
        let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the limits are there to be written and read. The signal that comes with the refusal is
        // one that this process has no use for.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            assert_eq!(libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limits), 0);
            limits.rlim_cur = bytes;
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limits), 0);
        }
    };
    let path = arguments.path(0);
    let folder = path.parent().unwrap();
    let store = FileKeyStore::open(&path, StoreKey::Raw(&raw(1))).unwrap();
    let before = fs::read(&path).unwrap();
    let expected = state(&store);
    let len = u64::try_from(before.len()).unwrap();
    // From the start, in the first half, and in the second half of whatever is written next.
    for bytes in [0, 100, len * 3 / 5] {
        limit(bytes);
        for (operation, run) in WRITING {
            let error = run(&store).expect_err(operation);
            assert!(matches!(error, KeyError::Other(_)), "{operation}: {error:?}");
            assert!(text(&error).contains("writing the new file"), "{}", text(&error));
            assert!(fs::read(&path).unwrap() == before, "{operation} changed the file");
            assert!(!folder.join(".keys.new").exists(), "{operation} left something behind");
        }
    }
    limit(100);
    let new = folder.join("new");
    let error = FileKeyStore::create(&new, StoreKey::Raw(&raw(1))).unwrap_err();
    assert!(matches!(error, FileStoreError::Io { .. }), "{error:?}");
    assert!(!new.exists());
    assert_eq!(state(&store), expected);
    limit(len * 2);
    import(&store, "a", b"a").unwrap();
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let place = Place::new();
    fill(&place.create());
    child::run("crash::write_on_a_full_disk", &[&place.path]);
    assert!(state(&place.open().unwrap()).unwrap().contains_key("a"));
}
