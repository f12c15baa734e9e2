//! Lost writes: the metadata as they would be without one of a step's writes, and the check, which says so.
//!
//! After a step, each part of the metadata that it changed gets back what was there before, one at a time. Each such
//! state is what a forgotten write leaves behind, so the check shall find it, but for what is of no consequence to it:
//! what lies above a magazine's top, what says whether a block's bytes are known to be zero, and sums of snapshots.

use crate::world::{All, Options, Rules, TAG, World, poke};
use ntpool_pool::{Block, Invariant};
use ntpool_types::{Bytes, PoolKind, Tag, VirtualAddress};
use std::panic::{AssertUnwindSafe, catch_unwind};

const KIND: PoolKind = PoolKind::NonPaged;

fn write<R: Rules>(world: &World<R>, word: usize, value: u64) {
    let first = world.metadata_base.0 + 8 * word as u64;
    for (address, byte) in (first..).zip(value.to_le_bytes()) {
        poke(VirtualAddress(address), byte);
    }
}

/// Whether a word is a block's address; whether it says that the bytes are zero makes no difference.
fn is_address<R: Rules>(world: &World<R>, word: u64) -> bool {
    let region = world.region(KIND);
    VirtualAddress(word).offset_from(region.base).is_some_and(|offset| offset < region.capacity.bytes())
}

/// What a word is when a part of it is not written: slots, links and numbers by two bytes, addresses as a whole.
fn without_a_part<R: Rules>(world: &World<R>, old: u64, new: u64) -> Vec<u64> {
    if is_address(world, old) || is_address(world, new) {
        return vec![old];
    }
    let parts = (0..64).step_by(16).map(|shift| 0xFFFF << shift);
    parts.map(|part| new & !part | old & part).filter(|&lost| lost != new).collect()
}

/// What the check said of lost writes.
#[derive(Default)]
struct Told {
    /// The invariants that it found broken.
    broken: Vec<Invariant>,
    /// How many writes it did not miss.
    nothing: usize,
}

impl Told {
    /// Takes a step, and loses each of its writes.
    fn step<R: Rules, T>(&mut self, world: &World<R>, step: impl FnOnce() -> T) -> T {
        world.check();
        let before = world.metadata();
        let result = step();
        world.check();
        let after = world.metadata();
        let words = before.iter().zip(&after).enumerate();
        for (word, (&old, &new)) in words.filter(|(_, (old, new))| old != new) {
            for lost in without_a_part(world, old, new) {
                write(world, word, lost);
                // A check that panics at what can't be has noticed it as well.
                match catch_unwind(AssertUnwindSafe(|| world.pool.check())) {
                    Ok(Ok(())) => self.nothing += 1,
                    Ok(Err(inconsistency)) => self.broken.push(inconsistency.invariant),
                    Err(_) => {}
                }
                // The check writes too: marks, and the sums of a snapshot.
                for (word, (now, &then)) in world.metadata().into_iter().zip(&after).enumerate() {
                    if now != then {
                        write(world, word, then);
                    }
                }
            }
        }
        world.check();
        result
    }

    /// How often an invariant was found broken.
    fn count(&self, invariant: Invariant) -> usize {
        self.broken.iter().filter(|&&broken| broken == invariant).count()
    }
}

fn free_each<R: Rules>(world: &World<R>, blocks: &[Block]) {
    for block in blocks {
        world.free(block.address).expect("it is live");
    }
}

#[test]
fn the_check_finds_lost_writes() {
    let world = World::new(Options { capacity: 40, limit: 40, tags: 8, ..Options::default() });
    let mut told = Told::default();
    let mut allocate = |size| told.step(&world, || world.allocate(KIND, size));
    let [first, ready] = [100, 100].map(&mut allocate);
    let rest: Vec<_> = (0..40).map(|_| allocate(100)).collect();
    let [large, beside, in_tail, huge] = [9000, 9000, 1400, 70_000].map(allocate);
    told.step(&world, || world.allocate_tagged(KIND, 100, Tag::from_text(*b"Othr")));
    for size in [66_000, 70_000] {
        told.step(&world, || assert!(world.pool.resize(huge.address, Bytes(size))));
    }
    for blocks in [&[ready][..], &rest, &[huge], &[large]] {
        told.step(&world, || free_each(&world, blocks));
    }
    told.step(&world, || world.pool.flush());
    told.step(&world, || world.allocate(KIND, 2000));
    told.step(&world, || free_each(&world, &[beside, in_tail, first]));
    told.step(&world, || world.allocate(KIND, 300));
    told.step(&world, || world.pool.flush());
    told.step(&world, || world.pool.trim());
    for invariant in [
        Invariant::BlockSets,
        Invariant::Counters,
        Invariant::PageHeap,
        Invariant::List,
        Invariant::Large,
        Invariant::PageUse,
        Invariant::TagTable,
    ] {
        assert!(told.count(invariant) > 0, "{invariant:?} is not among {:?}", told.broken);
    }
    // Which writes there are depends on the stripe that the shard's address gives it; most are missed in any.
    assert!(told.broken.len() > told.nothing, "{} missed, {} not", told.broken.len(), told.nothing);
}

#[test]
fn the_check_finds_lost_writes_to_a_quarantine() {
    let world = World::<All>::of(Options { capacity: 8, limit: 8, tags: 8, ..Options::default() });
    let block = world.allocate_tagged(KIND, 100, TAG);
    let mut told = Told::default();
    told.step(&world, || free_each(&world, &[block]));
    assert!(told.count(Invariant::BlockSets) >= 3, "the slot, and both words of the ring: {:?}", told.broken);
    told.step(&world, || world.pool.flush());
    for invariant in [Invariant::BlockSets, Invariant::PageHeap, Invariant::PageUse, Invariant::List] {
        assert!(told.count(invariant) > 0, "{invariant:?} is not among {:?}", told.broken);
    }
}
