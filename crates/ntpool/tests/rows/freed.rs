//! Uses of freed blocks.

use crate::observer::{Observer, bug_check};
use ntpool::{Machine, Phase, Role};
use ntpool_types::Bytes;

static DRIVER: Observer = Observer::new("freed");

// POOL-030
#[test]
fn pool_030_a_block_is_zero_where_another_one_was_dirty_and_freed() {
    for case in ["zeroes-small", "zeroes-large"] {
        let observed = DRIVER.run(case);
        assert_eq!(observed.line("zeroes"), "dirty=0 met=1", "{case}");
        assert_eq!(observed.rules(), Vec::<&str>::new(), "{case}");
    }
}

// POOL-145 VRF-119
#[test]
fn pool_145_a_write_to_a_freed_block_is_told_however_the_run_ends() {
    for (case, phase) in [
        ("unloads", Phase::AfterUnload),
        ("stays", Phase::DriverEntry),
        ("fails", Phase::AfterUnload),
        ("stops", Phase::DriverEntry),
        ("follows-pointer", Phase::DriverEntry),
    ] {
        let observed = DRIVER.run(case);
        let findings = &observed.outcome.findings;
        let late: Vec<_> =
            findings.iter().filter(|finding| finding.rule == "pool.write-after-free").collect();
        let [finding] = late[..] else { panic!("{case}: {:#?}", observed.outcome) };
        assert_eq!(finding.phase, phase, "{case}");
        assert!(finding.message.starts_with("2 bytes of the block changed"), "{}", finding.message);
        assert!(finding.message.contains("from 10 bytes into it on"), "{}", finding.message);
        let block = finding.block.as_ref().expect("a block");
        let (code, parameters) = bug_check(finding);
        assert_eq!((code, parameters), (0xC6, [block.address.0 + 10, 1, 0, 0]), "{case}");
        assert!(finding.stacks.iter().map(|stack| stack.role).eq([Role::Allocated, Role::Freed]), "{case}");
    }
}

#[test]
fn a_pointer_read_from_a_freed_block_is_no_address() {
    let observed = DRIVER.run("follows-pointer");
    assert_eq!(observed.rules(), ["memory.non-canonical", "pool.write-after-free"]);
}

#[test]
fn pages_are_given_back_at_a_raised_level_too() {
    assert_eq!(DRIVER.run("dispatch").rules(), ["pool.write-after-free"]);
}

#[test]
fn what_shares_its_page_with_others_is_watched_where_the_rest_of_a_block_is_gone() {
    let observed = DRIVER.run("tail");
    assert_eq!(observed.finding().rule, "pool.write-after-free");
    assert!(observed.finding().message.contains("1228850"), "{}", observed.finding().message);
}

#[test]
fn memory_that_freed_blocks_of_one_kind_had_serves_every_other_request() {
    let observed = DRIVER.run_on(&Machine::new().memory(Bytes::mib(16)), "room");
    assert_eq!(observed.line("room"), "most=1 contiguous=1 small=9000");
    assert_eq!(observed.rules(), Vec::<&str>::new());
}

// POOL-153
#[test]
fn pool_153_a_block_whose_page_is_gone_is_freed_twice_with_its_history() {
    for case in ["twice", "recut"] {
        let observed = DRIVER.run(case);
        let finding = observed.finding();
        assert_eq!(finding.rule, "pool.double-free", "{case}");
        let roles: Vec<Role> = finding.stacks.iter().map(|stack| stack.role).collect();
        assert_eq!(roles, [Role::Allocated, Role::Freed, Role::Again], "{case}");
        let (code, [number, _, _, address]) = bug_check(finding);
        assert_eq!((code, number), (0xC2, 7), "{case}");
        let block = finding.block.as_ref().expect("a block");
        assert_eq!((block.address.0, block.size), (address, 200), "{case}");
    }
    assert_eq!(DRIVER.run("recut").line("recut"), "same-page=1");
}

// POOL-145
#[test]
fn pool_145_a_touch_of_a_block_whose_page_is_gone_is_a_use_after_free_with_its_history() {
    let observed = DRIVER.run("gone");
    let finding = observed.finding();
    assert_eq!(finding.rule, "memory.use-after-free");
    let block = finding.block.as_ref().expect("a block");
    assert_eq!((block.size, block.kind.as_str(), block.tag.as_str()), (200, "paged", "Rows"));
    let (code, [address, ..]) = bug_check(finding);
    assert_eq!((code, address), (0x50, block.address.0 + 7));
    let roles: Vec<Role> = finding.stacks.iter().map(|stack| stack.role).collect();
    assert_eq!(roles, [Role::Allocated, Role::Freed, Role::At]);
}

#[test]
fn mach_010_freed_pool_faults_where_its_page_is_unmapped_as_the_level_demands_and_nowhere_else() {
    for (case, code) in [("gone-low", 0x50), ("gone-high", 0xD1), ("gone-high-copy", 0xA)] {
        let observed = DRIVER.run(case);
        let finding = observed.finding();
        assert_eq!(finding.rule, "memory.use-after-free", "{case}");
        let block = finding.block.as_ref().expect("a block");
        let (found, [address, ..]) = bug_check(finding);
        assert_eq!((found, address), (code, block.address.0 + 7), "{case}");
    }
    let mapped = DRIVER.run("unloads");
    assert_eq!(mapped.rules(), ["pool.write-after-free"], "told when the run ends");
    assert!(mapped.outcome.unloaded, "nothing faulted");
}

#[test]
fn a_block_that_another_thread_freed_is_told_of_with_both_threads() {
    for (case, rule) in [("by-thread", "pool.double-free"), ("by-thread-touched", "memory.use-after-free")] {
        let observed = DRIVER.run(case);
        let finding = observed.finding();
        assert_eq!(finding.rule, rule);
        let (made, ended) = (observed.line("allocated-by"), observed.line("freed-by"));
        assert_ne!(made, ended);
        let threads = format!("; thread {made} had allocated it and thread {ended} freed it");
        assert!(finding.message.ends_with(&threads), "{}", finding.message);
    }
}
