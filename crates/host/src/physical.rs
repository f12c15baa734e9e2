#![expect(unsafe_code, reason = "hands the pool its metadata and regions, and makes a file in memory")]
//! Physical memory: a file in memory whose pages are the frames.
//!
//! Frame `n` is page `n` of the file. All of it is mapped once at the direct map, for good; pool, images and stacks map
//! frames a second time, at addresses of their own, so two views of a frame really are one memory.
//!
//! # What this module promises
//! - A frame belongs to one owner at a time, and a window's pages are mapped only through the table that records them.
//! - The pool's regions and its metadata are used by nobody else ([`new_pool`]).

use crate::layout::{self, DIRECT_MAP, Window};
use crate::paged_pool::PagedPool;
use crate::{HostError, arena, guarded};
use ntpool_machine::pool_limit;
use ntpool_memory::{
    Frame, FrameDatabase, FrameError, FrameRun, FrameUse, Frames, MapError, PageEntry, PageTable, Protection,
    RunLimits, SystemSpace,
};
use ntpool_pool::{
    Checks, Config, FreshPages, MetadataReservation, NoMemory, PageRun, PageSource, Platform, Pool, Region,
    ShardHandle, ShardHold, ShardSet, TailModel,
};
use ntpool_types::{
    Bytes, PAGE_SHIFT, PAGE_SIZE, PageCount, Pfn, PhysicalAddress, PoolKind, SYSTEM_SPACE_START,
    VirtualAddress, WindowsVersion,
};
use std::cell::RefCell;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::rc::Rc;

/// The least memory that a machine can have.
pub const LEAST_MEMORY: Bytes = Bytes::mib(16);
/// The most memory that a machine can have.
pub const MOST_MEMORY: Bytes = Bytes::mib(32 * 1024);

/// The machine's physical memory and what it is mapped to.
pub struct PhysicalMemory {
    file: OwnedFd,
    size: Bytes,
    tables: RefCell<Tables>,
    paged_pool: PagedPool,
}

struct Tables {
    frames: FrameDatabase<'static>,
    spaces: Vec<SystemSpace<'static>>,
}

impl Tables {
    /// Takes so many frames, in a row if there is such a row; all or none.
    fn take_frames(&mut self, count: PageCount, usage: FrameUse) -> Result<Vec<FrameRun>, FrameError> {
        match self.frames.allocate_run(count, RunLimits::ANYWHERE, usage) {
            Ok(run) => return Ok(vec![run]),
            Err(error) if self.frames.free_count() < count => return Err(error),
            Err(_) => {}
        }
        let mut runs = Vec::new();
        for _ in 0..count.0 {
            match self.frames.allocate(usage) {
                Ok(frame) => runs.push(FrameRun::new(frame, PageCount(1))),
                Err(error) => {
                    for run in runs {
                        self.frames.free_run(run).expect("it was allocated just now");
                    }
                    return Err(error);
                }
            }
        }
        Ok(runs)
    }

    fn space_of(&mut self, address: VirtualAddress) -> Option<&mut SystemSpace<'static>> {
        self.spaces
            .iter_mut()
            .find(|space| address.offset_from(space.base()).is_some_and(|offset| offset < space.size()))
    }
}

/// The windows that frames are mapped into, each with the most pages it may have.
fn mapped_windows(memory: PageCount) -> [(Window, PageCount); 6] {
    let pages = |window: Window| window.size.pages_rounded_up();
    [
        (layout::IMAGES, pages(layout::IMAGES)),
        (layout::NONPAGED_POOL, memory),
        (layout::NONPAGED_EXECUTE_POOL, memory),
        (layout::PAGED_POOL, memory),
        (layout::STACKS, layout::STACK_PAGES),
        (layout::SYSTEM_DATA, Bytes::mib(1).pages_rounded_up()),
    ]
}

