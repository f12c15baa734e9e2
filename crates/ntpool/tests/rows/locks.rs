//! Spin locks of all kinds, what they guard, fast and guarded mutexes, push locks.

use crate::observer::{Observed, Observer, bug_check};
use ntpool::Machine;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("locks");
static OBSERVED: LazyLock<Observed> =
    LazyLock::new(|| DRIVER.run_on(&Machine::new().processors(2), "observe"));

#[test]
fn the_driver_does_nothing_wrong() {
    assert_eq!(OBSERVED.rules(), Vec::<&str>::new(), "{:#?}", OBSERVED.outcome.findings);
}

/// A part of MACH-170, by way of a handle.
#[test]
fn a_queued_spin_lock_raises_to_dispatch_level_and_gives_the_old_level_back() {
    assert_eq!(OBSERVED.line("queued"), "irql=2 saved=0 free=0");
    assert_eq!(OBSERVED.line("queued-after"), "irql=0 free=1");
    assert_eq!(OBSERVED.line("for-dpc"), "saved=2 irql=2 held=0 free=1");
    let twice = DRIVER.run("queued-handle-twice");
    assert_eq!(bug_check(twice.finding()).0, 0x10);
}

#[test]
fn readers_share_a_spin_lock_and_the_only_one_can_become_the_writer() {
    assert_eq!(OBSERVED.line("shared"), "irql=2 converted=1 again=1 after=0 word=0");
}

#[test]
fn interlocked_routines_give_back_what_was_there_before() {
    for subject in ["interlocked-lists", "interlocked-stack", "interlocked-numbers"] {
        assert_eq!(OBSERVED.line(subject), "1", "{subject}");
    }
    let held = DRIVER.run("interlocked-held");
    assert_eq!(bug_check(held.finding_of("lock.spin-recursive")), (0xF, [0; 4]));
}

#[test]
fn locks_keep_others_out_on_two_processors_whatever_the_schedule() {
    let again = DRIVER.run_on(&Machine::new().processors(2).seed(7), "observe");
    for observed in [&*OBSERVED, &again] {
        for subject in ["queued", "exclusive", "fast", "guarded", "pushed"] {
            assert_eq!(observed.line(&format!("count-{subject}")), "counted=32 of 32");
        }
    }
}

#[test]
fn mach_181_a_fast_mutex_holds_its_owner_at_apc_level_and_saves_the_old_level() {
    assert_eq!(OBSERVED.line("fast-from-passive"), "inside=1 saved=0 after=0 count=0 owned=1");
    assert_eq!(OBSERVED.line("fast-from-apc"), "inside=1 saved=1 after=1 count=0 owned=1");
    assert_eq!(OBSERVED.line("fast-try"), "held=0/0 free=1/1");
    let low = DRIVER.run("fast-released-low");
    assert_eq!(low.finding().rule, "irql.too-low");
    let high = DRIVER.run("fast-acquired-high");
    assert_eq!(high.rules()[0], "irql.too-high");
}

#[test]
fn two_processors_that_wait_for_each_others_spin_locks_are_told_of_as_a_deadlock() {
    let observed = DRIVER.run_on(&Machine::new().processors(3), "deadlock");
    assert_eq!(observed.rules(), ["lock.order", "wait.deadlock"]);
    let message = &observed.outcome.findings[1].message;
    assert_eq!(message.matches("spins on processor").count(), 2, "{message}");
}

/// A part of MACH-181 that drivers may do without: in a critical region the level stays.
#[test]
fn a_fast_mutex_in_a_critical_region_leaves_the_level_alone() {
    assert_eq!(OBSERVED.line("fast-unsafe"), "irql=0 disabled=1");
}

#[test]
fn mach_182_a_guarded_mutex_disables_all_procedure_calls() {
    assert_eq!(OBSERVED.line("guarded"), "before=0 during=1 after=0 irql=0 tried=1");
}

#[test]
fn mach_184_a_push_lock_may_lie_in_paged_memory_and_is_shared() {
    assert_eq!(OBSERVED.line("shared-pushed"), "several=1");
}
