//! A heap that can be measured, and the blocks that it hands out.
#![expect(unsafe_code, reason = "writes to blocks through raw pointers")]

use crate::memory::Zeroed;
use crate::sizes::Size;

/// What a block's bytes are asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Whatever was there: `malloc`.
    Any,
    /// Zero: `calloc`.
    Zero,
}

impl Contents {
    /// The contents of a name: the C function that gives them.
    #[must_use]
    pub fn named(name: &str) -> Option<Contents> {
        match name {
            "malloc" => Some(Contents::Any),
            "calloc" => Some(Contents::Zero),
            _ => None,
        }
    }
}

/// A heap.
///
/// # Safety
/// `allocate` returns a fresh block whose pointer is null or the first of as many writable bytes as were asked for, aligned
/// to 8, nobody else's until it is released.
pub unsafe trait Heap {
    /// What stands for a block.
    type Block: Held;

    /// Allocates; the compiler must not see through it.
    fn allocate(&self, contents: Contents, size: Size) -> Fresh<Self::Block>;

    /// Takes a block back; the one that is all zero is no block.
    fn release(&self, block: Self::Block);
}

/// A block in the hand of its owner. One that is all zero stands for none.
///
/// # Safety
/// Only a [`Heap`] makes others, and `pointer` is the one that it promises for.
pub unsafe trait Held: Zeroed + Sized + 'static {
    /// No block.
    const NONE: Self;

    /// The first byte, or null.
    fn pointer(&self) -> *mut u8;
}

/// A block that was just handed out, with its size.
#[derive(Debug)]
pub struct Fresh<B> {
    block: B,
    size: Size,
}

impl<B: Held> Fresh<B> {
    /// A block of the heap that calls this.
    ///
    /// # Safety
    /// The block's pointer is null, or the first of `size` writable bytes that are the block's.
    #[inline(always)]
    pub unsafe fn new(block: B, size: Size) -> Fresh<B> {
        Fresh { block, size }
    }

    #[inline(always)]
    fn first(&self) -> *mut u64 {
        let first = self.block.pointer();
        assert!(!first.is_null(), "out of memory");
        first.cast()
    }

    /// Writes the first word.
    #[inline(always)]
    pub fn with_word(self) -> B {
        // SAFETY: the block is writable and no size is below a word.
        unsafe { self.first().write_volatile(1) };
        self.block
    }

    /// Writes the first and the last word: what the user of a block would do at least.
    #[inline(always)]
    pub fn with_ends(self) -> B {
        let (first, bytes) = (self.first(), self.size.bytes());
        // SAFETY: the block is writable, no size is below a word, and the last whole word lies within the block.
        unsafe {
            first.write_volatile(bytes as u64);
            if bytes > 16 {
                first.byte_add((bytes - 8) & !7).write_volatile(1);
            }
        }
        self.block
    }

    /// Writes every byte.
    #[inline(always)]
    pub fn filled(self) -> B {
        // SAFETY: the block is writable for its size.
        unsafe { self.first().cast::<u8>().write_bytes(0x5a, self.size.bytes()) };
        self.block
    }
}

/// Reads a block's first word.
#[inline(always)]
pub fn first_word<B: Held>(block: &B) -> u64 {
    let first = block.pointer();
    assert!(!first.is_null(), "no block to read");
    // SAFETY: the block is its owner's, at least a word long, and was written when it was handed out.
    unsafe { first.cast::<u64>().read_volatile() }
}
