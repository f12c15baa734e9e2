//! The functions of the header.
//!
//! Each does what `include/ntpool.h` says of it. Pointers are read as that header demands: a handle is NULL or what a
//! function here returned and nobody has destroyed; other pointers are NULL or point to what their types say.
#![expect(unsafe_code, reason = "is called by C, with pointers that only C's callers can promise to be good")]

use crate::abi::{self, BlockOf, SharesOf, TagCountOf, UsageOf, ViolationOf};
use crate::handle::{self, Handle};
use crate::texts;
use ntpool_heap::{Contents, Place, Shares, Tag};
use std::alloc::Layout;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::{self, NonNull};

/// The alignment of every block, which needs no asking for.
const GRANULE: usize = 16;

/// Makes a pool on memory of its own.
///
/// # Safety
/// 1. `shares` is NULL or readable. 2. `pool` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_create(
    capacity: usize,
    shares: *const SharesOf,
    pool: *mut *mut Handle,
) -> i32 {
    // SAFETY: 1. and 2. are this function's.
    unsafe { deliver(pool, read(shares).and_then(|shares| Handle::mapped(capacity, shares))) }
}

/// Makes a pool on the caller's memory.
///
/// # Safety
/// 1. `shares` is NULL or readable. 2. `pool` is NULL or writable. 3. `memory` is NULL or the first of `size` bytes that
///    are readable and writable, and used by nobody else until the pool is destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_create_on(
    memory: *mut c_void,
    size: usize,
    shares: *const SharesOf,
    pool: *mut *mut Handle,
) -> i32 {
    // SAFETY: 1. is this function's.
    let made = unsafe { read(shares) }.and_then(|shares| {
        let memory = NonNull::new(memory.cast()).ok_or(abi::BAD_ARGUMENT)?;
        // SAFETY: 3. is this function's, and blocks end with the pool.
        unsafe { Handle::on(memory, size, shares) }
    });
    // SAFETY: 2. is this function's.
    unsafe { deliver(pool, made) }
}

/// The bytes that a pool on the caller's memory needs.
///
/// # Safety
/// `shares` is NULL or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_footprint(capacity: usize, shares: *const SharesOf) -> usize {
    // SAFETY: this function's promise.
    let shares = unsafe { read(shares) };
    shares.map_or(0, |shares| handle::footprint(capacity, shares).unwrap_or(usize::MAX))
}

/// Ends a pool; how many blocks were still live.
///
/// # Safety
/// `pool` is NULL or a live pool; neither it nor a block of it is used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_destroy(pool: *mut Handle) -> u64 {
    if pool.is_null() {
        return 0;
    }
    // SAFETY: this function's promise; handles come from `deliver`, which made them of boxes.
    let pool = unsafe { Box::from_raw(pool) };
    let mut left = 0;
    pool.heap.for_each_live(|_| left += 1);
    left
}

/// Allocates a block as it comes.
///
/// # Safety
/// `pool` is NULL or a live pool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_allocate(pool: *mut Handle, size: usize, kind: i32, tag: u32) -> *mut c_void {
    // SAFETY: this function's promise.
    unsafe { allocate(pool, GRANULE, size, kind, tag, Contents::Uninitialized) }
}

/// Allocates a block of zeros.
///
/// # Safety
/// `pool` is NULL or a live pool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_allocate_zeroed(
    pool: *mut Handle,
    size: usize,
    kind: i32,
    tag: u32,
) -> *mut c_void {
    // SAFETY: this function's promise.
    unsafe { allocate(pool, GRANULE, size, kind, tag, Contents::Zeroed) }
}

/// Allocates a block at a multiple of a power of two.
///
/// # Safety
/// `pool` is NULL or a live pool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_allocate_aligned(
    pool: *mut Handle,
    alignment: usize,
    size: usize,
    kind: i32,
    tag: u32,
) -> *mut c_void {
    // SAFETY: this function's promise.
    unsafe { allocate(pool, alignment, size, kind, tag, Contents::Uninitialized) }
}

