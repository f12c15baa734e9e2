//! The ways that a heap goes: tags known before, addresses alone.

use crate::world::{All, Heap, Options, Rules, Sizes, TAG, World, fill, is_filled, offset};
use ntpool_pool::{Block, Contents, InternedTag, Place};
use ntpool_types::{Bytes, PoolKind, Rule, Tag, VirtualAddress};

const SIZES: [u64; 12] = [0, 1, 16, 17, 100, 512, 1000, 4096, 4097, 9000, 65_536, 100_000];

fn allocate<R: Rules>(world: &World<R>, size: u64, tag: InternedTag, contents: Contents) -> VirtualAddress {
    let block = world.pool.allocate_interned(size as usize, tag, contents).expect("the pool has room");
    VirtualAddress(block.as_ptr().expose_provenance() as u64)
}

fn live_at<R: Rules>(world: &World<R>, address: VirtualAddress) -> Block {
    match world.pool.find(address) {
        Place::Live(block) => block,
        place => panic!("{place:?} at {address}"),
    }
}

/// Allocates and frees by both ways in turn, each size and kind; both must do the same.
fn agree<R: Rules>() {
    let world = World::<R>::of(Options { capacity: 400, limit: 400, ..Options::default() });
    let other = Tag::from_text(*b"Othr");
    for kind in PoolKind::ALL {
        let tags = [(TAG, world.pool.intern(kind, TAG)), (other, world.pool.intern(kind, other))];
        let (mut count, mut bytes) = (0, 0);
        for size in SIZES {
            for round in 0..6_u64 {
                let (tag, interned) = tags[(round % 2) as usize];
                let contents = if round % 3 == 0 { Contents::Zeroed } else { Contents::Uninitialized };
                let address = allocate(&world, size, interned, contents);
                let block = live_at(&world, address);
                assert_eq!((block.address, block.kind, block.tag), (address, kind, tag));
                let slow = world.allocate_tagged(kind, size, tag);
                assert_eq!((slow.size, slow.kind, slow.tag), (block.size, block.kind, block.tag));
                assert_ne!(slow.address, block.address);
                let asked = Block { size: Bytes(size), ..block };
                assert!(contents == Contents::Uninitialized || is_filled(&asked, 0), "{block:?}");
                fill(&block, 0x3C);
                fill(&slow, 0x3C);
                count += 1;
                match round {
                    0 => assert!(world.pool.free_fast(block.address) && world.pool.free_fast(slow.address)),
                    1 | 2 => {
                        assert_eq!(world.free_tagged(block.address, tag), Ok(block));
                        assert!(world.pool.free_fast(slow.address));
                    }
                    3 => {
                        let wrong = world.free_tagged(block.address, Tag::from_text(*b"Wrng"));
                        assert_eq!(wrong.map_err(|violation| violation.rule), Err(Rule::PoolWrongTag));
                        assert!(world.pool.free_fast(block.address));
                        assert_eq!(world.free_tagged(slow.address, tag), Ok(slow));
                    }
                    _ => bytes += block.size.0 + slow.size.0,
                }
                world.check();
            }
        }
        let counts = tags.map(|(tag, _)| world.tag(tag, kind).expect("it is counted"));
        assert_eq!(counts.map(|count| count.allocations), [count, count]);
        assert_eq!(counts.iter().map(|count| count.bytes.0).sum::<u64>(), bytes);
        for block in world.live() {
            assert!(is_filled(&block, 0x3C), "{block:?}");
            assert!(world.pool.free_fast(block.address));
        }
        let counts = tags.map(|(tag, _)| world.tag(tag, kind).expect("it is counted"));
        assert!(counts.iter().all(|count| count.frees == count.allocations && count.bytes == Bytes::ZERO));
    }
    assert_eq!(world.pool.platform().take_found(), []);
    world.free_all();
}

#[test]
fn both_ways_agree_in_a_heap() {
    agree::<Heap>();
}

#[test]
fn both_ways_agree_with_exact_sizes() {
    agree::<Sizes>();
}

#[test]
fn both_ways_agree_when_everything_is_checked() {
    agree::<All>();
}

fn bad_frees<R: Rules>() {
    let world = World::<R>::of(Options::default());
    for kind in PoolKind::ALL {
        for size in SIZES {
            let block = world.allocate(kind, size);
            let freed = world.allocate(kind, size);
            world.free(freed.address).expect("it is live");
            let state = || (world.live(), world.tags(), PoolKind::ALL.map(|kind| world.pool.usage(kind)));
            let before = state();
            for address in [
                offset(block.address, 1),
                offset(block.address, 8),
                offset(block.address, 16),
                freed.address,
                world.page(kind, 255),
                world.outside(),
                world.metadata_base,
                VirtualAddress::NULL,
                VirtualAddress(u64::MAX),
            ] {
                if world.pool.find(address) != Place::Live(Block { address, ..block }) {
                    assert!(!world.pool.free_fast(address), "{address}");
                    assert!(world.free(address).is_err(), "{address}");
                }
            }
            assert_eq!(state(), before);
            assert!(world.pool.free_fast(block.address));
            assert!(!world.pool.free_fast(block.address), "once");
            world.check();
        }
    }
    world.free_all();
}

#[test]
fn a_free_of_what_is_no_block_is_refused_and_changes_nothing() {
    bad_frees::<Heap>();
    bad_frees::<Sizes>();
    bad_frees::<All>();
}

#[test]
fn a_kind_without_memory_and_sizes_beyond_it_are_no_memory() {
    let empty = World::<Heap>::of(Options { capacity: 0, limit: 0, ..Options::default() });
    let small = World::<Heap>::of(Options { capacity: 10, limit: 10, ..Options::default() });
    for kind in PoolKind::ALL {
        for (world, sizes) in [
            (&empty, [0, 100, 4096, 60_000, 100_000]),
            (&small, [60_000, 100_000, 1 << 32, 1 << 47, usize::MAX]),
        ] {
            let tag = world.pool.intern(kind, TAG);
            for size in sizes {
                for contents in [Contents::Zeroed, Contents::Uninitialized] {
                    assert_eq!(world.pool.allocate_interned(size, tag, contents), None, "{size}");
                }
            }
            assert_eq!(world.tag(TAG, kind), None);
            world.check();
        }
    }
}

#[test]
fn a_tag_is_known_under_the_same_name_however_often_it_is_interned() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        assert_eq!(world.pool.intern(kind, TAG), world.pool.intern(kind, TAG));
        assert_ne!(world.pool.intern(kind, TAG), world.pool.intern(kind, Tag::from_text(*b"Else")));
    }
    assert_ne!(world.pool.intern(PoolKind::Paged, TAG), world.pool.intern(PoolKind::NonPaged, TAG));
    assert_eq!(world.tags(), [], "a tag without an allocation has no counts");
}
