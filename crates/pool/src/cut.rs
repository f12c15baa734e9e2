//! How a page is cut, in one word: all that the fast paths need to know of a page.
//!
//! A page is cut into blocks of one class from an offset on, and what these leave of it is one block more:
//!
//! ```text
//! 0         start                                                  4096
//! |  large  | block 0 | block 1 | ...           | block count-1 | rest |
//! ```
//!
//! `start` is 0 unless the page is the last of a large block, whose bytes come first; it is a multiple of the quantum.
//! The first page of a large block is described as a page with one block of a class without a size here, number 0. The
//! rest has number `count`; it is the block behind which no main block would fit.
//!
//! The word is written inside the central lock, before any of the page's blocks is handed out, and read without it: for a
//! block that is live it does not change. For an address that is none, an old word leads to some slot or other, and
//! nothing is done to a slot that is not live. A page never cut has a word of zeros, which leads to slots that are never
//! live (see [`slots`](crate::slots)).

use crate::class::{Classes, QUANTUM, RECIPROCAL_SHIFT};
use crate::geometry::PAGE;
use crate::slots::UNIT;

/// Where the parts of the word begin; the unit is the lowest.
const CLASS: u32 = 32;
const REST_CLASS: u32 = 40;
const START: u32 = 48;
const REST: u32 = 52;

/// Where a rest can begin: at multiples of this, as every block does.
const REST_STEP: usize = 8;

/// How a page is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut(u64);

/// A block's place, and what that says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The block's class.
    pub(crate) class: usize,
    /// Its slot.
    pub(crate) slot: usize,
}

impl Cut {
    /// A page cut from `start` on into blocks of `class`, whose slots begin at unit `unit`, and nothing is left.
    pub(crate) fn new(unit: u32, class: usize, start: usize) -> Cut {
        Cut::with_rest(unit, class, start, class, PAGE)
    }

    /// The same with a rest of `rest_class`, which begins at `rest`.
    pub(crate) fn with_rest(unit: u32, class: usize, start: usize, rest_class: usize, rest: usize) -> Cut {
        let (start, rest) = ((start / QUANTUM) as u64, (rest / REST_STEP) as u64);
        Cut(u64::from(unit)
            | (class as u64) << CLASS
            | (rest_class as u64) << REST_CLASS
            | start << START
            | rest << REST)
    }

    /// The word that is kept.
    #[inline(always)]
    pub(crate) fn word(self) -> u64 {
        self.0
    }

    /// The cut that a word is.
    #[inline(always)]
    pub(crate) fn from_word(word: u64) -> Cut {
        Cut(word)
    }

    /// The unit where the slots begin; 0 for a page never cut, or without slots.
    #[inline(always)]
    pub(crate) fn unit(self) -> u32 {
        self.0 as u32
    }

    /// The class of the main blocks.
    #[inline(always)]
    pub(crate) fn class(self) -> usize {
        (self.0 >> CLASS) as u8 as usize
    }

    /// The class of the rest.
    #[inline(always)]
    pub(crate) fn rest_class(self) -> usize {
        (self.0 >> REST_CLASS) as u8 as usize
    }

    /// Where the first block begins.
    #[inline(always)]
    pub(crate) fn start(self) -> usize {
        ((self.0 >> START) as usize & (PAGE / QUANTUM - 1)).wrapping_mul(QUANTUM)
    }

    /// Where the rest begins; the page's end where nothing is left.
    #[inline(always)]
    fn rest(self) -> usize {
        ((self.0 >> REST) as usize).wrapping_mul(REST_STEP)
    }

    /// Whether small blocks are, or were, cut from the page.
    pub(crate) fn is_small(self, classes: &Classes) -> bool {
        self.unit() != 0 && self.class() < classes.small_count()
    }

    /// Block `number`'s slot.
    #[inline(always)]
    pub(crate) fn slot(self, number: usize) -> usize {
        (self.unit() as usize).wrapping_mul(UNIT).wrapping_add(number)
    }

