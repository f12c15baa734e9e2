#![expect(unsafe_code, reason = "waits for and wakes threads by futex")]
//! The lock around the machine, where its processors are threads that really run at the same time.
//!
//! Driver code runs without the lock, and the machine's code with it: the gates take it when driver code arrives and let
//! it go when driver code goes on. So the machine's own structures need no locks, and are what they are when one thread
//! runs everything. A thread that has nothing to do lets go and waits for the next change.
//!
//! Without [`start`] there is one thread only, and all of this does nothing.
//!
//! # What this module promises
//! - From [`start`] on, at most one thread is between [`enter`] and [`leave`], and what one thread did in there is seen by
//!   the next.

use crate::{fiber, words};
use ntpool_types::ProcessorNumber;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static STARTED: AtomicBool = AtomicBool::new(false);

/// 0 free, 1 held, 2 held and waited for.
static LOCK: AtomicU32 = AtomicU32::new(0);

/// Changes with everything that another processor may have waited for.
static CHANGES: AtomicU32 = AtomicU32::new(0);

fn futex(word: &AtomicU32, operation: i32, value: u32) {
    // SAFETY: the word lives for ever; no time limit and no second word are given.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation | libc::FUTEX_PRIVATE_FLAG,
            value,
            ptr::null::<libc::timespec>(),
        );
    }
}

/// Makes the lock one that counts, the caller holding it.
pub(crate) fn start() {
    LOCK.store(1, Ordering::Relaxed);
    STARTED.store(true, Ordering::Release);
}

/// Waits for [`start`], and for the lock.
pub(crate) fn wait_for_start() {
    while !STARTED.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    lock();
}

/// Whether processors are threads.
pub(crate) fn is_started() -> bool {
    STARTED.load(Ordering::Relaxed)
}

/// Takes the lock, and says which processor has it now.
pub(crate) fn enter() {
    if is_started() {
        lock();
        fiber::with_kernel(|kernel| kernel.run_as(ProcessorNumber(words::processor() as u16)));
    }
}

fn lock() {
    if LOCK.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok() {
        return;
    }
    while LOCK.swap(2, Ordering::Acquire) != 0 {
        futex(&LOCK, libc::FUTEX_WAIT, 2);
    }
}

/// Lets the lock go.
pub(crate) fn leave() {
    if is_started() {
        unlock();
    }
}

fn unlock() {
    if LOCK.swap(0, Ordering::Release) == 2 {
        futex(&LOCK, libc::FUTEX_WAKE, 1);
    }
}

/// Tells the other processors that something has changed which they may wait for. The caller holds the lock.
pub fn changed() {
    if is_started() {
        CHANGES.fetch_add(1, Ordering::Relaxed);
        futex(&CHANGES, libc::FUTEX_WAKE, u32::MAX >> 1);
    }
}

/// Lets the lock go for a moment, so that others which wait for it can have it; the caller holds it before and after.
pub fn let_others_in() {
    if is_started() {
        unlock();
        std::thread::yield_now();
        lock();
    }
}

/// Lets the lock go until something has changed, or perhaps not; the caller holds it before and after, and looks again.
pub fn wait_for_change() {
    let seen = CHANGES.load(Ordering::Relaxed);
    unlock();
    futex(&CHANGES, libc::FUTEX_WAIT, seen);
    lock();
}
