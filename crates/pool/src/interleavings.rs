//! Interleavings: what threads do to one another, in every order and with every stale value that the memory model allows.
//!
//! The routines are the pool's own, compiled with the atomics of a model checker, which runs each model again and again
//! until it knows no further execution of it:
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p ntpool-pool --lib --release interleavings
//! ```
//!
//! A model is as small as its protocol allows: two threads, a slot or two, a counter. Where one thread only reads, it is
//! the one that is started, so that it comes last at first: the checker remembers only the last access to an atomic, and
//! would never try a reader that came before a writer's own load and store after them. What a platform does between
//! threads, to hand a shard from one to the next, is modelled as the malloc face does it: a bit in a word, given back and
//! taken with sequentially consistent exchanges.
//!
//! | protocol | models |
//! |---|---|
//! | the lock: holder and next holder | [`a_lock_has_one_holder_at_a_time_and_the_next_one_sees_what_it_did`], [`who_does_not_get_a_lock_leaves_it_closed`] |
//! | free and free | [`of_two_frees_of_one_block_that_race_one_succeeds`] |
//! | allocation and snapshot | [`a_snapshot_while_others_allocate_sees_every_block_live_that_it_sees_counted`] |
//! | free and snapshot | [`a_snapshot_while_others_free_never_counts_more_frees_than_there_were`] |
//! | first use of a tag and look-up | [`who_finds_a_tag_finds_its_index_and_the_tag_behind_it`] |
//! | first use of a tag and snapshot | [`who_walks_over_the_tags_meets_no_index_without_its_tag`] |
//! | exit and adopt: the shard as it is | [`what_an_ending_thread_leaves_in_its_shard_the_next_one_finds`] |
//! | exit and adopt: the shard retired | [`what_an_ending_thread_hands_home_is_found_once_and_its_shard_empty`] |
//! | lookaside: push and pop | [`what_is_pushed_while_another_pops_is_handed_out_once`] |
//! | lookaside: pop and pop | [`two_that_pop_at_once_get_an_entry_each`] |
//! | lookaside: push and push | [`two_that_push_at_once_take_a_slot_each`] |
//! | lookaside: a pop that a pop and a push of the same slot overtake | [`a_pop_notices_that_a_slot_went_and_came_back_meanwhile`] |
//! | lookaside: what lies in an entry | [`what_was_written_to_an_entry_before_its_push_is_seen_after_its_pop`] |
//!
//! A fork is no protocol of atomics: the copy has one thread, and what it can see of another one is which steps that one
//! has taken. The module `forks` makes it before each step, with processes.

use crate::class::Classes;
use crate::geometry::Granule;
use crate::lookaside::{Lookaside, Storage};
use crate::metadata::Tally;
use crate::metadata::tests::fresh;
use crate::shard::{Entry, Plan, Shards};
use crate::slot;
use crate::sync::{AtomicU16, AtomicU64, Lock, Ordering};
use crate::tag_table::{TagIndex, TagTable};
use core::ptr::{self, NonNull};
use loom::sync::Arc;
use loom::thread;
use ntpool_types::{PoolKind, Tag, VirtualAddress};
use std::vec::Vec;

/// Shards of so many arenas, and two tags.
fn shards(arenas: usize, count: usize) -> Shards {
    let plan = Plan::new(Classes::of(Granule::Sixteen), arenas, 1, 2);
    let size = Shards::tally(Tally::new(), &plan, count).pages().expect("it is small");
    Shards::new(&mut fresh(size), plan, count)
}

/// A tag's index that is not the overflow tag's.
fn some_tag() -> TagIndex {
    TagIndex::named(1)
}

