//! Making a pool: what its maker promises.
#![expect(unsafe_code, reason = "takes over the memory that the maker promises")]

use crate::contents::BlockMemory;
use crate::layout;
use crate::metadata::Carver;
use crate::pool::Outside;
use crate::{Config, MetadataReservation, Platform, Pool};
use ntpool_types::{PAGE_SIZE, VirtualAddress};

/// A region has fewer pages than this: lists count from one in 32 bits.
pub(crate) const MOST_PAGES: u64 = 1 << 31;

impl<P: Platform> Pool<P> {
    /// Makes a pool without a block; nothing is committed yet.
    ///
    /// # Panics
    /// When the layout can't be: a region that is not page aligned, wraps around, overlaps another or the metadata, or
    /// has 2^31 pages or more; no shard; a reservation that is not page aligned or smaller than
    /// [`Config::metadata_size`].
    ///
    /// # Safety
    /// 1. The reservation is zero, readable, writable and page aligned, at least [`Config::metadata_size`] long, and
    ///    used by nobody else while the pool lives.
    /// 2. The regions' addresses are readable and writable memory, with exposed provenance, from when
    ///    [`PageSource::commit`](crate::PageSource::commit) has accepted them until
    ///    [`PageSource::give_back`](crate::PageSource::give_back) has taken them, and are used only through blocks, by
    ///    each block's owner. (Where the pool poisons or keeps canaries, owners that misuse memory are expected, and
    ///    what they write is found.)
    #[must_use]
    pub unsafe fn new(platform: P, config: Config, metadata: MetadataReservation) -> Pool<P> {
        let metadata_base = VirtualAddress(metadata.base.as_ptr().addr() as u64);
        assert_layout::<P>(&config, &metadata, metadata_base);
        // SAFETY: 1. and 2. are the first promise of this function; the arrays live in the pool.
        let mut carver = unsafe { Carver::new(metadata) };
        let parts = layout::build::<P>(&mut carver, &config);
        // SAFETY: 1. and 2. are the second promise of this function; 3. the pool hands over free blocks that it has just
        // taken, or just ended, and the slack of live ones; their pages are in use.
        let memory = unsafe { BlockMemory::new() };
        let system_space_start = config.system_space_start;
        let outside = Outside { system_space_start, metadata_base, metadata_size: metadata.size };
        Pool::assemble(platform, &config, parts, outside, memory)
    }
}

fn assert_layout<P: Platform>(config: &Config, metadata: &MetadataReservation, base: VirtualAddress) {
    assert!(config.shards > 0, "a pool has at least one shard");
    assert!(base.is_aligned(PAGE_SIZE), "the metadata reservation at {base} is not page aligned");
    let needed = config.metadata_size::<P>();
    assert!(
        metadata.size >= needed,
        "the metadata reservation has {} of the {needed} it needs",
        metadata.size
    );
    let metadata_end = base.checked_add(metadata.size).expect("the metadata reservation wraps around");
    for (place, region) in config.regions.iter().enumerate() {
        assert!(region.base.is_aligned(PAGE_SIZE), "the region at {} is not page aligned", region.base);
        assert!(region.capacity.0 < MOST_PAGES, "the region at {} has too many pages", region.base);
        let end = region.end().expect("a region wraps around");
        let is_empty = region.capacity.0 == 0;
        assert!(is_empty || region.base != VirtualAddress::NULL, "a region begins at address zero");
        let overlaps = |from: VirtualAddress, to: VirtualAddress| from < end && region.base < to;
        assert!(!overlaps(base, metadata_end), "the region at {} overlaps the metadata", region.base);
        for other in &config.regions[..place] {
            let other_end = other.end().expect("checked before");
            assert!(
                !overlaps(other.base, other_end),
                "the regions at {} and {} overlap",
                region.base,
                other.base
            );
        }
    }
}
