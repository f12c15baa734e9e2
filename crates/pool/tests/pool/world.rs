//! A pool on one big allocation, and looks at its blocks' bytes.
//!
//! The world's addresses, in order: a page of nobody's, the metadata, the three regions, a page of nobody's.
#![expect(
    unsafe_code,
    reason = "makes the memory that the pool is promised, and touches blocks as a driver would"
)]

use crate::shared::{Shared, Turn};
use ntpool_pool::{
    Block, Checks, Claim, Config, Contents, Corruption, Freed, FreshPages, Granule, MetadataReservation,
    NoMemory, NodeNumber, Nodes, PageRun, PageSource, Platform, Pool, Region, Request, ShardHandle,
    ShardHold, ShardSet, TagCount, TailModel,
};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, Pfn, PoolKind, Tag, Violation, VirtualAddress};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ptr::{NonNull, with_exposed_provenance, with_exposed_provenance_mut};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

pub const TAG: Tag = Tag::from_text(*b"Test");
pub const HIGHEST_FRAME: Pfn = Pfn(0xF_FFFF);

/// Which calls of a kind, counted from 0, are special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    Never,
    Once(u64),
    From(u64),
}

impl Calls {
    fn has(self, call: u64) -> bool {
        match self {
            Calls::Never => false,
            Calls::Once(special) => call == special,
            Calls::From(first) => call >= first,
        }
    }
}

/// What a pool is compiled with.
pub trait Rules: 'static {
    const GRANULE: Granule = Granule::Sixteen;
    const CHECKS: Checks;
    const COUNTS: bool = true;
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $checks:expr;)*) => {
        $(
            $(#[$doc])*
            pub enum $name {}

            impl Rules for $name {
                const CHECKS: Checks = $checks;
            }
        )*
    };
}

rules! {
    /// Exact sizes: what a verifier builds on.
    Sizes: Checks::SIZES;
    /// A heap.
    Heap: Checks::NONE;
    /// Everything.
    All: Checks::ALL;
    /// Canaries, and nothing else that they do not need.
    Canary: Checks { canary: true, ..Checks::SIZES };
    /// Poison.
    Poison: Checks { poison: true, ..Checks::NONE };
    /// Quarantine.
    Quarantine: Checks { quarantine: 8, ..Checks::NONE };
    /// Shuffled magazines.
    Shuffle: Checks { shuffle: true, ..Checks::NONE };
    /// Racing frees told apart.
    RacingFrees: Checks { racing_frees: true, ..Checks::NONE };
}

/// The granule of 32-bit targets.
pub enum Eight {}

impl Rules for Eight {
    const GRANULE: Granule = Granule::Eight;
    const CHECKS: Checks = Checks::SIZES;
}

/// Exact sizes, and nothing is counted.
pub enum Uncounted {}

impl Rules for Uncounted {
    const CHECKS: Checks = Checks::SIZES;
    const COUNTS: bool = false;
}

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(0) };
    static NODE: Cell<NodeNumber> = const { Cell::new(NodeNumber(0)) };
}

/// Makes the calling thread use this shard from now on.
pub fn use_shard(shard: usize) {
    SHARD.set(shard);
}

/// Moves the calling thread to this node.
pub fn use_node(node: u8) {
    NODE.set(NodeNumber(node));
}

pub struct Computer<R> {
    regions: [Region; 3],
    /// The pages of each kind that are usable.
    committed: [Shared<BTreeSet<u64>>; 3],
    commits: AtomicU64,
    give_backs: AtomicU64,
    options: Options,
    /// The time, in milliseconds.
    pub clock: AtomicU64,
    /// What the pool found when its author was gone.
    found: Shared<Vec<Corruption>>,
    shards: Vec<Mutex<()>>,
    rules: PhantomData<fn() -> R>,
}

impl<R> Computer<R> {
    pub fn commit_count(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub fn give_back_count(&self) -> u64 {
        self.give_backs.load(Ordering::Relaxed)
    }

    pub fn committed(&self, kind: PoolKind) -> PageCount {
        PageCount(self.usable(kind).len() as u64)
    }

    /// What the pool found since this was last asked.
    pub fn take_found(&self) -> Vec<Corruption> {
        std::mem::take(&mut self.found.lock())
    }

    fn usable(&self, kind: PoolKind) -> Turn<'_, BTreeSet<u64>> {
        self.committed[kind.index()].lock()
    }

