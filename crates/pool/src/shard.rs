//! Shards: what one holder has to itself.
//!
//! A shard is a magazine for each bin and a counter for each tag. Whoever holds the shard is the only one to write it, so
//! its words are written with plain stores; they are atomics for readers, who hold another shard or none.
//!
//! A *magazine* is a stack of free blocks of one bin (one size class of one arena), each with the number of its slot, so
//! that handing it out needs no look at its page. The head of a magazine says where its stack's last block, its bottom and
//! its limit are. At the bottom of each stack is no block, and in the header's first words, where the heads of magazines
//! never used point, neither: who takes what is on top sees from that alone whether there is a block. A magazine begins with room for nothing and doubles its room each time it
//! runs empty or full, up to its class's; so a thread that needs little keeps little.
//!
//! A *counter* counts the allocations of a tag, and nothing else: its frees follow from the live slots (see
//! [`snapshot`](crate::snapshot)). Every [`TICK`]th allocation of a tag looks at the clock.
//!
//! # Layout
//! ```text
//! | header | heads: by bin | stacks: two words for none, then for each block | ring | counters: by kind, then tag |
//! ```
//!
//! # Promise
//! No word outside of the shard is reached: every place is computed from the plan, bins of the pool and tags of its
//! table.
#![expect(unsafe_code, reason = "the fast paths find words of the shard without bounds checks")]

use crate::class::Classes;
use crate::metadata::{Array, Carver, Tally};
use crate::slots::STRIPES;
use crate::sync::{AtomicU64, Ordering};
use crate::tag_table::TagIndex;
use core::marker::PhantomData;
use core::num::NonZeroUsize;
use core::ptr::{self, NonNull};
use ntpool_types::{PoolKind, VirtualAddress};

/// Allocations of a tag between two looks at the clock: a power of two.
pub(crate) const TICK: u64 = 256;

/// Words before the heads: a cache line.
const HEADER: usize = 8;

/// The header's word for the state of the shuffle. Its first two words are no block.
const SHUFFLE: usize = 2;
/// The header's word for the place in the quarantine's ring.
const RING_AT: usize = 3;

/// A free block in a magazine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its address; the lowest bit says that its bytes are known to be zero.
    block: u64,
    /// The number of its slot.
    pub(crate) slot: u64,
}

impl Entry {
    /// No block.
    pub(crate) const NONE: Entry = Entry { block: 0, slot: 0 };

    /// A block with unknown contents.
    #[inline(always)]
    pub(crate) fn new(address: VirtualAddress, slot: usize) -> Entry {
        Entry { block: address.0, slot: slot as u64 }
    }

    /// The same block, known to be zero if `zero` says so.
    pub(crate) fn zero(self, zero: bool) -> Entry {
        Entry { block: self.block & !1 | u64::from(zero), ..self }
    }

    /// Where the block begins.
    #[inline(always)]
    pub(crate) fn address(self) -> VirtualAddress {
        VirtualAddress(self.block & !1)
    }

    /// Whether its bytes are known to be zero.
    #[inline(always)]
    pub(crate) fn is_zero(self) -> bool {
        self.block & 1 != 0
    }

    /// The entry as the two words that depots keep.
    pub(crate) fn words(self) -> [u64; 2] {
        [self.block, self.slot]
    }

    /// The entry that two words are.
    pub(crate) fn from_words(words: [u64; 2]) -> Entry {
        Entry { block: words[0], slot: words[1] }
    }
}

/// The words of a magazine's head: the places of the entry on top of its stack, of the one at the bottom, which is none,
/// and of the last that there is room for; in words of the shard.
///
/// A magazine that was never used has all three at 0: empty and full.
const TOP: usize = 0;
const BOTTOM: usize = 1;
const LIMIT: usize = 2;

/// Words from one head to the next.
const HEAD: usize = 4;

/// Words of an entry.
const ENTRY: usize = 2;

/// Every shard.
pub(crate) struct Shards {
    words: Array<AtomicU64>,
    plan: Plan,
    count: usize,
}

/// How a shard is laid out, in words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    bins: usize,
    classes: usize,
    room: usize,
    ring: usize,
    tags: usize,
    stacks_at: usize,
    ring_at: usize,
    counters_at: usize,
    /// Whole cache lines, so that no two shards share one.
    words: usize,
}

