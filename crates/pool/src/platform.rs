//! What the pool needs from outside: pages, and exclusive use of a shard.

use crate::NoMemory;
use ntpool_types::{PageCount, Pfn, PoolKind, VirtualAddress};

/// Where the pool's pages come from.
///
/// Every routine is called inside a hold; [`commit`](PageSource::commit) with the central lock held as well. None may
/// call back into the pool, and none may wait.
pub trait PageSource {
    /// Makes `count` pages of `kind`'s region, from its page `first` on, readable and writable and zero.
    ///
    /// Errors: [`NoMemory`] when that can't be done; then none of the pages is the pool's.
    fn commit(&self, kind: PoolKind, first: PageCount, count: PageCount) -> Result<(), NoMemory>;

    /// The frame behind a committed address; bug check parameters want it, nothing else.
    fn frame(&self, address: VirtualAddress) -> Option<Pfn>;

    /// The highest frame of the machine; bug check parameters want it, nothing else.
    fn highest_frame(&self) -> Pfn;
}

/// The computer that a pool runs on.
///
/// `hold` is the seam between the engine and its threads: a kernel raises the IRQL and uses the processor's shard, a
/// process uses the thread's. Whoever has the hold is the only one to write the shard's counters.
pub trait Platform: PageSource {
    /// The witness of exclusive use; dropping it ends the use.
    type Hold<'a>: ShardHold
    where
        Self: 'a;

    /// Takes exclusive use of one shard until the result is dropped.
    fn hold(&self) -> Self::Hold<'_>;
}

/// Exclusive use of one shard.
pub trait ShardHold {
    /// The shard's number, below [`Config::shards`](crate::Config::shards); the pool panics at a higher one.
    fn shard(&self) -> usize;
}
