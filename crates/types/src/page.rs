//! Pages and frames: their size, counts and numbers.

use crate::{Bytes, PhysicalAddress};
use core::fmt;

/// Bytes in a page on x86 and x64 (POOL-007).
pub const PAGE_SIZE: Bytes = Bytes(1 << PAGE_SHIFT);

/// The number of address bits within a page (POOL-007).
pub const PAGE_SHIFT: u32 = 12;

/// A number of pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageCount(pub u64);

impl PageCount {
    /// The bytes in this many pages.
    ///
    /// # Panics
    /// When the product does not fit 64 bits.
    #[must_use]
    pub const fn bytes(self) -> Bytes {
        Bytes(self.0.checked_mul(PAGE_SIZE.0).expect("page count overflows bytes"))
    }
}

impl fmt::Display for PageCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 page"),
            n => write!(f, "{n} pages"),
        }
    }
}

/// The number of a physical page: its address divided by the page size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pfn(pub u64);

impl Pfn {
    /// The physical address of the frame's first byte.
    #[must_use]
    pub const fn address(self) -> PhysicalAddress {
        PhysicalAddress(self.0 << PAGE_SHIFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_007_a_page_has_4096_bytes() {
        assert_eq!((PAGE_SIZE.0, PAGE_SHIFT), (0x1000, 12));
    }
}
