//! The pool: allocate, free, find, count.

use crate::central::Central;
use crate::claim::Crime;
use crate::class::{CACHED, Classes, KEPT};
use crate::contents::BlockMemory;
use crate::corruption::{Corruption, Damage};
use crate::cut::Spot;
use crate::geometry::PAGE;
use crate::large;
use crate::layout::Parts;
use crate::live::{Cursor, Entry as Known, Lookup};
use crate::metadata::Array;
use crate::pages::{ARENA_LIMIT, Elsewhere, Pages};
use crate::shard::{Entry, Shard, ShardHandle, ShardSet, Shards};
use crate::slot;
use crate::snapshot::Snapshot;
use crate::sync::{AtomicBool, AtomicU16, Guard, Lock, Ordering};
use crate::tag_table::{TagIndex, TagTable};
use crate::{
    Block, Checks, Claim, Config, Contents, Freed, Inconsistency, NoMemory, NodeChoice, NodeNumber, Nodes,
    Place, Placement, Platform, Request, ShardHold, TagCount, Usage, check,
};
use core::ptr::{self, NonNull};
use ntpool_types::{Bytes, PageCount, PoolKind, Tag, Violation, VirtualAddress};

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

/// Dirty pages that stay when nobody needs them: enough for a burst, little enough to keep.
const RESERVE_PAGES: u64 = 64;

/// How long pages are idle before they are given back, in milliseconds.
const IDLE_PERIOD: u64 = 100;

/// How many turns of giving back one look at the clock makes at most.
const TURNS: usize = 16;

