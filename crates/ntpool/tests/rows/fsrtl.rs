//! The file system library's pool routines, and the one that must not be used.

use crate::observer::{Observed, Observer, unhandled_status};
use ntpool::{ExitStatus, LimitKind};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("fsrtl");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn the_driver_that_observes_commits_no_crime() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
    assert_eq!(OBSERVED.tag("Plan", "paged"), Some((1, 1, 0)));
    assert_eq!(OBSERVED.tag("Quot", "nonpaged"), Some((1, 1, 0)));
}

#[test]
fn pool_218_the_file_system_routines_raise_for_want_of_memory_whatever_their_type_says() {
    for case in ["raise", "raise-quota"] {
        let observed = DRIVER.run(case);
        assert!(!observed.told_of("survived"), "{case}");
        assert_eq!(unhandled_status(&observed), 0xC000_009A, "{case}");
    }
}

#[test]
fn pool_219_they_demand_a_tag_and_a_length_and_leave_memory_as_it_is() {
    assert_eq!(OBSERVED.line("zero"), "plain=0 quota=0");
    let observed = DRIVER.run("wrong");
    assert_eq!(observed.rules(), ["pool.bad-tag", "pool.zero-length", "pool.bad-tag"]);
}

#[test]
fn pool_220_the_query_of_a_blocks_size_is_refused_and_says_why() {
    let observed = DRIVER.run("size");
    assert!(!observed.told_of("survived"));
    let limit = &observed.outcome.limits[0];
    assert_eq!(limit.kind, LimitKind::RefusedExport);
    assert!(limit.message.contains("obsolete"), "{}", limit.message);
}
