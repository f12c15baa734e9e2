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
fn work_of_less_than_a_second_is_left_alone_so_that_the_run_repeats() {
    assert_eq!(OBSERVED.outcome.notes.iter().find(|note| note.contains("may not repeat")), None);
}

#[test]
fn work_without_an_end_is_interrupted_and_told_of_and_gets_all_its_registers_back() {
    let observed = DRIVER.run("working-for-long");
    assert_eq!(observed.line("registers"), "1 2 3 4 400921fb54442d18");
    assert_eq!(observed.line("rounds"), "many");
    assert!(observed.outcome.notes.iter().any(|note| note.contains("may not repeat")));
}

#[test]
fn a_step_that_waits_for_ever_is_found_beside_a_timer_that_goes_on() {
    let observed = DRIVER.run("beside-a-heartbeat");
    assert_eq!(observed.finding().rule, "wait.endless");
    assert!(observed.finding().message.contains("ten minutes"), "{}", observed.finding().message);
}
