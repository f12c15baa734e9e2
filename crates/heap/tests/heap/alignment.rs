//! Every power of two.
use crate::world::{Global, World, fill, is_filled, layout};
use ntpool_heap::PoolKind;
use std::ptr::NonNull;

/// The powers of two up to 64 KiB.
fn alignments() -> impl Iterator<Item = usize> {
    (0..=16).map(|power| 1 << power)
}

/// Sizes about the alignment, the granule and the page.
fn sizes(alignment: usize) -> Vec<usize> {
    let about = |size: usize| [size - 1, size, size + 1];
    let mut sizes: Vec<usize> = [1, 24, 100, 1000].into();
    sizes.extend([alignment, 16, 512, 4096, 8192].into_iter().flat_map(about).filter(|&size| size > 0));
    sizes
}

#[test]
fn blocks_begin_at_a_multiple_of_every_power_of_two_asked_for() {
    let world = World::plain();
    for alignment in alignments() {
        let mut live: Vec<(NonNull<u8>, usize)> = Vec::new();
        for (number, size) in sizes(alignment).into_iter().enumerate() {
            // Neighbours of odd classes, and a large block with a tail, would shift whoever is not aligned by design.
            for neighbour in [size, 48, 4096 + 80] {
                live.push((world.allocate(layout(neighbour, 1)), neighbour));
            }
            let block = world.allocate(layout(size, alignment));
            assert_eq!(block.addr().get() % alignment, 0, "{size} bytes at a multiple of {alignment}");
            fill(block, size, number as u8);
            for &(other, length) in &live {
                let (from, other) = (block.addr().get(), other.addr().get());
                assert!(from + size <= other || other + length <= from, "{size} bytes overlap {length}");
            }
            live.push((block, size));
        }
        for (number, &(block, size)) in live.iter().skip(3).step_by(4).enumerate() {
            assert!(is_filled(block, size, number as u8), "{size} bytes at a multiple of {alignment}");
        }
        for (block, _) in live {
            world.free(block, None).expect("each block is live");
        }
    }
    world.assert_empty();
}

#[test]
fn zeroed_blocks_are_zero_at_every_alignment_and_when_used_again() {
    let world = World::plain();
    for round in 0..2 {
        for alignment in alignments() {
            for size in sizes(alignment) {
                let block = world.alloc(layout(size, alignment), true).expect("the heap has room");
                assert!(
                    is_filled(block, size, 0),
                    "round {round}: {size} bytes at a multiple of {alignment}"
                );
                fill(block, size, 0xFF);
                world.dealloc(block, layout(size, alignment));
            }
        }
    }
    world.assert_empty();
}

#[test]
fn moving_to_another_size_keeps_alignment_and_contents() {
    let world = World::plain();
    for alignment in alignments() {
        for (from, to) in [(1, 300), (300, 1), (100, 5000), (5000, 100), (9000, 70_000), (70_000, 4096)] {
            let block = world.alloc(layout(from, alignment), false).expect("the heap has room");
            fill(block, from, 7);
            let moved = world.realloc(block, layout(from, alignment), to).expect("the heap has room");
            assert_eq!(moved.addr().get() % alignment, 0, "{to} bytes at a multiple of {alignment}");
            assert!(is_filled(moved, from.min(to), 7), "{from} to {to} bytes");
            world.dealloc(moved, layout(to, alignment));
        }
    }
    world.assert_empty();
}

#[test]
fn a_block_has_at_least_the_bytes_that_were_asked_for() {
    let world = World::plain();
    for alignment in alignments() {
        for size in sizes(alignment) {
            let block = world.allocate(layout(size, alignment));
            let usable = world.heap.usable(block.as_ptr()).expect("the block is live");
            assert!(usable.as_usize() >= size, "{size} bytes at a multiple of {alignment} have {usable}");
            world.free(block, None).expect("the block is live");
            assert_eq!(world.heap.usable(block.as_ptr()), None);
        }
    }
}

#[test]
fn a_request_of_no_bytes_has_an_address_of_its_own() {
    let world = World::plain();
    let blocks = [1, 16, 64, 4096, 16384].map(|alignment| world.allocate(layout(0, alignment)));
    for (place, block) in blocks.iter().enumerate() {
        assert!(!blocks[..place].contains(block));
        world.free(*block, None).expect("the block is live");
    }
    assert_eq!(world.heap.usage(PoolKind::NonPaged).in_use.0, 0);
}
