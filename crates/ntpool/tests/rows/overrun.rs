//! Writes behind blocks.

use crate::observer::{Observed, Observer, bug_check};
use ntpool::{ExitStatus, Machine, TailModel};

static DRIVER: Observer = Observer::new("overrun");

fn run(tails: TailModel, case: &str) -> Observed {
    DRIVER.run_on(&Machine::new().tail_model(tails), case)
}

#[test]
fn a_block_may_be_written_up_to_its_last_byte() {
    for tails in [TailModel::Reuse, TailModel::Waste] {
        assert_eq!(run(tails, "within").outcome.exit_status(), ExitStatus::Clean);
    }
}

// POOL-010 POOL-017 POOL-160
#[test]
fn pool_017_160_the_first_owners_write_to_a_tail_is_an_overrun_in_both_models() {
    for tails in [TailModel::Reuse, TailModel::Waste] {
        let observed = run(tails, "tail");
        let finding = observed.finding();
        assert_eq!(finding.rule, "pool.overrun");
        let address = u64::from_str_radix(observed.line("block"), 16).expect("an address");
        let (code, [number, block, size, found]) = bug_check(finding);
        assert_eq!((code, number, block, size), (0x19, 0x21, address, 5000), "{tails:?}");
        assert_eq!(found & 0xFFFF, 0x4241, "what was written");
        assert!(finding.message.starts_with("2 bytes"), "{}", finding.message);
    }
}

#[test]
fn a_wasted_tail_is_watched_to_its_end() {
    assert_eq!(run(TailModel::Waste, "far").finding().rule, "pool.overrun");
}