impl PhysicalMemory {
    /// Memory of `size`, rounded up to whole pages. Frame 0 is a hole, so that no physical address is zero.
    ///
    /// # Errors
    /// When the size is out of bounds or Linux has no memory.
    pub fn new(size: Bytes) -> Result<PhysicalMemory, HostError> {
        if !(LEAST_MEMORY..=MOST_MEMORY).contains(&size) {
            return Err(HostError::plain(format!(
                "give the machine {size} of memory: it must have between {LEAST_MEMORY} and {MOST_MEMORY}"
            )));
        }
        let pages = size.pages_rounded_up();
        let size = pages.bytes();
        // SAFETY: the name is a C string; the call returns a new descriptor or -1.
        let descriptor = unsafe { libc::memfd_create(c"physical memory".as_ptr(), libc::MFD_CLOEXEC) };
        if descriptor < 0 {
            return Err(HostError::last("make a file in memory"));
        }
        // SAFETY: the descriptor is new and nobody else's.
        let file = unsafe { OwnedFd::from_raw_fd(descriptor) };
        // SAFETY: the descriptor is open; the call changes the file's length only.
        if unsafe { libc::ftruncate(descriptor, size.0 as libc::off_t) } != 0 {
            return Err(HostError::last(format!("get {size} of memory")));
        }
        arena::map_shared(DIRECT_MAP.base, size, Protection::ReadWrite, file.as_fd(), Bytes::ZERO)?;
        let storage = Box::leak(vec![Frame::HOLE; pages.0 as usize].into_boxed_slice());
        let present = [FrameRun::new(Pfn(1), PageCount(pages.0 - 1))];
        let spaces = mapped_windows(pages).map(|(window, pages)| {
            let entries = vec![PageEntry::UNMAPPED; pages.0 as usize];
            SystemSpace::new(window.base, Box::leak(entries.into_boxed_slice()))
        });
        let tables = Tables { frames: FrameDatabase::new(storage, &present), spaces: spaces.into() };
        Ok(PhysicalMemory { file, size, tables: RefCell::new(tables), paged_pool: PagedPool::default() })
    }

    /// The bytes of memory, holes included.
    #[must_use]
    pub fn size(&self) -> Bytes {
        self.size
    }

    /// The highest frame there is.
    #[must_use]
    pub fn highest_frame(&self) -> Pfn {
        Pfn(self.size.pages_rounded_up().0 - 1)
    }

    /// Maps fresh zeroed frames at `first`: frames in a row where there are any, single ones where memory is in pieces.
    ///
    /// # Errors
    /// When the frames are used up, the pages are mapped already or lie in no window for this.
    pub fn map(
        &self,
        first: VirtualAddress,
        count: PageCount,
        protection: Protection,
        usage: FrameUse,
    ) -> Result<(), HostError> {
        let tables = &mut *self.tables.borrow_mut();
        let no = |why: &dyn std::fmt::Display| HostError::plain(format!("map {count} at {first}: {why}"));
        let runs = tables.take_frames(count, usage).map_err(|error| no(&error))?;
        let mut done = Vec::new();
        let mut next = first;
        for &run in &runs {
            let offset = Bytes(run.address().0);
            let mapped = tables
                .space_of(next)
                .ok_or_else(|| no(&"no window for mappings is there"))
                .and_then(|space| {
                    space.map(next, Frames::Run(run.first, run.count), protection).map_err(|error| no(&error))
                })
                .and_then(|()| {
                    done.push((next, run.count));
                    arena::map_shared(next, run.count.bytes(), protection, self.file.as_fd(), offset)
                });
            if let Err(error) = mapped {
                // All or nothing: what was mapped for this request is taken back, and no frame stays behind.
                for (page, count) in done {
                    if let Some(space) = tables.space_of(page) {
                        space.unmap(page, count).expect("it was mapped just now");
                    }
                    let _ = arena::unmap(page, count.bytes());
                }
                for run in runs {
                    tables.frames.free_run(run).expect("it was allocated just now");
                }
                return Err(error);
            }
            next = VirtualAddress(next.0 + run.count.bytes().0);
        }
        if layout::PAGED_POOL.contains(first) {
            self.paged_pool.add(first, count);
        }
        Ok(())
    }

    /// Changes what may be done with mapped pages.
    ///
    /// # Errors
    /// When they are not all mapped.
    pub fn protect(
        &self,
        first: VirtualAddress,
        count: PageCount,
        protection: Protection,
    ) -> Result<(), HostError> {
        let tables = &mut *self.tables.borrow_mut();
        let no = |why: &dyn std::fmt::Display| HostError::plain(format!("protect {count} at {first}: {why}"));
        let space = tables.space_of(first).ok_or_else(|| no(&"no window for mappings is there"))?;
        space.protect(first, count, protection).map_err(|error| no(&error))?;
        arena::protect(first, count.bytes(), protection)
    }

