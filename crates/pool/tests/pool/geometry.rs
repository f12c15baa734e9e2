//! Where blocks lie, and which bytes are whose.

use crate::world::{Eight, Options, Rules, TAG, World, offset};
use ntpool_pool::{Block, Place, TailModel};
use ntpool_types::{Bytes, PAGE_SIZE, PoolKind, VirtualAddress};
use std::collections::VecDeque;

const PAGE: u64 = PAGE_SIZE.0;

/// Allocates every size from nothing to three pages in every kind, a few blocks alive at any time.
fn for_every_size<R: Rules>(world: &World<R>, mut f: impl FnMut(u64, Block)) {
    for kind in PoolKind::ALL {
        let mut alive = VecDeque::new();
        for size in 0..=3 * PAGE {
            let block = world.allocate(kind, size);
            assert_eq!((block.size, block.kind, block.tag), (Bytes(size), kind, TAG));
            f(size, block);
            alive.push_back(block);
            if alive.len() > 9 {
                // Out of order, so that slabs are found half full.
                let block = alive.remove((size % 9) as usize).expect("there are nine");
                assert_eq!(world.free(block.address), Ok(block));
            }
        }
        for block in alive {
            assert_eq!(world.free(block.address), Ok(block));
        }
        assert_eq!(world.in_use_flushed(kind), 0);
    }
    world.check();
}

fn page_number(address: VirtualAddress) -> u64 {
    address.0 / PAGE
}

#[test]
fn pool_001_blocks_below_a_page_begin_at_multiples_of_16() {
    for_every_size(&World::plain(), |size, block| {
        assert!(size >= PAGE || block.address.is_aligned(Bytes(16)), "{block:?}");
    });
}

#[test]
fn pool_002_with_the_granule_of_32_bits_blocks_below_a_page_begin_at_multiples_of_8() {
    let world = World::<Eight>::of(Options::default());
    let mut only_8 = 0;
    for_every_size(&world, |size, block| {
        assert!(size >= PAGE || block.address.is_aligned(Bytes(8)), "{block:?}");
        assert!(size < PAGE || block.address.is_aligned(PAGE_SIZE), "{block:?}");
        let last = offset(block.address, size.max(1) - 1);
        assert!(size > PAGE || page_number(block.address) == page_number(last), "{block:?}");
        only_8 += usize::from(!block.address.is_aligned(Bytes(16)));
    });
    assert!(only_8 > 0, "some are not aligned to 16");
    for _ in 0..512 {
        world.allocate(PoolKind::NonPaged, 8);
    }
    assert_eq!(world.in_use(PoolKind::NonPaged), 1, "as finely as the granule");
    world.free_all();
}

#[test]
fn pool_003_blocks_from_a_page_on_begin_at_a_page() {
    for_every_size(&World::plain(), |size, block| {
        assert!(size < PAGE || block.address.is_aligned(PAGE_SIZE), "{block:?}");
    });
}

#[test]
fn pool_004_blocks_up_to_a_page_lie_within_one() {
    for_every_size(&World::plain(), |size, block| {
        let last = offset(block.address, size.max(1) - 1);
        assert!(size > PAGE || page_number(block.address) == page_number(last), "{block:?}");
    });
}

#[test]
fn pool_005_a_block_of_a_page_is_exactly_one_whole_page() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        let first = world.allocate(kind, PAGE);
        assert_eq!(first.address.page_offset(), Bytes::ZERO);
        assert_eq!(world.in_use(kind), 1);
        let second = world.allocate(kind, PAGE);
        assert_ne!(page_number(first.address), page_number(second.address));
        assert_eq!(world.pool.find(offset(first.address, PAGE - 1)), Place::Live(first));
    }
}

#[test]
fn pool_006_many_blocks_below_a_page_share_one_and_begin_anywhere_in_it() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        let blocks: Vec<_> = (0..40).map(|_| world.allocate(kind, 100)).collect();
        let page = page_number(blocks[0].address);
        assert!(blocks.iter().filter(|block| page_number(block.address) == page).count() >= 36);
        assert!(blocks.iter().any(|block| block.address.page_offset() != Bytes::ZERO));
    }
}

#[test]
fn pool_008_a_nonpaged_block_below_a_page_ends_after_exactly_the_bytes_asked_for() {
    let world = World::plain();
    for kind in [PoolKind::NonPaged, PoolKind::NonPagedExecute] {
        for size in 1..PAGE {
            let block = world.allocate(kind, size);
            assert_eq!(world.pool.find(offset(block.address, size - 1)), Place::Live(block));
            assert_ne!(world.pool.find(offset(block.address, size)), Place::Live(block));
            if size % 16 != 0 {
                assert_eq!(
                    world.pool.find(offset(block.address, size)),
                    Place::Unused(kind),
                    "slack behind {block:?}"
                );
            }
            world.free(block.address).expect("it is live");
        }
    }
}

