//! Resources: who gets one, who waits, and what can be seen of it.

use crate::observer::{Observed, Observer, bug_check};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("resources");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn the_driver_does_nothing_wrong_and_each_status_is_success() {
    assert_eq!(OBSERVED.rules(), Vec::<&str>::new());
    for subject in ["initialized", "again", "deleted"] {
        assert_eq!(OBSERVED.line(subject), "status=0");
    }
    assert_eq!(OBSERVED.line("entered"), "exclusive=0 count=1 active=1 flag=0");
}

#[test]
fn mach_176_the_exclusive_owner_has_a_resource_again_and_a_shared_one_does_not_get_it_alone() {
    assert_eq!(OBSERVED.line("exclusive-twice"), "exclusive=1 count=2 active=1 flag=80");
    assert_eq!(OBSERVED.line("exclusive-released"), "twice=1 once=0 all=1");
    assert_eq!(OBSERVED.line("free"), "exclusive=0 count=0 active=0 flag=0");
    assert_eq!(OBSERVED.line("upgrade"), "got=0");
    assert_eq!(OBSERVED.line("upgrade-try"), "got=0");
}

#[test]
fn mach_177_an_exclusive_owner_that_asks_to_share_stays_exclusive() {
    assert_eq!(OBSERVED.line("share-as-exclusive"), "exclusive=1 count=2 active=1 flag=80");
    assert_eq!(OBSERVED.line("share-as-exclusive-other"), "got=0");
}

#[test]
fn mach_178_sharing_stands_behind_an_exclusive_request_unless_the_thread_has_it_already() {
    assert_eq!(OBSERVED.line("waiters"), "exclusive=1 shared=0");
    assert_eq!(OBSERVED.line("behind"), "plain=0 again=1");
    assert_eq!(OBSERVED.line("behind-before"), "got=0");
    assert_eq!(OBSERVED.line("behind-after"), "got=1");
}

#[test]
fn mach_179_one_kind_of_sharing_passes_exclusive_requests_and_another_yields_even_as_an_owner() {
    assert_eq!(OBSERVED.line("behind-others"), "starve=1 yield=0 yield-again=0");
}

#[test]
fn an_exclusive_owner_that_shares_lets_others_in() {
    assert_eq!(OBSERVED.line("convert-before"), "got=0");
    assert_eq!(OBSERVED.line("convert-after"), "got=1");
    assert_eq!(OBSERVED.line("convert"), "exclusive=0 count=1 active=1 flag=0");
}

#[test]
fn a_resource_that_was_given_to_a_pointer_is_nobodys_until_it_is_released_for_it() {
    assert_eq!(OBSERVED.line("given-away"), "exclusive=0 count=0 active=1 flag=80");
    assert_eq!(OBSERVED.line("given-away-other"), "got=0");
    assert_eq!(OBSERVED.line("given-back"), "got=1");
}

#[test]
fn memory_that_was_not_made_a_resource_is_none() {
    assert_eq!(DRIVER.run("not-initialized").finding().rule, "object.not-initialized");
}

#[test]
fn mach_180_the_stop_for_a_release_by_who_is_no_owner_names_the_resource_and_the_thread() {
    let observed = DRIVER.run("not-owned");
    let (code, [resource, thread, owners, _]) = bug_check(observed.finding());
    // The resource never had more owners than fit into it, so that it has no table of them.
    assert_eq!((code, owners), (0xE3, 0));
    assert_eq!(observed.line("released"), format!("resource={resource:016X} thread={thread:016X}"));
    assert_eq!(bug_check(DRIVER.run("not-a-thread").finding()).0, 0x16E);
}
