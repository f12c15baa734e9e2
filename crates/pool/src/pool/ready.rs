//! What magazines serve: allocations and frees without a lock, a call, or a locked instruction.
//!
//! Everything here is inlined into whoever allocates, so each line is on every fast path: what is seldom is a cold call at
//! the end (see `request` and `release`), and what a pool does not check is not compiled into it.

use super::{InternedTag, Pool};
use crate::class::CACHED;
use crate::geometry::PAGE;
use crate::pages::Elsewhere;
use crate::shard::{Entry, ShardHandle};
use crate::{Checks, Contents, NodeNumber, Platform, ShardHold, slot};
use core::ptr::{self, NonNull};
use ntpool_types::VirtualAddress;

impl<P: Platform> Pool<P> {
    /// Allocates a block under a known tag: where it begins; `None` when there is no memory.
    ///
    /// As [`allocate`](Pool::allocate), without looking up the tag and without a word about the block.
    #[inline(always)]
    pub fn allocate_interned(
        &self,
        size: usize,
        tag: InternedTag,
        contents: Contents,
    ) -> Option<NonNull<u8>> {
        self.allocate_ready(size, tag, contents).or_else(|| self.allocate_cold(size, tag, contents))
    }

    /// Allocates a block under a known tag if one is ready: where it begins; `None` when the shard's magazine has none,
    /// or the size is beyond those that magazines keep. Then [`allocate_interned`](Pool::allocate_interned) finds one, if
    /// there is any.
    ///
    /// Where the platform's hold raises the IRQL, zeroed paged pool is to be had by [`allocate`](Pool::allocate) instead:
    /// here one block in 256 is zeroed inside the hold.
    ///
    /// The first thing to try for a heap's every request: it takes no lock, makes no call but to zero more than 256
    /// bytes, and uses no atomic operation but loads and stores.
    #[inline(always)]
    pub fn allocate_ready(&self, size: usize, tag: InternedTag, contents: Contents) -> Option<NonNull<u8>> {
        let class = if size <= PAGE {
            Self::CLASSES.small(P::GRANULE, size)
        } else if size <= CACHED {
            Self::CLASSES.large(size)
        } else {
            return None;
        };
        let hold = self.hold();
        let shard = self.shards.held(hold.shard());
        let first_bin = match hold.node() {
            NodeNumber(0) => tag.first_bin as usize,
            node => self.first_bin(tag.kind, node),
        };
        if Self::CHECKS.shuffle {
            shard.shuffle(first_bin + class, ptr::from_ref(self).addr() as u64);
        }
        let entry = shard.pop(first_bin + class)?;
        let address = entry.address();
        if Self::CHECKS.sizes || Self::CHECKS.poison {
            self.note_and_check(entry, class, size);
        }
        slot::begin(self.pages.slot(entry.slot as usize), tag.tag.raw());
        let zero = contents == Contents::Zeroed && !entry.is_zero();
        if P::COUNTS && shard.count(tag.counter as usize) {
            return Some(self.finish_and_tick(hold.shard(), address, if zero { size } else { 0 }));
        }
        drop(hold);
        if zero {
            self.zero(address, size);
        }
        Some(self.memory.pointer(address))
    }

    /// Ends the block that begins at an address, whatever its tag; whether there was one.
    ///
    /// The way that a heap's every free should go. IRQL: at or below DISPATCH_LEVEL; the block itself is not touched
    /// unless the pool poisons. When there was none, nothing has changed, and [`free`](Pool::free) with the same address
    /// says what is wrong with it.
    #[inline(always)]
    pub fn free_fast(&self, address: VirtualAddress) -> bool {
        if Self::CHECKS != Checks::SIZES && Self::CHECKS != Checks::NONE {
            return self.free_checked(address);
        }
        // First: a platform that has just looked which shard it is need not look again.
        let hold = self.hold();
        match self.pages.block_in_first_span(Self::CLASSES, address) {
            // The first span is arena 0, so its bins are its classes.
            Ok(Some(spot)) => self.end_fast(hold.shard(), address, spot.class, spot.slot),
            Ok(None) => false,
            Err(Elsewhere) => self.free_elsewhere(hold.shard(), address),
        }
    }

    /// The frees of other spans than the first.
    #[inline(never)]
    fn free_elsewhere(&self, shard: ShardHandle, address: VirtualAddress) -> bool {
        let Some((arena, spot)) = self.pages.block_beginning_at(address) else { return false };
        self.end_fast(shard, address, arena * Self::CLASSES.count() + spot.class, spot.slot)
    }

    #[inline(always)]
    fn end_fast(&self, shard: ShardHandle, address: VirtualAddress, bin: usize, slot: usize) -> bool {
        if !slot::end(self.pages.slot(slot)).is_live() {
            return false;
        }
        let entry = Entry::new(address, slot);
        self.shards.held(shard).push(bin, entry) || self.overflow(shard, bin, entry)
    }

    /// The bytes of the place of a live block of the first span that magazines keep, if the pool keeps no exact sizes;
    /// `None` for every other address, of which [`usable`](Pool::usable) knows.
    ///
    /// For a heap's every change of a size. IRQL: at or below DISPATCH_LEVEL.
    #[inline(always)]
    pub fn usable_fast(&self, address: VirtualAddress) -> Option<usize> {
        if Self::CHECKS.sizes {
            return None;
        }
        let spot = self.pages.block_in_first_span(Self::CLASSES, address).ok()??;
        let size = Self::CLASSES.size(spot.class);
        (size > 0 && slot::read(self.pages.slot(spot.slot)).is_live()).then_some(size)
    }

    /// Ends an allocation that is the turn to look at the clock.
    #[cold]
    #[inline(never)]
    fn finish_and_tick(&self, shard: ShardHandle, address: VirtualAddress, zero: usize) -> NonNull<u8> {
        self.tick(self.shards.held(shard));
        if zero > 0 {
            self.zero(address, zero);
        }
        self.memory.pointer(address)
    }
}
