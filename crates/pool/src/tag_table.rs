//! The table of tags: each tag's 16-bit index.
//!
//! Block records and counters name a tag by its index. Indices are given in the order of first use and never taken
//! back, so counters only ever grow (POOL-217). Index 0 is [`Tag::OVERFLOW`]: when [`TAG_CAPACITY`] tags are known,
//! every further one is counted there, and its blocks' own tags are not known any more. Such a block is never found
//! to be freed with the wrong tag.
//!
//! Open addressing with twice as many slots as tags: a look-up that misses ends after a few steps even when the table
//! is full, and takes [`SLOT_COUNT`] steps in the worst case.
//!
//! # Invariants
//! - A slot in use holds an index in `1..=known`, and each such index is in one slot.
//! - From a tag's home slot to its slot no slot is empty.

use crate::metadata::{Array, Carver, Tally};
use ntpool_types::Tag;

/// How many tags have an index of their own.
pub(crate) const TAG_CAPACITY: usize = 4096;

/// How many indices there are: the overflow tag has one as well.
pub(crate) const INDEX_COUNT: usize = TAG_CAPACITY + 1;

/// How many slots the hash table has: a power of two.
const SLOT_COUNT: usize = 2 * TAG_CAPACITY;

/// The index of a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagIndex(u16);

impl TagIndex {
    /// The index of [`Tag::OVERFLOW`].
    pub(crate) const OVERFLOW: TagIndex = TagIndex(0);

    /// The index's place in a table of tags.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The tags that are known.
pub(crate) struct TagTable {
    /// Indices by hash; 0 is an empty slot.
    slots: Array<u16>,
    /// Tags by index.
    tags: Array<u32>,
    /// How many indices are given, the overflow tag's not counted.
    known: u16,
}

impl TagTable {
    /// Adds what a table needs.
    pub(crate) fn tally(tally: Tally) -> Tally {
        tally.and::<u16>(SLOT_COUNT as u64).and::<u32>(INDEX_COUNT as u64)
    }

    /// A table that knows the overflow tag.
    pub(crate) fn new(carver: &mut Carver) -> TagTable {
        let slots = carver.carve(SLOT_COUNT as u64);
        let mut tags: Array<u32> = carver.carve(INDEX_COUNT as u64);
        tags[TagIndex::OVERFLOW.index()] = Tag::OVERFLOW.0;
        TagTable { slots, tags, known: 0 }
    }

    /// The tag's index, given now if it has none; the overflow tag's when none is left.
    pub(crate) fn intern(&mut self, tag: Tag) -> TagIndex {
        if tag == Tag::OVERFLOW {
            return TagIndex::OVERFLOW;
        }
        let mut slot = home(tag);
        // Ends: at most half of the slots are in use.
        while self.slots[slot] != 0 {
            if self.tags[usize::from(self.slots[slot])] == tag.0 {
                return TagIndex(self.slots[slot]);
            }
            slot = (slot + 1) % SLOT_COUNT;
        }
        if usize::from(self.known) == TAG_CAPACITY {
            return TagIndex::OVERFLOW;
        }
        self.known += 1;
        self.slots[slot] = self.known;
        self.tags[usize::from(self.known)] = tag.0;
        TagIndex(self.known)
    }

    /// The tag with this index.
    pub(crate) fn tag(&self, index: TagIndex) -> Tag {
        Tag(self.tags[index.index()])
    }

    /// The `place`-th index that is given.
    pub(crate) fn nth(&self, place: usize) -> Option<TagIndex> {
        (place <= usize::from(self.known)).then_some(TagIndex(place as u16))
    }

    /// Whether the table's invariants hold.
    pub(crate) fn is_consistent(&self) -> bool {
        let used = self.slots.iter().filter(|&&index| index != 0).count();
        let found = (1..=self.known).all(|index| {
            let mut slot = home(Tag(self.tags[usize::from(index)]));
            for _ in 0..SLOT_COUNT {
                match self.slots[slot] {
                    0 => return false,
                    other if other == index => return true,
                    _ => slot = (slot + 1) % SLOT_COUNT,
                }
            }
            false
        });
        used == usize::from(self.known) && found && self.tags[0] == Tag::OVERFLOW.0
    }
}

/// The slot where the search for a tag begins.
///
/// Tags of one driver differ in one character, often the last: the multiplication by 2^32 over the golden ratio
/// spreads that over the upper bits.
fn home(tag: Tag) -> usize {
    (tag.0.wrapping_mul(0x9E37_79B1) >> (u32::BITS - SLOT_COUNT.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::tests::fresh;

    #[test]
    fn a_tag_keeps_its_index_and_a_full_table_overflows() {
        let size = TagTable::tally(Tally::new()).pages().expect("it is small");
        let mut table = TagTable::new(&mut fresh(size));
        let spread = |number: u32| Tag(number.wrapping_mul(0x0101_0101));
        let first: std::vec::Vec<_> = (0..4096).map(|number| table.intern(spread(number))).collect();
        for (number, &index) in (0..).zip(&first) {
            assert_ne!(index, TagIndex::OVERFLOW);
            assert_eq!((table.intern(spread(number)), table.tag(index)), (index, spread(number)));
        }
        assert_eq!(table.intern(spread(4096)), TagIndex::OVERFLOW);
        assert_eq!(table.intern(Tag::OVERFLOW), TagIndex::OVERFLOW);
        assert!(table.is_consistent());
        assert_eq!((table.nth(4096), table.nth(4097)), (first.last().copied(), None));
        let lost = table.slots.iter().position(|&slot| slot == 1).expect("the first index is in a slot");
        table.slots[lost] = 0;
        assert!(!table.is_consistent());
    }
}
