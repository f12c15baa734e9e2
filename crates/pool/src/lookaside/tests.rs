//! What lookaside lists do, on the one that keeps itself.

use super::*;
use std::collections::HashSet;
use std::sync::Mutex;
use std::vec::Vec;

type List = Lookaside<256>;

/// The entry with this number; nobody ever follows the address.
fn entry(number: usize) -> NonNull<u8> {
    NonNull::new(core::ptr::without_provenance_mut(number * 16)).expect("not 0")
}

fn counts(list: &List) -> [u32; 4] {
    [Counter::Allocates, Counter::AllocateMisses, Counter::Frees, Counter::FreeMisses]
        .map(|counter| list.count(counter).unwrap())
}

/// A list with this many idle entries, and room for no more.
fn filled(count: u16) -> List {
    let list = List::new();
    list.set_depth(count).unwrap();
    (1..=usize::from(count)).for_each(|number| assert_eq!(give(&list, entry(number)), Ok(None)));
    list
}

/// As many requests, of which so many found none idle.
fn asked(list: &List, allocates: u32, misses: u32) {
    (0..allocates).for_each(|_| list.add_one(Counter::Allocates).unwrap());
    (0..misses).for_each(|_| list.add_one(Counter::AllocateMisses).unwrap());
}

// LOOK-002 LOOK-016
#[test]
fn look_002_look_016_a_new_list_is_empty_and_has_counted_nothing() {
    let list = List::new();
    assert_eq!((list.idle(), counts(&list)), (Ok(0), [0; 4]));
    assert_eq!(take(&list), Ok(None));
}

// LOOK-003
#[test]
fn look_003_the_entry_that_was_freed_last_is_handed_out_first() {
    let list = filled(3);
    let taken: Vec<_> = core::iter::from_fn(|| take(&list).unwrap()).collect();
    assert_eq!(taken, [3, 2, 1].map(entry));
}

// LOOK-006 LOOK-015
#[test]
fn look_006_look_015_a_full_list_gives_the_entry_back() {
    let list = filled(2);
    assert_eq!(give(&list, entry(9)), Ok(Some(entry(9))));
    assert_eq!(list.idle(), Ok(2));
    assert_eq!(take(&list), Ok(Some(entry(2))), "and has not kept it");
}

// LOOK-017 LOOK-018
#[test]
fn look_017_look_018_every_call_counts_and_a_miss_counts_twice() {
    let list = filled(1);
    assert_eq!(counts(&list), [0, 0, 1, 0]);
    take(&list).unwrap();
    assert_eq!(counts(&list), [1, 0, 1, 0]);
    take(&list).unwrap();
    assert_eq!(counts(&list), [2, 1, 1, 0]);
    give(&list, entry(1)).unwrap();
    give(&list, entry(2)).unwrap();
    assert_eq!(counts(&list), [2, 1, 3, 1]);
}

#[test]
fn look_007_threads_share_a_list_without_a_lock() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 20_000;
    const ENTRIES: usize = 8;
    let list = filled(ENTRIES as u16);
    let owned: Mutex<HashSet<usize>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let taken: Vec<_> = (0..1 + round % 3).filter_map(|_| take(&list).unwrap()).collect();
                    for entry in &taken {
                        assert!(owned.lock().unwrap().insert(entry.as_ptr().addr()), "handed out twice");
                    }
                    for entry in taken {
                        assert!(owned.lock().unwrap().remove(&entry.as_ptr().addr()));
                        assert_eq!(give(&list, entry), Ok(None), "there is room for every entry");
                    }
                }
            });
        }
    });
    let [allocates, misses, frees, free_misses] = counts(&list);
    assert_eq!(allocates as usize, THREADS * (0..ROUNDS).map(|round| 1 + round % 3).sum::<usize>());
    assert_eq!(frees - ENTRIES as u32, allocates - misses, "what was taken came back");
    assert_eq!((list.idle(), free_misses), (Ok(ENTRIES as u16), 0));
    let left: HashSet<_> = core::iter::from_fn(|| take(&list).unwrap()).collect();
    assert_eq!(left.len(), ENTRIES);
}

#[test]
fn look_019_look_020_a_list_begins_at_4_and_never_goes_beyond_1024() {
    assert_eq!(List::new().depth(), Ok(4));
    let busy = Demand { allocates: 1 << 20, misses: 1 << 20 };
    assert_eq!(adjusted_depth(200, MAXIMUM_DEPTH, busy), 256);
    assert_eq!(adjusted_depth(800, u16::MAX, busy), 1024);
    assert_eq!(adjusted_depth(4, 2, busy), 2, "a list that was told to hold less holds less");
}

// LOOK-009 LOOK-020
#[test]
fn look_009_look_020_the_depth_doubles_while_more_than_one_request_in_16_finds_nothing() {
    let list = List::new();
    asked(&list, 160, 11);
    assert_eq!((adjust(&list), list.depth()), (Ok(true), Ok(8)));
    asked(&list, 160, 10);
    assert_eq!((adjust(&list), list.depth()), (Ok(true), Ok(8)), "one in 16 is tolerated");
    for depth in [16, 32, 64, 128, 256, 256] {
        asked(&list, 1000, 1000);
        assert_eq!((adjust(&list), list.depth()), (Ok(true), Ok(depth)));
    }
}

#[test]
fn look_009_the_depth_halves_while_less_is_asked_for_than_the_list_may_hold() {
    let list = filled(64);
    asked(&list, 63, 63);
    assert_eq!((adjust(&list), list.depth()), (Ok(true), Ok(32)));
    assert_eq!(core::iter::from_fn(|| surplus(&list).unwrap()).count(), 32);
    asked(&list, 32, 0);
    assert_eq!((adjust(&list), list.depth()), (Ok(true), Ok(32)), "that is not less");
    for (goes_on, depth) in [(true, 16), (true, 8), (false, 4), (false, 4)] {
        assert_eq!((adjust(&list), list.depth()), (Ok(goes_on), Ok(depth)));
    }
    assert_eq!(core::iter::from_fn(|| surplus(&list).unwrap()).count(), 28);
    assert_eq!((surplus(&list), list.idle()), (Ok(None), Ok(4)), "what fits stays");
}

#[test]
fn an_adjustment_looks_only_at_what_came_since_the_last_one_across_the_wrap_of_a_count() {
    let before = Demand { allocates: u32::MAX - 1, misses: u32::MAX };
    let now = Demand { allocates: 8, misses: 4 };
    assert_eq!(now.since(before), Demand { allocates: 10, misses: 5 });
}

#[test]
fn a_list_that_is_smaller_than_its_depth_gives_back_what_has_no_room() {
    let list: Lookaside<2> = Lookaside::default();
    let given: Vec<_> = (1..4).map(|number| give(&list, entry(number)).unwrap()).collect();
    assert_eq!(given, [None, None, Some(entry(3))]);
    assert_eq!((list.depth(), list.count(Counter::FreeMisses)), (Ok(2), Ok(1)));
}
