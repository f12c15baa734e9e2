//! A page source that refuses, hands out rubbish, or takes nothing back, at each call: nothing leaks and nothing is half
//! done.

use crate::world::{Calls, Options, Rules, Sizes, TAG, World, fill, is_filled};
use ntpool_pool::{Block, Contents, NoMemory, Request};
use ntpool_types::{Bytes, PageCount, PoolKind};

/// Allocates, frees and gives back in a fixed order; how many allocations failed.
fn work<R: Rules>(world: &World<R>) -> usize {
    let mut alive: Vec<Block> = Vec::new();
    let (mut failures, mut counts) = (0, [0; 3]);
    for step in 0_u64..300 {
        let kind = PoolKind::ALL[(step % 3) as usize];
        let size = [24, 900, 4096, 5000, 9 * 4096 + 100, 33 * 4096][(step * 7 / 3 % 6) as usize];
        let contents = if step % 4 == 1 { Contents::Uninitialized } else { Contents::Zeroed };
        let in_use = world.in_use(kind);
        match world.pool.allocate(Request { size: Bytes(size), kind, tag: TAG, contents }) {
            Ok(block) => {
                assert!(contents == Contents::Uninitialized || is_filled(&block, 0), "{block:?}");
                fill(&block, block.address.0.to_le_bytes()[1]);
                counts[kind.index()] += 1;
                alive.push(block);
            }
            Err(NoMemory) => {
                failures += 1;
                assert_eq!(sorted(world.live()), sorted(alive.clone()), "step {step}");
                let counted =
                    PoolKind::ALL.map(|kind| world.tag(TAG, kind).map_or(0, |count| count.allocations));
                assert_eq!(counted, counts, "step {step}");
                assert!(world.in_use(kind) <= in_use, "what was kept may have gone home, no more");
            }
        }
        if step % 7 == 0 {
            world.check();
        }
        if step % 5 == 4 && !alive.is_empty() {
            let block = alive.swap_remove((step * 31) as usize % alive.len());
            assert!(is_filled(&block, block.address.0.to_le_bytes()[1]));
            assert_eq!(world.free(block.address), Ok(block));
        }
        if step % 25 == 24 {
            let committed = || PoolKind::ALL.map(|kind| world.pool.usage(kind).committed.0);
            let before: u64 = committed().iter().sum();
            world.pool.flush();
            let given = world.pool.trim();
            assert_eq!(committed().iter().sum::<u64>() + given.0, before);
            assert_eq!(committed(), PoolKind::ALL.map(|kind| world.pool.platform().committed(kind).0));
            world.check();
        }
    }
    assert_eq!(sorted(world.live()), sorted(alive));
    world.free_all();
    failures
}

fn sorted(mut blocks: Vec<Block>) -> Vec<Block> {
    blocks.sort_by_key(|block| block.address);
    blocks
}

fn options() -> Options {
    Options { capacity: 700, limit: 650, ..Options::default() }
}

/// Runs the work once for each call that `count` counts in an undisturbed run.
fn for_each_call(count: impl Fn(&World) -> u64, disturbed: impl Fn(u64) -> Options) {
    let calls = {
        let world = World::new(options());
        work(&world);
        count(&world)
    };
    assert!(calls > 5, "{calls} calls are too few to say much");
    for call in 0..calls {
        let world = World::<Sizes>::of(disturbed(call));
        work(&world);
        assert!(count(&world) > call, "the call was met");
    }
}

#[test]
fn a_page_source_that_refuses_once_costs_at_most_that_request() {
    let commits = |world: &World| world.pool.platform().commit_count();
    for_each_call(commits, |call| Options { refusals: Calls::Once(call), ..options() });
}

#[test]
fn a_page_source_that_hands_out_rubbish_once_or_from_then_on_is_zeroed_after() {
    let commits = |world: &World| world.pool.platform().commit_count();
    for_each_call(commits, |call| Options { dirty: Calls::Once(call), ..options() });
    for_each_call(commits, |call| Options { dirty: Calls::From(call), ..options() });
}

#[test]
fn a_page_source_that_takes_nothing_back_once_or_from_then_on_keeps_its_pages_usable() {
    let offers = |world: &World| world.pool.platform().give_back_count();
    for_each_call(offers, |call| Options { stubborn: Calls::Once(call), ..options() });
    for_each_call(offers, |call| Options { stubborn: Calls::From(call), ..options() });
}

#[test]
fn a_page_source_that_refuses_from_some_call_on_leaves_what_is_there_usable() {
    let mut refused = 0;
    loop {
        let world = World::new(Options { refusals: Calls::From(refused), ..options() });
        let failures = work(&world);
        if world.pool.platform().commit_count() <= refused {
            break;
        }
        assert!(failures > 0, "call {refused} was refused, and the ones after it");
        refused += 1;
    }
    assert!(refused > 10, "{refused} calls are too few to say much");
}

#[test]
fn before_a_refused_request_is_tried_again_the_idle_pages_of_every_kind_go_back() {
    let world = World::new(Options { refusals: Calls::Once(1), ..options() });
    let idle = world.allocate(PoolKind::NonPaged, 300 * 4096);
    world.free(idle.address).expect("it is live");
    assert_eq!(world.pool.usage(PoolKind::NonPaged).committed, PageCount(300));
    world.allocate(PoolKind::Paged, 100);
    assert_eq!(world.pool.usage(PoolKind::NonPaged).committed, PageCount(0));
    world.check();
}

#[test]
fn a_refused_request_is_tried_once_more_without_what_was_kept() {
    let world = World::new(Options { refusals: Calls::Once(0), ..Options::default() });
    let block = world.allocate(PoolKind::NonPaged, 3 * 4096);
    assert_eq!(world.pool.platform().commit_count(), 2);
    assert_eq!(world.pool.usage(PoolKind::NonPaged).committed, PageCount(3));
    assert_eq!(world.free(block.address), Ok(block));
    world.check();
}