    fn page_of(&self, kind: PoolKind, address: VirtualAddress) -> u64 {
        let region = self.regions[kind.index()];
        let offset = address.offset_from(region.base).expect("an address of the region").0;
        assert!(offset.is_multiple_of(PAGE_SIZE.0) && offset / PAGE_SIZE.0 < region.capacity.0, "{address}");
        offset / PAGE_SIZE.0
    }
}

impl<R> PageSource for Computer<R> {
    fn commit(
        &self,
        kind: PoolKind,
        first: VirtualAddress,
        count: PageCount,
    ) -> Result<FreshPages, NoMemory> {
        let call = self.commits.fetch_add(1, Ordering::Relaxed);
        if self.options.refusals.has(call) {
            return Err(NoMemory);
        }
        let page = self.page_of(kind, first);
        assert!(
            count.0 > 0 && page + count.0 <= self.regions[kind.index()].capacity.0,
            "{first} and {count}"
        );
        for page in page..page + count.0 {
            assert!(self.usable(kind).insert(page), "page {page} of {kind} pool is usable already");
        }
        let dirty = self.options.dirty.has(call);
        let bytes = with_exposed_provenance_mut::<u8>(first.0 as usize);
        // SAFETY: the pages lie in the world's memory, and are nobody's yet.
        unsafe { bytes.write_bytes(if dirty { 0x5A } else { 0 }, count.0 as usize * 4096) };
        Ok(if dirty { FreshPages::Unknown } else { FreshPages::Zero })
    }

    fn give_back(&self, runs: &[PageRun]) -> bool {
        let call = self.give_backs.fetch_add(1, Ordering::Relaxed);
        if self.options.stubborn.has(call) {
            return false;
        }
        for run in runs {
            let page = self.page_of(run.kind, run.first);
            for page in page..page + run.count.0 {
                assert!(
                    self.usable(run.kind).remove(&page),
                    "page {page} of {} pool is not usable",
                    run.kind
                );
            }
            let bytes = with_exposed_provenance_mut::<u8>(run.first.0 as usize);
            // SAFETY: the pages lie in the world's memory, and are nobody's any more.
            unsafe { bytes.write_bytes(0xEE, run.count.0 as usize * 4096) };
        }
        true
    }

    fn frame(&self, address: VirtualAddress) -> Option<Pfn> {
        let page = address.offset_from(self.regions[0].base)?.0 / PAGE_SIZE.0;
        Some(Pfn(0x100 + page))
    }

    fn highest_frame(&self) -> Pfn {
        HIGHEST_FRAME
    }
}

/// The use of one shard; a second one at a time would wait for ever.
pub struct Hold<'a> {
    shard: ShardHandle,
    _held: MutexGuard<'a, ()>,
}

// SAFETY: 1. the handle is one of the set that the pool passes to `hold`; 2. the mutex of its number is locked.
unsafe impl ShardHold for Hold<'_> {
    fn shard(&self) -> ShardHandle {
        self.shard
    }

    fn node(&self) -> NodeNumber {
        NODE.get()
    }
}

impl<R: Rules> Platform for Computer<R> {
    const GRANULE: Granule = R::GRANULE;
    const CHECKS: Checks = R::CHECKS;
    const COUNTS: bool = R::COUNTS;

    type Hold<'a> = Hold<'a>;

    fn hold<'a>(&'a self, shards: ShardSet<'a>) -> Hold<'a> {
        let shard = SHARD.get();
        let held = self.shards[shard].try_lock().expect("a hold is exclusive");
        Hold { shard: shards.get(shard), _held: held }
    }

    fn relax(&self, _turn: u32) {
        std::thread::yield_now();
    }

    fn milliseconds(&self) -> Option<u64> {
        Some(self.clock.load(Ordering::Relaxed))
    }

    fn found(&self, corruption: &Corruption) {
        self.found.lock().push(*corruption);
    }
}

