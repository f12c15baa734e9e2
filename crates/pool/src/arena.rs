//! One kind of pool: its pages, their descriptors, and which block lies where.
//!
//! Small blocks are in `slab`, large ones in `large`; this file is what both stand on.

use crate::class::{CLASS_COUNT, SizeClass};
use crate::descriptor::{Descriptor, Page, Record};
use crate::geometry::BLOCKS_PER_PAGE;
use crate::metadata::{Array, Carver, Tally};
use crate::page_map::PageMap;
use crate::slab::Lists;
use crate::tag_table::TagIndex;
use crate::{NoMemory, PageSource, Region, TailModel};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, PoolKind, VirtualAddress};

/// One kind of pool.
pub(crate) struct Arena {
    pub(crate) kind: PoolKind,
    pub(crate) region: Region,
    pub(crate) tail: TailModel,
    pub(crate) map: PageMap,
    /// By page.
    pub(crate) descriptors: Array<Descriptor>,
    /// By page, then block number.
    pub(crate) records: Array<Record>,
    /// Parts of cut pages with a free block, by class.
    pub(crate) partial: Lists,
    /// Idle tails, by the class of the largest block that they have room for.
    pub(crate) tails: Lists,
}

/// Which block an address is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// A block of a slab or a tail, by its number in the page.
    Small(Page, usize),
    /// The large block that begins at this page.
    Large(Page),
}

/// A block as the metadata knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) spot: Spot,
    pub(crate) address: VirtualAddress,
    pub(crate) size: Bytes,
    pub(crate) tag: TagIndex,
    pub(crate) live: bool,
}

impl Arena {
    /// Adds what the arena of `region` needs.
    pub(crate) fn tally(tally: Tally, region: &Region) -> Tally {
        let pages = region.capacity.0;
        // Too many records for 64 bits are too many descriptors as well: the product may stay at its end.
        let records = pages.saturating_mul(BLOCKS_PER_PAGE as u64);
        PageMap::tally(tally, region).and::<Descriptor>(pages).and::<Record>(records)
    }

    /// An arena without a block.
    pub(crate) fn new(carver: &mut Carver, kind: PoolKind, region: Region, tail: TailModel) -> Arena {
        Arena {
            kind,
            region,
            tail,
            map: PageMap::new(carver, kind, &region),
            descriptors: carver.carve(region.capacity.0),
            records: carver.carve(region.capacity.0.saturating_mul(BLOCKS_PER_PAGE as u64)),
            partial: [None; CLASS_COUNT],
            tails: [None; CLASS_COUNT],
        }
    }

    /// Takes a place for a block of `size` bytes and makes it live.
    ///
    /// Errors: [`NoMemory`]; nothing has changed but that more pages may be committed.
    pub(crate) fn allocate(
        &mut self,
        size: Bytes,
        tag: TagIndex,
        source: &impl PageSource,
    ) -> Result<VirtualAddress, NoMemory> {
        if size <= PAGE_SIZE {
            let class = SizeClass::holding(size.as_usize()).expect("a page is the largest class");
            self.allocate_small(class, size.0 as u16, tag, source)
        } else {
            self.allocate_large(size, tag, source)
        }
    }

    /// Ends the block at `spot`, which is live.
    pub(crate) fn free(&mut self, spot: Spot) {
        match spot {
            Spot::Small(page, number) => self.free_small(page, number),
            Spot::Large(head) => self.free_large(head),
        }
    }

    /// The page that holds `address`, and the offset in it.
    pub(crate) fn page_of(&self, address: VirtualAddress) -> Option<(Page, usize)> {
        let page = self.region.page_of(address)?;
        Some((Page(page as u32), address.page_offset().as_usize()))
    }

    /// The block whose bytes hold the address, or which begins there: live, or freed and its place not cut anew.
    pub(crate) fn find(&self, page: Page, offset: usize) -> Option<Entry> {
        let address = self.address(page, offset);
        let entry = self.entry(self.spot_at(page, offset)?)?;
        let within = address.offset_from(entry.address)?;
        (within == Bytes::ZERO || within < entry.size).then_some(entry)
    }

    /// What is known of the block at `spot`; `None` when there never was one.
    pub(crate) fn entry(&self, spot: Spot) -> Option<Entry> {
        match spot {
            Spot::Small(page, number) => {
                let descriptor = &self.descriptors[page.index()];
                let record = self.records[record_index(page, number)];
                crate::bitmap::get(&descriptor.known, number).then(|| Entry {
                    spot,
                    address: self.address(page, descriptor.block_offset(number)),
                    size: Bytes(u64::from(record.size)),
                    tag: record.tag,
                    live: crate::bitmap::get(&descriptor.live, number),
                })
            }
            Spot::Large(head) => {
                let large = self.descriptors[head.index()].large;
                (large.pages > 0).then(|| Entry {
                    spot,
                    address: self.address(head, 0),
                    size: Bytes(large.size),
                    tag: large.tag,
                    live: large.live,
                })
            }
        }
    }

    /// The page where the large block begins that has, or had, this page's bytes below `start`.
    ///
    /// The head's record decides: once its page has been taken for something else, nobody knows any more.
    pub(crate) fn large_of(&self, page: Page) -> Option<Page> {
        let descriptor = &self.descriptors[page.index()];
        let head = descriptor.head;
        let pages = self.descriptors[head.index()].large.pages;
        (descriptor.has_large && head <= page && page.0 - head.0 < pages).then_some(head)
    }

    /// Whether a live large block has this page's bytes below `start`.
    pub(crate) fn has_live_large(&self, page: Page) -> bool {
        self.large_of(page).is_some_and(|head| self.descriptors[head.index()].large.live)
    }

    /// The address `offset` bytes into a page.
    pub(crate) fn address(&self, page: Page, offset: usize) -> VirtualAddress {
        VirtualAddress(self.region.base.0 + page.offset() + offset as u64)
    }

    /// Takes pages from the map; their descriptors still say what they were.
    pub(crate) fn take_pages(
        &mut self,
        count: PageCount,
        source: &impl PageSource,
    ) -> Result<Page, NoMemory> {
        self.map.take(count, source)
    }

    fn spot_at(&self, page: Page, offset: usize) -> Option<Spot> {
        let descriptor = &self.descriptors[page.index()];
        if offset < usize::from(descriptor.start) {
            self.large_of(page).map(Spot::Large)
        } else {
            descriptor.block_at(offset).map(|number| Spot::Small(page, number))
        }
    }
}

/// The place of a small block's record.
pub(crate) fn record_index(page: Page, number: usize) -> usize {
    page.index() * BLOCKS_PER_PAGE + number
}
