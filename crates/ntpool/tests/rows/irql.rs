//! Levels, spin locks and delays.

use crate::observer::{Observed, Observer, bug_check};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("irql");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn mach_142_the_levels_have_the_numbers_of_x64() {
    for (name, level) in [("passive", 0), ("apc", 1), ("dispatch", 2), ("clock", 13), ("high", 15)] {
        assert_eq!(OBSERVED.line(name), format!("old=0 now={level} cr8={level} after=0"), "{name}");
    }
    // The machine's names for them, as a report shows them.
    let message = &DRIVER.run("delay-levels").outcome.findings[0].message;
    assert!(message.contains("DISPATCH_LEVEL") && message.contains("APC_LEVEL"), "{message}");
}

#[test]
fn mach_157_a_delay_is_relative_when_negative_and_allowed_up_to_apc_level() {
    assert_eq!(OBSERVED.line("relative"), "status=0 interrupt=250000 system=250000");
    let observed = DRIVER.run("delay-levels");
    assert_eq!(observed.finding().rule, "wait.irql");
    assert_eq!(observed.finding().irql, 2, "at APC_LEVEL nothing was wrong");
}

/// A part of MACH-145, which is about waits: what a positive time means.
#[test]
fn a_delay_is_until_a_system_time_when_positive_and_over_at_once_when_that_has_passed() {
    assert_eq!(OBSERVED.line("absolute"), "status=0 interrupt=30000000 system=30000000");
    assert_eq!(OBSERVED.line("absolute-past"), "status=0 interrupt=0 system=0");
}

/// A part of MACH-169: the times of the shared page, without the routines.
#[test]
fn the_system_time_counts_from_1601_and_the_interrupt_time_from_the_start() {
    let start: u64 = OBSERVED.line("clock-start").parse().expect("a number");
    let year = 365 * 24 * 60 * 60 * 10_000_000_u64;
    assert!((420 * year..430 * year).contains(&start), "{start}");
}

#[test]
fn mach_170_a_spin_lock_raises_to_dispatch_level_and_gives_the_old_level_back() {
    for (from, level) in [("passive", 0), ("apc", 1), ("dispatch", 2)] {
        let line = OBSERVED.line(&format!("lock-from-{from}")).to_owned();
        assert_eq!(line, format!("old={level} inside=2 after={level}"));
    }
    let above = DRIVER.run("lock-above-dispatch");
    assert_eq!(above.rules()[0], "irql.too-high");
    let below = DRIVER.run("release-below-dispatch");
    assert_eq!(below.finding().rule, "irql.too-low");
}

#[test]
fn mach_171_a_lock_that_is_acquired_twice_is_bug_check_f_without_parameters() {
    assert_eq!(bug_check(DRIVER.run("lock-twice").finding()), (0xF, [0; 4]));
}