#[test]
fn pool_009_up_to_a_page_the_caller_is_charged_what_was_asked_for() {
    let world = World::plain();
    for size in 0..=PAGE {
        let block = world.allocate(PoolKind::NonPaged, size);
        let count = world.tag(TAG, PoolKind::NonPaged).expect("the tag is counted");
        assert_eq!((block.size, count.bytes), (Bytes(size), Bytes(size)));
        world.free(block.address).expect("it is live");
    }
}

#[test]
fn pool_010_the_rest_of_a_large_blocks_last_page_is_not_the_callers() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for size in PAGE + 1..3 * PAGE {
            let block = world.allocate(kind, size);
            let last = offset(block.address, size - 1);
            assert_eq!(world.pool.find(last), Place::Live(block));
            for outside in [size, size.next_multiple_of(PAGE) - 1] {
                if outside >= size && outside < size.next_multiple_of(PAGE) {
                    assert_eq!(
                        world.pool.find(offset(block.address, outside)),
                        Place::Unused(kind),
                        "{block:?}"
                    );
                }
            }
            world.free(block.address).expect("it is live");
        }
    }
}

#[test]
fn pool_011_another_block_may_lie_in_a_large_blocks_last_page() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        let large = world.allocate(kind, 5 * 1024);
        let small = world.allocate(kind, 700);
        assert_eq!(page_number(small.address), page_number(large.address) + 1);
        assert!(small.address.0 >= large.address.0 + large.size.0);
        assert_eq!(world.pool.find(small.address), Place::Live(small));
        assert_eq!(world.in_use(kind), 2);
        world.check();
    }
}

#[test]
fn a_large_block_may_go_before_the_small_blocks_in_its_tail() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        let large = world.allocate(kind, 2 * PAGE + 1000);
        let small: Vec<_> = (0..5).map(|_| world.allocate(kind, 300)).collect();
        assert!(small.iter().all(|block| page_number(block.address) == page_number(large.address) + 2));
        assert_eq!(world.free(large.address), Ok(large));
        world.check();
        assert_eq!(world.in_use_flushed(kind), 1, "the last page lives on with its small blocks");
        assert_eq!(world.pool.find(offset(large.address, 2 * PAGE + 10)), Place::Freed(large));
        for block in small {
            assert_eq!(world.pool.find(block.address), Place::Live(block));
            assert_eq!(world.free(block.address), Ok(block));
            world.check();
        }
        assert_eq!(world.in_use_flushed(kind), 0);
        let whole = world.allocate(kind, 3 * PAGE);
        assert_eq!(world.in_use(kind), 3);
        assert_eq!(world.free(whole.address), Ok(whole));
    }
}

#[test]
fn an_idle_tail_serves_another_class_later() {
    let world = World::plain();
    let large = world.allocate(PoolKind::Paged, PAGE + 2048);
    for size in [16, 2000, 512, 100] {
        let small = world.allocate(PoolKind::Paged, size);
        assert_eq!(page_number(small.address), page_number(large.address) + 1, "{size}");
        world.check();
        world.free(small.address).expect("it is live");
        world.check();
        assert_eq!(world.in_use_flushed(PoolKind::Paged), 2);
    }
}

/// Takes blocks of every size from large to small until nothing is left.
fn exhaust(world: &World, kind: PoolKind) -> Vec<Block> {
    let mut blocks = Vec::new();
    for size in [PAGE, 2048, 1024, 512, 128, 64, 16] {
        while let Ok(block) = world.try_allocate(kind, size) {
            blocks.push(block);
        }
    }
    blocks
}

fn wasteful(limit: u64) -> World {
    World::new(Options { limit, tail: TailModel::Waste, ..Options::default() })
}

#[test]
fn pool_012_in_the_older_model_a_tail_is_wasted() {
    let world = wasteful(4);
    let large = world.allocate(PoolKind::NonPaged, 2 * PAGE + 1);
    let others = exhaust(&world, PoolKind::NonPaged);
    assert!(!others.is_empty());
    let last = page_number(large.address) + 2;
    assert!(others.iter().all(|block| page_number(block.address) != last));
    world.check();
}

#[test]
fn pool_013_in_the_older_model_5_kb_take_two_pages_and_nobody_uses_the_last_3_kb() {
    let world = wasteful(2);
    let block = world.allocate(PoolKind::NonPaged, 5 * 1024);
    assert_eq!(world.in_use(PoolKind::NonPaged), 2);
    assert_eq!(exhaust(&world, PoolKind::NonPaged), []);
    assert_eq!(world.pool.find(offset(block.address, 5 * 1024)), Place::Unused(PoolKind::NonPaged));
}

#[test]
fn pool_014_in_the_older_model_a_page_and_a_kb_waste_no_tail() {
    let world = wasteful(2);
    world.allocate(PoolKind::NonPaged, PAGE);
    for _ in 0..4 {
        world.allocate(PoolKind::NonPaged, 1024);
    }
    assert_eq!(world.in_use(PoolKind::NonPaged), 2, "three times the KB that one request of 5 KB leaves");
}

