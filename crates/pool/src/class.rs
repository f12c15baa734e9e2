//! Size classes: the block sizes that the pool cuts.
//!
//! Up to a page: steps of a granule to 512 (of 8 bytes to 256 where the granule is 8), 64 to 1024, 128 to 2048, 256 to
//! 4096. Fine steps where most requests are; from 512 up a step is at most an eighth of the size below it, so rounding
//! never adds more than an eighth. A power of two is a class of its own, because drivers ask for them; the largest of
//! these is the whole page (POOL-005).
//!
//! Above a page, up to [`CACHED`]: steps of 512 bytes to 8 KiB, 1 KiB to 16 KiB, whole pages to 256 KiB. Such a block has a
//! run of pages; what it leaves of the last one is cut for smaller blocks. Larger ones are *huge*, one class without a
//! size of its own: their ends are multiples of 512 bytes.
//!
//! Whatever a page's main class leaves of it is exactly one block of another class, by the choice of steps: for every
//! class and every start that is a multiple of 512 bytes, the remainder is a size of a class (proved by a test over
//! all of them). So a page has at most two classes, and a block's number is its offset divided by the main size.

use crate::geometry::{Granule, PAGE};
use core::ops::RangeInclusive;
use ntpool_types::PageCount;

/// The largest size that magazines keep.
pub(crate) const CACHED: usize = 262_144;

/// How many huge blocks a shard keeps for requests of exactly their size.
pub(crate) const HUGE_KEPT: usize = 2;

/// The bytes of those that are kept so. What is huge for its alignment alone is not.
pub(crate) const KEPT: RangeInclusive<u64> = CACHED as u64 + 1..=1 << 20;

/// The bytes of the largest block that the shards of a kind of pool keep.
///
/// What one shard keeps another may want: above 64 KiB blocks are kept as far as full magazines of all of them, in every
/// shard, are a 32nd of the pages that there may be.
pub(crate) fn largest_kept(classes: &Classes, pages: PageCount, shards: usize) -> u64 {
    let mut share = pages.bytes().0 / 32 / shards.max(1) as u64;
    let mut largest = ALWAYS_KEPT;
    for class in classes.scarce() {
        let (blocks, size) = (classes.magazine(class) as u64, classes.size(class) as u64);
        if class == classes.huge() {
            return (share / blocks).clamp(largest, *KEPT.end());
        }
        match share.checked_sub(blocks * size) {
            Some(rest) => share = rest,
            None => break,
        }
        largest = size;
    }
    largest
}

/// Blocks up to this are kept in any pool.
const ALWAYS_KEPT: u64 = 65_536;

/// Where large blocks end: at multiples of this, so that what they leave of a page is the size of a class.
pub(crate) const QUANTUM: usize = 512;

/// The sizes of tables: every class number is a byte, so that no look-up needs to check it.
pub(crate) const CLASS_LIMIT: usize = 256;

/// No magazine holds more blocks.
pub(crate) const MAGAZINE_LIMIT: usize = magazine_of(0);

/// Everything that is known of the classes of one granule.
pub(crate) struct Classes {
    /// Bytes of each class's blocks; 0 for the huge class.
    sizes: [u32; CLASS_LIMIT],
    /// Size and [`reciprocal`] of a class that pages are cut into, in one word; 0 above a page.
    divisors: [u64; CLASS_LIMIT],
    /// How many blocks a shard's magazine of the class holds at most.
    magazines: [u16; CLASS_LIMIT],
    /// Where the class's magazine begins among a shard's.
    magazine_at: [u16; CLASS_LIMIT],
    /// The class by size, in granules, up to a page.
    small: [u8; 513],
    /// The class by size, in quanta, above a page.
    large: [u8; CACHED / QUANTUM + 1],
    /// How many classes serve requests up to a page.
    small_count: usize,
    /// How many there are, the huge class included.
    count: usize,
    /// How many blocks all magazines of a shard hold.
    magazine_room: usize,
    granule: Granule,
}

/// A band of sizes: its last, and the step between two.
type Band = (usize, usize);

const SMALL_16: [Band; 4] = [(512, 16), (1024, 64), (2048, 128), (PAGE, 256)];
const SMALL_8: [Band; 5] = [(256, 8), (512, 16), (1024, 64), (2048, 128), (PAGE, 256)];
const LARGE: [Band; 3] = [(8192, 512), (16_384, 1024), (CACHED, 4096)];

