//! Timers.

use crate::observer::{Observed, Observer};
use ntpool::Machine;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("timers");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn mach_158_setting_a_timer_says_whether_it_was_set_and_forgets_the_time_and_the_call_it_had() {
    assert_eq!(OBSERVED.line("set"), "first=0 again=1 state=0");
    assert_eq!(OBSERVED.line("expired"), "calls=1 late=1 level=2 state=1 shown=1");
    assert_eq!(OBSERVED.line("no-dpc"), "again=1 calls=1 state=1");
}

/// A part of MACH-145 for timers: what a positive time means.
#[test]
fn a_timer_is_set_to_a_system_time_too() {
    assert_eq!(OBSERVED.line("absolute-before"), "0");
    assert_eq!(OBSERVED.line("absolute"), "calls=2 state=1");
}

#[test]
fn mach_159_a_notification_timer_stays_signalled_until_set_again_and_a_synchronization_timer_lets_one_go() {
    assert_eq!(OBSERVED.line("notification-waits"), "expired=1 waits=0,0 then=1 set=0");
    assert_eq!(OBSERVED.line("synchronization-waits"), "expired=1 waits=0,102 then=0 set=0");
}

/// A part of MACH-160: what needs more than one processor is below.
#[test]
fn a_periodic_timer_stays_set_until_it_is_cancelled() {
    assert_eq!(OBSERVED.line("periodic"), "calls=4");
    assert_eq!(OBSERVED.line("coalescable"), "calls=1");
}

#[test]
fn mach_160_the_call_of_a_periodic_timer_runs_on_two_processors_at_once() {
    let most = |seed| {
        let observed = DRIVER.run_on(&Machine::new().processors(2).seed(seed), "overlapping");
        let line = observed.line("overlapping").to_owned();
        assert!(line.starts_with("many=1") && line.ends_with("in=0"), "{line}");
        line.contains("most=2")
    };
    assert!((1..16).any(most));
}

#[test]
fn mach_161_cancelling_says_whether_the_timer_was_set() {
    assert_eq!(OBSERVED.line("cancel"), "1 again=0 calls=1");
    assert_eq!(OBSERVED.line("cancel-expired"), "0");
    assert_eq!(OBSERVED.line("periodic-cancel"), "1 calls=0 again=0");
}

#[test]
fn mach_173_a_timer_s_header_tells_its_kind_and_size() {
    assert_eq!(OBSERVED.line("header"), "type=8 size=64");
    assert_eq!(OBSERVED.line("synchronization"), "type=9");
}

#[test]
fn an_allocated_timer_calls_at_dispatch_level_and_is_deleted_with_a_call() {
    assert_eq!(OBSERVED.line("allocated"), "set=0 again=1 calls=3 level=2");
    assert_eq!(OBSERVED.line("allocated-cancel"), "1 again=0");
    assert_eq!(OBSERVED.line("allocated-delete"), "1 deleted=1");
}

#[test]
fn threads_wait_for_an_allocated_timer_which_lets_one_go_or_stays_signalled_by_its_attributes() {
    assert_eq!(OBSERVED.line("allocated-waits"), "type=9 waits=0,102 late=1");
    assert_eq!(OBSERVED.line("allocated-precise-waits"), "type=9 waits=0,102 late=1");
    assert_eq!(OBSERVED.line("allocated-notification-waits"), "type=8 waits=0,0 late=1");
}

#[test]
fn a_deletion_that_waits_comes_back_when_the_timer_s_routine_has() {
    for seed in 1..8 {
        let observed = DRIVER.run_on(&Machine::new().processors(2).seed(seed), "delete-wait");
        assert_eq!(observed.line("deleted"), "calls=1 in=0", "seed {seed}");
        assert_eq!(observed.rules(), [""; 0]);
    }
}

#[test]
fn a_device_s_timer_calls_once_a_second_until_it_is_stopped_or_the_device_is_deleted() {
    assert_eq!(OBSERVED.line("device-timer"), "status=0 shown=1");
    assert_eq!(OBSERVED.line("device-calls"), "3 level=2");
    assert_eq!(OBSERVED.line("device-stopped"), "3");
    assert_eq!(OBSERVED.rules(), [""; 0]);
}
