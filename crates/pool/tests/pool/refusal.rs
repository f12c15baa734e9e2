//! A page source that refuses: nothing leaks and nothing is half done.

use crate::world::{Options, Refusals, World, fill, is_filled};
use ntpool_pool::Block;
use ntpool_types::PoolKind;

/// Allocates and frees in a fixed order; how many allocations failed.
fn work(world: &World) -> usize {
    let mut alive: Vec<Block> = Vec::new();
    let mut failures = 0;
    for step in 0_u64..300 {
        let kind = PoolKind::ALL[(step % 3) as usize];
        let size = [24, 900, 4096, 5000, 9 * 4096 + 100, 33 * 4096][(step * 7 / 3 % 6) as usize];
        let before = (world.live(), world.tags(), world.in_use(kind));
        match world.try_allocate(kind, size) {
            Ok(block) => {
                fill(&block, block.address.0.to_le_bytes()[1]);
                alive.push(block);
            }
            Err(_) => {
                failures += 1;
                assert_eq!((world.live(), world.tags(), world.in_use(kind)), before, "step {step}");
            }
        }
        world.check();
        if step % 5 == 4 && !alive.is_empty() {
            let block = alive.swap_remove((step * 31) as usize % alive.len());
            assert!(is_filled(&block, block.address.0.to_le_bytes()[1]));
            assert_eq!(world.free(block.address), Ok(block));
        }
    }
    alive.sort_by_key(|block| block.address);
    let mut live = world.live();
    live.sort_by_key(|block| block.address);
    assert_eq!(live, alive);
    world.free_all();
    failures
}

fn world(refusals: Refusals) -> World {
    World::new(Options { capacity: 700, limit: 650, refusals, ..Options::default() })
}

#[test]
fn a_page_source_that_refuses_once_costs_at_most_that_request() {
    let calls = {
        let world = world(Refusals::Never);
        work(&world);
        world.pool.platform().commit_count()
    };
    assert!(calls > 10, "{calls} calls are too few to say much");
    for refused in 0..calls {
        let world = world(Refusals::Once(refused));
        work(&world);
        assert!(world.pool.platform().commit_count() > refused, "the refusal was met");
    }
}

#[test]
fn a_page_source_that_refuses_from_some_call_on_leaves_what_is_there_usable() {
    let mut refused = 0;
    loop {
        let world = world(Refusals::From(refused));
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
fn a_refused_chunk_is_followed_by_a_request_for_what_is_needed() {
    let world = World::new(Options { refusals: Refusals::Once(0), ..Options::default() });
    let block = world.allocate(PoolKind::NonPaged, 3 * 4096);
    assert_eq!(world.pool.usage(PoolKind::NonPaged).committed.0, 3);
    assert_eq!(world.free(block.address), Ok(block));
    world.check();
}
