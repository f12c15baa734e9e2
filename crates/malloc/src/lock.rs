//! A lock that sleeps.
//!
//! The standard library's would do but for its poison flag, whose thread-local state may allocate at first use.
//! The three states are the usual ones of a futex: nobody, somebody, somebody and others may sleep.

use crate::os::wait;
use core::sync::atomic::{AtomicU32, Ordering};

const OPEN: u32 = 0;
const TAKEN: u32 = 1;
const CONTENDED: u32 = 2;

/// A lock without data.
pub(crate) struct Lock {
    state: AtomicU32,
}

impl Lock {
    /// A lock that nobody has.
    pub(crate) const fn new() -> Lock {
        Lock { state: AtomicU32::new(OPEN) }
    }

    /// Takes the lock, sleeping while another thread has it.
    pub(crate) fn take(&self) {
        if self.state.compare_exchange(OPEN, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return;
        }
        while self.state.swap(CONTENDED, Ordering::Acquire) != OPEN {
            wait::while_equal(&self.state, CONTENDED);
        }
    }

    /// Takes the lock unless somebody has it; whether it was taken.
    pub(crate) fn try_take(&self) -> bool {
        self.state.compare_exchange(OPEN, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Gives the lock up. The caller has it, or is the only thread of a forked child.
    pub(crate) fn release(&self) {
        if self.state.swap(OPEN, Ordering::Release) == CONTENDED {
            wait::wake_one(&self.state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicU64;

    #[test]
    fn one_thread_at_a_time_has_the_lock() {
        static LOCK: Lock = Lock::new();
        static COUNT: AtomicU64 = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        LOCK.take();
                        COUNT.store(COUNT.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                        LOCK.release();
                    }
                });
            }
        });
        assert_eq!(COUNT.load(Ordering::Relaxed), 80_000);
        assert!(LOCK.try_take());
        assert!(!LOCK.try_take());
        LOCK.release();
    }
}
