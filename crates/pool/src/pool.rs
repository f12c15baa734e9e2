//! The pool: allocate, free, find, count.

use crate::central::Central;
use crate::claim::Crime;
use crate::live::Cursor;
use crate::shard::Shards;
use crate::zero::Zeroer;
use crate::{
    Block, Claim, Contents, Freed, Inconsistency, NoMemory, Place, Platform, Request, ShardHold, TagCount,
    Usage, check,
};
use ntpool_types::{Bytes, PoolKind, Violation, VirtualAddress};
use spin::Mutex;

/// A kernel memory pool of three kinds.
///
/// See the crate's documentation for its layout and rules. Shared by every thread of its platform: all routines take
/// `&self`.
pub struct Pool<P: Platform> {
    platform: P,
    shards: Shards,
    zeroer: Zeroer,
    /// Taken inside a hold only.
    central: Mutex<Central>,
}

impl<P: Platform> Pool<P> {
    /// Puts the parts together; see `construct`.
    pub(crate) fn assemble(platform: P, central: Central, shards: Shards, zeroer: Zeroer) -> Pool<P> {
        Pool { platform, shards, zeroer, central: Mutex::new(central) }
    }

    /// The platform that the pool runs on.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// Allocates a block.
    ///
    /// Below a page it begins at a multiple of 16 and lies within one page; from a page on it begins at a page
    /// (POOL-001, POOL-003, POOL-004). Exactly `size` bytes are the caller's.
    ///
    /// IRQL: at or below DISPATCH_LEVEL; at or below APC_LEVEL for paged pool, which is zeroed after the hold has been
    /// let go. Errors: [`NoMemory`] when the kind's region is exhausted, too fragmented, or its page source refuses;
    /// nothing stays taken.
    pub fn allocate(&self, request: Request) -> Result<Block, NoMemory> {
        let fresh = self.with_central(|shard, central| {
            let fresh = central.allocate(request, &self.platform)?;
            self.shards.count_allocation(shard, fresh.tag, request.kind, request.size);
            Ok(fresh)
        })?;
        if request.contents == Contents::Zeroed {
            self.zeroer.zero(&fresh);
        }
        Ok(fresh.block)
    }

    /// Frees the block that the claim is to.
    ///
    /// IRQL: at or below DISPATCH_LEVEL; the block itself is not touched. Errors: the [`Violation`] when the address
    /// is not the first of a live block, or a tag is given and is not the block's; nothing has changed then. Which
    /// crimes can't be told apart is said in the crate's documentation.
    pub fn free(&self, claim: Claim) -> Result<Freed, Violation> {
        let freed = self.with_central(|shard, central| {
            let freed = central.free(claim)?;
            self.shards.count_free(shard, freed.tag, freed.block.kind, freed.block.size);
            Ok(freed)
        });
        freed.map(|freed| freed.block).map_err(|crime: Crime| crime.violation(claim, &self.platform))
    }

    /// What lies at an address.
    ///
    /// IRQL: at or below DISPATCH_LEVEL. The answer may be out of date when others allocate and free.
    pub fn find(&self, address: VirtualAddress) -> Place {
        self.with_central(|_, central| central.find(address))
    }

    /// Calls `f` with every live block, kind by kind, in the order of addresses.
    ///
    /// `f` may use the pool. Blocks allocated or freed meanwhile may be seen or not.
    pub fn for_each_live(&self, mut f: impl FnMut(Block)) {
        for kind in PoolKind::ALL {
            let mut next = Some(Cursor::default());
            while let Some(cursor) = next {
                let found = self.with_central(|_, central| {
                    let (entry, after) = central.arenas[kind.index()].next_live(cursor)?;
                    Some((central.block(kind, entry), after))
                });
                next = found.map(|(block, after)| {
                    f(block);
                    after
                });
            }
        }
    }

    /// Calls `f` with the counters of every tag and kind that ever had an allocation.
    ///
    /// `f` may use the pool. The counts are exact when nobody allocates or frees meanwhile; else each is one that was
    /// true at some time during the call, and frees never exceed allocations.
    pub fn for_each_tag(&self, mut f: impl FnMut(TagCount)) {
        let known = |place| {
            self.with_central(|_, central| {
                central.tags.nth(place).map(|index| (index, central.tags.tag(index)))
            })
        };
        let mut place = 0;
        while let Some((index, tag)) = known(place) {
            for kind in PoolKind::ALL {
                let sums = self.shards.sum(index, kind);
                if sums.allocations > 0 {
                    let bytes = Bytes(sums.bytes);
                    f(TagCount { tag, kind, allocations: sums.allocations, frees: sums.frees, bytes });
                }
            }
            place += 1;
        }
    }

    /// The pages of one kind.
    pub fn usage(&self, kind: PoolKind) -> Usage {
        self.with_central(|_, central| central.usage(kind))
    }

    /// Checks every invariant of the metadata.
    ///
    /// Holds the pool's lock for a time that grows with the pool: for tests, fuzzing and a verifier, not for a hot
    /// path. Errors: the first [`Inconsistency`] found, which is a fault of the pool or of somebody who wrote over
    /// its metadata, never of a caller.
    pub fn check(&self) -> Result<(), Inconsistency> {
        self.with_central(|_, central| check::check(central, &self.shards))
    }

    /// Runs `f` with a shard held and the lock inside; both are let go afterwards, the lock first.
    fn with_central<R>(&self, f: impl FnOnce(usize, &mut Central) -> R) -> R {
        let hold = self.platform.hold();
        let mut central = self.central.lock();
        f(hold.shard(), &mut central)
    }
}
