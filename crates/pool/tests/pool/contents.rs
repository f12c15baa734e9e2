//! What a block's bytes are.

use crate::world::{TAG, World, fill, is_filled};
use ntpool_pool::{Contents, Request};
use ntpool_types::{Bytes, PoolKind};

const SIZES: [u64; 12] = [1, 15, 16, 17, 100, 512, 1000, 2049, 4095, 4096, 5000, 12_288];

#[test]
fn pool_030_a_zeroed_block_is_zero_though_its_place_was_dirtied_and_freed() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for size in SIZES {
            let request = Request { size: Bytes(size), kind, tag: TAG, contents: Contents::Zeroed };
            for round in 0..3 {
                let block = world.pool.allocate(request).expect("the pool has room");
                assert!(is_filled(&block, 0), "{block:?} in round {round}");
                fill(&block, 0xA5);
                let dirty = world.allocate(kind, size);
                fill(&dirty, 0x5A);
                for block in [block, dirty] {
                    world.free(block.address).expect("it is live");
                }
            }
        }
    }
}

#[test]
fn pool_031_an_uninitialized_block_keeps_what_was_there() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for size in SIZES {
            // A neighbour keeps the page, so that the same place is handed out again.
            if size < 2048 {
                world.allocate(kind, size);
            }
            let first = world.allocate(kind, size);
            fill(&first, 0xA5);
            world.free(first.address).expect("it is live");
            let places = 256;
            let again =
                (0..places).map(|_| world.allocate(kind, size)).find(|block| block.address == first.address);
            if let Some(again) = again {
                assert!(is_filled(&again, 0xA5), "{again:?}");
            }
            assert!(again.is_some() || size >= 2048, "a place in a cut page is handed out again");
            for block in world.live() {
                world.free(block.address).expect("it is live");
            }
        }
    }
}

#[test]
fn zeroing_writes_the_bytes_asked_for_and_no_more() {
    let world = World::plain();
    let first = world.allocate(PoolKind::NonPaged, 64);
    let neighbour = world.allocate(PoolKind::NonPaged, 64);
    fill(&first, 0xEE);
    fill(&neighbour, 0xEE);
    world.free(first.address).expect("it is live");
    let request = Request { size: Bytes(50), kind: PoolKind::NonPaged, tag: TAG, contents: Contents::Zeroed };
    let zeroed = world.pool.allocate(request).expect("the pool has room");
    assert_eq!(zeroed.address, first.address);
    assert!(is_filled(&zeroed, 0));
    assert!(!is_filled(&first, 0), "the slack is nobody's to write");
    assert!(is_filled(&neighbour, 0xEE));
}

#[test]
fn callers_who_fill_their_blocks_hurt_no_metadata() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for size in (0..9000).step_by(61) {
            world.allocate(kind, size);
        }
    }
    let before = world.live();
    assert_eq!(before.len(), 3 * 9000_usize.div_ceil(61));
    for block in &before {
        fill(block, 0xFF);
    }
    world.check();
    assert_eq!(world.live(), before);
    assert!(before.iter().all(|block| is_filled(block, 0xFF)));
    world.free_all();
}
