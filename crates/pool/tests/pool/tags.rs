//! What is counted under which tag.

use crate::world::{Heap, Options, Rules, Sizes, TAG, Uncounted, World, use_shard};
use ntpool_pool::{Block, Contents, TagCount};
use ntpool_types::{Bytes, PoolKind, Tag};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

#[test]
fn pool_216_each_tag_and_kind_has_its_allocations_frees_and_bytes() {
    let world = World::plain();
    let other = Tag::from_text(*b"Othr");
    let sizes = [0, 10, 5000, 4096];
    for kind in PoolKind::ALL {
        let blocks = sizes.map(|size| world.allocate(kind, size));
        world.allocate_tagged(kind, 33, other);
        world.free(blocks[2].address).expect("it is live");
        let count = |tag| world.tag(tag, kind);
        assert_eq!(
            count(TAG),
            Some(TagCount { tag: TAG, kind, allocations: 4, frees: 1, bytes: Bytes(4106) })
        );
        assert_eq!(
            count(other),
            Some(TagCount { tag: other, kind, allocations: 1, frees: 0, bytes: Bytes(33) })
        );
    }
    assert_eq!(world.tags().len(), 6);
}

#[test]
fn pool_217_counts_of_allocations_and_frees_only_grow() {
    let world = World::plain();
    let mut last = (0, 0);
    for round in 0..50 {
        let block = world.allocate(PoolKind::Paged, round * 100);
        if round % 3 != 0 {
            world.free(block.address).expect("it is live");
        }
        let count = world.tag(TAG, PoolKind::Paged).expect("it is counted");
        assert_eq!(count.allocations, round + 1);
        assert!(count.allocations > last.0 && count.frees >= last.1);
        last = (count.allocations, count.frees);
    }
    world.free_all();
    let count = world.tag(TAG, PoolKind::Paged).expect("it stays in the table");
    assert_eq!((count.allocations, count.frees, count.bytes), (50, 50, Bytes::ZERO));
}

#[test]
fn tags_past_the_tables_end_are_counted_together_and_never_mismatch() {
    let world = World::plain();
    let allocate = |number: u32| world.allocate_tagged(PoolKind::NonPaged, 8, Tag(number));
    let blocks: Vec<Block> = (0..4096).map(allocate).collect();
    assert!(blocks.iter().zip(0..).all(|(block, number)| block.tag == Tag(number)));
    world.check();
    let over: Vec<Block> = (4096..4196).map(allocate).collect();
    assert!(over.iter().all(|block| block.tag == Tag::OVERFLOW));
    let count = world.tag(Tag::OVERFLOW, PoolKind::NonPaged).expect("they are counted");
    assert_eq!((count.allocations, count.frees, count.bytes), (100, 0, Bytes(800)));
    assert_eq!(world.free_tagged(over[0].address, Tag(7)), Ok(over[0]), "its own tag is not known");
    assert!(world.free_tagged(blocks[0].address, Tag(7)).is_err(), "tags in the table are still compared");
    assert_eq!(allocate(4095).tag, Tag(4095), "a known tag stays known");
    assert_eq!(world.tags().len(), 4097);
    world.check();
    for block in world.live() {
        world.free(block.address).expect("it is live");
    }
    assert!(world.tags().iter().all(|count| count.allocations == count.frees && count.bytes == Bytes::ZERO));
}

#[test]
fn a_table_for_few_tags_loses_no_count_when_it_overflows() {
    for tags in [1, 5, 100] {
        let world = World::new(Options { tags, ..Options::default() });
        for kind in PoolKind::ALL {
            let blocks: Vec<Block> =
                (0..300).map(|number| world.allocate_tagged(kind, 24, Tag(number + 1))).collect();
            for block in &blocks[..150] {
                world.free_tagged(block.address, block.tag).expect("it is live");
            }
            let known: Vec<_> = world.tags().into_iter().filter(|count| count.kind == kind).collect();
            assert_eq!(known.len(), tags + 1);
            assert_eq!(known.iter().map(|count| count.allocations).sum::<u64>(), 300);
            assert_eq!(known.iter().map(|count| count.frees).sum::<u64>(), 150);
            assert_eq!(known.iter().map(|count| count.bytes.0).sum::<u64>(), 150 * 24);
            let over = world.tag(Tag::OVERFLOW, kind).expect("there are more tags than room");
            assert_eq!(over.allocations, 300 - tags as u64);
        }
        world.check();
        world.free_all();
        assert!(world.tags().iter().all(|count| count.allocations == count.frees));
    }
}

#[test]
fn three_hundred_tags_on_several_shards_are_counted_one_by_one() {
    let world = World::new(Options { shards: 3, ..Options::default() });
    let mut expected = BTreeMap::new();
    for round in 0..900_u32 {
        use_shard((round % 3) as usize);
        let (tag, kind) = (Tag(0x6100_0000 + round % 300), PoolKind::ALL[(round / 7 % 3) as usize]);
        let size = u64::from(round % 200);
        let block = world.allocate_tagged(kind, size, tag);
        let count: &mut (u64, u64, u64) = expected.entry((kind, tag)).or_default();
        count.0 += 1;
        if round % 2 == 0 {
            // By another shard than it came from.
            use_shard(((round + 1) % 3) as usize);
            world.free_tagged(block.address, tag).expect("it is live");
            count.1 += 1;
        } else {
            count.2 += size;
        }
    }
    let counts: BTreeMap<_, _> = world
        .tags()
        .into_iter()
        .map(|count| ((count.kind, count.tag), (count.allocations, count.frees, count.bytes.0)))
        .collect();
    assert_eq!(counts, expected);
    world.free_all();
}

/// How often the reader shall have looked while threads run.
const LOOKS: u64 = 20;