/// Frees a block, or says why not.
///
/// # Safety
/// `pool` is NULL or a live pool. If `block` is a live block of it, nobody uses that any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_free(pool: *mut Handle, block: *mut c_void, tag: u32) -> ViolationOf {
    // SAFETY: this function's promise.
    let Some(pool) = (unsafe { pool.as_ref() }) else { return ViolationOf::none(abi::BAD_ARGUMENT) };
    let tag = (tag != abi::NO_TAG).then_some(Tag(tag));
    // SAFETY: this function's promise.
    match unsafe { pool.heap.free(block.cast(), tag) } {
        Ok(_) => ViolationOf::none(abi::OK),
        Err(violation) => violation.into(),
    }
}

/// The bytes of a live block.
///
/// # Safety
/// `pool` is NULL or a live pool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_usable_size(pool: *const Handle, block: *const c_void) -> usize {
    // SAFETY: this function's promise.
    let usable = unsafe { pool.as_ref() }.and_then(|pool| pool.heap.usable(block.cast()));
    usable.map_or(0, |size| size.as_usize())
}

/// What lies at an address.
///
/// # Safety
/// 1. `pool` is NULL or a live pool. 2. `found` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_find(
    pool: *const Handle,
    address: *const c_void,
    found: *mut BlockOf,
) -> i32 {
    // SAFETY: 1. is this function's.
    let place = unsafe { pool.as_ref() }.map_or(Place::Outside, |pool| pool.heap.find(address.cast()));
    let (number, block) = match place {
        Place::Live(block) => (abi::PLACE_LIVE, Some(block)),
        Place::Freed(block) => (abi::PLACE_FREED, Some(block)),
        Place::Unused(_) => (abi::PLACE_UNUSED, None),
        Place::Metadata => (abi::PLACE_METADATA, None),
        Place::Outside => (abi::PLACE_OUTSIDE, None),
    };
    if let Some(block) = block
        && !found.is_null()
    {
        // SAFETY: 2. is this function's.
        unsafe { found.write(block.into()) };
    }
    number
}

/// Visits every live block.
///
/// # Safety
/// 1. `pool` is NULL or a live pool. 2. `visit` is NULL or may be called with a block and `context`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_for_each_block(
    pool: *const Handle,
    visit: Option<unsafe extern "C" fn(*const BlockOf, *mut c_void) -> c_int>,
    context: *mut c_void,
) -> c_int {
    // SAFETY: 1. is this function's.
    let (Some(pool), Some(visit)) = (unsafe { pool.as_ref() }, visit) else { return 0 };
    let mut answer = 0;
    pool.heap.for_each_live(|block| {
        if answer == 0 {
            // SAFETY: 2. is this function's.
            answer = unsafe { visit(&BlockOf::from(block), context) };
        }
    });
    answer
}

/// Visits the counters of every tag.
///
/// # Safety
/// 1. `pool` is NULL or a live pool. 2. `visit` is NULL or may be called with counters and `context`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_for_each_tag(
    pool: *const Handle,
    visit: Option<unsafe extern "C" fn(*const TagCountOf, *mut c_void) -> c_int>,
    context: *mut c_void,
) -> c_int {
    // SAFETY: 1. is this function's.
    let (Some(pool), Some(visit)) = (unsafe { pool.as_ref() }, visit) else { return 0 };
    let mut answer = 0;
    pool.heap.for_each_tag(|count| {
        if answer == 0 {
            // SAFETY: 2. is this function's.
            answer = unsafe { visit(&TagCountOf::from(count), context) };
        }
    });
    answer
}

/// Tells the pages of a kind.
///
/// # Safety
/// 1. `pool` is NULL or a live pool. 2. `usage` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_usage_of(pool: *const Handle, kind: i32, usage: *mut UsageOf) -> i32 {
    // SAFETY: 1. is this function's.
    let (Some(pool), Some(kind), false) = (unsafe { pool.as_ref() }, abi::kind(kind), usage.is_null()) else {
        return abi::BAD_ARGUMENT;
    };
    // SAFETY: 2. is this function's.
    unsafe { usage.write(pool.heap.usage(kind).into()) };
    abi::OK
}

