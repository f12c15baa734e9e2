//! Quota that a driver charges to a process by itself.

use crate::observer::{Observed, Observer, unhandled_status};
use ntpool::{ExitStatus, Machine};
use ntpool_types::Bytes;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("charges");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| run("observe"));

/// On a small machine, where the limits are small too.
fn run(case: &str) -> Observed {
    DRIVER.run_on(&Machine::new().memory(Bytes::mib(16)), case)
}

#[test]
fn the_driver_that_observes_commits_no_crime() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
}

#[test]
fn pool_107_a_charge_counts_for_one_kind_of_pool_and_one_that_exceeds_the_quota_for_none() {
    let limit = Bytes::mib(6).0;
    assert_eq!(OBSERVED.line("limits"), format!("paged={limit} nonpaged={limit}"));
    assert_eq!(OBSERVED.line("charged"), "paged=1000 nonpaged=0");
    assert_eq!(OBSERVED.line("too-much"), "status=c0000044 paged=0");
    let raised = run("charge");
    assert!(!raised.told_of("survived"));
    assert_eq!(unhandled_status(&raised), 0xC000_0044);
}

#[test]
fn pool_108_returns_pair_with_charges_and_returning_more_raises() {
    assert_eq!(OBSERVED.line("returned"), "paged=600");
    assert_eq!(OBSERVED.line("returned-all"), "paged=0");
    let raised = run("return");
    assert!(!raised.told_of("survived"));
    assert_eq!(unhandled_status(&raised), 0xC000_0044);
}

#[test]
fn pool_109_both_routines_are_legal_below_dispatch_level_only() {
    let observed = run("levels");
    assert_eq!(observed.rules(), ["irql.too-high"; 2]);
    assert!(observed.outcome.findings.iter().all(|finding| finding.irql == 2), "{:#?}", observed.outcome);
}

#[test]
fn pool_110_the_cache_aligned_types_are_charged_like_others_and_must_succeed_is_no_type() {
    assert_eq!(OBSERVED.line("types"), "nonpaged=110");
    let observed = run("must-succeed");
    assert_eq!(observed.rules(), ["pool.bad-type", "driver.unhandled-exception"]);
}

/// The routines of one kind of pool each, which no row names.
#[test]
fn a_kind_of_pool_has_routines_of_its_own() {
    assert_eq!(OBSERVED.line("by-kind"), "nonpaged=00000000 paged=00000000 charged=10,20");
}

// POOL-099 POOL-106
#[test]
fn pool_106_a_blocks_charge_is_returned_when_it_is_freed() {
    assert_eq!(OBSERVED.line("block"), "paged=300 freed=0");
}

#[test]
fn pool_105_charged_blocks_lie_like_others() {
    assert_eq!(OBSERVED.line("geometry"), "1 1 1 1 1");
}
