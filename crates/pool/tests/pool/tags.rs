//! What is counted under which tag.

use crate::world::{TAG, World};
use ntpool_pool::{Block, TagCount};
use ntpool_types::{Bytes, PoolKind, Tag};

#[test]
fn pool_216_each_tag_and_kind_has_its_allocations_frees_and_bytes() {
    let world = World::plain();
    let other = Tag::from_text(*b"Othr");
    let sizes = [0, 10, 5000, 4096];
    for kind in PoolKind::ALL {
        let blocks = sizes.map(|size| world.allocate(kind, size));
        world.allocate_tagged(kind, 33, other);
        world.free(blocks[2].address).expect("it is live");
        let count = |tag| world.tag(tag, kind);
        assert_eq!(
            count(TAG),
            Some(TagCount { tag: TAG, kind, allocations: 4, frees: 1, bytes: Bytes(4106) })
        );
        assert_eq!(
            count(other),
            Some(TagCount { tag: other, kind, allocations: 1, frees: 0, bytes: Bytes(33) })
        );
    }
    assert_eq!(world.tags().len(), 6);
}

#[test]
fn pool_217_counts_of_allocations_and_frees_only_grow() {
    let world = World::plain();
    let mut last = (0, 0);
    for round in 0..50 {
        let block = world.allocate(PoolKind::Paged, round * 100);
        if round % 3 != 0 {
            world.free(block.address).expect("it is live");
        }
        let count = world.tag(TAG, PoolKind::Paged).expect("it is counted");
        assert_eq!(count.allocations, round + 1);
        assert!(count.allocations > last.0 && count.frees >= last.1);
        last = (count.allocations, count.frees);
    }
    world.free_all();
    let count = world.tag(TAG, PoolKind::Paged).expect("it stays in the table");
    assert_eq!((count.allocations, count.frees, count.bytes), (50, 50, Bytes::ZERO));
}

#[test]
fn tags_past_the_tables_end_are_counted_together_and_never_mismatch() {
    let world = World::plain();
    let allocate = |number: u32| world.allocate_tagged(PoolKind::NonPaged, 8, Tag(number));
    let blocks: Vec<Block> = (0..4096).map(allocate).collect();
    assert!(blocks.iter().zip(0..).all(|(block, number)| block.tag == Tag(number)));
    world.check();
    let over: Vec<Block> = (4096..4196).map(allocate).collect();
    assert!(over.iter().all(|block| block.tag == Tag::OVERFLOW));
    let count = world.tag(Tag::OVERFLOW, PoolKind::NonPaged).expect("they are counted");
    assert_eq!((count.allocations, count.frees, count.bytes), (100, 0, Bytes(800)));
    assert_eq!(world.free_tagged(over[0].address, Tag(7)), Ok(over[0]), "its own tag is not known");
    assert!(world.free_tagged(blocks[0].address, Tag(7)).is_err(), "tags in the table are still compared");
    assert_eq!(allocate(4095).tag, Tag(4095), "a known tag stays known");
    assert_eq!(world.tags().len(), 4097);
    world.check();
    for block in world.live() {
        world.free(block.address).expect("it is live");
    }
    assert!(world.tags().iter().all(|count| count.allocations == count.frees && count.bytes == Bytes::ZERO));
}
