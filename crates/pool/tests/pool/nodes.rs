//! Memory by node: near first.

use crate::world::{Options, TAG, World, use_node};
use ntpool_pool::{Block, Contents, NoMemory, NodeChoice, NodeNumber, Nodes, Placement, Request};
use ntpool_types::{Bytes, PAGE_SIZE, PoolKind};
use std::collections::BTreeSet;

/// Pages of each kind on each node.
const SHARE: u64 = 64;

/// How far nodes are from each other.
const DISTANCES: [[u32; 4]; 4] = [[10, 20, 30, 25], [20, 10, 25, 15], [30, 25, 10, 20], [25, 15, 20, 10]];

fn world() -> World {
    let distance = |from: NodeNumber, to: NodeNumber| DISTANCES[from.index()][to.index()];
    let nodes = Nodes::new(4, distance);
    World::new(Options { capacity: 4 * SHARE, limit: 4 * SHARE, nodes, ..Options::default() })
}

/// The node whose part of its kind's region a block lies in.
fn node_of(world: &World, block: &Block) -> u64 {
    (block.address.0 - world.region(block.kind).base.0) / PAGE_SIZE.0 / SHARE
}

fn allocate(world: &World, kind: PoolKind, size: u64, node: NodeChoice) -> Result<Block, NoMemory> {
    let request = Request { size: Bytes(size), kind, tag: TAG, contents: Contents::Uninitialized };
    world.pool.allocate_placed(request, Placement { alignment: Bytes(1), node })
}

#[test]
fn pool_024_memory_of_the_callers_node_is_taken_first() {
    let world = world();
    for kind in PoolKind::ALL {
        let tag = world.pool.intern(kind, TAG);
        for node in [2, 0, 3, 1] {
            use_node(node);
            for size in [0, 100, 4096, 5000, 40_000] {
                let block = world.allocate(kind, size);
                assert_eq!(node_of(&world, &block), u64::from(node), "{block:?}");
                let fast = world.pool.allocate_interned(size as usize, tag, Contents::Uninitialized);
                let fast = fast.expect("the pool has room").as_ptr().addr() as u64;
                let distance = (fast - world.region(kind).base.0) / PAGE_SIZE.0;
                assert_eq!(distance / SHARE, u64::from(node), "{size}");
            }
        }
    }
    world.free_all();
}

#[test]
fn pool_025_when_the_local_node_has_no_memory_left_the_closest_that_has_some_is_taken() {
    for (local, expected) in [(0, [0, 1, 3, 2]), (1, [1, 3, 0, 2]), (2, [2, 3, 1, 0]), (3, [3, 1, 2, 0])] {
        let world = world();
        use_node(local);
        for kind in PoolKind::ALL {
            let blocks: Vec<_> = (0..4 * SHARE).map(|_| world.allocate(kind, 4096)).collect();
            for (place, block) in blocks.iter().enumerate() {
                assert_eq!(node_of(&world, block), expected[place / SHARE as usize], "{place}");
            }
            assert_eq!(world.try_allocate(kind, 1), Err(NoMemory));
            world.free(blocks[170].address).expect("it is live");
            assert_eq!(world.allocate(kind, 4096).address, blocks[170].address, "wherever it is");
        }
        world.free_all();
    }
}

#[test]
fn a_large_request_goes_to_the_closest_node_with_a_run_long_enough() {
    let world = world();
    use_node(1);
    let size = (SHARE / 2 + 4) * 4096;
    let nodes: Vec<_> = (0..4).map(|_| node_of(&world, &world.allocate(PoolKind::Paged, size))).collect();
    assert_eq!(nodes, [1, 3, 0, 2]);
    assert_eq!(world.try_allocate(PoolKind::Paged, size), Err(NoMemory));
    assert_eq!(node_of(&world, &world.allocate(PoolKind::Paged, (SHARE / 2 - 4) * 4096)), 1);
    world.free_all();
}

#[test]
fn a_preferred_node_is_asked_before_the_local_one_and_then_those_near_to_it() {
    let world = world();
    use_node(0);
    let preferred = NodeChoice::Preferred(NodeNumber(2));
    let nodes: Vec<_> = (0..4 * SHARE)
        .map(|_| node_of(&world, &allocate(&world, PoolKind::NonPaged, 4096, preferred).expect("room")))
        .collect();
    assert_eq!(nodes.chunks(SHARE as usize).map(|chunk| chunk[0]).collect::<Vec<_>>(), [2, 3, 1, 0]);
    assert!(nodes.chunks(SHARE as usize).all(|chunk| chunk.iter().all(|node| *node == chunk[0])));
    assert_eq!(allocate(&world, PoolKind::NonPaged, 1, preferred), Err(NoMemory));
    world.free_all();
}

#[test]
fn a_request_for_one_node_alone_fails_when_it_is_full_or_not_there() {
    let world = world();
    use_node(3);
    let only = |node| NodeChoice::Only(NodeNumber(node));
    for kind in PoolKind::ALL {
        for _ in 0..SHARE {
            let block = allocate(&world, kind, 4096, only(2)).expect("it has room");
            assert_eq!(node_of(&world, &block), 2);
        }
        for size in [0, 1, 4096, 5000] {
            assert_eq!(allocate(&world, kind, size, only(2)), Err(NoMemory));
            for node in [4, 7, 8, 200, 255] {
                assert_eq!(allocate(&world, kind, size, only(node)), Err(NoMemory), "node {node}");
                let preferred = NodeChoice::Preferred(NodeNumber(node));
                assert_eq!(allocate(&world, kind, size, preferred), Err(NoMemory), "node {node}");
            }
        }
        assert_eq!(node_of(&world, &world.allocate(kind, 100)), 3, "others have room");
    }
    world.free_all();
}

#[test]
fn a_freed_block_goes_back_to_its_own_node_wherever_it_is_freed() {
    let world = world();
    for kind in PoolKind::ALL {
        for size in [100, 4096, 6000, 80_000] {
            let remote = NodeChoice::Only(NodeNumber(2));
            let block = allocate(&world, kind, size, remote).expect("it has room");
            use_node(1);
            assert_eq!(world.free(block.address), Ok(block));
            assert_eq!(node_of(&world, &world.allocate(kind, size)), 1, "not the block of node 2");
            let again = allocate(&world, kind, size, remote).expect("it has room");
            assert_eq!(node_of(&world, &again), 2);
            // A huge block's pages are nobody's, and may be taken from elsewhere in the node's part.
            assert!(again.address == block.address || size > 65_536, "which is kept for node 2");
            world.free_all();
        }
        assert_eq!(world.in_use_flushed(kind), 0);
    }
    let whole: BTreeSet<_> = (0..SHARE)
        .map(|_| {
            allocate(&world, PoolKind::Paged, 4096, NodeChoice::Only(NodeNumber(2))).expect("it has room")
        })
        .map(|block| block.address)
        .collect();
    assert_eq!(whole.len() as u64, SHARE, "nothing was lost");
}

#[test]
fn a_region_with_fewer_pages_than_nodes_has_no_memory() {
    let nodes = Nodes::new(4, |_, _| 1);
    let world = World::new(Options { capacity: 3, limit: 3, nodes, ..Options::default() });
    for node in 0..5 {
        use_node(node);
        let tag = world.pool.intern(PoolKind::Paged, TAG);
        assert_eq!(world.try_allocate(PoolKind::Paged, 1), Err(NoMemory));
        for size in [0, 100, 4096, 60_000] {
            assert_eq!(world.pool.allocate_interned(size, tag, Contents::Zeroed), None);
        }
    }
    world.check();
}