/// What a number of eight-byte units is multiplied with, and shifted by [`RECIPROCAL_SHIFT`], to divide it by
/// `size / 8`. Exact for every offset in a page (proved by a test over all of them).
const fn reciprocal(size: usize) -> u32 {
    (1_u32 << RECIPROCAL_SHIFT).div_ceil((size / 8) as u32)
}

/// See [`reciprocal`].
pub(crate) const RECIPROCAL_SHIFT: u32 = 20;

/// How many blocks a magazine of blocks of this size holds.
///
/// Large enough that a random walk of allocations and frees seldom leaves it, small enough that a thread that goes to
/// sleep keeps little: 4 to 12 KiB of each class up to a KiB, eight pages at a page, and one block of the largest.
const fn magazine_of(size: usize) -> usize {
    match size {
        0..=64 => 64,
        65..=128 => 48,
        129..=256 => 32,
        257..=512 => 24,
        513..=1024 => 12,
        1025..=4096 => 8,
        4097..=16_384 => 6,
        16_385..=65_536 => 4,
        _ => 1,
    }
}

impl Classes {
    const fn new(granule: Granule, bands: &[Band]) -> Classes {
        let mut classes = Classes {
            sizes: [0; CLASS_LIMIT],
            divisors: [0; CLASS_LIMIT],
            magazines: [0; CLASS_LIMIT],
            magazine_at: [0; CLASS_LIMIT],
            small: [0; 513],
            large: [0; CACHED / QUANTUM + 1],
            small_count: 0,
            count: 0,
            magazine_room: 0,
            granule,
        };
        let (mut class, mut size, mut band) = (0, 0, 0);
        while band < bands.len() + LARGE.len() {
            let (last, step) = if band < bands.len() { bands[band] } else { LARGE[band - bands.len()] };
            while size < last {
                let before = size;
                size += step;
                classes.sizes[class] = size as u32;
                classes.magazines[class] = magazine_of(size) as u16;
                classes.magazine_at[class] = classes.magazine_room as u16;
                classes.magazine_room += magazine_of(size);
                if size <= PAGE {
                    classes.divisors[class] = (size as u64) << 32 | reciprocal(size) as u64;
                    let granule = granule.bytes();
                    let mut units = before / granule + if before == 0 { 0 } else { 1 };
                    while units <= size / granule {
                        classes.small[units] = class as u8;
                        units += 1;
                    }
                    classes.small_count = class + 1;
                } else {
                    let mut quanta = before / QUANTUM + 1;
                    while quanta <= size / QUANTUM {
                        classes.large[quanta] = class as u8;
                        quanta += 1;
                    }
                }
                class += 1;
            }
            band += 1;
        }
        // The huge class, last.
        classes.magazine_at[class] = classes.magazine_room as u16;
        classes.magazines[class] = HUGE_KEPT as u16;
        classes.magazine_room += HUGE_KEPT;
        classes.count = class + 1;
        assert!(classes.count <= CLASS_LIMIT && size == CACHED);
        classes
    }

