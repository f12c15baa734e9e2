//! rpmalloc behind the C allocation functions.
//!
//! rpmalloc wants to be told of its own start and of every thread's; so each call looks whether its thread is known. A
//! thread's end is told by a key of the thread library, which, unlike a destructor of Rust, is set up without a call of
//! malloc.
#![expect(unsafe_code, reason = "calls a C library and the thread library")]

use core::ptr::null_mut;
use core::sync::atomic::{AtomicU32, Ordering};
use ntpool_bench_peer_face::{Allocator, c_allocator, c_int, c_void};
use rpmalloc_sys as rp;

unsafe extern "C" {
    fn pthread_key_create(key: *mut u32, destructor: Option<unsafe extern "C" fn(*mut c_void)>) -> c_int;
    fn pthread_setspecific(key: u32, value: *const c_void) -> c_int;
}

const ASLEEP: u32 = 0;
const STARTING: u32 = 1;
const READY: u32 = 2;

static STATE: AtomicU32 = AtomicU32::new(ASLEEP);
static KEY: AtomicU32 = AtomicU32::new(0);

#[cold]
#[inline(never)]
fn start() {
    while STATE.load(Ordering::Acquire) != READY {
        let mine = STATE.compare_exchange(ASLEEP, STARTING, Ordering::AcqRel, Ordering::Acquire);
        if mine.is_ok() {
            let mut key = 0;
            // SAFETY: the first call of each, made once; the destructor takes any value.
            unsafe {
                rp::rpmalloc_initialize();
                pthread_key_create(&raw mut key, Some(end_of_thread));
            }
            KEY.store(key, Ordering::Relaxed);
            STATE.store(READY, Ordering::Release);
        }
    }
    // SAFETY: rpmalloc is initialized and the key made; a value that is not null makes the destructor run.
    unsafe {
        rp::rpmalloc_thread_initialize();
        pthread_setspecific(KEY.load(Ordering::Relaxed), (&raw const STATE).cast());
    }
}

/// Should a later destructor of the thread allocate, the thread is known again and this runs once more.
unsafe extern "C" fn end_of_thread(_value: *mut c_void) {
    // SAFETY: the thread was initialized.
    unsafe { rp::rpmalloc_thread_finalize() };
}

#[inline(always)]
fn ready() {
    // SAFETY: may be called before anything else.
    if unsafe { rp::rpmalloc_is_thread_initialized() } == 0 {
        start();
    }
}

struct Rpmalloc;

// SAFETY: rpmalloc promises the same of these functions once it knows the thread.
unsafe impl Allocator for Rpmalloc {
    #[inline(always)]
    fn allocate(size: usize) -> *mut c_void {
        ready();
        // SAFETY: may be called with any size.
        unsafe { rp::rpmalloc(size as _).cast() }
    }

    #[inline(always)]
    fn zeroed(count: usize, size: usize) -> *mut c_void {
        ready();
        if count.checked_mul(size).is_none() {
            return null_mut();
        }
        // SAFETY: the product of the sizes fits.
        unsafe { rp::rpcalloc(count as _, size as _).cast() }
    }

    #[inline(always)]
    fn aligned(alignment: usize, size: usize) -> *mut c_void {
        ready();
        // SAFETY: may be called with any sizes; it checks the alignment.
        unsafe { rp::rpaligned_alloc(alignment as _, size as _).cast() }
    }

    #[inline(always)]
    unsafe fn resize(block: *mut c_void, size: usize) -> *mut c_void {
        ready();
        // SAFETY: the caller's promise.
        unsafe { rp::rprealloc(block.cast(), size as _).cast() }
    }

    #[inline(always)]
    unsafe fn release(block: *mut c_void) {
        ready();
        // SAFETY: the caller's promise.
        unsafe { rp::rpfree(block.cast()) }
    }

    #[inline(always)]
    unsafe fn usable(block: *mut c_void) -> usize {
        // SAFETY: the caller's promise.
        unsafe { rp::rpmalloc_usable_size(block.cast()) as usize }
    }
}

c_allocator!(Rpmalloc);
