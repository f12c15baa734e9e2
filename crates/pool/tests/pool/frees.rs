//! Frees, good and bad: one crime a test, with the values Windows would show.

use crate::world::{HIGHEST_FRAME, TAG, World, offset};
use ntpool_pool::{Claim, Place};
use ntpool_types::{
    BugCheck, BugCheckCode, Bytes, PAGE_SIZE, PageCount, PoolKind, Rule, Tag, Violation, VirtualAddress,
};

const OTHER: Tag = Tag::from_text(*b"Othr");
const NONPAGED: [PoolKind; 2] = [PoolKind::NonPaged, PoolKind::NonPagedExecute];
const SIZES: [u64; 6] = [0, 1, 100, 4000, 4096, 9000];

/// The violation that a free of `address` must be.
fn stop(rule: Rule, parameters: [u64; 4], subject: VirtualAddress) -> Violation {
    Violation { rule, bug_check: BugCheck::new(BugCheckCode::BAD_POOL_CALLER, parameters), subject }
}

/// Frees what must not be freed: the violation, when nothing has changed.
#[track_caller]
fn refuse(world: &World, claim: Claim) -> Violation {
    let before = (world.live(), world.tags(), PoolKind::ALL.map(|kind| world.pool.usage(kind)));
    let place = world.pool.find(claim.address);
    let violation = world.pool.free(claim).expect_err("the claim is a crime");
    assert_eq!((world.live(), world.tags(), PoolKind::ALL.map(|kind| world.pool.usage(kind))), before);
    assert_eq!(world.pool.find(claim.address), place);
    world.check();
    violation
}

/// Has the first `pages` pages of a kind made usable, without a block in them.
fn commit(world: &World, kind: PoolKind, pages: u64) {
    let block = world.allocate(kind, pages * PAGE_SIZE.0);
    assert_eq!(block.address, world.page(kind, 0));
    world.free(block.address).expect("it is live");
    assert_eq!(world.in_use_flushed(kind), 0);
}

#[track_caller]
fn refuse_untagged(world: &World, address: VirtualAddress) -> Violation {
    let violation = refuse(world, Claim { address, tag: None });
    let tagged = refuse(world, Claim { address, tag: Some(TAG) });
    assert_eq!(tagged, violation, "a tag makes no difference");
    violation
}

#[test]
fn pool_144_a_free_without_a_tag_ends_any_block() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for size in SIZES {
            let block = world.allocate_tagged(kind, size, OTHER);
            assert_eq!(world.free(block.address), Ok(block));
            assert_eq!(world.live(), []);
        }
    }
}

#[test]
fn pool_148_a_free_with_the_tag_and_first_address_ends_the_block() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for size in SIZES {
            let block = world.allocate(kind, size);
            assert_eq!(world.free_tagged(block.address, TAG), Ok(block));
            assert_eq!(world.pool.find(block.address), Place::Freed(block));
            world.check();
        }
    }
}

// VRF-077
#[test]
fn pool_149_a_free_with_the_wrong_tag_is_0xa_with_address_and_both_tags() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for size in SIZES {
            let block = world.allocate(kind, size);
            let violation = refuse(&world, Claim { address: block.address, tag: Some(OTHER) });
            let parameters = [0xA, block.address.0, u64::from(TAG.0), u64::from(OTHER.0)];
            assert_eq!(violation, stop(Rule::PoolWrongTag, parameters, block.address));
        }
    }
}

#[test]
fn pool_210_a_tag_in_other_case_is_another_tag() {
    let world = World::plain();
    let block = world.allocate_tagged(PoolKind::Paged, 40, Tag::from_text(*b"Abcd"));
    let claim = |text: &[u8; 4]| Claim { address: block.address, tag: Some(Tag::from_text(*text)) };
    assert_eq!(refuse(&world, claim(b"abcd")).rule, Rule::PoolWrongTag);
    assert_eq!(world.pool.free(claim(b"Abcd")), Ok(block));
}

// VRF-075
#[test]
fn pool_153_a_block_freed_twice_is_0x7_with_its_address() {
    for size in SIZES {
        for kind in PoolKind::ALL {
            let world = World::plain();
            // One that keeps the page alive, and one world without it: the page is free then.
            for neighbour in [true, false] {
                let neighbour = neighbour.then(|| world.allocate(kind, size));
                let block = world.allocate(kind, size);
                world.free(block.address).expect("it is live");
                let violation = refuse_untagged(&world, block.address);
                assert_eq!(
                    violation,
                    stop(Rule::PoolDoubleFree, [0x7, 0, 0, block.address.0], block.address)
                );
                if let Some(neighbour) = neighbour {
                    world.free(neighbour.address).expect("it is live");
                }
            }
        }
    }
}

