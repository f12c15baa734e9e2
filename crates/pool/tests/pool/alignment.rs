//! Blocks at multiples of what the caller says.

use crate::world::{Eight, Heap, Options, Rules, Sizes, TAG, World, fill, is_filled, offset};
use ntpool_pool::{Block, Contents, NoMemory, NodeChoice, Place, Placement, Request};
use ntpool_types::{Bytes, PAGE_SIZE, PoolKind};

const SIZES: [u64; 18] =
    [0, 1, 8, 24, 100, 256, 500, 513, 1000, 1030, 2000, 3000, 4096, 4097, 9000, 65_536, 65_537, 300_000];

fn request(kind: PoolKind, size: u64) -> Request {
    Request { size: Bytes(size), kind, tag: TAG, contents: Contents::Zeroed }
}

fn at(alignment: u64) -> Placement {
    Placement { alignment: Bytes(alignment), node: NodeChoice::Local }
}

/// Allocates every size at every alignment up to a mebibyte, in an order that leaves holes of all kinds.
fn every_alignment<R: Rules>() {
    let world = World::<R>::of(Options { capacity: 2500, limit: 2400, ..Options::default() });
    let mut alive: Vec<Block> = Vec::new();
    for kind in PoolKind::ALL {
        for shift in (0..=20).chain([12, 3, 20, 9, 5, 16]) {
            for size in SIZES {
                let block = world.pool.allocate_placed(request(kind, size), at(1 << shift));
                let block = block.unwrap_or_else(|_| panic!("{kind} {size} at 2^{shift}"));
                assert!(block.address.is_aligned(Bytes(1 << shift)), "{block:?} at 2^{shift}");
                assert!(block.size.0 >= size && block.kind == kind && block.tag == TAG);
                assert!(is_filled(&Block { size: Bytes(size), ..block }, 0), "{block:?}");
                assert_eq!(world.pool.find(block.address), Place::Live(block));
                let last = offset(block.address, size.max(1) - 1);
                let pages = last.0 / PAGE_SIZE.0 - block.address.0 / PAGE_SIZE.0;
                assert!(size > PAGE_SIZE.0 || pages == 0, "{block:?} lies in two pages");
                fill(&block, 0xA5);
                alive.push(block);
                if alive.len() > 5 {
                    let block = alive.remove(size as usize % 5);
                    assert!(is_filled(&block, 0xA5), "{block:?}");
                    assert_eq!(world.free(block.address), Ok(block));
                }
            }
            world.check();
        }
    }
    world.free_all();
}

#[test]
fn every_alignment_up_to_a_mebibyte_is_kept_with_the_granule_of_64_bits() {
    every_alignment::<Sizes>();
    every_alignment::<Heap>();
}

#[test]
fn every_alignment_up_to_a_mebibyte_is_kept_with_the_granule_of_32_bits() {
    every_alignment::<Eight>();
}

#[test]
fn an_alignment_that_no_address_of_the_pool_has_is_no_memory() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for alignment in [1 << 42, 1 << 43, 1 << 44, 1 << 63] {
            for size in [0, 100, 4096, 100_000, u64::MAX] {
                assert_eq!(world.pool.allocate_placed(request(kind, size), at(alignment)), Err(NoMemory));
            }
        }
        for alignment in [1, 64, 512] {
            for size in [u64::MAX, u64::MAX - alignment] {
                assert_eq!(world.pool.allocate_placed(request(kind, size), at(alignment)), Err(NoMemory));
            }
        }
        assert_eq!(world.in_use(kind), 0);
        assert_eq!(world.tag(TAG, kind), None);
    }
    world.check();
}

#[test]
#[should_panic(expected = "an alignment of 24 bytes is no power of two")]
fn an_alignment_that_is_no_power_of_two_is_the_callers_fault() {
    let _ = World::plain().pool.allocate_placed(request(PoolKind::Paged, 1), at(24));
}

#[test]
fn an_aligned_block_that_comes_and_goes_gets_the_same_pages_each_time() {
    let world = World::new(Options { capacity: 2000, limit: 2000, ..Options::default() });
    for size in [100, 5 * 4096, 100_000] {
        let committed = world.pool.usage(PoolKind::NonPaged).committed;
        let pages = u64::div_ceil(size, 4096);
        let mut addresses = Vec::new();
        for _ in 0..50 {
            let block = world.pool.allocate_placed(request(PoolKind::NonPaged, size), at(1 << 20));
            let block = block.expect("the pool has room");
            world.free(block.address).expect("it is live");
            addresses.push(block.address);
        }
        assert!(addresses.iter().all(|&address| address == addresses[0]), "{addresses:?}");
        let usage = world.pool.usage(PoolKind::NonPaged);
        assert!(usage.committed.0 <= committed.0 + pages, "{usage:?} after {committed}");
    }
    world.free_all();
}

#[test]
fn an_aligned_block_may_be_resized_to_what_it_is() {
    let world = World::plain();
    for shift in 0..=16 {
        for size in [0, 1, 100, 1000, 4096, 70_000] {
            let block = world.pool.allocate_placed(request(PoolKind::Paged, size), at(1 << shift));
            let block = block.expect("the pool has room");
            assert!(world.pool.resize(block.address, Bytes(size)), "{block:?}");
            assert_eq!(world.pool.find(block.address), Place::Live(block));
            assert_eq!(world.free(block.address), Ok(block));
        }
    }
    world.check();
}

#[test]
fn an_aligned_block_leaves_the_pages_around_it_to_others() {
    let world = World::plain();
    let first = world.allocate(PoolKind::NonPaged, 4096);
    let block = world.pool.allocate_placed(request(PoolKind::NonPaged, 4096), at(64 * 4096));
    let block = block.expect("the pool has room");
    assert_eq!(world.in_use(PoolKind::NonPaged), 2);
    assert_eq!(world.pool.platform().committed(PoolKind::NonPaged).0, 2, "not what was passed over");
    let rest: Vec<_> = (0..254).map(|_| world.allocate(PoolKind::NonPaged, 4096)).collect();
    assert!(rest.iter().all(|other| other.address != block.address && other.address != first.address));
    world.free_all();
}