/// A random walk of one thread: what it allocated and freed under its tags.
fn walk<R: Rules>(world: &World<R>, shard: usize, done: &[[AtomicU64; 2]], looks: &AtomicU64) {
    use_shard(shard);
    let mut alive: Vec<(usize, Block)> = Vec::new();
    let mut state = shard as u64 + 77;
    let mut step = 0;
    // The reader may be slow, or have found something and be gone.
    while step < 12_000 || (looks.load(Ordering::Relaxed) < LOOKS && step < 3_000_000) {
        step += 1;
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = (state >> 33) as usize;
        if alive.len() > 40 || (draw.is_multiple_of(2) && !alive.is_empty()) {
            let (number, block) = alive.swap_remove(draw / 2 % alive.len());
            // Said before it is done: a reader who sees the free must see it announced.
            done[number][1].fetch_add(1, Ordering::SeqCst);
            world.free(block.address).expect("it is live");
        } else {
            let number = draw / 2 % done.len();
            let size = if draw.is_multiple_of(31) { 5000 + draw as u64 % 80_000 } else { draw as u64 % 900 };
            alive.push((number, world.allocate_tagged(PoolKind::Paged, size, tag(number))));
            done[number][0].fetch_add(1, Ordering::SeqCst);
        }
    }
    for (number, block) in alive {
        done[number][1].fetch_add(1, Ordering::SeqCst);
        world.free(block.address).expect("it is live");
    }
}

fn tag(number: usize) -> Tag {
    Tag(0x6161_0000 + number as u32)
}

// POOL-216
#[test]
fn pool_217_while_threads_run_no_count_goes_back_or_is_ahead_of_what_was_done() {
    counts_while_threads_run::<Heap>();
    counts_while_threads_run::<Sizes>();
}

fn counts_while_threads_run<R: Rules>() {
    const THREADS: usize = 3;
    let world =
        World::<R>::of(Options { capacity: 8000, limit: 8000, shards: THREADS + 1, ..Options::default() });
    let done: Vec<_> = (0..300).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect();
    let (finished, looks) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            use_shard(THREADS);
            let mut last = BTreeMap::new();
            while !finished.load(Ordering::Relaxed) {
                let before: Vec<_> =
                    done.iter().map(|[allocations, _]| allocations.load(Ordering::SeqCst)).collect();
                let counts = world.tags();
                for count in counts {
                    let number = (count.tag.0 - tag(0).0) as usize;
                    let freed = done[number][1].load(Ordering::SeqCst);
                    assert!(count.allocations >= before[number], "{count:?} of {before:?}");
                    assert!(count.frees <= count.allocations, "{count:?}");
                    assert!(count.frees <= freed, "{count:?} of {freed} frees");
                    let before = last.insert(count.tag, count).unwrap_or(TagCount {
                        allocations: 0,
                        frees: 0,
                        ..count
                    });
                    assert!(count.allocations >= before.allocations, "{count:?} after {before:?}");
                    assert!(count.frees >= before.frees, "{count:?} after {before:?}");
                }
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        let workers: Vec<_> = (0..THREADS)
            .map(|shard| {
                let (world, done, looks) = (&world, &done, &looks);
                scope.spawn(move || walk(world, shard, done, looks))
            })
            .collect();
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        finished.store(true, Ordering::Relaxed);
        assert!(results.iter().all(Result::is_ok));
        reader.join().expect("no count is wrong");
    });
    for (number, [allocations, frees]) in done.iter().enumerate() {
        let count = world.tag(tag(number), PoolKind::Paged).expect("it is counted");
        assert_eq!(count.allocations, allocations.load(Ordering::SeqCst));
        assert_eq!(count.frees, frees.load(Ordering::SeqCst));
    }
    world.check();
    world.free_all();
}

#[test]
fn a_snapshot_of_a_hundred_thousand_blocks_misses_none() {
    let world = World::<Heap>::of(Options { capacity: 4000, limit: 4000, ..Options::default() });
    let kind = PoolKind::NonPaged;
    let tags: Vec<_> = (0..64).map(|number| world.pool.intern(kind, tag(number))).collect();
    for block in 0..100_000 {
        let size = [16, 48, 100, 200][block / 64 % 4];
        let allocated = world.pool.allocate_interned(size, tags[block % 64], Contents::Uninitialized);
        allocated.expect("the pool has room");
    }
    let counts = world.tags();
    assert_eq!(counts.len(), 64);
    assert_eq!(counts.iter().map(|count| count.allocations).sum::<u64>(), 100_000);
    assert!(counts.iter().all(|count| count.frees == 0 && count.allocations >= 100_000 / 64));
    let bytes = [16, 48, 112, 208].map(|size| 25_000 * size).iter().sum::<u64>();
    let counted = counts.iter().map(|count| count.bytes.0).sum::<u64>();
    assert!(counted.abs_diff(bytes) < 64 * 208 * 2, "{counted} of about {bytes}");
    let (mut freed, mut number) = (0, 0);
    world.pool.for_each_live(|block| {
        number += 1;
        if number % 3 == 0 {
            assert!(world.pool.free_fast(block.address));
            freed += 1;
        }
    });
    assert_eq!(number, 100_000);
    assert_eq!(world.tags().iter().map(|count| count.frees).sum::<u64>(), freed);
    world.check();
}

#[test]
fn a_pool_that_counts_nothing_is_consistent_and_knows_no_counts() {
    let world = World::<Uncounted>::of(Options::default());
    let block = world.allocate(PoolKind::Paged, 100);
    world.pool.check().expect("nothing is counted, and nothing wrong");
    assert!(world.tags().iter().all(|count| count.allocations == 0));
    assert_eq!(world.free(block.address), Ok(block));
}
