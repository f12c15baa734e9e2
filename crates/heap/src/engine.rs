//! The pool under a heap: the one place that knows the engine.
//!
//! It makes the pool on a range of memory, and is the computer that the pool runs on.
//!
//! # Promise
//! Memory is written here only to zero metadata before the pool is made.
#![expect(unsafe_code, reason = "makes the pool, and zeroes the memory for its metadata")]

use crate::plan::{Plan, Span};
use crate::{ArenaError, HoldPolicy, Shares};
use core::alloc::Layout;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, Ordering};
use ntpool_pool::{
    Checks, Claim, Config, FreshPages, MetadataReservation, PageRun, PageSource, Placement, Platform, Pool,
    Region, Request, ShardHandle, ShardHold, ShardSet,
};
use ntpool_types::{
    BugCheck, BugCheckCode, Bytes, PAGE_SIZE, PageCount, Pfn, PoolKind, Rule, Tag, Violation, VirtualAddress,
};

pub use ntpool_pool::{Block, Contents, Inconsistency, NoMemory, Place, TagCount, Usage};

/// Frees of addresses below this are told apart as frees of user addresses; no kernel owns the first 64 KiB.
const SYSTEM_SPACE_START: VirtualAddress = VirtualAddress(0x1_0000);

/// How many tags have counters of their own; a heap's owner has few.
const TAGS: usize = 256;

/// Units for the slots of a page on average: enough where blocks are 64 bytes on average. With smaller ones a heap may
/// have pages left that it can't cut as finely.
const SLOT_UNITS: u32 = 8;

/// What a range of memory holds before a heap begins on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Anything: what the heap needs zero it zeroes, metadata at once and pages as they come into use.
    Anything,
    /// Zeros, as fresh pages of an operating system are: what the heap never uses it never touches.
    Zeros,
}

/// A range of memory for one heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) base: NonNull<u8>,
    pub(crate) length: usize,
    pub(crate) before: Before,
}

/// A pool on a range of memory.
pub(crate) struct Engine<P: HoldPolicy> {
    pool: Pool<Ground<P>>,
}

impl<P: HoldPolicy> Engine<P> {
    /// Makes a pool on `range`.
    ///
    /// Errors: [`ArenaError::TooSmall`].
    ///
    /// # Safety
    /// 1. The range is readable and writable memory that nobody else uses as long as the engine, or a block of it, is
    ///    used.
    /// 2. If [`Range::before`] says so, it is zero.
    pub(crate) unsafe fn new(range: Range, shares: Shares, policy: P) -> Result<Engine<P>, ArenaError> {
        let base = VirtualAddress(range.base.as_ptr().expose_provenance() as u64);
        let plan = Plan::of(base, Bytes(range.length as u64), shares, metadata_size::<P>)?;
        let metadata = MetadataReservation {
            base: NonNull::new(pointer(plan.metadata.base)).expect("no range of memory holds address zero"),
            size: plan.metadata.pages.bytes(),
        };
        let known_zero = match range.before {
            Before::Anything => {
                // SAFETY: the plan's parts lie within the range, which is writable and nobody else's (1).
                unsafe { metadata.base.write_bytes(0, metadata.size.as_usize()) };
                u64::MAX
            }
            Before::Zeros => 0,
        };
        let ground = Ground { policy, plan, zero_from: [const { AtomicU64::new(0) }; 3] };
        ground.zero_from.iter().for_each(|from| from.store(known_zero, Ordering::Relaxed));
        // SAFETY: 1. the plan gave the reservation whole pages of the range, zero either now or before (2), as many as
        // `metadata_size` wants for these regions, and nobody else uses them (1). 2. the regions are other pages of
        // the range, writable and of exposed provenance; their bytes are used by the owners of blocks alone (1), and
        // by `commit` before they are in any block.
        let pool = unsafe { Pool::new(ground, config(plan.regions), metadata) };
        Ok(Engine { pool })
    }

    /// Takes a block; a request of no bytes gets one all the same.
    ///
    /// Errors: [`NoMemory`].
    pub(crate) fn allocate(
        &self,
        layout: Layout,
        kind: PoolKind,
        tag: Tag,
        contents: Contents,
    ) -> Result<NonNull<u8>, NoMemory> {
        let request = Request { size: Bytes(layout.size() as u64), kind, tag, contents };
        let placement = Placement { alignment: Bytes(layout.align() as u64), ..Placement::ANY };
        let block = self.pool.allocate_placed(request, placement)?;
        NonNull::new(pointer(block.address)).ok_or(NoMemory)
    }

    /// Changes a live block's size where it is; whether that could be done.
    ///
    /// # Safety
    /// 1. The caller owns the block, and uses no more than the new size of it afterwards.
    pub(crate) unsafe fn resize(&self, address: VirtualAddress, size: Bytes) -> bool {
        self.pool.resize(address, size)
    }

    /// Ends the block that an allocation returned with this address.
    ///
    /// Errors: the [`Violation`] when there is no such live block, or its tag is another than the one given; nothing
    /// has changed then.
    ///
    /// # Safety
    /// Nobody uses the block any more, if there is one.
    pub(crate) unsafe fn free(&self, address: VirtualAddress, tag: Option<Tag>) -> Result<Block, Violation> {
        self.pool.free(Claim { address, tag })
    }

    /// The bytes from an address that an allocation returned to its block's end; `None` when there is no such live
    /// block.
    pub(crate) fn usable(&self, address: VirtualAddress) -> Option<Bytes> {
        self.pool.usable(address)
    }

