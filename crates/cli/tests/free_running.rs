//! Drivers whose processors really run at the same time. What they do wrong then can't be repeated; what is asked of the
//! machine here is that it serves them all the same, and under the thread sanitizer without a race of its own.
#![forbid(unsafe_code)]

mod support;

use std::path::Path;
use support::{folder, ntpool, observer, race, text, twin};

/// How often each driver is run; the thread sanitizer sees in one run what the order of events hides from others.
const ROUNDS: usize = if cfg!(ntpool_thread_sanitizer) { 1 } else { 8 };

fn run_freely(driver: &Path, processors: &str, expected: i32) {
    for round in 0..ROUNDS {
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
fn loops_that_wait_for_each_other_end_without_being_interrupted() {
    run_freely(&twin("wait.livelock", folder().path()), "2", 0);
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
