//! Blocks that change their size where they are, and those that can't.

use crate::world::{All, Calls, Heap, Options, TAG, World, fill, is_filled, offset, poke};
use ntpool_pool::{Block, Damage, Place};
use ntpool_types::{Bytes, PoolKind, VirtualAddress};

/// Resizes a block; what it is then.
#[track_caller]
fn resized(world: &World, block: Block, size: u64) -> Block {
    assert!(world.pool.resize(block.address, Bytes(size)), "{block:?} to {size}");
    let block = Block { size: Bytes(size), ..block };
    assert_eq!(world.pool.find(block.address), Place::Live(block));
    assert_eq!(world.pool.usable(block.address), Some(Bytes(size)));
    world.check();
    block
}

/// Asks for a size that can't be had: nothing may have changed.
#[track_caller]
fn refused(world: &World, block: Block, size: u64) {
    let state = || (world.live(), world.tags(), PoolKind::ALL.map(|kind| world.pool.usage(kind)));
    let before = state();
    assert!(!world.pool.resize(block.address, Bytes(size)), "{block:?} to {size}");
    assert_eq!(state(), before);
    assert_eq!(world.pool.find(block.address), Place::Live(block));
    world.check();
}

#[test]
fn a_small_block_may_have_every_size_that_would_get_the_same_place_and_no_other() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for (sizes, beyond) in [
            (0..=16, &[17, 4096, u64::MAX][..]),
            (97..=112, &[0, 96, 113, 100_000]),
            (3841..=4096, &[3840, 4097]),
        ] {
            let (first, last) = sizes.into_inner();
            let mut block = world.allocate(kind, first);
            for size in [last, first, (first + last) / 2] {
                block = resized(&world, block, size);
                let count = world.tag(TAG, kind).expect("it is counted");
                assert_eq!(count.bytes, Bytes(size), "what it is charged follows");
                for &beyond in beyond {
                    refused(&world, block, beyond);
                }
            }
            assert_eq!(world.free(block.address), Ok(block));
        }
    }
    world.free_all();
}

#[test]
fn a_block_above_a_page_grows_into_free_pages_and_gives_them_back() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        let mut block = world.allocate(kind, 5000);
        fill(&block, 0x77);
        let before = block;
        block = resized(&world, block, 200 * 4096);
        assert!(is_filled(&before, 0x77), "what it was stays");
        assert_eq!(world.in_use(kind), 200);
        fill(&block, 0x78);
        refused(&world, block, 257 * 4096);
        refused(&world, block, u64::MAX);
        refused(&world, block, 4096);
        let grown = block;
        for size in [262_145, 262_144, 70_000, 69_999, 70_001] {
            block = resized(&world, block, size);
            assert_eq!(world.in_use(kind), size.div_ceil(4096));
        }
        assert_eq!(world.in_use(kind), 18);
        assert!(is_filled(&block, 0x78));
        assert_eq!(world.pool.find(offset(grown.address, 100 * 4096)), Place::Unused(kind));
        block = resized(&world, block, 4097);
        assert_eq!(world.in_use(kind), 2);
        assert_eq!(world.free(block.address), Ok(block));
        assert_eq!(world.allocate(kind, 4608).address, block.address, "it is one of its size now");
        world.free(block.address).expect("it is live");
        assert_eq!(world.in_use_flushed(kind), 0);
    }
    world.free_all();
}

#[test]
fn a_block_above_a_page_does_not_grow_over_others() {
    let world = World::plain();
    let kind = PoolKind::NonPaged;
    let block = world.allocate(kind, 80 * 4096);
    let neighbour = world.allocate(kind, 30 * 4096);
    assert_eq!(neighbour.address, offset(block.address, 80 * 4096));
    refused(&world, block, 81 * 4096);
    refused(&world, block, 80 * 4096 + 1);
    let shorter = resized(&world, block, 80 * 4096 - 2000);
    let tenant = world.allocate(kind, 600);
    assert_eq!(tenant.address.0 / 4096, shorter.address.0 / 4096 + 79, "in the tail that is free now");
    refused(&world, shorter, 80 * 4096);
    refused(&world, shorter, 78 * 4096);
    world.free(tenant.address).expect("it is live");
    assert_eq!(world.in_use_flushed(kind), 110);
    let block = resized(&world, shorter, 80 * 4096);
    world.free(neighbour.address).expect("it is live");
    world.pool.flush();
    let block = resized(&world, block, 100 * 4096);
    fill(&block, 1);
    world.free_all();
}

