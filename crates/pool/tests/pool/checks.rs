//! What a pool finds that checks: each check alone, and all together.

use crate::world::{
    All, Canary, Heap, Options, Poison, Quarantine, RacingFrees, Rules, Shuffle, TAG, World, fill, is_filled,
    offset, peek, poke, use_shard,
};
use ntpool_pool::{Block, Contents, Corruption, Damage, Request};
use ntpool_types::{BugCheck, BugCheckCode, Bytes, PoolKind, Rule, VirtualAddress};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Sizes with slack behind them.
const LOOSE: [u64; 10] = [0, 1, 13, 100, 255, 257, 1000, 4000, 5000, 70_001];

fn options() -> Options {
    Options { capacity: 400, limit: 400, ..Options::default() }
}

fn zeroed<R: Rules>(world: &World<R>, kind: PoolKind, size: u64) -> Block {
    let request = Request { size: Bytes(size), kind, tag: TAG, contents: Contents::Zeroed };
    let block = world.pool.allocate(request).expect("the pool has room");
    assert!(is_filled(&Block { size: Bytes(size), ..block }, 0), "{block:?}");
    block
}

fn found<R: Rules>(world: &World<R>) -> Vec<Corruption> {
    world.pool.platform().take_found()
}

/// How long the place of a block of a size is, as a heap says.
fn place_of(size: u64) -> u64 {
    let world = World::<Heap>::of(options());
    world.allocate(PoolKind::Paged, size).size.0
}

fn innocent<R: Rules>() {
    let world = World::<R>::of(options());
    for kind in PoolKind::ALL {
        for size in LOOSE.into_iter().chain([16, 512, 4096, 65_536]) {
            for round in 0..5 {
                let block =
                    if round % 2 == 0 { zeroed(&world, kind, size) } else { world.allocate(kind, size) };
                fill(&block, 0xFF);
                if round < 4 {
                    assert_eq!(world.free_tagged(block.address, TAG), Ok(block));
                }
            }
        }
        world.check();
    }
    world.free_all();
    assert_eq!(found(&world), []);
}

#[test]
fn nothing_is_found_where_everybody_keeps_to_their_bytes() {
    innocent::<Canary>();
    innocent::<Poison>();
    innocent::<Quarantine>();
    innocent::<Shuffle>();
    innocent::<RacingFrees>();
    innocent::<All>();
}

fn overruns<R: Rules>() {
    let world = World::<R>::of(options());
    for kind in PoolKind::ALL {
        for size in LOOSE {
            let place = place_of(size);
            for distance in [size, place - 1, size.midpoint(place)] {
                for zero in [false, true] {
                    let block = if zero { zeroed(&world, kind, size) } else { world.allocate(kind, size) };
                    fill(&block, 0xCC);
                    let address = offset(block.address, distance);
                    let written = !peek(address);
                    poke(address, written);
                    assert_eq!(world.free(block.address), Ok(block), "the pool goes on");
                    let corruption = Corruption {
                        damage: Damage::Overrun,
                        block: block.address,
                        size: Bytes(size),
                        address,
                        found: u64::from(written),
                    };
                    assert_eq!(found(&world), [corruption]);
                    let parameters = [0x21, block.address.0, size, u64::from(written)];
                    let expected = BugCheck::new(BugCheckCode::BAD_POOL_HEADER, parameters);
                    assert_eq!(corruption.bug_check(), expected);
                }
            }
        }
        world.check();
    }
    world.free_all();
}

// POOL-017 POOL-019
#[test]
fn pool_160_bytes_written_behind_a_block_are_found_when_it_is_freed() {
    overruns::<Canary>();
    overruns::<All>();
}

#[test]
fn slack_copied_from_another_block_is_no_good_canary() {
    let world = World::<Canary>::of(options());
    let [one, other] = [0, 1].map(|_| world.allocate(PoolKind::NonPaged, 1));
    // 15 bytes of slack: that all of them agree by chance is out of the question.
    for distance in 1..16 {
        poke(offset(one.address, distance), peek(offset(other.address, distance)));
    }
    world.free(other.address).expect("it is live");
    assert_eq!(found(&world), []);
    world.free(one.address).expect("it is live");
    assert_eq!(found(&world).len(), 1);
}