    /// The block that begins at `offset`, by what the word says; whether it is live, or still there, the slot tells.
    #[inline(always)]
    pub(crate) fn block_beginning_at(self, classes: &Classes, offset: usize) -> Option<Spot> {
        let (size, reciprocal) = classes.divisor(self.class());
        let from_start = (offset as u32).wrapping_sub(self.start() as u32);
        let number = (from_start >> 3).wrapping_mul(reciprocal) >> RECIPROCAL_SHIFT;
        // A number is below 4096 here, and an offset before the start far above 4096 * 4096: no overflow, no match.
        if number.wrapping_mul(size) != from_start {
            return None;
        }
        // By the word alone: what waits for the class, the head of a magazine, need not wait for the division.
        let class = if offset >= self.rest() { self.rest_class() } else { self.class() };
        Some(Spot { class, slot: self.slot(number as usize) })
    }

    /// The number of the block whose place holds `offset`, if the page is cut there.
    pub(crate) fn block_holding(self, classes: &Classes, offset: usize) -> Option<usize> {
        offset.checked_sub(self.start())?.checked_div(classes.divisor(self.class()).0 as usize)
    }

    /// How many main blocks there are: one where they have no size.
    #[inline]
    pub(crate) fn count(self, classes: &Classes) -> usize {
        let (size, reciprocal) = classes.divisor(self.class());
        let room = (self.rest() - self.start()) as u32;
        if size == 0 { 1 } else { (((room >> 3) * reciprocal) >> RECIPROCAL_SHIFT) as usize }
    }

    /// Whether the main blocks leave a rest.
    #[inline(always)]
    pub(crate) fn has_rest(self) -> bool {
        self.rest() < PAGE
    }

    /// How many blocks there are, the rest included.
    pub(crate) fn blocks(self, classes: &Classes) -> usize {
        self.count(classes) + usize::from(self.has_rest())
    }

    /// Where block `number` begins.
    pub(crate) fn block_offset(self, classes: &Classes, number: usize) -> usize {
        self.start() + number * classes.divisor(self.class()).0 as usize
    }

    /// The class of block `number`.
    pub(crate) fn class_of(self, classes: &Classes, number: usize) -> usize {
        if number < self.count(classes) { self.class() } else { self.rest_class() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Granule;

    #[test]
    fn every_block_of_every_cut_is_found_where_it_begins_and_nowhere_else() {
        for granule in [Granule::Sixteen, Granule::Eight] {
            let classes = Classes::of(granule);
            for start in (0..PAGE).step_by(QUANTUM) {
                for class in 0..classes.small_count() {
                    let size = classes.size(class);
                    if size > PAGE - start {
                        continue;
                    }
                    let rest = (PAGE - start) % size;
                    let cut = match classes.fitting(rest) {
                        Some(rest_class) => Cut::with_rest(7, class, start, rest_class, PAGE - rest),
                        None => Cut::new(7, class, start),
                    };
                    let expected = ((PAGE - start) / size, rest > 0);
                    assert_eq!((cut.count(classes), cut.has_rest()), expected, "{cut:?}");
                    assert_eq!((cut.start(), cut.class(), cut.unit()), (start, class, 7));
                    for offset in 0..PAGE {
                        let number = offset.checked_sub(start).filter(|from| from % size == 0);
                        let expected = number.map(|from| Spot {
                            class: cut.class_of(classes, from / size),
                            slot: 7 * UNIT + from / size,
                        });
                        assert_eq!(cut.block_beginning_at(classes, offset), expected, "{offset} of {cut:?}");
                    }
                    let last = cut.blocks(classes) - 1;
                    let place = classes.size(cut.class_of(classes, last));
                    assert_eq!(cut.block_offset(classes, last) + place, PAGE, "{cut:?}");
                }
            }
        }
    }

    #[test]
    fn a_large_blocks_first_page_has_one_block_at_its_beginning() {
        let classes = Classes::of(Granule::Sixteen);
        for class in [classes.small_count(), classes.huge()] {
            let cut = Cut::new(9, class, 0);
            assert_eq!(cut.block_beginning_at(classes, 0), Some(Spot { class, slot: 9 * UNIT }));
            assert!((1..PAGE).all(|offset| cut.block_beginning_at(classes, offset).is_none()));
            assert_eq!(cut.blocks(classes), 1);
        }
    }
}
