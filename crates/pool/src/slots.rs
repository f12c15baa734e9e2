//! Where slots are: areas of units, one area a page that was ever cut.
//!
//! A unit is eight slots, 16 bytes. A page keeps its area when its blocks are gone, so that a second free of one is still
//! told, until the page is cut anew: then it takes an area of the right length and gives the old one back.
//!
//! # Layout of an area
//! A slot for each block; for more than 64 blocks, rounded up to eight slots, the bitmap of free blocks in words of 16
//! bits. The first units are no page's: there the words of pages that were never cut lead, and no slot is ever live.

use crate::geometry::BLOCKS_LIMIT;

/// Slots in a unit.
pub(crate) const UNIT: usize = 8;

/// Bits in a word of an area's bitmap.
pub(crate) const BITS_PER_WORD: usize = 16;

/// The longest area: every block of a page cut as finely as can be, and its bitmap.
const LONGEST: usize = units(BLOCKS_LIMIT);

/// Units that are no page's, before the first area and behind the last: a look-up by an old word and an address that is
/// no block's may reach a page's most slots behind any unit.
pub(crate) const GUARD: usize = BLOCKS_LIMIT / UNIT;

/// The units that `blocks` blocks need.
pub(crate) const fn units(blocks: usize) -> usize {
    (bitmap_at(blocks) + bitmap_words(blocks)).div_ceil(UNIT)
}

/// Where the bitmap begins in an area for `blocks` blocks.
pub(crate) const fn bitmap_at(blocks: usize) -> usize {
    blocks.next_multiple_of(UNIT)
}

/// The words of the bitmap of an area for `blocks` blocks.
pub(crate) const fn bitmap_words(blocks: usize) -> usize {
    if blocks > 64 { blocks.div_ceil(BITS_PER_WORD) } else { 0 }
}

/// How many stripes there are: a power of two.
///
/// What one processor writes lies apart from what others write: pages with free blocks are kept in lists by stripe, and
/// their slots in areas from chunks by stripe, so that two processors seldom write to one cache line. More stripes would
/// keep more pages partly filled.
pub(crate) const STRIPES: usize = 4;

/// Units that a stripe takes at a time: more than the longest area.
const CHUNK: u32 = 256;

/// The areas of one stripe.
struct Stripe {
    /// The first free area of each length, by its first unit.
    free: [u32; LONGEST + 1],
    /// The first unit of its chunk that was never used.
    next: u32,
    /// The first unit behind its chunk.
    end: u32,
}

/// Which areas are free.
///
/// # Invariants
/// A unit is in one page's area, in one free area, at the end of a chunk that was too short, or has never been used.
pub(crate) struct Areas {
    stripes: [Stripe; STRIPES],
    /// The first unit that is in no chunk.
    next: u32,
    /// The first unit that is not there.
    end: u32,
}

impl Areas {
    /// The most units that a page can need.
    pub(crate) const MOST: usize = LONGEST;

    /// Areas in `count` units behind the guard; none is taken.
    pub(crate) fn new(count: u64) -> Areas {
        let end = u32::try_from(count + GUARD as u64).unwrap_or(u32::MAX);
        let stripes = core::array::from_fn(|_| Stripe { free: [0; LONGEST + 1], next: 0, end: 0 });
        Areas { stripes, next: GUARD as u32, end }
    }

    /// Takes an area of `units` units for a page of a stripe: its first unit, or nothing when no room is left.
    ///
    /// `link` reads a free area's first two slots, where the next one's unit is.
    pub(crate) fn take(&mut self, stripe: usize, units: usize, link: impl Fn(u32) -> u32) -> Option<u32> {
        // Its own first, then a new chunk, then what others have.
        self.take_own(stripe, units, &link)
            .or_else(|| self.chunk(stripe, units))
            .or_else(|| (0..STRIPES).find_map(|other| self.take_own(other, units, &link)))
    }

