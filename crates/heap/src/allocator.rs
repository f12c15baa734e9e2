//! The allocator traits of the crate allocator-api2, for heaps and for handles with a tag.
//!
//! Two versions of the crate are served: the newest, and the one whose trait hashbrown and most other collections on
//! stable Rust ask for. Their traits are alike in all that is implemented here.
//!
//! A layout of no bytes takes nothing from the pool: its block is an aligned address that nobody may touch.
#![expect(unsafe_code, reason = "implements the unsafe trait of allocators")]

use crate::{Contents, Heap, HoldPolicy, NoMemory, Tagged};
use core::alloc::Layout;
use core::ptr::{self, NonNull};
use ntpool_types::{PoolKind, Tag};

/// What the allocator traits of a heap and of its handles differ in.
trait Face {
    /// The policy of the heap.
    type Policy: HoldPolicy;

    /// The heap, and the kind and tag of what is allocated.
    fn parts(&self) -> (&Heap<Self::Policy>, PoolKind, Tag);

    /// Allocates a block.
    fn take(&self, layout: Layout, contents: Contents) -> Result<NonNull<[u8]>, NoMemory> {
        let (heap, kind, tag) = self.parts();
        let first = match layout.size() {
            0 => NonNull::new(ptr::without_provenance_mut(layout.align())).ok_or(NoMemory)?,
            _ => heap.try_allocate(layout, kind, tag, contents)?,
        };
        Ok(NonNull::slice_from_raw_parts(first, layout.size()))
    }

    /// Frees a block.
    ///
    /// # Safety
    /// `take` of this face returned the block for this layout, and nobody uses it any more.
    unsafe fn give_back(&self, block: NonNull<u8>, layout: Layout) {
        let (heap, _, tag) = self.parts();
        if layout.size() > 0 {
            // SAFETY: this function's promise.
            unsafe { heap.release(block, tag) };
        }
    }
}

impl<P: HoldPolicy> Face for Heap<P> {
    type Policy = P;

    fn parts(&self) -> (&Heap<P>, PoolKind, Tag) {
        (self, PoolKind::NonPaged, self.tag())
    }
}

impl<const TAG: u32, P: HoldPolicy> Face for Tagged<'_, TAG, P> {
    type Policy = P;

    fn parts(&self) -> (&Heap<P>, PoolKind, Tag) {
        (self.heap(), self.kind(), Tag(TAG))
    }
}

macro_rules! allocator {
    ([$($generics:tt)*] $face:ty, $version:ident) => {
        // SAFETY: blocks are at least as long and as aligned as their layout, and stay where they are: the heap's
        // memory is given for good. Moving the allocator moves none of them; handles that are copied name the same
        // heap and tag.
        unsafe impl<$($generics)*> $version::alloc::Allocator for $face {
            fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, $version::alloc::AllocError> {
                self.take(layout, Contents::Uninitialized).map_err(|NoMemory| $version::alloc::AllocError)
            }

            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, $version::alloc::AllocError> {
                self.take(layout, Contents::Zeroed).map_err(|NoMemory| $version::alloc::AllocError)
            }

            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                // SAFETY: the caller promises that this allocator returned the block for a layout that fits, which
                // has bytes exactly when that one had, and gives it up.
                unsafe { self.give_back(block, layout) };
            }
        }
    };
}

allocator!([P: HoldPolicy] Heap<P>, allocator_api2);
allocator!([P: HoldPolicy] Heap<P>, allocator_api2_02);
allocator!([const TAG: u32, P: HoldPolicy] Tagged<'_, TAG, P>, allocator_api2);
allocator!([const TAG: u32, P: HoldPolicy] Tagged<'_, TAG, P>, allocator_api2_02);
