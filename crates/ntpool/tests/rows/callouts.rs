//! Exceptions and ends of threads in calls that asked for more stack, and a filter that goes on where no code can be.

use crate::observer::{Observer, bug_check};

static DRIVER: Observer = Observer::new("callouts");

#[test]
fn a_call_with_more_stack_handles_its_own_exceptions() {
    let observed = DRIVER.run("observe");
    assert_eq!(observed.line("inside"), "2");
    assert_eq!(observed.rules(), Vec::<&str>::new());
}

/// That it has to is in the documentation of the routine, with this stop.
#[test]
fn an_exception_that_it_leaves_to_its_caller_is_bug_check_1e_on_either_stack() {
    for case in ["raises-on-the-same-stack", "raises-on-another-stack"] {
        let observed = DRIVER.run(case);
        let (code, [status, ..]) = bug_check(observed.finding());
        assert_eq!((code, status as u32), (0x1E, 0xC000_0001), "{case}");
        assert!(!observed.told_of("outside"), "{case}");
    }
}

#[test]
fn a_thread_does_not_end_in_a_call_with_more_stack() {
    for case in ["ends-on-the-same-stack", "ends-on-another-stack"] {
        let observed = DRIVER.run(case);
        assert_eq!(observed.finding().rule, "thread.not-own", "{case}");
        assert!(observed.finding().message.contains("called with more stack"), "{case}");
    }
}

#[test]
fn a_filter_that_goes_on_where_no_code_can_be_is_the_drivers_crime() {
    let finding = DRIVER.run("goes-astray").finding().clone();
    assert!(finding.message.contains("0xdead000000000000"), "{}", finding.message);
    assert_eq!(finding.rule, "memory.non-canonical");
}
