//! Histories drawn at random.

use crate::history::{Counts, Step, TAGS, live_through};
use crate::world::{All, Eight, Heap, Options, Rules, Sizes};
use ntpool_pool::{Contents, TailModel};
use ntpool_types::PoolKind;
use proptest::prelude::*;

fn sizes(huge: bool) -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0_u64..600,
        3 => 0_u64..4200,
        1 => 4000_u64..4100,
        2 => 4096_u64..20_000,
        1 => Just(3 * 4096),
        1 => if huge { any::<u64>().boxed() } else { (20_000_u64..60_000).boxed() },
        1 => if huge { (65_000_u64..90_000).boxed() } else { (0_u64..64).boxed() },
    ]
}

/// A step; without `huge`, one that does the same to the counts wherever blocks lie.
fn step(huge: bool) -> impl Strategy<Value = Step> {
    let kind = || prop::sample::select(PoolKind::ALL.to_vec());
    let tag = || 0..TAGS.len();
    let contents = prop::sample::select(vec![Contents::Zeroed, Contents::Uninitialized]);
    prop_oneof![
        10 => (kind(), sizes(huge), tag(), contents)
            .prop_map(|(kind, size, tag, contents)| Step::Allocate { kind, size, tag, contents }),
        2 => (kind(), sizes(huge), tag(), 0_u32..if huge { 64 } else { 13 })
            .prop_map(|(kind, size, tag, shift)| Step::AllocateAligned { kind, size, tag, shift }),
        // Whether more than a page has room behind it depends on where it lies.
        2 => (any::<usize>(), if huge { sizes(true).boxed() } else { (0_u64..4097).boxed() })
            .prop_map(|(place, size)| Step::Resize { place, size }),
        5 => (any::<usize>(), any::<bool>()).prop_map(|(place, tagged)| Step::Free { place, tagged }),
        3 => any::<usize>().prop_map(|place| Step::FreeFast { place }),
        1 => any::<usize>().prop_map(|place| Step::FreeAgain { place }),
        1 => any::<usize>().prop_map(|place| Step::FreeWithWrongTag { place }),
        1 => (any::<usize>(), any::<u64>()).prop_map(|(place, distance)| Step::FreeInside { place, distance }),
        1 => (0_u64..100, 0_u64..4096).prop_map(|(page, distance)| Step::FreeAnywhere { page, distance }),
        3 => (0_usize..8).prop_map(|shard| Step::UseShard { shard }),
        1 => Just(Step::Flush),
        1 => Just(Step::Trim),
        1 => (0_u64..300).prop_map(|milliseconds| Step::Pass { milliseconds }),
    ]
}

fn history(huge: bool) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(huge), 1..150)
}

/// A small world, so that memory runs out now and then.
fn options(shards: usize) -> Options {
    Options { capacity: 40, limit: 34, shards, ..Options::default() }
}

/// What was counted on so many shards, with room for everything.
fn counted<R: Rules>(history: &[Step], shards: usize) -> Counts {
    live_through::<R>(Options { capacity: 2500, limit: 2500, shards, ..Options::default() }, history, 60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_one_shard_agrees_with_the_model(history in history(true)) {
        live_through::<Sizes>(options(1), &history, 1);
    }

    #[test]
    fn any_history_of_three_shards_agrees_with_the_model(history in history(true)) {
        live_through::<Sizes>(options(3), &history, 1);
    }

    #[test]
    fn any_history_of_a_heap_agrees_with_the_model(history in history(true)) {
        live_through::<Heap>(options(1), &history, 1);
        live_through::<Heap>(options(3), &history, 3);
    }

    #[test]
    fn any_history_agrees_with_the_model_when_everything_is_checked(history in history(true)) {
        live_through::<All>(options(1), &history, 1);
        live_through::<All>(options(3), &history, 3);
    }

    #[test]
    fn any_history_agrees_with_the_model_with_the_granule_of_32_bits(history in history(true)) {
        live_through::<Eight>(options(2), &history, 2);
    }

    #[test]
    fn any_history_agrees_with_the_model_when_tails_are_wasted(history in history(true)) {
        live_through::<Sizes>(Options { tail: TailModel::Waste, ..options(2) }, &history, 2);
    }

    #[test]
    fn a_history_counts_the_same_on_one_shard_and_on_many(history in history(false)) {
        let one = counted::<Sizes>(&history, 1);
        prop_assert_eq!(&one, &counted::<Sizes>(&history, 5));
        prop_assert_eq!(&one, &counted::<All>(&history, 4));
        prop_assert_eq!(counted::<Heap>(&history, 1), counted::<Heap>(&history, 5));
    }
}