#[test]
fn a_block_freed_twice_is_known_until_its_place_is_cut_anew() {
    let world = World::plain();
    let block = world.allocate(PoolKind::NonPaged, 100);
    world.free(block.address).expect("it is live");
    while world.pool.find(block.address) == Place::Freed(block) {
        world.allocate(PoolKind::NonPaged, 4096);
    }
    let violation = refuse(&world, Claim { address: offset(block.address, 16), tag: None });
    assert_eq!(violation.rule, Rule::PoolInteriorFree, "the place is another block's now");
}

// VRF-079
#[test]
fn pool_154_a_user_address_is_0x40_with_the_start_of_system_space() {
    let world = World::plain();
    let start = world.config.system_space_start;
    for address in [VirtualAddress(1), VirtualAddress(0x1000), VirtualAddress(start.0 - 1)] {
        let violation = refuse_untagged(&world, address);
        assert_eq!(violation, stop(Rule::PoolForeignFree, [0x40, address.0, start.0, 0], address));
    }
    assert_eq!(refuse_untagged(&world, start).bug_check.parameters[0], 0x42, "system space begins here");
}

// VRF-080
#[test]
fn pool_155_an_address_of_a_committed_nonpaged_page_without_a_block_is_0x41_with_frames() {
    let world = World::plain();
    for kind in NONPAGED {
        commit(&world, kind, 64);
        let block = world.allocate(kind, 100);
        let frames = u64::from(kind == PoolKind::NonPagedExecute) * world.region(kind).capacity.0;
        for (address, page) in [
            (offset(block.address, 100), 0),
            (offset(block.address, 112), 0),
            (offset(world.page(kind, 1), 0), 1),
            (offset(world.page(kind, 63), 24), 63),
        ] {
            let violation = refuse_untagged(&world, address);
            let parameters = [0x41, address.0, 0x100 + frames + page, HIGHEST_FRAME.0];
            assert_eq!(violation, stop(Rule::PoolForeignFree, parameters, address));
        }
        world.free(block.address).expect("it is live");
        let inside = offset(block.address, 8);
        assert_eq!(refuse_untagged(&world, inside).bug_check.parameters[0], 0x41, "inside a freed block");
    }
}

#[test]
fn vrf_080_an_address_of_an_uncommitted_nonpaged_page_is_0x44() {
    let world = World::plain();
    for kind in NONPAGED {
        commit(&world, kind, 64);
        world.allocate(kind, 100);
        for address in [world.page(kind, 64), offset(world.page(kind, 255), 4095)] {
            let violation = refuse_untagged(&world, address);
            assert_eq!(violation, stop(Rule::PoolForeignFree, [0x44, address.0, 0, 0], address));
        }
    }
}

#[test]
fn vrf_082_an_address_of_an_uncommitted_paged_page_is_0x48() {
    let world = World::plain();
    for address in [world.page(PoolKind::Paged, 0), offset(world.page(PoolKind::Paged, 255), 4095)] {
        let violation = refuse_untagged(&world, address);
        assert_eq!(violation, stop(Rule::PoolForeignFree, [0x48, address.0, 0, 0], address));
    }
}

// POOL-155
#[test]
fn vrf_082_an_address_of_a_committed_paged_page_without_a_block_is_0x50_with_page_and_pool_size() {
    let world = World::plain();
    commit(&world, PoolKind::Paged, 64);
    let block = world.allocate(PoolKind::Paged, 5000);
    let size = world.region(PoolKind::Paged).capacity.bytes().0;
    for (address, page) in [
        (offset(block.address, 5000), 1),
        (offset(block.address, 8191), 1),
        (world.page(PoolKind::Paged, 63), 63),
    ] {
        let violation = refuse_untagged(&world, address);
        assert_eq!(violation, stop(Rule::PoolForeignFree, [0x50, address.0, page, size], address));
    }
}

// VRF-081
#[test]
fn pool_156_an_address_that_was_never_in_a_pool_is_0x42() {
    let world = World::plain();
    for address in [world.outside(), world.page(PoolKind::Paged, 256), VirtualAddress(u64::MAX)] {
        let violation = refuse_untagged(&world, address);
        assert_eq!(violation, stop(Rule::PoolForeignFree, [0x42, address.0, 0, 0], address));
    }
}

// POOL-156
#[test]
fn vrf_081_an_address_of_the_pools_metadata_is_0x43() {
    let world = World::plain();
    let metadata = world.metadata_base.0;
    for address in [metadata, metadata + world.metadata_size.0 - 1].map(VirtualAddress) {
        let violation = refuse_untagged(&world, address);
        assert_eq!(violation, stop(Rule::PoolForeignFree, [0x43, address.0, 0, 0], address));
    }
}

