//! Requests with a priority, while memory is used up.

use crate::observer::{Observed, Observer, unhandled_status};
use ntpool::{ExitStatus, Machine};
use ntpool_types::Bytes;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("priority");
static OLDER: LazyLock<Observed> = LazyLock::new(|| run("older"));
static NEWER: LazyLock<Observed> = LazyLock::new(|| run("newer"));

fn run(case: &str) -> Observed {
    DRIVER.run_on(&Machine::new().memory(Bytes::mib(16)), case)
}

/// How many pages a priority got, and which priorities were served afterwards.
fn used_up(observed: &Observed, priority: &str) -> (u64, u64) {
    let line = observed.line(priority).trim_start_matches("pages=");
    let (pages, served) = line.split_once(" served=").expect("two numbers");
    (pages.parse().expect("a number"), served.parse().expect("a number"))
}

/// The 4096 pages of the machine, less the few that it needs itself.
fn assert_about(pages: u64, expected: u64) {
    assert!((expected - 120..=expected).contains(&pages), "{pages} pages, not about {expected}");
}

#[test]
fn the_driver_that_uses_memory_up_commits_no_crime() {
    for observed in [&*OLDER, &*NEWER] {
        assert_eq!(observed.outcome.exit_status(), ExitStatus::Clean, "{:#?}", observed.outcome);
    }
}

// POOL-114 POOL-116 POOL-124
#[test]
fn pool_116_low_requests_fail_first_with_an_eighth_of_memory_left() {
    let (pages, served) = used_up(&OLDER, "low");
    assert_about(pages, 4096 / 8 * 7);
    assert_eq!(served, 0b110, "normal and high ones are served");
}

// POOL-117 POOL-124
#[test]
fn pool_117_normal_requests_fail_with_a_thirty_second_of_memory_left() {
    let (pages, served) = used_up(&OLDER, "normal");
    assert!((320..=400).contains(&pages), "{pages}");
    assert_eq!(served, 0b100, "high ones are served");
}

#[test]
fn pool_118_high_requests_fail_when_memory_has_run_out() {
    let (pages, served) = used_up(&OLDER, "high");
    assert!((100..=130).contains(&pages), "{pages}");
    assert_eq!(served, 0);
}

#[test]
fn pool_119_a_priority_is_served_whenever_a_lower_one_is() {
    assert_eq!(OLDER.line("fresh"), "served=7");
    for priority in ["low", "normal", "high"] {
        let (_, served) = used_up(&OLDER, priority);
        assert!([0b111, 0b110, 0b100, 0].contains(&served), "{served:b}");
    }
}

// POOL-067 POOL-080
#[test]
fn pool_067_080_a_priority_parameter_of_the_newer_routine_means_the_same() {
    for priority in ["low", "normal", "high"] {
        assert_eq!(NEWER.line(priority), OLDER.line(priority));
    }
}

// POOL-114 POOL-115
#[test]
fn pool_114_115_a_request_turned_away_for_its_priority_is_null_or_raises() {
    let raised = run("raise");
    assert!(!raised.told_of("survived"));
    assert_eq!(unhandled_status(&raised), 0xC000_009A);
    assert_eq!(OLDER.line("unlisted"), "0", "a number that is no priority");
}

// POOL-120 POOL-121 POOL-123
#[test]
fn pool_123_the_special_pool_variants_move_no_request_into_special_pool() {
    assert_eq!(OLDER.line("special"), "values=8,24,40,9,25,41 more-pages=0");
    assert_eq!(NEWER.line("special"), OLDER.line("special"));
}
