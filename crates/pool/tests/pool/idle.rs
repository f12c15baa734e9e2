//! Memory that nobody needs: kept ready, taken home, given back, and made usable again.

use crate::world::{Options, TAG, World, fill, is_filled, use_shard};
use ntpool_pool::{Contents, Request};
use ntpool_types::{Bytes, PageCount, PoolKind};
use std::sync::atomic::Ordering;

/// How often a tag is counted between two looks at the clock.
const TICK: u64 = 256;

/// The pages that stay, needed or not.
const RESERVE: u64 = 64;

#[test]
fn freed_blocks_are_kept_ready_until_they_are_flushed() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for (size, pages) in [(100, 1), (4096, 1), (9000, 3), (60_000, 15)] {
            let block = world.allocate(kind, size);
            world.free(block.address).expect("it is live");
            assert_eq!(world.in_use(kind), pages, "{size} bytes are kept");
            assert_eq!(world.allocate(kind, size).address, block.address, "and handed out next");
            world.free(block.address).expect("it is live");
            assert_eq!(world.in_use_flushed(kind), 0);
            world.check();
        }
    }
}

#[test]
fn huge_blocks_up_to_a_mebibyte_are_kept_for_requests_of_exactly_their_size() {
    let world = World::new(Options { capacity: 90_000, limit: 90_000, ..Options::default() });
    let kind = PoolKind::NonPaged;
    let sizes = [300_000, 1 << 20];
    let kept = sizes.map(|size| world.allocate(kind, size));
    let pages = world.in_use(kind);
    for block in kept {
        world.free(block.address).expect("it is live");
    }
    assert_eq!(world.in_use(kind), pages, "both are kept");
    let other = world.allocate(kind, 300_000 + 512);
    assert!(kept.iter().all(|block| block.address != other.address), "of another size");
    let again = sizes.map(|size| world.allocate(kind, size));
    assert_eq!(again.map(|block| block.address), kept.map(|block| block.address));
    world.check();
    for block in again.into_iter().chain([other]) {
        world.free(block.address).expect("it is live");
    }
    assert_eq!(world.in_use(kind), pages, "the one that came first made room for the third");
    world.check();
    assert_eq!(world.in_use_flushed(kind), 0);
    let larger = world.allocate(kind, (1 << 20) + 1);
    world.free(larger.address).expect("it is live");
    assert_eq!(world.in_use(kind), 0, "more than a mebibyte is not kept");
}

#[test]
fn blocks_above_64_kib_are_kept_as_far_as_every_shard_may_keep_one_of_each_size() {
    // A 32nd of what there is, 36 pages, is for all shards: one block of 17 pages and one of 18, or one of 17 each.
    for (shards, kept) in [(1, 18), (2, 17), (3, 16)] {
        let world = World::new(Options { capacity: 2000, limit: 36 * 32, shards, ..Options::default() });
        for pages in [12, 17, 18, 19] {
            for kind in PoolKind::ALL {
                let block = world.allocate(kind, pages * 4096);
                world.free(block.address).expect("it is live");
                let expected = if pages <= kept { pages } else { 0 };
                assert_eq!(world.in_use(kind), expected, "{pages} pages, {shards} shards");
                assert_eq!(world.in_use_flushed(kind), 0);
                world.check();
            }
        }
    }
}

#[test]
fn what_all_shards_keep_above_64_kib_leaves_most_of_the_pool_to_others() {
    let world = World::new(Options { capacity: 8000, limit: 8000, shards: 3, ..Options::default() });
    let kind = PoolKind::NonPaged;
    for shard in 0..2 {
        use_shard(shard);
        for pages in 17..=64 {
            let block = world.allocate(kind, pages * 4096);
            world.free(block.address).expect("it is live");
        }
    }
    assert!((1..=8000 / 16).contains(&world.in_use(kind)), "{} pages", world.in_use(kind));
    use_shard(2);
    let most = world.allocate(kind, 7000 * 4096);
    world.free(most.address).expect("it is live");
    world.check();
}

#[test]
fn kept_blocks_above_64_kib_go_home_as_time_passes() {
    let world = World::new(Options { capacity: 90_000, limit: 90_000, ..Options::default() });
    let in_use = || world.in_use(PoolKind::NonPaged);
    pass(&world, 100);
    let others = in_use();
    let blocks = [300_000, 300_000, 20 * 4096, 20 * 4096, 20 * 4096, 60_000]
        .map(|size| world.allocate(PoolKind::NonPaged, size));
    for block in blocks {
        world.free(block.address).expect("it is live");
    }
    let kept = in_use() - others;
    assert_eq!(kept, 74 + 74 + 3 * 20 + 15, "by the shard and the depot");
    pass(&world, 99);
    assert_eq!(in_use(), others + kept, "not yet");
    pass(&world, 1);
    assert_eq!(in_use(), others + 15);
    world.check();
}

#[test]
fn what_a_shard_that_goes_away_kept_of_huge_blocks_is_pages_for_anybody() {
    let world = World::new(Options { capacity: 90_000, limit: 90_000, ..Options::default() });
    world.free(world.allocate(PoolKind::Paged, 300_000).address).expect("it is live");
    assert_eq!(world.in_use(PoolKind::Paged), 74);
    world.pool.retire();
    assert_eq!(world.in_use(PoolKind::Paged), 0);
    world.check();
}

#[test]
fn a_flush_empties_the_shard_of_its_caller_alone() {
    let world = World::new(Options { shards: 2, ..Options::default() });
    let [one, other] = [0, 1].map(|shard| {
        use_shard(shard);
        let block = world.allocate(PoolKind::Paged, 4096);
        world.free(block.address).expect("it is live");
        block
    });
    assert_ne!(one.address, other.address);
    use_shard(0);
    assert_eq!(world.in_use_flushed(PoolKind::Paged), 1);
    use_shard(1);
    assert_eq!(world.in_use_flushed(PoolKind::Paged), 0);
}

