//! Bounded work: how many steps each operation takes at most, whatever the pool holds and however large the block is.
//!
//! The pool here is a heap's, with regions at addresses that nobody ever touches: it does not look at blocks.
#![expect(unsafe_code, reason = "makes a pool of addresses without memory, whose blocks are never touched")]

use crate::class::{CACHED, Classes, MAGAZINE_LIMIT};
use crate::{
    Checks, Claim, Config, Contents, FreshPages, Granule, InternedTag, MetadataReservation, NoMemory,
    PageRun, PageSource, Platform, Pool, Region, Request, ShardHandle, ShardHold, ShardSet, steps,
};
use core::cell::Cell;
use core::ptr::NonNull;
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, Pfn, PoolKind, Tag, VirtualAddress};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::vec::Vec;

/// What is ready in the magazine: its top, bottom and entry, the slot, the counter read and written.
const READY: u64 = 12;

/// A free that finds room in the magazine: how the page is cut, the slot read and written, top, limit and entry.
const PUT_BACK: u64 = 12;

/// What an allocation takes beside blocks and pages: the magazine, the lock, the lists and bins that are looked at.
const ROUND: u64 = 200;

/// What each block costs that goes between a magazine and its page: slot, bitmap, lists, both words of the magazine.
const BLOCK: u64 = 40;

/// What cutting a page costs: a slot to forget for each of its blocks, and a bitmap.
const CUT: u64 = 2 * (PAGE_SIZE.0 / 16);

/// An allocation at worst: half a magazine is filled from as many pages, each of which is nearly full; or a page is cut.
const ALLOCATE: u64 = ROUND + CUT + BLOCK * (MAGAZINE_LIMIT as u64 / 2);

/// What a page costs that has no block any more: its lists, and the free runs it is joined with.
const RETIRE: u64 = 25;

/// A free at worst: half a magazine goes back to as many pages, each of which has no block any more.
const FREE: u64 = ROUND + (BLOCK + RETIRE) * (MAGAZINE_LIMIT as u64 / 2);

/// A huge block, made or ended: a run found, split and joined, and the descriptors of its two ends. The same for one
/// of 512 KiB and one of a gibibyte.
const HUGE: u64 = 120;

/// Giving back one batch of runs: each is taken out of its bin, and joined with its neighbours afterwards.
const TRIM_BATCH: u64 = 64 * BLOCK + ROUND;

/// Pages of the one region that there is: room for a gibibyte and more.
const PAGES: u64 = 1 << 20;

/// Takes nothing, gives nothing.
struct Nowhere {
    now: Cell<u64>,
    offered: Cell<u64>,
}

// SAFETY: these tests use a pool from one thread each.
unsafe impl Sync for Nowhere {}

impl PageSource for Nowhere {
    fn commit(&self, _: PoolKind, _: VirtualAddress, _: PageCount) -> Result<FreshPages, NoMemory> {
        Ok(FreshPages::Zero)
    }

    fn give_back(&self, runs: &[PageRun]) -> bool {
        self.offered.set(self.offered.get().max(runs.len() as u64));
        true
    }

    fn frame(&self, _: VirtualAddress) -> Option<Pfn> {
        None
    }

    fn highest_frame(&self) -> Pfn {
        Pfn(0)
    }
}

struct OnlyShard(ShardHandle);

// SAFETY: 1. the handle is one of the set that the pool passes to `hold`; 2. one thread, which holds one at a time.
unsafe impl ShardHold for OnlyShard {
    fn shard(&self) -> ShardHandle {
        self.0
    }
}

impl Platform for Nowhere {
    const CHECKS: Checks = Checks::NONE;

    type Hold<'a> = OnlyShard;

    fn hold<'a>(&'a self, shards: ShardSet<'a>) -> OnlyShard {
        OnlyShard(shards.get(0))
    }

    fn milliseconds(&self) -> Option<u64> {
        Some(self.now.get())
    }
}

struct World {
    /// Declared before its memory: dropped before it.
    pool: Pool<Nowhere>,
    tag: InternedTag,
    metadata: MetadataReservation,
}

impl World {
    fn new() -> World {
        let region = |base: u64, pages: u64| Region {
            base: VirtualAddress(base),
            capacity: PageCount(pages),
            limit: PageCount(pages),
        };
        let config = Config {
            slot_units: 8,
            ..Config::new([region(1 << 44, PAGES), region(1 << 45, 0), region(1 << 46, 0)])
        };
        let size = config.metadata_size::<Nowhere>();
        // SAFETY: the layout is not empty.
        let base = NonNull::new(unsafe { alloc_zeroed(layout(size)) }).expect("so much memory is there");
        let metadata = MetadataReservation { base, size };
        let platform = Nowhere { now: Cell::new(0), offered: Cell::new(0) };
        // SAFETY: 1. zeroed, page aligned, as long as asked for, and freed after the pool; 2. nobody touches a block
        // here, and a pool without checks touches none unless it is asked for zeros, which it is not.
        let pool = unsafe { Pool::new(platform, config, metadata) };
        let tag = pool.intern(PoolKind::NonPaged, Tag::NONE);
        World { pool, tag, metadata }
    }

