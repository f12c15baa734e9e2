//! Handles whose tag is part of their type.
#![expect(unsafe_code, reason = "passes on the promise that a freed block is not used any more")]

use crate::{Block, Contents, Heap, HoldPolicy, NoMemory, PoolBox, SpinHold};
use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;
use ntpool_types::{PoolKind, Tag, Violation};

/// The tag with these characters, in the order in which tools show them, as a parameter of [`Tagged`].
///
/// Up to three NUL bytes may follow the characters of a shorter tag (POOL-202).
///
/// ```
/// # use ntpool_heap::{Heap, PoolBox, Tagged, tag};
/// const CONFIG: u32 = tag(b"Cnfg");
/// const LOG: u32 = tag(b"Log\0");
/// ```
///
/// # Panics
/// When a character is not printable ASCII; in a constant that is an error of compilation:
///
/// ```compile_fail
/// const BELL: u32 = ntpool_heap::tag(b"Bel\x07");
/// ```
#[must_use]
pub const fn tag(text: &[u8; 4]) -> u32 {
    let mut place = 0;
    let mut ended = false;
    while place < text.len() {
        let printable = text[place] >= 0x20 && text[place] <= 0x7E;
        ended |= place > 0 && text[place] == 0;
        assert!(
            if ended { text[place] == 0 } else { printable },
            "a tag has one to four printable characters"
        );
        place += 1;
    }
    Tag::from_text(*text).0
}

/// A heap, a kind of pool and a tag: what a part of a program allocates with.
///
/// Everything allocated through the handle is counted under `TAG`, and a [`PoolBox`] can only be freed by the tag it
/// was allocated with, because it is part of the box's type:
///
/// ```
/// # use ntpool_heap::{Arena, Heap, PoolBox, Tagged, tag};
/// # static ARENA: Arena<{ 4 << 20 }> = Arena::new();
/// # static HEAP: Heap = Heap::on(&ARENA);
/// let config = HEAP.tagged::<{ tag(b"Cnfg") }>();
/// let port = config.try_box(8080).unwrap();
/// config.free_box(port);
/// ```
///
/// ```compile_fail,E0308
/// # use ntpool_heap::{Arena, Heap, PoolBox, Tagged, tag};
/// # static ARENA: Arena<{ 4 << 20 }> = Arena::new();
/// # static HEAP: Heap = Heap::on(&ARENA);
/// let config = HEAP.tagged::<{ tag(b"Cnfg") }>();
/// let log = HEAP.tagged::<{ tag(b"Log ") }>();
/// let port = config.try_box(8080).unwrap();
/// log.free_box(port); // another tag, another type
/// ```
pub struct Tagged<'h, const TAG: u32, P: HoldPolicy = SpinHold> {
    heap: &'h Heap<P>,
    kind: PoolKind,
}

impl<const TAG: u32, P: HoldPolicy> Clone for Tagged<'_, TAG, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<const TAG: u32, P: HoldPolicy> Copy for Tagged<'_, TAG, P> {}

impl<const TAG: u32, P: HoldPolicy> fmt::Debug for Tagged<'_, TAG, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tagged").field("tag", &Tag(TAG)).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<'h, const TAG: u32, P: HoldPolicy> Tagged<'h, TAG, P> {
    /// A handle to the heap's nonpaged pool.
    #[must_use]
    pub const fn new(heap: &'h Heap<P>) -> Self {
        Tagged { heap, kind: PoolKind::NonPaged }
    }

    /// The same handle to another kind of pool.
    ///
    /// A heap whose [`Shares`](crate::Shares) give that kind nothing has no memory of it.
    #[must_use]
    pub const fn of(self, kind: PoolKind) -> Self {
        Tagged { kind, ..self }
    }

    /// The heap.
    #[must_use]
    pub const fn heap(&self) -> &'h Heap<P> {
        self.heap
    }

    /// The kind of pool that the handle allocates.
    #[must_use]
    pub const fn kind(&self) -> PoolKind {
        self.kind
    }

    /// Allocates a block; one of no bytes has an address of its own, too.
    ///
    /// # Errors
    /// [`NoMemory`] when the kind has no room left.
    pub fn try_allocate(&self, layout: Layout, contents: Contents) -> Result<NonNull<u8>, NoMemory> {
        self.heap.try_allocate(layout, self.kind, Tag(TAG), contents)
    }

    /// Frees a block that was allocated under this tag; of which kind does not matter.
    ///
    /// # Errors
    /// The [`Violation`] when it is no live block of this tag; nothing has changed then.
    ///
    /// # Safety
    /// If it is such a block, nobody uses it any more. Everything else is found out.
    pub unsafe fn free(&self, block: NonNull<u8>) -> Result<Block, Violation> {
        // SAFETY: this function's promise.
        unsafe { self.heap.free(block.as_ptr(), Some(Tag(TAG))) }
    }

    /// Moves a value into a block of its own.
    ///
    /// # Errors
    /// [`NoMemory`] when the kind has no room left; the value is dropped.
    pub fn try_box<T>(self, value: T) -> Result<PoolBox<'h, T, TAG, P>, NoMemory> {
        PoolBox::try_new(self, value)
    }

    /// Drops a boxed value and frees its block, as dropping the box does.
    pub fn free_box<T>(self, boxed: PoolBox<'_, T, TAG, P>) {
        drop(boxed);
    }
}