#[test]
fn what_other_shards_keep_is_found_when_nothing_else_is_left_in_the_depot() {
    let world = World::new(Options { capacity: 64, limit: 64, shards: 2, ..Options::default() });
    use_shard(0);
    let blocks: Vec<_> = (0..64).map(|_| world.allocate(PoolKind::Paged, 4096)).collect();
    for block in &blocks {
        world.free(block.address).expect("it is live");
    }
    use_shard(1);
    let kept = 8;
    let whole = world.allocate(PoolKind::Paged, 30 * 4096);
    for _ in 0..64 - 30 - kept {
        world.allocate(PoolKind::Paged, 4096);
    }
    world.check();
    world.free(whole.address).expect("it is live");
    world.free_all();
}

#[test]
fn trimming_gives_every_idle_page_back_and_says_how_many() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        world.free(world.allocate(kind, 100 * 4096).address).expect("it is live");
        world.pool.flush();
        let stays = world.allocate(kind, 3 * 4096);
        assert_eq!(world.pool.usage(kind).committed, PageCount(100));
        assert_eq!(world.pool.trim(), PageCount(97));
        assert_eq!(world.pool.usage(kind).committed, PageCount(3));
        assert_eq!(world.pool.platform().committed(kind), PageCount(3));
        assert_eq!(world.pool.trim(), PageCount(0));
        fill(&stays, 9);
        world.check();
        world.free(stays.address).expect("it is live");
        assert_eq!(world.pool.trim(), PageCount(0), "it is kept for the next request");
        world.pool.flush();
        assert_eq!(world.pool.trim(), PageCount(3));
    }
    world.check();
}

#[test]
fn many_short_runs_are_given_back_as_well_as_one_long_one() {
    let world = World::new(Options { capacity: 2000, limit: 2000, ..Options::default() });
    let blocks: Vec<_> = (0..1000).map(|_| world.allocate(PoolKind::NonPaged, 4096)).collect();
    for block in blocks.iter().step_by(2) {
        world.free(block.address).expect("it is live");
    }
    world.pool.flush();
    assert_eq!(world.pool.trim(), PageCount(500));
    assert!(world.pool.platform().give_back_count() < 20, "in batches");
    assert_eq!(world.pool.usage(PoolKind::NonPaged).committed, PageCount(500));
    world.check();
    world.free_all();
}

#[test]
fn a_page_given_back_is_made_usable_again_before_it_is_handed_out_and_is_zero() {
    let world = World::plain();
    for kind in PoolKind::ALL {
        for size in [100, 4096, 9000, 100_000] {
            let request = Request { size: Bytes(size), kind, tag: TAG, contents: Contents::Zeroed };
            let first = world.allocate(kind, size);
            fill(&first, 0xAB);
            world.free(first.address).expect("it is live");
            world.pool.flush();
            world.pool.trim();
            assert_eq!(world.pool.platform().committed(kind), PageCount(0));
            let commits = world.pool.platform().commit_count();
            let again = world.pool.allocate(request).expect("the pool has room");
            assert_eq!(world.pool.platform().commit_count(), commits + 1);
            assert!(is_filled(&again, 0), "{again:?}");
            world.free(again.address).expect("it is live");
            world.pool.flush();
        }
    }
    world.check();
}

/// Lets so many milliseconds pass, and the pool look at the clock.
fn pass(world: &World, milliseconds: u64) {
    world.pool.platform().clock.fetch_add(milliseconds, Ordering::Relaxed);
    for _ in 0..TICK {
        let block = world.allocate(PoolKind::NonPaged, 16);
        world.free(block.address).expect("it is live");
    }
}

#[test]
fn pages_idle_for_a_while_are_given_back_by_themselves_but_for_a_reserve() {
    let world = World::new(Options { capacity: 600, limit: 600, ..Options::default() });
    let committed = || world.pool.usage(PoolKind::NonPaged).committed.0;
    world.free(world.allocate(PoolKind::NonPaged, 300 * 4096).address).expect("it is live");
    pass(&world, 10);
    pass(&world, 50);
    assert_eq!(committed(), 300, "not yet");
    pass(&world, 100);
    pass(&world, 99);
    assert_eq!(committed(), 300, "nobody knows yet that they are idle");
    pass(&world, 1);
    // One page is in use for what `pass` allocates.
    assert_eq!(committed(), RESERVE + 1);
    for _ in 0..5 {
        pass(&world, 1000);
    }
    assert_eq!(committed(), RESERVE + 1, "the reserve stays");
    world.check();
    world.free_all();
}

#[test]
fn pages_that_are_needed_now_and_then_are_not_given_back() {
    let world = World::new(Options { capacity: 600, limit: 600, ..Options::default() });
    // The page that `pass` uses, before the others.
    world.allocate(PoolKind::NonPaged, 16);
    for _ in 0..20 {
        world.free(world.allocate(PoolKind::NonPaged, 300 * 4096).address).expect("it is live");
        pass(&world, 100);
    }
    let usage = world.pool.usage(PoolKind::NonPaged);
    assert_eq!(usage.committed, PageCount(301));
    assert_eq!(world.pool.platform().give_back_count(), 0);
}

#[test]
fn a_clock_that_stands_still_gives_nothing_back() {
    let world = World::new(Options { capacity: 600, limit: 600, ..Options::default() });
    world.free(world.allocate(PoolKind::NonPaged, 300 * 4096).address).expect("it is live");
    for _ in 0..20 {
        pass(&world, 0);
    }
    assert_eq!(world.pool.usage(PoolKind::NonPaged).committed, PageCount(300));
}
