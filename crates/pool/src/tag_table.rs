//! The table of tags: each tag's index.
//!
//! Slots and counters name a tag by its index. Indices are given in the order of first use and never taken back, so
//! counters only ever grow (POOL-217). Index 0 is [`Tag::OVERFLOW`]: when the table is full, every further tag is
//! counted there, and its blocks' own tags are not known any more. Such a block is never found to be freed with the
//! wrong tag.
//!
//! Open addressing with at least twice as many slots as tags: a look-up that misses ends after a few steps even when
//! the table is full. Looking up takes no lock: a slot is written once, tag and index in one word.
//!
//! # Invariants
//! - A slot in use holds a tag and an index in `1..=known`, and each such index is in one slot.
//! - From a tag's home slot to its slot no slot is empty.

use crate::metadata::{Array, Carver, Tally};
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use ntpool_types::Tag;

/// How many tags can have an index of their own at most: a slot has 13 bits for it.
pub(crate) const TAG_LIMIT: usize = 4096;

/// The index of a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagIndex(u16);

impl TagIndex {
    /// The index of [`Tag::OVERFLOW`].
    pub(crate) const OVERFLOW: TagIndex = TagIndex(0);

    /// The index that a slot names.
    pub(crate) fn named(raw: u16) -> TagIndex {
        TagIndex(raw)
    }

    /// The index as a slot names it.
    #[inline(always)]
    pub(crate) fn raw(self) -> u16 {
        self.0
    }

    /// The index's place in a table of tags.
    #[inline(always)]
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The tags that are known.
pub(crate) struct TagTable {
    /// Index and tag by hash; 0 is an empty slot. A power of two.
    slots: Array<AtomicU64>,
    /// Tags by index.
    tags: Array<AtomicU32>,
    /// How many indices are given, the overflow tag's not counted.
    known: AtomicU32,
}

impl TagTable {
    /// Adds what a table for `capacity` tags needs.
    pub(crate) fn tally(tally: Tally, capacity: usize) -> Tally {
        tally.and::<AtomicU64>(slot_count(capacity) as u64).and::<AtomicU32>(capacity as u64 + 1)
    }

    /// A table that knows the overflow tag.
    pub(crate) fn new(carver: &mut Carver, capacity: usize) -> TagTable {
        let slots = carver.carve(slot_count(capacity) as u64);
        let tags: Array<AtomicU32> = carver.carve(capacity as u64 + 1);
        tags[TagIndex::OVERFLOW.index()].store(Tag::OVERFLOW.0, Ordering::Relaxed);
        TagTable { slots, tags, known: AtomicU32::new(0) }
    }

    /// The tag's index, if it has one.
    pub(crate) fn find(&self, tag: Tag) -> Option<TagIndex> {
        self.probe(tag).ok()
    }

    /// The tag's index, given now if it has none; the overflow tag's when none is left. Inside the central lock only.
    pub(crate) fn intern(&self, tag: Tag) -> TagIndex {
        if tag == Tag::OVERFLOW {
            return TagIndex::OVERFLOW;
        }
        let slot = match self.probe(tag) {
            Ok(index) => return index,
            Err(slot) => slot,
        };
        let index = self.known.load(Ordering::Relaxed) + 1;
        if index as usize == self.tags.len() {
            return TagIndex::OVERFLOW;
        }
        self.tags[index as usize].store(tag.0, Ordering::Relaxed);
        self.known.store(index, Ordering::Release);
        // Release: who finds the index finds the tag behind it.
        self.slots[slot].store(u64::from(index) << 32 | u64::from(tag.0), Ordering::Release);
        TagIndex(index as u16)
    }

    /// The tag with this index.
    pub(crate) fn tag(&self, index: TagIndex) -> Tag {
        Tag(self.tags[index.index()].load(Ordering::Relaxed))
    }

    /// The indices that are given, the overflow tag's first.
    pub(crate) fn indices(&self) -> impl Iterator<Item = TagIndex> + use<> {
        (0..=self.known.load(Ordering::Acquire) as u16).map(TagIndex)
    }

    /// How many indices there can be, the overflow tag's counted.
    pub(crate) fn capacity(&self) -> usize {
        self.tags.len()
    }

    /// The tag's index, or the empty slot where the search for it ended.
    fn probe(&self, tag: Tag) -> Result<TagIndex, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = home(tag, self.slots.len());
        // Ends: at most half of the slots are in use.
        loop {
            let word = self.slots[slot].load(Ordering::Acquire);
            if word == 0 {
                return Err(slot);
            }
            if word as u32 == tag.0 {
                return Ok(TagIndex((word >> 32) as u16));
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Whether the table's invariants hold.
    pub(crate) fn is_consistent(&self) -> bool {
        let used = self.slots.iter().filter(|slot| slot.load(Ordering::Relaxed) != 0).count();
        let found = self.indices().skip(1).all(|index| self.find(self.tag(index)) == Some(index));
        used + 1 == self.indices().count() && found && self.tag(TagIndex::OVERFLOW) == Tag::OVERFLOW
    }
}

/// How many slots a table for `capacity` tags has: a power of two, at least twice as many.
fn slot_count(capacity: usize) -> usize {
    (2 * capacity).next_power_of_two().max(2)
}

/// The slot where the search for a tag begins.
///
/// Tags of one driver differ in one character, often the last: the multiplication by 2^32 over the golden ratio
/// spreads that over the upper bits.
fn home(tag: Tag, slots: usize) -> usize {
    (tag.0.wrapping_mul(0x9E37_79B1) >> (u32::BITS - slots.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::tests::fresh;

    #[test]
    fn a_tag_keeps_its_index_and_a_full_table_overflows() {
        let size = TagTable::tally(Tally::new(), TAG_LIMIT).pages().expect("it is small");
        let table = TagTable::new(&mut fresh(size), TAG_LIMIT);
        let spread = |number: u32| Tag(number.wrapping_mul(0x0101_0101));
        let first: std::vec::Vec<_> = (0..4096).map(|number| table.intern(spread(number))).collect();
        for (number, &index) in (0..).zip(&first) {
            assert_ne!(index, TagIndex::OVERFLOW);
            assert_eq!((table.intern(spread(number)), table.tag(index)), (index, spread(number)));
            assert_eq!(table.find(spread(number)), Some(index));
        }
        assert_eq!(table.intern(spread(4096)), TagIndex::OVERFLOW);
        assert_eq!((table.intern(Tag::OVERFLOW), table.find(Tag::OVERFLOW)), (TagIndex::OVERFLOW, None));
        assert!(table.is_consistent());
        assert_eq!(table.indices().last(), first.last().copied());
        let lost = table.slots.iter().position(|slot| slot.load(Ordering::Relaxed) >> 32 == 1);
        table.slots[lost.expect("the first index is in a slot")].store(0, Ordering::Relaxed);
        assert!(!table.is_consistent());
    }

    #[test]
    fn a_table_for_one_tag_works() {
        let size = TagTable::tally(Tally::new(), 1).pages().expect("it is small");
        let table = TagTable::new(&mut fresh(size), 1);
        let only = table.intern(Tag::NONE);
        assert_ne!(only, TagIndex::OVERFLOW);
        assert_eq!(
            (table.intern(Tag::from_text(*b"more")), table.intern(Tag::NONE)),
            (TagIndex::OVERFLOW, only)
        );
    }
}
