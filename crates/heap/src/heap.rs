//! The heap: memory given once, and a pool on it.
#![expect(
    unsafe_code,
    reason = "takes the promise about memory that is given by its address, and about blocks freed"
)]

use crate::arena::Source;
use crate::engine::{self, Engine, Range};
use crate::{
    Arena, ArenaError, Before, Block, Contents, HoldPolicy, Inconsistency, NoMemory, Place, Shares, SpinHold,
    TagCount, Tagged, Usage,
};
use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use ntpool_types::{Bytes, PageCount, PoolKind, Tag, Violation, VirtualAddress};
use spin::Once;

/// A pool on a fixed range of memory.
///
/// Made by a constant expression, so that it can be a static, and shared by every thread. Until it has its memory it
/// has none to allocate. Dropping it gives nothing back: its memory was given for good.
pub struct Heap<P: HoldPolicy = SpinHold> {
    engine: Once<Engine<P>>,
    origin: Origin<P>,
    shares: Shares,
    tag: Tag,
}

/// Where a heap's memory comes from.
enum Origin<P> {
    /// It is given, by a call.
    Call,
    /// It is a static arena, taken when it is first needed; a policy is made then.
    Arena(&'static dyn Source, fn() -> P),
}

impl<P: HoldPolicy> Heap<P> {
    /// A heap without memory: [`give`](Heap::give) it some.
    #[must_use]
    pub const fn new() -> Heap<P> {
        Heap::of(Origin::Call)
    }

    /// A heap on a static arena, which it takes when it is first used.
    #[must_use]
    pub const fn on<const SIZE: usize>(arena: &'static Arena<SIZE>) -> Heap<P>
    where
        P: Default,
    {
        Heap::of(Origin::Arena(arena, P::default))
    }

    const fn of(origin: Origin<P>) -> Heap<P> {
        Heap { engine: Once::new(), origin, shares: Shares::NONPAGED, tag: Tag::from_text(*b"Rust") }
    }

    /// The same heap with its memory divided otherwise than all to nonpaged pool.
    #[must_use]
    pub const fn with_shares(mut self, shares: Shares) -> Heap<P> {
        self.shares = shares;
        self
    }

    /// The same heap with another tag than `Rust` for what is allocated without a handle.
    #[must_use]
    pub const fn with_tag(mut self, tag: Tag) -> Heap<P> {
        self.tag = tag;
        self
    }

    /// Gives the heap its memory.
    ///
    /// # Errors
    /// When the memory is too small, or the heap has some already.
    pub fn give(&self, memory: &'static mut [MaybeUninit<u8>], policy: P) -> Result<(), ArenaError> {
        let range = range_of(memory);
        // SAFETY: 1. the slice is borrowed uniquely and for ever; 2. nothing is said about its bytes.
        unsafe { self.give_range(range.base, range.length, range.before, policy) }
    }

    /// Gives the heap memory that is known by its address, such as a range of the firmware's memory map.
    ///
    /// # Errors
    /// When the memory is too small, or the heap has some already.
    ///
    /// # Safety
    /// 1. The `length` bytes from `base` on are readable and writable memory that nobody else uses as long as the
    ///    heap, or a block of it, is used.
    /// 2. If `before` says so, they are zero.
    pub unsafe fn give_range(
        &self,
        base: NonNull<u8>,
        length: usize,
        before: Before,
        policy: P,
    ) -> Result<(), ArenaError> {
        if matches!(self.origin, Origin::Arena(..)) {
            return Err(ArenaError::AlreadyGiven);
        }
        let mut given = false;
        self.engine.try_call_once(|| {
            given = true;
            let range = Range { base, length, before };
            // SAFETY: 1. and 2. are this function's promises.
            unsafe { Engine::new(range, self.shares, policy) }
        })?;
        if given { Ok(()) } else { Err(ArenaError::AlreadyGiven) }
    }

    /// Whether the heap can allocate; one on a static arena takes it now at the latest.
    ///
    /// # Errors
    /// Why it can't.
    pub fn ready(&self) -> Result<(), ArenaError> {
        self.engine().map(|_| ())
    }

    /// The bytes of memory that hold `capacity` bytes of blocks in these shares, with the metadata for them.
    #[must_use]
    pub fn footprint(capacity: Bytes, shares: Shares) -> Bytes {
        engine::footprint::<P>(capacity, shares)
    }

    /// A handle to this heap's nonpaged pool whose blocks are counted under `TAG`.
    pub fn tagged<const TAG: u32>(&self) -> Tagged<'_, TAG, P> {
        Tagged::new(self)
    }

