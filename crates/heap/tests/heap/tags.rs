//! Handles, their tags, and boxes.
use crate::world::{TAG, World, layout};
use ntpool_heap::{Bytes, Contents, PoolBox, PoolKind, Tag, TagCount, Tagged, tag};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

const CONFIG: u32 = tag(b"Cnfg");
const LOG: u32 = tag(b"Log\0");

#[test]
fn each_handle_counts_under_its_own_tag() {
    let world = World::plain();
    let (config, log) = (world.heap.tagged::<CONFIG>(), world.heap.tagged::<LOG>());
    let kept = config.try_box([0_u8; 100]).expect("the heap has room");
    let lines: Vec<_> = (0..3).map(|line| log.try_box(line as u64).expect("the heap has room")).collect();
    drop(lines);
    config.free_box(config.try_box(1_u32).expect("the heap has room"));
    let untagged = world.allocate(layout(50, 1));
    let count = |tag: Tag, allocations, frees, bytes| TagCount {
        tag,
        kind: PoolKind::NonPaged,
        allocations,
        frees,
        bytes: Bytes(bytes),
    };
    let mut tags = world.tags();
    tags.sort_by_key(|count| count.allocations * 10 + count.frees);
    assert_eq!(tags, [count(TAG, 1, 0, 50), count(Tag(CONFIG), 2, 1, 100), count(Tag(LOG), 3, 3, 0)]);
    drop(kept);
    world.free(untagged, Some(TAG)).expect("the block is live");
    world.assert_empty();
}

#[test]
fn tags_read_as_they_are_written() {
    assert_eq!(Tag(CONFIG).to_string(), "Cnfg");
    assert_eq!(Tag(LOG), Tag::from_text(*b"Log\0"));
    for wrong in [b"\0abc", b"a\0bc", b"a\x7Fbc", b"abc\n"] {
        assert!(catch_unwind(|| tag(wrong)).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_box_is_aligned_and_moves_its_value_in_and_out() {
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(256))]
    struct Wide([u8; 300]);

    let world = World::plain();
    let handle = world.heap.tagged::<CONFIG>();
    let mut boxed = PoolBox::try_new(handle, Wide([1; 300])).expect("the heap has room");
    assert_eq!((&raw const *boxed).addr() % 256, 0);
    boxed.0[299] = 2;
    assert_eq!(boxed.0[298..], [1, 2]);
    assert_eq!(boxed.into_inner().0[299], 2);
    world.assert_empty();
}

#[test]
#[expect(unsafe_code, reason = "makes a box of the address that a box was given up for")]
fn a_box_goes_through_its_address_and_back() {
    let world = World::plain();
    let handle = world.heap.tagged::<CONFIG>();
    let raw = handle.try_box(String::from("kept")).expect("the heap has room").into_raw();
    assert_eq!(world.in_use()[0], 1);
    // SAFETY: 1. the address is of such a box just now; 2. nobody else has it.
    let back: PoolBox<String, CONFIG, _> = unsafe { PoolBox::from_raw(handle, raw) };
    assert_eq!((back.to_string(), format!("{back:?}")), ("kept".into(), "\"kept\"".into()));
    drop(back);
    world.assert_empty();
}

#[test]
fn a_boxed_value_is_dropped_once_and_its_block_freed_even_when_that_unwinds() {
    struct Fuse<'a>(&'a Cell<u32>);

    impl Drop for Fuse<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            assert!(self.0.get() < 2, "the second fuse blows");
        }
    }

    let world = World::plain();
    let drops = Cell::new(0);
    let handle = world.heap.tagged::<CONFIG>();
    drop(handle.try_box(Fuse(&drops)).expect("the heap has room"));
    let second = handle.try_box(Fuse(&drops)).expect("the heap has room");
    assert!(catch_unwind(AssertUnwindSafe(|| drop(second))).is_err());
    assert_eq!(drops.get(), 2);
    world.assert_empty();
}

#[test]
fn a_box_of_no_bytes_takes_no_block() {
    let world = World::plain();
    let handle: Tagged<CONFIG, _> = world.heap.tagged();
    let unit = handle.try_box(()).expect("needs nothing");
    assert_eq!(world.tags(), []);
    drop(unit);
    world.assert_empty();
}

#[test]
#[expect(unsafe_code, reason = "frees a block by its address")]
fn raw_blocks_come_and_go_under_the_handles_tag() {
    let world = World::plain();
    let (config, log) = (world.heap.tagged::<CONFIG>(), world.heap.tagged::<LOG>());
    let block = config.try_allocate(layout(10, 64), Contents::Zeroed).expect("the heap has room");
    // SAFETY: nobody uses the block.
    let (wrong, right) = unsafe { (log.free(block), config.free(block)) };
    assert_eq!(wrong.expect_err("another tag").rule.id(), "pool.wrong-tag");
    assert_eq!(right.map(|freed| freed.tag), Ok(Tag(CONFIG)));
    world.assert_empty();
}
