//! The rules for pool calls that Driver Verifier flags by itself, as pure functions over the call's arguments.
//!
//! A violation's parameters are those of the verifier's bug check. What Windows does without the verifier is
//! [`without_verifier`]'s answer: some of these calls stop it too, others go unnoticed (VRF-029).

pub mod lookaside;

use ntpool_types::{
    BugCheck, BugCheckCode, Bytes, Irql, PageCount, PoolKind, PoolType, Rule, Tag, Violation, VirtualAddress,
};

/// The highest level at which pool of this kind may be allocated or freed (POOL-044 to POOL-047, POOL-146, POOL-147).
#[must_use]
pub const fn highest_irql(kind: PoolKind) -> Irql {
    if kind.is_paged() { Irql::APC } else { Irql::DISPATCH }
}

/// What is wrong with allocating `size` bytes of this kind at this level; nothing, one thing or two.
///
/// `pool_type` is the number the caller passed, a pool type or pool flags, which the bug check repeats.
pub fn check_allocation(
    irql: Irql,
    kind: PoolKind,
    pool_type: u64,
    size: Bytes,
) -> impl Iterator<Item = Violation> {
    let verifier = |code, rule| Violation {
        rule,
        bug_check: BugCheck::new(
            BugCheckCode::DRIVER_VERIFIER_DETECTED_VIOLATION,
            [code, u64::from(irql.level()), pool_type, size.0],
        ),
        subject: VirtualAddress::NULL,
    };
    let too_high = irql > highest_irql(kind);
    let code = if kind.is_paged() { 0x1 } else { 0x2 };
    let empty = size == Bytes::ZERO;
    let violations = [
        too_high.then(|| verifier(code, Rule::PoolAllocateIrql)),
        empty.then(|| verifier(0x0, Rule::PoolZeroLength)),
    ];
    violations.into_iter().flatten()
}

/// What is wrong with freeing the block at `address`, which is of this kind, at this level.
///
/// The free routines take no pool type, so the bug check says 0 for nonpaged and 1 for paged pool.
#[must_use]
pub fn check_free(irql: Irql, kind: PoolKind, address: VirtualAddress) -> Option<Violation> {
    let code = if kind.is_paged() { 0x11 } else { 0x12 };
    (irql > highest_irql(kind)).then(|| Violation {
        rule: Rule::PoolFreeIrql,
        bug_check: BugCheck::new(
            BugCheckCode::DRIVER_VERIFIER_DETECTED_VIOLATION,
            [code, u64::from(irql.level()), kind.bug_check_number(), address.0],
        ),
        subject: address,
    })
}

/// What is wrong with the tag of a legacy request (VRF-086).
///
/// `caller` is the address that the request will return to.
#[must_use]
pub fn check_legacy_tag(
    tag: Tag,
    pool_type: PoolType,
    size: Bytes,
    caller: VirtualAddress,
) -> Option<Violation> {
    let pool_type = u64::from(pool_type.0);
    let parameters = if tag == Tag(0) {
        [0x9B, pool_type, size.0, caller.0]
    } else if tag.is_big() {
        [0x9C, pool_type, size.0, caller.0]
    } else if !tag.has_letter_or_digit() {
        [0x9D, u64::from(tag.0), pool_type, caller.0]
    } else {
        return None;
    };
    Some(Violation {
        rule: Rule::PoolBadTag,
        bug_check: BugCheck::new(BugCheckCode::BAD_POOL_CALLER, parameters),
        subject: VirtualAddress::NULL,
    })
}

/// What is wrong with a request that must succeed: that it was made (VRF-085, POOL-170).
#[must_use]
pub fn check_must_succeed(pool_type: PoolType, size: Bytes, tag: Tag) -> Option<Violation> {
    pool_type.has(PoolType::MUST_SUCCEED_BIT).then(|| Violation {
        rule: Rule::PoolMustSucceed,
        bug_check: BugCheck::new(
            BugCheckCode::BAD_POOL_CALLER,
            [0x9A, u64::from(pool_type.0), size.0, u64::from(tag.0)],
        ),
        subject: VirtualAddress::NULL,
    })
}

