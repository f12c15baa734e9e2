//! The end of memory.

use crate::world::{Options, TAG, World};
use ntpool_pool::{Contents, NoMemory, Request};
use ntpool_types::{Bytes, PageCount, PoolKind};

#[test]
fn pool_020_a_fragmented_pool_refuses_what_it_served_when_fresh() {
    let world = World::new(Options { capacity: 40, limit: 40, ..Options::default() });
    let large = world.allocate(PoolKind::NonPaged, 3 * 4096);
    world.free(large.address).expect("it is live");
    let pages: Vec<_> = (0..40).map(|_| world.allocate(PoolKind::NonPaged, 4096)).collect();
    for page in pages.iter().step_by(2) {
        world.free(page.address).expect("it is live");
    }
    assert_eq!(world.in_use_flushed(PoolKind::NonPaged), 20);
    assert_eq!(world.try_allocate(PoolKind::NonPaged, 3 * 4096), Err(NoMemory));
    world.check();
}

#[test]
fn pool_021_the_pool_has_a_limit_and_says_so_when_it_is_reached() {
    for (capacity, limit) in [(200, 100), (100, 100), (100, 1000)] {
        let world = World::new(Options { capacity, limit, ..Options::default() });
        for kind in PoolKind::ALL {
            for _ in 0..100 {
                world.allocate(kind, 4096);
            }
            for size in [0, 1, 4096, 4097, u64::MAX] {
                assert_eq!(world.try_allocate(kind, size), Err(NoMemory));
            }
            let usage = world.pool.usage(kind);
            assert_eq!(
                (usage.in_use, usage.committed, usage.limit),
                (PageCount(100), PageCount(100), PageCount(limit))
            );
        }
        world.check();
        world.free_all();
    }
}

#[test]
fn sizes_up_to_the_largest_number_are_refused_without_harm() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for size in
            [257 * 4096, 1 << 32, (1 << 44) + 1, i64::MAX as u64, u64::MAX - 4096, u64::MAX - 1, u64::MAX]
        {
            for contents in [Contents::Zeroed, Contents::Uninitialized] {
                let request = Request { size: Bytes(size), kind, tag: TAG, contents };
                assert_eq!(world.pool.allocate(request), Err(NoMemory));
            }
        }
        assert_eq!(world.in_use_flushed(kind), 0);
        assert_eq!(world.tag(TAG, kind), None, "a refused request is not counted");
        let whole = world.allocate(kind, 256 * 4096);
        assert_eq!(world.in_use(kind), 256);
        world.free(whole.address).expect("it is live");
    }
    world.check();
}

#[test]
fn a_limit_beyond_every_address_is_none() {
    let world = World::new(Options { limit: u64::MAX, ..Options::default() });
    world.allocate(PoolKind::NonPaged, 200 * 4096);
    world.check();
}

#[test]
fn pages_are_committed_as_they_are_taken_and_never_beyond_the_limit() {
    let world = World::new(Options { capacity: 300, limit: 150, ..Options::default() });
    let committed = || {
        let committed = world.pool.usage(PoolKind::Paged).committed;
        assert_eq!(world.pool.platform().committed(PoolKind::Paged), committed);
        committed.0
    };
    assert_eq!(committed(), 0);
    world.allocate(PoolKind::Paged, 1);
    assert_eq!(committed(), 1);
    let large = world.allocate(PoolKind::Paged, 70 * 4096);
    assert_eq!(committed(), 71);
    world.allocate(PoolKind::Paged, 60 * 4096);
    assert_eq!(committed(), 131);
    assert_eq!(world.try_allocate(PoolKind::Paged, 20 * 4096), Err(NoMemory));
    assert_eq!(committed(), 131);
    world.allocate(PoolKind::Paged, 19 * 4096);
    assert_eq!(committed(), 150);
    assert_eq!(world.pool.platform().commit_count(), 4);
    world.free(large.address).expect("it is live");
    world.pool.flush();
    world.allocate(PoolKind::Paged, 69 * 4096);
    assert_eq!((committed(), world.pool.platform().commit_count()), (150, 4), "pages are used again first");
    world.check();
}