    /// Takes a free area of any stripe that is longer than `units` units: its first unit, and its length.
    pub(crate) fn take_longer(&mut self, units: usize, link: impl Fn(u32) -> u32) -> Option<(u32, usize)> {
        let lengths =
            (0..STRIPES).flat_map(|stripe| (units + 1..=LONGEST).map(move |length| (stripe, length)));
        let (stripe, length) =
            lengths.into_iter().find(|&(stripe, length)| self.stripes[stripe].free[length] != 0)?;
        let free = &mut self.stripes[stripe].free[length];
        let unit = *free;
        *free = link(unit);
        Some((unit, length))
    }

    fn take_own(&mut self, stripe: usize, units: usize, link: &impl Fn(u32) -> u32) -> Option<u32> {
        let stripe = &mut self.stripes[stripe];
        let first = stripe.free[units];
        if first != 0 {
            stripe.free[units] = link(first);
            return Some(first);
        }
        let unit = stripe.next;
        if stripe.end - unit < units as u32 {
            return None;
        }
        stripe.next = unit + units as u32;
        Some(unit)
    }

    /// Takes a new chunk for a stripe, and an area from it.
    fn chunk(&mut self, stripe: usize, units: usize) -> Option<u32> {
        let length = CHUNK.min(self.end - self.next);
        if length < units as u32 {
            return None;
        }
        let unit = self.next;
        self.next += length;
        let stripe = &mut self.stripes[stripe];
        (stripe.next, stripe.end) = (unit + units as u32, unit + length);
        Some(unit)
    }

    /// Gives an area of a stripe's page back. `set_link` writes a free area's first two slots.
    pub(crate) fn give_back(
        &mut self,
        stripe: usize,
        unit: u32,
        units: usize,
        set_link: impl FnOnce(u32, u32),
    ) {
        let free = &mut self.stripes[stripe].free[units];
        set_link(unit, *free);
        *free = unit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_holds_slots_and_bitmap_and_no_unit_more() {
        for blocks in 1..=BLOCKS_LIMIT {
            let needed = bitmap_at(blocks) + bitmap_words(blocks);
            assert!(units(blocks) * UNIT >= needed, "{blocks}");
            assert!(units(blocks) * UNIT < needed + UNIT, "{blocks}");
            assert!(blocks <= 64 || bitmap_words(blocks) * BITS_PER_WORD >= blocks);
        }
    }

    #[test]
    fn areas_given_back_are_taken_again_and_others_do_not_overlap() {
        let guard = GUARD as u32;
        let mut areas = Areas::new(10);
        let mut links = std::collections::BTreeMap::new();
        let first = areas.take(0, 3, |_| unreachable!()).expect("room for three");
        let second = areas.take(0, 4, |_| unreachable!()).expect("room for four more");
        assert_eq!((first, second), (guard, guard + 3));
        areas.give_back(0, first, 3, |unit, next| assert_eq!(links.insert(unit, next), None));
        assert_eq!(areas.take(0, 4, |_| unreachable!()), None, "three units are left at the end");
        assert_eq!(
            areas.take(1, 3, |unit| links[&unit]),
            Some(first),
            "another stripe's, for want of others"
        );
        assert_eq!(areas.take(0, 3, |_| unreachable!()), Some(guard + 7));
        assert_eq!(areas.take(0, 1, |_| unreachable!()), None);
    }

    #[test]
    fn for_want_of_an_area_of_the_right_length_a_longer_one_is_taken() {
        let mut areas = Areas::new(6);
        let long = areas.take(2, 6, |_| unreachable!()).expect("there is room");
        assert_eq!(areas.take_longer(2, |_| unreachable!()), None);
        areas.give_back(2, long, 6, |_, next| assert_eq!(next, 0));
        assert_eq!(areas.take(0, 2, |_| unreachable!()), None);
        assert_eq!(areas.take_longer(6, |_| unreachable!()), None);
        assert_eq!(areas.take_longer(2, |_| 0), Some((long, 6)));
        assert_eq!(areas.take_longer(2, |_| unreachable!()), None);
    }

    #[test]
    fn stripes_take_areas_from_different_cache_lines() {
        let mut areas = Areas::new(4 * u64::from(CHUNK));
        let mut line = |stripe| areas.take(stripe, 1, |_| unreachable!()).expect("there is room") / 4;
        let (zero, one) = (line(0), line(1));
        assert_ne!(zero, one);
        assert_eq!((line(0), line(1)), (zero, one));
    }
}