    /// Allocates a block; one of no bytes has an address of its own, too.
    ///
    /// # Errors
    /// [`NoMemory`] when the kind has no room left, or the heap has no memory yet.
    pub fn try_allocate(
        &self,
        layout: Layout,
        kind: PoolKind,
        tag: Tag,
        contents: Contents,
    ) -> Result<NonNull<u8>, NoMemory> {
        self.engine().map_err(|_| NoMemory)?.allocate(layout, kind, tag, contents)
    }

    /// Frees the block that an allocation returned with this address; without a tag none is compared.
    ///
    /// # Errors
    /// The [`Violation`] when it is no such block, or its tag is another; nothing has changed then.
    ///
    /// # Safety
    /// If it is such a block, nobody uses it any more. Everything else is found out.
    pub unsafe fn free(&self, block: *mut u8, tag: Option<Tag>) -> Result<Block, Violation> {
        let address = address_of(block);
        let engine = self.engine.get().ok_or(engine::foreign(address))?;
        // SAFETY: this function's promise.
        unsafe { engine.free(address, tag) }
    }

    /// Changes a live block's size where it is; whether that could be done. Otherwise the block is as it was.
    ///
    /// # Safety
    /// 1. The caller owns the block, and afterwards uses no more of it than its new size.
    pub unsafe fn resize(&self, block: *mut u8, size: Bytes) -> bool {
        // SAFETY: this function's promise.
        self.engine.get().is_some_and(|engine| unsafe { engine.resize(address_of(block), size) })
    }

    /// The bytes of a block that an allocation returned with this address; `None` when there is no such live block.
    pub fn usable(&self, block: *const u8) -> Option<Bytes> {
        self.engine.get()?.usable(address_of(block))
    }

    /// What lies at an address.
    pub fn find(&self, address: *const u8) -> Place {
        self.engine.get().map_or(Place::Outside, |engine| engine.find(address_of(address)))
    }

    /// Calls `f` with every live block; it may use the heap.
    pub fn for_each_live(&self, f: impl FnMut(Block)) {
        if let Some(engine) = self.engine.get() {
            engine.for_each_live(f);
        }
    }

    /// Calls `f` with the counters of every tag and kind that ever had an allocation; it may use the heap.
    pub fn for_each_tag(&self, f: impl FnMut(TagCount)) {
        if let Some(engine) = self.engine.get() {
            engine.for_each_tag(f);
        }
    }

    /// The pages of one kind; none before the heap has its memory.
    pub fn usage(&self, kind: PoolKind) -> Usage {
        let none = Usage { in_use: PageCount(0), committed: PageCount(0), limit: PageCount(0) };
        self.engine.get().map_or(none, |engine| engine.usage(kind))
    }

    /// The pages of one kind, the first one's address and how many, for whoever sets their protection; `None` before
    /// the heap has its memory.
    pub fn range(&self, kind: PoolKind) -> Option<(VirtualAddress, PageCount)> {
        self.engine.get().map(|engine| engine.region(kind))
    }

    /// Checks every invariant of the heap's metadata, holding its lock for as long as that takes.
    ///
    /// # Errors
    /// The first [`Inconsistency`] found: the heap's fault, or that of somebody who wrote over its metadata.
    pub fn check(&self) -> Result<(), Inconsistency> {
        self.engine.get().map_or(Ok(()), Engine::check)
    }

    /// The tag of what is allocated without a handle.
    pub(crate) fn tag(&self) -> Tag {
        self.tag
    }

    /// Frees a block for a face that can't return an error; the policy hears of a refusal.
    ///
    /// # Safety
    /// As for [`free`](Heap::free).
    pub(crate) unsafe fn release(&self, block: NonNull<u8>, tag: Tag) {
        // SAFETY: this function's promise.
        if let Err(violation) = unsafe { self.free(block.as_ptr(), Some(tag)) }
            && let Some(engine) = self.engine.get()
        {
            engine.policy().refused(violation);
        }
    }

    fn engine(&self) -> Result<&Engine<P>, ArenaError> {
        match self.origin {
            Origin::Call => self.engine.get().ok_or(ArenaError::NothingGiven),
            Origin::Arena(arena, policy) => self.engine.try_call_once(|| {
                let range = range_of(arena.take().ok_or(ArenaError::ArenaTaken)?);
                // SAFETY: 1. the arena hands out its bytes once, borrowed uniquely and for ever; 2. nothing is said
                // about them.
                unsafe { Engine::new(range, self.shares, policy()) }
            }),
        }
    }
}

impl<P: HoldPolicy> Default for Heap<P> {
    fn default() -> Heap<P> {
        Heap::new()
    }
}

fn range_of(memory: &'static mut [MaybeUninit<u8>]) -> Range {
    Range { base: NonNull::from(&mut *memory).cast(), length: memory.len(), before: Before::Anything }
}

fn address_of(pointer: *const u8) -> VirtualAddress {
    VirtualAddress(pointer.addr() as u64)
}
