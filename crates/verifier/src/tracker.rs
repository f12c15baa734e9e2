//! Who allocated what, who freed it, and what is left.
//!
//! # Invariants
//! - Live blocks do not overlap: the pool hands no byte out twice.
//! - The log holds the latest frees, the oldest first, and at most [`FREE_LOG_LENGTH`] of them.
//!
//! [`Tracker::check`] goes through both.

use crate::StackId;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use ntpool_types::{Bytes, PoolKind, Tag, VirtualAddress};

/// The frees that are remembered (VRF-035).
///
/// Windows logs the latest 65,536 allocations and frees together. A free's record here holds its allocation too, and
/// the blocks that are alive are all known, so the same number of frees covers all that such a log would say.
pub const FREE_LOG_LENGTH: usize = 65_536;

/// A pool block that was allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Its first byte.
    pub address: VirtualAddress,
    /// The bytes that were asked for.
    pub size: Bytes,
    /// The kind of pool it came from.
    pub kind: PoolKind,
    /// Its tag.
    pub tag: Tag,
    /// Where it was allocated.
    pub stack: StackId,
    /// The thread that allocated it.
    pub thread: u64,
    /// Its place in the order of all allocations; the tracker fills it in.
    pub sequence: u64,
}

impl Allocation {
    /// Whether the address is one of the block's bytes; its first address always counts, also when it has no bytes.
    #[must_use]
    pub const fn contains(&self, address: VirtualAddress) -> bool {
        match address.offset_from(self.address) {
            Some(offset) => offset.0 < self.size.0 || offset.0 == 0,
            None => false,
        }
    }

    /// The address after the last byte.
    #[must_use]
    pub const fn end(&self) -> VirtualAddress {
        VirtualAddress(self.address.0.saturating_add(self.size.0))
    }
}

/// A pool block that was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreedAllocation {
    /// The block as it was.
    pub allocation: Allocation,
    /// Where it was freed.
    pub stack: StackId,
    /// The thread that freed it.
    pub thread: u64,
}

/// Blocks that were left behind and were allocated in one place, with one tag, from one kind of pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Where they were allocated.
    pub stack: StackId,
    /// Their tag.
    pub tag: Tag,
    /// The kind of pool they came from.
    pub kind: PoolKind,
    /// How many there are.
    pub count: u64,
    /// The bytes that were asked for, in all of them.
    pub bytes: Bytes,
    /// The address of the one that was allocated first.
    pub first: VirtualAddress,
    /// The size of each, when it is the same.
    pub size: Option<Bytes>,
    /// The place of the first one in the order of all allocations.
    pub sequence: u64,
}

struct Live {
    allocation: Allocation,
    set_aside: bool,
}

/// The record of all blocks that are alive and of those freed lately.
#[derive(Default)]
pub struct Tracker {
    live: BTreeMap<VirtualAddress, Live>,
    freed: VecDeque<FreedAllocation>,
    next_sequence: u64,
}

impl Tracker {
    /// A tracker that has seen nothing.
    #[must_use]
    pub fn new() -> Tracker {
        Tracker::default()
    }

    /// Records a block; its `sequence` is replaced by the next one.
    ///
    /// Returns the record that was there for the same address: a block whose free was not recorded.
    pub fn record_allocation(&mut self, allocation: Allocation) -> Option<Allocation> {
        let allocation = Allocation { sequence: self.next_sequence, ..allocation };
        self.next_sequence += 1;
        let live = Live { allocation, set_aside: false };
        self.live.insert(allocation.address, live).map(|before| before.allocation)
    }

    /// Records that the block at `address` was freed, and returns it; `None` when no live block begins there.
    pub fn record_free(
        &mut self,
        address: VirtualAddress,
        stack: StackId,
        thread: u64,
    ) -> Option<Allocation> {
        let allocation = self.live.remove(&address)?.allocation;
        if self.freed.len() == FREE_LOG_LENGTH {
            self.freed.pop_front();
        }
        self.freed.push_back(FreedAllocation { allocation, stack, thread });
        Some(allocation)
    }

    /// The live block that begins at `address`.
    #[must_use]
    pub fn live(&self, address: VirtualAddress) -> Option<&Allocation> {
        self.live.get(&address).map(|live| &live.allocation)
    }

    /// The live block that holds `address`.
    #[must_use]
    pub fn containing(&self, address: VirtualAddress) -> Option<&Allocation> {
        let (_, live) = self.live.range(..=address).next_back()?;
        Some(&live.allocation).filter(|block| block.contains(address))
    }

    /// The live block that ends nearest before `address`, or right at it: the one whose overrun would get there.
    #[must_use]
    pub fn nearest_below(&self, address: VirtualAddress) -> Option<&Allocation> {
        self.live
            .range(..=address)
            .rev()
            .map(|(_, live)| &live.allocation)
            .find(|block| block.end() <= address && !block.contains(address))
    }

