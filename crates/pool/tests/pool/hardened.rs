//! Attacks on the heap, one a test: what a driver that writes where it may not can reach, and what it can't.
//!
//! The page on security says which are stopped; these try them.

use crate::world::{All, Heap, Options, Rules, Shuffle, Sizes, TAG, World, fill, offset, peek, poke};
use ntpool_pool::{Block, Claim, Contents, Place, Request};
use ntpool_types::{Bytes, PAGE_SIZE, PoolKind, Tag, VirtualAddress};
use std::collections::BTreeSet;

const SIZES: [u64; 9] = [0, 16, 40, 100, 1000, 4096, 5000, 20_000, 100_000];

/// A pool with blocks live and freed, in magazines, depot and pages.
fn lived_in<R: Rules>() -> World<R> {
    let world = World::of(Options { capacity: 1500, limit: 1500, ..Options::default() });
    for kind in PoolKind::ALL {
        for round in 0..20 {
            for size in SIZES {
                let block = world.allocate(kind, size);
                if round % 3 != 0 {
                    world.free(block.address).expect("it is live");
                }
            }
        }
        let many: Vec<_> = (0..300).map(|_| world.allocate(kind, 64)).collect();
        for block in many.iter().skip(1) {
            world.free(block.address).expect("it is live");
        }
    }
    world
}

fn live<R: Rules>(world: &World<R>) -> BTreeSet<(VirtualAddress, Bytes, Tag)> {
    world.live().into_iter().map(|block| (block.address, block.size, block.tag)).collect()
}

fn everything_overwritten<R: Rules>() {
    let world = lived_in::<R>();
    let (before, tags) = (live(&world), world.tags());
    let metadata = world.metadata();
    for round in 1..6 {
        world.scribble(0x1234_5678 * round);
        assert!(world.metadata() == metadata, "no word of the metadata has changed");
        world.check();
        assert_eq!(live(&world), before);
        assert_eq!(world.tags(), tags);
    }
    // And it still works: every block can be freed, and others taken that do not overlap.
    for (address, _, tag) in &before {
        world.scribble(address.0);
        world.free_tagged(*address, *tag).expect("it is live");
        assert!(world.free(*address).is_err(), "once");
    }
    world.check();
    let mut taken: Vec<Block> = Vec::new();
    for kind in PoolKind::ALL {
        for size in SIZES.into_iter().cycle().take(200) {
            world.scribble(size);
            taken.push(world.allocate(kind, size));
        }
    }
    taken.sort_by_key(|block| block.address);
    for pair in taken.windows(2) {
        assert!(offset(pair[0].address, pair[0].size.0) <= pair[1].address, "{pair:?}");
    }
    world.check();
    world.free_all();
}

#[test]
fn garbage_over_all_memory_freed_blocks_included_breaks_no_metadata_and_no_free() {
    everything_overwritten::<Heap>();
    everything_overwritten::<Sizes>();
    everything_overwritten::<All>();
}

/// Writes over what is before, behind and in a freed block whatever an inline header or a list's links could be.
fn forged<R: Rules>() {
    let world = lived_in::<R>();
    let victim = world.allocate(PoolKind::NonPaged, 64);
    let target = world.allocate(PoolKind::NonPaged, 100);
    for size in [64, 4096, 9000] {
        let [before, block, behind] = [0, 1, 2].map(|_| world.allocate(PoolKind::NonPaged, size));
        for free in [false, true] {
            if free {
                world.free(block.address).expect("it is live");
            }
            let words = [target.address.0, victim.address.0 | 1, 0, u64::MAX, size, TAG.0.into(), 1 << 63];
            for forged in words {
                for word in (0..size / 8).chain([size / 8, size / 8 + 1]) {
                    for (byte, value) in (0..).zip(forged.to_le_bytes()) {
                        poke(offset(block.address, word * 8 + byte), value);
                    }
                }
            }
            world.check();
            for address in [before.address, behind.address, target.address, victim.address] {
                assert!(matches!(world.pool.find(address), Place::Live(block) if block.address == address));
            }
        }
        let live: BTreeSet<_> = world.live().iter().map(|block| block.address).collect();
        let taken: BTreeSet<_> = (0..20).map(|_| world.allocate(PoolKind::NonPaged, size).address).collect();
        assert_eq!(taken.len(), 20);
        assert!(taken.is_disjoint(&live), "nobody is handed what is somebody's");
        assert!(taken.iter().all(|address| {
            let region = world.region(PoolKind::NonPaged);
            address.offset_from(region.base).is_some_and(|distance| distance < region.capacity.bytes())
        }));
    }
    world.check();
}

#[test]
fn a_forged_link_or_size_in_or_beside_a_freed_block_is_never_followed() {
    forged::<Heap>();
    forged::<Sizes>();
    forged::<All>();
}

