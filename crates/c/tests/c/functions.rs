//! Every function of the library, with good arguments and bad ones.
#![expect(unsafe_code, reason = "calls the library as C does")]

use ntpool_c::abi::{self, BlockOf, SharesOf, TagCountOf, UsageOf};
use ntpool_c::{
    Handle, ntpool_allocate, ntpool_allocate_aligned, ntpool_allocate_zeroed, ntpool_check, ntpool_create,
    ntpool_create_on, ntpool_destroy, ntpool_find, ntpool_footprint, ntpool_for_each_block,
    ntpool_for_each_tag, ntpool_free, ntpool_status_text, ntpool_usable_size, ntpool_usage_of,
};
use ntpool_types::Tag;
use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::thread;

const TAG: u32 = Tag::from_text(*b"Test").0;
const ALL: SharesOf = SharesOf { nonpaged: 2, nonpaged_execute: 1, paged: 1 };

/// A pool that is destroyed with the test; nothing may be left in it then.
struct Pool(*mut Handle);

// SAFETY: any thread may call the library's functions.
unsafe impl Sync for Pool {}

impl Pool {
    fn new() -> Pool {
        let mut pool = ptr::null_mut();
        // SAFETY: both pointers are good.
        let status = unsafe { ntpool_create(8 << 20, &ALL, &mut pool) };
        assert_eq!((status, pool.is_null()), (abi::OK, false));
        Pool(pool)
    }

    fn allocate(&self, size: usize, kind: i32) -> *mut c_void {
        // SAFETY: the pool is live.
        unsafe { ntpool_allocate(self.0, size, kind, TAG) }
    }

    fn free(&self, block: *mut c_void, tag: u32) -> i32 {
        // SAFETY: the pool is live, and no test uses a block that it has freed.
        unsafe { ntpool_free(self.0, block, tag) }.status
    }

    fn usage(&self, kind: i32) -> UsageOf {
        let mut usage = UsageOf::default();
        // SAFETY: the pool is live and the pointer is good.
        assert_eq!(unsafe { ntpool_usage_of(self.0, kind, &mut usage) }, abi::OK);
        usage
    }

    fn find(&self, address: *const c_void) -> (i32, Option<BlockOf>) {
        let mut found = MaybeUninit::zeroed();
        // SAFETY: the pool is live and the pointer is good; all-zero bytes are a block to C.
        let (place, found) =
            unsafe { (ntpool_find(self.0, address, found.as_mut_ptr()), found.assume_init()) };
        (place, (place <= abi::PLACE_FREED).then_some(found))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        // SAFETY: the pool is live, and the test is over.
        unsafe {
            assert_eq!(ntpool_check(self.0, ptr::null_mut(), 0), abi::OK);
            assert_eq!(ntpool_destroy(self.0), 0);
        }
    }
}

#[test]
fn blocks_of_every_kind_come_and_go() {
    let pool = Pool::new();
    for kind in [abi::NONPAGED, abi::NONPAGED_EXECUTE, abi::PAGED] {
        let block = pool.allocate(100, kind);
        let expected = BlockOf { address: block, size: 100, kind, tag: TAG };
        assert_eq!(pool.find(block), (abi::PLACE_LIVE, Some(expected)));
        assert_eq!(pool.find(block.wrapping_byte_add(99)), (abi::PLACE_LIVE, Some(expected)));
        // SAFETY: the pool is live.
        assert_eq!(unsafe { ntpool_usable_size(pool.0, block) }, 100);
        assert_eq!(pool.usage(kind).in_use, 1);
        assert_eq!(pool.free(block, TAG), abi::OK);
        assert_eq!(pool.find(block), (abi::PLACE_FREED, Some(expected)));
        // SAFETY: the pool is live.
        assert_eq!(unsafe { ntpool_usable_size(pool.0, block) }, 0);
        assert_eq!(pool.usage(kind).in_use, 0);
    }
    assert_eq!(pool.find((&raw const pool).cast()), (abi::PLACE_OUTSIDE, None));
}

#[test]
fn zeroed_and_aligned_blocks_are_that() {
    let pool = Pool::new();
    for size in [1, 100, 4096, 50_000] {
        // SAFETY: the pool is live; the block is the test's.
        unsafe {
            let dirty = pool.allocate(size, abi::NONPAGED);
            dirty.write_bytes(0xFF, size);
            assert_eq!(pool.free(dirty, TAG), abi::OK);
            let block = ntpool_allocate_zeroed(pool.0, size, abi::NONPAGED, TAG);
            let bytes = std::slice::from_raw_parts(block.cast::<u8>(), size);
            assert!(bytes.iter().all(|&byte| byte == 0));
            assert_eq!(pool.free(block, TAG), abi::OK);
        }
    }
    for alignment in (0..=16).map(|power| 1 << power) {
        for size in [1, 1000, 10_000] {
            // SAFETY: the pool is live.
            let block = unsafe { ntpool_allocate_aligned(pool.0, alignment, size, abi::PAGED, TAG) };
            assert!(!block.is_null() && block.addr() % alignment == 0, "{size} at {alignment}");
            // SAFETY: the pool is live.
            assert!(unsafe { ntpool_usable_size(pool.0, block) } >= size);
            assert_eq!(pool.free(block, TAG), abi::OK);
        }
    }
}

