//! Run-down protection: what is protected can't go away, and from a moment on nothing is protected any more.

use crate::dispatcher::ThreadId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ntpool_types::{Bytes, VirtualAddress};

/// Every rundown reference that was initialized, by its address.
#[derive(Debug, Default)]
pub struct Rundowns {
    all: BTreeMap<VirtualAddress, Rundown>,
}

/// How far a rundown reference has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rundown {
    /// How often protection is held.
    pub count: u64,
    /// Whether the run-down has begun, so that nobody gets protection any more.
    pub has_begun: bool,
    /// The threads that wait for its end.
    pub waiters: Vec<ThreadId>,
}

/// What a rundown reference is asked for and can't do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RundownError {
    /// Nobody initialized it.
    NotInitialized,
    /// It is released more often than it was acquired.
    NotHeld {
        /// How often it is held.
        count: u64,
    },
    /// It is made usable again, or run down, and is still in use.
    InUse {
        /// How often it is held.
        count: u64,
    },
}

impl Rundowns {
    /// Makes the memory at `address` a rundown reference that gives protection; the former one, if it was there and in use.
    pub fn initialize(&mut self, address: VirtualAddress) -> Option<Rundown> {
        self.all.insert(address, Rundown::default()).filter(|former| former.count > 0)
    }

    /// The reference at this address.
    #[must_use]
    pub fn get(&self, address: VirtualAddress) -> Option<&Rundown> {
        self.all.get(&address)
    }

    fn find(&mut self, address: VirtualAddress) -> Result<&mut Rundown, RundownError> {
        self.all.get_mut(&address).ok_or(RundownError::NotInitialized)
    }

    /// Takes protection so many times; whether it was given (MACH-186).
    ///
    /// # Errors
    /// [`RundownError::NotInitialized`].
    pub fn acquire(&mut self, address: VirtualAddress, count: u32) -> Result<bool, RundownError> {
        let rundown = self.find(address)?;
        if !rundown.has_begun {
            rundown.count += u64::from(count);
        }
        Ok(!rundown.has_begun)
    }

    /// Gives protection back so many times; the threads that have waited for the last of them.
    ///
    /// # Errors
    /// [`RundownError`], but for [`InUse`](RundownError::InUse); nothing was changed.
    pub fn release(&mut self, address: VirtualAddress, count: u32) -> Result<Vec<ThreadId>, RundownError> {
        let rundown = self.find(address)?;
        let held = rundown.count;
        rundown.count = held.checked_sub(u64::from(count)).ok_or(RundownError::NotHeld { count: held })?;
        Ok(if rundown.count == 0 { core::mem::take(&mut rundown.waiters) } else { Vec::new() })
    }

    /// Begins the run-down for a thread; whether it has to wait for its end.
    ///
    /// # Errors
    /// [`RundownError::NotInitialized`].
    pub fn begin(&mut self, address: VirtualAddress, thread: ThreadId) -> Result<bool, RundownError> {
        let rundown = self.find(address)?;
        rundown.has_begun = true;
        let waits = rundown.count > 0;
        rundown.waiters.extend(waits.then_some(thread));
        Ok(waits)
    }

    /// Says that the run-down is over: nobody gets protection until the reference is made usable again.
    ///
    /// # Errors
    /// [`RundownError`]; carried out all the same when it is there.
    pub fn complete(&mut self, address: VirtualAddress) -> Result<(), RundownError> {
        let rundown = self.find(address)?;
        rundown.has_begun = true;
        if rundown.count > 0 { Err(RundownError::InUse { count: rundown.count }) } else { Ok(()) }
    }

    /// Makes a reference usable again after its run-down.
    ///
    /// # Errors
    /// [`RundownError`]; carried out all the same when it is there.
    pub fn reinitialize(&mut self, address: VirtualAddress) -> Result<(), RundownError> {
        let rundown = self.find(address)?;
        let in_use = rundown.count > 0 || !rundown.has_begun;
        let count = rundown.count;
        *rundown = Rundown::default();
        if in_use { Err(RundownError::InUse { count }) } else { Ok(()) }
    }

    /// Memory was freed: forgets the references in it and returns those that protection was held of.
    pub fn forget_range(&mut self, base: VirtualAddress, size: Bytes) -> Vec<VirtualAddress> {
        let end = VirtualAddress(base.0.saturating_add(size.0));
        let gone = self.all.extract_if(base..end, |_, _| true);
        gone.filter(|(_, rundown)| rundown.count > 0).map(|(address, _)| address).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IT: VirtualAddress = VirtualAddress(0x1000);
    const THREAD: ThreadId = ThreadId(7);

    fn rundowns() -> Rundowns {
        let mut rundowns = Rundowns::default();
        assert_eq!(rundowns.acquire(IT, 1), Err(RundownError::NotInitialized));
        rundowns.initialize(IT);
        rundowns
    }

    #[test]
    fn mach_186_from_the_beginning_of_the_run_down_nobody_gets_protection() {
        let mut it = rundowns();
        assert_eq!(it.acquire(IT, 1), Ok(true));
        assert_eq!(it.acquire(IT, 2), Ok(true));
        assert_eq!(it.begin(IT, THREAD), Ok(true));
        assert_eq!(it.acquire(IT, 1), Ok(false));
        assert_eq!(it.release(IT, 2), Ok(Vec::new()));
        assert_eq!(it.release(IT, 1), Ok(Vec::from([THREAD])));
        assert_eq!(it.acquire(IT, 1), Ok(false));
        it.reinitialize(IT).unwrap();
        assert_eq!(it.acquire(IT, 1), Ok(true));
    }

    #[test]
    fn a_run_down_that_nothing_holds_up_is_over_at_once() {
        let mut it = rundowns();
        assert_eq!(it.begin(IT, THREAD), Ok(false));
        assert_eq!(it.complete(IT), Ok(()));
        assert_eq!(it.get(IT), Some(&Rundown { count: 0, has_begun: true, waiters: Vec::new() }));
    }

    #[test]
    fn everybody_who_waits_for_a_run_down_is_woken_by_its_end() {
        let mut it = rundowns();
        it.acquire(IT, 2).unwrap();
        let other = ThreadId(8);
        assert_eq!(it.begin(IT, THREAD), Ok(true));
        assert_eq!(it.begin(IT, other), Ok(true));
        assert_eq!(it.release(IT, 1), Ok(Vec::new()), "it is held once more");
        assert_eq!(it.release(IT, 1), Ok(Vec::from([THREAD, other])));
        assert_eq!(it.begin(IT, THREAD), Ok(false), "nobody waits any more");
    }

    #[test]
    fn protection_is_not_given_back_more_often_than_it_was_taken() {
        let mut it = rundowns();
        it.acquire(IT, 1).unwrap();
        assert_eq!(it.release(IT, 2), Err(RundownError::NotHeld { count: 1 }));
        assert_eq!(it.release(IT, 1), Ok(Vec::new()));
        assert_eq!(it.release(IT, 1), Err(RundownError::NotHeld { count: 0 }));
    }

    #[test]
    fn what_is_in_use_is_neither_complete_nor_usable_again() {
        let mut it = rundowns();
        assert_eq!(it.reinitialize(IT), Err(RundownError::InUse { count: 0 }), "it was not run down");
        it.acquire(IT, 1).unwrap();
        assert_eq!(it.complete(IT), Err(RundownError::InUse { count: 1 }));
        assert_eq!(it.initialize(IT).map(|former| former.count), Some(1));
        it.acquire(IT, 1).unwrap();
        assert_eq!(it.forget_range(IT, Bytes(8)), [IT]);
        assert_eq!(it.get(IT), None);
    }
}
