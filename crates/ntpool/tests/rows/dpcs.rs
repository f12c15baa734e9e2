//! Deferred procedure calls.

use crate::observer::{Observed, Observer, bug_check};
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

#[test]
fn mach_048_a_wait_an_attachment_and_a_yield_in_a_call_stop_with_the_thread_the_next_one_and_the_stack() {
    for (case, deed) in [("waits", "waited"), ("attaches", "attached to a process"), ("yields", "yielded")] {
        let observed = DRIVER.run_on(&Machine::new().processors(1), case);
        let finding = observed.finding();
        let (code, [thread, next, stack, _]) = bug_check(finding);
        assert_eq!((finding.rule.as_str(), code), ("wait.irql", 0xB8), "{case}");
        let number = |subject: &str| observed.line(subject).parse::<u64>().expect("a number");
        assert_eq!(thread, number("thread"), "{case}");
        assert!(next != 0 && next != thread, "{case}: {next:#x}");
        // The stack begins at its highest address, a page or so above what lives on it.
        let local = number("stack");
        assert!((local..local + 0x1000).contains(&stack), "{case}: {stack:#x} and {local:#x}");
        let told = format!("a deferred procedure call {deed}; it had interrupted the thread");
        assert!(finding.message.starts_with(&told), "{case}: {}", finding.message);
        assert!(!observed.told_of("survived"), "{case}");
    }
    let observed = DRIVER.run("switches");
    assert_eq!((observed.line("attached"), observed.line("yielded")), ("same=1", "0"));
    assert_eq!(observed.rules(), [""; 0]);
}