#[test]
fn executable_memory_can_be_executed() {
    let pool = Pool::new();
    // mov eax, 42; ret
    let code = [0xB8_u8, 42, 0, 0, 0, 0xC3];
    let block = pool.allocate(code.len(), abi::NONPAGED_EXECUTE);
    // SAFETY: the block is as long as the code, which is a function of no arguments that returns an int.
    let answer = unsafe {
        block.cast::<u8>().copy_from_nonoverlapping(code.as_ptr(), code.len());
        std::mem::transmute::<*mut c_void, extern "C" fn() -> c_int>(block)()
    };
    assert_eq!(answer, 42);
    assert_eq!(pool.free(block, TAG), abi::OK);
}

#[test]
fn a_violation_carries_rule_bug_check_and_parameters() {
    let pool = Pool::new();
    let block = pool.allocate(100, abi::NONPAGED);
    let other = Tag::from_text(*b"Else").0;
    // SAFETY: the pool is live; the block is used by nobody.
    let violation = unsafe { ntpool_free(pool.0, block, other) };
    assert_eq!((violation.status, violation.bug_check), (abi::VIOLATION, 0xC2));
    assert_eq!(violation.parameters, [0xA, block.addr() as u64, u64::from(TAG), u64::from(other)]);
    assert_eq!(violation.subject, block.addr() as u64);
    // SAFETY: the texts are static and end with NUL.
    let texts = unsafe { [CStr::from_ptr(violation.rule), CStr::from_ptr(violation.title)] };
    assert_eq!(texts, [c"pool.wrong-tag", c"a pool block was freed with another tag"]);
    // SAFETY: the pool is live.
    let null = unsafe { ntpool_free(pool.0, ptr::null_mut(), TAG) };
    assert_eq!((null.status, null.parameters[0]), (abi::VIOLATION, 0x46));
    assert_eq!(pool.free(block, abi::NO_TAG), abi::OK);
    assert_eq!(pool.free(block, abi::NO_TAG), abi::VIOLATION);
}

#[test]
fn callbacks_see_every_block_and_tag_and_may_stop() {
    unsafe extern "C" fn collect(block: *const BlockOf, context: *mut c_void) -> c_int {
        // SAFETY: the library passes a block, and the test its vector.
        let (block, blocks) = unsafe { (*block, &mut *context.cast::<Vec<BlockOf>>()) };
        blocks.push(block);
        if blocks.len() == 3 { 7 } else { 0 }
    }
    unsafe extern "C" fn count(count: *const TagCountOf, context: *mut c_void) -> c_int {
        // SAFETY: the library passes counters, and the test its vector.
        unsafe { (*context.cast::<Vec<TagCountOf>>()).push(*count) };
        0
    }

    let pool = Pool::new();
    let mut blocks: Vec<_> = (0..5).map(|_| pool.allocate(100, abi::NONPAGED)).collect();
    blocks.sort();
    let mut seen: Vec<BlockOf> = Vec::new();
    let mut counts: Vec<TagCountOf> = Vec::new();
    // SAFETY: the pool is live, and the callbacks get the vectors they expect.
    unsafe {
        assert_eq!(ntpool_for_each_block(pool.0, Some(collect), (&raw mut seen).cast()), 7);
        assert_eq!(ntpool_for_each_tag(pool.0, Some(count), (&raw mut counts).cast()), 0);
    }
    assert!(seen.iter().map(|block| block.address).eq(blocks[..3].iter().copied()));
    let expected = TagCountOf { tag: TAG, kind: abi::NONPAGED, allocations: 5, frees: 0, bytes: 500 };
    assert_eq!(counts, [expected]);
    assert!(blocks.into_iter().all(|block| pool.free(block, TAG) == abi::OK));
}

#[test]
fn a_block_without_a_tag_is_counted_under_none() {
    let pool = Pool::new();
    // SAFETY: the pool is live.
    let block = unsafe { ntpool_allocate(pool.0, 1, abi::NONPAGED, abi::NO_TAG) };
    assert_eq!(pool.find(block).1.map(|block| block.tag), Some(Tag::NONE.0));
    assert_eq!(pool.free(block, abi::NO_TAG), abi::OK);
}

#[test]
fn out_of_memory_is_null_and_passes() {
    let pool = Pool::new();
    let limit = pool.usage(abi::PAGED).limit;
    let blocks: Vec<_> = (0..limit).map(|_| pool.allocate(4096, abi::PAGED)).collect();
    assert!(blocks.iter().all(|block| !block.is_null()));
    assert!(pool.allocate(1, abi::PAGED).is_null());
    assert!(pool.allocate(usize::MAX, abi::NONPAGED).is_null());
    assert!(blocks.into_iter().all(|block| pool.free(block, TAG) == abi::OK));
    let block = pool.allocate(1, abi::PAGED);
    assert_eq!(pool.free(block, TAG), abi::OK);
}

