//! How a heap's memory is divided between the kinds of pool.

use ntpool_types::{PageCount, PoolKind};

/// The share of each kind of pool in a heap's pages, as proportions.
///
/// The memory of a fixed range is all alike; what makes a page executable or lets it be out on disk is done by whoever
/// owns the page tables, who finds each kind's pages with [`Heap::range`](crate::Heap::range).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares([u32; 3]);

impl Shares {
    /// Everything is nonpaged pool.
    pub const NONPAGED: Shares = Shares::new(1, 0, 0);

    /// Shares in these proportions; a kind with none has no pages.
    ///
    /// # Panics
    /// When all are zero; in a constant that is an error of compilation.
    #[must_use]
    pub const fn new(nonpaged: u32, nonpaged_execute: u32, paged: u32) -> Shares {
        assert!(nonpaged | nonpaged_execute | paged != 0, "at least one kind of pool has a share");
        Shares([nonpaged, nonpaged_execute, paged])
    }

    /// `total` pages divided, by [`PoolKind::index`]; what rounding leaves goes to the first kind with a share.
    pub(crate) fn split(self, total: PageCount) -> [PageCount; 3] {
        let sum: u128 = self.0.iter().map(|&share| u128::from(share)).sum();
        let mut pages = self.0.map(|share| PageCount((u128::from(total.0) * u128::from(share) / sum) as u64));
        let first = PoolKind::ALL.map(PoolKind::index).into_iter().find(|&kind| self.0[kind] > 0);
        let given: u64 = pages.iter().map(|pages| pages.0).sum();
        pages[first.unwrap_or_default()].0 += total.0 - given;
        pages
    }
}

impl Default for Shares {
    fn default() -> Shares {
        Shares::NONPAGED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_belongs_to_a_kind_with_a_share() {
        for shares in [Shares::NONPAGED, Shares::new(0, 0, 3), Shares::new(5, 2, 1), Shares::new(0, 1, 1)] {
            for total in (0..40).chain([u64::from(u32::MAX), u64::MAX]) {
                let pages = shares.split(PageCount(total));
                assert_eq!(pages.iter().map(|pages| pages.0).sum::<u64>(), total);
                for kind in PoolKind::ALL {
                    assert!(shares.0[kind.index()] > 0 || pages[kind.index()] == PageCount(0));
                }
            }
        }
    }

    #[test]
    fn proportions_are_kept_to_the_page() {
        assert_eq!(Shares::new(5, 2, 1).split(PageCount(81)), [51, 20, 10].map(PageCount));
    }
}
