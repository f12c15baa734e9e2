//! Interrupts.

use crate::observer::{Observed, Observer};
use ntpool::Machine;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("interrupts");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn a_connected_interrupt_is_raised_at_its_level_until_it_is_disconnected() {
    assert_eq!(OBSERVED.line("bad-level"), "c000000d");
    assert_eq!(OBSERVED.line("connect"), "0");
    assert_eq!(OBSERVED.line("plain-raised"), "some=1 level=7");
    assert_eq!(OBSERVED.line("disconnected"), "0");
    assert_eq!(OBSERVED.line("line"), "0");
    assert_eq!(OBSERVED.line("line-raised"), "some=1 level=5");
}

#[test]
fn messages_are_not_found_and_an_unknown_form_tells_the_newest_one() {
    assert_eq!(OBSERVED.line("message"), "c0000225");
    assert_eq!(OBSERVED.line("unknown"), "c00000bb version=4");
    assert_eq!(OBSERVED.rules(), [""; 0]);
}

#[test]
fn what_an_interrupt_s_lock_guards_is_not_seen_half_done() {
    for (processors, seed) in (1..4).flat_map(|processors| (1..6).map(move |seed| (processors, seed))) {
        let machine = Machine::new().processors(processors).seed(seed);
        let observed = DRIVER.run_on(&machine, "observe");
        assert_eq!(observed.line("plain-held"), "result=1 old=0 inside=7 after=0 broken=0");
        assert_eq!(observed.line("line-held"), "result=1 old=0 inside=5 after=0 broken=0");
    }
}