/// Adds one as two accesses without any order: what a lock has to make one.
fn add_one(value: &AtomicU64) {
    value.store(value.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

#[test]
fn a_lock_has_one_holder_at_a_time_and_the_next_one_sees_what_it_did() {
    loom::model(|| {
        let lock = Arc::new(Lock::new(AtomicU64::new(0)));
        let other = {
            let lock = lock.clone();
            thread::spawn(move || add_one(&lock.lock(|_| thread::yield_now())))
        };
        add_one(&lock.lock(|_| thread::yield_now()));
        other.join().expect("it ends");
        assert_eq!(lock.lock(|_| ()).load(Ordering::Relaxed), 2);
    });
}

#[test]
fn who_does_not_get_a_lock_leaves_it_closed() {
    loom::model(|| {
        let lock = Arc::new(Lock::new(AtomicU64::new(0)));
        let other = {
            let lock = lock.clone();
            thread::spawn(move || {
                // The second try is the one that a lock opened by the first would let in.
                (0..2).filter(|_| lock.try_lock().map(|guard| add_one(&guard)).is_some()).count() as u64
            })
        };
        add_one(&lock.lock(|_| thread::yield_now()));
        let added = 1 + other.join().expect("it ends");
        assert_eq!(lock.lock(|_| ()).load(Ordering::Relaxed), added);
    });
}

#[test]
fn of_two_frees_of_one_block_that_race_one_succeeds() {
    loom::model(|| {
        let block = Arc::new(AtomicU16::new(0));
        slot::begin(&block, some_tag().raw());
        let other = {
            let block = block.clone();
            thread::spawn(move || slot::end_exclusively(&block).is_live())
        };
        let mine = slot::end_exclusively(&block).is_live();
        assert!(mine ^ other.join().expect("it ends"));
        let word = slot::read(&block);
        assert!(!word.is_live() && word.is_known());
        assert_eq!(word.tag(), some_tag().raw());
    });
}

/// A snapshot of one tag: allocations counted first, then live slots, as `snapshot` does it.
fn frees_seen(shards: &Shards, slots: &[AtomicU16]) -> u64 {
    let allocations = shards.allocations(PoolKind::NonPaged, some_tag());
    let live = slots.iter().filter(|slot| slot::read(slot).is_live()).count() as u64;
    allocations.saturating_sub(live)
}

fn allocate(shards: &Shards, shard: usize, slot: &AtomicU16) {
    slot::begin(slot, some_tag().raw());
    shards.shard(shard).count(shards.plan().counter(PoolKind::NonPaged, some_tag()));
}

#[test]
fn a_snapshot_while_others_allocate_sees_every_block_live_that_it_sees_counted() {
    loom::model(|| {
        let pool = Arc::new((shards(0, 2), [AtomicU16::new(0), AtomicU16::new(0)]));
        let snapshot = {
            let pool = pool.clone();
            thread::spawn(move || frees_seen(&pool.0, &pool.1))
        };
        allocate(&pool.0, 0, &pool.1[0]);
        allocate(&pool.0, 1, &pool.1[1]);
        assert_eq!(snapshot.join().expect("it ends"), 0);
        assert_eq!(pool.0.allocations(PoolKind::NonPaged, some_tag()), 2);
    });
}

#[test]
fn a_snapshot_while_others_free_never_counts_more_frees_than_there_were() {
    loom::model(|| {
        let pool = Arc::new((shards(0, 2), [AtomicU16::new(0), AtomicU16::new(0)]));
        allocate(&pool.0, 0, &pool.1[0]);
        let snapshot = {
            let pool = pool.clone();
            thread::spawn(move || frees_seen(&pool.0, &pool.1))
        };
        allocate(&pool.0, 1, &pool.1[1]);
        assert!(slot::end(&pool.1[0]).is_live());
        // The block's place is handed out again: live once more, and counted once more.
        allocate(&pool.0, 1, &pool.1[0]);
        let frees = snapshot.join().expect("it ends");
        assert!(frees <= 1, "{frees} frees of one");
        assert_eq!(frees_seen(&pool.0, &pool.1), 1);
    });
}

#[test]
fn who_finds_a_tag_finds_its_index_and_the_tag_behind_it() {
    let tags = [Tag::from_text(*b"one "), Tag::from_text(*b"two ")];
    loom::model(move || {
        let size = TagTable::tally(Tally::new(), 2).pages().expect("it is small");
        let table = Arc::new(TagTable::new(&mut fresh(size), 2));
        let reader = {
            let table = table.clone();
            thread::spawn(move || {
                for tag in tags {
                    if let Some(index) = table.find(tag) {
                        assert_eq!(table.tag(index), tag);
                    }
                }
            })
        };
        let given = tags.map(|tag| table.intern(tag));
        reader.join().expect("it ends");
        assert_eq!(tags.map(|tag| table.find(tag)), given.map(Some));
        assert!(table.is_consistent());
    });
}

#[test]
fn who_walks_over_the_tags_meets_no_index_without_its_tag() {
    loom::model(|| {
        let size = TagTable::tally(Tally::new(), 2).pages().expect("it is small");
        let table = Arc::new(TagTable::new(&mut fresh(size), 2));
        let reader = {
            let table = table.clone();
            thread::spawn(move || assert!(table.indices().all(|index| table.tag(index) != Tag(0))))
        };
        table.intern(Tag::from_text(*b"one "));
        table.intern(Tag::from_text(*b"two "));
        reader.join().expect("it ends");
    });
}

/// The bit of a shard that has a thread.
const TAKEN: u64 = 1;

/// Takes the shard over if nobody has it.
fn adopt(taken: &AtomicU64) -> bool {
    taken.compare_exchange(0, TAKEN, Ordering::SeqCst, Ordering::Relaxed).is_ok()
}

#[test]
fn what_an_ending_thread_leaves_in_its_shard_the_next_one_finds() {
    let classes = Classes::of(Granule::Sixteen);
    let block = |number: u64| Entry::new(VirtualAddress(0x1000 * number), number as usize);
    loom::model(move || {
        let shards = Arc::new(shards(1, 1));
        let taken = Arc::new(AtomicU64::new(TAKEN));
        let counter = shards.plan().counter(PoolKind::NonPaged, some_tag());
        let other = {
            let (shards, taken) = (shards.clone(), taken.clone());
            thread::spawn(move || {
                let shard = shards.shard(0);
                shard.widen(0, classes);
                assert!(shard.push(0, block(1)) && shard.push(0, block(2)));
                shard.count(counter);
                taken.fetch_and(!TAKEN, Ordering::SeqCst);
            })
        };
        if adopt(&taken) {
            let shard = shards.shard(0);
            assert_eq!(shard.pop(0), Some(block(2)));
            assert_eq!(shard.pop(0), Some(block(1)));
            assert_eq!(shard.pop(0), None);
            shard.count(counter);
            assert_eq!(shards.allocations(PoolKind::NonPaged, some_tag()), 2);
        }
        other.join().expect("it ends");
    });
}

#[test]
fn what_an_ending_thread_hands_home_is_found_once_and_its_shard_empty() {
    let classes = Classes::of(Granule::Sixteen);
    let block = |number: u64| Entry::new(VirtualAddress(0x1000 * number), number as usize);
    loom::model(move || {
        // Blocks at home are what the lock guards, in a plain list here.
        let pool = Arc::new((shards(1, 2), Lock::new(Vec::new())));
        let taken = Arc::new(AtomicU64::new(TAKEN));
        let other = {
            let (pool, taken) = (pool.clone(), taken.clone());
            thread::spawn(move || {
                let shard = pool.0.shard(0);
                shard.widen(0, classes);
                assert!(shard.push(0, block(1)) && shard.push(0, block(2)));
                {
                    // As a shard is retired: its blocks go home, and the magazine is as if never used.
                    let mut home = pool.1.lock(|_| thread::yield_now());
                    home.extend(shard.entries(0));
                    shard.forget(0);
                }
                taken.fetch_and(!TAKEN, Ordering::SeqCst);
            })
        };
        // The next thread takes the shard over, or has one of its own if it comes too early.
        let adopted = adopt(&taken);
        let shard = pool.0.shard(usize::from(!adopted));
        assert_eq!(shard.pop(0), None, "nothing is left in it");
        shard.widen(0, classes);
        let found = core::mem::take(&mut *pool.1.lock(|_| thread::yield_now()));
        assert!(found.is_empty() || found == [block(1), block(2)]);
        assert!(!adopted || !found.is_empty(), "who comes after it finds what it gave");
        found.iter().for_each(|&entry| assert!(shard.push(0, entry)));
        other.join().expect("it ends");
        let mut all = core::mem::take(&mut *pool.1.lock(|_| ()));
        for number in [0, 1] {
            all.extend(pool.0.shard(number).entries(0));
        }
        assert_eq!(all, [block(1), block(2)]);
    });
}

/// A lookaside list of two slots, whose entries are numbers from 1.
struct List(Lookaside<2>);

impl List {
    fn of(numbers: &[usize]) -> Arc<List> {
        let list = List(Lookaside::new());
        numbers.iter().for_each(|&number| assert!(list.push(number)));
        Arc::new(list)
    }

    fn push(&self, number: usize) -> bool {
        let entry = NonNull::new(ptr::without_provenance_mut(number)).expect("numbers are from 1");
        let Ok(refused) = self.0.push(entry);
        refused.is_none()
    }

    fn pop(&self) -> Option<usize> {
        let Ok(entry) = self.0.pop();
        entry.map(|entry| entry.as_ptr().addr())
    }

    /// What is left, from the top; the list is empty then, and has both its slots.
    fn drain(&self) -> Vec<usize> {
        let left = core::iter::from_fn(|| self.pop()).collect();
        assert_eq!(self.0.idle(), Ok(0));
        assert_eq!([11, 12, 13].map(|number| self.push(number)), [true, true, false]);
        assert_eq!([(); 3].map(|()| self.pop()), [Some(12), Some(11), None]);
        left
    }
}

/// All the numbers, sorted.
fn sorted(numbers: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut numbers = Vec::from_iter(numbers);
    numbers.sort_unstable();
    numbers
}

#[test]
fn what_is_pushed_while_another_pops_is_handed_out_once() {
    loom::model(|| {
        let list = List::of(&[1]);
        let other = {
            let list = list.clone();
            thread::spawn(move || [list.pop(), list.pop()])
        };
        assert!(list.push(2));
        let popped = other.join().expect("it ends");
        assert!(popped[0].is_some(), "one was there all the time");
        assert_eq!(sorted(popped.into_iter().flatten().chain(list.drain())), [1, 2]);
    });
}

#[test]
fn two_that_pop_at_once_get_an_entry_each() {
    loom::model(|| {
        let list = List::of(&[1, 2]);
        let other = {
            let list = list.clone();
            thread::spawn(move || list.pop())
        };
        let popped = [list.pop(), other.join().expect("it ends")];
        assert_eq!(sorted(popped.into_iter().flatten()), [1, 2]);
        assert!(list.drain().is_empty());
    });
}

#[test]
fn two_that_push_at_once_take_a_slot_each() {
    loom::model(|| {
        let list = List::of(&[]);
        let other = {
            let list = list.clone();
            thread::spawn(move || list.push(1))
        };
        assert!(list.push(2));
        assert!(other.join().expect("it ends"));
        assert_eq!(sorted(list.drain()), [1, 2]);
    });
}

#[test]
fn a_pop_notices_that_a_slot_went_and_came_back_meanwhile() {
    loom::model(|| {
        let list = List::of(&[1]);
        let other = {
            let list = list.clone();
            thread::spawn(move || list.pop())
        };
        // The slot that the other one looks at goes to the free chain, where another one follows it, and comes back.
        let mine = list.pop();
        assert!(mine.is_none_or(|number| list.push(number)));
        let others = other.join().expect("it ends");
        assert_eq!(sorted(others.into_iter().chain(list.drain())), [1]);
    });
}

#[test]
fn what_was_written_to_an_entry_before_its_push_is_seen_after_its_pop() {
    loom::model(|| {
        let list = List::of(&[]);
        let contents = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let other = {
            let (list, contents) = (list.clone(), contents.clone());
            thread::spawn(move || {
                while let Some(number) = list.pop() {
                    assert_eq!(contents[number - 1].load(Ordering::Relaxed), number as u64, "entry {number}");
                }
            })
        };
        for number in [1, 2] {
            contents[number - 1].store(number as u64, Ordering::Relaxed);
            assert!(list.push(number));
        }
        other.join().expect("it ends");
    });
}
