//! Layouts that can be, and those that can't.

use crate::world::{Options, World, use_shard};
use ntpool_pool::{Config, Region, TailModel};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, PoolKind, VirtualAddress};

fn config(capacity: u64, shards: usize) -> Config {
    let region =
        Region { base: VirtualAddress(0), capacity: PageCount(capacity), limit: PageCount(capacity) };
    Config { regions: [region; 3], shards, tail: TailModel::Reuse, system_space_start: VirtualAddress(0) }
}

#[test]
fn metadata_is_whole_pages_and_about_a_quarter_of_the_regions() {
    let size = |capacity, shards| config(capacity, shards).metadata_size();
    assert_eq!(size(1000, 2).0 % PAGE_SIZE.0, 0);
    let per_page = (size(3000, 1).0 - size(1000, 1).0) / 6000;
    assert!((1152..1160).contains(&per_page), "a descriptor and 256 records, and a bit: {per_page}");
    assert!(size(1000, 2) > size(1000, 1));
    for capacity in [u64::MAX, u64::MAX / 1024, u64::MAX / 2048] {
        assert_eq!(size(capacity, 1), Bytes(u64::MAX));
    }
    assert_eq!(size(1, usize::MAX), Bytes(u64::MAX));
}

#[test]
fn a_region_of_no_pages_has_no_memory_and_no_addresses() {
    let world = World::new(Options { capacity: 0, limit: 0, ..Options::default() });
    for kind in PoolKind::ALL {
        assert!(world.try_allocate(kind, 1).is_err());
    }
    world.check();
}

#[test]
#[should_panic(expected = "a pool has at least one shard")]
fn a_pool_without_a_shard_cannot_be() {
    World::new(Options { shards: 0, ..Options::default() });
}

#[test]
#[should_panic(expected = "the platform handed out shard 1 of 1")]
fn a_shard_beyond_the_configured_ones_is_the_platforms_fault() {
    let world = World::plain();
    use_shard(1);
    world.allocate(PoolKind::NonPaged, 1);
}