    /// A pool with so many live blocks, allocated among as many that were freed again, and every magazine in use.
    fn with_live(count: usize) -> World {
        let world = World::new();
        let mut draw = draws();
        let mut freed = Vec::new();
        for number in 0..2 * count {
            let block = world.allocate(small_size(draw()));
            if number % 2 == 0 {
                freed.push(block);
            }
        }
        freed.iter().for_each(|&block| world.free(block));
        world
    }

    fn allocate(&self, size: u64) -> VirtualAddress {
        let block = self.pool.allocate_interned(size as usize, self.tag, Contents::Uninitialized);
        VirtualAddress(block.expect("the pool has room").as_ptr().addr() as u64)
    }

    fn free(&self, block: VirtualAddress) {
        assert!(self.pool.free_fast(block), "{block} is live");
    }

    /// The most steps that an allocation and a free take in a long random walk.
    fn worst(&self) -> (u64, u64) {
        let (mut draw, mut alive) = (draws(), Vec::new());
        let mut worst = (0, 0);
        for round in 0..40_000_u64 {
            // Waves, so that magazines run empty and full, and pages too.
            let growing = round / 700 % 2 == 0;
            if alive.is_empty() || draw() % 8 < if growing { 6 } else { 2 } {
                let size = match draw() % 32 {
                    0 => PAGE_SIZE.0 + draw() % 60_000,
                    1 => draw() % 4096,
                    _ => small_size(draw()),
                };
                let (steps, block) = steps::of(|| self.allocate(size));
                worst.0 = worst.0.max(steps);
                alive.push(block);
            } else {
                let block = alive.swap_remove(draw() as usize % alive.len());
                let (steps, ()) = steps::of(|| self.free(block));
                worst.1 = worst.1.max(steps);
            }
        }
        alive.iter().for_each(|&block| self.free(block));
        worst
    }

    fn check(&self) {
        self.pool.check().expect("nothing is wrong with the pool");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; the pool does nothing any more, and has no drop that would look at it.
        unsafe { dealloc(self.metadata.base.as_ptr(), layout(self.metadata.size)) };
    }
}

fn layout(size: Bytes) -> Layout {
    Layout::from_size_align(size.as_usize(), PAGE_SIZE.as_usize()).expect("it fits")
}

/// The same numbers each time.
fn draws() -> impl FnMut() -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 20
    }
}

fn small_size(draw: u64) -> u64 {
    [16, 24, 64, 100, 300, 1000][draw as usize % 6]
}

#[test]
fn a_block_that_is_ready_takes_a_handful_of_steps_whatever_the_pool_holds() {
    for count in [10, 100_000] {
        let world = World::with_live(count);
        for size in [16, 64, 1000, 4096, 9000, CACHED as u64] {
            let block = world.allocate(size);
            world.free(block);
            let (allocate, block) = steps::of(|| world.allocate(size));
            let (free, ()) = steps::of(|| world.free(block));
            assert!(allocate <= READY, "{allocate} steps for {size} bytes among {count}");
            assert!(free <= PUT_BACK, "{free} steps for {size} bytes among {count}");
        }
        world.check();
    }
}

#[test]
fn no_allocation_and_no_free_takes_more_steps_with_more_blocks() {
    for count in [10, 100_000] {
        let world = World::with_live(count);
        let (allocate, free) = world.worst();
        assert!(allocate <= ALLOCATE, "{allocate} steps to allocate among {count}, more than {ALLOCATE}");
        assert!(free <= FREE, "{free} steps to free among {count}, more than {FREE}");
        assert!(allocate > READY && free > PUT_BACK, "the walk leaves the magazines");
        world.check();
    }
}

#[test]
fn blocks_scattered_over_as_many_pages_are_within_the_bounds() {
    for size in [16, 64, 128, 512, 1024, 2048] {
        let world = World::new();
        let per_page = PAGE_SIZE.0 as usize / size as usize;
        let blocks: Vec<_> = (0..400 * per_page).map(|_| world.allocate(size)).collect();
        // One block of each page in turn, so that each comes from, or goes to, a page of its own.
        let mut order: Vec<_> = blocks.iter().map(|block| (block.0 % PAGE_SIZE.0, block.0)).collect();
        order.sort_unstable();
        let (mut allocate, mut free) = (0, 0);
        for &(_, block) in &order {
            let (steps, ()) = steps::of(|| world.free(VirtualAddress(block)));
            free = free.max(steps);
        }
        world.pool.flush();
        let blocks: Vec<_> = (0..400 * per_page).map(|_| world.allocate(size)).collect();
        blocks.iter().skip(1).step_by(per_page).for_each(|&block| world.free(block));
        world.pool.flush();
        for _ in 0..400 {
            let (steps, _) = steps::of(|| world.allocate(size));
            allocate = allocate.max(steps);
        }
        assert!(allocate <= ALLOCATE, "{allocate} steps to allocate {size} bytes");
        assert!(free <= FREE, "{free} steps to free {size} bytes");
        world.check();
    }
}

