//! Work items.

use crate::observer::{Observed, Observer, bug_check};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("work-items");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn mach_164_a_work_item_is_dequeued_before_its_routine_which_may_free_it_or_queue_it_again() {
    assert_eq!(OBSERVED.line("executive"), "calls=1 level=0 other-thread=1");
    assert_eq!(OBSERVED.line("again"), "calls=3");
    assert_eq!(OBSERVED.line("device"), "calls=4 level=0 there=1");
    assert_eq!(OBSERVED.line("extended"), "calls=5 there=1");
    assert_eq!(OBSERVED.rules(), [""; 0]);
}

#[test]
fn mach_165_a_queued_work_item_keeps_its_device_and_the_image() {
    assert_eq!(OBSERVED.line("kept"), "there=1");
    assert_eq!(DRIVER.run("unload").rules(), [""; 0]);
    assert_eq!(DRIVER.run("no-memory").line("no-memory"), "1");
}

// MACH-044 MACH-045
#[test]
fn mach_044_045_what_a_routine_leaves_behind_stops_with_the_routine_its_parameter_and_its_item() {
    let observed = DRIVER.run("returns-raised");
    let (code, [routine, level, parameter, item]) = bug_check(observed.finding());
    assert_eq!((code, level, parameter), (0xE1, 2, 42));
    assert_eq!(observed.line("item"), format!("routine={routine:016X} item={item:016X}"));

    let observed = DRIVER.run("returns-owning");
    let (code, [routine, parameter, item, _]) = bug_check(observed.finding());
    assert_eq!((code, parameter), (0x39, 42));
    assert_eq!(observed.line("item"), format!("routine={routine:016X} item={item:016X}"));
}

#[test]
fn work_of_one_priority_does_not_wait_for_work_of_another() {
    assert_eq!(OBSERVED.line("many"), "done=40 of 40");
}
