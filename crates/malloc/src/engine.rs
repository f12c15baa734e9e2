#![expect(unsafe_code, reason = "makes the process's pool and gives the pages of dying blocks back")]
//! The engine: the process's one pool, and everything that is said to it.
//!
//! No other file names the pool's interface. What the rest sees are addresses, sizes, alignments and tags.
//!
//! # Memory
//! One reservation for blocks and one for the pool's metadata, made at the start: as much as [`MOST_MEMORY`], by
//! halves less if the system refuses, and never more than half of a limit on the address space, so that the program
//! has room for its stacks and libraries. Nothing of them takes memory until it is touched.
//!
//! # Promise
//! The reservations are the pool's alone and are never given up. Pages are given back only when the pool says that it
//! does not need them. A thread's fast word is the address of a shard that no other thread uses.

use crate::once::Once;
use crate::os::memory::{Reservation, address_space_limit};
use crate::os::{clock, wait};
use crate::size::PAGE;
use crate::tags::{self, TagLine};
use crate::thread::{self, Hold, Slot};
use crate::{fatal, tls};
use core::cell::UnsafeCell;
use core::num::NonZeroUsize;
use core::ops::Range;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use ntpool_pool::{
    Checks, Claim, Config, Corruption, FreshPages, InternedTag, MetadataReservation, NoMemory, PageRun,
    PageSource, Placement, Platform, Pool, Quiesced, Region, Request, ShardHandle, ShardHold, ShardSet,
};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, Pfn, PoolKind, Tag, Violation, VirtualAddress};

pub(crate) use ntpool_pool::Contents;

/// The most that all blocks together may take. The pool's metadata needs a seventh of this in addresses.
const MOST_MEMORY: Bytes = Bytes(256 << 30);

/// Below this no pool is made.
const LEAST_MEMORY: Bytes = Bytes::mib(4);

/// The kind of pool that all blocks are of.
const KIND: PoolKind = PoolKind::NonPaged;

/// How many tags have counters of their own: callers' modules are tagged, and few programs have more.
const TAGS: usize = 1024;

/// A thread that waits for the pool's lock gives its processor away every so many turns.
const TURNS: u32 = 64;

static ENGINE: Once<Engine> = Once::new();

/// The process's pool.
pub(crate) struct Engine {
    pool: Pool<Process>,
    /// What blocks are counted under that have no tag.
    untagged: InternedTag,
}

/// The engine, once it has been started.
#[inline(always)]
pub(crate) fn running() -> Option<&'static Engine> {
    ENGINE.get()
}

/// The engine, started now if need be, and whether this call did it; `None` when the system has no memory for it.
pub(crate) fn started() -> Option<(&'static Engine, bool)> {
    ENGINE.get_or_try_make(Engine::new)
}

/// The engine, for a thread that has a fast word.
#[inline(always)]
fn at_hand() -> &'static Engine {
    // SAFETY: 1. fast words are addresses of shards, which come from the engine.
    unsafe { ENGINE.get_unchecked() }
}

/// A block for a thread that has a fast word, if its magazine has one ready.
#[inline(always)]
pub(crate) fn allocate_ready(size: usize, contents: Contents) -> Option<NonNull<u8>> {
    let engine = at_hand();
    engine.pool.allocate_ready(size, engine.untagged, contents)
}

/// A block for a thread that has a fast word; `None` when there is no memory.
pub(crate) fn allocate_fast(size: usize, contents: Contents) -> Option<NonNull<u8>> {
    let engine = at_hand();
    engine.pool.allocate_interned(size, engine.untagged, contents)
}

/// Frees a block for a thread that has a fast word; whether that was done. If not, the cold way can tell why.
#[inline(always)]
pub(crate) fn free_fast(address: *mut u8) -> bool {
    at_hand().pool.free_fast(VirtualAddress(address.addr() as u64))
}

/// The bytes of a block that is not huge, for a thread that has a fast word.
#[inline(always)]
pub(crate) fn usable_fast(address: *mut u8) -> Option<usize> {
    at_hand().pool.usable_fast(VirtualAddress(address.addr() as u64))
}

/// The word with which a slot's thread may take the fast way.
pub(crate) fn shard_of(slot: &'static Slot) -> Option<NonZeroUsize> {
    Some(running()?.pool.shards().get(slot.number()).address())
}

/// Hands what the calling thread's shard keeps to the other shards: the thread ends.
pub(crate) fn retire() {
    if let Some(engine) = running() {
        engine.pool.retire();
    }
}

