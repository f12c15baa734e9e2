//! Memory that is given, and memory that runs out.
#![expect(unsafe_code, reason = "gives a heap memory by its address")]

use crate::world::{Global, Policy, World, fill, is_filled, layout};
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use ntpool_heap::{
    Arena, ArenaError, Before, Bytes, Contents, Heap, NoMemory, Place, PoolKind, Shares, SpinHold, Tag, tag,
};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Mutex;

const SIZE: usize = 4 << 20;

/// Memory that lives as long as the program; the list shows a leak checker that it is kept on purpose.
fn leaked(size: usize) -> &'static mut [MaybeUninit<u8>] {
    static KEPT: Mutex<std::vec::Vec<usize>> = Mutex::new(std::vec::Vec::new());
    let memory: &mut [MaybeUninit<u8>] = std::boxed::Box::leak(vec![MaybeUninit::uninit(); size].into());
    KEPT.lock().expect("nobody panicked").push(memory.as_ptr().addr());
    memory
}

#[test]
fn out_of_memory_is_an_error_on_every_face_and_passes_when_blocks_are_freed() {
    let world = World::of(SIZE, Shares::NONPAGED);
    let handle = world.heap.tagged::<{ tag(b"Cnfg") }>();
    let mut blocks = Vec::new_in(allocator_api2::alloc::Global);
    while let Ok(block) = world.try_allocate(layout(4096, 1), PoolKind::NonPaged) {
        blocks.push(block);
    }
    assert_eq!(blocks.len() as u64, world.heap.usage(PoolKind::NonPaged).limit.0);
    assert_eq!(world.try_allocate(layout(1, 1), PoolKind::NonPaged), Err(NoMemory));
    assert_eq!(world.alloc(layout(1, 1), false), None);
    assert_eq!(world.alloc(layout(1, 1), true), None);
    assert_eq!(world.realloc(blocks[0], layout(4096, 1), 5000), None);
    assert_eq!(handle.try_box(1_u8).err(), Some(NoMemory));
    assert!(Vec::<u8, _>::new_in(handle).try_reserve(1).is_err());
    assert!(Box::try_new_in(1_u8, &world.heap).is_err());
    world.heap.check().expect("the metadata is consistent");

    for block in blocks.drain(..) {
        world.free(block, None).expect("each block is live");
    }
    assert_eq!(handle.try_box(1_u8).map(|boxed| *boxed), Ok(1));
    world.assert_empty();
}

#[test]
fn a_failed_move_leaves_the_block_as_it_was() {
    let world = World::of(SIZE, Shares::NONPAGED);
    let block = world.alloc(layout(100, 8), false).expect("the heap has room");
    fill(block, 100, 3);
    assert_eq!(world.realloc(block, layout(100, 8), 1 << 40), None);
    assert!(is_filled(block, 100, 3));
    world.dealloc(block, layout(100, 8));
    world.assert_empty();
}

#[test]
fn huge_sizes_and_alignments_are_refused() {
    let world = World::of(SIZE, Shares::NONPAGED);
    for wanted in [layout(isize::MAX as usize, 1), layout(1, 1 << 62), layout(1 << 61, 1 << 61)] {
        assert_eq!(world.try_allocate(wanted, PoolKind::NonPaged), Err(NoMemory));
    }
    world.assert_empty();
}

#[test]
fn zeroed_blocks_on_memory_that_held_rubbish_are_zero() {
    let world = World::of(SIZE, Shares::new(1, 1, 1));
    for kind in PoolKind::ALL {
        let wanted = layout(10 * 4096, 1);
        let block = world.heap.try_allocate(wanted, kind, Tag::NONE, Contents::Zeroed);
        let block = block.expect("each kind has room");
        assert!(is_filled(block, 10 * 4096, 0), "{kind}");
        world.free(block, None).expect("the block is live");
    }
}

#[test]
fn kinds_have_the_pages_of_their_shares() {
    let world = World::of(SIZE, Shares::new(2, 1, 1));
    let pages = PoolKind::ALL.map(|kind| world.heap.usage(kind).limit.0);
    assert!(pages[1] == pages[2] && pages[0].abs_diff(2 * pages[1]) <= 3, "{pages:?}");
    let handle = world.heap.tagged::<{ tag(b"Cnfg") }>();
    for kind in PoolKind::ALL {
        let boxed = handle.of(kind).try_box([1_u64; 100]).expect("each kind has room");
        let (base, count) = world.heap.range(kind).expect("the heap has memory");
        let address = boxed.as_ptr().addr() as u64;
        assert!((base.0..base.0 + count.bytes().0).contains(&address), "{kind}");
        assert!(matches!(world.heap.find(boxed.as_ptr().cast()), Place::Live(block) if block.kind == kind));
        assert_eq!(world.in_use()[kind.index()], 1);
    }
    world.assert_empty();
}

