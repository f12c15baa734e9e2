//! Making a pool: what its maker promises.
#![expect(unsafe_code, reason = "takes over the memory that the maker promises")]

use crate::central::Central;
use crate::descriptor::Page;
use crate::metadata::Carver;
use crate::shard::Shards;
use crate::zero::Zeroer;
use crate::{Config, MetadataReservation, Platform, Pool};
use ntpool_types::{PAGE_SIZE, VirtualAddress};

impl<P: Platform> Pool<P> {
    /// Makes a pool without a block; nothing is committed yet.
    ///
    /// # Panics
    /// When the layout can't be: a region that is not page aligned, wraps around, overlaps another or the metadata, or
    /// has more than 2^31 - 1 pages; no shard; a reservation that is not page aligned or smaller than
    /// [`Config::metadata_size`].
    ///
    /// # Safety
    /// 1. The reservation is zero, readable, writable and page aligned, at least [`Config::metadata_size`] long, and
    ///    used by nobody else while the pool lives.
    /// 2. The regions' addresses are writable memory once [`PageSource::commit`](crate::PageSource::commit) has
    ///    accepted them, with exposed provenance, and are used only through blocks, by each block's owner.
    #[must_use]
    pub unsafe fn new(platform: P, config: Config, metadata: MetadataReservation) -> Pool<P> {
        let base = VirtualAddress(metadata.base.as_ptr().addr() as u64);
        assert_layout(&config, &metadata, base);
        // SAFETY: 1. and 2. are the first promise of this function; the arrays live in the pool.
        let mut carver = unsafe { Carver::new(metadata) };
        let central = Central::new(&mut carver, &config, base, metadata.size);
        let shards = Shards::new(&mut carver, config.shards);
        // SAFETY: 1. and 2. are the second promise of this function; 3. `Pool::allocate` is the only caller.
        let zeroer = unsafe { Zeroer::new(config.regions) };
        Pool::assemble(platform, central, shards, zeroer)
    }
}

fn assert_layout(config: &Config, metadata: &MetadataReservation, base: VirtualAddress) {
    assert!(config.shards > 0, "a pool has at least one shard");
    assert!(base.is_aligned(PAGE_SIZE), "the metadata reservation at {base} is not page aligned");
    let needed = config.metadata_size();
    assert!(
        metadata.size >= needed,
        "the metadata reservation has {} of the {needed} it needs",
        metadata.size
    );
    let metadata_end = base.checked_add(metadata.size).expect("the metadata reservation wraps around");
    for (place, region) in config.regions.iter().enumerate() {
        assert!(region.base.is_aligned(PAGE_SIZE), "the region at {} is not page aligned", region.base);
        assert!(region.capacity.0 <= Page::MAX, "the region at {} has too many pages", region.base);
        let end = region.end().expect("a region wraps around");
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