#[test]
fn a_huge_block_does_not_grow_beyond_the_limit_or_what_the_source_has() {
    let options = Options { capacity: 100, limit: 40, ..Options::default() };
    let world = World::new(options);
    let block = world.allocate(PoolKind::Paged, 30 * 4096);
    refused(&world, block, 41 * 4096);
    resized(&world, block, 40 * 4096);
    let world = World::new(Options { refusals: Calls::From(1), ..options });
    let block = world.allocate(PoolKind::Paged, 30 * 4096);
    refused(&world, block, 31 * 4096);
    assert_eq!(world.pool.platform().commit_count(), 2);
    world.free_all();
}

#[test]
fn only_a_live_block_by_its_first_address_can_be_resized() {
    let world = World::plain();
    let metadata = world.metadata_base;
    for kind in PoolKind::ALL {
        for size in [100, 4096, 9000, 100_000] {
            let block = world.allocate(kind, size);
            let wrong = [
                offset(block.address, 16),
                offset(block.address, size),
                world.page(kind, 255),
                world.outside(),
                metadata,
                VirtualAddress::NULL,
                VirtualAddress(u64::MAX),
            ];
            for address in wrong {
                assert!(!world.pool.resize(address, Bytes(size)), "{address}");
                assert_eq!(world.pool.usable(address), None, "{address}");
            }
            world.free(block.address).expect("it is live");
            assert!(!world.pool.resize(block.address, Bytes(size)));
            assert_eq!(world.pool.usable(block.address), None);
        }
    }
    world.check();
}

#[test]
fn a_heaps_block_may_be_used_as_far_as_its_place_reaches() {
    let world = World::<Heap>::of(Options::default());
    for kind in PoolKind::ALL {
        for (size, place) in
            [(0, 16), (1, 16), (100, 112), (4000, 4096), (4097, 4608), (100_000, 102_400), (300_000, 300_032)]
        {
            let block = world.allocate(kind, size);
            assert_eq!(block.size, Bytes(place));
            assert_eq!(world.pool.usable(block.address), Some(Bytes(place)));
            assert!(world.pool.resize(block.address, Bytes(place)), "{size}");
            assert_eq!(world.pool.usable(block.address), Some(Bytes(place)));
            fill(&block, 0x11);
        }
    }
    world.check();
    world.free_all();
}

#[test]
fn what_was_written_behind_a_block_is_found_before_its_size_changes() {
    let world = World::<All>::of(Options::default());
    for (size, other) in [(100, 110), (5000, 4700)] {
        let block = world.allocate(PoolKind::NonPaged, size);
        let end = offset(block.address, size);
        poke(end, !crate::world::peek(end));
        assert!(world.pool.resize(block.address, Bytes(other)));
        let [found] = world.pool.platform().take_found()[..] else { panic!("{block:?}") };
        assert_eq!((found.damage, found.address), (Damage::Overrun, end));
        world.free(block.address).expect("it is live");
    }
    assert_eq!(world.pool.platform().take_found(), []);
    world.free_all();
}

#[test]
fn a_canary_follows_the_end_of_a_resized_block() {
    let world = World::<All>::of(Options::default());
    for (size, other) in [(100, 112), (112, 100), (5000, 4700), (80_000, 300_001)] {
        for overrun in [false, true] {
            let block = world.allocate(PoolKind::NonPaged, size);
            fill(&block, 3);
            assert!(world.pool.resize(block.address, Bytes(other)));
            let block = Block { size: Bytes(other), ..block };
            fill(&block, 4);
            let end = offset(block.address, other);
            if overrun && other % 16 != 0 {
                poke(end, !crate::world::peek(end));
            }
            assert_eq!(world.free(block.address), Ok(block));
            let found = world.pool.platform().take_found();
            assert_eq!(found.len(), usize::from(overrun && other % 16 != 0), "{found:?}");
            assert!(found.iter().all(|found| found.damage == Damage::Overrun && found.address == end));
        }
    }
    world.free_all();
}
