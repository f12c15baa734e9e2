//! Collections that say where their memory comes from.
use crate::world::{RUBBISH, TAG, World};
use allocator_api2::alloc::{Allocator, Layout};
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use hashbrown::HashMap;
use ntpool_heap::{Bytes, Tag, tag};
use std::hash::RandomState;

const CONFIG: u32 = tag(b"Cnfg");

#[test]
fn a_vector_grows_in_the_heap_and_gives_everything_back() {
    let world = World::plain();
    let mut numbers = Vec::new_in(&world.heap);
    for number in 0..100_000_u64 {
        numbers.try_reserve(1).expect("the heap has room");
        numbers.push(number);
    }
    assert!(numbers.iter().copied().eq(0..100_000));
    assert!(world.in_use()[0] >= 100_000 * 8 / 4096);
    numbers.truncate(10);
    numbers.shrink_to_fit();
    assert_eq!(numbers.as_slice(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    drop(numbers);
    world.assert_empty();
}

#[test]
fn a_box_of_a_zeroed_array_is_zero() {
    let world = World::plain();
    let zeroed = world.heap.allocate_zeroed(Layout::new::<[u8; 10_000]>()).expect("the heap has room");
    assert_eq!(zeroed.len(), 10_000);
    let boxed =
        Box::<[u8; 10_000], _>::try_new_in([RUBBISH; 10_000], &world.heap).expect("the heap has room");
    assert!(boxed.iter().all(|&byte| byte == RUBBISH));
    drop(boxed);
    world.free(zeroed.cast(), Some(TAG)).expect("the block is live");
    world.assert_empty();
}

/// A map of sorted keys, each node a box of its own.
struct Node<A: Allocator + Copy> {
    key: u32,
    sides: [Option<Box<Node<A>, A>>; 2],
}

fn insert<A: Allocator + Copy>(tree: &mut Option<Box<Node<A>, A>>, key: u32, allocator: A) {
    match tree {
        Some(node) if node.key == key => {}
        Some(node) => {
            let side = usize::from(key > node.key);
            insert(&mut node.sides[side], key, allocator);
        }
        None => *tree = Box::try_new_in(Node { key, sides: [None, None] }, allocator).ok(),
    }
}

fn walk<A: Allocator + Copy>(tree: &Option<Box<Node<A>, A>>, keys: &mut std::vec::Vec<u32>) {
    if let Some(node) = tree {
        walk(&node.sides[0], keys);
        keys.push(node.key);
        walk(&node.sides[1], keys);
    }
}

#[test]
fn a_tree_of_boxes_is_counted_under_its_handles_tag() {
    let world = World::plain();
    let handle = world.heap.tagged::<CONFIG>();
    let mut tree = None;
    for number in 0..1000_u32 {
        insert(&mut tree, number * 7919 % 1000, handle);
    }
    let mut keys = std::vec::Vec::new();
    walk(&tree, &mut keys);
    assert!(keys.into_iter().eq(0..1000));
    let [count] = world.tags()[..] else { panic!("one tag was used") };
    assert_eq!((count.tag, count.allocations, count.frees), (Tag(CONFIG), 1000, 0));
    assert_eq!(count.bytes, Bytes(1000 * size_of_val(tree.as_deref().expect("it has a root")) as u64));
    drop(tree);
    assert_eq!(world.tags()[0].frees, 1000);
    world.assert_empty();
}

#[test]
fn a_hash_map_takes_a_handle_through_the_older_trait() {
    let world = World::plain();
    let handle = world.heap.tagged::<CONFIG>();
    let mut squares = HashMap::with_hasher_in(RandomState::new(), handle);
    for number in 0..5000_u64 {
        squares.insert(number, number * number);
    }
    assert!((0..5000).all(|number| squares.get(&number) == Some(&(number * number))));
    assert_eq!(world.tags()[0].tag, Tag(CONFIG));
    drop(squares);
    world.assert_empty();
}

#[test]
fn a_value_of_no_bytes_takes_nothing_from_the_heap() {
    let world = World::plain();
    let units = Vec::<(), _>::with_capacity_in(1000, &world.heap);
    let empty =
        world.heap.allocate(Layout::from_size_align(0, 4096).expect("a layout")).expect("needs nothing");
    assert_eq!((empty.len(), empty.cast::<u8>().addr().get() % 4096), (0, 0));
    assert_eq!(world.tags(), []);
    drop(units);
    world.assert_empty();
}