/// The stop for a request that must succeed and can't be met (POOL-170, VRF-125).
///
/// `used` and `available` are nonpaged pages; `large` is the number of requests above a page.
#[must_use]
pub const fn must_succeed_empty(size: Bytes, used: PageCount, large: u64, available: PageCount) -> Violation {
    Violation {
        rule: Rule::PoolMustSucceedEmpty,
        bug_check: BugCheck::new(BugCheckCode::MUST_SUCCEED_POOL_EMPTY, [size.0, used.0, large, available.0]),
        subject: VirtualAddress::NULL,
    }
}

/// What a free finds when the bytes behind the block have changed (POOL-160).
///
/// `found` is what they hold now, the first one lowest.
#[must_use]
pub const fn overrun(address: VirtualAddress, size: Bytes, found: u64) -> Violation {
    Violation {
        rule: Rule::PoolOverrun,
        bug_check: BugCheck::new(BugCheckCode::BAD_POOL_HEADER, [0x21, address.0, size.0, found]),
        subject: address,
    }
}

/// What is made of a block whose bytes changed after it had been freed (VRF-119): `written` is the first that did.
#[must_use]
pub const fn write_after_free(address: VirtualAddress, written: VirtualAddress) -> Violation {
    /// Of a write, by kernel code.
    const WRITE: u64 = 1;
    const KERNEL: u64 = 0;
    Violation {
        rule: Rule::PoolWriteAfterFree,
        bug_check: BugCheck::new(
            BugCheckCode::DRIVER_CAUGHT_MODIFYING_FREED_POOL,
            [written.0, WRITE, KERNEL, 0],
        ),
        subject: address,
    }
}

/// The stop for a block that is freed again, where the pool itself knows it no more (POOL-153).
#[must_use]
pub const fn double_free(address: VirtualAddress) -> Violation {
    Violation {
        rule: Rule::PoolDoubleFree,
        bug_check: BugCheck::new(BugCheckCode::BAD_POOL_CALLER, [0x7, 0, 0, address.0]),
        subject: address,
    }
}

/// Which frees with another tag than the block's are crimes (CONFLICT POOL-150).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagPolicy {
    /// Every one.
    #[default]
    Always,
    /// Only those of blocks whose tag is protected; others go unnoticed, as developers' notes say of Windows.
    OnlyProtected,
}

/// What comes of a free under these tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagVerdict {
    /// The pool is to compare the tags, if one is given.
    Compare,
    /// The tags are not compared.
    Ignore,
    /// The block is protected and was freed without a tag (POOL-151).
    Missing,
}

impl TagPolicy {
    /// What comes of freeing a block with this tag, by a caller that gives a tag or not.
    ///
    /// Protection is a bit of the tag that only drivers built with older headers set (CONFLICT POOL-152); where it is
    /// set, it counts under both policies.
    #[must_use]
    pub const fn verdict(self, of_block: Tag, given: bool) -> TagVerdict {
        match (self, of_block.is_protected(), given) {
            (_, true, false) => TagVerdict::Missing,
            (_, true, true) | (TagPolicy::Always, false, _) => TagVerdict::Compare,
            (TagPolicy::OnlyProtected, false, _) => TagVerdict::Ignore,
        }
    }
}

/// The stop for a free with another tag, or with none where one is demanded (POOL-149).
#[must_use]
pub const fn wrong_tag(address: VirtualAddress, of_block: Tag, given: Tag) -> Violation {
    Violation {
        rule: Rule::PoolWrongTag,
        bug_check: BugCheck::new(
            BugCheckCode::BAD_POOL_CALLER,
            [0xA, address.0, of_block.0 as u64, given.0 as u64],
        ),
        subject: address,
    }
}