    /// The block freed last among those that held `address`.
    ///
    /// Another block may be alive there by now. The search goes through the log.
    #[must_use]
    pub fn last_freed(&self, address: VirtualAddress) -> Option<&FreedAllocation> {
        self.freed.iter().rev().find(|freed| freed.allocation.contains(address))
    }

    /// Keeps the block at `address` from being reported as left behind, as something else was reported about it;
    /// says whether there is one.
    pub fn set_aside(&mut self, address: VirtualAddress) -> bool {
        let Some(live) = self.live.get_mut(&address) else { return false };
        live.set_aside = true;
        true
    }

    /// The live blocks that were not set aside, by stack, tag and kind, in the order of their first allocations.
    #[must_use]
    pub fn leaks(&self) -> Vec<Leak> {
        let mut groups: BTreeMap<(StackId, Tag, PoolKind), Leak> = BTreeMap::new();
        for block in self.live.values().filter(|live| !live.set_aside).map(|live| &live.allocation) {
            let Allocation { address, size, kind, tag, stack, sequence, .. } = *block;
            groups
                .entry((stack, tag, kind))
                .and_modify(|leak| {
                    leak.count += 1;
                    leak.bytes = Bytes(leak.bytes.0.saturating_add(size.0));
                    leak.size = leak.size.filter(|&same| same == size);
                    if sequence < leak.sequence {
                        (leak.sequence, leak.first) = (sequence, address);
                    }
                })
                .or_insert(Leak {
                    stack,
                    tag,
                    kind,
                    count: 1,
                    bytes: size,
                    first: address,
                    size: Some(size),
                    sequence,
                });
        }
        let mut leaks: Vec<Leak> = groups.into_values().collect();
        leaks.sort_by_key(|leak| leak.sequence);
        leaks
    }

    /// The live blocks, in the order of their addresses, those set aside included.
    pub fn live_blocks(&self) -> impl Iterator<Item = &Allocation> {
        self.live.values().map(|live| &live.allocation)
    }

    /// How many blocks are alive, those set aside included.
    #[must_use]
    pub fn live_count(&self) -> u64 {
        self.live.len() as u64
    }

