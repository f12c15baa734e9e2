//! Layouts that can be, and those that can't.

use crate::world::{Computer, Heap, Options, Rules, Sizes, World, offset, use_shard};
use ntpool_pool::{Config, Place, Region};
use ntpool_types::{Bytes, PAGE_SIZE, PageCount, PoolKind, VirtualAddress};

fn config(capacity: u64, shards: usize) -> Config {
    let region =
        Region { base: VirtualAddress(0), capacity: PageCount(capacity), limit: PageCount(capacity) };
    Config { shards, ..Config::new([region; 3]) }
}

/// The bytes of metadata for each page of a region.
fn per_page<R: Rules>(slot_units: Option<u32>) -> u64 {
    let size = |capacity| {
        let config = config(capacity, 1);
        let slot_units = slot_units.unwrap_or(config.slot_units);
        Config { slot_units, ..config }.metadata_size::<Computer<R>>().0
    };
    // A multiple of 64 pages, so that nothing is rounded.
    (size(64_000) - size(32_000)) / (3 * 32_000)
}

#[test]
fn metadata_is_whole_pages_of_40_bytes_a_page_and_its_slots() {
    let size = |capacity, shards| config(capacity, shards).metadata_size::<Computer<Sizes>>();
    assert_eq!(size(1000, 2).0 % PAGE_SIZE.0, 0);
    assert!(size(1000, 2) > size(1000, 1));
    for (units, slots) in [(1, 16), (4, 64), (10, 160)] {
        assert_eq!(per_page::<Heap>(Some(units)), 40 + slots);
        assert_eq!(per_page::<Sizes>(Some(units)), 40 + 2 * slots, "as much again for exact sizes");
    }
    let finest = 2 * 256 + 256 / 8;
    assert_eq!(per_page::<Heap>(None), 40 + finest, "a slot for each 16 bytes, and a bitmap");
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
fn what_follows_the_metadata_is_none_of_it() {
    // Regions without pages, so that nothing of the pool's is behind its metadata.
    let world = World::new(Options { capacity: 0, limit: 0, ..Options::default() });
    let end = offset(world.metadata_base, world.metadata_size.0);
    assert_eq!(world.pool.find(VirtualAddress(end.0 - 1)), Place::Metadata);
    assert_eq!(world.pool.find(end), Place::Outside);
    let reason = |address| world.free(address).expect_err("no block is there").bug_check.parameters[0];
    assert_eq!([reason(VirtualAddress(end.0 - 1)), reason(end)], [0x43, 0x42]);
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