    /// What lies at an address.
    pub(crate) fn find(&self, address: VirtualAddress) -> Place {
        self.pool.find(address)
    }

    /// Calls `f` with every live block; it may use the pool.
    pub(crate) fn for_each_live(&self, f: impl FnMut(Block)) {
        self.pool.for_each_live(f);
    }

    /// Calls `f` with the counters of every tag; it may use the pool.
    pub(crate) fn for_each_tag(&self, f: impl FnMut(TagCount)) {
        self.pool.for_each_tag(f);
    }

    /// The pages of one kind, once what is kept ready for the next request has been put back.
    pub(crate) fn usage(&self, kind: PoolKind) -> Usage {
        self.pool.flush();
        self.pool.usage(kind)
    }

    /// Checks every invariant of the pool's metadata.
    pub(crate) fn check(&self) -> Result<(), Inconsistency> {
        self.pool.check()
    }

    /// The pages of one kind: the first one's address, and how many.
    pub(crate) fn region(&self, kind: PoolKind) -> (VirtualAddress, PageCount) {
        let span = self.pool.platform().plan.regions[kind.index()];
        (span.base, span.pages)
    }

    /// The policy that the engine was made with.
    pub(crate) fn policy(&self) -> &P {
        &self.pool.platform().policy
    }
}

/// The bytes of memory that hold `capacity` of blocks and the metadata for them.
pub(crate) fn footprint<P: HoldPolicy>(capacity: Bytes, shares: Shares) -> Bytes {
    let pages = capacity.pages_rounded_up();
    // One page for each kind that rounding may take from its share, and one for a base that is not page aligned.
    let spare = PageCount(4);
    let pages = PageCount(pages.0 + spare.0);
    let size = metadata_size::<P>(shares.split(pages)).0.checked_add(pages.0.saturating_mul(PAGE_SIZE.0));
    Bytes(size.unwrap_or(u64::MAX))
}

/// What freeing an address to a heap without memory is: whatever the address is, it is nobody's block.
pub(crate) fn foreign(address: VirtualAddress) -> Violation {
    let bug_check = BugCheck::new(BugCheckCode::BAD_POOL_CALLER, [0x42, address.0, 0, 0]);
    Violation { rule: Rule::PoolForeignFree, bug_check, subject: address }
}

/// The metadata that so many pages of each kind need.
fn metadata_size<P: HoldPolicy>(pages: [PageCount; 3]) -> Bytes {
    config(pages.map(|pages| Span { base: VirtualAddress::NULL, pages })).metadata_size::<Ground<P>>()
}

fn config(spans: [Span; 3]) -> Config {
    let region = |span: Span| Region { base: span.base, capacity: span.pages, limit: span.pages };
    Config {
        system_space_start: SYSTEM_SPACE_START,
        tags: TAGS,
        slot_units: SLOT_UNITS,
        ..Config::new(spans.map(region))
    }
}

/// The pointer with this address, whose provenance was exposed when the heap got its memory.
fn pointer(address: VirtualAddress) -> *mut u8 {
    ptr::with_exposed_provenance_mut(address.0 as usize)
}

/// The computer that a heap's pool runs on: a plan of memory, and one shard.
struct Ground<P> {
    policy: P,
    plan: Plan,
    /// By kind, the first page from which on none was ever written. Changed only inside `commit`, which the pool
    /// never calls twice at a time.
    zero_from: [AtomicU64; 3],
}

impl<P: HoldPolicy> PageSource for Ground<P> {
    fn commit(
        &self,
        kind: PoolKind,
        first: VirtualAddress,
        count: PageCount,
    ) -> Result<FreshPages, NoMemory> {
        let region = self.plan.regions[kind.index()];
        let page = first.offset_from(region.base).ok_or(NoMemory)?.0 / PAGE_SIZE.0;
        let end = page.checked_add(count.0).filter(|&end| end <= region.pages.0).ok_or(NoMemory)?;
        // From the mark on no page was ever written.
        let was_used = page < self.zero_from[kind.index()].fetch_max(end, Ordering::Relaxed);
        Ok(if was_used { FreshPages::Unknown } else { FreshPages::Zero })
    }

    /// Always: the pages are there again when the heap next wants them, and until then they can join with pages that were
    /// never used.
    fn give_back(&self, _: &[PageRun]) -> bool {
        true
    }

    /// The page's number in the address space: a heap does not know the machine's frames, and most ranges that are
    /// given to one are mapped to frames of the same number.
    fn frame(&self, address: VirtualAddress) -> Option<Pfn> {
        Some(Pfn(address.0 / PAGE_SIZE.0))
    }

    fn highest_frame(&self) -> Pfn {
        let last = self.plan.regions[PoolKind::Paged.index()];
        Pfn((last.base.0 / PAGE_SIZE.0 + last.pages.0).saturating_sub(1))
    }
}

/// The use of the one shard.
struct Held<G> {
    shard: ShardHandle,
    _guard: G,
}

// SAFETY: 1. the handle is one of the set that the pool passes to `hold`; 2. the policy's guard is exclusive, by its
// promise, and there is one shard.
unsafe impl<G> ShardHold for Held<G> {
    fn shard(&self) -> ShardHandle {
        self.shard
    }
}

impl<P: HoldPolicy> Platform for Ground<P> {
    const CHECKS: Checks = Checks::SIZES;

    type Hold<'a>
        = Held<P::Guard<'a>>
    where
        Self: 'a;

    fn hold<'a>(&'a self, shards: ShardSet<'a>) -> Held<P::Guard<'a>> {
        Held { _guard: self.policy.hold(), shard: shards.get(0) }
    }
}
