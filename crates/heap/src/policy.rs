//! How a heap is kept from being used by two at a time.
#![expect(unsafe_code, reason = "a trait that makes a promise, and its implementation by a spin lock")]

use ntpool_types::Violation;
use spin::{Mutex, MutexGuard};

/// How a heap's one shard is held.
///
/// A kernel whose interrupt handlers allocate turns interrupts off and then takes a lock; with one processor, turning
/// them off is enough. A program takes a lock.
///
/// # Safety
/// 1. Between the return of [`hold`](HoldPolicy::hold) and the drop of what it returned, no other `hold` of the same
///    value returns, on any thread, processor or interrupt.
/// 2. What happened during one hold is visible in the next (acquire and release).
pub unsafe trait HoldPolicy: Send + Sync {
    /// Ends the hold when it is dropped.
    type Guard<'a>
    where
        Self: 'a;

    /// Waits for exclusive use and takes it. Must not allocate from the heap.
    fn hold(&self) -> Self::Guard<'_>;

    /// Hears of a free that was refused because it was no claim to a live block, through a face that can't return an
    /// error: `dealloc`, `deallocate`, or the drop of a box. Nothing is held meanwhile.
    ///
    /// A kernel may want to stop here; without an implementation the free has no effect and nobody learns of it.
    fn refused(&self, violation: Violation) {
        let _ = violation;
    }
}

/// A spin lock: for programs, and for kernels whose interrupt handlers never allocate.
#[derive(Debug, Default)]
pub struct SpinHold(Mutex<()>);

impl SpinHold {
    /// A lock that nobody holds.
    #[must_use]
    pub const fn new() -> SpinHold {
        SpinHold(Mutex::new(()))
    }
}

/// The use of a heap under a [`SpinHold`].
#[derive(Debug)]
pub struct SpinGuard<'a> {
    _held: MutexGuard<'a, ()>,
}

// SAFETY: 1. the guard holds the mutex, and only `hold` locks it; 2. a mutex acquires when it is locked and releases
// when it is unlocked.
unsafe impl HoldPolicy for SpinHold {
    type Guard<'a> = SpinGuard<'a>;

    fn hold(&self) -> SpinGuard<'_> {
        SpinGuard { _held: self.0.lock() }
    }
}
