//! The pool quota of a process.

use crate::observer::{Observed, Observer, unhandled_status};
use ntpool::{ExitStatus, Machine};
use ntpool_types::Bytes;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("quota");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| run("observe"));

/// Three eighths of so small a machine's memory, for each kind of pool, are used up soon.
fn run(case: &str) -> Observed {
    DRIVER.run_on(&Machine::new().memory(Bytes::mib(16)), case)
}

#[test]
fn the_driver_that_observes_commits_no_crime() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
}

#[test]
fn pool_099_the_quota_routines_charge_the_current_process() {
    let used_up: u64 = OBSERVED.line("used-up").trim_start_matches("bytes=").parse().expect("a number");
    let limit = Bytes::mib(12).0;
    assert!((limit - 4000..=limit).contains(&used_up), "{used_up}");
    assert_eq!(OBSERVED.line("charged"), "flags=0 tagged=0");
    assert_eq!(OBSERVED.line("given-back"), "flags=1", "a freed block's charge is given back");
}

// POOL-043 POOL-184
#[test]
fn pool_043_quota_is_charged_only_where_the_flag_asks_for_it() {
    assert_eq!(OBSERVED.line("uncharged"), "flags=1 types=1");
    assert_eq!(OBSERVED.line("charged"), "flags=0 tagged=0");
}

#[test]
fn pool_041_a_charge_that_fails_is_null_with_flags_and_raises_with_types() {
    assert_eq!(OBSERVED.line("charged"), "flags=0 tagged=0");
    assert_eq!(unhandled_status(&run("raise-tagged")), 0xC000_009A);
}

// POOL-111
#[test]
fn pool_100_the_untagged_quota_routine_raises() {
    let observed = run("raise-plain");
    assert!(!observed.told_of("survived"));
    assert_eq!(unhandled_status(&observed), 0xC000_009A);
}

// POOL-101 POOL-111 POOL-196
#[test]
fn pool_101_the_tagged_quota_routine_raises_unless_told_to_fail() {
    let observed = run("raise-tagged");
    assert!(!observed.told_of("survived"));
    assert_eq!(unhandled_status(&observed), 0xC000_009A);
    assert_eq!(OBSERVED.line("charged"), "flags=0 tagged=0");
}

// POOL-102 POOL-103
#[test]
fn pool_102_no_quota_is_charged_from_a_page_on() {
    assert_eq!(OBSERVED.line("page"), "below=0 tagged=1 flags=1");
}