struct Memory {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the memory is only freed through this value; who reads and writes it is the business of its users.
unsafe impl Send for Memory {}
// SAFETY: as for Send.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `World::new`; the pool, declared before it, is gone.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub capacity: u64,
    pub limit: u64,
    pub tail: TailModel,
    pub shards: usize,
    pub nodes: Nodes,
    pub tags: usize,
    /// Units of slots per page; nothing means as many as any page could need.
    pub slot_units: Option<u32>,
    /// The commits that are refused.
    pub refusals: Calls,
    /// The commits that make pages usable with rubbish in them.
    pub dirty: Calls,
    /// The offers to give pages back that are refused.
    pub stubborn: Calls,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            capacity: 256,
            limit: 256,
            tail: TailModel::Reuse,
            shards: 1,
            nodes: Nodes::ONE,
            tags: 4096,
            slot_units: None,
            refusals: Calls::Never,
            dirty: Calls::Never,
            stubborn: Calls::Never,
        }
    }
}

/// A pool and the memory it lives in.
pub struct World<R: Rules = Sizes> {
    pub pool: Pool<Computer<R>>,
    pub config: Config,
    pub metadata_base: VirtualAddress,
    pub metadata_size: Bytes,
    memory: Memory,
}

impl World {
    pub fn new(options: Options) -> World {
        World::of(options)
    }

    pub fn plain() -> World {
        World::new(Options::default())
    }
}

impl<R: Rules> World<R> {
    /// A world with these rules.
    pub fn of(options: Options) -> World<R> {
        let region = |place: u64, base: u64| Region {
            base: VirtualAddress(base + place * options.capacity * PAGE_SIZE.0),
            capacity: PageCount(options.capacity),
            limit: PageCount(options.limit),
        };
        let config = |base| {
            let config = Config::new([0, 1, 2].map(|place| region(place, base)));
            Config {
                shards: options.shards,
                tail: options.tail,
                system_space_start: VirtualAddress(0x10_0000),
                nodes: options.nodes,
                tags: options.tags,
                slot_units: options.slot_units.unwrap_or(config.slot_units),
                ..config
            }
        };
        let metadata_size = config(0).metadata_size::<Computer<R>>();
        let total = 2 * PAGE_SIZE.0 + metadata_size.0 + 3 * options.capacity * PAGE_SIZE.0;
        let layout = Layout::from_size_align(total as usize, PAGE_SIZE.as_usize()).expect("it fits");
        // SAFETY: the layout is not empty.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("so much memory is there");
        let memory = Memory { base, layout };
        // SAFETY: the page lies within the allocation.
        let metadata = MetadataReservation { base: unsafe { base.add(4096) }, size: metadata_size };
        let start = base.as_ptr().expose_provenance() as u64;
        let config = config(start + PAGE_SIZE.0 + metadata_size.0);
        let computer = Computer {
            regions: config.regions,
            committed: Default::default(),
            commits: AtomicU64::new(0),
            give_backs: AtomicU64::new(0),
            options,
            clock: AtomicU64::new(0),
            found: Shared::default(),
            shards: (0..=options.shards).map(|_| Mutex::new(())).collect(),
            rules: PhantomData,
        };
        // SAFETY: 1. the reservation is zeroed, page aligned, of the size asked for, and freed after the pool;
        // 2. the regions are writable, exposed, and used through the routines of this module only.
        let pool = unsafe { Pool::new(computer, config, metadata) };
        World { pool, config, metadata_base: VirtualAddress(start + PAGE_SIZE.0), metadata_size, memory }
    }

    /// An address that is no pool's.
    pub fn outside(&self) -> VirtualAddress {
        VirtualAddress(self.memory.base.as_ptr().addr() as u64)
    }

    pub fn region(&self, kind: PoolKind) -> Region {
        self.config.regions[kind.index()]
    }

    /// The address of a page of a region.
    pub fn page(&self, kind: PoolKind, page: u64) -> VirtualAddress {
        VirtualAddress(self.region(kind).base.0 + page * PAGE_SIZE.0)
    }

    pub fn try_allocate(&self, kind: PoolKind, size: u64) -> Result<Block, NoMemory> {
        self.pool.allocate(Request { size: Bytes(size), kind, tag: TAG, contents: Contents::Uninitialized })
    }

    pub fn allocate(&self, kind: PoolKind, size: u64) -> Block {
        self.try_allocate(kind, size).expect("the pool has room")
    }

    pub fn allocate_tagged(&self, kind: PoolKind, size: u64, tag: Tag) -> Block {
        let request = Request { size: Bytes(size), kind, tag, contents: Contents::Uninitialized };
        self.pool.allocate(request).expect("the pool has room")
    }

