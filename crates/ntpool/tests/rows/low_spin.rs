//! Spin locks that are taken too low belong to the thread, not to the processor that happens to run it.

use crate::observer::Observer;
use ntpool::Machine;

static DRIVER: Observer = Observer::new("low-spin");

#[test]
fn whoever_spins_at_dispatch_level_keeps_the_holder_from_the_only_processor() {
    let observed = DRIVER.run_on(&Machine::new().processors(1), "one-processor");
    assert_eq!(observed.rules(), ["irql.too-low", "wait.endless"]);
    let message = &observed.finding_of("wait.endless").message;
    assert!(message.contains("spins on processor 0 for a spin lock"), "{message}");
    assert!(message.contains("that runs HoldForLong"), "{message}");
}

#[test]
fn another_processor_lets_the_holder_go_on() {
    let observed = DRIVER.run_on(&Machine::new().processors(2), "two-processors");
    assert_eq!(observed.rules(), ["irql.too-low"]);
    assert_eq!((observed.line("holder"), observed.line("second")), ("released", "taken"));
}

#[test]
fn a_thread_that_spins_below_dispatch_level_gives_way_to_the_holder() {
    let observed = DRIVER.run("both-low");
    assert_eq!(observed.rules(), ["irql.too-low"; 2]);
    assert_eq!((observed.line("holder"), observed.line("second")), ("released", "taken"));
}

#[test]
fn processors_that_run_free_let_each_other_go_on_meanwhile() {
    let observed = DRIVER.run_on(&Machine::new().processors(2).free_running(true), "both-low");
    assert_eq!((observed.line("holder"), observed.line("second")), ("released", "taken"));
    assert!(observed.rules().iter().all(|&rule| rule == "irql.too-low"), "{:?}", observed.rules());
}

#[test]
fn whoever_spins_in_vain_is_found_with_the_lock_and_its_holder() {
    for (case, rest) in [("for-ever", "nobody is left"), ("beside-a-heartbeat", "ten minutes")] {
        let observed = DRIVER.run(case);
        assert_eq!(observed.rules(), ["irql.too-low", "irql.too-low", "wait.endless"], "{case}");
        let message = &observed.finding_of("wait.endless").message;
        for words in ["for a spin lock at", "that runs HoldForLong (", rest] {
            assert!(message.contains(words), "{case}: {message}");
        }
    }
}

#[test]
fn another_thread_of_the_processor_ends_without_the_holders_lock() {
    assert_eq!(DRIVER.run("another-thread-ends").rules(), ["irql.too-low"]);
}
