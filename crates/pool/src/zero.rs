//! Zeroing: the only write that the pool makes to a block.
//!
//! # Promise
//! Only the bytes of a block that was just allocated, and that nobody else has seen yet, are written.
#![expect(unsafe_code, reason = "writes to memory that is known by its address only")]

use crate::Region;
use crate::central::Counted;
use core::ptr;

/// The right to write the regions' memory.
pub(crate) struct Zeroer {
    regions: [Region; 3],
}

impl Zeroer {
    /// The right to write blocks in these regions.
    ///
    /// # Safety
    /// 1. A page of the regions is writable memory once the page source has committed it.
    /// 2. Nobody uses that memory but the owners of blocks, each its own.
    /// 3. [`zero`](Zeroer::zero) is called only with a block that was just allocated and not handed out yet.
    pub(crate) unsafe fn new(regions: [Region; 3]) -> Zeroer {
        Zeroer { regions }
    }

    /// Writes zeros over a block that was just allocated, before its caller sees it.
    pub(crate) fn zero(&self, fresh: &Counted) {
        let block = fresh.block;
        let region = &self.regions[block.kind.index()];
        let end = block.address.checked_add(block.size);
        assert!(
            block.address >= region.base && end.is_some() && end <= region.end(),
            "a block at {} lies outside its region",
            block.address
        );
        let first = ptr::with_exposed_provenance_mut::<u8>(block.address.0 as usize);
        // SAFETY: the block lies in its region (asserted) and was just allocated (3), so its pages are committed and
        // writable (1), and nobody else uses its bytes (2): the engine gives no byte to two live blocks.
        unsafe { ptr::write_bytes(first, 0, block.size.as_usize()) };
    }
}