/// Checks the pool's metadata.
///
/// # Safety
/// 1. `pool` is NULL or a live pool. 2. `text` is NULL or the first of `text_size` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ntpool_check(pool: *const Handle, text: *mut c_char, text_size: usize) -> i32 {
    // SAFETY: 1. is this function's.
    let Some(pool) = (unsafe { pool.as_ref() }) else { return abi::BAD_ARGUMENT };
    let Err(inconsistency) = pool.heap.check() else { return abi::OK };
    // SAFETY: 2. is this function's.
    unsafe { copy_out(&inconsistency.to_string(), text, text_size) };
    abi::INCONSISTENT
}

/// What a result means.
#[unsafe(no_mangle)]
pub extern "C" fn ntpool_status_text(status: i32) -> *const c_char {
    texts::of_status(status).as_ptr()
}

/// Allocates; NULL for everything that does not work.
///
/// # Safety
/// `pool` is NULL or a live pool.
unsafe fn allocate(
    pool: *const Handle,
    alignment: usize,
    size: usize,
    kind: i32,
    tag: u32,
    contents: Contents,
) -> *mut c_void {
    let tag = if tag == abi::NO_TAG { Tag::NONE } else { Tag(tag) };
    let block = || {
        // SAFETY: this function's promise.
        let pool = unsafe { pool.as_ref() }?;
        let layout = Layout::from_size_align(size, alignment).ok()?;
        pool.heap.try_allocate(layout, abi::kind(kind)?, tag, contents).ok()
    };
    block().map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}

/// The shares that are pointed to, or all nonpaged. Errors: the status.
///
/// # Safety
/// `shares` is NULL or readable.
unsafe fn read(shares: *const SharesOf) -> Result<Shares, i32> {
    // SAFETY: this function's promise.
    match unsafe { shares.as_ref() } {
        Some(shares) => shares.checked().ok_or(abi::BAD_ARGUMENT),
        None => Ok(Shares::NONPAGED),
    }
}

/// Hands a new pool to the caller, or NULL; the status.
///
/// # Safety
/// `pool` is NULL or writable.
unsafe fn deliver(pool: *mut *mut Handle, made: Result<Handle, i32>) -> i32 {
    if pool.is_null() {
        return abi::BAD_ARGUMENT;
    }
    let (handle, status) = match made {
        Ok(handle) => (Box::into_raw(Box::new(handle)), abi::OK),
        Err(status) => (ptr::null_mut(), status),
    };
    // SAFETY: this function's promise.
    unsafe { pool.write(handle) };
    status
}

/// Writes as much of a sentence as there is room for, and a NUL behind it.
///
/// # Safety
/// `text` is NULL or the first of `text_size` writable bytes.
unsafe fn copy_out(sentence: &str, text: *mut c_char, text_size: usize) {
    if text.is_null() || text_size == 0 {
        return;
    }
    let length = sentence.len().min(text_size - 1);
    // SAFETY: this function's promise; `length` bytes and the NUL behind them fit.
    unsafe {
        ptr::copy_nonoverlapping(sentence.as_ptr(), text.cast(), length);
        text.add(length).write(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_cut_to_the_room_there_is_and_ends_with_nul() {
        for (size, expected) in [(0, ""), (1, "\0"), (4, "abc\0"), (6, "abcde\0"), (8, "abcde\0")] {
            let mut text = [b'#'; 8];
            // SAFETY: the room is at most the array's.
            unsafe { copy_out("abcde", text.as_mut_ptr().cast(), size) };
            assert!(text.starts_with(expected.as_bytes()), "{size}");
            assert!(text[expected.len()..].iter().all(|&byte| byte == b'#'), "{size}");
        }
        // SAFETY: NULL is allowed.
        unsafe { copy_out("abcde", ptr::null_mut(), 8) };
    }
}
