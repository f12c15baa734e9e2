//! Per-tag counts, from the counters and a walk over the slots.
//!
//! Shards count a tag's allocations and nothing else; what was freed is what was allocated less what lives. A snapshot
//! first adds up the allocations, then walks over the pages and counts the live slots of each tag. No fast path waits for
//! it, nor it for them.
//!
//! # Why the sums are right
//! Let A be the allocations of a tag as added up, and L its live slots as counted afterwards.
//!
//! - *Nobody runs:* A and L are exact, so A - L is the number of frees.
//! - *Others run:* each of the A blocks was live before the walk began, since a slot is marked before its allocation is
//!   counted. One that is still live when the walk ends was live all along, its page could not be cut anew, and the walk
//!   has counted it. So A - L counts only blocks that were freed by the end of the walk: it is at most the number of
//!   frees then, and at most A. Blocks met that are none of the A, or met twice as they were freed and allocated
//!   elsewhere, only make it smaller.
//!
//! So of all snapshots the largest A and the largest A - L are the best known; published are those, and no count ever
//! goes back (POOL-217).

use crate::class::Classes;
use crate::descriptor::State;
use crate::metadata::{Array, Carver, Tally};
use crate::pages::Pages;
use crate::shard::Shards;
use crate::slot;
use crate::sync::{AtomicU16, AtomicU64, Ordering};
use crate::tag_table::{TagIndex, TagTable};
use ntpool_types::{Bytes, PoolKind};

/// The best known counts of a tag in one kind of pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) allocations: u64,
    pub(crate) frees: u64,
    pub(crate) bytes: u64,
}

/// The sums of the last snapshot, and room for the next.
pub(crate) struct Snapshot {
    /// By kind, then tag: allocations, frees and bytes, published; live blocks and their bytes, while a walk counts.
    words: Array<AtomicU64>,
    tags: usize,
}

const ALLOCATIONS: usize = 0;
const FREES: usize = 1;
const BYTES: usize = 2;
const LIVE: usize = 3;
const LIVE_BYTES: usize = 4;
const WORDS: usize = 5;

impl Snapshot {
    /// Adds what counts for so many tags need.
    pub(crate) fn tally(tally: Tally, tags: usize) -> Tally {
        tally.and::<AtomicU64>((WORDS * tags * PoolKind::ALL.len()) as u64)
    }

    /// No counts.
    pub(crate) fn new(carver: &mut Carver, tags: usize) -> Snapshot {
        Snapshot { words: carver.carve((WORDS * tags * PoolKind::ALL.len()) as u64), tags }
    }

    /// Counts anew. One at a time: the caller holds the snapshot lock. Steps: the pages in use, their blocks, and the
    /// tags known, times the shards.
    pub(crate) fn take(
        &self,
        shards: &Shards,
        tags: &TagTable,
        pages: &Pages,
        slack: &[AtomicU16],
        classes: &Classes,
    ) {
        let each = || tags.indices().flat_map(|tag| PoolKind::ALL.map(|kind| (kind, tag)));
        for (kind, tag) in each() {
            let allocations = shards.allocations(kind, tag);
            self.word(kind, tag, ALLOCATIONS).fetch_max(allocations, Ordering::Relaxed);
            self.word(kind, tag, LIVE).store(0, Ordering::Relaxed);
            self.word(kind, tag, LIVE_BYTES).store(0, Ordering::Relaxed);
        }
        walk(pages, classes, |kind, tag, slot, place| {
            if tag.index() < self.tags {
                let slack = slack.get(slot).map_or(0, |slack| u64::from(slack.load(Ordering::Relaxed)));
                // The page may have been cut anew meanwhile, and the two not belong together.
                let bytes = place.saturating_sub(slack);
                add(self.word(kind, tag, LIVE), 1);
                add(self.word(kind, tag, LIVE_BYTES), bytes);
            }
        });
        for (kind, tag) in each() {
            let read = |word| self.word(kind, tag, word).load(Ordering::Relaxed);
            let frees = read(ALLOCATIONS).saturating_sub(read(LIVE));
            self.word(kind, tag, FREES).fetch_max(frees, Ordering::Relaxed);
            self.word(kind, tag, BYTES).store(read(LIVE_BYTES), Ordering::Relaxed);
        }
    }

    /// The counts of the last snapshot.
    pub(crate) fn sums(&self, kind: PoolKind, tag: TagIndex) -> Sums {
        let read = |word| self.word(kind, tag, word).load(Ordering::Relaxed);
        // The frees first: with a snapshot between the two, the allocations are the later ones.
        let frees = read(FREES);
        Sums { allocations: read(ALLOCATIONS), frees, bytes: read(BYTES) }
    }

    fn word(&self, kind: PoolKind, tag: TagIndex, word: usize) -> &AtomicU64 {
        &self.words[(kind.index() * self.tags + tag.index()) * WORDS + word]
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

/// Calls `each` with kind, tag, slot and place size of every live block.
///
/// What is read of a page may be out of date before it is used. So no page is left out because of what another one says:
/// the walk goes from head to head, and there is none within a large block.
fn walk(pages: &Pages, classes: &Classes, mut each: impl FnMut(PoolKind, TagIndex, usize, u64)) {
    for (arena, span) in pages.spans().iter().enumerate() {
        let descriptors = pages.of(arena);
        let mut page = 0;
        let end = pages.frontier(arena);
        while let Some(head) = descriptors.next_head(page, end) {
            let descriptor = &descriptors[head as usize];
            let mut blocks = |page: u32| {
                let cut = descriptors.cut(page);
                for number in 0..cut.blocks(classes) {
                    let slot = cut.slot(number);
                    let word = slot::read(pages.slot(slot));
                    if word.is_live() {
                        let bytes = classes.size(cut.class_of(classes, number)) as u64;
                        each(span.kind, TagIndex::named(word.tag()), slot, bytes);
                    }
                }
            };
            match descriptor.state() {
                State::Cut => blocks(head),
                State::Large => {
                    let length = descriptor.rest_next();
                    let last = head.saturating_add(length.max(1) - 1);
                    if length > 1 && descriptors.get(last).is_some_and(|last| last.state() == State::Cut) {
                        blocks(last);
                    }
                    let slot = descriptors.cut(head).slot(0);
                    let word = slot::read(pages.slot(slot));
                    if word.is_live() {
                        each(span.kind, TagIndex::named(word.tag()), slot, descriptor.bits());
                    }
                }
                _ => {}
            }
            page = head + 1;
        }
    }
}

impl Sums {
    /// The bytes in live blocks.
    pub(crate) fn bytes(self) -> Bytes {
        Bytes(self.bytes)
    }
}
