//! Deferred procedure calls.

use crate::observer::{Observed, Observer};
use ntpool::Machine;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("dpcs");
static OBSERVED: LazyLock<Observed> =
    LazyLock::new(|| DRIVER.run_on(&Machine::new().processors(1), "observe"));

#[test]
fn mach_162_a_call_that_is_queued_is_not_queued_again() {
    assert_eq!(OBSERVED.line("queued"), "first=1 twice=0 calls=0");
    assert_eq!(OBSERVED.line("removed"), "1 twice=0 calls=1");
    assert_eq!(OBSERVED.line("itself"), "queued=1 calls=2");
}

#[test]
fn mach_163_a_call_runs_at_dispatch_level_with_what_it_was_queued_with() {
    assert_eq!(OBSERVED.line("ran"), "calls=1 level=2 arguments=1");
    assert_eq!(OBSERVED.line("object"), "type=19 size=64");
}

#[test]
fn a_call_of_high_importance_goes_first_and_a_flush_waits_for_one_of_low_importance() {
    assert_eq!(OBSERVED.line("importance"), "312");
    assert_eq!(OBSERVED.line("flushed"), "5");
}

#[test]
fn a_threaded_call_runs_at_passive_level() {
    assert_eq!(OBSERVED.line("threaded"), "type=24 level=0");
    assert_eq!(OBSERVED.rules(), [""; 0]);
}

#[test]
fn a_call_runs_on_the_processor_that_it_is_for() {
    let observed = DRIVER.run_on(&Machine::new().processors(4), "others");
    assert_eq!(observed.line("target"), "3");
    assert_eq!(observed.line("target-ex"), "2 status=0 missing=c000000d");
    assert_eq!(observed.rules(), [""; 0]);
}
