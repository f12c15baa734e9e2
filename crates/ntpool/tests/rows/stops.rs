//! Stops that a driver calls for, and those that traps, fast fails and lists out of order make.

use crate::observer::{Observed, Observer, bug_check};
use ntpool::Phase;

static DRIVER: Observer = Observer::new("stops");

#[test]
fn mach_041_a_stop_that_is_called_for_works_at_any_level_and_does_not_return() {
    for (case, level) in
        [("at-passive", 0), ("at-apc", 1), ("at-dispatch", 2), ("at-high", 15), ("in-dpc", 2)]
    {
        let observed = DRIVER.run(case);
        let finding = observed.finding();
        assert_eq!(finding.rule, "driver.bug-check", "{case}");
        assert_eq!(bug_check(finding), (0xDEAD, [1, 2, 3, 4]), "{case}");
        assert_eq!(finding.irql, level, "{case}");
        assert!(!observed.told_of("came-back"), "{case}");
    }
    assert_eq!(DRIVER.run("in-dpc").finding().phase, Phase::Dpc);
}

#[test]
fn mach_035_a_stack_cookie_that_does_not_match_is_told_with_both_values() {
    let observed = DRIVER.run("cookie");
    let finding = observed.finding();
    assert_eq!(finding.rule, "stack.cookie");
    assert_eq!(bug_check(finding), (0xF7, [0x1234, 0x5678, !0x5678, 0]));
    assert_eq!(finding.message, "the stack cookie was 0x1234 where 0x5678 was expected");
}

/// The numbers that the driver printed about `subject`, in hex.
#[track_caller]
fn addresses<const COUNT: usize>(observed: &Observed, subject: &str) -> [u64; COUNT] {
    let words = observed.line(subject).split(' ');
    let all: Vec<u64> = words.map(|word| u64::from_str_radix(word, 16).expect("hex")).collect();
    all.try_into().expect("as many as are wanted")
}

/// The stop of a run that an unhandled exception ended, told at DISPATCH_LEVEL if `raised`; the instruction is given as
/// whether it lies in the function that the driver names as the one at `place`.
#[track_caller]
fn unhandled(observed: &Observed, raised: bool, place: usize) -> (u64, u64, bool, [u64; 2]) {
    assert!(!observed.told_of("came-back") && !observed.outcome.unloaded);
    let finding = observed.outcome.findings.last().expect("a finding");
    assert_eq!(finding.irql, if raised { 2 } else { 0 });
    let (code, [exception, instruction, third, fourth]) = bug_check(finding);
    let function = addresses::<3>(observed, "places")[place];
    (code, exception, (function..function + 0x80).contains(&instruction), [third, fourth])
}

const RAISE: usize = 0;
const DIVIDE: usize = 1;

// MACH-026 MACH-027
#[test]
fn mach_028_an_exception_that_a_deferred_call_leaves_unhandled_is_1e_with_its_first_two_parameters() {
    let observed = DRIVER.run("raise-in-dpc");
    let stop = (0x1E, 0xFFFF_FFFF_E000_0001, true, [0x1234, 0x5678]);
    assert_eq!(unhandled(&observed, true, RAISE), stop);
    assert_eq!(observed.rules(), ["irql.too-high", "driver.unhandled-exception"]);
    let observed = DRIVER.run("divide-in-dpc");
    assert_eq!(unhandled(&observed, true, DIVIDE), (0x1E, 0xFFFF_FFFF_C000_0094, true, [0, 0]));
    assert_eq!(observed.rules(), ["cpu.divide-by-zero"]);
}

// MACH-026
#[test]
fn mach_027_an_exception_that_a_thread_leaves_unhandled_is_7e_with_its_record_and_the_registers_at_any_level()
{
    let observed = DRIVER.run("divide-shown");
    let shown = addresses::<2>(&observed, "shown");
    assert_eq!(unhandled(&observed, false, DIVIDE), (0x7E, 0xFFFF_FFFF_C000_0094, true, shown));
    let observed = DRIVER.run("raise-at-dispatch-in-thread");
    let (code, exception, is_there, [record, context]) = unhandled(&observed, true, RAISE);
    assert_eq!((code, exception, is_there), (0x7E, 0xFFFF_FFFF_E000_0001, true));
    assert_eq!(record, addresses::<3>(&observed, "places")[2], "the record that the driver raised");
    assert!(context != 0 && context != record);
    let observed = DRIVER.run("divide-at-dispatch-in-thread");
    let (code, exception, is_there, [record, context]) = unhandled(&observed, true, DIVIDE);
    assert_eq!((code, exception, is_there), (0x7E, 0xFFFF_FFFF_C000_0094, true));
    assert!(record != 0 && context != 0 && context != record);
}

#[test]
fn mach_013_at_dispatch_level_no_filter_is_shown_a_trap() {
    let observed = DRIVER.run("divide-shown-at-dispatch");
    assert_eq!(observed.rules(), ["cpu.divide-by-zero"]);
    assert!(!observed.told_of("shown") && !observed.told_of("came-back"));
}

/// A part of MACH-027 for stops that this machine does not make by itself.
#[test]
fn stops_for_exceptions_that_a_driver_calls_for_are_told_with_what_their_parameters_are() {
    for (case, code, rest) in [
        ("kernel-exception", 0x1E, "its parameters 0x1 and 0x18"),
        ("service-exception", 0x3B, "the context record at 0x2222"),
        ("thread-exception", 0x7E, "the exception record at 0x2222, the context record at 0x3333"),
        ("older-exception", 0x8E, "the trap frame at 0x2222"),
    ] {
        let observed = DRIVER.run(case);
        let finding = observed.finding();
        assert_eq!((finding.rule.as_str(), bug_check(finding).0), ("driver.bug-check", code), "{case}");
        let told = format!(" for STATUS_ACCESS_VIOLATION (0xc0000005) at 0x1111, {rest}");
        assert!(finding.message.ends_with(&told), "{case}: {}", finding.message);
    }
}

#[test]
fn mach_031_the_stop_for_a_trap_gives_its_number() {
    let observed = DRIVER.run("trap");
    assert_eq!(bug_check(observed.finding()), (0x7F, [0xD, 0, 0, 0]));
    assert!(observed.finding().message.ends_with("a general protection fault"));
}

#[test]
fn mach_038_the_reserved_fast_fail_code_has_the_headers_name() {
    let observed = DRIVER.run("incorrect-stack");
    let finding = observed.finding();
    assert_eq!(finding.rule, "cpu.fast-fail");
    assert_eq!(bug_check(finding).1[0], 4);
    assert!(finding.message.contains("FAST_FAIL_INCORRECT_STACK"), "{}", finding.message);
}

#[test]
fn mach_040_a_list_whose_links_disagree_is_a_fast_fail_with_code_3() {
    for case in ["inserts-at-head", "inserts-at-tail", "removes-first", "removes-twice"] {
        let observed = DRIVER.run(case);
        let finding = observed.finding();
        assert_eq!(finding.rule, "cpu.fast-fail", "{case}");
        let (code, [kind, ..]) = bug_check(finding);
        assert_eq!((code, kind), (0x139, 3), "{case}");
    }
}
