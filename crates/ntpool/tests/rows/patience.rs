//! Drivers that wait in unusual ways, which are nobody's crime, and one that waits for ever.

use crate::observer::{Observed, Observer};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("patience");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn time_passes_for_who_polls_an_object_or_a_clock() {
    assert_eq!(OBSERVED.line("polled"), "set");
    assert_eq!(OBSERVED.line("clock"), "passed");
}

#[test]
fn two_loops_that_hand_over_to_each_other_are_no_livelock() {
    assert_eq!(OBSERVED.line("hand-over"), "4");
}

#[test]
fn a_loop_that_counts_in_memory_alone_works_and_is_not_stopped() {
    assert_eq!(OBSERVED.line("counted"), "100000000");
}

#[test]
fn calls_within_calls_go_as_deep_as_the_kernel_stack_lets_them() {
    assert_eq!(OBSERVED.line("nested"), "deepest=100");
}

#[test]
fn interrupted_work_gets_all_its_registers_back() {
    assert_eq!(OBSERVED.line("registers"), "1 2 3 4 400921fb54442d18");
}

#[test]
fn a_step_that_waits_for_ever_is_found_beside_a_timer_that_goes_on() {
    let observed = DRIVER.run("beside-a-heartbeat");
    assert_eq!(observed.finding().rule, "wait.endless");
    assert!(observed.finding().message.contains("ten minutes"), "{}", observed.finding().message);
}