#[test]
fn a_pool_lives_on_the_callers_memory() {
    let mut pool = ptr::null_mut();
    // SAFETY: the shares are good.
    let size = unsafe { ntpool_footprint(1 << 20, &ALL) };
    let mut memory = vec![0xA5_u8; size];
    // SAFETY: the memory outlives the pool; the other pointers are good.
    unsafe {
        let first = memory.as_mut_ptr().cast();
        assert_eq!(ntpool_create_on(first, 4096, &ALL, &mut pool), abi::TOO_SMALL);
        assert!(pool.is_null());
        assert_eq!(ntpool_create_on(first, size, &ALL, &mut pool), abi::OK);
        let block = ntpool_allocate_zeroed(pool, 100, abi::PAGED, TAG);
        assert!((first.addr()..first.addr() + size).contains(&block.addr()));
        assert_eq!(*block.cast::<[u8; 100]>(), [0; 100]);
        let mut limit = 0;
        for kind in [abi::NONPAGED, abi::NONPAGED_EXECUTE, abi::PAGED] {
            let mut usage = UsageOf::default();
            assert_eq!(ntpool_usage_of(pool, kind, &mut usage), abi::OK);
            limit += usage.limit;
        }
        assert!(limit >= 256, "{limit} pages for a megabyte");
        assert_eq!(ntpool_destroy(pool), 1);
    }
}

#[test]
fn bad_arguments_are_told_and_do_nothing() {
    let none = SharesOf { nonpaged: 0, nonpaged_execute: 0, paged: 0 };
    let mut made = ptr::null_mut();
    let pool = Pool::new();
    let mut usage = UsageOf::default();
    // SAFETY: pointers are NULL or good.
    unsafe {
        assert_eq!(ntpool_create(1 << 20, &none, &mut made), abi::BAD_ARGUMENT);
        assert_eq!(ntpool_create(1 << 20, ptr::null(), ptr::null_mut()), abi::BAD_ARGUMENT);
        assert_eq!(ntpool_create(usize::MAX, ptr::null(), &mut made), abi::NO_MEMORY);
        assert_eq!(ntpool_create_on(ptr::null_mut(), 1 << 20, ptr::null(), &mut made), abi::BAD_ARGUMENT);
        assert!(made.is_null());
        assert_eq!(ntpool_footprint(1 << 20, &none), 0);
        for kind in [-1, 3, i32::MAX] {
            assert!(pool.allocate(1, kind).is_null());
            assert_eq!(ntpool_usage_of(pool.0, kind, &mut usage), abi::BAD_ARGUMENT);
        }
        assert_eq!(ntpool_usage_of(pool.0, abi::PAGED, ptr::null_mut()), abi::BAD_ARGUMENT);
        for alignment in [0, 3, 48] {
            assert!(ntpool_allocate_aligned(pool.0, alignment, 1, abi::NONPAGED, TAG).is_null());
        }
        assert_eq!(ntpool_for_each_block(pool.0, None, ptr::null_mut()), 0);
        assert_eq!(ntpool_for_each_tag(pool.0, None, ptr::null_mut()), 0);
    }
}

#[test]
fn a_pool_of_null_does_nothing() {
    let null: *mut Handle = ptr::null_mut();
    // SAFETY: NULL is allowed everywhere.
    unsafe {
        assert!(ntpool_allocate(null, 1, abi::NONPAGED, TAG).is_null());
        assert_eq!(ntpool_free(null, ptr::null_mut(), TAG).status, abi::BAD_ARGUMENT);
        assert_eq!(ntpool_usable_size(null, ptr::null()), 0);
        assert_eq!(ntpool_find(null, ptr::null(), ptr::null_mut()), abi::PLACE_OUTSIDE);
        assert_eq!(ntpool_check(null, ptr::null_mut(), 0), abi::BAD_ARGUMENT);
        assert_eq!(ntpool_usage_of(null, abi::PAGED, &mut UsageOf::default()), abi::BAD_ARGUMENT);
        assert_eq!(ntpool_destroy(null), 0);
    }
}

#[test]
fn every_status_has_a_text_of_its_own() {
    // SAFETY: the texts are static and end with NUL.
    let text = |status| unsafe { CStr::from_ptr(ntpool_status_text(status)) };
    let mut texts: Vec<_> = (abi::OK..=abi::INCONSISTENT + 1).map(text).collect();
    assert_eq!(texts.last(), Some(&text(-1)));
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 7);
}

#[test]
fn eight_threads_share_a_pool() {
    let pool = Pool::new();
    thread::scope(|scope| {
        for thread in 0..8_usize {
            let pool = &pool;
            scope.spawn(move || {
                let mut live = Vec::new();
                for round in 0..1000 {
                    live.push(pool.allocate(1 + (round * 31 + thread) % 2000, abi::NONPAGED));
                    if live.len() > 20 {
                        assert_eq!(pool.free(live.swap_remove(round % 20), TAG), abi::OK);
                    }
                }
                assert!(live.into_iter().all(|block| pool.free(block, TAG) == abi::OK));
            });
        }
    });
}