// VRF-081 POOL-156
#[test]
fn pool_164_null_is_0x46() {
    let world = World::plain();
    let violation = refuse_untagged(&world, VirtualAddress::NULL);
    assert_eq!(violation, stop(Rule::PoolForeignFree, [0x46, 0, 0, 0], VirtualAddress::NULL));
}

// VRF-087
#[test]
fn pool_157_an_address_inside_a_paged_block_is_0x41286_with_the_offset_in_the_page() {
    let world = World::plain();
    for (size, distance) in [(100, 1), (100, 99), (4096, 4095), (9000, 4096), (9000, 8999)] {
        let block = world.allocate(PoolKind::Paged, size);
        let address = offset(block.address, distance);
        let violation = refuse_untagged(&world, address);
        let parameters = [0x41286, 0, 0, address.0 % PAGE_SIZE.0];
        assert_eq!(violation, stop(Rule::PoolInteriorFree, parameters, block.address));
    }
}

// POOL-156
#[test]
fn vrf_084_an_address_inside_a_nonpaged_block_is_0x99() {
    let world = World::plain();
    for kind in NONPAGED {
        for (size, distance) in [(100, 1), (100, 99), (4096, 4095), (9000, 4096), (9000, 8999)] {
            let block = world.allocate(kind, size);
            let address = offset(block.address, distance);
            let violation = refuse_untagged(&world, address);
            assert_eq!(violation, stop(Rule::PoolInteriorFree, [0x99, address.0, 0, 0], block.address));
        }
    }
}

#[test]
fn a_freed_large_blocks_pages_remember_it_until_they_are_taken() {
    let world = World::plain();
    let large = world.allocate(PoolKind::NonPaged, 4 * 4096);
    world.free(large.address).expect("it is live");
    for flushed in [false, true] {
        if flushed {
            assert_eq!(world.in_use_flushed(PoolKind::NonPaged), 0);
        }
        for distance in [0, 1, 3 * 4096, 4 * 4096 - 1] {
            assert_eq!(world.pool.find(offset(large.address, distance)), Place::Freed(large));
        }
    }
    for page in 0..4 {
        let address = offset(large.address, page * 4096);
        assert_eq!(world.pool.find(offset(address, 8)), Place::Freed(large), "page {page}");
        assert_eq!(world.allocate(PoolKind::NonPaged, 4096).address, address, "the place is cut anew");
        let place = world.pool.find(address);
        assert!(matches!(place, Place::Live(block) if block.size == Bytes(4096)), "{place:?}");
        if page < 3 {
            // Its first page says something else now, and nobody else knows.
            assert_eq!(world.pool.find(offset(address, 4096)), Place::Unused(PoolKind::NonPaged));
            break;
        }
    }
}

#[test]
fn a_block_whose_page_was_given_back_is_a_double_free_and_its_inside_is_not_committed() {
    let world = World::plain();
    for (kind, uncommitted) in [(PoolKind::NonPaged, 0x44), (PoolKind::Paged, 0x48)] {
        for size in SIZES {
            let block = world.allocate(kind, size);
            world.free(block.address).expect("it is live");
            assert_eq!(world.in_use_flushed(kind), 0);
            world.pool.trim();
            assert_eq!(world.pool.usage(kind).committed, PageCount(0));
            assert_eq!(refuse_untagged(&world, block.address).rule, Rule::PoolDoubleFree);
            let inside = offset(block.address, 8);
            assert_eq!(refuse_untagged(&world, inside).bug_check.parameters[0], uncommitted);
        }
    }
}

#[test]
fn addresses_behind_a_blocks_last_byte_are_nobodys_though_its_place_is_longer() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for (size, place) in [(1, 16), (100, 112), (4000, 4096), (5000, 5120), (100_000, 100_352)] {
            let block = world.allocate(kind, size);
            for distance in [size, place - 1] {
                let address = offset(block.address, distance);
                assert_eq!(world.pool.find(address), Place::Unused(kind), "{distance} in {block:?}");
                let first = refuse_untagged(&world, address).bug_check.parameters[0];
                assert_eq!(first, if kind == PoolKind::Paged { 0x50 } else { 0x41 });
            }
            world.free(block.address).expect("it is live");
            assert_eq!(world.pool.find(offset(block.address, size)), Place::Unused(kind));
            assert_eq!(world.pool.find(offset(block.address, size - 1)), Place::Freed(block));
        }
    }
}
