//! The C allocation functions, forwarded to one allocator.
//!
//! A peer's crate implements [`Allocator`] and says `c_allocator!(Peer)`; its library can then be brought into any
//! program with LD_PRELOAD.
#![no_std]
#![expect(unsafe_code, reason = "declares and exports the C allocation functions")]

pub use core::ffi::{c_int, c_void};

/// An allocator that stands behind the C functions.
///
/// # Safety
/// 1. `allocate`, `zeroed`, `resize` and `aligned` return null or a block of at least the bytes asked for, aligned to
///    16 or as asked, that nobody else has; `zeroed` returns zeroes.
/// 2. Everything may be called on any thread, at any time from the process's start on.
pub unsafe trait Allocator {
    /// `malloc`.
    fn allocate(size: usize) -> *mut c_void;

    /// `calloc`.
    fn zeroed(count: usize, size: usize) -> *mut c_void;

    /// `aligned_alloc`.
    fn aligned(alignment: usize, size: usize) -> *mut c_void;

    /// `realloc` of a block that is not null.
    ///
    /// # Safety
    /// The block is this allocator's and the caller's.
    unsafe fn resize(block: *mut c_void, size: usize) -> *mut c_void;

    /// `free` of a block that is not null.
    ///
    /// # Safety
    /// As for `resize`.
    unsafe fn release(block: *mut c_void);

    /// `malloc_usable_size` of a block that is not null.
    ///
    /// # Safety
    /// As for `resize`.
    unsafe fn usable(block: *mut c_void) -> usize;
}

/// Exports the C allocation functions of an [`Allocator`] from the library that says so.
#[macro_export]
macro_rules! c_allocator {
    ($peer:ty) => {
        mod c_functions {
            use super::*;
            use $crate::{Allocator, c_int, c_void};

            #[unsafe(no_mangle)]
            extern "C" fn malloc(size: usize) -> *mut c_void {
                <$peer>::allocate(size)
            }

            #[unsafe(no_mangle)]
            extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
                <$peer>::zeroed(count, size)
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn free(block: *mut c_void) {
                if !block.is_null() {
                    // SAFETY: the caller's promise to `free`.
                    unsafe { <$peer>::release(block) }
                }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
                if block.is_null() {
                    return <$peer>::allocate(size);
                }
                // SAFETY: the caller's promise to `realloc`.
                unsafe { <$peer>::resize(block, size) }
            }

            #[unsafe(no_mangle)]
            extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
                <$peer>::aligned(alignment, size)
            }

            #[unsafe(no_mangle)]
            extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
                <$peer>::aligned(alignment, size)
            }

            #[unsafe(no_mangle)]
            extern "C" fn valloc(size: usize) -> *mut c_void {
                <$peer>::aligned(4096, size)
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn posix_memalign(
                block: *mut *mut c_void,
                alignment: usize,
                size: usize,
            ) -> c_int {
                const OUT_OF_MEMORY: c_int = 12;
                let fresh = <$peer>::aligned(alignment, size);
                if fresh.is_null() {
                    return OUT_OF_MEMORY;
                }
                // SAFETY: the caller's promise to `posix_memalign`.
                unsafe { block.write(fresh) };
                0
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
                // SAFETY: the caller's promise to `malloc_usable_size`.
                if block.is_null() { 0 } else { unsafe { <$peer>::usable(block) } }
            }
        }
    };
}
