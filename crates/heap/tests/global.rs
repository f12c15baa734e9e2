//! The heap as the global allocator of a whole program: this one.

use ntpool_heap::{Arena, Heap, PoolKind, Shares, SpinHold, Tag};
use std::collections::{BTreeMap, HashMap};
use std::thread;

static ARENA: Arena<{ 64 << 20 }> = Arena::new();

#[global_allocator]
static HEAP: Heap<SpinHold> =
    Heap::on(&ARENA).with_shares(Shares::new(3, 0, 1)).with_tag(Tag::from_text(*b"Prog"));

#[test]
fn every_allocation_of_a_program_comes_from_the_heap() {
    let text = String::from("somewhere in the arena");
    let (base, pages) = HEAP.range(PoolKind::NonPaged).expect("the program has allocated");
    let address = text.as_ptr().addr() as u64;
    assert!((base.0..base.0 + pages.bytes().0).contains(&address));
    assert!(HEAP.usage(PoolKind::NonPaged).in_use.0 > 0);
    let mut tags = Vec::with_capacity(16);
    HEAP.for_each_tag(|count| tags.push(count.tag.to_string()));
    assert_eq!(tags, ["Prog"]);
}

#[test]
fn maps_strings_and_threads_of_the_standard_library_run_on_it() {
    let work = |seed: u32| {
        let mut sorted = BTreeMap::new();
        let mut hashed = HashMap::new();
        for number in 0..2000_u32 {
            let key = number.wrapping_mul(2_654_435_761).wrapping_add(seed);
            sorted.insert(key, format!("{key:>40}"));
            hashed.insert(key, vec![seed as u8; (key % 300) as usize]);
        }
        sorted.retain(|key, _| key % 3 == 0);
        assert!(sorted.iter().all(|(key, text)| text.trim_start() == key.to_string()));
        assert!(hashed.values().all(|bytes| bytes.iter().all(|&byte| byte == seed as u8)));
        sorted.len()
    };
    let threads: Vec<_> = (0..8).map(|seed| thread::spawn(move || work(seed))).collect();
    for (seed, thread) in (0..).zip(threads) {
        assert_eq!(thread.join().expect("no thread panicked"), work(seed));
    }
    HEAP.check().expect("the metadata is consistent");
}

#[test]
fn more_than_there_is_can_be_asked_for_without_harm() {
    let mut bytes: Vec<u8> = Vec::new();
    assert!(bytes.try_reserve_exact(65 << 20).is_err());
    assert!(bytes.try_reserve_exact(1 << 20).is_ok());
}
