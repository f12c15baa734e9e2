//! Blocks freed as they should be, and as they should not.

use crate::observer::{Observed, Observer, bug_check};
use ntpool::{ExitStatus, Finding, Machine, TagPolicy};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("frees");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));
static LEVELS: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("levels"));
static WRONG: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("wrong"));

/// The address that the driver printed before it freed it wrongly.
fn address(subject: &str) -> u64 {
    u64::from_str_radix(WRONG.line(subject), 16).expect("an address")
}

/// The findings about wrong frees, in order.
fn wrong(place: usize) -> &'static Finding {
    &WRONG.outcome.findings[place]
}

// POOL-144 POOL-049
#[test]
fn pool_144_a_block_of_any_routine_is_freed_with_or_without_its_tag() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
    assert!(OBSERVED.outcome.left.is_empty(), "{:?}", OBSERVED.outcome.left);
    let frees: u64 = (OBSERVED.outcome.tags.iter())
        .filter(|row| row.tag == "Rows" || row.tag == "None")
        .map(|row| row.frees)
        .sum();
    assert_eq!(frees, 21, "seven blocks, three times");
}

// POOL-146 POOL-147
#[test]
fn pool_146_paged_pool_is_freed_up_to_apc_level_and_nonpaged_up_to_dispatch_level() {
    assert_eq!(LEVELS.line("legal"), "done");
    assert_eq!(LEVELS.rules(), ["pool.free-irql"; 3]);
    let of: Vec<(u8, &str)> = (LEVELS.outcome.findings.iter())
        .map(|finding| (finding.irql, finding.block.as_ref().map_or("", |block| block.kind.as_str())))
        .collect();
    assert_eq!(of, [(2, "paged"), (2, "paged"), (5, "nonpaged")]);
}

// POOL-149 POOL-150 POOL-148
#[test]
fn pool_149_a_free_with_another_tag_is_c2_a_with_both_tags() {
    let tags = [u64::from(u32::from_le_bytes(*b"Aone")), u64::from(u32::from_le_bytes(*b"Btwo"))];
    assert_eq!(wrong(0).rule, "pool.wrong-tag");
    assert_eq!(bug_check(wrong(0)), (0xC2, [0xA, address("wrong-tag"), tags[0], tags[1]]));
}

// POOL-162 POOL-163
#[test]
fn pool_162_the_newest_free_routine_takes_a_tag_and_compares_it() {
    assert_eq!(wrong(1).rule, "pool.wrong-tag");
    assert_eq!(bug_check(wrong(1)).1[1], address("wrong-tag-2"));
}

#[test]
fn pool_153_a_block_freed_twice_is_c2_7_with_its_address() {
    assert_eq!(wrong(2).rule, "pool.double-free");
    let (code, parameters) = bug_check(wrong(2));
    assert_eq!((code, parameters[0], parameters[3]), (0xC2, 7, address("twice")));
}

#[test]
fn pool_157_a_free_inside_a_paged_block_is_c2_41286() {
    assert_eq!(wrong(3).rule, "pool.interior-free");
    let (code, parameters) = bug_check(wrong(3));
    assert_eq!((code, parameters[0]), (0xC2, 0x41286));
    assert_eq!(parameters[3], address("inside") % 0x1000, "its offset in the page");
}

#[test]
fn pool_154_a_free_in_user_space_is_c2_40_with_the_address() {
    let (code, parameters) = bug_check(wrong(4));
    assert_eq!((code, parameters[0], parameters[1]), (0xC2, 0x40, address("user")));
}

#[test]
fn pool_156_a_free_of_what_was_never_pool_is_c2_42_or_43_or_46_or_99() {
    for (place, subject) in [(5, "static"), (6, "on-stack")] {
        let (code, parameters) = bug_check(wrong(place));
        assert_eq!(code, 0xC2);
        assert!([0x42, 0x43, 0x46, 0x99].contains(&parameters[0]), "{subject}: {parameters:x?}");
        assert_eq!(parameters[1], address(subject));
    }
}

#[test]
fn pool_164_a_free_of_null_is_c2_46() {
    let (code, parameters) = bug_check(wrong(7));
    assert_eq!((code, parameters[0]), (0xC2, 0x46));
    assert_eq!(WRONG.rules().len(), 8, "{:?}", WRONG.rules());
}

// POOL-051 POOL-216
#[test]
fn pool_051_a_blocks_tag_stays_with_it_and_is_counted_by_kind() {
    let observed = DRIVER.run("leaves");
    assert_eq!(observed.tag("Aone", "nonpaged"), Some((3, 1, 150)));
    assert_eq!(observed.tag("Aone", "paged"), Some((1, 0, 30)));
    assert_eq!(observed.tag("Btwo", "paged"), Some((1, 1, 0)));
    let left: Vec<(&str, &str, u64)> =
        (observed.outcome.left.iter()).map(|row| (row.tag.as_str(), row.kind.as_str(), row.bytes)).collect();
    assert_eq!(left, [("Aone", "nonpaged", 150), ("Aone", "paged", 30)]);
    for finding in &observed.outcome.findings {
        assert_eq!(finding.block.as_ref().map(|block| block.tag.as_str()), Some("Aone"), "{finding:?}");
    }
}

/// The sizes of the blocks whose tags did not fit, in order, with the tags that the stop names.
fn wrong_tags(policy: TagPolicy) -> Vec<(u64, [u64; 2])> {
    let observed = DRIVER.run_on(&Machine::new().tag_policy(policy), "tags");
    assert!(observed.outcome.left.is_empty(), "each is freed all the same: {:?}", observed.outcome.left);
    (observed.outcome.findings.iter())
        .map(|finding| {
            assert_eq!(finding.rule, "pool.wrong-tag");
            let (code, [number, _, of_block, given]) = bug_check(finding);
            assert_eq!((code, number), (0xC2, 0xA));
            (finding.block.as_ref().expect("about a block").size, [of_block, given])
        })
        .collect()
}

// POOL-150 POOL-151 POOL-152
#[test]
fn pool_150_151_152_the_policy_decides_about_wrong_tags_and_the_protected_bit_demands_the_tag() {
    let [one, two] = [b"Aone", b"Btwo"].map(|tag| u64::from(u32::from_le_bytes(*tag)));
    let protected = one | 0x8000_0000;
    let of_protected = [(15, [protected, two]), (16, [protected, 0])];
    assert_eq!(wrong_tags(TagPolicy::OnlyProtected), of_protected);
    assert_eq!(wrong_tags(TagPolicy::Always)[0], (12, [one, two]));
    assert_eq!(wrong_tags(TagPolicy::Always)[1..], of_protected);
}
