//! A pool on one big allocation, and looks at its blocks' bytes.
//!
//! The world's addresses, in order: a page of nobody's, the metadata, the three regions, a page of nobody's.
#![expect(
    unsafe_code,
    reason = "makes the memory that the pool is promised, and touches blocks as a driver would"
)]

use ntpool_pool::{
    Block, Claim, Config, Contents, Freed, MetadataReservation, NoMemory, PageSource, Platform, Pool, Region,
    Request, ShardHold, TagCount, TailModel,
};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, Pfn, PoolKind, Tag, Violation, VirtualAddress};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::Cell;
use std::ptr::{NonNull, with_exposed_provenance, with_exposed_provenance_mut};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

pub const TAG: Tag = Tag::from_text(*b"Test");
pub const HIGHEST_FRAME: Pfn = Pfn(0xF_FFFF);

/// When the page source refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusals {
    Never,
    Once(u64),
    From(u64),
}

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(0) };
}

/// Makes the calling thread use this shard from now on.
pub fn use_shard(shard: usize) {
    SHARD.set(shard);
}

pub struct Computer {
    regions: [Region; 3],
    committed: [AtomicU64; 3],
    commits: AtomicU64,
    refusals: Refusals,
    shards: Vec<Mutex<()>>,
}

impl Computer {
    pub fn commit_count(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub fn committed(&self, kind: PoolKind) -> PageCount {
        PageCount(self.committed[kind.index()].load(Ordering::Relaxed))
    }
}

impl PageSource for Computer {
    fn commit(&self, kind: PoolKind, first: PageCount, count: PageCount) -> Result<(), NoMemory> {
        let call = self.commits.fetch_add(1, Ordering::Relaxed);
        let refused = match self.refusals {
            Refusals::Never => false,
            Refusals::Once(refused) => call == refused,
            Refusals::From(refused) => call >= refused,
        };
        if refused {
            return Err(NoMemory);
        }
        assert!(count.0 > 0 && first == self.committed(kind), "pages are committed once each, in order");
        assert!(first.0 + count.0 <= self.regions[kind.index()].capacity.0, "{first} and {count} in {kind}");
        self.committed[kind.index()].store(first.0 + count.0, Ordering::Relaxed);
        Ok(())
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
    shard: usize,
    _held: MutexGuard<'a, ()>,
}

impl ShardHold for Hold<'_> {
    fn shard(&self) -> usize {
        self.shard
    }
}

impl Platform for Computer {
    type Hold<'a> = Hold<'a>;

    fn hold(&self) -> Hold<'_> {
        let shard = SHARD.get();
        Hold { shard, _held: self.shards[shard].try_lock().expect("a hold is exclusive") }
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
    pub refusals: Refusals,
}

impl Default for Options {
    fn default() -> Options {
        Options { capacity: 256, limit: 256, tail: TailModel::Reuse, shards: 1, refusals: Refusals::Never }
    }
}

/// A pool and the memory it lives in.
pub struct World {
    pub pool: Pool<Computer>,
    pub config: Config,
    pub metadata_base: VirtualAddress,
    pub metadata_size: Bytes,
    memory: Memory,
}

impl World {
    pub fn new(options: Options) -> World {
        let region = |place: u64, base: u64| Region {
            base: VirtualAddress(base + place * options.capacity * PAGE_SIZE.0),
            capacity: PageCount(options.capacity),
            limit: PageCount(options.limit),
        };
        let config = |base| Config {
            regions: [0, 1, 2].map(|place| region(place, base)),
            shards: options.shards,
            tail: options.tail,
            system_space_start: VirtualAddress(0x10_0000),
        };
        let metadata_size = config(0).metadata_size();
        let total = 2 * PAGE_SIZE.0 + metadata_size.0 + 3 * options.capacity * PAGE_SIZE.0;
        let layout = Layout::from_size_align(total as usize, PAGE_SIZE.as_usize()).expect("a few megabytes");
        // SAFETY: the layout is not empty.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).expect("a few megabytes are there");
        let memory = Memory { base, layout };
        // SAFETY: the page lies within the allocation.
        let metadata = MetadataReservation { base: unsafe { base.add(4096) }, size: metadata_size };
        let start = base.as_ptr().expose_provenance() as u64;
        let config = config(start + PAGE_SIZE.0 + metadata_size.0);
        let computer = Computer {
            regions: config.regions,
            committed: Default::default(),
            commits: AtomicU64::new(0),
            refusals: options.refusals,
            shards: (0..=options.shards).map(|_| Mutex::new(())).collect(),
        };
        // SAFETY: 1. the reservation is zeroed, page aligned, of the size asked for, and freed after the pool;
        // 2. the regions are writable, exposed, and used through `fill` and `bytes` only.
        let pool = unsafe { Pool::new(computer, config, metadata) };
        World { pool, config, metadata_base: VirtualAddress(start + PAGE_SIZE.0), metadata_size, memory }
    }

    pub fn plain() -> World {
        World::new(Options::default())
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

    /// Frees every live block; then nothing may be left in use.
    #[track_caller]
    pub fn free_all(&self) {
        for block in self.live() {
            assert_eq!(self.free_tagged(block.address, block.tag), Ok(block));
        }
        self.check();
        assert_eq!(PoolKind::ALL.map(|kind| self.in_use(kind)), [0; 3]);
    }
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