/// Frees a block, writes to it, and allocates until it is handed out again: what was found meanwhile.
fn write_after_free<R: Rules>(
    world: &World<R>,
    kind: PoolKind,
    size: u64,
    distance: u64,
) -> (Block, Vec<Corruption>) {
    let block = world.allocate(kind, size);
    world.free(block.address).expect("it is live");
    poke(offset(block.address, distance), 0x11);
    let mut others = Vec::new();
    for _ in 0..500 {
        let other = world.allocate(kind, size);
        others.push(other);
        if other.address == block.address {
            break;
        }
        if others.len() > 3 {
            world.free(others.remove(0).address).expect("it is live");
        }
    }
    assert_eq!(others.last().map(|other| other.address), Some(block.address), "it is handed out again");
    for other in others {
        world.free(other.address).expect("it is live");
    }
    (block, found(world))
}

fn stale_writes<R: Rules>() {
    let world = World::<R>::of(options());
    for kind in PoolKind::ALL {
        for (size, distance) in [(16, 0), (16, 15), (100, 57), (1000, 999), (4096, 1023), (9000, 500)] {
            let (block, found) = write_after_free(&world, kind, size, distance);
            let [corruption] = found[..] else { panic!("{found:?} for {block:?}") };
            assert_eq!((corruption.damage, corruption.block), (Damage::WriteAfterFree, block.address));
            assert_eq!(corruption.size, Bytes(place_of(size)));
            assert_eq!(corruption.address, offset(block.address, distance & !7), "the word that was written");
            let bytes = corruption.found.to_le_bytes();
            assert_eq!(bytes[(distance % 8) as usize], 0x11);
            let expected = BugCheck::new(
                BugCheckCode::DRIVER_CAUGHT_MODIFYING_FREED_POOL,
                [corruption.address.0, 1, 0, 0],
            );
            assert_eq!(corruption.bug_check(), expected);
        }
        // Beyond the first KiB nobody looks.
        let (_, found) = write_after_free(&world, kind, 9000, 1024);
        assert_eq!(found, []);
    }
    world.check();
    world.free_all();
}

// POOL-145
#[test]
fn a_write_to_a_freed_block_is_found_when_it_is_handed_out_again() {
    stale_writes::<Poison>();
    stale_writes::<All>();
}

#[test]
fn a_freed_block_is_poisoned_at_once() {
    let world = World::<Poison>::of(options());
    let block = world.allocate(PoolKind::Paged, 4096);
    fill(&block, 0x22);
    world.free(block.address).expect("it is live");
    let read = |distance| peek(offset(block.address, distance));
    assert!((0..1024).all(|distance| read(distance) != 0x22));
    assert!((1024..4096).all(|distance| read(distance) == 0x22), "the first KiB is enough");
}

fn quarantine<R: Rules>() {
    let world = World::<R>::of(options());
    let length = R::CHECKS.quarantine;
    for kind in PoolKind::ALL {
        for size in [16, 100, 4096, 9000] {
            let block = world.allocate(kind, size);
            world.free(block.address).expect("it is live");
            for round in 1..length {
                let again = world.free(block.address).expect_err("it was freed before");
                assert_eq!((again.rule, again.subject), (Rule::PoolDoubleFree, block.address));
                let other = world.allocate(kind, size);
                assert_ne!(other.address, block.address, "after {round} frees");
                world.free(other.address).expect("it is live");
                world.check();
            }
            let reused = (0..300).any(|_| world.allocate(kind, size).address == block.address);
            assert!(!reused || length > 0);
            for block in world.live() {
                world.free(block.address).expect("it is live");
            }
            assert_eq!(world.in_use_flushed(kind), 0, "a flush lets everything out");
        }
    }
    world.free_all();
}

#[test]
fn a_freed_block_stays_in_quarantine_for_so_many_frees() {
    quarantine::<Quarantine>();
    quarantine::<All>();
}

#[test]
fn a_block_leaves_the_quarantine_when_as_many_were_freed_after_it() {
    let world = World::<Quarantine>::of(options());
    let length = Quarantine::CHECKS.quarantine;
    let blocks: Vec<_> = (0..=length).map(|_| world.allocate(PoolKind::Paged, 4096)).collect();
    for block in &blocks {
        world.free(block.address).expect("it is live");
    }
    let taken: BTreeSet<_> =
        (0..300).map_while(|_| world.try_allocate(PoolKind::Paged, 4096).ok()).map(|b| b.address).collect();
    assert!(taken.contains(&blocks[0].address));
    assert!(blocks[1..].iter().all(|block| !taken.contains(&block.address)));
    world.check();
    world.free_all();
}

