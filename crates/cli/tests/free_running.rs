//! Drivers whose processors really run at the same time. What they do wrong then can't be repeated; what is asked of the
//! machine here is that it serves them all the same, and under the thread sanitizer without a race of its own.
#![forbid(unsafe_code)]

mod support;

use std::path::Path;
use support::{folder, ntpool, observer, observer_in, race, text, twin};

/// How often each driver is run; the thread sanitizer sees in one run what the order of events hides from others.
const ROUNDS: usize = if cfg!(ntpool_thread_sanitizer) { 1 } else { 8 };

/// The same for a driver of the specification's rows, which does many things in one run.
const OBSERVER_ROUNDS: usize = if cfg!(ntpool_thread_sanitizer) { 1 } else { 3 };

fn run_freely(driver: &Path, processors: &str, expected: i32) {
    run_rounds(ROUNDS, driver, processors, expected);
}

/// Runs a case of a driver of the specification's rows, which prints what it sees and does nothing wrong.
fn observe_freely(name: &str, case: &str, processors: &str) {
    run_rounds(OBSERVER_ROUNDS, &observer_in(name, case, folder().path()), processors, 0);
}

fn run_rounds(rounds: usize, driver: &Path, processors: &str, expected: i32) {
    for round in 0..rounds {
        let run = ntpool(["run", text(driver), "--free-running", "--processors", processors]);
        assert_eq!(run.status, expected, "round {round}: {}{}", run.stdout, run.stderr);
        assert_eq!(run.stderr, "", "round {round}");
    }
}

#[test]
fn threads_take_turns_at_what_only_one_may_have() {
    let dir = folder();
    for name in ["mutex-order-twin", "lock-order-twin", "check-then-act-twin", "lost-update-twin"] {
        let path = race(name, dir.path());
        for processors in ["1", "2", "4"] {
            run_freely(&path, processors, 0);
        }
    }
}

#[test]
fn a_wake_up_reaches_a_processor_that_waits_and_time_passes_when_all_do() {
    let dir = folder();
    run_freely(&race("lost-wake-up-twin", dir.path()), "4", 0);
    run_freely(&race("dpc-against-unload-twin", dir.path()), "2", 0);
    for name in ["events", "waits", "threads", "locks"] {
        run_freely(&observer(name, dir.path()), "4", 0);
    }
}

#[test]
fn what_a_processor_did_by_the_way_reaches_those_that_wait_for_it() {
    for name in ["interrupts", "processors", "timers", "dpcs", "work-items", "callbacks", "time"] {
        observe_freely(name, "observe", "4");
    }
    observe_freely("interrupts", "observe", "2");
}

#[test]
fn locks_queues_and_exceptions_are_served_on_all_processors() {
    for name in ["resources", "rundown", "cancel-queue", "exceptions", "exceptions-unwind"] {
        observe_freely(name, "observe", "4");
    }
}

#[test]
fn loops_that_wait_for_each_other_end_without_being_interrupted() {
    run_freely(&twin("wait.livelock", folder().path()), "2", 0);
    for case in ["barrier", "calls", "joined"] {
        observe_freely("processors", case, "4");
    }
    observe_freely("processors", "barrier", "2");
    observe_freely("patience", "observe", "4");
}

#[test]
fn a_crime_on_any_processor_ends_the_run_with_its_finding() {
    let dir = folder();
    // Two threads that wait for each other are found whenever it happens; if it does not, nothing is wrong.
    let path = race("mutex-order", dir.path());
    for _ in 0..ROUNDS {
        let run = ntpool(["run", text(&path), "--free-running", "--processors", "2"]);
        let found = run.stdout.contains("wait.deadlock: ");
        assert_eq!(run.status, i32::from(found), "{}", run.stdout);
    }
    let path = support::crime("thread.left", dir.path());
    for _ in 0..ROUNDS {
        let run = ntpool(["run", text(&path), "--free-running", "--processors", "2"]);
        assert_eq!(run.status, 1, "{}", run.stdout);
        assert!(
            run.stdout.contains("thread.left: ") || run.stdout.contains("driver.unloaded-code: "),
            "{}",
            run.stdout
        );
    }
}