impl Plan {
    /// Shards for `arenas` arenas, a quarantine of `ring` blocks, and `tags` tags.
    pub(crate) fn new(classes: &Classes, arenas: usize, ring: usize, tags: usize) -> Plan {
        let (bins, room) = (arenas * classes.count(), classes.magazine_room());
        // An arena's heads more, of bins that never have a block: for kinds that have no memory.
        let stacks_at = HEADER + HEAD * (bins + classes.count());
        let ring_at = stacks_at + ENTRY * (room + classes.count()) * arenas;
        let counters_at = ring_at + 2 * ring;
        let words = (counters_at + PoolKind::ALL.len() * tags).next_multiple_of(HEADER);
        Plan { bins, classes: classes.count(), room, ring, tags, stacks_at, ring_at, counters_at, words }
    }

    /// The word that counts a tag's allocations.
    pub(crate) fn counter(&self, kind: PoolKind, tag: TagIndex) -> usize {
        self.counters_at + kind.index() * self.tags + tag.index()
    }

    /// The first of as many bins as there are classes that never have a block.
    pub(crate) fn empty_bin(&self) -> usize {
        self.bins
    }
}

impl Shards {
    /// Adds what `count` shards need.
    pub(crate) fn tally(tally: Tally, plan: &Plan, count: usize) -> Tally {
        tally.and::<AtomicU64>((count as u64).saturating_mul(plan.words as u64))
    }

    /// `count` empty shards.
    pub(crate) fn new(carver: &mut Carver, plan: Plan, count: usize) -> Shards {
        Shards { words: carver.carve((count as u64).saturating_mul(plan.words as u64)), plan, count }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The shard with this number.
    pub(crate) fn handle(&self, number: usize) -> Option<ShardHandle> {
        (number < self.count)
            .then(|| ShardHandle(NonNull::from(&self.words[number * self.plan.words]).addr()))
    }

    /// The shard that a hold is on.
    #[inline(always)]
    pub(crate) fn held(&self, handle: ShardHandle) -> Shard<'_> {
        Shard { first: ptr::with_exposed_provenance(handle.0.get()), plan: &self.plan, words: PhantomData }
    }

    /// The shard with this number, for reading.
    pub(crate) fn shard(&self, number: usize) -> Shard<'_> {
        self.held(self.handle(number).expect("below the number of shards"))
    }

    /// How the shards are laid out.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The allocations that all shards counted for a tag.
    pub(crate) fn allocations(&self, kind: PoolKind, tag: TagIndex) -> u64 {
        (0..self.count).map(|number| self.shard(number).allocations(kind, tag)).fold(0, u64::wrapping_add)
    }
}

/// The shards of a pool, for its platform to hand out.
#[derive(Clone, Copy)]
pub struct ShardSet<'a>(pub(crate) &'a Shards);

impl ShardSet<'_> {
    /// The shard with this number.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[inline(always)]
    pub fn get(self, number: usize) -> ShardHandle {
        match self.0.handle(number) {
            Some(handle) => handle,
            None => no_such_shard(number, self.0.count),
        }
    }
}

#[cold]
#[inline(never)]
fn no_such_shard(number: usize, count: usize) -> ! {
    panic!("the platform handed out shard {number} of {count}")
}

/// A shard, as its holder knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardHandle(NonZeroUsize);

impl ShardHandle {
    /// The handle as a number, for a place that can only keep one.
    #[must_use]
    #[inline(always)]
    pub fn address(self) -> NonZeroUsize {
        self.0
    }

    /// The handle that [`address`](ShardHandle::address) made a number of.
    ///
    /// # Safety
    /// 1. The number is that of a handle.
    #[must_use]
    #[inline(always)]
    pub unsafe fn from_address(address: NonZeroUsize) -> ShardHandle {
        ShardHandle(address)
    }
}

/// One shard. Its writing routines are for its holder.
///
/// Bins are numbers of bins of the pool, and tags indices of its table: every caller has them from there.
#[derive(Clone, Copy)]
pub(crate) struct Shard<'a> {
    /// Invariant: the first word of one of the pool's shards.
    first: *const AtomicU64,
    plan: &'a Plan,
    words: PhantomData<&'a AtomicU64>,
}

