//! Memory for the measuring itself, which must not come from the allocator under test.
#![expect(unsafe_code, reason = "maps memory")]

use std::ptr::null_mut;
use std::slice;

unsafe extern "C" {
    fn mmap(address: *mut u8, length: usize, protection: i32, flags: i32, file: i32, offset: i64) -> *mut u8;
    fn munmap(address: *mut u8, length: usize) -> i32;
    fn madvise(address: *mut u8, length: usize, advice: i32) -> i32;
}

const PROT_READ_WRITE: i32 = 3;
const MAP_PRIVATE_ANONYMOUS: i32 = 0x22;
const MAP_POPULATE: i32 = 0x8000;
const PAGE: usize = 4096;

/// Types for which memory full of zeroes is a value.
///
/// # Safety
/// It is one.
pub unsafe trait Zeroed {}

// SAFETY: a number.
unsafe impl Zeroed for u8 {}
// SAFETY: a number.
unsafe impl Zeroed for u32 {}
// SAFETY: a number.
unsafe impl Zeroed for usize {}
// SAFETY: null is a pointer.
unsafe impl<T> Zeroed for std::sync::atomic::AtomicPtr<T> {}

/// A slice of zeroes in memory of its own, every page there already. It is never given back.
///
/// # Panics
/// Without that much memory.
#[must_use]
pub fn zeroed<T: Zeroed>(length: usize) -> &'static mut [T] {
    let bytes = length.checked_mul(size_of::<T>()).expect("a length that fits");
    let mapping = Mapping::new(bytes.max(1), true);
    let first = mapping.first;
    std::mem::forget(mapping);
    // SAFETY: the mapping is long enough, aligned to a page, zero, which is a value of `T`, and nobody else's for ever.
    unsafe { slice::from_raw_parts_mut(first.cast(), length) }
}

/// What the kernel is told about a mapping.
#[derive(Clone, Copy, Debug)]
pub enum Advice {
    /// Huge pages are welcome.
    HugePages,
    /// Huge pages are not.
    SmallPages,
    /// The contents are no longer needed.
    NotNeeded,
    /// All pages will be written.
    PopulateForWriting,
}

/// Fresh pages from the kernel, given back on drop.
#[derive(Debug)]
pub struct Mapping {
    first: *mut u8,
    length: usize,
}

impl Mapping {
    /// Maps `length` bytes of zeroes.
    ///
    /// # Panics
    /// Without that much memory.
    #[must_use]
    pub fn new(length: usize, populated: bool) -> Mapping {
        let flags = MAP_PRIVATE_ANONYMOUS | if populated { MAP_POPULATE } else { 0 };
        // SAFETY: no address is asked for, so nothing that is mapped changes.
        let first = unsafe { mmap(null_mut(), length, PROT_READ_WRITE, flags, -1, 0) };
        assert!(first.addr() != usize::MAX, "the kernel has no {length} bytes to map: free some memory");
        Mapping { first, length }
    }

    /// The first byte.
    #[must_use]
    pub fn first(&self) -> *mut u8 {
        self.first
    }

    /// Advises the kernel about the pages from `offset` on.
    pub fn advise(&mut self, offset: usize, advice: Advice) {
        let advice = match advice {
            Advice::NotNeeded => 4,
            Advice::HugePages => 14,
            Advice::SmallPages => 15,
            Advice::PopulateForWriting => 23,
        };
        assert!(offset <= self.length);
        // SAFETY: the range is this mapping's, which nothing refers to during the call; its bytes stay or become zero.
        unsafe { madvise(self.first.add(offset), self.length - offset, advice) };
    }

    /// Writes a byte of every page from `offset` on.
    pub fn touch_pages(&mut self, offset: usize) {
        for at in (offset..self.length).step_by(PAGE) {
            // SAFETY: within the mapping.
            unsafe { self.first.add(at).write_volatile(1) };
        }
    }

    /// Writes zeroes over a range.
    #[inline(always)]
    pub fn zero(&mut self, offset: usize, length: usize) {
        assert!(offset <= self.length && length <= self.length - offset);
        // SAFETY: within the mapping, as asserted.
        unsafe { self.first.add(offset).write_bytes(0, length) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's, and nothing refers to it any more.
        unsafe { munmap(self.first, self.length) };
    }
}
