//! How a range of memory becomes metadata and regions.
//!
//! ```text
//!  base                                                              base + length
//!  |part| metadata | nonpaged | nonpaged executable | paged | few |part|
//!       ^ whole pages, from the first page boundary on                ^ to the last
//! ```
//!
//! What the metadata needs grows with the pages that it describes, so the most pages that fit together with it are
//! searched.

use crate::{ArenaError, Shares};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, VirtualAddress};

/// The most pages of one kind that a pool can describe; more memory than that is left unused.
const MOST_PAGES: u64 = (u32::MAX / 2) as u64;

/// Pages that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) base: VirtualAddress,
    pub(crate) pages: PageCount,
}

impl Span {
    /// The whole pages in a range; none when the range has none or does not fit the addresses.
    fn of(base: VirtualAddress, length: Bytes) -> Span {
        let whole = || {
            let first = base.0.checked_next_multiple_of(PAGE_SIZE.0)?;
            let end = base.checked_add(length)?.page_base();
            Some(Span {
                base: VirtualAddress(first),
                pages: PageCount(end.0.checked_sub(first)? / PAGE_SIZE.0),
            })
        };
        whole().unwrap_or(Span { base, pages: PageCount(0) })
    }

    /// Takes pages from the front.
    fn take(&mut self, pages: PageCount) -> Span {
        let taken = Span { base: self.base, pages };
        self.base = VirtualAddress(self.base.0 + pages.bytes().0);
        self.pages.0 -= pages.0;
        taken
    }
}

/// Where everything lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) metadata: Span,
    /// By [`PoolKind::index`](ntpool_types::PoolKind::index).
    pub(crate) regions: [Span; 3],
}

impl Plan {
    /// Divides a range, given what the metadata for so many pages of each kind needs.
    ///
    /// Errors: [`ArenaError::TooSmall`] when not even one page of blocks fits.
    pub(crate) fn of(
        base: VirtualAddress,
        length: Bytes,
        shares: Shares,
        metadata_size: impl Fn([PageCount; 3]) -> Bytes,
    ) -> Result<Plan, ArenaError> {
        let mut left = Span::of(base, length);
        let total = left.pages;
        let metadata = |pages: u64| metadata_size(shares.split(PageCount(pages))).pages_rounded_up();
        let fits = |pages: u64| metadata(pages).0.checked_add(pages).is_some_and(|sum| sum <= total.0);
        let (mut most, mut beyond) = (0, total.0.min(MOST_PAGES) + 1);
        while beyond - most > 1 {
            let middle = most + (beyond - most) / 2;
            if fits(middle) { most = middle } else { beyond = middle }
        }
        if most == 0 {
            let needed = PageCount(metadata(1).0 + 1).bytes();
            return Err(ArenaError::TooSmall { given: total.bytes(), needed });
        }
        let metadata = left.take(metadata(most));
        Ok(Plan { metadata, regions: shares.split(PageCount(most)).map(|pages| left.take(pages)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: VirtualAddress = VirtualAddress(0x10_0000);

    /// Three pages, and one for every four that are described.
    fn metadata_size(pages: [PageCount; 3]) -> Bytes {
        PageCount(3 + pages.iter().map(|pages| pages.0).sum::<u64>().div_ceil(4)).bytes()
    }

    fn plan(base: u64, length: u64, shares: Shares) -> Result<Plan, ArenaError> {
        Plan::of(VirtualAddress(base), Bytes(length), shares, metadata_size)
    }

    #[test]
    fn as_many_pages_as_fit_together_with_their_metadata_become_blocks() {
        for pages in 5..200 {
            let plan = plan(BASE.0, pages * 4096, Shares::NONPAGED).expect("five pages do");
            let [blocks, none, also_none] = plan.regions.map(|region| region.pages.0);
            assert_eq!((none, also_none), (0, 0));
            assert_eq!(plan.metadata.pages.0, 3 + blocks.div_ceil(4));
            assert!(plan.metadata.pages.0 + blocks <= pages);
            assert!(3 + (blocks + 1).div_ceil(4) + blocks + 1 > pages, "{pages} pages hold one more");
        }
    }

    #[test]
    fn the_parts_follow_each_other_within_the_whole_pages() {
        let plan = plan(BASE.0 + 1, 101 * 4096, Shares::new(2, 1, 1)).expect("a hundred pages do");
        let mut next = BASE.0 + 4096;
        for part in [plan.metadata].iter().chain(&plan.regions) {
            assert_eq!(part.base.0, next);
            next += part.pages.bytes().0;
        }
        assert!(next <= BASE.0 + 101 * 4096);
    }

    #[test]
    fn too_little_memory_says_how_much_would_do() {
        let needed = Bytes(5 * 4096);
        for (length, given) in [(0, 0), (4096, 1), (4 * 4096 + 4095, 4)] {
            let error = ArenaError::TooSmall { given: Bytes(given * 4096), needed };
            assert_eq!(plan(BASE.0, length, Shares::NONPAGED), Err(error));
        }
        assert!(plan(BASE.0, needed.0, Shares::NONPAGED).is_ok());
        // Neither the last page of all addresses nor a range that wraps is whole.
        assert!(plan(u64::MAX - 4096, 4096, Shares::NONPAGED).is_err());
        assert!(plan(u64::MAX, u64::MAX, Shares::NONPAGED).is_err());
    }

    #[test]
    fn memory_beyond_what_a_pool_can_describe_is_left_unused() {
        let plan = plan(BASE.0, 1 << 46, Shares::NONPAGED).expect("64 TiB do");
        assert_eq!(plan.regions[0].pages, PageCount(MOST_PAGES));
    }
}