impl<'a> Shard<'a> {
    /// A word of the shard.
    #[inline(always)]
    fn word(self, place: usize) -> &'a AtomicU64 {
        debug_assert!(place < self.plan.words, "word {place} of {}", self.plan.words);
        // SAFETY: the shard has `plan.words` words from `first` on, and every place asked for is below: heads by bins
        // of the pool, stacks by what heads say, which this module alone writes, from the plan; counters by tags of the
        // pool's table, which has as many as the plan.
        unsafe { &*self.first.add(place) }
    }

    #[inline(always)]
    fn head(self, bin: usize, word: usize) -> &'a AtomicU64 {
        debug_assert!(bin < self.plan.bins + self.plan.classes, "bin {bin} of {}", self.plan.bins);
        self.word(HEADER.wrapping_add(HEAD.wrapping_mul(bin)).wrapping_add(word))
    }

    #[inline(always)]
    fn place(self, bin: usize, word: usize) -> usize {
        self.head(bin, word).load(Ordering::Relaxed) as usize
    }

    /// The stripe that the shard takes pages from.
    pub(crate) fn stripe(self) -> usize {
        // Shards are whole cache lines apart; neighbours differ.
        (self.first.addr() / (self.plan.words * size_of::<AtomicU64>())) % STRIPES
    }

    /// How many blocks are in a magazine.
    pub(crate) fn count_in(self, bin: usize) -> usize {
        (self.place(bin, TOP) - self.place(bin, BOTTOM)) / ENTRY
    }

    /// How many blocks a magazine has room for now.
    pub(crate) fn limit(self, bin: usize) -> usize {
        (self.place(bin, LIMIT) - self.place(bin, BOTTOM)) / ENTRY
    }

    /// Takes the block that was put into the magazine last.
    #[inline(always)]
    pub(crate) fn pop(self, bin: usize) -> Option<Entry> {
        let top = self.place(bin, TOP);
        let entry = self.entry(top);
        if entry.block == 0 {
            return None;
        }
        // Above the bottom, so nothing wraps.
        self.head(bin, TOP).store(top.wrapping_sub(ENTRY) as u64, Ordering::Relaxed);
        Some(entry)
    }

    /// Puts a block into the magazine; whether there was room.
    #[inline(always)]
    pub(crate) fn push(self, bin: usize, entry: Entry) -> bool {
        let top = self.place(bin, TOP);
        if top == self.place(bin, LIMIT) {
            return false;
        }
        let top = top.wrapping_add(ENTRY);
        self.set_entry(top, entry);
        self.head(bin, TOP).store(top as u64, Ordering::Relaxed);
        true
    }

    /// Doubles the magazine's room, up to its class's; what it is then.
    pub(crate) fn widen(self, bin: usize, classes: &Classes) -> usize {
        let (count, limit) = (self.count_in(bin), self.limit(bin));
        let room = (2 * limit).max(FIRST_ROOM).min(classes.magazine(bin % self.plan.classes));
        self.set_head(bin, classes, count, room);
        room
    }

    /// Puts a huge block into its magazine, which [`push`](Shard::push) finds full at all times: the one that has been
    /// there longest, if that had to make room.
    pub(crate) fn keep(self, bin: usize, entry: Entry, classes: &Classes) -> Option<Entry> {
        let mut oldest = None;
        if self.count_in(bin) == classes.magazine(bin % self.plan.classes) {
            oldest = self.entries(bin).next();
            self.drop_oldest(bin, 1);
        }
        let count = self.count_in(bin);
        self.set_head(bin, classes, count, count + 1);
        self.push(bin, entry);
        oldest
    }

    /// Takes the huge block that fits out of its magazine.
    pub(crate) fn take_kept(
        self,
        bin: usize,
        classes: &Classes,
        fits: impl FnMut(Entry) -> bool,
    ) -> Option<Entry> {
        let count = self.count_in(bin);
        let found = self.entries(bin).position(fits)?;
        let place = self.place(bin, BOTTOM) + ENTRY * (found + 1);
        let entry = self.entry(place);
        self.set_entry(place, self.entry(self.place(bin, TOP)));
        self.set_head(bin, classes, count - 1, count - 1);
        Some(entry)
    }

    fn set_head(self, bin: usize, classes: &Classes, count: usize, room: usize) {
        let (arena, class) = (bin / self.plan.classes, bin % self.plan.classes);
        // A place for none in each of the stacks before.
        let stack = arena * (self.plan.room + self.plan.classes) + classes.magazine_at(class) + class;
        let bottom = self.plan.stacks_at + ENTRY * stack;
        for (word, place) in [(BOTTOM, 0), (TOP, count), (LIMIT, room)] {
            self.head(bin, word).store((bottom + ENTRY * place) as u64, Ordering::Relaxed);
        }
    }

    /// Makes the magazine as if it had never been used.
    pub(crate) fn forget(self, bin: usize) {
        for word in [TOP, BOTTOM, LIMIT] {
            self.head(bin, word).store(0, Ordering::Relaxed);
        }
    }

    /// Takes the `count` blocks out that have been in the magazine longest: the first ones of [`entries`](Shard::entries).
    pub(crate) fn drop_oldest(self, bin: usize, count: usize) {
        let (bottom, top) = (self.place(bin, BOTTOM), self.place(bin, TOP));
        for place in (bottom + ENTRY..=top - ENTRY * count).step_by(ENTRY) {
            self.set_entry(place, self.entry(place + ENTRY * count));
        }
        self.head(bin, TOP).store((top - ENTRY * count) as u64, Ordering::Relaxed);
    }

    /// The blocks in a magazine, those first that have been there longest.
    pub(crate) fn entries(self, bin: usize) -> impl Iterator<Item = Entry> + 'a {
        let (bottom, top) = (self.place(bin, BOTTOM), self.place(bin, TOP));
        (bottom + ENTRY..=top).step_by(ENTRY).map(move |place| self.entry(place))
    }

    /// Swaps the magazine's top with one of its blocks, by chance.
    pub(crate) fn shuffle(self, bin: usize, salt: u64) {
        let (bottom, top) = (self.place(bin, BOTTOM), self.place(bin, TOP));
        let count = (top - bottom) / ENTRY;
        if count < 2 {
            return;
        }
        let word = self.word(SHUFFLE);
        let mut state = word.load(Ordering::Relaxed);
        if state == 0 {
            state = salt | 1;
        }
        // Xorshift (Marsaglia 2003): not a secret from who can read the pool's metadata, but from everybody else.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.store(state, Ordering::Relaxed);
        let chosen = bottom + ENTRY + ENTRY * ((((state >> 32) * count as u64) >> 32) as usize);
        let (a, b) = (self.entry(chosen), self.entry(top));
        self.set_entry(chosen, b);
        self.set_entry(top, a);
    }

    /// Puts a freed block into the quarantine: the one that leaves it, once it is full.
    pub(crate) fn quarantine(self, entry: Entry) -> Option<Entry> {
        let at = self.word(RING_AT).load(Ordering::Relaxed) as usize;
        let place = self.plan.ring_at + 2 * at;
        let oldest = [0, 1].map(|word| self.word(place + word).load(Ordering::Relaxed));
        for (word, value) in entry.words().into_iter().enumerate() {
            self.word(place + word).store(value, Ordering::Relaxed);
        }
        self.word(RING_AT).store(((at + 1) % self.plan.ring) as u64, Ordering::Relaxed);
        (oldest[0] != 0).then(|| Entry::from_words(oldest))
    }

    /// Takes every block out of the quarantine.
    pub(crate) fn empty_quarantine(self, mut each: impl FnMut(Entry)) {
        for place in (self.plan.ring_at..self.plan.counters_at).step_by(2) {
            let words = [0, 1].map(|word| self.word(place + word).swap(0, Ordering::Relaxed));
            if words[0] != 0 {
                each(Entry::from_words(words));
            }
        }
    }

    /// The blocks in the quarantine.
    pub(crate) fn quarantined(self) -> impl Iterator<Item = Entry> + 'a {
        (self.plan.ring_at..self.plan.counters_at).step_by(2).filter_map(move |place| {
            let words = [0, 1].map(|word| self.word(place + word).load(Ordering::Relaxed));
            (words[0] != 0).then(|| Entry::from_words(words))
        })
    }

    /// Counts an allocation; whether it is time to look at the clock.
    #[inline(always)]
    pub(crate) fn count(self, counter: usize) -> bool {
        let counter = self.word(counter);
        let count = counter.load(Ordering::Relaxed).wrapping_add(1);
        // Release: who sees the allocation counted sees its block live.
        counter.store(count, Ordering::Release);
        count.is_multiple_of(TICK)
    }

    /// The allocations counted for a tag.
    pub(crate) fn allocations(self, kind: PoolKind, tag: TagIndex) -> u64 {
        self.word(self.plan.counter(kind, tag)).load(Ordering::Acquire)
    }

    #[inline(always)]
    fn entry(self, place: usize) -> Entry {
        let block = self.word(place).load(Ordering::Relaxed);
        let slot = self.word(place.wrapping_add(1)).load(Ordering::Relaxed);
        Entry { block, slot }
    }

    #[inline(always)]
    fn set_entry(self, place: usize, entry: Entry) {
        self.word(place).store(entry.block, Ordering::Relaxed);
        self.word(place.wrapping_add(1)).store(entry.slot, Ordering::Relaxed);
    }
}

/// The room of a magazine when it is first used.
const FIRST_ROOM: usize = 4;