    /// The classes of a granule.
    pub(crate) const fn of(granule: Granule) -> &'static Classes {
        static BY_16: Classes = Classes::new(Granule::Sixteen, &SMALL_16);
        static BY_8: Classes = Classes::new(Granule::Eight, &SMALL_8);
        match granule {
            Granule::Sixteen => &BY_16,
            Granule::Eight => &BY_8,
        }
    }

    /// The class whose blocks hold `size` bytes, at most a page, with the least waste.
    #[inline(always)]
    #[expect(
        clippy::manual_div_ceil,
        reason = "sizes are small, and an addition and a shift are less than a division"
    )]
    pub(crate) fn small(&self, granule: Granule, size: usize) -> usize {
        // The granule is a constant where it matters: the division is a shift, and needs no check.
        usize::from(self.small[(size + granule.bytes() - 1) / granule.bytes()])
    }

    /// The class whose blocks hold `size` bytes, from more than a page to [`CACHED`], with the least waste.
    #[inline(always)]
    #[expect(
        clippy::manual_div_ceil,
        reason = "sizes are small, and an addition and a shift are less than a division"
    )]
    pub(crate) fn large(&self, size: usize) -> usize {
        usize::from(self.large[(size + QUANTUM - 1) / QUANTUM])
    }

    /// The class that serves a request of `size` bytes.
    #[inline(always)]
    pub(crate) fn serving(&self, size: usize) -> usize {
        if size <= PAGE {
            self.small(self.granule, size)
        } else if size <= CACHED {
            self.large(size)
        } else {
            self.huge()
        }
    }

    /// The class with the largest blocks that fit into `room` bytes of a page, if any does.
    pub(crate) fn fitting(&self, room: usize) -> Option<usize> {
        if room < self.granule.bytes() {
            return None;
        }
        let class = self.small(self.granule, room);
        if self.size(class) <= room { Some(class) } else { class.checked_sub(1) }
    }

    /// Bytes in a block of the class; 0 for the huge class.
    #[inline(always)]
    pub(crate) fn size(&self, class: usize) -> usize {
        self.sizes[class] as usize
    }

    /// Size and [`reciprocal`] of a class that pages are cut into; zeros above a page.
    #[inline(always)]
    pub(crate) fn divisor(&self, class: usize) -> (u32, u32) {
        let word = self.divisors[class];
        ((word >> 32) as u32, word as u32)
    }

    /// How many blocks a shard's magazine of the class holds at most.
    pub(crate) fn magazine(&self, class: usize) -> usize {
        usize::from(self.magazines[class])
    }

    /// Where the class's magazine begins among a shard's.
    #[inline(always)]
    pub(crate) fn magazine_at(&self, class: usize) -> usize {
        usize::from(self.magazine_at[class])
    }

    /// How many blocks all magazines of a shard hold.
    pub(crate) fn magazine_room(&self) -> usize {
        self.magazine_room
    }

    /// The class of blocks above [`CACHED`]. Its magazine serves only who asks for exactly a kept block's size.
    pub(crate) fn huge(&self) -> usize {
        self.count - 1
    }

    /// The classes of blocks that are kept only where there is plenty, the huge one included.
    pub(crate) fn scarce(&self) -> RangeInclusive<usize> {
        self.large(ALWAYS_KEPT as usize) + 1..=self.huge()
    }

    /// How many classes there are, the huge one included.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How many classes serve requests up to a page; they are the first.
    pub(crate) fn small_count(&self) -> usize {
        self.small_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Granule; 2] = [Granule::Sixteen, Granule::Eight];

    #[test]
    fn every_size_gets_the_smallest_class_that_holds_it() {
        for granule in BOTH {
            let classes = Classes::of(granule);
            for size in 0..=CACHED {
                let class = classes.serving(size);
                assert!(classes.size(class) >= size, "{size}");
                assert!(class == 0 || classes.size(class - 1) < size, "{size}");
            }
            assert_eq!(classes.serving(CACHED + 1), classes.huge());
        }
    }

    #[test]
    fn every_room_gets_the_largest_class_that_fits() {
        for granule in BOTH {
            let classes = Classes::of(granule);
            for room in 0..=PAGE {
                let expected = (0..classes.small_count()).rfind(|&class| classes.size(class) <= room);
                assert_eq!(classes.fitting(room), expected, "{room}");
            }
        }
    }

    #[test]
    fn a_multiplication_divides_every_offset_by_every_size() {
        for granule in BOTH {
            let classes = Classes::of(granule);
            for class in 0..classes.small_count() {
                let (size, reciprocal) = classes.divisor(class);
                for offset in 0..=PAGE as u32 {
                    let number = ((offset >> 3) * reciprocal) >> RECIPROCAL_SHIFT;
                    assert_eq!(number, (offset & !7) / size, "{offset} by {size}");
                }
            }
        }
    }

    #[test]
    fn what_a_class_leaves_of_a_page_is_the_size_of_a_class() {
        for granule in BOTH {
            let classes = Classes::of(granule);
            for start in (0..PAGE).step_by(QUANTUM) {
                for class in 0..classes.small_count() {
                    let rest = (PAGE - start) % classes.size(class);
                    if classes.size(class) <= PAGE - start && rest > 0 {
                        let fitting = classes.fitting(rest).expect("a granule or more");
                        assert_eq!(classes.size(fitting), rest, "{} from {start}", classes.size(class));
                    }
                }
            }
        }
    }

    #[test]
    fn magazines_do_not_overlap() {
        for granule in BOTH {
            let classes = Classes::of(granule);
            for class in 1..classes.count() {
                let end = classes.magazine_at(class - 1) + classes.magazine(class - 1);
                assert_eq!(classes.magazine_at(class), end);
            }
            let end = classes.magazine_at(classes.huge()) + classes.magazine(classes.huge());
            assert_eq!(end, classes.magazine_room());
        }
    }
}