/// Blocks that are taken from their pages at a time for a magazine of so much room.
fn batch_of(room: usize) -> usize {
    (room / 2).max(1)
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
        if shard.count(tag.counter as usize) {
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
            return self.free_cold(address);
        }
        // First: a platform that has just looked which shard it is need not look again.
        let hold = self.hold();
        match self.pages.block_in_first_span(Self::CLASSES, address) {
            Ok(Some(spot)) => self.end_fast(&hold, address, spot),
            Ok(None) => false,
            Err(Elsewhere) => {
                drop(hold);
                self.free_cold(address)
            }
        }
    }

    #[inline(always)]
    fn end_fast(&self, hold: &P::Hold<'_>, address: VirtualAddress, spot: Spot) -> bool {
        if !slot::end(self.pages.slot(spot.slot)).is_live() {
            return false;
        }
        let entry = Entry::new(address, spot.slot);
        // The first span is arena 0, so its bins are its classes.
        if self.shards.held(hold.shard()).push(spot.class, entry) {
            return true;
        }
        self.overflow(hold.shard(), spot.class, entry)
    }

    /// The frees of other spans, and of pools that check.
    #[inline(never)]
    fn free_cold(&self, address: VirtualAddress) -> bool {
        self.end(address, None).is_ok()
    }

    /// Frees the block that the claim is to.
    ///
    /// IRQL: at or below DISPATCH_LEVEL; the block itself is not touched unless the pool poisons. Errors: the
    /// [`Violation`] when the address is not the first of a live block, or a tag is given and is not the block's; nothing
    /// has changed then. Which crimes can't be told apart is said in the crate's documentation.
    pub fn free(&self, claim: Claim) -> Result<Freed, Violation> {
        self.end(claim.address, claim.tag).map_err(|crime: Crime| crime.violation(claim, &self.platform))
    }

    /// Changes the size of a live block without moving it; whether that could be done.
    ///
    /// IRQL: at or below DISPATCH_LEVEL. Bytes that come to the block are not zeroed. A block that keeps its place, or
    /// one above a page that shrinks to no less than that or has room behind it, can be changed; nothing has changed
    /// otherwise.
    pub fn resize(&self, address: VirtualAddress, size: Bytes) -> bool {
        let hold = self.hold();
        let Some(entry) = self.live_at(address) else { return false };
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
        let spot = self.pages.block_beginning_at(address)?;
        if !slot::read(self.pages.slot(spot.slot)).is_live() {
            return None;
        }
        let size = Self::CLASSES.size(spot.class) as u64;
        let place = if size == 0 { self.live_at(address)?.place } else { size };
        Some(Bytes(place - self.slack_of(spot.slot)))
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

    /// Takes every free block out of the shard that the platform hands out now, and out of the depot, to its page.
    ///
    /// For want of memory, and for a measure of what is in use. Steps: the blocks in shard and depot.
    pub fn flush(&self) {
        let hold = self.hold();
        self.flush_shard(hold.shard());
    }

    /// Hands the free blocks of the shard that the platform hands out now to whoever needs them: its thread or processor
    /// goes away. The shard can be handed out again afterwards.
    ///
    /// Steps: the blocks in the shard.
    pub fn retire(&self) {
        let hold = self.hold();
        let shard = self.shards.held(hold.shard());
        let mut central = self.lock();
        if Self::CHECKS.quarantine > 0 {
            self.take_quarantined_home(shard, &mut central);
        }
        for bin in 0..self.pages.spans().len() * Self::CLASSES.count() {
            if shard.count_in(bin) > 0 {
                central.take_back(&self.pages, bin, shard.entries(bin));
            }
            shard.forget(bin);
        }
    }

    /// Forgets what is in a shard: its blocks are lost to the pool, and nothing is done to them.
    ///
    /// For a process that was copied while another thread was within this shard: of what that thread was about, the copy
    /// may have any part. Lost for good are the free blocks of the shard, the block that the thread was allocating or
    /// freeing, which may stay live without an owner, its count, and pages that the thread was giving back; from now on
    /// [`check`](Pool::check) accepts that they are nowhere. Finding them would take a walk over the whole pool.
    ///
    /// Takes no lock. Steps: the bins.
    pub fn abandon(&self, hold: &impl ShardHold) {
        self.lossy.store(true, Ordering::Relaxed);
        let shard = self.shards.held(hold.shard());
        shard.empty_quarantine(drop);
        (0..self.pages.spans().len() * Self::CLASSES.count()).for_each(|bin| shard.forget(bin));
    }

    /// Gives idle pages back to the page source, as many as it takes; how many that were.
    ///
    /// IRQL: at or below DISPATCH_LEVEL if the page source can give back there. Steps: the runs of free pages.
    pub fn trim(&self) -> PageCount {
        let _hold = self.hold();
        PageCount(self.give_back_pages(u64::MAX, usize::MAX))
    }

    /// Waits until nobody is inside the pool's locks, and keeps everybody out until the result is dropped.
    pub fn quiesce(&self) -> Quiesced<'_> {
        let counting = self.counting.lock(|turn| self.platform.relax(turn));
        Quiesced { _counting: counting, _central: self.lock() }
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
        check::check(&central, &self.pages, &self.shards, &self.tags, &self.slack, Self::CLASSES, lossy)?;
        self.snapshot.take(&self.shards, &self.tags, &self.pages, &self.slack, Self::CLASSES);
        check::check_counters(&self.snapshot, &self.tags, &self.shards, lossy)
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

    /// What a pool that checks does before it hands a block out.
    fn note_and_check(&self, entry: Entry, class: usize, size: usize) {
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

    /// The requests that are not served from a magazine at once.
    #[cold]
    #[inline(never)]
    fn allocate_cold(&self, size: usize, tag: InternedTag, contents: Contents) -> Option<NonNull<u8>> {
        let address =
            self.allocate_slow(Bytes(size as u64), tag.kind, tag.tag, contents, Placement::ANY).ok()?;
        Some(self.memory.pointer(address))
    }

    fn allocate_slow(
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
                    if shard.count(self.shards.plan().counter(kind, tag)) {
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
                // Pages given back join those that never were usable, and the source may need them for another kind.
                self.give_back_pages(u64::MAX, TURNS);
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
        if class == Self::CLASSES.huge() {
            let pages = u32::try_from(alignment.div_ceil(PAGE)).ok()?;
            let bytes = large::huge_bytes(size.max(1))?;
            if KEPT.contains(&bytes) && pages <= 1 {
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

    /// Takes back a freed block that its magazine has no room for; always done.
    #[cold]
    #[inline(never)]
    fn overflow(&self, shard: ShardHandle, bin: usize, entry: Entry) -> bool {
        let shard = self.shards.held(shard);
        if bin % Self::CLASSES.count() == Self::CLASSES.huge() {
            let mut leaving = Some(entry);
            if KEPT.contains(&self.bytes_of_huge(bin, entry)) {
                leaving = shard.keep(bin, entry, Self::CLASSES);
            }
            if leaving.is_some() {
                self.lock().take_home(&self.pages, bin, leaving.into_iter());
            }
            return true;
        }
        let full = shard.count_in(bin);
        if shard.widen(bin, Self::CLASSES) == full {
            let mut central = self.lock();
            central.take_back(&self.pages, bin, shard.entries(bin).take(batch_of(full)));
            shard.drop_oldest(bin, batch_of(full));
        }
        let pushed = shard.push(bin, entry);
        debug_assert!(pushed, "there is room now");
        true
    }

    /// The bytes of a huge block of a bin.
    fn bytes_of_huge(&self, bin: usize, entry: Entry) -> u64 {
        let arena = bin / Self::CLASSES.count();
        let page = (entry.address().0 - self.pages.span(arena).base.0) / PAGE as u64;
        self.pages.of(arena)[page as usize].bits()
    }

    /// Looks the claim up and ends its block.
    fn end(&self, address: VirtualAddress, tag: Option<Tag>) -> Result<Freed, Crime> {
        let hold = self.hold();
        let Some(entry) = self.live_at(address) else { return Err(self.crime_at(address)) };
        let block = self.looking_without_lock(&entry);
        if entry.tag != TagIndex::OVERFLOW && tag.is_some_and(|tag| tag != block.tag) {
            return Err(Crime::WrongTag { block });
        }
        let slot = self.pages.slot(entry.slot);
        let word = if Self::CHECKS.racing_frees { slot::end_exclusively(slot) } else { slot::end(slot) };
        if !word.is_live() {
            return Err(Crime::DoubleFree { block });
        }
        if Self::CHECKS.canary
            && let Some((offset, found)) =
                self.memory.canary_broken(address, block.size.as_usize(), entry.place as usize)
        {
            self.platform.found(&Corruption {
                damage: Damage::Overrun,
                block: address,
                size: block.size,
                address: VirtualAddress(address.0 + offset as u64),
                found: u64::from(found),
            });
        }
        if Self::CHECKS.poison {
            self.memory.poison(address, (entry.place as usize).min(POISONED));
        }
        let shard = self.shards.held(hold.shard());
        let freed = Entry::new(address, entry.slot);
        let mut leaving = Some((entry.arena * Self::CLASSES.count() + entry.class, freed));
        if Self::CHECKS.quarantine > 0 && entry.class != Self::CLASSES.huge() {
            leaving = shard.quarantine(freed).and_then(|oldest| Some((self.bin_of(oldest)?, oldest)));
        }
        if let Some((bin, entry)) = leaving
            && !shard.push(bin, entry)
        {
            self.overflow(hold.shard(), bin, entry);
        }
        Ok(block)
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

    /// The bin of a free block.
    fn bin_of(&self, entry: Entry) -> Option<usize> {
        let located = self.pages.locate(entry.address())?;
        let cut = self.pages.of(located.arena).cut(located.page);
        let spot = cut.block_beginning_at(Self::CLASSES, located.offset)?;
        Some(located.arena * Self::CLASSES.count() + spot.class)
    }

    /// Why an address is not the beginning of a live block. Inside a hold.
    #[cold]
    fn crime_at(&self, address: VirtualAddress) -> Crime {
        if address == VirtualAddress::NULL {
            return Crime::Null;
        }
        if address < self.outside.system_space_start {
            return Crime::User { system_space_start: self.outside.system_space_start };
        }
        let Some(located) = self.pages.locate(address) else {
            let Outside { metadata_base, metadata_size, .. } = self.outside;
            let inside = address.offset_from(metadata_base).is_some_and(|offset| offset < metadata_size);
            return if inside { Crime::Metadata } else { Crime::Outside };
        };
        let kind = self.pages.span(located.arena).kind;
        let central = self.lock();
        let lookup = self.lookup(&central);
        let entry = lookup.find(located).map(|entry| (entry, lookup.block(&entry)));
        match entry {
            Some((entry, block)) if entry.address == address => Crime::DoubleFree { block },
            Some((entry, block)) if entry.live => Crime::Interior { block },
            _ if lookup.is_committed(located) => {
                Crime::NoBlock { region: self.pages.region(located.arena), kind }
            }
            _ => Crime::Uncommitted { kind },
        }
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

    /// Takes the shard's free blocks home, and those of the depot.
    fn flush_shard(&self, shard: ShardHandle) {
        let shard = self.shards.held(shard);
        let mut central = self.lock();
        if Self::CHECKS.quarantine > 0 {
            self.take_quarantined_home(shard, &mut central);
        }
        for bin in 0..self.pages.spans().len() * Self::CLASSES.count() {
            self.take_all_home(shard, &mut central, bin);
            central.empty_depot(&self.pages, bin);
        }
    }

    /// Takes home what is in a shard's magazine, which is as if it had never been used afterwards.
    fn take_all_home(&self, shard: Shard<'_>, central: &mut Central, bin: usize) {
        if shard.count_in(bin) > 0 {
            central.take_home(&self.pages, bin, shard.entries(bin));
            shard.forget(bin);
        }
    }

    fn take_quarantined_home(&self, shard: Shard<'_>, central: &mut Central) {
        shard.empty_quarantine(|entry| {
            if let Some(bin) = self.bin_of(entry) {
                central.take_home(&self.pages, bin, [entry].into_iter());
            }
        });
    }

    /// Looks at the clock, and gives back what has been idle for long.
    fn tick(&self, shard: Shard<'_>) {
        let Some(now) = self.platform.milliseconds() else { return };
        let Some(idle) = self.lock().idle_pages(now, IDLE_PERIOD, RESERVE_PAGES) else { return };
        if !shard.kept_moved() {
            for arena in 0..self.pages.spans().len() {
                self.take_all_home(
                    shard,
                    &mut self.lock(),
                    arena * Self::CLASSES.count() + Self::CLASSES.huge(),
                );
            }
        }
        if idle > 0 {
            self.give_back_pages(idle, TURNS);
        }
    }

    /// Gives up to `most` free pages back, in so many turns; how many.
    fn give_back_pages(&self, most: u64, turns: usize) -> u64 {
        let mut given = 0;
        for _ in 0..turns {
            let Some(leaving) = self.lock().begin_leaving(&self.pages, most - given) else { break };
            let runs = leaving.page_runs(&self.pages);
            let taken = self.platform.give_back(&runs[..leaving.count()]);
            self.lock().end_leaving(&self.pages, &leaving, taken);
            if !taken {
                break;
            }
            given += leaving.pages();
        }
        given
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
