//! What the pool needs from outside: pages, and exclusive use of a shard.

use crate::{Corruption, Granule, NoMemory, ShardHold, ShardSet};
use ntpool_types::{PageCount, Pfn, PoolKind, VirtualAddress};

/// What pages hold that were just made usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreshPages {
    /// Nothing but zeros.
    Zero,
    /// Whatever was there.
    Unknown,
}

/// Where the pool's pages come from.
///
/// Every routine is called inside a hold; [`commit`](PageSource::commit) with the central lock held as well. None may
/// call back into the pool, and none may wait.
pub trait PageSource {
    /// Makes `count` pages of `kind`, from the address `first` on, readable and writable.
    ///
    /// They were never made usable, or were given back. Errors: [`NoMemory`] when that can't be done; then none of the
    /// pages is the pool's.
    fn commit(&self, kind: PoolKind, first: VirtualAddress, count: PageCount)
    -> Result<FreshPages, NoMemory>;

    /// Takes pages back that the pool does not need for now; whether it did.
    ///
    /// Nobody uses them, and they are not touched until they have been [committed](PageSource::commit) again. What was
    /// not taken back stays usable. The pool calls this outside its lock, with some runs at a time.
    fn give_back(&self, runs: &[PageRun]) -> bool {
        let _ = runs;
        false
    }

    /// The frame behind a committed address; bug check parameters want it, nothing else.
    fn frame(&self, address: VirtualAddress) -> Option<Pfn>;

    /// The highest frame of the machine; bug check parameters want it, nothing else.
    fn highest_frame(&self) -> Pfn;
}

/// Pages in a row, of one kind of pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRun {
    /// The kind.
    pub kind: PoolKind,
    /// The first page's address.
    pub first: VirtualAddress,
    /// How many pages.
    pub count: PageCount,
}

/// What a pool does beyond keeping blocks apart: what helps against drivers that misuse memory, at a price.
///
/// A constant of the [`Platform`], so that what is not wanted is not compiled into the fast paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Whether the exact size of each block is kept, beside that of its place.
    pub sizes: bool,
    /// Whether the slack behind a block holds a pattern that a free looks at. Needs `sizes`.
    pub canary: bool,
    /// Whether a freed block is filled with a pattern that its next allocation looks at.
    pub poison: bool,
    /// Whether of a magazine's blocks one is handed out by chance, and not the one freed last.
    pub shuffle: bool,
    /// How many freed blocks a shard keeps back before they can be handed out again.
    pub quarantine: usize,
    /// Whether two frees of one block that race are told apart, by an atomic operation each.
    pub racing_frees: bool,
}

impl Checks {
    /// None: the pool as a heap. A second free is found all the same, and an address that is no block's.
    pub const NONE: Checks = Checks {
        sizes: false,
        canary: false,
        poison: false,
        shuffle: false,
        quarantine: 0,
        racing_frees: false,
    };

    /// Exact sizes, and nothing that touches blocks: what a verifier above the pool builds on.
    pub const SIZES: Checks = Checks { sizes: true, ..Checks::NONE };

    /// Everything.
    pub const ALL: Checks =
        Checks { sizes: true, canary: true, poison: true, shuffle: true, quarantine: 64, racing_frees: true };
}

/// The computer that a pool runs on.
///
/// `hold` is the seam between the engine and its threads: a kernel raises the IRQL and uses the processor's shard, a
/// process uses the thread's. Whoever has the hold is the only one to write the shard.
pub trait Platform: PageSource {
    /// How finely blocks are cut.
    const GRANULE: Granule = Granule::Sixteen;

    /// What is checked.
    const CHECKS: Checks = Checks::SIZES;

    /// Whether allocations are counted by tag. Without, a tag's counters stay as they are and the clock is never looked
    /// at: for measuring what counting costs.
    const COUNTS: bool = true;

    /// The witness of exclusive use; dropping it ends the use.
    type Hold<'a>: ShardHold
    where
        Self: 'a;

    /// Takes exclusive use of one of the pool's `shards` until the result is dropped.
    fn hold<'a>(&'a self, shards: ShardSet<'a>) -> Self::Hold<'a>;

    /// Waits a little for the central lock; `turn` counts from 0 for one wait.
    ///
    /// A kernel's holder runs on another processor and is nearly done: spin. A process's holder may have lost its
    /// processor: after some turns, yield.
    fn relax(&self, turn: u32) {
        let _ = turn;
        core::hint::spin_loop();
    }

    /// The time in milliseconds since some start, if the pool shall give pages back by itself.
    fn milliseconds(&self) -> Option<u64> {
        None
    }

    /// Hears of a crime that is found when its author is gone: an overrun when the block is freed, a write to a freed
    /// block when it is handed out again. The pool goes on.
    fn found(&self, corruption: &Corruption) {
        let _ = corruption;
    }
}
