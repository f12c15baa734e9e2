//! The pool: allocate, free, find, count.
//!
//! What a request goes through lies in rooms of its own: `ready` is what magazines serve, `request` and `release` what they
//! do not, `upkeep` what is done with memory that nobody needs. This is the hall: what the pool is made of, and every
//! routine that answers a question.

mod ready;
mod release;
mod request;
mod upkeep;

use crate::central::Central;
use crate::class::{self, Classes};
use crate::contents::BlockMemory;
use crate::large;
use crate::layout::Parts;
use crate::live::{Cursor, Entry as Known, Lookup};
use crate::metadata::Array;
use crate::pages::{ARENA_LIMIT, Pages};
use crate::shard::{ShardSet, Shards};
use crate::slot;
use crate::snapshot::Snapshot;
use crate::sync::{AtomicBool, AtomicU16, Guard, Lock, Ordering};
use crate::tag_table::{TagIndex, TagTable};
use crate::{
    Block, Checks, Config, Inconsistency, NoMemory, NodeNumber, Nodes, Place, Placement, Platform, Request,
    TagCount, Usage, check,
};
use ntpool_types::{Bytes, PoolKind, Tag, VirtualAddress};

/// A kernel memory pool of three kinds.
///
/// See the crate's documentation for its layout and rules. Shared by every thread of its platform: all routines take
/// `&self`.
pub struct Pool<P: Platform> {
    platform: P,
    pub(crate) shards: Shards,
    pub(crate) pages: Pages,
    pub(crate) tags: TagTable,
    pub(crate) slack: Array<AtomicU16>,
    memory: BlockMemory,
    nodes: Nodes,
    /// The arena of each kind on each node; [`ARENA_LIMIT`] where there is none.
    arenas: [[u8; NodeNumber::LIMIT]; 3],
    outside: Outside,
    /// The bytes of the largest block of each kind that shards keep.
    largest_kept: [u64; 3],
    snapshot: Snapshot,
    /// Whether a shard was ever abandoned: then some blocks may be in no place.
    lossy: AtomicBool,
    /// Taken while a snapshot counts.
    counting: Lock<()>,
    /// Taken inside a hold only.
    central: Lock<Central>,
}

/// What addresses outside of the regions are.
#[derive(Clone, Copy)]
pub(crate) struct Outside {
    pub(crate) system_space_start: VirtualAddress,
    pub(crate) metadata_base: VirtualAddress,
    pub(crate) metadata_size: Bytes,
}

/// A kind of pool and a tag that the pool knows, for allocations that shall not look them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternedTag {
    kind: PoolKind,
    tag: TagIndex,
    /// The word of a shard that counts its allocations.
    counter: u32,
    /// The first bin of the kind's arena on node 0; the bin that never has a block where there is none.
    first_bin: u32,
}

/// A pool at rest: nobody allocates or frees but from a magazine until this is dropped.
///
/// For a process that is about to be copied: with this and every shard at rest, the copy's pool is whole.
pub struct Quiesced<'a> {
    _counting: Guard<'a, ()>,
    _central: Guard<'a, Central>,
}

impl<P: Platform> Pool<P> {
    const CLASSES: &'static Classes = Classes::of(P::GRANULE);
    const CHECKS: Checks = P::CHECKS;

    /// Puts the parts together; see `construct`.
    pub(crate) fn assemble(
        platform: P,
        config: &Config,
        parts: Parts,
        outside: Outside,
        memory: BlockMemory,
    ) -> Pool<P> {
        const { assert!(Self::CHECKS.sizes || !Self::CHECKS.canary, "a canary needs exact sizes") };
        let Parts { tags, shards, snapshot, pages, slack, central } = parts;
        let mut arenas = [[ARENA_LIMIT as u8; NodeNumber::LIMIT]; 3];
        for (number, span) in pages.spans().iter().enumerate() {
            arenas[span.kind.index()][span.node.index()] = number as u8;
        }
        Pool {
            platform,
            shards,
            pages,
            tags,
            slack,
            memory,
            nodes: config.nodes,
            arenas,
            outside,
            largest_kept: config.regions.map(|region| {
                class::largest_kept(Self::CLASSES, region.limit.min(region.capacity), config.shards)
            }),
            snapshot,
            lossy: AtomicBool::new(false),
            counting: Lock::new(()),
            central: Lock::new(central),
        }
    }

