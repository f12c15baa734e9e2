//! Several threads, each with a shard of its own.

use crate::world::{Options, TAG, World, fill, is_filled, use_shard};
use ntpool_pool::Block;
use ntpool_types::{Bytes, PoolKind, Tag};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const THREADS: usize = 4;
const STEPS: u64 = 4000;

fn one_thread(world: &World, me: usize, shared: &Mutex<Vec<Block>>) {
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
            shared.lock().expect("nobody panicked").push(block);
        } else {
            alive.push(block);
        }
        if alive.len() > 20 {
            let block = alive.swap_remove(draw as usize % 20);
            assert!(is_filled(&block, mark), "{block:?}");
            assert_eq!(world.free_tagged(block.address, block.tag), Ok(block));
        }
        let foreign = shared.lock().expect("nobody panicked").pop();
        if let Some(block) = foreign.filter(|_| draw.is_multiple_of(3)) {
            assert_eq!(world.free_tagged(block.address, block.tag), Ok(block));
        } else {
            shared.lock().expect("nobody panicked").extend(foreign);
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
    let shared = Mutex::new(Vec::new());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            use_shard(THREADS);
            while !done.load(Ordering::Relaxed) {
                for count in world.tags() {
                    assert!(count.frees <= count.allocations && count.bytes < Bytes(1 << 40), "{count:?}");
                }
                world.check();
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
    let left = shared.into_inner().expect("nobody panicked");
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
