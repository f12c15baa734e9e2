//! The arithmetic of sizes and alignments: what may be asked for, and what it comes to.

use ntpool_types::PAGE_SIZE;

/// The alignment that every block has: enough for every type of C.
pub(crate) const ALIGNMENT: usize = 16;

/// Bytes in a page.
pub(crate) const PAGE: usize = PAGE_SIZE.as_usize();

/// The largest size that may be asked for, as in the GNU C library: a larger object's ends could not be subtracted.
pub(crate) const MOST: usize = isize::MAX as usize;

/// The bytes of `count` objects of `size` bytes; `None` when that is more than [`MOST`].
pub(crate) fn product(count: usize, size: usize) -> Option<usize> {
    count.checked_mul(size).filter(|&bytes| bytes <= MOST)
}

/// `size` rounded up to whole pages, at least one; `None` when that is more than [`MOST`].
pub(crate) fn whole_pages(size: usize) -> Option<usize> {
    size.max(1).checked_next_multiple_of(PAGE).filter(|&bytes| bytes <= MOST)
}

/// The alignment that `posix_memalign` takes: a power of two and a multiple of a pointer's size. `None` is EINVAL.
#[inline(always)]
pub(crate) fn posix_alignment(asked: usize) -> Option<usize> {
    (asked.is_power_of_two() && asked.is_multiple_of(size_of::<*const u8>())).then_some(asked)
}

/// The alignment that `aligned_alloc` takes: a power of two, as the GNU C library has it since 2.38. `None` is EINVAL.
#[inline(always)]
pub(crate) fn standard_alignment(asked: usize) -> Option<usize> {
    asked.is_power_of_two().then_some(asked)
}

/// What `memalign` makes of any number: the next power of two. `None`, EINVAL, when there is none.
#[inline(always)]
pub(crate) fn rounded_alignment(asked: usize) -> Option<usize> {
    asked.checked_next_power_of_two()
}

/// The size to ask for so that the block has the alignment by its size alone; `None` above a page's alignment.
///
/// Up to 512 bytes the pool's blocks are aligned to every power of two that divides their size, and from a page on to a
/// page. A library that checks asks for the size as it is, and the alignment beside it.
#[inline(always)]
pub(crate) fn aligned_by_class(size: usize, alignment: usize) -> Option<usize> {
    if alignment <= ALIGNMENT {
        Some(size)
    } else if cfg!(feature = "checked") {
        // A size that is rounded up would hide what is written behind the one that was asked for.
        None
    } else if alignment <= 512 {
        size.max(1).checked_next_multiple_of(alignment)
    } else {
        (alignment <= PAGE).then_some(size.max(PAGE))
    }
}

/// Whether a block with `usable` bytes may be left as it is when `size` are wanted: they fit, and not much is wasted.
#[inline(always)]
pub(crate) fn stays(size: usize, usable: usize) -> bool {
    size <= usable && size >= usable / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_beyond_the_largest_size_is_refused() {
        assert_eq!(product(3, 7), Some(21));
        assert_eq!(product(0, usize::MAX), Some(0));
        assert_eq!(product(1, MOST), Some(MOST));
        assert_eq!(product(2, MOST / 2 + 1), None);
        assert_eq!(product(1 << 32, 1 << 32), None);
    }

    #[test]
    fn pages_are_rounded_up_and_none_is_one() {
        let sizes = [0, 1, PAGE, PAGE + 1, MOST - PAGE + 1, MOST, usize::MAX];
        let expected =
            [Some(PAGE), Some(PAGE), Some(PAGE), Some(2 * PAGE), Some(MOST - PAGE + 1), None, None];
        assert_eq!(sizes.map(whole_pages), expected);
    }

    #[test]
    fn each_function_has_its_rule_for_alignments() {
        let asked = [0, 1, 4, 8, 24, 4096, (1 << 63) + 1];
        assert_eq!(asked.map(posix_alignment), [None, None, None, Some(8), None, Some(4096), None]);
        assert_eq!(asked.map(standard_alignment), [None, Some(1), Some(4), Some(8), None, Some(4096), None]);
        assert_eq!(
            asked.map(rounded_alignment),
            [Some(1), Some(1), Some(4), Some(8), Some(32), Some(4096), None]
        );
    }
}
