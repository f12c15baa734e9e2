//! Memory descriptor lists and physical addresses.

use crate::observer::{Observed, Observer};
use ntpool::ExitStatus;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("mdl");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn the_driver_that_observes_commits_no_crime() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
}

// SYS-070 SYS-076 SYS-078
#[test]
fn sys_070_a_new_list_describes_its_buffer_and_has_no_frames_yet() {
    let expected = "next=0000000000000000 size=72 flags=0 start=1 offset=234 count=2000 address=1";
    assert_eq!(OBSERVED.line("fresh"), expected);
    assert_eq!(OBSERVED.line("frames-unset"), "1");
}

#[test]
fn sys_071_the_longest_list_is_for_4_gib_less_a_page() {
    assert_eq!(OBSERVED.line("lengths"), "longest=1 too-long=0");
}

/// A part of SYS-074: locked and partial lists are not there yet.
#[test]
fn freeing_a_list_leaves_the_rest_of_its_chain() {
    assert_eq!(OBSERVED.line("chain"), "second=32");
    let (allocations, frees, bytes) = OBSERVED.tag("VMdl", "nonpaged").expect("lists in nonpaged pool");
    assert_eq!((allocations, frees, bytes), (4, 4, 0));
}

// SYS-083 SYS-079
#[test]
fn sys_083_a_built_list_has_the_frame_of_every_page_and_a_stack_is_refused() {
    assert_eq!(OBSERVED.line("built"), "right=3 flags=4 mapped=1");
    let observed = DRIVER.run("stack");
    assert!(!observed.told_of("stack"));
    let finding = &observed.outcome.findings[0];
    assert_eq!(finding.rule, "mdl.misuse");
    assert!(finding.message.contains("kernel stack"), "{}", finding.message);
}

#[test]
fn sys_117_a_physical_address_is_given_at_every_level() {
    assert_eq!(OBSERVED.line("physical"), "offset=123 same-at-high=1");
}
