//! Requests that a magazine does not serve at once: the magazine is filled, or a run of pages taken.

use super::upkeep::TURNS;
use super::{InternedTag, POISONED, Pool};
use crate::class::{CACHED, Classes, KEPT};
use crate::corruption::{Corruption, Damage};
use crate::geometry::PAGE;
use crate::pages::ARENA_LIMIT;
use crate::shard::{Entry, Shard};
use crate::tag_table::TagIndex;
use crate::{Contents, NoMemory, NodeChoice, NodeNumber, Placement, Platform, ShardHold, large, slot};
use core::ptr::{self, NonNull};
use ntpool_types::{Bytes, PoolKind, VirtualAddress};

/// Blocks that are taken from their pages at a time for a magazine of so much room.
pub(super) fn batch_of(room: usize) -> usize {
    (room / 2).max(1)
}

impl<P: Platform> Pool<P> {
    /// The requests that are not served from a magazine at once.
    #[cold]
    #[inline(never)]
    pub(super) fn allocate_cold(
        &self,
        size: usize,
        tag: InternedTag,
        contents: Contents,
    ) -> Option<NonNull<u8>> {
        let address =
            self.allocate_slow(Bytes(size as u64), tag.kind, tag.tag, contents, Placement::ANY).ok()?;
        Some(self.memory.pointer(address))
    }

    pub(super) fn allocate_slow(
        &self,
        size: Bytes,
        kind: PoolKind,
        tag: TagIndex,
        contents: Contents,
        placement: Placement,
    ) -> Result<VirtualAddress, NoMemory> {
        let alignment = placement.alignment.as_usize();
        assert!(alignment.is_power_of_two(), "an alignment of {alignment} bytes is no power of two");
        let class = class_for(Self::CLASSES, size.0, alignment);
        let hold = self.hold();
        let shard = self.shards.held(hold.shard());
        let node = if placement.node == NodeChoice::Local { hold.node() } else { NodeNumber(0) };
        // Twice: when nothing is left, what magazines and depots keep may be all that is missing.
        for last in [false, true] {
            for node in self.nodes.candidates(placement.node, node).ok_or(NoMemory)? {
                let arena = usize::from(self.arenas[kind.index()][node.index()]);
                if arena >= ARENA_LIMIT {
                    continue;
                }
                let bin = arena * Self::CLASSES.count() + class;
                let entry = self.entry_for(shard, bin, class, size.0, alignment);
                if let Some(entry) = entry {
                    let address = entry.address();
                    if Self::CHECKS.sizes || Self::CHECKS.poison {
                        self.note_and_check(entry, class, size.as_usize());
                    }
                    slot::begin(self.pages.slot(entry.slot as usize), tag.raw());
                    if P::COUNTS && shard.count(self.shards.plan().counter(kind, tag)) {
                        self.tick(shard);
                    }
                    drop(hold);
                    if contents == Contents::Zeroed && !entry.is_zero() {
                        self.zero(address, size.as_usize());
                    }
                    return Ok(address);
                }
            }
            if !last {
                self.flush_shard(hold.shard());
                // Pages given back join those that never were usable, and the source may need them for another kind. To
                // a kind that has all it may have they are of no use.
                if !self.lock().is_at_limit(kind) {
                    self.give_back_pages(u64::MAX, TURNS);
                }
            }
        }
        Err(NoMemory)
    }

    /// A free block of a bin: from the magazine, or from the depot and the pages, which fill the magazine too.
    fn entry_for(
        &self,
        shard: Shard<'_>,
        bin: usize,
        class: usize,
        size: u64,
        alignment: usize,
    ) -> Option<Entry> {
        let bytes = match Self::CLASSES.size(class) as u64 {
            0 => large::huge_bytes(size.max(1))?,
            bytes => bytes,
        };
        let is_kept = bytes <= self.largest_kept(bin);
        if class == Self::CLASSES.huge() || !is_kept {
            let pages = u32::try_from(alignment.div_ceil(PAGE)).ok()?;
            if is_kept && KEPT.contains(&bytes) && pages <= 1 {
                let fits = |entry| self.bytes_of_huge(bin, entry) == bytes;
                if let Some(kept) = shard.take_kept(bin, Self::CLASSES, fits) {
                    return Some(kept);
                }
            }
            return self.lock().take_run(&self.pages, bin, shard.stripe(), bytes, pages, &self.platform).ok();
        }
        if Self::CHECKS.shuffle {
            shard.shuffle(bin, ptr::from_ref(self).addr() as u64);
        }
        if let Some(entry) = shard.pop(bin) {
            return Some(entry);
        }
        let most = batch_of(shard.widen(bin, Self::CLASSES));
        let mut refilled = false;
        let refill = self.lock().refill(&self.pages, bin, shard.stripe(), most, &self.platform, |entry| {
            refilled = shard.push(bin, entry);
            debug_assert!(refilled, "a batch fits the magazine");
        });
        refill.ok()?;
        shard.pop(bin)
    }

    /// The bytes of the largest block of a bin's kind that shards keep.
    pub(super) fn largest_kept(&self, bin: usize) -> u64 {
        self.largest_kept[self.pages.span(bin / Self::CLASSES.count()).kind.index()]
    }

    /// What a pool that checks does before it hands a block out.
    pub(super) fn note_and_check(&self, entry: Entry, class: usize, size: usize) {
        let (address, slot) = (entry.address(), entry.slot as usize);
        let bytes = Self::CLASSES.size(class);
        let place =
            if bytes == 0 { large::huge_bytes(size.max(1) as u64).unwrap_or(0) as usize } else { bytes };
        if Self::CHECKS.poison
            && slot::read(self.pages.slot(slot)).is_known()
            && let Some((offset, found)) = self.memory.poison_broken(address, place.min(POISONED))
        {
            self.platform.found(&Corruption {
                damage: Damage::WriteAfterFree,
                block: address,
                size: Bytes(place as u64),
                address: VirtualAddress(address.0 + offset as u64),
                found,
            });
        }
        if Self::CHECKS.sizes {
            self.note_size(slot, place as u64, size as u64);
        }
        if Self::CHECKS.canary {
            self.memory.write_canary(address, size, place);
        }
    }

    /// The bytes of a huge block of a bin.
    pub(super) fn bytes_of_huge(&self, bin: usize, entry: Entry) -> u64 {
        let arena = bin / Self::CLASSES.count();
        let page = (entry.address().0 - self.pages.span(arena).base.0) / PAGE as u64;
        self.pages.of(arena)[page as usize].bits()
    }
}

/// The class that serves a size with an alignment.
///
/// Blocks of a page begin at multiples of their size from a start that is a multiple of 512 bytes, and classes are
/// multiples of their steps; so a size that is rounded up to the alignment gets a class whose every block, rests
/// included, is aligned, up to 512 bytes. Beyond, a page or more.
fn class_for(classes: &Classes, size: u64, alignment: usize) -> usize {
    match alignment {
        0..=8 => {}
        9..=512 => {
            let rounded = size.max(1).checked_next_multiple_of(alignment as u64);
            return serving(classes, rounded);
        }
        513..=PAGE => return serving(classes, Some(size.max(PAGE as u64))),
        _ => return classes.huge(),
    }
    serving(classes, Some(size))
}

fn serving(classes: &Classes, size: Option<u64>) -> usize {
    match size {
        Some(size) if size <= CACHED as u64 => classes.serving(size as usize),
        _ => classes.huge(),
    }
}
