//! The one door to atomics, and the lock behind the shards.
//!
//! Everything in this crate that more than one thread may touch at once goes through here, so that a model checker can
//! put its own atomics in their place (`--cfg loom`), and the crate's own tests ones that count (`steps`).
//!
//! # Promise
//! [`Lock`] gives out `&mut` to its value to one holder at a time.
#![expect(unsafe_code, reason = "a lock gives out unique references to what it guards")]

#[cfg(all(test, not(loom)))]
pub(crate) use crate::steps::{AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64};
#[cfg(all(test, not(loom)))]
pub(crate) use core::sync::atomic::Ordering;
#[cfg(not(any(test, loom)))]
pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering,
};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering,
};

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

/// A constructor that is `const`, but for a model checker: its atomics are known to each execution anew, so that none can
/// be a constant.
#[cfg(not(loom))]
macro_rules! const_unless_modelled {
    ($($function:tt)*) => { $($function)* };
}
#[cfg(loom)]
macro_rules! const_unless_modelled {
    ($(#[$attribute:meta])* $visibility:vis const $($function:tt)*) => { $(#[$attribute])* $visibility $($function)* };
}
pub(crate) use const_unless_modelled;

/// An array of atomics that begin with the same value, for such a constructor.
#[cfg(not(loom))]
macro_rules! atomics {
    ($new:expr) => {
        [const { $new }; _]
    };
}
#[cfg(loom)]
macro_rules! atomics {
    ($new:expr) => {
        core::array::from_fn(|_| $new)
    };
}
pub(crate) use atomics;

/// A spin lock.
pub(crate) struct Lock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a guard only, and there is one guard at a time; so it moves between threads as
// if it were sent.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// An open lock.
    pub(crate) fn new(value: T) -> Lock<T> {
        Lock { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Waits until nobody else has the lock, and takes it; `relax` is what is done meanwhile, turn by turn.
    pub(crate) fn lock(&self, relax: impl Fn(u32)) -> Guard<'_, T> {
        let mut turn = 0;
        loop {
            if let Some(guard) = self.try_lock() {
                return guard;
            }
            while self.taken.load(Ordering::Relaxed) {
                relax(turn);
                turn = turn.saturating_add(1);
            }
        }
    }

    /// Takes the lock if nobody has it.
    pub(crate) fn try_lock(&self) -> Option<Guard<'_, T>> {
        let free = self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        // Lazily: a guard that is made opens the lock when it is dropped.
        free.then(|| Guard { lock: self })
    }
}

/// The use of what a lock guards; dropping it opens the lock.
pub(crate) struct Guard<'a, T> {
    /// Invariant: `taken` is true because of this guard.
    lock: &'a Lock<T>,
}

// SAFETY: a shared guard gives out shared references to the value only.
unsafe impl<T: Sync> Sync for Guard<'_, T> {}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, by its invariant, and it is borrowed.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one, by its invariant, and it is borrowed uniquely.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.lock.taken.store(false, Ordering::Release);
    }
}
