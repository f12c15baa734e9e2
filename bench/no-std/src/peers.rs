//! The allocators that the author of a kernel in Rust would pick, each behind a spin lock.
#![expect(unsafe_code, reason = "hands arenas over and implements Rust's allocator interface")]

use crate::arena::{LENGTH, arena};
use crate::layout_heap::LayoutHeap;
use spinning_top::{RawSpinlock, Spinlock};
use std::alloc::{GlobalAlloc, Layout};
use std::ptr::{NonNull, null_mut};

/// talc behind its own lock type.
pub type Talc = talc::TalcLock<RawSpinlock, talc::source::Claim>;

/// Makes a talc heap.
pub fn talc() -> LayoutHeap<Talc> {
    let arena = arena().as_mut_ptr();
    // SAFETY: the arena is the heap's for ever.
    let heap = Talc::new(unsafe { talc::source::Claim::new(arena, LENGTH) });
    LayoutHeap(Box::leak(Box::new(heap)))
}

/// rlsf, which has no lock of its own, behind one.
pub struct Rlsf(Spinlock<rlsf::Tlsf<'static, u64, u64, 32, 32>>);

// SAFETY: rlsf promises the same of these functions.
unsafe impl GlobalAlloc for Rlsf {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.lock().allocate(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    #[inline(always)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise: a block of this heap, and its alignment.
        unsafe { self.0.lock().deallocate(NonNull::new_unchecked(pointer), layout.align()) };
    }
}

/// Makes an rlsf heap.
pub fn rlsf() -> LayoutHeap<Rlsf> {
    let mut heap = rlsf::Tlsf::new();
    // SAFETY: the arena is the heap's for ever.
    unsafe { heap.insert_free_block_ptr(NonNull::from(arena())) };
    LayoutHeap(Box::leak(Box::new(Rlsf(Spinlock::new(heap)))))
}

/// Makes a heap of good_memory_allocator, behind its own lock type.
pub fn good_memory_allocator() -> LayoutHeap<good_memory_allocator::SpinLockedAllocator> {
    let heap = Box::leak(Box::new(good_memory_allocator::SpinLockedAllocator::empty()));
    // SAFETY: the arena is the heap's for ever, it is told once, and is where it stays.
    unsafe { heap.init(arena().as_mut_ptr().expose_provenance(), LENGTH) };
    LayoutHeap(heap)
}
