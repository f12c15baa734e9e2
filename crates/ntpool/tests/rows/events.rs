//! Events.

use crate::observer::{Observed, Observer};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("events");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn mach_150_a_notification_event_lets_all_go_and_a_synchronization_event_one() {
    assert_eq!(OBSERVED.line("notification"), "released=2 state=1 in-the-end=2");
    assert_eq!(OBSERVED.line("synchronization"), "released=1 state=0 in-the-end=2");
}

#[test]
fn mach_151_setting_and_resetting_return_the_previous_state() {
    assert_eq!(OBSERVED.line("states"), "set=0,1 reset=1,0 cleared=0");
    assert_eq!(OBSERVED.line("pulsed"), "state=0");
}

#[test]
fn mach_152_an_announced_wait_holds_dispatch_level_until_it_begins() {
    assert_eq!(OBSERVED.line("announced"), "irql=2 then=0 state=1");
    assert_eq!(OBSERVED.line("not-announced"), "irql=0");
    let observed = DRIVER.run("set-above-dispatch");
    assert_eq!(observed.finding().rule, "irql.too-high");
    assert_eq!(observed.finding().irql, 5, "at DISPATCH_LEVEL nothing was wrong");
}

#[test]
fn an_events_memory_shows_its_kind_its_size_and_its_state() {
    assert_eq!(OBSERVED.line("memory"), "type=1 size=24 signal=1 list=1");
    assert_eq!(OBSERVED.line("memory-after"), "signal=0");
    let finding = &DRIVER.run("overwritten").outcome.findings[0];
    assert_eq!(finding.rule, "object.not-initialized");
    assert!(finding.message.contains("overwritten"), "{}", finding.message);
}

#[test]
fn an_event_with_a_name_is_there_as_long_as_a_handle_to_it() {
    assert_eq!(OBSERVED.line("named"), "signalled=1 same=1 handles=1");
    assert_eq!(OBSERVED.line("named-closed"), "first=0 state=0 second=0");
    assert_eq!(OBSERVED.rules(), Vec::<&str>::new());
}
