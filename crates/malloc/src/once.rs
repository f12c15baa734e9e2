#![expect(unsafe_code, reason = "hands out a value that is written once, in static memory")]
//! A value that is made once, in static memory, without allocating.
//!
//! The standard library's can't be told that making failed, which is to be tried again: a process may raise its limits.
//!
//! # Promise
//! The value is written by one thread, before anybody else sees it, and never again.

use crate::os::wait;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU32, Ordering};

const NEW: u32 = 0;
const BUSY: u32 = 1;
const DONE: u32 = 2;

/// A place for a value that is made when it is first needed.
pub(crate) struct Once<T> {
    state: AtomicU32,
    /// Invariant: written while `state` is BUSY, by the thread that set it; a value when it is DONE.
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: threads share the value by reference (T: Sync), and another thread than its maker's may be the one that
// made it (T: Send); the writing is ordered before every reading by `state`.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    /// A place without a value.
    pub(crate) const fn new() -> Once<T> {
        Once { state: AtomicU32::new(NEW), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// The value, if it has been made.
    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) == DONE {
            // SAFETY: the invariant of `value`: it is a value once the state is DONE, and nobody writes it any more.
            Some(unsafe { (*self.value.get()).assume_init_ref() })
        } else {
            None
        }
    }

    /// The value, which has been made.
    ///
    /// # Safety
    /// 1. [`get`](Once::get) gives a value.
    #[inline(always)]
    pub(crate) unsafe fn get_unchecked(&self) -> &T {
        debug_assert!(self.get().is_some(), "the value has been made");
        // SAFETY: as for `get`, by the caller's promise.
        unsafe { (*self.value.get()).assume_init_ref() }
    }

    /// The value and whether this call made it; `None` when `make` could not, which a later call tries again.
    ///
    /// `make` must not come back here.
    pub(crate) fn get_or_try_make(&self, make: impl FnOnce() -> Option<T>) -> Option<(&T, bool)> {
        loop {
            if let Some(value) = self.get() {
                return Some((value, false));
            }
            if self.state.compare_exchange(NEW, BUSY, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                break;
            }
            wait::give_way();
        }
        let made = make();
        let state = if made.is_some() { DONE } else { NEW };
        if let Some(value) = made {
            // SAFETY: this thread set BUSY, so it is the only one to touch the value until it sets another state.
            unsafe { (*self.value.get()).write(value) };
        }
        self.state.store(state, Ordering::Release);
        self.get().map(|value| (value, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_and_a_failure_can_be_tried_again() {
        let place = Once::new();
        assert_eq!((place.get(), place.get_or_try_make(|| None)), (None, None));
        assert_eq!(place.get_or_try_make(|| Some(7)), Some((&7, true)));
        assert_eq!(place.get_or_try_make(|| Some(8)), Some((&7, false)));
        assert_eq!(place.get(), Some(&7));
    }

    #[test]
    fn threads_that_come_together_get_one_value() {
        static PLACE: Once<usize> = Once::new();
        let makers = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|number| {
                    scope.spawn(move || PLACE.get_or_try_make(|| Some(number)).map(|(_, made)| made))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("it ends")).collect::<Vec<_>>()
        });
        assert_eq!(makers.iter().filter(|&&made| made == Some(true)).count(), 1);
    }
}
