//! The pages of a region: which are committed, which are free.
//!
//! Pages are committed from the region's start up to a high-water mark and stay committed. Free ones are bits in a
//! bitmap, searched from where the last search ended (next fit), a word at a time.
//!
//! # Invariants
//! - Bits are set only below `committed`.
//! - `in_use` is the number of clear bits below `committed`.
//! - `committed` is at most `usable`, the smaller of the region's capacity and limit.

use crate::bitmap;
use crate::descriptor::Page;
use crate::metadata::{Array, Carver, Tally};
use crate::{NoMemory, PageSource, Region};
use ntpool_types::{PageCount, PoolKind};

/// How many pages are committed at once when fewer would do: 256 KiB, so that a system call or a page table update is
/// paid once per 64 slabs, and a pool that is hardly used wastes little.
const CHUNK: u32 = 64;

/// The pages of a region.
pub(crate) struct PageMap {
    kind: PoolKind,
    free: Array<u64>,
    usable: u32,
    committed: u32,
    in_use: u32,
    /// Where the next search begins.
    cursor: u32,
}

impl PageMap {
    /// Adds what the map of `region` needs.
    pub(crate) fn tally(tally: Tally, region: &Region) -> Tally {
        tally.and::<u64>(region.capacity.0.div_ceil(64))
    }

    /// The map of a region of which nothing is committed.
    pub(crate) fn new(carver: &mut Carver, kind: PoolKind, region: &Region) -> PageMap {
        let usable = u32::try_from(region.usable().0).expect("a region has at most Page::MAX pages");
        let free = carver.carve(region.capacity.0.div_ceil(64));
        PageMap { kind, free, usable, committed: 0, in_use: 0, cursor: 0 }
    }

    /// Takes a run of pages that follow each other.
    ///
    /// Errors: [`NoMemory`] when no run is long enough and the region can't grow; nothing is taken.
    pub(crate) fn take(&mut self, count: PageCount, source: &impl PageSource) -> Result<Page, NoMemory> {
        let count = u32::try_from(count.0).ok().filter(|&count| count <= self.usable - self.in_use);
        let count = count.ok_or(NoMemory)?;
        let first = match self.find_run(count) {
            Some(first) => first,
            None => self.grow_for(count, source)?,
        };
        bitmap::set_range(&mut self.free, first as usize, (first + count) as usize, false);
        self.in_use += count;
        self.cursor = first + count;
        Ok(Page(first))
    }

    /// Gives pages back.
    pub(crate) fn release(&mut self, first: Page, count: u32) {
        bitmap::set_range(&mut self.free, first.index(), first.index() + count as usize, true);
        self.in_use -= count;
    }

    /// Whether the page source has made the page usable.
    pub(crate) fn is_committed(&self, page: Page) -> bool {
        page.0 < self.committed
    }

    /// Whether the page is committed and free.
    pub(crate) fn is_free(&self, page: Page) -> bool {
        self.is_committed(page) && bitmap::get(&self.free, page.index())
    }

    /// The first page at or above `page` that is in use.
    pub(crate) fn next_in_use(&self, page: Page) -> Option<Page> {
        bitmap::first(&self.free, page.index(), self.committed as usize, false)
            .map(|found| Page(found as u32))
    }

    /// Pages in use.
    pub(crate) fn in_use(&self) -> PageCount {
        PageCount(u64::from(self.in_use))
    }

    /// Pages committed.
    pub(crate) fn committed(&self) -> PageCount {
        PageCount(u64::from(self.committed))
    }

    /// Whether the map's invariants hold.
    pub(crate) fn is_consistent(&self) -> bool {
        let free = bitmap::count(&self.free, 0, self.committed as usize);
        let beyond = bitmap::first(&self.free, self.committed as usize, self.free.len() * 64, true);
        self.committed <= self.usable
            && beyond.is_none()
            && free + self.in_use as usize == self.committed as usize
    }

    fn find_run(&self, count: u32) -> Option<u32> {
        let (cursor, committed, count) = (self.cursor as usize, self.committed as usize, count as usize);
        let again = committed.min(cursor + count - 1);
        let run = bitmap::first_run(&self.free, cursor, committed, count)
            .or_else(|| bitmap::first_run(&self.free, 0, again, count));
        run.map(|first| first as u32)
    }

    /// Commits more pages until the last `count` committed ones are free; the first of these.
    fn grow_for(&mut self, count: u32, source: &impl PageSource) -> Result<u32, NoMemory> {
        let mut first = self.committed;
        while first > 0 && self.is_free(Page(first - 1)) {
            first -= 1;
        }
        let needed = count - (self.committed - first);
        let room = self.usable - self.committed;
        if needed > room {
            return Err(NoMemory);
        }
        self.commit(needed.max(CHUNK).min(room), source).or_else(|refused| {
            // The chunk was a wish; what is needed may still be there.
            if needed < CHUNK.min(room) { self.commit(needed, source) } else { Err(refused) }
        })?;
        Ok(first)
    }

    fn commit(&mut self, count: u32, source: &impl PageSource) -> Result<(), NoMemory> {
        source.commit(self.kind, self.committed(), PageCount(u64::from(count)))?;
        bitmap::set_range(&mut self.free, self.committed as usize, (self.committed + count) as usize, true);
        self.committed += count;
        Ok(())
    }
}
