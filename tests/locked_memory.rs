//! Secrets in locked pages: left out of core dumps, wiped in forked children, as locked as they say.
//!
//! This program forks itself, lowers its own limits, and has children that abort and are then looked
//! through. So it has no harness: its cases run one after the other, in one thread, and it prints
//! what a harness would. Children that are more than a fork are this program again, with another
//! argument.

#[cfg(target_os = "linux")]
#[path = "locked_memory/core_dumps.rs"]
mod core_dumps;
#[cfg(target_os = "linux")]
#[path = "locked_memory/forks.rs"]
mod forks;
#[cfg(target_os = "linux")]
#[path = "common/hmac.rs"]
mod hmac_states;
#[cfg(target_os = "linux")]
#[path = "locked_memory/limits.rs"]
mod limits;
#[cfg(target_os = "linux")]
#[path = "locked_memory/pages.rs"]
mod pages;
#[cfg(target_os = "linux")]
#[path = "locked_memory/process.rs"]
mod process;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

/// Why a case cannot be tried here.
struct Skip(String);

type Outcome = Result<(), Skip>;

type Case = (&'static str, fn() -> Outcome);

/// Those that start threads are last: a fork takes only one along.
#[cfg(target_os = "linux")]
const CASES: &[Case] = &[
    ("core_dumps::ordinary_keys_are_in_a_core_dump", core_dumps::ordinary),
    ("core_dumps::locked_keys_are_not", core_dumps::locked),
    ("forks::a_child_finds_its_keys_wiped", forks::wiped),
    ("forks::a_grandchild_does_too", forks::grandchild),
    ("forks::stores_tell_it", forks::stores),
    ("forks::keys_made_after_it_work", forks::made_after),
    ("forks::ordinary_keys_are_copied", forks::ordinary),
    ("limits::without_locked_memory", limits::without_locked_memory),
    ("limits::stores_without_locked_memory", limits::stores),
    ("limits::with_one_locked_page", limits::one_page),
    ("limits::without_any_page", limits::no_pages),
    ("pages::each_is_locked_and_guarded", pages::locked_and_guarded),
    ("pages::what_is_made_of_a_key_is_as_locked", pages::made_of_a_key),
    ("pages::a_step_over_the_edge_is_fatal", pages::edges),
    ("pages::they_are_given_back", pages::given_back),
    ("pages::threads_share_a_key", pages::threads),
    ("forks::threads_leave_nothing_held", forks::threads),
];

#[cfg(not(target_os = "linux"))]
const CASES: &[Case] = &[];

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if std::env::args().nth(1).is_some_and(|argument| argument == core_dumps::CHILD) {
        core_dumps::child();
    }
    // As a harness takes them: parts of names, and options, most of which mean nothing here.
    let mut words = Vec::new();
    let mut list = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--list" => list = true,
            // What follows is its value.
            "--test-threads" | "--format" | "--color" | "--logfile" | "-Z" => {
                drop(arguments.next());
            }
            option if option.starts_with('-') => {}
            _ => words.push(argument),
        }
    }
    let chosen: Vec<_> = CASES
        .iter()
        .filter(|(name, _)| words.is_empty() || words.iter().any(|word| name.contains(word)))
        .collect();
    if list {
        chosen.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }

    println!("\nrunning {} tests", chosen.len());
    let start = Instant::now();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, case) in &chosen {
        match catch_unwind(case) {
            Ok(Ok(())) => {
                println!("test {name} ... ok");
                passed += 1;
            }
            Ok(Err(Skip(reason))) => {
                println!("test {name} ... ignored, {reason}");
                skipped += 1;
            }
            Err(_) => {
                println!("test {name} ... FAILED");
                failed += 1;
            }
        }
    }
    println!(
        "\ntest result: {}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured; {} \
         filtered out; finished in {:.2}s\n",
        if failed == 0 { "ok" } else { "FAILED" },
        CASES.len() - chosen.len(),
        start.elapsed().as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
