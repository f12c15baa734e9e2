//! The pool in an arena: everything here that knows the pool.
//!
//! The arena holds the metadata and, behind it, the regions: nonpaged and paged pool of the same size, and a page of the
//! third kind.
//! One shard behind a spin lock, as the peers have one: in a kernel the hold raises the IRQL instead and each processor has
//! its shard. Every block has a tag, and a free gets only the address.
#![expect(unsafe_code, reason = "promises the pool its memory, and turns addresses into pointers")]

use crate::arena::{LENGTH, arena};
use ntpool_bench_workloads::heap::{Contents, Fresh, Heap, Held};
use ntpool_bench_workloads::memory::Zeroed;
use ntpool_bench_workloads::rng::Rng;
use ntpool_bench_workloads::sizes::Size;
use ntpool_pool::{
    Checks, Config, Contents as PoolContents, FreshPages, InternedTag, MetadataReservation, NoMemory,
    PageRun, PageSource, Platform, Pool, Region, ShardHandle, ShardHold, ShardSet,
};
use ntpool_types::{PAGE_SIZE, PageCount, Pfn, PoolKind, SYSTEM_SPACE_START, Tag, VirtualAddress};
use std::cell::Cell;
use std::hint::{black_box, spin_loop};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};

const TAG: Tag = Tag::from_text(*b"Heap");

/// The pool as a heap, whose blocks have tags from `T`.
pub struct Ours<T>(Pool<ArenaPlatform>, T);

/// Where a block's tag comes from.
trait Tags {
    /// The next block's.
    fn next(&self) -> InternedTag;
}

/// All blocks have one.
impl Tags for InternedTag {
    #[inline(always)]
    fn next(&self) -> InternedTag {
        *self
    }
}

/// How many tags the blocks of a heap with many have: about as many as a busy system shows.
const MANY: usize = 300;

/// One of many for each block, at random. Drawing it is timed too.
pub struct Drawn(Box<[InternedTag; MANY]>, Cell<Rng>);

impl Tags for Drawn {
    #[inline(always)]
    fn next(&self) -> InternedTag {
        let mut rng = self.1.get();
        let place = rng.below(MANY as u32);
        self.1.set(rng);
        self.0[place as usize]
    }
}

impl<T> Ours<T> {
    /// The live blocks of all tags, by a snapshot of their counts.
    pub fn live_by_tags(&self) -> u64 {
        let mut live = 0;
        self.0.for_each_tag(|count| live += count.allocations - count.frees);
        live
    }
}

/// Nonpaged pool under one tag.
pub fn ours() -> Ours<InternedTag> {
    of_kind(PoolKind::NonPaged)
}

/// Paged pool under one tag.
pub fn paged() -> Ours<InternedTag> {
    of_kind(PoolKind::Paged)
}

fn of_kind(kind: PoolKind) -> Ours<InternedTag> {
    let mut pool = pool();
    let tag = pool.intern_first(kind, TAG);
    Ours(pool, tag)
}

/// Nonpaged pool under many tags.
pub fn tagged() -> Ours<Drawn> {
    let mut pool = pool();
    let tags = std::array::from_fn(|number| {
        let [low, high] = (number as u16).to_le_bytes();
        pool.intern_first(
            PoolKind::NonPaged,
            Tag::from_text([b'H', b'0' + high, b'0' + low / 16, b'0' + low % 16]),
        )
    });
    Ours(pool, Drawn(Box::new(tags), Cell::new(Rng::new(3))))
}

/// Makes a pool that fills the arena.
fn pool() -> Pool<ArenaPlatform> {
    let first = NonNull::from(arena()).cast::<u8>();
    let start = first.as_ptr().expose_provenance() as u64;
    // What the regions leave of the arena must hold the metadata, whose size grows with them.
    let config = (1..LENGTH as u64 / PAGE_SIZE.0 / 2)
        .rev()
        .step_by(128)
        .map(|pages| layout(VirtualAddress(start), pages))
        .find(|config| config.regions[0].base.0 >= start + config.metadata_size::<ArenaPlatform>().0)
        .expect("the arena is large enough for a pool");
    let metadata = MetadataReservation { base: first, size: config.metadata_size::<ArenaPlatform>() };
    // SAFETY: 1. the arena is zero, page aligned and the pool's alone, and the regions begin behind the metadata;
    // 2. it is writable and exposed.
    unsafe { Pool::new(ArenaPlatform(AtomicBool::new(false)), config, metadata) }
}