#[test]
fn every_class_is_within_the_bounds_from_the_first_block_to_the_last() {
    let classes = Classes::of(Granule::Sixteen);
    for class in 0..classes.huge() {
        let (world, size) = (World::new(), classes.size(class) as u64);
        let blocks: Vec<_> = (0..300)
            .map(|_| {
                let (steps, block) = steps::of(|| world.allocate(size));
                assert!(steps <= ALLOCATE, "{steps} steps to allocate {size} bytes");
                block
            })
            .collect();
        for block in blocks {
            let (steps, ()) = steps::of(|| world.free(block));
            assert!(steps <= FREE, "{steps} steps to free {size} bytes");
        }
        world.check();
    }
}

#[test]
fn a_gibibyte_takes_as_many_steps_as_half_a_mebibyte() {
    for count in [10, 100_000] {
        let world = World::with_live(count);
        let (mut seen, mut grew) = (Vec::new(), 0);
        for shift in 19..=30 {
            // One with a tail and one without.
            for size in [1 << shift, (1 << shift) + 5000] {
                // What is kept would be in the way of the longest.
                world.pool.flush();
                let request = Request {
                    size: Bytes(size),
                    kind: PoolKind::NonPaged,
                    tag: Tag::NONE,
                    contents: Contents::Uninitialized,
                };
                let (allocate, block) = steps::of(|| world.pool.allocate(request));
                let address = block.expect("there is room for two").address;
                let grown = Bytes(size + 3 * PAGE_SIZE.0);
                let (resize, resized) = steps::of(|| world.pool.resize(address, grown));
                let (free, freed) = steps::of(|| world.pool.free(Claim { address, tag: None }));
                assert!(freed.is_ok());
                grew += usize::from(resized);
                for steps in [allocate, resize, free] {
                    assert!(steps <= HUGE, "{allocate}, {resize}, {free} steps for {size} bytes");
                }
                seen.push(allocate.max(free));
            }
        }
        assert!(grew > 0, "some had room behind them");
        let (least, most) = (seen.iter().min(), seen.iter().max());
        assert!(most <= least.map(|least| 2 * least).as_ref(), "{least:?} to {most:?}: about the same");
        world.check();
    }
}

#[test]
fn giving_back_is_a_batch_at_a_time_and_each_batch_is_bounded() {
    let world = World::new();
    // Thousands of runs of one page each.
    let blocks: Vec<_> = (0..8000).map(|_| world.allocate(PAGE_SIZE.0)).collect();
    blocks.iter().step_by(2).for_each(|&block| world.free(block));
    world.pool.flush();
    let runs = 4000;
    let (steps, given) = steps::of(|| world.pool.trim());
    assert_eq!(given, PageCount(runs));
    assert_eq!(world.pool.platform().offered.get(), 64);
    assert!(steps <= runs.div_ceil(64) * TRIM_BATCH, "{steps} steps for {runs} runs");
    world.check();
}

#[test]
fn a_look_at_the_clock_gives_back_a_bounded_number_of_runs() {
    let world = World::new();
    let blocks: Vec<_> = (0..8000).map(|_| world.allocate(PAGE_SIZE.0)).collect();
    blocks.iter().step_by(2).for_each(|&block| world.free(block));
    world.pool.flush();
    let mut worst = 0;
    for round in 0..4000 {
        world.pool.platform().now.set(round);
        let (steps, block) = steps::of(|| world.allocate(16));
        worst = worst.max(steps);
        world.free(block);
    }
    assert!(worst > ALLOCATE, "something was given back");
    assert!(worst <= 16 * TRIM_BATCH + ALLOCATE, "{worst} steps");
    world.check();
}

#[test]
fn a_flush_takes_steps_for_what_the_shard_keeps_and_not_for_what_the_pool_holds() {
    let classes = Classes::of(Granule::Sixteen);
    let fill = |world: &World| {
        for class in 0..classes.huge() {
            let blocks: Vec<_> = (0..4 * classes.magazine(class))
                .map(|_| world.allocate(classes.size(class) as u64))
                .collect();
            blocks.iter().for_each(|&block| world.free(block));
        }
    };
    // Its magazine, and two in the depot; and each bin is looked at.
    let kept = 3 * classes.magazine_room() as u64;
    let bound = kept * 2 * BLOCK + classes.count() as u64 * BLOCK;
    for count in [10, 100_000] {
        let world = World::with_live(count);
        fill(&world);
        let (steps, ()) = steps::of(|| world.pool.flush());
        assert!(steps <= bound, "{steps} steps for {kept} blocks among {count}, more than {bound}");
        assert!(steps > kept, "there was something to flush");
        world.check();
    }
}