#[test]
fn a_kind_without_a_share_has_no_memory() {
    let world = World::of(SIZE, Shares::NONPAGED);
    for kind in [PoolKind::NonPagedExecute, PoolKind::Paged] {
        assert_eq!(world.try_allocate(layout(1, 1), kind), Err(NoMemory));
    }
}

#[test]
fn too_little_memory_says_how_much_would_do() {
    let heap = Heap::<SpinHold>::new();
    let ArenaError::TooSmall { given, needed } =
        heap.give(leaked(8192), SpinHold::new()).expect_err("a page has no room for the metadata")
    else {
        panic!("it is too small")
    };
    assert!(given <= Bytes(8192) && needed > given);
    assert_eq!(heap.ready(), Err(ArenaError::NothingGiven));
    // A base in the middle of a page costs one more.
    heap.give(leaked(needed.as_usize() + 4096), SpinHold::new()).expect("that is what it asked for");
    assert_eq!(heap.ready(), Ok(()));
}

#[test]
fn a_heap_is_given_memory_once() {
    let heap = Heap::<SpinHold>::new();
    let allocate = || heap.try_allocate(layout(8, 8), PoolKind::NonPaged, Tag::NONE, Contents::Zeroed);
    assert_eq!(allocate(), Err(NoMemory));
    heap.give(leaked(SIZE), SpinHold::new()).expect("it has none yet");
    assert_eq!(heap.give(leaked(SIZE), SpinHold::new()), Err(ArenaError::AlreadyGiven));
    assert!(allocate().is_ok());
}

#[test]
fn a_static_arena_serves_the_first_heap_that_needs_it() {
    static ARENA: Arena<SIZE> = Arena::new();
    static FIRST: Heap = Heap::on(&ARENA);
    static SECOND: Heap = Heap::on(&ARENA);
    assert_eq!(FIRST.ready(), Ok(()));
    assert_eq!(SECOND.ready(), Err(ArenaError::ArenaTaken));
    assert_eq!(FIRST.give(leaked(SIZE), SpinHold::new()), Err(ArenaError::AlreadyGiven));
    assert_eq!(SECOND.tagged::<{ tag(b"Cnfg") }>().try_box(1).err(), Some(NoMemory));
    assert_eq!(FIRST.tagged::<{ tag(b"Cnfg") }>().try_box(1).map(|boxed| *boxed), Ok(1));
}

#[test]
fn a_footprint_holds_the_capacity_it_was_computed_for() {
    for shares in [Shares::NONPAGED, Shares::new(1, 1, 1), Shares::new(0, 3, 1)] {
        for pages in [1_u64, 100, 1000] {
            let footprint = Heap::<Policy>::footprint(Bytes(pages * 4096), shares);
            let world = World::of(footprint.as_usize(), shares);
            let limit: u64 = PoolKind::ALL.map(|kind| world.heap.usage(kind).limit.0).iter().sum();
            assert!((pages..pages + 16).contains(&limit), "{limit} for {pages} pages");
        }
    }
}

#[test]
fn memory_that_is_said_to_be_zero_stays_untouched_until_it_is_used() {
    let mut memory = vec![0_u8; SIZE];
    let heap = Heap::<SpinHold>::new();
    let base = NonNull::from(memory.as_mut_slice()).cast();
    // SAFETY: 1. the memory outlives the heap, whose blocks are not used below; 2. it is zero.
    unsafe { heap.give_range(base, SIZE, Before::Zeros, SpinHold::new()) }.expect("it is large enough");
    let block =
        heap.try_allocate(layout(3 * 4096, 1), PoolKind::NonPaged, Tag::NONE, Contents::Uninitialized);
    assert!(is_filled(block.expect("the heap has room"), 3 * 4096, 0));
    let (first, _) = heap.range(PoolKind::NonPaged).expect("the heap has memory");
    let first = (first.0 - memory.as_ptr().addr() as u64) as usize;
    assert!(memory[first..].iter().all(|&byte| byte == 0));
}