    pub fn free(&self, address: VirtualAddress) -> Result<Freed, Violation> {
        self.pool.free(Claim { address, tag: None })
    }

    pub fn free_tagged(&self, address: VirtualAddress, tag: Tag) -> Result<Freed, Violation> {
        self.pool.free(Claim { address, tag: Some(tag) })
    }

    pub fn in_use(&self, kind: PoolKind) -> u64 {
        self.pool.usage(kind).in_use.0
    }

    pub fn live(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        self.pool.for_each_live(|block| blocks.push(block));
        blocks
    }

    pub fn tags(&self) -> Vec<TagCount> {
        let mut counts = Vec::new();
        self.pool.for_each_tag(|count| counts.push(count));
        counts
    }

    pub fn tag(&self, tag: Tag, kind: PoolKind) -> Option<TagCount> {
        self.tags().into_iter().find(|count| count.tag == tag && count.kind == kind)
    }

    #[track_caller]
    pub fn check(&self) {
        if let Err(broken) = self.pool.check() {
            panic!("{broken}");
        }
    }

    /// The pages in use once nothing is kept ready for the next request.
    pub fn in_use_flushed(&self, kind: PoolKind) -> u64 {
        self.pool.flush();
        self.in_use(kind)
    }

    /// Takes home what every shard keeps.
    pub fn flush_all(&self) {
        let before = SHARD.get();
        for shard in 0..self.config.shards {
            use_shard(shard);
            self.pool.flush();
        }
        use_shard(before);
    }

    /// Frees every live block; then nothing may be left in use.
    #[track_caller]
    pub fn free_all(&self) {
        for block in self.live() {
            assert_eq!(self.free_tagged(block.address, block.tag), Ok(block));
        }
        self.check();
        self.flush_all();
        self.check();
        assert_eq!(PoolKind::ALL.map(|kind| self.in_use(kind)), [0; 3]);
    }
}

impl<R: Rules> World<R> {
    /// Writes rubbish over all memory that the pool has for blocks: live ones, freed ones, and what never was one.
    pub fn scribble(&self, seed: u64) {
        let mut state = seed | 1;
        for kind in PoolKind::ALL {
            for page in self.pool.platform().usable(kind).iter() {
                let words = with_exposed_provenance_mut::<u64>(self.page(kind, *page).0 as usize);
                for word in 0..512 {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    // SAFETY: the page is usable memory of the world, and no test looks at it meanwhile.
                    unsafe { words.add(word).write_volatile(state) };
                }
            }
        }
    }

    /// Every word of the metadata. Nobody is inside the pool meanwhile.
    pub fn metadata(&self) -> Vec<u64> {
        let words = with_exposed_provenance::<u64>(self.metadata_base.0 as usize);
        // SAFETY: the reservation lies in the world's memory and is initialised; it is only read here.
        (0..self.metadata_size.as_usize() / 8)
            .map(|word| unsafe { words.add(word).read_volatile() })
            .collect()
    }
}

/// Writes a byte where a driver has no right to.
pub fn poke(address: VirtualAddress, byte: u8) {
    // SAFETY: the address is one of a world's usable pages; whose byte it is, is what the test is about.
    unsafe { with_exposed_provenance_mut::<u8>(address.0 as usize).write_volatile(byte) };
}

/// The byte at an address.
pub fn peek(address: VirtualAddress) -> u8 {
    // SAFETY: the address is one of a world's usable pages.
    unsafe { with_exposed_provenance::<u8>(address.0 as usize).read_volatile() }
}

/// The address `distance` bytes further up.
pub fn offset(address: VirtualAddress, distance: u64) -> VirtualAddress {
    VirtualAddress(address.0 + distance)
}

/// Writes `byte` over a live block.
pub fn fill(block: &Block, byte: u8) {
    // SAFETY: the test owns the block, and its world's memory is exposed and writable.
    unsafe {
        with_exposed_provenance_mut::<u8>(block.address.0 as usize).write_bytes(byte, block.size.as_usize())
    };
}

/// Whether every byte of a live block is `byte`.
pub fn is_filled(block: &Block, byte: u8) -> bool {
    // SAFETY: the test owns the block, and its world's memory is exposed, readable and initialised.
    let bytes = unsafe {
        slice::from_raw_parts(with_exposed_provenance::<u8>(block.address.0 as usize), block.size.as_usize())
    };
    bytes.iter().all(|&found| found == byte)
}
