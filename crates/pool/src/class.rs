//! Size classes: the block sizes that slabs are cut into.
//!
//! Steps of 16 bytes to 512, 64 to 1024, 128 to 2048, 256 to 4096. Fine steps where most requests are; from 512 up a
//! step is at most an eighth of the size below it, so rounding never adds more than an eighth. A power of two is a
//! class of its own, because drivers ask for them; the largest is the whole page (POOL-005).

use crate::geometry::{GEOMETRY, PAGE};

/// How many classes there are; below 64, so that a set of classes is one word.
pub(crate) const CLASS_COUNT: usize = 56;

/// Each band's last size, its step, and the class number of its first size.
const BANDS: [(usize, usize, usize); 4] = [(512, 16, 0), (1024, 64, 32), (2048, 128, 40), (4096, 256, 48)];

/// The class sizes, smallest first.
const SIZES: [u16; CLASS_COUNT] = {
    let mut sizes = [0; CLASS_COUNT];
    let (mut class, mut size, mut band) = (0, 0, 0);
    while band < BANDS.len() {
        assert!(class == BANDS[band].2);
        while size < BANDS[band].0 {
            size += BANDS[band].1;
            assert!(size % GEOMETRY.granule == 0);
            sizes[class] = size as u16;
            class += 1;
        }
        band += 1;
    }
    assert!(class == CLASS_COUNT && CLASS_COUNT < 64 && size == PAGE);
    sizes
};

/// The number of a size class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SizeClass(u8);

impl SizeClass {
    /// Every class, smallest first.
    pub(crate) fn all() -> impl Iterator<Item = SizeClass> {
        (0..CLASS_COUNT as u8).map(SizeClass)
    }

    /// The class whose blocks hold `size` bytes with the least waste; `None` above a page.
    pub(crate) fn holding(size: usize) -> Option<SizeClass> {
        let mut floor = 0;
        for (last, step, first) in BANDS {
            if size <= last {
                return Some(SizeClass((first + size.max(1).saturating_sub(floor).div_ceil(step) - 1) as u8));
            }
            floor = last;
        }
        None
    }

    /// The class with the largest blocks that fit into `room` bytes; `None` below the smallest.
    pub(crate) fn fitting(room: usize) -> Option<SizeClass> {
        let mut floor = 0;
        let mut best = None;
        for (last, step, first) in BANDS {
            let steps = room.min(last).saturating_sub(floor) / step;
            if steps > 0 {
                best = Some(SizeClass((first + steps - 1) as u8));
            }
            floor = last;
        }
        best
    }

    /// The class's place in a table of classes.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Bytes in a block of the class.
    pub(crate) fn size(self) -> usize {
        usize::from(SIZES[self.index()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_up_to_a_page_gets_the_smallest_class_that_holds_it() {
        for size in 0..=PAGE {
            let class = SizeClass::holding(size).expect("a page is the largest class");
            assert!(class.size() >= size, "{size}");
            assert!(class.0 == 0 || SizeClass(class.0 - 1).size() < size, "{size}");
        }
        assert_eq!(SizeClass::holding(PAGE + 1), None);
    }

    #[test]
    fn every_room_gets_the_largest_class_that_fits() {
        for room in 0..=PAGE {
            let expected = SizeClass::all().filter(|class| class.size() <= room).last();
            assert_eq!(SizeClass::fitting(room), expected, "{room}");
        }
    }
}
