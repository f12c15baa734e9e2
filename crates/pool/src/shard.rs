//! Shards: the counters that one holder writes.
//!
//! Whoever holds a shard is the only one to write it, so counting is a load and a store and never an atomic
//! read-modify-write; the atomics are there for readers, who hold another shard or none.
//!
//! # Invariants
//! - Over all shards, a tag has never fewer allocations than frees, nor fewer bytes handed out than taken back: an
//!   allocation is counted before its block can be freed, and readers add up the frees first.

use crate::metadata::{Array, Carver, Tally};
use crate::tag_table::{INDEX_COUNT, TagIndex};
use core::sync::atomic::{AtomicU64, Ordering};
use ntpool_types::{Bytes, PoolKind};

/// One tag's counters for one kind of pool in one shard.
#[derive(Default)]
pub(crate) struct Counters {
    allocations: AtomicU64,
    frees: AtomicU64,
    bytes_out: AtomicU64,
    bytes_back: AtomicU64,
}

/// The sums of counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Allocations so far.
    pub(crate) allocations: u64,
    /// Frees so far.
    pub(crate) frees: u64,
    /// Bytes handed out and not taken back.
    pub(crate) bytes: u64,
}

/// Every shard's counters.
pub(crate) struct Shards {
    /// By shard, then tag, then kind.
    counters: Array<Counters>,
    count: usize,
}

/// Counters in one shard.
const PER_SHARD: usize = INDEX_COUNT * PoolKind::ALL.len();

impl Shards {
    /// Adds what the counters of `count` shards need.
    pub(crate) fn tally(tally: Tally, count: usize) -> Tally {
        tally.and::<Counters>((count as u64).saturating_mul(PER_SHARD as u64))
    }

    /// Counters for `count` shards, all zero.
    pub(crate) fn new(carver: &mut Carver, count: usize) -> Shards {
        Shards { counters: carver.carve((count as u64).saturating_mul(PER_SHARD as u64)), count }
    }

    /// Counts an allocation. The caller holds `shard`, and its block can't be freed yet.
    pub(crate) fn count_allocation(&self, shard: usize, tag: TagIndex, kind: PoolKind, size: Bytes) {
        let counters = self.at(shard, tag, kind);
        add(&counters.allocations, 1);
        add(&counters.bytes_out, size.0);
    }

    /// Counts a free. The caller holds `shard`.
    pub(crate) fn count_free(&self, shard: usize, tag: TagIndex, kind: PoolKind, size: Bytes) {
        let counters = self.at(shard, tag, kind);
        add(&counters.frees, 1);
        add(&counters.bytes_back, size.0);
    }

    /// What all shards counted for a tag.
    pub(crate) fn sum(&self, tag: TagIndex, kind: PoolKind) -> Sums {
        let total = |read: fn(&Counters) -> &AtomicU64| {
            (0..self.count)
                .map(|shard| read(self.at(shard, tag, kind)).load(Ordering::Acquire))
                .fold(0, u64::wrapping_add)
        };
        let frees = total(|counters| &counters.frees);
        let back = total(|counters| &counters.bytes_back);
        let allocations = total(|counters| &counters.allocations);
        let out = total(|counters| &counters.bytes_out);
        Sums { allocations, frees, bytes: out.wrapping_sub(back) }
    }

    fn at(&self, shard: usize, tag: TagIndex, kind: PoolKind) -> &Counters {
        assert!(shard < self.count, "the platform handed out shard {shard} of {}", self.count);
        &self.counters[shard * PER_SHARD + tag.index() * PoolKind::ALL.len() + kind.index()]
    }
}

/// Adds to a counter that nobody else writes. Release: who sees a free counted sees its allocation counted.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Release);
}
