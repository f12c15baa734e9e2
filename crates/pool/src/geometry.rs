//! Granule and page: how finely memory is cut.

use ntpool_types::PAGE_SIZE;

/// Bytes in a page, as an index.
pub(crate) const PAGE: usize = PAGE_SIZE.0 as usize;

/// How finely the pool cuts memory: every block below a page begins at a multiple of this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granule {
    /// 16 bytes, for 64-bit targets (POOL-001).
    #[default]
    Sixteen,
    /// 8 bytes, for 32-bit targets (POOL-002).
    Eight,
}

impl Granule {
    /// The granule in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Granule::Sixteen => 16,
            Granule::Eight => 8,
        }
    }
}

/// The most blocks that a page can be cut into, whatever the granule.
pub(crate) const BLOCKS_LIMIT: usize = PAGE / Granule::Eight.bytes();
