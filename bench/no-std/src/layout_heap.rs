//! Heaps with Rust's allocator interface, which is told a block's layout when it is freed: an advantage over a free that
//! gets only a pointer.
#![expect(unsafe_code, reason = "calls allocators through Rust's own interface")]

use ntpool_bench_workloads::heap::{Contents, Fresh, Heap, Held};
use ntpool_bench_workloads::memory::Zeroed;
use ntpool_bench_workloads::sizes::Size;
use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;
use std::ptr::null_mut;

/// An allocator as a heap. It stays where it is, as a kernel's static would: one of them points to itself.
pub struct LayoutHeap<A: 'static>(pub &'static A);

/// A block and its size, or none.
#[derive(Debug)]
pub struct SizedBlock {
    pointer: *mut u8,
    size: u32,
}

// SAFETY: null, and no bytes.
unsafe impl Zeroed for SizedBlock {}
// SAFETY: only the heap below makes blocks.
unsafe impl Held for SizedBlock {
    const NONE: SizedBlock = SizedBlock { pointer: null_mut(), size: 0 };

    #[inline(always)]
    fn pointer(&self) -> *mut u8 {
        self.pointer
    }
}

#[inline(always)]
fn layout(bytes: usize) -> Layout {
    const ALIGNMENT: usize = 16;
    // SAFETY: a power of two, and sizes are 32 bits wide.
    unsafe { Layout::from_size_align_unchecked(bytes, ALIGNMENT) }
}

// SAFETY: what the allocator promises.
unsafe impl<A: GlobalAlloc> Heap for LayoutHeap<A> {
    type Block = SizedBlock;

    #[inline(always)]
    fn allocate(&self, contents: Contents, size: Size) -> Fresh<SizedBlock> {
        let layout = layout(size.bytes());
        let pointer = match contents {
            // SAFETY: the layout is not empty, since no size is.
            Contents::Any => unsafe { self.0.alloc(layout) },
            // SAFETY: as above.
            Contents::Zero => unsafe { self.0.alloc_zeroed(layout) },
        };
        let block = SizedBlock { pointer, size: size.bytes() as u32 };
        // SAFETY: the block is fresh and of that size.
        unsafe { Fresh::new(black_box(block), size) }
    }

    #[inline(always)]
    fn release(&self, block: SizedBlock) {
        if block.size > 0 {
            // SAFETY: from `allocate`, which had the same layout; blocks are not copied.
            unsafe { self.0.dealloc(block.pointer, layout(block.size as usize)) };
        }
    }
}
