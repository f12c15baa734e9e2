//! Several threads, each with a shard of its own.

use crate::shared::Shared;
use crate::world::{All, Heap, Options, Rules, TAG, World, fill, is_filled, use_shard};
use ntpool_pool::{Block, Contents};
use ntpool_types::{Bytes, PAGE_SIZE, PoolKind, Tag, VirtualAddress};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const THREADS: usize = 4;
const STEPS: u64 = 4000;

fn one_thread(world: &World, me: usize, shared: &Shared<Vec<Block>>) {
    use_shard(me);
    let mine = Tag(u32::from_le_bytes(*b"Thr0") + ((me as u32) << 24));
    let mark = me as u8 + 1;
    let mut alive = Vec::new();
    let mut state = me as u64 + 1;
    for _ in 0..STEPS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = state >> 33;
        let kind = PoolKind::ALL[(draw % 3) as usize];
        let size = if draw.is_multiple_of(16) { 4097 + draw % 20_000 } else { draw % 700 };
        let block = world.allocate_tagged(kind, size, if draw.is_multiple_of(2) { TAG } else { mine });
        fill(&block, mark);
        if draw.is_multiple_of(7) {
            // Others may free it: the counts of one tag then come from several shards.
            shared.lock().push(block);
        } else {
            alive.push(block);
        }
        if alive.len() > 20 {
            let block = alive.swap_remove(draw as usize % 20);
            assert!(is_filled(&block, mark), "{block:?}");
            assert_eq!(world.free_tagged(block.address, block.tag), Ok(block));
        }
        let foreign = shared.lock().pop();
        if let Some(block) = foreign.filter(|_| draw.is_multiple_of(3)) {
            assert_eq!(world.free_tagged(block.address, block.tag), Ok(block));
        } else {
            shared.lock().extend(foreign);
        }
    }
    for block in alive {
        assert!(is_filled(&block, mark), "{block:?}");
        assert_eq!(world.free(block.address), Ok(block));
    }
}

#[test]
fn threads_that_allocate_and_free_at_once_are_counted_exactly() {
    let world =
        World::new(Options { capacity: 2000, limit: 2000, shards: THREADS + 1, ..Options::default() });
    let shared = Shared::new(Vec::new());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            use_shard(THREADS);
            while !done.load(Ordering::Relaxed) {
                for count in world.tags() {
                    assert!(count.frees <= count.allocations && count.bytes < Bytes(1 << 40), "{count:?}");
                }
                thread::yield_now();
            }
        });
        let workers: Vec<_> = (0..THREADS)
            .map(|me| {
                let (world, shared) = (&world, &shared);
                scope.spawn(move || one_thread(world, me, shared))
            })
            .collect();
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(results.iter().all(Result::is_ok));
        reader.join().expect("the counts are never inconsistent");
    });
    let left = shared.into_inner();
    let mut blocks = world.live();
    blocks.sort_by_key(|block| block.address);
    let mut expected = left.clone();
    expected.sort_by_key(|block| block.address);
    assert_eq!(blocks, expected);
    world.free_all();
    let tags = world.tags();
    assert_eq!(tags.iter().map(|count| count.allocations).sum::<u64>(), THREADS as u64 * STEPS);
    assert!(
        tags.iter().all(|count| count.frees == count.allocations && count.bytes == Bytes::ZERO),
        "{tags:?}"
    );
}

/// One of a ring: hands its blocks to the next one, and frees what it is handed.
fn pass_on<R: Rules>(world: &World<R>, hands: &[Shared<Vec<Block>>], me: usize) {
    use_shard(me);
    let before = ((me + THREADS - 1) % THREADS) as u8;
    for step in 0..STEPS {
        let block = world.allocate(PoolKind::NonPaged, [24, 100, 700, 4096, 6000][step as usize % 5]);
        fill(&block, me as u8);
        hands[(me + 1) % THREADS].lock().push(block);
        let mine = std::mem::take(&mut *hands[me].lock());
        for block in mine {
            assert!(is_filled(&block, before), "{block:?}");
            assert_eq!(world.free_tagged(block.address, TAG), Ok(block));
        }
    }
}

