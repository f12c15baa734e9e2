//! Processors.

use crate::observer::{Observed, Observer};
use ntpool::Machine;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("processors");
static OBSERVED: LazyLock<Observed> =
    LazyLock::new(|| DRIVER.run_on(&Machine::new().processors(4), "observe"));

#[test]
fn processors_are_counted_and_numbered_in_one_group() {
    assert_eq!(OBSERVED.line("count"), "4 mask=f max=4 all=4 none=0");
    assert_eq!(OBSERVED.line("groups"), "1 1 affinity=f");
    assert_eq!(OBSERVED.line("number"), "0 0.1 index=1");
    assert_eq!(OBSERVED.line("no-number"), "c000000d index=ffffffff");
}

#[test]
fn a_thread_goes_on_where_its_affinity_allows() {
    assert_eq!(OBSERVED.line("moved"), "2 2");
    assert_eq!(OBSERVED.line("moved-ex"), "1 former=4");
    assert_eq!(OBSERVED.line("moved-group"), "3 previous=0");
}

#[test]
fn a_call_of_all_processors_runs_once_on_each_at_the_level_of_such_calls() {
    for seed in 1..8 {
        let observed = DRIVER.run_on(&Machine::new().processors(4).seed(seed), "observe");
        assert_eq!(observed.line("everywhere"), "value=42 runs=4 on=f level=14 before=0 after=0");
        assert_eq!(observed.rules(), [""; 0]);
    }
}

/// Runs a case whose loops wait for each other, under several schedules.
fn ends_with(case: &str, processors: u32, subject: &str, expected: &str) {
    for seed in 0..4 {
        let observed = DRIVER.run_on(&Machine::new().processors(processors).seed(seed), case);
        assert_eq!(observed.rules(), [""; 0], "{case} on {processors} processors, seed {seed}");
        assert_eq!(observed.line(subject), expected, "{case} on {processors} processors, seed {seed}");
    }
}

#[test]
fn processors_that_a_call_brought_together_can_wait_for_each_other() {
    ends_with("barrier", 2, "barrier", "met=4 most=2 of 2");
    ends_with("barrier", 3, "barrier", "met=6 most=3 of 3");
    ends_with("barrier", 4, "barrier", "met=8 most=4 of 4");
}

#[test]
fn a_deferred_call_can_wait_for_another_processors() {
    ends_with("calls", 3, "calls", "met=4");
}

#[test]
fn deferred_calls_and_a_thread_can_wait_for_each_other() {
    ends_with("joined", 3, "calls", "met=6");
}
