//! A heap on memory of its own, which held rubbish before, and a policy that remembers refusals.
#![expect(
    unsafe_code,
    reason = "gives the heap memory that ends with the test, and touches blocks as owners do"
)]

use ntpool_heap::{
    Before, Block, Contents, Heap, HoldPolicy, NoMemory, PoolKind, Shares, SpinGuard, SpinHold, Tag,
    TagCount, Violation,
};
use std::alloc::{GlobalAlloc, Layout};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;
use std::sync::{Arc, Mutex};

pub const TAG: Tag = Tag::from_text(*b"Test");

/// What the memory holds before the heap has it.
pub const RUBBISH: u8 = 0xA5;

#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<Vec<Violation>>>);

impl Refusals {
    pub fn taken(&self) -> Vec<Violation> {
        std::mem::take(&mut self.0.lock().expect("nobody panicked"))
    }
}

#[derive(Default)]
pub struct Policy {
    lock: SpinHold,
    refusals: Refusals,
}

// SAFETY: 1. and 2. are what the spin lock promises.
unsafe impl HoldPolicy for Policy {
    type Guard<'a> = SpinGuard<'a>;

    fn hold(&self) -> SpinGuard<'_> {
        self.lock.hold()
    }

    fn refused(&self, violation: Violation) {
        self.refusals.0.lock().expect("nobody panicked").push(violation);
    }
}

/// A heap and the memory it lives in; fields are dropped in this order.
pub struct World {
    pub heap: Heap<Policy>,
    pub refusals: Refusals,
    _memory: Vec<MaybeUninit<u8>>,
}

impl World {
    pub fn of(size: usize, shares: Shares) -> World {
        let mut memory = vec![MaybeUninit::new(RUBBISH); size];
        let heap = Heap::new().with_shares(shares).with_tag(TAG);
        let refusals = Refusals::default();
        let policy = Policy { lock: SpinHold::new(), refusals: refusals.clone() };
        let base = NonNull::from(memory.as_mut_slice()).cast();
        // SAFETY: 1. the memory is the world's alone and outlives the heap; 2. nothing is said about its bytes.
        unsafe { heap.give_range(base, size, Before::Anything, policy) }.expect("the memory is large enough");
        World { heap, refusals, _memory: memory }
    }

    pub fn plain() -> World {
        World::of(8 << 20, Shares::NONPAGED)
    }

    pub fn try_allocate(&self, layout: Layout, kind: PoolKind) -> Result<NonNull<u8>, NoMemory> {
        self.heap.try_allocate(layout, kind, TAG, Contents::Uninitialized)
    }

    pub fn allocate(&self, layout: Layout) -> NonNull<u8> {
        self.try_allocate(layout, PoolKind::NonPaged).expect("the heap has room")
    }

    pub fn free(&self, block: NonNull<u8>, tag: Option<Tag>) -> Result<Block, Violation> {
        // SAFETY: no test uses a block that it has freed.
        unsafe { self.heap.free(block.as_ptr(), tag) }
    }

    pub fn in_use(&self) -> [u64; 3] {
        PoolKind::ALL.map(|kind| self.heap.usage(kind).in_use.0)
    }

    pub fn tags(&self) -> Vec<TagCount> {
        let mut counts = Vec::new();
        self.heap.for_each_tag(|count| counts.push(count));
        counts
    }

    /// Nothing is live, in use or broken, and no free was refused.
    #[track_caller]
    pub fn assert_empty(&self) {
        self.heap.for_each_live(|block| panic!("{block:?} is still live"));
        assert_eq!(self.in_use(), [0; 3]);
        assert_eq!(self.refusals.taken(), []);
        self.heap.check().expect("the metadata is consistent");
    }
}

pub fn layout(size: usize, alignment: usize) -> Layout {
    Layout::from_size_align(size, alignment).expect("sizes and alignments of the tests are small")
}

/// Writes `byte` over a live block.
pub fn fill(block: NonNull<u8>, size: usize, byte: u8) {
    // SAFETY: the test owns the block.
    unsafe { block.write_bytes(byte, size) };
}

/// Whether the first `size` bytes of a live block, all of them written before, are `byte`.
pub fn is_filled(block: NonNull<u8>, size: usize, byte: u8) -> bool {
    // SAFETY: the test owns the block, and its bytes were written.
    unsafe { slice::from_raw_parts(block.as_ptr(), size) }.iter().all(|&found| found == byte)
}

/// The global allocator's face, for tests that keep its rules.
pub trait Global {
    fn alloc(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>>;
    fn dealloc(&self, block: NonNull<u8>, layout: Layout);
    fn realloc(&self, block: NonNull<u8>, layout: Layout, size: usize) -> Option<NonNull<u8>>;
}

impl Global for World {
    fn alloc(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        assert!(layout.size() > 0);
        // SAFETY: the layout has bytes.
        let block = unsafe {
            if zeroed {
                GlobalAlloc::alloc_zeroed(&self.heap, layout)
            } else {
                GlobalAlloc::alloc(&self.heap, layout)
            }
        };
        NonNull::new(block)
    }

    fn dealloc(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the tests give up live blocks with their layouts, or addresses that are no blocks on purpose, which
        // the heap promises to survive.
        unsafe { GlobalAlloc::dealloc(&self.heap, block.as_ptr(), layout) };
    }

    fn realloc(&self, block: NonNull<u8>, layout: Layout, size: usize) -> Option<NonNull<u8>> {
        assert!(size > 0);
        // SAFETY: the tests give live blocks with their layouts, and sizes that are not zero.
        NonNull::new(unsafe { GlobalAlloc::realloc(&self.heap, block.as_ptr(), layout, size) })
    }
}
