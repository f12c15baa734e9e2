//! Secure pool.

use crate::observer::{Observed, Observer};
use ntpool::ExitStatus;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("secure");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn the_driver_that_observes_commits_no_crime() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
}

#[test]
fn pool_077_a_secure_pool_is_made_by_its_flag_and_other_flags_are_refused() {
    assert_eq!(OBSERVED.line("create"), "plain=00000000 global=00000000 differ=1");
    assert_eq!(OBSERVED.line("refused"), "none=c00000ef other=c00000ef version=c000000d");
}

#[test]
fn pool_073_a_secure_block_has_the_contents_that_its_parameters_name() {
    assert_eq!(OBSERVED.line("contents"), "first=1 zero=1");
    assert_eq!(OBSERVED.line("requests"), "paged=0 flags=0 handle=0");
}

#[test]
fn pool_074_only_a_freeable_block_is_freed_and_only_a_modifiable_one_updated() {
    let fixed = DRIVER.run("fixed");
    assert!(fixed.finding_of("pool.secure-misuse").message.contains("not made freeable"));
    assert!(OBSERVED.line("update-refused").starts_with("fixed=c0000022"));
}

#[test]
fn pool_075_an_update_writes_its_bytes_and_stays_inside_the_block() {
    assert_eq!(OBSERVED.line("update"), "00000000 written=1 kept=1");
    assert_eq!(OBSERVED.line("bounds"), "end=00000000 past=c000000d wrap=c000000d");
    let refused = "fixed=c0000022 cookie=c000000d tag=c000000d handle=c0000008";
    assert_eq!(OBSERVED.line("update-refused"), refused);
}

#[test]
fn pool_076_a_block_is_valid_by_its_handle_tag_address_and_cookie_while_it_lives() {
    assert_eq!(OBSERVED.line("validate"), "right=1 handle=0 tag=0 address=0 cookie=0 freed=0");
}

// POOL-078
#[test]
fn pool_078_a_pool_is_destroyed_when_its_blocks_are_gone() {
    assert!(OBSERVED.rules().is_empty(), "{:?}", OBSERVED.rules());
    let left = DRIVER.run("untouched");
    assert_eq!(left.rules(), ["pool.leak", "pool.secure-left"]);
}

// POOL-162 POOL-163
#[test]
fn pool_163_a_secure_block_is_freed_by_its_own_parameters_only() {
    for (case, why) in [("cookie", "not its own"), ("untagged", "without the parameters")] {
        let observed = DRIVER.run(case);
        let finding = observed.finding_of("pool.secure-misuse");
        assert!(finding.message.contains(why), "{}", finding.message);
        assert_eq!(
            observed.rules(),
            ["pool.secure-misuse", "pool.secure-left"],
            "told once, not as a leak too"
        );
        assert_eq!(observed.line("survived"), "1", "the block is still there");
    }
    assert_eq!(OBSERVED.line("reuse"), "done", "freed memory is ordinary again");
}

#[test]
fn a_routine_of_the_kernel_writes_no_secure_block_for_the_driver() {
    let observed = DRIVER.run("copy");
    assert_eq!(observed.finding().rule, "pool.secure-write");
    assert!(!observed.told_of("survived"));
}