    /// Takes mapped pages away, zeroes their frames and frees them.
    ///
    /// # Errors
    /// When they are not all mapped, or Linux refuses; nothing has changed then.
    pub fn unmap(&self, first: VirtualAddress, count: PageCount) -> Result<(), HostError> {
        let tables = &mut *self.tables.borrow_mut();
        let no = |why: &dyn std::fmt::Display| HostError::plain(format!("unmap {count} at {first}: {why}"));
        let space = tables.space_of(first).ok_or_else(|| no(&"no window for mappings is there"))?;
        let frames = (0..count.0)
            .map(|page| {
                let page = VirtualAddress(first.0 + PageCount(page).bytes().0);
                space.entry(page).map(PageEntry::frame).ok_or(MapError::NotMapped(page))
            })
            .collect::<Result<Vec<Pfn>, MapError>>()
            .map_err(|error| no(&error))?;
        arena::unmap(first, count.bytes())?;
        space.unmap(first, count).expect("all of them are mapped");
        for frame in frames {
            let contents = VirtualAddress(DIRECT_MAP.base.0 + frame.address().0);
            guarded::fill(contents, PAGE_SIZE, 0).expect("the direct map is mapped for the whole run");
            tables.frames.free(frame).expect("a mapped frame is in use");
        }
        if layout::PAGED_POOL.contains(first) {
            self.paged_pool.remove(first, count);
        }
        Ok(())
    }

    /// Closes paged pool, so that every access to it faults, as a raised level demands (POOL-047).
    ///
    /// # Errors
    /// When Linux refuses.
    pub fn close_paged_pool(&self) -> Result<(), HostError> {
        self.paged_pool.close()
    }

    /// Opens paged pool around an address; whether it was closed there.
    ///
    /// # Errors
    /// When Linux refuses.
    pub fn open_paged_pool_at(&self, address: VirtualAddress) -> Result<bool, HostError> {
        self.paged_pool.open_at(address)
    }

    /// Opens all of paged pool.
    ///
    /// # Errors
    /// When Linux refuses.
    pub fn open_paged_pool(&self) -> Result<(), HostError> {
        self.paged_pool.open()
    }

    /// The frames that nobody owns.
    #[must_use]
    pub fn free_pages(&self) -> PageCount {
        self.tables.borrow().frames.free_count()
    }

    /// Takes frames in a row, none above `highest`, and gives their address in the direct map; `None` when there are
    /// none.
    pub fn allocate_contiguous(&self, size: Bytes, highest: PhysicalAddress) -> Option<VirtualAddress> {
        let count = size.pages_rounded_up();
        let limits = RunLimits::up_to(highest);
        let run = self.tables.borrow_mut().frames.allocate_run(count, limits, FrameUse::Contiguous).ok()?;
        Some(VirtualAddress(DIRECT_MAP.base.0 + run.address().0))
    }

    /// Frees, and zeroes, what [`allocate_contiguous`](Self::allocate_contiguous) gave for this size; whether it was
    /// that.
    pub fn free_contiguous(&self, address: VirtualAddress, size: Bytes) -> bool {
        let Some(offset) = address.offset_from(DIRECT_MAP.base) else { return false };
        let run = FrameRun::new(PhysicalAddress(offset.0).frame(), size.pages_rounded_up());
        let frames = &mut self.tables.borrow_mut().frames;
        let is_contiguous = run.frames().all(|frame| frames.usage(frame) == FrameUse::Contiguous);
        is_contiguous && guarded::fill(address, run.count.bytes(), 0).is_ok() && frames.free_run(run).is_ok()
    }

    /// The entry of the page that holds the address, outside the direct map.
    #[must_use]
    pub fn entry(&self, address: VirtualAddress) -> Option<PageEntry> {
        self.tables.borrow_mut().space_of(address)?.entry(address)
    }

    /// The physical address behind a virtual one.
    #[must_use]
    pub fn translate(&self, address: VirtualAddress) -> Option<PhysicalAddress> {
        match address.offset_from(DIRECT_MAP.base) {
            Some(offset) if offset < self.size && offset >= PAGE_SIZE => Some(PhysicalAddress(offset.0)),
            _ => self.tables.borrow_mut().space_of(address)?.translate(address),
        }
    }
}

/// Whoever wants to see the pool's pages before they are given back.
pub trait LastLook {
    /// Looks at `count` free pages from `first` on, which still hold what their last owner left, and are gone afterwards.
    ///
    /// Called from within the pool, so it must not call the pool.
    fn look(&self, first: VirtualAddress, count: PageCount);
}

/// Nobody does.
impl LastLook for () {
    fn look(&self, _: VirtualAddress, _: PageCount) {}
}

/// What the pool gets of the machine: frames, and the one shard that the machine's processors share.
///
/// It has no clock, so the pool gives pages back only when it is told to ([`Pool::trim`]) or finds no run of pages for a
/// request: what the time of day decides would differ from run to run. Why freed blocks are kept back and patterns are
/// somebody else's, `docs/decisions/0010-freed-pool.md` says.
#[derive(Clone)]
pub struct PoolPlatform {
    memory: Rc<PhysicalMemory>,
    last_look: Rc<dyn LastLook>,
}

