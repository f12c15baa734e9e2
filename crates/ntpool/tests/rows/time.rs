//! Clocks, and calls with more stack.

use crate::observer::{Observed, Observer};
use ntpool::Machine;
use ntpool_types::Bytes;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("time");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn mach_169_clocks_have_their_units_and_beginnings_and_never_go_back() {
    assert_eq!(OBSERVED.line("counter"), "grows=1 frequency=10000000");
    let system: u64 = OBSERVED.line("system").parse().expect("a number");
    let year = 365 * 24 * 60 * 60 * 10_000_000_u64;
    assert!((420 * year..430 * year).contains(&system), "{system}");
    assert_eq!(OBSERVED.line("interrupt"), "grows=1 counter=1 since-1601=1");
    assert_eq!(OBSERVED.line("ticks"), "10 increment=156250");
    assert_eq!(OBSERVED.line("shown"), "1", "the shared page shows the time");
}

#[test]
fn reading_a_clock_takes_a_microsecond_and_a_stall_what_it_says() {
    assert_eq!(OBSERVED.line("stall"), "510");
    assert_eq!(OBSERVED.line("polled"), "1");
    assert_eq!(OBSERVED.line("local"), "1");
    assert_eq!(OBSERVED.line("mode"), "0 resolution=10000");
}

#[test]
fn mach_057_a_callout_has_the_stack_that_it_asks_for() {
    assert_eq!(OBSERVED.line("small"), "status=0 used=1");
    assert_eq!(OBSERVED.line("large"), "status=0 used=2");
    assert_eq!(OBSERVED.line("nested"), "status=0 used=3");
    assert_eq!(DRIVER.run("callout-dispatch").finding().rule, "irql.too-high");
}

#[test]
fn mach_058_the_extended_form_runs_at_dispatch_level_without_waiting_and_says_what_is_wrong() {
    assert_eq!(OBSERVED.line("too-large"), "status=c00000f1 used=3");
    assert_eq!(OBSERVED.line("dispatch"), "status=0 used=4");
    assert_eq!(OBSERVED.line("dispatch-wait"), "status=c00000f2 used=4");
    assert_eq!(OBSERVED.rules(), [""; 0]);
    assert_eq!(DRIVER.run("callout-ex-high").finding().rule, "irql.too-high");
    let deep = DRIVER.run("deep");
    assert_eq!(deep.line("deepest"), "status=c00000fd depth=16");
    assert_eq!(deep.line("afterwards"), "used=1");
    let without = DRIVER.run_on(&Machine::new().memory(Bytes::mib(16)), "without-memory");
    assert_eq!(without.line("no-memory"), "status=c0000017 used=0");
    assert_eq!(without.line("memory"), "status=0 used=1");
}
