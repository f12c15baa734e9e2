//! snmalloc behind the C allocation functions.
#![expect(unsafe_code, reason = "calls a C++ library")]

use ntpool_bench_peer_face::{Allocator, c_allocator, c_void};
use snmalloc_sys as sn;

struct Snmalloc;

// SAFETY: snmalloc promises the same of these functions.
unsafe impl Allocator for Snmalloc {
    #[inline(always)]
    fn allocate(size: usize) -> *mut c_void {
        // SAFETY: may be called with any size.
        unsafe { sn::sn_malloc(size).cast() }
    }

    #[inline(always)]
    fn zeroed(count: usize, size: usize) -> *mut c_void {
        // SAFETY: may be called with any sizes; it checks their product.
        unsafe { sn::sn_calloc(count, size).cast() }
    }

    #[inline(always)]
    fn aligned(alignment: usize, size: usize) -> *mut c_void {
        // SAFETY: the workloads' alignments are powers of two.
        unsafe { sn::sn_rust_alloc(alignment, size).cast() }
    }

    #[inline(always)]
    unsafe fn resize(block: *mut c_void, size: usize) -> *mut c_void {
        // SAFETY: the caller's promise.
        unsafe { sn::sn_realloc(block.cast(), size).cast() }
    }

    #[inline(always)]
    unsafe fn release(block: *mut c_void) {
        // SAFETY: the caller's promise.
        unsafe { sn::sn_free(block.cast()) }
    }

    #[inline(always)]
    unsafe fn usable(block: *mut c_void) -> usize {
        // SAFETY: the caller's promise.
        unsafe { sn::sn_malloc_usable_size(block.cast()) }
    }
}

c_allocator!(Snmalloc);