/// How many freed blocks are kept back before their memory is handed out again.
///
/// The more, the longer a stale pointer meets nobody else's block. With blocks of 256 KiB, the largest that are kept back,
/// it is an eighth of the memory that a machine has by default; when memory is short the pool takes them.
const KEPT_BACK: usize = 128;

impl PageSource for PoolPlatform {
    fn commit(
        &self,
        kind: PoolKind,
        first: VirtualAddress,
        count: PageCount,
    ) -> Result<FreshPages, NoMemory> {
        let (protection, usage) = match kind {
            PoolKind::NonPaged => (Protection::ReadWrite, FrameUse::NonPagedPool),
            PoolKind::NonPagedExecute => (Protection::ReadWriteExecute, FrameUse::NonPagedPool),
            PoolKind::Paged => (Protection::ReadWrite, FrameUse::PagedPool),
        };
        self.memory.map(first, count, protection, usage).map_err(|_| NoMemory)?;
        Ok(FreshPages::Zero)
    }

    fn give_back(&self, runs: &[PageRun]) -> bool {
        for run in runs {
            self.last_look.look(run.first, run.count);
        }
        for (done, run) in runs.iter().enumerate() {
            if self.memory.unmap(run.first, run.count).is_err() {
                // Linux has no room for one more hole between mappings. All or none go.
                for run in &runs[..done] {
                    self.commit(run.kind, run.first, run.count).expect("it was unmapped just now");
                }
                return false;
            }
        }
        true
    }

    fn frame(&self, address: VirtualAddress) -> Option<Pfn> {
        self.memory.translate(address).map(PhysicalAddress::frame)
    }

    fn highest_frame(&self) -> Pfn {
        self.memory.highest_frame()
    }
}

/// The only shard: one thread at a time is inside the machine, and nothing interrupts it inside the pool.
pub struct OnlyShard(ShardHandle);

// SAFETY: 1. the handle is one of the set that the pool passes to `hold`; 2. the machine's code runs on one thread at a
// time, under the lock of the module `giant` where there are several, and goes from fiber to fiber nowhere inside the pool:
// so there is one hold at a time.
unsafe impl ShardHold for OnlyShard {
    fn shard(&self) -> ShardHandle {
        self.0
    }
}

impl Platform for PoolPlatform {
    const CHECKS: Checks = Checks { quarantine: KEPT_BACK, ..Checks::SIZES };

    type Hold<'a> = OnlyShard;

    fn hold(&self, shards: ShardSet<'_>) -> OnlyShard {
        OnlyShard(shards.get(0))
    }
}

/// The window of a kind of pool.
#[must_use]
pub fn pool_window(kind: PoolKind) -> Window {
    match kind {
        PoolKind::NonPaged => layout::NONPAGED_POOL,
        PoolKind::NonPagedExecute => layout::NONPAGED_EXECUTE_POOL,
        PoolKind::Paged => layout::PAGED_POOL,
    }
}

/// The machine's pool, with the limits of this version of Windows (POOL-223, POOL-224) and this model of the tails of
/// large blocks (POOL-016). The machine has no page file, so memory is all that can be committed. Pages are shown to
/// `last_look` before they are given back.
///
/// # Errors
/// When Linux refuses the room for the metadata.
pub fn new_pool(
    memory: &Rc<PhysicalMemory>,
    version: WindowsVersion,
    tail: TailModel,
    last_look: Rc<dyn LastLook>,
) -> Result<Pool<PoolPlatform>, HostError> {
    let pages = memory.size().pages_rounded_up();
    let region = |kind| {
        let limit = pool_limit(version, kind, memory.size(), memory.size());
        Region { base: pool_window(kind).base, capacity: pages, limit: PageCount(limit.0 >> PAGE_SHIFT) }
    };
    let regions = PoolKind::ALL.map(region);
    let config = Config { tail, system_space_start: SYSTEM_SPACE_START, ..Config::new(regions) };
    let size = config.metadata_size::<PoolPlatform>().pages_rounded_up().bytes();
    let base = NonNull::new(arena::map_pool_metadata(size)?.0 as *mut u8).expect("the window is not at zero");
    let platform = PoolPlatform { memory: Rc::clone(memory), last_look };
    // SAFETY: 1. the window was mapped just now, zeroed and page aligned, and the guarded copies refuse it to drivers;
    // 2. the regions' pages are mapped writable by `commit`, and nobody but the driver that owns a block uses them.
    Ok(unsafe { Pool::new(platform, config, MetadataReservation { base, size }) })
}
