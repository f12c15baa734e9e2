//! A static array as a heap's memory.
//!
//! # Promise
//! The bytes are handed out at most once, so whoever gets them is alone with them.
#![expect(unsafe_code, reason = "shares bytes between threads by handing them out once")]

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};

/// `SIZE` bytes for one heap, page aligned.
///
/// In a static it takes no room in the image: its bytes are in no state until a heap writes them.
#[repr(C, align(4096))]
pub struct Arena<const SIZE: usize> {
    bytes: UnsafeCell<[MaybeUninit<u8>; SIZE]>,
    taken: AtomicBool,
}

// SAFETY: shared, the arena gives out its bytes to at most one caller; the flag is atomic.
unsafe impl<const SIZE: usize> Sync for Arena<SIZE> {}

impl<const SIZE: usize> Arena<SIZE> {
    /// An arena that no heap has taken.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "an arena belongs into a static, where no default can be used"
    )]
    pub const fn new() -> Arena<SIZE> {
        Arena { bytes: UnsafeCell::new([MaybeUninit::uninit(); SIZE]), taken: AtomicBool::new(false) }
    }
}

/// An arena whose size is not part of its type.
pub(crate) trait Source: Sync {
    /// The bytes, for the first who asks.
    #[expect(
        clippy::mut_from_ref,
        reason = "the arena keeps no way to the bytes, and gives them to one caller only"
    )]
    fn take(&'static self) -> Option<&'static mut [MaybeUninit<u8>]>;
}

impl<const SIZE: usize> Source for Arena<SIZE> {
    fn take(&'static self) -> Option<&'static mut [MaybeUninit<u8>]> {
        if self.taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        // SAFETY: the flag lets exactly one caller come here, so the reference is the only one there ever is; the
        // arena is borrowed for ever, so it neither moves nor ends.
        Some(unsafe { &mut *self.bytes.get() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_handed_out_once_and_begin_at_a_page() {
        static ARENA: Arena<5000> = Arena::new();
        let bytes = ARENA.take().expect("nobody asked before");
        assert_eq!((bytes.len(), bytes.as_ptr().addr() % 4096), (5000, 0));
        assert!(ARENA.take().is_none());
    }
}