#[test]
fn pool_015_in_the_newer_model_splitting_a_request_saves_nothing() {
    let pages = |first: &[u64]| {
        let world = World::plain();
        for &size in first {
            world.allocate(PoolKind::NonPaged, size);
        }
        for _ in 0..3 {
            world.allocate(PoolKind::NonPaged, 1024);
        }
        world.in_use(PoolKind::NonPaged)
    };
    assert_eq!(pages(&[5 * 1024]), 2);
    assert_eq!(pages(&[PAGE, 1024]), 2);
}

#[test]
fn pool_016_the_tail_model_is_a_choice_and_reuse_the_default() {
    assert_eq!(TailModel::default(), TailModel::Reuse);
    let pages = |tail| {
        let world = World::new(Options { tail, ..Options::default() });
        world.allocate(PoolKind::Paged, PAGE + 16);
        world.allocate(PoolKind::Paged, 1024);
        world.in_use(PoolKind::Paged)
    };
    assert_eq!(pages(TailModel::Reuse), 2);
    assert_eq!(pages(TailModel::Waste), 3);
}

#[test]
fn in_both_models_the_tail_is_out_of_the_large_blocks_bounds() {
    for tail in [TailModel::Reuse, TailModel::Waste] {
        let world = World::new(Options { tail, ..Options::default() });
        for kind in PoolKind::ALL {
            let block = world.allocate(kind, 5 * 1024 + 1);
            for distance in 5 * 1024 + 1..2 * PAGE {
                assert_eq!(
                    world.pool.find(offset(block.address, distance)),
                    Place::Unused(kind),
                    "{tail:?} {distance}"
                );
            }
            let other = world.allocate(kind, 100);
            for distance in 5 * 1024 + 1..2 * PAGE {
                assert_ne!(
                    world.pool.find(offset(block.address, distance)),
                    Place::Live(block),
                    "{tail:?} {other:?}"
                );
            }
        }
    }
}

#[test]
fn pool_018_tiny_requests_cost_more_than_their_bytes() {
    let world = World::plain();
    for _ in 0..1024 {
        world.allocate(PoolKind::NonPaged, 1);
    }
    assert_eq!(world.in_use(PoolKind::NonPaged), 4, "a granule each, and a record out of line");
    let live = |size| world.tag(TAG, PoolKind::NonPaged).map(|count| count.bytes) == Some(Bytes(size));
    assert!(live(1024));
}

#[test]
fn pool_022_blocks_are_not_aligned_to_cache_lines() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        let blocks: Vec<_> = (0..8).map(|_| world.allocate(kind, 24)).collect();
        assert!(blocks.iter().any(|block| !block.address.is_aligned(Bytes(64))));
    }
}

#[test]
fn pool_090_no_bytes_are_a_block_of_no_size_with_an_address_of_its_own() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        let (one, two) = (world.allocate(kind, 0), world.allocate(kind, 0));
        assert_ne!(one.address, two.address);
        assert_eq!(one.size, Bytes::ZERO);
        assert_eq!(world.pool.find(one.address), Place::Live(one));
        assert_eq!(world.pool.find(offset(one.address, 1)), Place::Unused(kind));
        assert_eq!(world.free(one.address), Ok(one));
        assert_eq!(world.pool.find(one.address), Place::Freed(one));
    }
}

#[test]
fn the_rest_of_a_cut_page_serves_requests_of_its_class() {
    let world = World::plain();
    let first = world.allocate(PoolKind::NonPaged, 2304);
    let rest = world.allocate(PoolKind::NonPaged, 4096 - 2304);
    assert_eq!(rest.address, offset(first.address, 2304));
    assert_eq!(world.in_use(PoolKind::NonPaged), 1);
    world.free(first.address).expect("it is live");
    world.check();
    assert_eq!(world.in_use_flushed(PoolKind::NonPaged), 1);
    world.free(rest.address).expect("it is live");
    assert_eq!(world.in_use_flushed(PoolKind::NonPaged), 0);
}

#[test]
fn places_outside_the_regions_are_told_apart() {
    let world = World::plain();
    assert_eq!(world.pool.find(world.outside()), Place::Outside);
    assert_eq!(world.pool.find(VirtualAddress::NULL), Place::Outside);
    assert_eq!(world.pool.find(VirtualAddress(u64::MAX)), Place::Outside);
    let metadata = world.metadata_base.0;
    for address in [metadata, metadata + world.metadata_size.0 - 1] {
        assert_eq!(world.pool.find(VirtualAddress(address)), Place::Metadata);
    }
    for kind in PoolKind::ALL {
        assert_eq!(world.pool.find(world.page(kind, 255)), Place::Unused(kind));
    }
    assert_eq!(world.pool.find(world.page(PoolKind::Paged, 256)), Place::Outside);
}
