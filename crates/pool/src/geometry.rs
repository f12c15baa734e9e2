//! Granule and page: how a size becomes a place.

use ntpool_types::{Bytes, PAGE_SIZE};

/// Bytes in a page, as an index.
pub(crate) const PAGE: usize = PAGE_SIZE.0 as usize;

/// How finely the pool cuts memory.
///
/// A parameter because 32-bit targets use 8 bytes (POOL-002); this engine is built for one geometry,
/// [`Geometry::BITS_64`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Every block begins at a multiple of this (POOL-001).
    pub(crate) granule: usize,
}

impl Geometry {
    /// 64-bit targets.
    pub(crate) const BITS_64: Geometry = Geometry { granule: 16 };

    /// The most blocks that fit a page.
    pub(crate) const fn blocks_per_page(self) -> usize {
        PAGE / self.granule
    }

    /// The offset in its last page where a large block of `size` bytes ends, rounded up to the granule: a number in
    /// `1..=PAGE`.
    pub(crate) const fn end_in_last_page(self, size: Bytes) -> usize {
        match (size.0 % PAGE_SIZE.0) as usize {
            0 => PAGE,
            rest => rest.next_multiple_of(self.granule),
        }
    }
}

/// The geometry of this engine.
pub(crate) const GEOMETRY: Geometry = Geometry::BITS_64;

/// The most blocks in a page of this engine.
pub(crate) const BLOCKS_PER_PAGE: usize = GEOMETRY.blocks_per_page();

const _: () = assert!(BLOCKS_PER_PAGE == 256, "a page's bitmaps have 256 bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_block_ends_at_a_granule_or_at_the_page_end() {
        let end = |size| GEOMETRY.end_in_last_page(Bytes(size));
        assert_eq!(
            [end(4097), end(4112), end(4113), end(8176), end(8177), end(8192)],
            [16, 16, 32, 4080, 4096, 4096]
        );
        assert_eq!(end(u64::MAX), 4096);
    }
}