/// Forgets what the shard of a thread keeps that this process does not have.
pub(crate) fn abandon(slot: &'static Slot) {
    /// The use of a shard whose thread is gone.
    struct Left(ShardHandle);

    // SAFETY: 1. the handle is one of the pool's; 2. the slot's thread is not in this process, and nobody has taken the
    // slot over yet.
    unsafe impl ShardHold for Left {
        fn shard(&self) -> ShardHandle {
            self.0
        }
    }

    if let Some(engine) = running() {
        engine.pool.abandon(&Left(engine.pool.shards().get(slot.number())));
    }
}

/// The pool at rest, between [`rest`] and [`go_on`].
struct AtRest(UnsafeCell<Option<Quiesced<'static>>>);

// SAFETY: only the thread that has the fork lock comes here.
unsafe impl Sync for AtRest {}

static AT_REST: AtRest = AtRest(UnsafeCell::new(None));

/// Brings what threads share of the pool to rest. Only with the fork lock held.
///
/// The thread counts as within the pool meanwhile: a signal handler of its own would wait for it.
pub(crate) fn rest() {
    let Some(engine) = running() else { return };
    tls::set_inside(true);
    // SAFETY: the caller has the fork lock, so nobody else is here.
    unsafe { *AT_REST.0.get() = Some(engine.pool.quiesce()) };
}

/// Ends the rest, if there is one. Only with the fork lock held.
pub(crate) fn go_on() {
    // SAFETY: the caller has the fork lock, so nobody else is here.
    let rest = unsafe { (*AT_REST.0.get()).take() };
    if rest.is_some() {
        drop(rest);
        tls::set_inside(false);
    }
}

impl Engine {
    fn new() -> Option<Engine> {
        let allowed = address_space_limit().map_or(Bytes(u64::MAX), |limit| Bytes(limit.0 / 2));
        let mut size = MOST_MEMORY;
        while size >= LEAST_MEMORY {
            let needed = size.0.saturating_add(config(0, size).metadata_size::<Process>().0);
            if let Some(engine) = (needed <= allowed.0).then(|| Engine::with_memory(size)).flatten() {
                return Some(engine);
            }
            size = Bytes(size.0 / 2);
        }
        None
    }

    fn with_memory(size: Bytes) -> Option<Engine> {
        let memory = Reservation::new(size)?;
        let config = config(memory.base().as_ptr().addr() as u64, size);
        let metadata_size = config.metadata_size::<Process>();
        let Some(metadata) = Reservation::new(metadata_size) else {
            memory.give_up();
            return None;
        };
        let metadata = MetadataReservation { base: metadata.base(), size: metadata_size };
        // SAFETY: 1. The metadata's reservation is fresh and as long as asked for; it is known here only. 2. So is the
        // regions' memory, writable as it is, with exposed provenance, and it stays so when pages are given back.
        let mut pool = unsafe { Pool::new(Process { memory, growth: Growth::new() }, config, metadata) };
        let untagged = pool.intern_first(KIND, tags::UNTAGGED);
        Some(Engine { pool, untagged })
    }

    /// A block of `size` bytes at a multiple of `alignment`, a power of two; `None` when there is no memory.
    pub(crate) fn allocate(
        &self,
        size: usize,
        alignment: usize,
        contents: Contents,
        tag: Tag,
    ) -> Option<NonNull<u8>> {
        let request = Request { size: Bytes(size as u64), kind: KIND, tag, contents };
        let placement = Placement { alignment: Bytes(alignment as u64), ..Placement::ANY };
        let block = self.pool.allocate_placed(request, placement).ok()?;
        NonNull::new(ptr::with_exposed_provenance_mut(block.address.0 as usize))
    }

    /// Frees the block at `address`.
    ///
    /// Errors: the [`Violation`] when there is none; nothing has changed then.
    pub(crate) fn free(&self, address: *mut u8) -> Result<(), Violation> {
        let address = VirtualAddress(address.addr() as u64);
        self.pool.free(Claim { address, tag: None }).map(drop)
    }

    /// The bytes that the owner of the block at `address` may use.
    pub(crate) fn usable(&self, address: *mut u8) -> Option<usize> {
        self.pool.usable(VirtualAddress(address.addr() as u64)).map(Bytes::as_usize)
    }

    /// Makes the block at `address` serve for `size` bytes where it is; whether that could be done, and not much would be
    /// wasted.
    pub(crate) fn resize(&self, address: *mut u8, size: usize) -> bool {
        // A pool that keeps exact sizes is told of every change.
        let stays = !Process::CHECKS.sizes
            && self.usable(address).is_some_and(|usable| crate::size::stays(size, usable));
        stays || self.pool.resize(VirtualAddress(address.addr() as u64), Bytes(size as u64))
    }

    /// Gives memory that no block uses back to the system; whether there was any.
    pub(crate) fn trim(&self) -> bool {
        self.pool.flush();
        self.pool.trim() > PageCount(0)
    }

    /// Calls `f` with the counts of every tag, in the order of first use. `f` must not allocate.
    pub(crate) fn for_each_tag(&self, mut f: impl FnMut(TagLine)) {
        // A signal handler that interrupts the counting must not count as well: it would wait for its own thread.
        let _hold = Hold::take();
        let mut line: Option<TagLine> = None;
        self.pool.for_each_tag(|count| {
            let part = TagLine {
                tag: count.tag,
                allocations: count.allocations,
                frees: count.frees,
                bytes: count.bytes.0,
            };
            // A tag's kinds follow each other.
            line = match line {
                Some(whole) if whole.tag == part.tag => Some(whole.plus(part)),
                Some(whole) => {
                    f(whole);
                    Some(part)
                }
                None => Some(part),
            };
        });
        if let Some(whole) = line {
            f(whole);
        }
    }
}

/// The layout of a pool whose memory begins at `base`.
fn config(base: u64, size: Bytes) -> Config {
    let regions = PoolKind::ALL.map(|kind| {
        let capacity = PageCount(if kind == KIND { size.0 / PAGE_SIZE.0 } else { 0 });
        let base = if kind == KIND { base } else { base + size.0 };
        Region { base: VirtualAddress(base), capacity, limit: capacity }
    });
    // There is no part of the address space that a block can't come from.
    let system_space_start = VirtualAddress(PAGE_SIZE.0);
    Config { shards: thread::SLOTS, system_space_start, tags: TAGS, ..Config::new(regions) }
}

/// What the pool needs from outside, in a process.
struct Process {
    memory: Reservation,
    growth: Growth,
}

/// How fast the heap grows.
///
/// A heap that grows fast is given huge pages ahead of itself: its first touch costs a fifth, and the processor finds its
/// addresses faster. One that grows slowly is not: pages given back out of a huge page are not memory for others until
/// the system splits it.
///
/// Changed inside the pool's lock only.
struct Growth {
    /// The offset up to which is decided.
    decided: AtomicUsize,
    /// When it was reached, in milliseconds.
    reached: AtomicU64,
}

/// A heap below this has no huge pages.
const SMALL_HEAP: usize = 4 << 20;

/// How far is decided at a time: two huge pages.
const STRIDE: usize = 4 << 20;

/// A stride in less time is fast, in milliseconds.
const FAST: u64 = 100;

impl Growth {
    /// A heap that has not grown yet.
    fn new() -> Growth {
        Growth { decided: AtomicUsize::new(SMALL_HEAP), reached: AtomicU64::new(0) }
    }

    /// The range that shall have huge pages now that the heap ends at `end`, if any.
    fn grow_to(&self, end: usize, now: u64) -> Option<Range<usize>> {
        let decided = self.decided.load(Ordering::Relaxed);
        let before = self.reached.swap(now, Ordering::Relaxed);
        let next = end.next_multiple_of(STRIDE) + STRIDE;
        self.decided.store(next, Ordering::Relaxed);
        (now.saturating_sub(before) < FAST).then_some(decided..next)
    }
}

impl PageSource for Process {
    fn commit(&self, _: PoolKind, first: VirtualAddress, count: PageCount) -> Result<FreshPages, NoMemory> {
        let end = (first.0 as usize - self.memory.base().as_ptr().addr()) + count.0 as usize * PAGE;
        if end > self.growth.decided.load(Ordering::Relaxed)
            && let Some(range) = self.growth.grow_to(end, clock::milliseconds())
        {
            self.memory.ask_for_huge_pages(range);
        }
        // The reservation fills as it is touched, with zeros.
        Ok(FreshPages::Zero)
    }

    fn give_back(&self, runs: &[PageRun]) -> bool {
        let base = self.memory.base().as_ptr().addr() as u64;
        for batch in runs.chunks(BATCH) {
            let mut ranges = [const { 0..0 }; BATCH];
            for (range, run) in ranges.iter_mut().zip(batch) {
                let start = (run.first.0 - base) as usize;
                *range = start..start + run.count.0 as usize * PAGE;
            }
            self.memory.give_back(&ranges[..batch.len()]);
        }
        true
    }

    fn frame(&self, _: VirtualAddress) -> Option<Pfn> {
        None
    }

    fn highest_frame(&self) -> Pfn {
        Pfn(0)
    }
}

/// Runs that are given back in one call.
const BATCH: usize = 64;

impl Platform for Process {
    const CHECKS: Checks = if cfg!(feature = "checked") { Checks::ALL } else { Checks::NONE };
    const COUNTS: bool = !cfg!(feature = "uncounted");

    type Hold<'a> = Held;

    #[inline(always)]
    fn hold(&self, shards: ShardSet<'_>) -> Held {
        match tls::fast() {
            // SAFETY: 1. a fast word is the address of one of the pool's shards.
            Some(address) => Held::Own(unsafe { ShardHandle::from_address(address) }),
            None => enter(shards),
        }
    }

    fn relax(&self, turn: u32) {
        if turn % TURNS == TURNS - 1 { wait::give_way() } else { core::hint::spin_loop() }
    }

    fn milliseconds(&self) -> Option<u64> {
        Some(clock::milliseconds())
    }

    fn found(&self, corruption: &Corruption) {
        fatal::corruption(corruption);
    }
}

/// The cold way to a shard.
#[cold]
#[inline(never)]
fn enter(shards: ShardSet<'_>) -> Held {
    let hold = Hold::take();
    Held::Entered(shards.get(hold.slot()), hold)
}

/// The use of a shard.
enum Held {
    /// The thread's own, by its fast word.
    Own(ShardHandle),
    /// The slot's that the thread has entered, its own or the shared one.
    Entered(ShardHandle, #[expect(dead_code, reason = "dropping it ends the use")] Hold),
}

// SAFETY: 1. both handles are the pool's; 2. a thread has a fast word only for a slot that is its own, and the shared slot
// is entered with its lock held.
unsafe impl ShardHold for Held {
    #[inline(always)]
    fn shard(&self) -> ShardHandle {
        match self {
            Held::Own(shard) | Held::Entered(shard, _) => *shard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::ALIGNMENT;
    use ntpool_types::Rule;

    const TAG: Tag = Tag::from_text(*b"Test");

    #[test]
    fn blocks_have_the_alignment_that_was_asked_for_and_can_be_freed() {
        let (engine, _) = started().expect("there is memory");
        for alignment in (0..=21).map(|shift| 1 << shift) {
            for size in [0, 1, 100, 4000, 4096, 5000, 300_000] {
                let block = engine.allocate(size, alignment, Contents::Zeroed, TAG).expect("there is memory");
                let address = block.as_ptr();
                assert_eq!(address.addr() % alignment, 0, "{size} at {alignment}");
                assert!(engine.usable(address).is_some_and(|usable| usable >= size), "{size} at {alignment}");
                assert_eq!(engine.free(address), Ok(()), "{size} at {alignment}");
                assert!(engine.free(address).is_err(), "{size} at {alignment} was freed before");
            }
        }
    }

    #[test]
    fn the_inside_of_an_ordinary_block_can_not_be_freed() {
        let (engine, _) = started().expect("there is memory");
        let block = engine.allocate(100, ALIGNMENT, Contents::Zeroed, TAG).expect("there is memory");
        let inside = block.as_ptr().wrapping_add(16);
        assert_eq!(engine.free(inside).map_err(|violation| violation.rule), Err(Rule::PoolInteriorFree));
        assert_eq!(engine.usable(inside), None);
        assert_eq!(engine.free(block.as_ptr()), Ok(()));
    }

    #[test]
    fn a_block_serves_for_a_little_less_but_not_for_more() {
        let (engine, _) = started().expect("there is memory");
        let block = engine.allocate(100, ALIGNMENT, Contents::Zeroed, TAG).expect("there is memory");
        // The place of 100 bytes has 112.
        let serves = [113, 112, 56, 55].map(|size| engine.resize(block.as_ptr(), size));
        assert_eq!(serves, [false, true, true, false]);
        assert_eq!(engine.free(block.as_ptr()), Ok(()));
    }

    #[test]
    fn only_a_heap_that_grows_fast_is_given_huge_pages() {
        let growth = Growth::new();
        assert_eq!(growth.grow_to(SMALL_HEAP + 1, 1000), None, "nothing is known of how fast it was");
        let next = growth.decided.load(Ordering::Relaxed);
        assert_eq!(growth.grow_to(next + 1, 1000 + FAST - 1), Some(next..next + 2 * STRIDE));
        let next = growth.decided.load(Ordering::Relaxed);
        assert_eq!(growth.grow_to(next + 1, 1000 + 2 * FAST), None, "slowly");
    }

    #[test]
    fn a_tags_blocks_are_counted_with_their_places() {
        let (engine, _) = started().expect("there is memory");
        let tag = Tag::from_text(*b"Both");
        let aligned = engine.allocate(100, 64, Contents::Zeroed, tag).expect("there is memory");
        let ordinary = engine.allocate(100, 16, Contents::Zeroed, tag).expect("there is memory");
        assert_eq!(engine.free(aligned.as_ptr()), Ok(()));
        let mut lines = Vec::new();
        engine.for_each_tag(|line| lines.extend((line.tag == tag).then_some(line)));
        assert_eq!(lines, [TagLine { tag, allocations: 2, frees: 1, bytes: 112 }]);
        assert_eq!(engine.free(ordinary.as_ptr()), Ok(()));
    }
}
