//! The kinds of pool that the engine keeps apart.

use core::fmt;

/// A kind of pool: what its memory may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PoolKind {
    /// Always resident, never executable.
    NonPaged,
    /// Always resident and executable.
    NonPagedExecute,
    /// May be out on disk; only for code below DISPATCH_LEVEL.
    Paged,
}

impl PoolKind {
    /// Every kind, in the order of [`index`](PoolKind::index).
    pub const ALL: [PoolKind; 3] = [PoolKind::NonPaged, PoolKind::NonPagedExecute, PoolKind::Paged];

    /// The kind's place in [`ALL`](PoolKind::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether the memory may be out on disk.
    #[must_use]
    pub const fn is_paged(self) -> bool {
        matches!(self, PoolKind::Paged)
    }

    /// The number that the bug check tables use: 0 nonpaged, 1 paged (VRF-088).
    #[must_use]
    pub const fn bug_check_number(self) -> u64 {
        self.is_paged() as u64
    }
}

impl fmt::Display for PoolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PoolKind::NonPaged => "nonpaged",
            PoolKind::NonPagedExecute => "nonpaged executable",
            PoolKind::Paged => "paged",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_number_nonpaged_0_and_paged_1() {
        assert_eq!(PoolKind::ALL.map(PoolKind::bug_check_number), [0, 0, 1]);
    }
}
