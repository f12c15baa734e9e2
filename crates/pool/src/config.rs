//! How a pool is laid out: its regions, its shards, and what its metadata needs.

use crate::construct::MOST_PAGES;
use crate::slots::Areas;
use crate::tag_table::TAG_LIMIT;
use crate::{Nodes, Platform, layout};
use core::ptr::NonNull;
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, VirtualAddress};

/// The virtual addresses of one kind of pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first address, page aligned.
    pub base: VirtualAddress,
    /// The pages that the region's addresses have room for.
    pub capacity: PageCount,
    /// The pages that may be in use at most (POOL-021).
    pub limit: PageCount,
}

impl Region {
    /// The number of the region's page that holds `address`.
    pub(crate) fn page_of(&self, address: VirtualAddress) -> Option<u64> {
        let page = address.offset_from(self.base)?.0 / PAGE_SIZE.0;
        (page < self.capacity.0).then_some(page)
    }

    /// The address just behind the region, or `None` when it does not fit 64 bits.
    pub(crate) fn end(&self) -> Option<VirtualAddress> {
        let length = self.capacity.0.checked_mul(PAGE_SIZE.0)?;
        self.base.checked_add(Bytes(length))
    }
}

/// What becomes of the rest of a large block's last page (POOL-016).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TailModel {
    /// It serves small blocks, as from Windows Vista on (POOL-011, POOL-015).
    #[default]
    Reuse,
    /// It is wasted, as before Windows Vista (POOL-012).
    Waste,
}

/// The memory that a pool keeps its metadata in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataReservation {
    /// The first byte, page aligned.
    pub base: NonNull<u8>,
    /// Its length.
    pub size: Bytes,
}

/// How a pool is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// One region per kind, by [`PoolKind::index`](ntpool_types::PoolKind::index); they must not overlap.
    pub regions: [Region; 3],
    /// How many shards [`Platform::hold`](crate::Platform::hold) hands out.
    pub shards: usize,
    /// What becomes of the tails of large blocks.
    pub tail: TailModel,
    /// The first address that user mode can't own; frees below it are bug check 0xC2/0x40.
    pub system_space_start: VirtualAddress,
    /// The nodes of the machine; each region is divided among them in equal parts, in their order.
    pub nodes: Nodes,
    /// How many tags have counters of their own, at most 4096; further ones are counted together.
    pub tags: usize,
    /// How many units of 16 bytes there are for the slots of each page on average. A page needs one for each eight
    /// blocks, and for blocks below 64 bytes one or two more. When all are used, no page can be cut as finely.
    pub slot_units: u32,
}

impl Config {
    /// A pool with these regions: one shard, tails reused, one node, room for every tag, and slots for the smallest
    /// blocks in every page.
    #[must_use]
    pub const fn new(regions: [Region; 3]) -> Config {
        Config {
            regions,
            shards: 1,
            tail: TailModel::Reuse,
            system_space_start: VirtualAddress(0),
            nodes: Nodes::ONE,
            tags: TAG_LIMIT,
            slot_units: Areas::MOST as u32,
        }
    }

    /// The bytes of metadata that a pool of this layout on such a platform needs, whole pages.
    ///
    /// What the pool never uses it never touches, so a reservation that is filled on demand costs little. A layout that
    /// does not fit 64 bits, or with a region of 2^31 pages or more, needs `u64::MAX` bytes.
    #[must_use]
    pub fn metadata_size<P: Platform>(&self) -> Bytes {
        if self.regions.iter().any(|region| region.capacity.0 >= MOST_PAGES) {
            return Bytes(u64::MAX);
        }
        layout::tally::<P>(self).pages().unwrap_or(Bytes(u64::MAX))
    }
}