/// A layout at the arena's end with so many pages of nonpaged pool and as many of paged pool.
fn layout(start: VirtualAddress, pages: u64) -> Config {
    let end = start.0 + LENGTH as u64;
    let region = |base: u64, pages: u64| Region {
        base: VirtualAddress(base),
        capacity: PageCount(pages),
        limit: PageCount(pages),
    };
    let pages_of = |kind| if matches!(kind, PoolKind::NonPaged | PoolKind::Paged) { pages } else { 1 };
    let mut base = end - PoolKind::ALL.map(pages_of).iter().sum::<u64>() * PAGE_SIZE.0;
    let regions = PoolKind::ALL.map(|kind| {
        let pages = pages_of(kind);
        let region = region(base, pages);
        base += pages * PAGE_SIZE.0;
        region
    });
    // An arena of a process lies below the system's addresses; the pool only must not call its own frees foreign.
    let system_space_start = start.min(SYSTEM_SPACE_START);
    Config { system_space_start, slot_units: 8, ..Config::new(regions) }
}

/// An arena's pages are there from the start; its one shard has a lock.
struct ArenaPlatform(AtomicBool);

impl PageSource for ArenaPlatform {
    fn commit(
        &self,
        _kind: PoolKind,
        _first: VirtualAddress,
        _count: PageCount,
    ) -> Result<FreshPages, NoMemory> {
        // Given back, they keep what was in them.
        Ok(FreshPages::Unknown)
    }

    fn give_back(&self, _runs: &[PageRun]) -> bool {
        true
    }

    fn frame(&self, _address: VirtualAddress) -> Option<Pfn> {
        None
    }

    fn highest_frame(&self) -> Pfn {
        Pfn(0)
    }
}

impl Platform for ArenaPlatform {
    const CHECKS: Checks = Checks::NONE;

    type Hold<'a> = Locked<'a>;

    #[inline(always)]
    fn hold<'a>(&'a self, shards: ShardSet<'a>) -> Locked<'a> {
        while self.0.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            spin_loop();
        }
        Locked(&self.0, shards.get(0))
    }
}

/// The lock, taken.
struct Locked<'a>(&'a AtomicBool, ShardHandle);

// SAFETY: 1. the handle is one of the set that the pool passes to `hold`; 2. the lock is taken as long as this lives.
unsafe impl ShardHold for Locked<'_> {
    #[inline(always)]
    fn shard(&self) -> ShardHandle {
        self.1
    }
}

impl Drop for Locked<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A block's pointer, or null.
#[derive(Debug)]
pub struct PoolBlock(*mut u8);

// SAFETY: null is a pointer.
unsafe impl Zeroed for PoolBlock {}
// SAFETY: only the heap below makes blocks.
unsafe impl Held for PoolBlock {
    const NONE: PoolBlock = PoolBlock(null_mut());

    #[inline(always)]
    fn pointer(&self) -> *mut u8 {
        self.0
    }
}

// SAFETY: what the pool promises of its blocks.
unsafe impl<T: Tags> Heap for Ours<T> {
    type Block = PoolBlock;

    #[inline(always)]
    fn allocate(&self, contents: Contents, size: Size) -> Fresh<PoolBlock> {
        let contents = match contents {
            Contents::Any => PoolContents::Uninitialized,
            Contents::Zero => PoolContents::Zeroed,
        };
        let pointer = self.0.allocate_interned(size.bytes(), self.1.next(), contents);
        let pointer = pointer.map_or(null_mut(), NonNull::as_ptr);
        // SAFETY: the block is fresh and of that size.
        unsafe { Fresh::new(black_box(PoolBlock(pointer)), size) }
    }

    #[inline(always)]
    fn release(&self, block: PoolBlock) {
        if !block.0.is_null() {
            let freed = self.0.free_fast(VirtualAddress(block.0.addr() as u64));
            assert!(freed, "the pool does not know its own block");
        }
    }
}
