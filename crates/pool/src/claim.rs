//! A claim that is not good: the crime, and the bug check that Windows would make of it.
//!
//! One place builds the stops of a bad free: BAD_POOL_CALLER (0xC2) with a first parameter that names the crime.
//!
//! What cannot be told apart:
//! - A block freed twice is known only until its place is cut anew or handed out again: from then on the second free
//!   hits whoever is there, or nothing.
//! - An address inside a freed block is no double free but one where no block lies.
//! - A block whose tag did not fit the table of tags has no tag to compare.
//!
//! # Source
//! VRF-075 to VRF-088; "Bug Check 0xC2: BAD_POOL_CALLER". 0x6 and 0x47 are never made: the first carries a pool header's
//! address, which this engine does not have, and 0x41 says the same as the second.

use crate::{Block, Claim, PageSource, Region};
use ntpool_types::{BugCheck, BugCheckCode, PoolKind, Rule, Violation, VirtualAddress};

/// Why a claim is no claim to a live block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crime {
    /// The address is NULL.
    Null,
    /// A user address.
    User { system_space_start: VirtualAddress },
    /// An address of no pool.
    Outside,
    /// An address of the pool's metadata.
    Metadata,
    /// A page of this kind's region that was never made usable.
    Uncommitted { kind: PoolKind },
    /// An address of this kind's region where no block is, nor begins a freed one.
    NoBlock { region: Region, kind: PoolKind },
    /// The block was freed before.
    DoubleFree { block: Block },
    /// The address is not the block's first.
    Interior { block: Block },
    /// The block has another tag.
    WrongTag { block: Block },
}

impl Crime {
    /// The crime as the caller is told about it.
    pub(crate) fn violation(self, claim: Claim, source: &impl PageSource) -> Violation {
        let address = claim.address.0;
        let (rule, parameters) = match self {
            Crime::Null => (Rule::PoolForeignFree, [0x46, 0, 0, 0]),
            Crime::User { system_space_start } => {
                (Rule::PoolForeignFree, [0x40, address, system_space_start.0, 0])
            }
            Crime::Outside => (Rule::PoolForeignFree, [0x42, address, 0, 0]),
            Crime::Metadata => (Rule::PoolForeignFree, [0x43, address, 0, 0]),
            Crime::Uncommitted { kind } => {
                (Rule::PoolForeignFree, [if kind.is_paged() { 0x48 } else { 0x44 }, address, 0, 0])
            }
            Crime::NoBlock { region, kind } if kind.is_paged() => {
                let page = region.page_of(claim.address).unwrap_or_default();
                (Rule::PoolForeignFree, [0x50, address, page, region.capacity.bytes().0])
            }
            Crime::NoBlock { .. } => {
                let frame = source.frame(claim.address).unwrap_or_default();
                (Rule::PoolForeignFree, [0x41, address, frame.0, source.highest_frame().0])
            }
            Crime::DoubleFree { .. } => (Rule::PoolDoubleFree, [0x7, 0, 0, address]),
            Crime::Interior { block } if block.kind.is_paged() => {
                (Rule::PoolInteriorFree, [0x41286, 0, 0, claim.address.page_offset().0])
            }
            Crime::Interior { .. } => (Rule::PoolInteriorFree, [0x99, address, 0, 0]),
            Crime::WrongTag { block } => {
                let given = claim.tag.unwrap_or_default();
                (Rule::PoolWrongTag, [0xA, address, u64::from(block.tag.0), u64::from(given.0)])
            }
        };
        let bug_check = BugCheck::new(BugCheckCode::BAD_POOL_CALLER, parameters);
        Violation { rule, bug_check, subject: self.subject().unwrap_or(claim.address) }
    }

    /// The block that the crime is about, if it is about one.
    fn subject(self) -> Option<VirtualAddress> {
        match self {
            Crime::DoubleFree { block } | Crime::Interior { block } | Crime::WrongTag { block } => {
                Some(block.address)
            }
            _ => None,
        }
    }
}