    /// The platform that the pool runs on.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// Makes a tag known, and names it and a kind for [`allocate_ready`](Pool::allocate_ready) and
    /// [`allocate_interned`](Pool::allocate_interned).
    ///
    /// IRQL: at or below DISPATCH_LEVEL.
    pub fn intern(&self, kind: PoolKind, tag: Tag) -> InternedTag {
        self.interned(kind, self.tag_index(tag))
    }

    /// [`intern`](Pool::intern) for a pool that nobody else knows yet: without a hold, which its platform may not be
    /// ready for.
    pub fn intern_first(&mut self, kind: PoolKind, tag: Tag) -> InternedTag {
        self.interned(kind, self.tags.intern(tag))
    }

    fn interned(&self, kind: PoolKind, tag: TagIndex) -> InternedTag {
        let counter = self.shards.plan().counter(kind, tag) as u32;
        InternedTag { kind, tag, counter, first_bin: self.first_bin(kind, NodeNumber(0)) as u32 }
    }

    /// The shards, for a platform that keeps their handles.
    pub fn shards(&self) -> ShardSet<'_> {
        ShardSet(&self.shards)
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
        self.allocate_placed(request, Placement::ANY)
    }

    /// Allocates a block at an address that is a multiple of an alignment, from the memory of a node.
    ///
    /// As [`allocate`](Pool::allocate). A node that is not there has no memory.
    ///
    /// # Panics
    /// When the alignment is no power of two.
    pub fn allocate_placed(&self, request: Request, placement: Placement) -> Result<Block, NoMemory> {
        let Request { size, kind, tag, contents } = request;
        let tag = self.tag_index(tag);
        let address = self.allocate_slow(size, kind, tag, contents, placement)?;
        let size = if Self::CHECKS.sizes { size } else { self.usable(address).unwrap_or(size) };
        Ok(Block { address, size, kind, tag: self.tags.tag(tag) })
    }

    /// Changes the size of a live block without moving it; whether that could be done.
    ///
    /// IRQL: at or below DISPATCH_LEVEL. Bytes that come to the block are not zeroed. A block that keeps its place, or
    /// one above a page that shrinks to no less than that or has room behind it, can be changed; nothing has changed
    /// otherwise.
    pub fn resize(&self, address: VirtualAddress, size: Bytes) -> bool {
        let hold = self.hold();
        let Some(entry) = self.live_at(address) else { return false };
        // Before it goes: what the block is to have from now on hides what was written behind it.
        self.check_canary(address, entry.place - self.slack_of(entry.slot), entry.place);
        let serving = Self::CLASSES.serving(size.as_usize());
        let stays = if entry.class == serving && serving != Self::CLASSES.huge() {
            true
        } else if entry.class >= Self::CLASSES.small_count() && serving >= Self::CLASSES.small_count() {
            let bytes = match Self::CLASSES.size(serving) as u64 {
                0 => large::huge_bytes(size.0),
                bytes => Some(bytes),
            };
            bytes.is_some_and(|bytes| {
                bytes == entry.place
                    || self.lock().resize(&self.pages, &entry, serving, bytes, &self.platform)
            })
        } else {
            // What a block with an alignment is, its size alone does not say.
            size == self.looking_without_lock(&entry).size
                || (entry.class == Self::CLASSES.huge()
                    && large::huge_bytes(size.0.max(1)) == Some(entry.place))
        };
        if stays && Self::CHECKS.sizes {
            let place = match entry.class < Self::CLASSES.small_count() {
                true => entry.place,
                false => self.pages.of(entry.arena)[entry.page as usize].bits(),
            };
            // First: behind the size that is noted the canary is whole at any time.
            if Self::CHECKS.canary {
                self.memory.write_canary(address, size.as_usize(), place as usize);
            }
            self.note_size(entry.slot, place, size.0);
        }
        drop(hold);
        stays
    }

    /// How many bytes the place of a live block has: its owner's, where the pool keeps no exact sizes.
    ///
    /// IRQL: at or below DISPATCH_LEVEL. `None` when no live block begins there.
    #[inline]
    pub fn usable(&self, address: VirtualAddress) -> Option<Bytes> {
        let (_, spot) = self.pages.block_beginning_at(address)?;
        if !slot::read(self.pages.slot(spot.slot)).is_live() {
            return None;
        }
        let size = Self::CLASSES.size(spot.class) as u64;
        let place = if size == 0 { self.live_at(address)?.place } else { size };
        Some(Bytes(place - self.slack_of(spot.slot)))
    }

    /// What lies at an address.
    ///
    /// IRQL: at or below DISPATCH_LEVEL. The answer may be out of date when others allocate and free.
    pub fn find(&self, address: VirtualAddress) -> Place {
        let Some(located) = self.pages.locate(address) else {
            let Outside { metadata_base, metadata_size, .. } = self.outside;
            let inside = address.offset_from(metadata_base).is_some_and(|offset| offset < metadata_size);
            return if inside { Place::Metadata } else { Place::Outside };
        };
        self.looking(|lookup| match lookup.find(located) {
            Some(entry) if entry.live => Place::Live(lookup.block(&entry)),
            Some(entry) => Place::Freed(lookup.block(&entry)),
            None => Place::Unused(self.pages.span(located.arena).kind),
        })
    }

    /// Calls `f` with every live block, kind by kind, in the order of addresses.
    ///
    /// `f` may use the pool. Blocks allocated or freed meanwhile may be seen or not.
    pub fn for_each_live(&self, mut f: impl FnMut(Block)) {
        let mut next = Some(Cursor::default());
        while let Some(cursor) = next {
            let found = self.looking(|lookup| {
                let (entry, after) = lookup.next_live(cursor)?;
                Some((lookup.block(&entry), after))
            });
            next = found.map(|(block, after)| {
                f(block);
                after
            });
        }
    }

    /// Calls `f` with the counters of every tag and kind that ever had an allocation.
    ///
    /// `f` may use the pool. The counts are exact when nobody allocates or frees meanwhile; else no count ever goes back
    /// from one call to the next, and frees never exceed allocations (see the module `snapshot`). No allocation or free
    /// that finds its magazine ready waits for it.
    pub fn for_each_tag(&self, mut f: impl FnMut(TagCount)) {
        {
            let _counting = self.counting.lock(|turn| self.platform.relax(turn));
            self.snapshot.take(&self.shards, &self.tags, &self.pages, &self.slack, Self::CLASSES);
        }
        for index in self.tags.indices() {
            for kind in PoolKind::ALL {
                let sums = self.snapshot.sums(kind, index);
                if sums.allocations > 0 {
                    f(TagCount {
                        tag: self.tags.tag(index),
                        kind,
                        allocations: sums.allocations,
                        frees: sums.frees,
                        bytes: sums.bytes(),
                    });
                }
            }
        }
    }

    /// The pages of one kind.
    pub fn usage(&self, kind: PoolKind) -> Usage {
        let _hold = self.hold();
        let central = self.lock();
        let (in_use, committed) = central.usage(kind);
        Usage { in_use, committed, limit: central.limit(kind) }
    }

    /// Checks every invariant of the metadata. Nobody may use the pool meanwhile.
    ///
    /// For tests, fuzzing and a verifier, not for a hot path: it takes a time that grows with the pool. Errors: the first
    /// [`Inconsistency`] found, which is a fault of the pool or of somebody who wrote over its metadata, never of a
    /// caller.
    pub fn check(&self) -> Result<(), Inconsistency> {
        let _hold = self.hold();
        let _counting = self.counting.lock(|turn| self.platform.relax(turn));
        let central = self.lock();
        let lossy = self.lossy.load(Ordering::Relaxed);
        let uncounted = lossy || !P::COUNTS;
        check::check(&central, &self.pages, &self.shards, &self.tags, &self.slack, Self::CLASSES, lossy)?;
        self.snapshot.take(&self.shards, &self.tags, &self.pages, &self.slack, Self::CLASSES);
        check::check_counters(&self.snapshot, &self.tags, &self.shards, uncounted)
    }

    /// The live block that begins at an address.
    fn live_at(&self, address: VirtualAddress) -> Option<Known> {
        let located = self.pages.locate(address)?;
        let table = self.pages.of(located.arena);
        let spot = table.cut(located.page).block_beginning_at(Self::CLASSES, located.offset)?;
        let word = slot::read(self.pages.slot(spot.slot));
        word.is_live().then(|| Known {
            address,
            place: match Self::CLASSES.size(spot.class) as u64 {
                0 => table[located.page as usize].bits(),
                size => size,
            },
            slot: spot.slot,
            class: spot.class,
            tag: TagIndex::named(word.tag()),
            live: true,
            arena: located.arena,
            page: located.page,
        })
    }

    /// The first bin of the arena of a kind on a node.
    #[inline(always)]
    fn first_bin(&self, kind: PoolKind, node: NodeNumber) -> usize {
        match self.arenas[kind.index()].get(node.index()) {
            Some(&arena) if usize::from(arena) < ARENA_LIMIT => usize::from(arena) * Self::CLASSES.count(),
            _ => self.shards.plan().empty_bin(),
        }
    }

    /// The index of a tag, given now if it has none.
    fn tag_index(&self, tag: Tag) -> TagIndex {
        match self.tags.find(tag) {
            Some(index) => index,
            None => {
                let _hold = self.hold();
                let _central = self.lock();
                self.tags.intern(tag)
            }
        }
    }

    /// Writes zeros over a block that nobody owns yet, and over no byte of a canary.
    #[inline(always)]
    fn zero(&self, block: VirtualAddress, size: usize) {
        if Self::CHECKS.canary {
            self.memory.zero_exactly(block, size);
        } else {
            self.memory.zero(block, size);
        }
    }

    fn note_size(&self, slot: usize, place: u64, size: u64) {
        self.slack[slot].store((place - size) as u16, Ordering::Relaxed);
    }

    fn slack_of(&self, slot: usize) -> u64 {
        if Self::CHECKS.sizes { u64::from(self.slack[slot].load(Ordering::Relaxed)) } else { 0 }
    }

    fn looking_without_lock(&self, entry: &Known) -> Block {
        Block {
            address: entry.address,
            size: Bytes(entry.place - self.slack_of(entry.slot)),
            kind: self.pages.span(entry.arena).kind,
            tag: self.tags.tag(entry.tag),
        }
    }

    fn lookup<'a>(&'a self, central: &'a Central) -> Lookup<'a> {
        Lookup { pages: &self.pages, central, tags: &self.tags, slack: &self.slack, classes: Self::CLASSES }
    }

    /// Runs `f` with a shard held and the lock inside; both are let go afterwards, the lock first.
    fn looking<R>(&self, f: impl FnOnce(Lookup<'_>) -> R) -> R {
        let _hold = self.hold();
        let central = self.lock();
        f(self.lookup(&central))
    }

    #[inline(always)]
    fn hold(&self) -> P::Hold<'_> {
        self.platform.hold(ShardSet(&self.shards))
    }

    fn lock(&self) -> Guard<'_, Central> {
        self.central.lock(|turn| self.platform.relax(turn))
    }
}

/// How much of a freed block is poisoned: enough to find a stale pointer's write, little enough to be worth it.
const POISONED: usize = 1024;
