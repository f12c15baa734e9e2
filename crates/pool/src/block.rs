//! Blocks and the words about them: what is requested, what is claimed, what lies where.

use crate::NodeChoice;
use ntpool_types::{Bytes, PageCount, PoolKind, Tag, VirtualAddress};

/// What a block's bytes are when it is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// All zero (POOL-030).
    Zeroed,
    /// Whatever was there before (POOL-031).
    Uninitialized,
}

/// What a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The bytes wanted. None at all is served with a block that has an address of its own (POOL-090).
    pub size: Bytes,
    /// The kind of pool.
    pub kind: PoolKind,
    /// Under which tag the block is counted; callers that have none pass [`Tag::NONE`] (POOL-094).
    pub tag: Tag,
    /// What its bytes shall be.
    pub contents: Contents,
}

/// Where a block shall lie, beyond what its size demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// A power of two that the block's address is a multiple of.
    pub alignment: Bytes,
    /// The node that its memory comes from.
    pub node: NodeChoice,
}

impl Placement {
    /// As the size demands, from the nearest memory.
    pub const ANY: Placement = Placement { alignment: Bytes(1), node: NodeChoice::Local };
}

impl Default for Placement {
    fn default() -> Placement {
        Placement::ANY
    }
}

/// A block: what a caller receives and gives back.
///
/// The caller owns `size` bytes from `address` on and not one more (POOL-008).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its first byte.
    pub address: VirtualAddress,
    /// The bytes that were asked for; where the pool keeps no exact sizes, those of the block's place.
    pub size: Bytes,
    /// The kind of pool it lies in.
    pub kind: PoolKind,
    /// The tag it is counted under: the one given, or [`Tag::OVERFLOW`] when the table of tags was full.
    pub tag: Tag,
}

/// The block that a free ended, as it was.
pub type Freed = Block;

/// What a caller says it gives back: no block yet, until the pool has looked it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The address that the allocation returned, says the caller.
    pub address: VirtualAddress,
    /// The tag it was allocated with, says the caller; without one nothing is compared (POOL-144).
    pub tag: Option<Tag>,
}

/// What lies at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The live block whose bytes hold the address, or which begins there.
    Live(Block),
    /// The block that was there until it was freed; nothing has been allocated from its place since.
    Freed(Block),
    /// An address of this kind's region that belongs to no block: slack behind a block, a tail, memory never used or
    /// not committed.
    Unused(PoolKind),
    /// The pool's own metadata.
    Metadata,
    /// Nothing of this pool.
    Outside,
}

/// The counters of one tag in one kind of pool (POOL-216).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagCount {
    /// The tag.
    pub tag: Tag,
    /// The kind of pool.
    pub kind: PoolKind,
    /// Allocations so far; never falls (POOL-217).
    pub allocations: u64,
    /// Frees so far; never falls, never above `allocations`.
    pub frees: u64,
    /// The bytes in live blocks.
    pub bytes: Bytes,
}

/// The pages of one kind of pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Pages that hold a block, live or kept ready for the next request.
    pub in_use: PageCount,
    /// Pages that the page source has made usable and not been given back.
    pub committed: PageCount,
    /// Pages that may be in use at most.
    pub limit: PageCount,
}