/// The stop for a driver that was unloaded and left `count` blocks behind (VRF-032, VRF-098).
///
/// `driver_name` is the address of the driver's name.
#[must_use]
pub const fn leak_stop(driver_name: VirtualAddress, count: u64) -> BugCheck {
    BugCheck::new(BugCheckCode::DRIVER_VERIFIER_DETECTED_VIOLATION, [0x62, driver_name.0, 0, count])
}

/// The stop that Windows makes for the same deed without the verifier, or `None` where it may go unnoticed.
#[must_use]
pub fn without_verifier(violation: &Violation) -> Option<BugCheck> {
    let BugCheck { code, parameters: [number, irql, pool_type, size_or_address] } = violation.bug_check;
    if code != BugCheckCode::DRIVER_VERIFIER_DETECTED_VIOLATION {
        return Some(violation.bug_check);
    }
    let number = match number {
        0x01 | 0x02 => 0x08,
        0x11 | 0x12 => 0x09,
        _ => return None,
    };
    Some(BugCheck::new(BugCheckCode::BAD_POOL_CALLER, [number, irql, pool_type, size_or_address]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const KINDS: [PoolKind; 3] = PoolKind::ALL;
    const BLOCK: VirtualAddress = VirtualAddress(0x2000_1000_4C40);
    const CALLER: VirtualAddress = VirtualAddress(0x2000_0000_1234);

    fn allocation(irql: Irql, kind: PoolKind) -> Vec<Violation> {
        check_allocation(irql, kind, 0x77, Bytes(96)).collect()
    }

    fn dirql() -> Irql {
        Irql::new(5).unwrap()
    }

    // POOL-044 POOL-087
    #[test]
    fn pool_044_pool_087_any_pool_is_refused_above_dispatch_level() {
        for kind in KINDS {
            for irql in [Irql::new(3).unwrap(), dirql(), Irql::HIGH] {
                assert_eq!(allocation(irql, kind).len(), 1, "{kind} at {irql}");
            }
        }
    }

    // POOL-045 POOL-088
    #[test]
    fn pool_045_pool_088_at_dispatch_level_only_nonpaged_pool_is_legal() {
        assert!(allocation(Irql::DISPATCH, PoolKind::NonPaged).is_empty());
        assert!(allocation(Irql::DISPATCH, PoolKind::NonPagedExecute).is_empty());
        assert_eq!(allocation(Irql::DISPATCH, PoolKind::Paged)[0].rule, Rule::PoolAllocateIrql);
    }

    // POOL-046 POOL-089
    #[test]
    fn pool_046_pool_089_up_to_apc_level_every_pool_is_legal() {
        for kind in KINDS {
            for irql in [Irql::PASSIVE, Irql::APC] {
                assert!(allocation(irql, kind).is_empty(), "{kind} at {irql}");
            }
        }
    }

    #[test]
    fn vrf_090_an_allocation_at_too_high_a_level_is_c4_1_paged_or_2_nonpaged() {
        let stop = |number, irql: Irql| {
            BugCheck::new(BugCheckCode(0xC4), [number, u64::from(irql.level()), 0x77, 96])
        };
        assert_eq!(allocation(Irql::DISPATCH, PoolKind::Paged)[0].bug_check, stop(1, Irql::DISPATCH));
        assert_eq!(allocation(dirql(), PoolKind::NonPaged)[0].bug_check, stop(2, dirql()));
        assert_eq!(allocation(dirql(), PoolKind::NonPagedExecute)[0].bug_check, stop(2, dirql()));
    }

    // VRF-089 POOL-091
    #[test]
    fn vrf_089_pool_091_a_request_for_no_bytes_is_c4_0() {
        let violations: Vec<_> = check_allocation(Irql::APC, PoolKind::Paged, 0x100, Bytes::ZERO).collect();
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].rule, Rule::PoolZeroLength);
        assert_eq!(violations[0].bug_check, BugCheck::new(BugCheckCode(0xC4), [0, 1, 0x100, 0]));
    }

    #[test]
    fn a_call_may_be_wrong_in_two_ways() {
        let rules: Vec<_> = check_allocation(Irql::DISPATCH, PoolKind::Paged, 1, Bytes::ZERO)
            .map(|violation| violation.rule)
            .collect();
        assert_eq!(rules, [Rule::PoolAllocateIrql, Rule::PoolZeroLength]);
    }

    // VRF-093 POOL-146 POOL-147
    #[test]
    fn vrf_093_pool_146_pool_147_a_free_at_too_high_a_level_is_c4_11_paged_or_12_nonpaged() {
        for kind in KINDS {
            assert_eq!(check_free(Irql::APC, kind, BLOCK), None);
        }
        assert_eq!(check_free(Irql::DISPATCH, PoolKind::NonPaged, BLOCK), None);
        let paged = check_free(Irql::DISPATCH, PoolKind::Paged, BLOCK).unwrap();
        assert_eq!(paged.bug_check, BugCheck::new(BugCheckCode(0xC4), [0x11, 2, 1, BLOCK.0]));
        assert_eq!((paged.rule, paged.subject), (Rule::PoolFreeIrql, BLOCK));
        let nonpaged = check_free(dirql(), PoolKind::NonPagedExecute, BLOCK).unwrap();
        assert_eq!(nonpaged.bug_check, BugCheck::new(BugCheckCode(0xC4), [0x12, 5, 0, BLOCK.0]));
    }

    #[test]
    fn pool_159_without_the_verifier_an_allocation_at_a_bad_level_is_c2_8() {
        let violation = allocation(Irql::DISPATCH, PoolKind::Paged)[0];
        let stop = BugCheck::new(BugCheckCode(0xC2), [0x8, 2, 0x77, 96]);
        assert_eq!(without_verifier(&violation), Some(stop));
    }

    #[test]
    fn pool_158_without_the_verifier_a_free_at_a_bad_level_is_c2_9() {
        let violation = check_free(dirql(), PoolKind::Paged, BLOCK).unwrap();
        let stop = BugCheck::new(BugCheckCode(0xC2), [0x9, 5, 1, BLOCK.0]);
        assert_eq!(without_verifier(&violation), Some(stop));
    }

    #[test]
    fn without_the_verifier_a_request_for_no_bytes_goes_unnoticed() {
        let violation = check_allocation(Irql::PASSIVE, PoolKind::NonPaged, 512, Bytes::ZERO).next();
        assert_eq!(without_verifier(&violation.unwrap()), None);
    }

    fn tag_stop(tag: Tag) -> Option<[u64; 4]> {
        let violation = check_legacy_tag(tag, PoolType(512), Bytes(96), CALLER)?;
        assert_eq!(violation.rule, Rule::PoolBadTag);
        assert_eq!(violation.bug_check.code, BugCheckCode::BAD_POOL_CALLER);
        Some(violation.bug_check.parameters)
    }

    // POOL-213 VRF-086
    #[test]
    fn pool_213_vrf_086_a_legacy_request_with_tag_0_is_c2_9b() {
        assert_eq!(tag_stop(Tag(0)), Some([0x9B, 512, 96, CALLER.0]));
    }

    // POOL-214 VRF-086
    #[test]
    fn pool_214_vrf_086_a_legacy_request_with_tag_big_is_c2_9c() {
        assert_eq!(tag_stop(Tag::from_text(*b"BIG\0")), Some([0x9C, 512, 96, CALLER.0]));
        assert_eq!(tag_stop(Tag::from_text(*b"BIGx")), None);
    }

    // POOL-215 VRF-086
    #[test]
    fn pool_215_vrf_086_a_legacy_tag_without_letter_or_digit_is_c2_9d() {
        let tag = Tag::from_text(*b"-- !");
        assert_eq!(tag_stop(tag), Some([0x9D, u64::from(tag.0), 512, CALLER.0]));
        assert_eq!(tag_stop(Tag::from_text(*b"--1!")), None);
    }

    #[test]
    fn vrf_085_a_must_succeed_request_is_c2_9a() {
        let tag = Tag::from_text(*b"Cnfg");
        let violation = check_must_succeed(PoolType(2), Bytes(96), tag).unwrap();
        assert_eq!(violation.rule, Rule::PoolMustSucceed);
        let stop = BugCheck::new(BugCheckCode(0xC2), [0x9A, 2, 96, u64::from(tag.0)]);
        assert_eq!(violation.bug_check, stop);
        assert_eq!(check_must_succeed(PoolType(512), Bytes(96), tag), None);
    }

    #[test]
    fn vrf_032_a_driver_that_leaves_blocks_behind_is_c4_62() {
        let stop = leak_stop(VirtualAddress(0x2000_0000_8000), 7);
        assert_eq!(stop, BugCheck::new(BugCheckCode(0xC4), [0x62, 0x2000_0000_8000, 0, 7]));
    }

    // POOL-170 VRF-125
    #[test]
    fn pool_170_vrf_125_a_must_succeed_request_that_cannot_be_met_is_41() {
        let stop = must_succeed_empty(Bytes(5000), PageCount(70), 1, PageCount(3)).bug_check;
        assert_eq!(stop, BugCheck::new(BugCheckCode(0x41), [5000, 70, 1, 3]));
    }

    #[test]
    fn pool_160_bytes_overwritten_behind_a_block_are_19_21() {
        let violation = overrun(BLOCK, Bytes(90), 0x4100);
        assert_eq!(violation.bug_check, BugCheck::new(BugCheckCode(0x19), [0x21, BLOCK.0, 90, 0x4100]));
        assert_eq!((violation.rule, violation.subject), (Rule::PoolOverrun, BLOCK));
    }

    // POOL-150 POOL-151 POOL-152
    #[test]
    fn pool_150_151_152_the_policy_and_the_protected_bit_decide_which_tags_are_compared() {
        let (plain, protected) = (Tag::from_text(*b"Cnfg"), Tag(u32::from_le_bytes(*b"Cnfg") | 0x8000_0000));
        for policy in [TagPolicy::Always, TagPolicy::OnlyProtected] {
            assert_eq!(policy.verdict(protected, true), TagVerdict::Compare);
            assert_eq!(policy.verdict(protected, false), TagVerdict::Missing);
        }
        for given in [true, false] {
            assert_eq!(TagPolicy::Always.verdict(plain, given), TagVerdict::Compare);
            assert_eq!(TagPolicy::OnlyProtected.verdict(plain, given), TagVerdict::Ignore);
        }
        let stop = wrong_tag(BLOCK, protected, Tag(0)).bug_check;
        assert_eq!(stop, BugCheck::new(BugCheckCode(0xC2), [0xA, BLOCK.0, u64::from(protected.0), 0]));
    }

    #[test]
    fn vrf_119_a_freed_block_that_was_written_is_c6_with_the_address_a_write_and_the_kernel() {
        let written = VirtualAddress(BLOCK.0 + 24);
        let violation = write_after_free(BLOCK, written);
        assert_eq!((violation.rule, violation.subject), (Rule::PoolWriteAfterFree, BLOCK));
        assert_eq!(violation.bug_check, BugCheck::new(BugCheckCode(0xC6), [written.0, 1, 0, 0]));
    }

    #[test]
    fn pool_153_a_block_that_only_the_tracker_remembers_is_freed_twice_with_the_same_stop() {
        let violation = double_free(BLOCK);
        assert_eq!((violation.rule, violation.subject), (Rule::PoolDoubleFree, BLOCK));
        assert_eq!(violation.bug_check, BugCheck::new(BugCheckCode(0xC2), [7, 0, 0, BLOCK.0]));
    }
}
