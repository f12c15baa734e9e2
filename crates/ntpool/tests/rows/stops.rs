//! Stops that a driver calls for, and those that traps, fast fails and lists out of order make.

use crate::observer::{Observer, bug_check};
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

// MACH-026 MACH-028
#[test]
fn mach_027_the_stops_for_unhandled_exceptions_have_code_and_address_first_and_then_parameters_of_their_own()
{
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