#[test]
fn what_is_in_quarantine_is_used_rather_than_no_memory_told() {
    let world = World::<Quarantine>::of(Options { capacity: 8, limit: 8, ..Options::default() });
    for _ in 0..10 {
        let blocks: Vec<_> = (0..8).map(|_| world.allocate(PoolKind::Paged, 4096)).collect();
        for block in blocks {
            world.free(block.address).expect("it is live");
        }
    }
    world.check();
}

/// The order in which the blocks of a full page of 64-byte blocks come again after they were freed in order.
fn order<R: Rules>(world: &World<R>) -> Vec<u64> {
    let blocks: Vec<_> = (0..64).map(|_| world.allocate(PoolKind::NonPaged, 64)).collect();
    let addresses: BTreeSet<_> = blocks.iter().map(|block| block.address.0).collect();
    assert_eq!(addresses.len(), 64);
    let base = world.region(PoolKind::NonPaged).base.0;
    for address in &addresses {
        world.free(VirtualAddress(*address)).expect("it is live");
    }
    let order: Vec<_> = (0..64).map(|_| world.allocate(PoolKind::NonPaged, 64).address.0 - base).collect();
    assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 64, "all are distinct");
    for block in world.live() {
        world.free(block.address).expect("it is live");
    }
    world.check();
    order
}

#[test]
fn a_shuffled_pool_hands_blocks_out_in_no_order_that_can_be_foreseen() {
    let plain = order(&World::<Heap>::of(options()));
    let again = order(&World::<Heap>::of(options()));
    assert_eq!(plain, again, "without, two pools do the same");
    let worlds: Vec<_> = (0..4).map(|_| World::<Shuffle>::of(options())).collect();
    let orders: BTreeSet<_> = worlds.iter().map(order).collect();
    assert_eq!(orders.len(), 4, "pools at other addresses differ");
    assert!(!orders.contains(&plain));
    let (first, second) = (order(&worlds[0]), order(&worlds[0]));
    assert_ne!(first, second, "and a pool differs from what it did before");
    // Neighbours are handed out one after the other about once in as many as a magazine has, not always.
    for order in &orders {
        let neighbours = order.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) == 64).count();
        assert!(neighbours < 32, "{neighbours} of 63 in a row");
    }
    worlds.iter().for_each(World::free_all);
}

fn race<R: Rules>() {
    const ROUNDS: usize = 20_000;
    let world = World::<R>::of(Options { shards: 2, ..options() });
    let blocks: Vec<_> = (0..ROUNDS).map(|_| world.allocate(PoolKind::NonPaged, 48)).collect();
    // A barrier of the system would let one thread go long after the other.
    let arrived = AtomicUsize::new(0);
    let results: Vec<Vec<bool>> = thread::scope(|scope| {
        let one = |shard| {
            let (world, blocks, arrived) = (&world, &blocks, &arrived);
            move || {
                use_shard(shard);
                let mut results = Vec::new();
                for (round, block) in blocks.iter().enumerate() {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    let mut turns = 0_u32;
                    while arrived.load(Ordering::SeqCst) < 2 * (round + 1) {
                        turns += 1;
                        if turns.is_multiple_of(2000) {
                            thread::yield_now();
                        }
                    }
                    let result = world.free(block.address);
                    if let Err(violation) = &result {
                        assert_eq!(violation.rule, Rule::PoolDoubleFree, "{block:?}");
                    }
                    results.push(result.is_ok());
                }
                results
            }
        };
        let threads = [0, 1].map(|shard| scope.spawn(one(shard)));
        threads.map(|thread| thread.join().expect("it ends")).into()
    });
    for (round, (one, other)) in results[0].iter().zip(&results[1]).enumerate() {
        assert!(one ^ other, "{} of two frees succeeded in round {round}", u8::from(*one) + u8::from(*other));
    }
    world.check();
    world.free_all();
}

#[test]
fn of_two_frees_of_one_block_that_race_exactly_one_succeeds() {
    race::<RacingFrees>();
    race::<All>();
}
