//! The heap as a program's or a kernel's global allocator.
#![expect(unsafe_code, reason = "implements the unsafe trait of global allocators")]

use crate::{Contents, Heap, HoldPolicy};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};
use ntpool_types::{Bytes, PoolKind};

impl<P: HoldPolicy> Heap<P> {
    fn global(&self, layout: Layout, contents: Contents) -> *mut u8 {
        self.try_allocate(layout, PoolKind::NonPaged, self.tag(), contents)
            .map_or(ptr::null_mut(), NonNull::as_ptr)
    }
}

// SAFETY: the pool hands out blocks of at least the layout's size and alignment, no byte to two live blocks; nothing
// here unwinds but by an assertion about the pool's own metadata, which the pool's invariants exclude.
unsafe impl<P: HoldPolicy> GlobalAlloc for Heap<P> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.global(layout, Contents::Uninitialized)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.global(layout, Contents::Zeroed)
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: the caller promises that the block came from this allocator and is not used any more.
            unsafe { self.release(block, self.tag()) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(new_size, layout.align()) else { return ptr::null_mut() };
        // SAFETY: the caller owns the block, and from now on as much of it as it asks for.
        if unsafe { self.resize(block, Bytes(new_size as u64)) } {
            return block;
        }
        let moved = self.global(wanted, Contents::Uninitialized);
        if !moved.is_null() {
            // SAFETY: the caller promises that the old block is live and as long as its layout says; the new one is
            // live, as long as its own, and no byte of the old one.
            unsafe { ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size)) };
            // SAFETY: the caller gives up the old block, whose contents have moved.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }
}
