//! Few slots: pages that can't be cut as finely as their blocks are wanted.

use crate::world::{Options, World, fill, is_filled};
use ntpool_pool::NoMemory;
use ntpool_types::PoolKind;

/// One unit of slots a page: enough for blocks from 512 bytes.
fn world(capacity: u64) -> World {
    World::new(Options { capacity, limit: capacity, slot_units: Some(1), ..Options::default() })
}

#[test]
fn without_slots_tiny_blocks_are_no_memory_and_what_is_there_is_unharmed() {
    let world = world(300);
    let kind = PoolKind::NonPaged;
    let mut tiny = Vec::new();
    while let Ok(block) = world.try_allocate(kind, 16) {
        fill(&block, 0x42);
        tiny.push(block);
    }
    world.check();
    let pages = world.in_use(kind);
    assert!((20..100).contains(&pages), "{pages} pages were cut before the slots ran out");
    assert_eq!(world.try_allocate(PoolKind::Paged, 16), Err(NoMemory), "of whatever kind");
    assert_eq!(world.in_use(PoolKind::Paged), 0, "and no page stays taken");
    assert!(tiny.iter().all(|block| is_filled(block, 0x42)));
    for block in tiny.drain(..) {
        assert_eq!(world.free(block.address), Ok(block));
    }
    world.check();
    // What was cut finely can be cut coarsely: a page needs no more slots than it has.
    for size in [24, 100, 512, 4096, 5000, 80_000] {
        let block = world.allocate(kind, size);
        fill(&block, 0x43);
        assert_eq!(world.free(block.address), Ok(block));
        assert_eq!(world.in_use_flushed(kind), 0);
        world.check();
    }
    // A large block gives up the slots of its last page, and others may have them, though there are too many.
    let large = world.allocate(kind, 5000);
    let other = world.allocate(PoolKind::Paged, 4096);
    for block in [large, other] {
        assert_eq!(world.free(block.address), Ok(block));
    }
    let again = world.allocate(kind, 16);
    assert_eq!(world.free(again.address), Ok(again));
    world.free_all();
}

#[test]
fn one_unit_a_page_is_enough_for_blocks_of_512_bytes_and_more() {
    let world = world(64);
    for size in [4096, 512, 2000, 1024, 700] {
        for kind in PoolKind::ALL {
            let blocks = (0..).map_while(|_| world.try_allocate(kind, size).ok()).count();
            assert!(blocks >= 64 * (4096 / (size as usize).next_multiple_of(256)), "{blocks} of {size}");
            assert_eq!(world.in_use(kind), 64);
        }
        world.free_all();
    }
}

#[test]
fn a_page_that_was_cut_as_finely_as_can_be_can_be_cut_for_any_class() {
    let world = World::new(Options { capacity: 40, limit: 40, ..Options::default() });
    for size in [16, 32, 48, 16, 64, 80, 96, 112, 128, 4096, 16, 2000, 100, 4096, 17, 33] {
        for kind in PoolKind::ALL {
            let blocks = (0..).map_while(|_| world.try_allocate(kind, size).ok()).count();
            assert_eq!(world.in_use(kind), 40, "{size}");
            assert!(blocks >= 40 * (4096 / (size as usize).next_multiple_of(16)), "{blocks} of {size}");
        }
        world.free_all();
    }
}
