//! What reaches for a driver that has been unloaded.

use crate::observer::{Observed, Observer, bug_check};

static DRIVER: Observer = Observer::new("unloaded");

fn number(observed: &Observed, subject: &str) -> u64 {
    observed.line(subject).parse().expect("a number")
}

#[test]
fn mach_050_the_stops_for_a_driver_that_is_gone_say_what_was_touched_how_and_at_a_raised_level_at_which() {
    for (case, is_write) in [("reads", 0), ("writes", 1)] {
        let observed = DRIVER.run(case);
        let (code, [address, access, instruction, _]) =
            bug_check(observed.finding_of("driver.unloaded-code"));
        assert_eq!((code, address, access), (0xCE, number(&observed, "target"), is_write), "{case}");
        let routine = number(&observed, "code");
        assert!((routine..routine + 512).contains(&instruction), "{case}: {instruction:#x}");
    }
    let observed = DRIVER.run("reads-raised");
    let (code, [address, irql, access, _]) = bug_check(observed.finding_of("driver.unloaded-code"));
    assert_eq!((code, address, irql, access), (0xD4, number(&observed, "target"), 2, 0));
    let observed = DRIVER.run("timer");
    let (code, [address, irql, access, _]) = bug_check(observed.finding_of("timer.left"));
    assert_eq!((code, address, irql, access), (0xD4, number(&observed, "target"), 2, 0));
}
