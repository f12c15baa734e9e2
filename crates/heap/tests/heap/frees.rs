//! Frees that are no claims to a live block.
use crate::world::{Global, TAG, World, layout};
use ntpool_heap::{Heap, Place, SpinHold, Tag};
use std::ptr::NonNull;

#[test]
fn a_free_that_is_no_claim_is_refused_and_changes_nothing() {
    let world = World::plain();
    let block = world.allocate(layout(100, 1));
    let local = 5_u8;
    let inside = NonNull::new(block.as_ptr().wrapping_add(16)).expect("it is next to a block");
    let rule = |address, tag| world.free(address, tag).expect_err("it is no claim").rule.id();
    assert_eq!(rule(inside, None), "pool.interior-free");
    assert_eq!(rule(NonNull::from(&local), None), "pool.foreign-free");
    assert_eq!(rule(block, Some(Tag::from_text(*b"Else"))), "pool.wrong-tag");
    assert!(matches!(world.heap.find(block.as_ptr()), Place::Live(_)));
    world.free(block, Some(TAG)).expect("the block is live");
    assert_eq!(rule(block, Some(TAG)), "pool.double-free");
    world.assert_empty();
}

#[test]
fn a_heap_without_memory_refuses_every_free() {
    let heap = Heap::<SpinHold>::new();
    let local = 5_u8;
    #[expect(unsafe_code, reason = "frees what was never allocated")]
    // SAFETY: the address is of no block of this heap.
    let violation = unsafe { heap.free((&raw const local).cast_mut(), None) }.expect_err("it is no claim");
    assert_eq!(violation.rule.id(), "pool.foreign-free");
    assert_eq!(violation.bug_check.parameters[..2], [0x42, (&raw const local).addr() as u64]);
    assert_eq!(heap.find(&raw const local), Place::Outside);
}

#[test]
fn the_policy_hears_of_a_refusal_that_can_not_be_returned() {
    let world = World::plain();
    let block = world.alloc(layout(100, 1), false).expect("the heap has room");
    world.dealloc(block, layout(100, 1));
    assert_eq!(world.refusals.taken(), []);
    world.dealloc(block, layout(100, 1));
    let [refused] = world.refusals.taken()[..] else { panic!("one free was refused") };
    assert_eq!((refused.rule.id(), refused.subject.0), ("pool.double-free", block.addr().get() as u64));
    world.assert_empty();
}
