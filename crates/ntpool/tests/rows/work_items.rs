//! Work items.

use crate::observer::{Observed, Observer};
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

#[test]
fn work_of_one_priority_does_not_wait_for_work_of_another() {
    assert_eq!(OBSERVED.line("many"), "done=40 of 40");
}