#[test]
fn an_overrun_into_the_next_block_changes_its_bytes_and_nothing_the_pool_knows_of_it() {
    let world = World::plain();
    let blocks: Vec<_> = (0..4).map(|_| world.allocate_tagged(PoolKind::NonPaged, 64, TAG)).collect();
    let next = blocks.iter().find(|block| blocks.iter().any(|other| other.address.0 + 64 == block.address.0));
    let next = *next.expect("two of them are neighbours");
    fill(&next, 0x11);
    for distance in 0..64 {
        poke(offset(next.address, distance), 0xEE);
    }
    assert_eq!(world.pool.find(next.address), Place::Live(next));
    assert_eq!(world.free_tagged(next.address, TAG), Ok(next), "its size and tag are as they were");
    world.check();
}

#[test]
fn metadata_is_away_from_all_blocks_and_no_block_is_ever_handed_out_in_it() {
    let world = lived_in::<Sizes>();
    let metadata = world.metadata_base.0..world.metadata_base.0 + world.metadata_size.0;
    for kind in PoolKind::ALL {
        let region = world.region(kind);
        assert!(region.base.0 >= metadata.end || region.base.0 + region.capacity.bytes().0 <= metadata.start);
        while let Ok(block) = world.try_allocate(kind, 4096) {
            assert!(!metadata.contains(&block.address.0) && !metadata.contains(&(block.address.0 + 4095)));
        }
    }
    for address in [metadata.start, metadata.end - 1, metadata.start + PAGE_SIZE.0] {
        assert_eq!(world.pool.find(VirtualAddress(address)), Place::Metadata);
        let refused = world.free(VirtualAddress(address)).expect_err("no block is there");
        assert_eq!(refused.bug_check.parameters[0], 0x43);
    }
    world.check();
}

#[test]
fn a_free_of_any_address_at_all_ends_the_block_that_begins_there_or_none() {
    let world = lived_in::<Heap>();
    let live: BTreeSet<_> = world.live().iter().map(|block| block.address).collect();
    let usage = PoolKind::ALL.map(|kind| world.pool.usage(kind));
    for kind in PoolKind::ALL {
        for distance in (0..300 * PAGE_SIZE.0).step_by(8) {
            let address = offset(world.region(kind).base, distance);
            if !live.contains(&address) {
                assert!(!world.pool.free_fast(address), "{address}");
            }
        }
    }
    assert_eq!(PoolKind::ALL.map(|kind| world.pool.usage(kind)), usage);
    assert_eq!(world.live().len(), live.len());
    world.check();
}

#[test]
fn a_second_free_can_not_put_one_block_into_two_hands() {
    fn try_it<R: Rules>() {
        let world = World::<R>::of(Options::default());
        for size in SIZES {
            let [block, between] = [0, 1].map(|_| world.allocate(PoolKind::Paged, size));
            for address in [block.address, between.address, block.address, between.address] {
                let _ = world.free(address);
            }
            let taken: Vec<_> = (0..6).map(|_| world.allocate(PoolKind::Paged, size).address).collect();
            assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 6, "{size}: {taken:?}");
            world.check();
            world.free_all();
        }
    }
    try_it::<Heap>();
    try_it::<Sizes>();
    try_it::<All>();
}

#[test]
fn a_tag_guards_a_block_against_frees_by_who_does_not_know_it() {
    let world = World::plain();
    let block = world.allocate_tagged(PoolKind::NonPaged, 64, Tag::from_text(*b"Mine"));
    for tag in (0..2000).map(Tag) {
        assert!(world.pool.free(Claim { address: block.address, tag: Some(tag) }).is_err());
    }
    assert_eq!(world.pool.find(block.address), Place::Live(block));
}

/// Not stopped, and said so: what was never handed out is known to be zero, and nobody looks whether it still is.
#[test]
fn a_wild_write_to_memory_that_never_was_a_block_shows_in_a_block_later() {
    let world = World::plain();
    let first = world.allocate(PoolKind::NonPaged, 64);
    world.scribble(1);
    let request = Request { size: Bytes(64), kind: PoolKind::NonPaged, tag: TAG, contents: Contents::Zeroed };
    let second = world.pool.allocate(request).expect("the pool has room");
    assert_eq!(second.address.0 / 4096, first.address.0 / 4096);
    assert!((0..64).any(|distance| peek(offset(second.address, distance)) != 0));
    world.check();
}

/// Not stopped without shuffling, and said so: the block freed last is the one handed out next.
#[test]
fn without_shuffling_the_next_block_can_be_foreseen_and_with_it_not_always() {
    fn foreseen<R: Rules>() -> usize {
        let world = World::<R>::of(Options::default());
        let mut blocks: Vec<_> = (0..60).map(|_| world.allocate(PoolKind::NonPaged, 64).address).collect();
        let hit = |blocks: &mut Vec<VirtualAddress>| {
            let spare: Vec<_> = blocks.split_off(blocks.len() - 20);
            let last = spare[19];
            for address in spare {
                world.free(address).expect("it is live");
            }
            let next = world.allocate(PoolKind::NonPaged, 64).address;
            blocks.push(next);
            blocks.extend((0..19).map(|_| world.allocate(PoolKind::NonPaged, 64).address));
            usize::from(next == last)
        };
        (0..100).map(|_| hit(&mut blocks)).sum()
    }
    assert_eq!(foreseen::<Heap>(), 100);
    assert!(foreseen::<Shuffle>() < 40, "about one in as many as the magazine holds");
}
