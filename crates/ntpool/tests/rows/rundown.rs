//! What keeps objects from going away: rundown protection and remove locks.

use crate::observer::{Observed, Observer};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("rundown");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn mach_186_nobody_gets_protection_from_the_beginning_of_the_run_down() {
    assert_eq!(OBSERVED.rules(), Vec::<&str>::new());
    assert_eq!(OBSERVED.line("acquired"), "first=1 raised=1");
    assert_eq!(OBSERVED.line("run-down"), "acquired=0 waited=1 done=1 after=0");
    assert_eq!(OBSERVED.line("again"), "acquired=1");
}

#[test]
fn protection_that_is_kept_for_each_processor_apart_is_the_same_to_a_driver() {
    assert_eq!(OBSERVED.line("spread"), "first=1 during=0 done=1 again=1");
    assert_eq!(OBSERVED.line("spread-own"), "acquired=1");
}

#[test]
fn a_remove_lock_holds_the_removal_up_until_its_last_holder_lets_it_go() {
    let line = OBSERVED.line("remove-lock");
    assert_eq!(line, "first=0 held=3 during=c0000056 waited=1 done=1 removed=1 left=0");
}

#[test]
fn everybody_who_waits_for_a_run_down_or_a_removal_goes_on_at_its_end() {
    assert_eq!(OBSERVED.line("two-run-down"), "early=0 woken=2");
    assert_eq!(OBSERVED.line("two-removed"), "early=0 woken=2");
}
