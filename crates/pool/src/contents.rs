//! Blocks' bytes: zeroing, and the patterns of a pool that checks.
//!
//! The only module that touches blocks. A heap's pool writes to a block in one case, zeroing it before its owner sees it,
//! and never reads one.
//!
//! # Promise
//! Only the bytes of blocks that nobody owns are written: just taken and not handed out yet, or just ended. Slack behind
//! a live block is read and written, which is no owner's.
#![expect(unsafe_code, reason = "touches memory that is known by its address only")]

use core::ptr::{self, NonNull};
use ntpool_types::VirtualAddress;

/// What a freed block is filled with; odd, so that a pointer read from it is none, and non-canonical.
const POISON: u64 = 0xFEED_DEAD_FEED_DEAD | 1;

/// The right to touch the memory of a pool's regions.
pub(crate) struct BlockMemory(());

impl BlockMemory {
    /// The right to touch blocks of a pool.
    ///
    /// # Safety
    /// 1. A page is readable and writable memory, with exposed provenance, from when the page source has committed it
    ///    until it is given back.
    /// 2. Nobody uses a block's memory but its owner, from when it was handed out until it was freed.
    /// 3. The routines are called only with bytes inside of pages in use: of a block's place that nobody owns, or of
    ///    the slack behind a live block.
    pub(crate) const unsafe fn new() -> BlockMemory {
        BlockMemory(())
    }

    /// The pointer to a block.
    #[inline(always)]
    pub(crate) fn pointer(&self, block: VirtualAddress) -> NonNull<u8> {
        // SAFETY: no region begins at address zero, so no block does.
        unsafe { NonNull::new_unchecked(ptr::with_exposed_provenance_mut(block.0 as usize)) }
    }

    /// Writes zeros over the first `size` bytes of a block; for sizes up to 256, up to the next granule.
    #[inline(always)]
    pub(crate) fn zero(&self, block: VirtualAddress, size: usize) {
        let first = ptr::with_exposed_provenance_mut::<u8>(block.0 as usize);
        if size <= 256 {
            // SAFETY: the block's place is a multiple of the granule long, so it holds `size` rounded up to it; it is
            // committed and nobody's yet (1 to 3).
            unsafe { zero_few(first, size) };
        } else {
            // SAFETY: the bytes are committed and nobody's yet (1 to 3).
            unsafe { first.write_bytes(0, size) };
        }
    }

    /// Writes zeros over the first `size` bytes of a block and not one more.
    pub(crate) fn zero_exactly(&self, block: VirtualAddress, size: usize) {
        let first = ptr::with_exposed_provenance_mut::<u8>(block.0 as usize);
        // SAFETY: the bytes are committed and nobody's yet (1 to 3).
        unsafe { first.write_bytes(0, size) };
    }

    /// Fills a freed block's place, whole words.
    pub(crate) fn poison(&self, block: VirtualAddress, size: usize) {
        let words = ptr::with_exposed_provenance_mut::<u64>(block.0 as usize);
        for word in 0..size / 8 {
            // SAFETY: the place is committed, aligned to eight bytes, and nobody's any more (1 to 3).
            unsafe { words.add(word).write_volatile(POISON) };
        }
    }

    /// Looks whether a freed block's place was written to: the offset of the first word that was, and what is there.
    pub(crate) fn poison_broken(&self, block: VirtualAddress, size: usize) -> Option<(usize, u64)> {
        let words = ptr::with_exposed_provenance::<u64>(block.0 as usize);
        (0..size / 8).find_map(|word| {
            // SAFETY: the place is committed, aligned to eight bytes, and nobody's (1 to 3); volatile, for a driver
            // that misuses it may write at any time.
            let found = unsafe { words.add(word).read_volatile() };
            (found != POISON).then_some((word * 8, found))
        })
    }

    /// Fills the slack of a block, from `from` to `to` bytes behind its beginning.
    pub(crate) fn write_canary(&self, block: VirtualAddress, from: usize, to: usize) {
        let first = ptr::with_exposed_provenance_mut::<u8>(block.0 as usize);
        for offset in from..to {
            // SAFETY: the slack is part of the block's place and not its owner's (1 to 3).
            unsafe { first.add(offset).write_volatile(canary(block, offset)) };
        }
    }

    /// Looks whether the slack of a block was written to: the offset of the first byte that was, and what is there.
    pub(crate) fn canary_broken(&self, block: VirtualAddress, from: usize, to: usize) -> Option<(usize, u8)> {
        let first = ptr::with_exposed_provenance::<u8>(block.0 as usize);
        (from..to).find_map(|offset| {
            // SAFETY: as for `write_canary`; volatile, since a driver that overruns may write at any time.
            let found = unsafe { first.add(offset).read_volatile() };
            (found != canary(block, offset)).then_some((offset, found))
        })
    }
}

/// What the slack byte at `offset` of a block holds. Depends on the address, so that copying over slack is found too.
fn canary(block: VirtualAddress, offset: usize) -> u8 {
    let mixed = (block.0 ^ 0x5EED_CA7A_5EED_CA7A).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u8 ^ (offset as u8).wrapping_mul(29) | 1
}

/// Writes zeros over `size` bytes, at most 256, up to the next multiple of 8.
///
/// Pairs of stores that overlap in the middle: no loop, no call, and two branches at most for one size class.
///
/// # Safety
/// 1. `size` rounded up to a multiple of 8 bytes from `first` on may be written.
#[inline(always)]
unsafe fn zero_few(first: *mut u8, size: usize) {
    type Wide = [u64; 2];
    let size = size.wrapping_add(7) & !7;
    // SAFETY: every write lies within the rounded size: `at` is at most the size less what is written.
    let put = |at: usize| unsafe { first.add(at).cast::<Wide>().write_unaligned([0; 2]) };
    if size <= 16 {
        if size == 16 {
            put(0);
        } else if size == 8 {
            // SAFETY: eight bytes.
            unsafe { first.cast::<u64>().write_unaligned(0) };
        }
    } else if size <= 32 {
        put(0);
        put(size - 16);
    } else if size <= 64 {
        put(0);
        put(16);
        put(size - 32);
        put(size - 16);
    } else if size <= 128 {
        for at in [0, 16, 32, 48] {
            put(at);
        }
        for at in [64, 48, 32, 16] {
            put(size - at);
        }
    } else {
        for at in [0, 16, 32, 48, 64, 80, 96, 112] {
            put(at);
        }
        for at in [128, 112, 96, 80, 64, 48, 32, 16] {
            put(size - at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroing_a_few_bytes_writes_them_and_no_word_more() {
        for size in 0..=256_usize {
            let mut bytes = [0xAA_u8; 280];
            // SAFETY: 1. the array is longer than any size rounded up.
            unsafe { zero_few(bytes.as_mut_ptr(), size) };
            let end = size.next_multiple_of(8);
            assert!(bytes[..end].iter().all(|&byte| byte == 0), "{size}");
            assert!(bytes[end..].iter().all(|&byte| byte == 0xAA), "{size}");
        }
    }
}