    /// Goes through the invariants; returns the first live block that overlaps the next one, or is out of the log's
    /// bounds.
    ///
    /// # Errors
    /// The address of a block that overlaps its neighbour, or of the newest free when the log is too long.
    pub fn check(&self) -> Result<(), VirtualAddress> {
        let ends = self.live.values().map(|live| live.allocation.end());
        for ((&address, _), before) in self.live.iter().skip(1).zip(ends) {
            if before > address {
                return Err(address);
            }
        }
        match self.freed.back() {
            Some(newest) if self.freed.len() > FREE_LOG_LENGTH => Err(newest.allocation.address),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: StackId = StackId(3);
    const FREED_AT: StackId = StackId(9);

    fn block(address: u64, size: u64) -> Allocation {
        Allocation {
            address: VirtualAddress(address),
            size: Bytes(size),
            kind: PoolKind::NonPaged,
            tag: Tag::from_text(*b"Cnfg"),
            stack: PLACE,
            thread: 4,
            sequence: 0,
        }
    }

    fn tracker(blocks: &[Allocation]) -> Tracker {
        let mut tracker = Tracker::new();
        for &block in blocks {
            assert_eq!(tracker.record_allocation(block), None);
        }
        assert_eq!(tracker.check(), Ok(()));
        tracker
    }

    #[test]
    fn a_block_is_found_by_its_first_address_and_by_any_of_its_bytes() {
        let tracker = tracker(&[block(0x1000, 0x60), block(0x1060, 0x20)]);
        assert_eq!(tracker.live(VirtualAddress(0x1001)), None);
        assert_eq!(tracker.live(VirtualAddress(0x1000)).unwrap().size, Bytes(0x60));
        let holder = |address| tracker.containing(VirtualAddress(address)).map(|block| block.address.0);
        assert_eq!(holder(0x1000), Some(0x1000));
        assert_eq!(holder(0x105F), Some(0x1000));
        assert_eq!(holder(0x1060), Some(0x1060));
        assert_eq!(holder(0x1080), None);
        assert_eq!(holder(0xFFF), None);
    }

    #[test]
    fn the_block_before_an_address_is_the_one_that_ends_there() {
        let tracker = tracker(&[block(0x1000, 0x10), block(0x2000, 0x10)]);
        let below = |address| tracker.nearest_below(VirtualAddress(address)).map(|block| block.address.0);
        assert_eq!(below(0x1000), None);
        assert_eq!(below(0x100F), None, "inside");
        assert_eq!(below(0x1010), Some(0x1000));
        assert_eq!(below(0x2008), Some(0x1000), "the block that holds the address is not before it");
        assert_eq!(below(0x9000), Some(0x2000));
    }

    #[test]
    fn a_freed_block_is_remembered_with_both_stacks() {
        let mut tracker = tracker(&[block(0x1000, 0x60)]);
        assert_eq!(tracker.record_free(VirtualAddress(0x1008), FREED_AT, 5), None);
        assert!(tracker.record_free(VirtualAddress(0x1000), FREED_AT, 5).is_some());
        assert_eq!(tracker.record_free(VirtualAddress(0x1000), FREED_AT, 5), None, "it is gone");
        let freed = tracker.last_freed(VirtualAddress(0x1010)).unwrap();
        assert_eq!((freed.allocation.stack, freed.stack), (PLACE, FREED_AT));
        assert_eq!(tracker.last_freed(VirtualAddress(0x1060)), None);
    }

    #[test]
    fn the_last_of_several_freed_blocks_at_one_address_counts() {
        let mut tracker = Tracker::new();
        for size in [0x60, 0x20] {
            tracker.record_allocation(block(0x1000, size));
            tracker.record_free(VirtualAddress(0x1000), StackId(size as u32), 0);
        }
        let freed = |address| tracker.last_freed(VirtualAddress(address)).unwrap().stack;
        assert_eq!(freed(0x1010), StackId(0x20));
        assert_eq!(freed(0x1050), StackId(0x60), "only the earlier block reached so far");
    }

    #[test]
    fn vrf_035_the_latest_65536_frees_are_kept_with_thread_and_stack() {
        let mut tracker = Tracker::new();
        let free = |tracker: &mut Tracker, number: u64| {
            let address = 0x10_0000 + number * 0x10;
            tracker.record_allocation(block(address, 0x10));
            tracker.record_free(VirtualAddress(address), StackId(number as u32), number).unwrap();
        };
        (0..65_536).for_each(|number| free(&mut tracker, number));
        let oldest = *tracker.last_freed(VirtualAddress(0x10_0000)).unwrap();
        assert_eq!((oldest.stack, oldest.thread), (StackId(0), 0));
        assert_eq!((oldest.allocation.stack, oldest.allocation.thread), (PLACE, 4));
        free(&mut tracker, 65_536);
        assert_eq!(tracker.last_freed(VirtualAddress(0x10_0000)), None);
        assert_eq!(tracker.last_freed(VirtualAddress(0x10_0010)).unwrap().thread, 1);
        assert_eq!(tracker.last_freed(VirtualAddress(0x10_0000 + 65_536 * 0x10)).unwrap().thread, 65_536);
        assert_eq!(tracker.check(), Ok(()));
    }

    // VRF-032
    #[test]
    fn what_is_left_is_grouped_by_stack_tag_and_kind_in_order_of_allocation() {
        let other = Tag::from_text(*b"Othr");
        let late = Allocation { stack: StackId(1), ..block(0x9000, 8) };
        let blocks = [
            block(0x5000, 0x40),
            Allocation { tag: other, ..block(0x3000, 0x40) },
            block(0x1000, 0x40),
            Allocation { kind: PoolKind::Paged, ..block(0x7000, 0x10) },
            Allocation { kind: PoolKind::Paged, ..block(0x6000, 0x20) },
            late,
        ];
        let leaks = tracker(&blocks).leaks();
        let brief: Vec<_> =
            leaks.iter().map(|leak| (leak.count, leak.bytes.0, leak.first.0, leak.size)).collect();
        assert_eq!(
            brief,
            [
                (2, 0x80, 0x5000, Some(Bytes(0x40))),
                (1, 0x40, 0x3000, Some(Bytes(0x40))),
                (2, 0x30, 0x7000, None),
                (1, 8, 0x9000, Some(Bytes(8))),
            ]
        );
        assert_eq!(leaks[1].tag, other);
        assert_eq!(leaks[2].kind, PoolKind::Paged);
        assert_eq!(leaks[3].stack, StackId(1));
    }

    #[test]
    fn a_block_set_aside_is_not_left_behind_and_can_still_be_freed() {
        let mut tracker = tracker(&[block(0x1000, 0x40), block(0x2000, 0x40)]);
        assert!(tracker.set_aside(VirtualAddress(0x1000)));
        assert!(!tracker.set_aside(VirtualAddress(0x1008)));
        let leaks = tracker.leaks();
        assert_eq!((leaks.len(), leaks[0].first), (1, VirtualAddress(0x2000)));
        assert!(tracker.record_free(VirtualAddress(0x1000), FREED_AT, 0).is_some());
        tracker.record_allocation(block(0x1000, 0x40));
        assert_eq!(tracker.leaks()[0].count, 2, "a new block at the address is not set aside");
    }

    #[test]
    fn a_block_of_no_bytes_holds_its_own_address_only() {
        let tracker = tracker(&[block(0x1000, 0)]);
        assert!(tracker.containing(VirtualAddress(0x1000)).is_some());
        assert!(tracker.containing(VirtualAddress(0x1001)).is_none());
        assert!(tracker.nearest_below(VirtualAddress(0x1001)).is_some());
    }

    #[test]
    fn the_check_finds_blocks_that_overlap() {
        let mut tracker = tracker(&[block(0x1000, 0x40)]);
        tracker.record_allocation(block(0x1030, 0x40));
        assert_eq!(tracker.check(), Err(VirtualAddress(0x1030)));
    }
}
