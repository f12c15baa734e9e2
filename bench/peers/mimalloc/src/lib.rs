//! mimalloc behind the C allocation functions.
#![expect(unsafe_code, reason = "calls a C library")]

use libmimalloc_sys as mi;
use ntpool_bench_peer_face::{Allocator, c_allocator, c_void};

struct Mimalloc;

// SAFETY: mimalloc promises the same of these functions.
unsafe impl Allocator for Mimalloc {
    #[inline(always)]
    fn allocate(size: usize) -> *mut c_void {
        // SAFETY: may be called with any size.
        unsafe { mi::mi_malloc(size).cast() }
    }

    #[inline(always)]
    fn zeroed(count: usize, size: usize) -> *mut c_void {
        // SAFETY: may be called with any sizes; it checks their product.
        unsafe { mi::mi_calloc(count, size).cast() }
    }

    #[inline(always)]
    fn aligned(alignment: usize, size: usize) -> *mut c_void {
        // SAFETY: may be called with any sizes; it checks the alignment.
        unsafe { mi::mi_malloc_aligned(size, alignment).cast() }
    }

    #[inline(always)]
    unsafe fn resize(block: *mut c_void, size: usize) -> *mut c_void {
        // SAFETY: the caller's promise.
        unsafe { mi::mi_realloc(block.cast(), size).cast() }
    }

    #[inline(always)]
    unsafe fn release(block: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { mi::mi_free(block.cast()) }
    }

    #[inline(always)]
    unsafe fn usable(block: *mut c_void) -> usize {
        // SAFETY: the caller's promise.
        unsafe { mi::mi_usable_size(block.cast()) }
    }
}

c_allocator!(Mimalloc);