/// Hands blocks from one thread to the next, each of which frees what it is handed: a ring of producers and consumers.
fn hand_over<R: Rules>() {
    let world =
        World::<R>::of(Options { capacity: 12_000, limit: 12_000, shards: THREADS, ..Options::default() });
    let hands: Vec<_> = (0..THREADS).map(|_| Shared::new(Vec::<Block>::new())).collect();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|me| {
                let (world, hands) = (&world, &hands);
                scope.spawn(move || pass_on(world, hands, me))
            })
            .collect();
        for worker in workers {
            worker.join().expect("it did not panic");
        }
    });
    world.check();
    world.free_all();
    assert_eq!(world.pool.platform().take_found(), []);
}

#[test]
fn what_one_thread_allocates_another_may_free() {
    hand_over::<Heap>();
    hand_over::<All>();
}

#[test]
fn while_a_pool_is_quiesced_magazines_serve_and_everybody_else_waits() {
    let world = World::<Heap>::of(Options { shards: 2, ..Options::default() });
    use_shard(1);
    let tag = world.pool.intern(PoolKind::NonPaged, TAG);
    let ready = world.allocate(PoolKind::NonPaged, 64);
    world.free(ready.address).expect("it is live");
    use_shard(0);
    let (served, through) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let quiesced = world.pool.quiesce();
        let worker = scope.spawn(|| {
            use_shard(1);
            for _ in 0..100 {
                let block =
                    world.pool.allocate_ready(64, tag, Contents::Uninitialized).expect("one is ready");
                assert!(world.pool.free_fast(VirtualAddress(block.as_ptr().addr() as u64)));
            }
            served.store(true, Ordering::SeqCst);
            world.allocate(PoolKind::NonPaged, 100_000);
            through.store(true, Ordering::SeqCst);
        });
        while !served.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        // Long enough for one that does not wait.
        thread::sleep(Duration::from_millis(30));
        assert!(!through.load(Ordering::SeqCst), "pages are not to be had");
        drop(quiesced);
        worker.join().expect("it did not panic");
    });
    assert!(through.load(Ordering::SeqCst), "it has been served afterwards");
    world.check();
    world.free_all();
}

#[test]
fn what_a_shard_that_goes_away_keeps_is_the_next_ones_to_use() {
    fn go_away<R: Rules>() {
        let world = World::<R>::of(Options { shards: 3, ..Options::default() });
        use_shard(1);
        for size in [40, 4096, 9000] {
            let blocks: Vec<_> = (0..3).map(|_| world.allocate(PoolKind::Paged, size)).collect();
            for block in blocks {
                world.free(block.address).expect("it is live");
            }
        }
        world.check();
        let in_use = world.in_use(PoolKind::Paged);
        world.pool.retire();
        world.check();
        use_shard(2);
        for size in [40, 4096, 9000] {
            world.allocate(PoolKind::Paged, size);
        }
        assert_eq!(world.in_use(PoolKind::Paged), in_use, "no page was needed");
        use_shard(1);
        fill(&world.allocate(PoolKind::Paged, 40), 1);
        world.check();
        world.free_all();
    }
    go_away::<Heap>();
}

#[test]
fn blocks_of_neighbouring_shards_lie_in_different_pages() {
    let world = World::new(Options { shards: 4, ..Options::default() });
    for kind in PoolKind::ALL {
        for size in [16, 100, 1000] {
            let pages = [0, 1, 2, 3].map(|shard| {
                use_shard(shard);
                world.allocate(kind, size).address.0 / PAGE_SIZE.0
            });
            assert_eq!(BTreeSet::from(pages).len(), 4, "{size} bytes of {kind} pool");
        }
    }
    use_shard(0);
    world.free_all();
}
