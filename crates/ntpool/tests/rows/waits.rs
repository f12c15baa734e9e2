//! Waiting, semaphores, mutexes and regions.

use crate::observer::{Observed, Observer, bug_check, unhandled_status};
use ntpool_types::NtStatus;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("waits");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn mach_144_a_wait_is_allowed_up_to_apc_level_and_a_look_up_to_dispatch_level() {
    assert_eq!(OBSERVED.line("at-apc"), "status=102");
    assert_eq!(OBSERVED.line("at-dispatch"), "status=102 state=0");
    assert_eq!(OBSERVED.rules(), Vec::<&str>::new());
    let waits = DRIVER.run("forever-at-dispatch");
    assert_eq!((waits.finding().rule.as_str(), waits.finding().irql), ("wait.irql", 2));
    let looks = DRIVER.run("look-above-dispatch");
    assert_eq!((looks.finding().rule.as_str(), looks.finding().irql), ("wait.irql", 5));
}

/// A part of MACH-145; that absolute times follow changes of the system time is the other.
#[test]
fn a_time_out_is_none_a_look_a_time_from_now_or_a_system_time() {
    assert_eq!(OBSERVED.line("forever"), "status=0 state=0");
    assert_eq!(OBSERVED.line("test-busy"), "status=102 success=1 time=0");
    assert_eq!(OBSERVED.line("test-free"), "status=0 success=1 time=0");
    assert_eq!(OBSERVED.line("relative"), "status=102 success=1 time=250000");
    assert_eq!(OBSERVED.line("absolute"), "status=102 success=1 time=30000000");
    assert_eq!(OBSERVED.line("absolute-past"), "status=102 success=1 time=0");
}

#[test]
fn mach_146_every_status_of_a_wait_counts_as_success() {
    assert_eq!(OBSERVED.line("test-free"), "status=0 success=1 time=0");
    assert_eq!(OBSERVED.line("test-busy"), "status=102 success=1 time=0");
    assert_eq!(OBSERVED.line("alert-during"), "status=101");
    for (status, value) in [(NtStatus::ALERTED, 0x101), (NtStatus::USER_APC, 0xC0)] {
        assert_eq!(status.0, value);
        assert!(status.is_success());
    }
}

#[test]
fn an_alert_ends_an_alertable_wait_or_the_next_one_and_no_other() {
    assert_eq!(OBSERVED.line("alert-before"), "deaf=0 alertable=101");
    assert_eq!(OBSERVED.line("alert-deaf"), "ended=0");
    assert_eq!(OBSERVED.line("alert-kept"), "status=101");
    assert_eq!(OBSERVED.line("alert-during"), "status=101");
    assert_eq!(OBSERVED.line("alert-ended"), "status=0");
    assert_eq!(OBSERVED.line("alert-process"), "status=c0000024");
}

#[test]
fn mach_147_a_mutex_or_an_object_on_the_stack_is_waited_for_in_kernel_mode() {
    let observed = DRIVER.run("mutex-in-user-mode");
    assert_eq!(observed.finding().rule, "object.pageable");
    assert!(observed.finding().message.contains("a mutex"), "{}", observed.finding().message);
    assert_eq!(DRIVER.run("event-in-user-mode").rules(), Vec::<&str>::new(), "a static event may be");
}

#[test]
fn mach_148_three_objects_are_waited_for_without_wait_blocks_and_64_with_them() {
    assert_eq!(OBSERVED.line("all-of-three"), "status=0 states=0,0,0");
    assert_eq!(OBSERVED.line("any-of-64"), "status=3f");
    assert_eq!(bug_check(DRIVER.run("four-objects").finding()), (0xC, [0; 4]));
    assert_eq!(bug_check(DRIVER.run("many-objects").finding()), (0xC, [0; 4]));
}

/// A part of MACH-149, which is about abandoned mutexes too.
#[test]
fn a_wait_for_any_returns_the_place_of_the_object_that_it_took() {
    assert_eq!(
        OBSERVED.line("not-all-of-three"),
        "status=102 states=0,1,0",
        "none is taken before all can be"
    );
    assert_eq!(OBSERVED.line("any-of-three"), "status=1 states=0,0,1");
}

#[test]
fn mach_153_a_mutex_is_released_as_often_as_it_was_acquired() {
    assert_eq!(OBSERVED.line("mutex"), "first=1 returned=1,1,0 last=1");
}

#[test]
fn mach_154_owning_a_mutex_holds_normal_procedure_calls_back() {
    assert_eq!(OBSERVED.line("mutex-apcs"), "before=0 owned=1 after=0");
    assert_eq!(OBSERVED.line("owner"), "this=1 all=0");
    assert_eq!(OBSERVED.line("other"), "status=102");
    assert_eq!(OBSERVED.line("no-owner"), "this=0");
}

#[test]
fn mach_155_releasing_a_mutex_that_one_does_not_own_raises_the_status_that_the_headers_know() {
    assert_eq!(unhandled_status(&DRIVER.run("not-owner")), 0xC000_0046);
}

#[test]
fn mach_152_a_mutex_or_a_semaphore_is_released_up_to_dispatch_level_and_can_announce_a_wait() {
    assert_eq!(OBSERVED.line("announced"), "mutex=2,0 semaphore=2,0");
    assert_eq!(OBSERVED.rules(), Vec::<&str>::new(), "the levels are right");
    for case in ["mutex-above-dispatch", "semaphore-above-dispatch"] {
        let observed = DRIVER.run(case);
        assert_eq!(
            (observed.finding().rule.as_str(), observed.finding().irql),
            ("irql.too-high", 5),
            "{case}"
        );
    }
}

#[test]
fn mach_156_releasing_a_semaphore_past_its_limit_raises_and_leaves_its_count() {
    assert_eq!(OBSERVED.line("over-limit"), "raised=1 count=1 again=0 full=3");
    assert_eq!(OBSERVED.line("semaphore"), "before=1 then=2 waits=0,0,102");
    assert_eq!(unhandled_status(&DRIVER.run("over-limit")), 0xC000_0047);
}

#[test]
fn mach_185_regions_nest_and_hold_procedure_calls_back() {
    assert_eq!(OBSERVED.line("regions"), "critical=1,0 guarded=1,1 none=0,0");
    assert_eq!(DRIVER.run("critical-not-entered").finding().rule, "apc.region-not-entered");
}
