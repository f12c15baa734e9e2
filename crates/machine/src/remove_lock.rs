//! Remove locks: a device is not removed while requests hold its lock, and from a moment on none gets it.
//!
//! In the form that drivers with checks have, each acquisition has a tag, and a release names it.

use crate::dispatcher::ThreadId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use ntpool_types::{Bytes, VirtualAddress};

/// Every remove lock that was initialized, by its address.
#[derive(Debug, Default)]
pub struct RemoveLocks {
    all: BTreeMap<VirtualAddress, RemoveLock>,
}

#[derive(Debug, Default)]
struct RemoveLock {
    /// How often it is held.
    count: u32,
    /// The same by tag, where tags are kept.
    tags: Option<BTreeMap<u64, u32>>,
    is_removed: bool,
    /// The threads that wait until nobody holds it.
    waiters: Vec<ThreadId>,
}

/// A remove lock is released, or used, in a way that it can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveLockError {
    /// Nobody initialized it.
    NotInitialized,
    /// Nobody holds it.
    NotHeld,
    /// Nobody holds it under this tag; it was released all the same.
    WrongTag,
}

impl RemoveLocks {
    /// Makes the memory at `address` a remove lock that nobody holds; whether one that is held was there.
    pub fn initialize(&mut self, address: VirtualAddress, keeps_tags: bool) -> bool {
        let tags = keeps_tags.then(BTreeMap::new);
        let former = self.all.insert(address, RemoveLock { tags, ..RemoveLock::default() });
        former.is_some_and(|former| former.count > 0)
    }

    fn find(&mut self, address: VirtualAddress) -> Result<&mut RemoveLock, RemoveLockError> {
        self.all.get_mut(&address).ok_or(RemoveLockError::NotInitialized)
    }

    /// Takes the lock; whether it was given, as it is until the removal begins.
    ///
    /// # Errors
    /// [`RemoveLockError::NotInitialized`].
    pub fn acquire(&mut self, address: VirtualAddress, tag: u64) -> Result<bool, RemoveLockError> {
        let lock = self.find(address)?;
        if lock.is_removed {
            return Ok(false);
        }
        lock.count += 1;
        if let Some(tags) = &mut lock.tags {
            *tags.entry(tag).or_default() += 1;
        }
        Ok(true)
    }

    /// Lets the lock go once. The caller asks whom that has [woken](RemoveLocks::take_woken), even after a wrong tag.
    ///
    /// # Errors
    /// [`RemoveLockError`].
    pub fn release(&mut self, address: VirtualAddress, tag: u64) -> Result<(), RemoveLockError> {
        let lock = self.find(address)?;
        lock.count = lock.count.checked_sub(1).ok_or(RemoveLockError::NotHeld)?;
        if let Some(tags) = &mut lock.tags {
            match tags.get_mut(&tag) {
                Some(1) => drop(tags.remove(&tag)),
                Some(times) => *times -= 1,
                None => return Err(RemoveLockError::WrongTag),
            }
        }
        Ok(())
    }

    /// A thread that holds the lock lets it go and begins the removal. The caller asks whether it has to
    /// [wait](RemoveLocks::wait) for the others, even after a wrong tag.
    ///
    /// # Errors
    /// [`RemoveLockError`].
    pub fn remove(&mut self, address: VirtualAddress, tag: u64) -> Result<(), RemoveLockError> {
        self.find(address)?.is_removed = true;
        self.release(address, tag)
    }

    /// Whether a thread that has begun the removal has to wait until nobody holds the lock; if so, it waits from now on.
    pub fn wait(&mut self, address: VirtualAddress, thread: ThreadId) -> bool {
        let Some(lock) = self.all.get_mut(&address).filter(|lock| lock.count > 0) else { return false };
        lock.waiters.push(thread);
        true
    }

    /// The threads that have waited until nobody holds the lock, when nobody does.
    pub fn take_woken(&mut self, address: VirtualAddress) -> Vec<ThreadId> {
        let lock = self.all.get_mut(&address).filter(|lock| lock.count == 0);
        lock.map_or_else(Vec::new, |lock| core::mem::take(&mut lock.waiters))
    }

    /// How often the lock is held, and whether the removal has begun.
    #[must_use]
    pub fn state(&self, address: VirtualAddress) -> Option<(u32, bool)> {
        self.all.get(&address).map(|lock| (lock.count, lock.is_removed))
    }

    /// The tags under which a lock is held that keeps them.
    #[must_use]
    pub fn tags(&self, address: VirtualAddress) -> Vec<u64> {
        let tags = self.all.get(&address).and_then(|lock| lock.tags.as_ref());
        tags.into_iter().flat_map(|tags| tags.keys().copied()).collect()
    }

    /// Memory was freed: forgets the locks in it and returns those that were held.
    pub fn forget_range(&mut self, base: VirtualAddress, size: Bytes) -> Vec<VirtualAddress> {
        let end = VirtualAddress(base.0.saturating_add(size.0));
        let gone = self.all.extract_if(base..end, |_, _| true);
        gone.filter(|(_, lock)| lock.count > 0).map(|(address, _)| address).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: VirtualAddress = VirtualAddress(0x1000);
    const THREAD: ThreadId = ThreadId(7);

    #[test]
    fn a_removal_waits_for_whoever_holds_the_lock_and_nobody_gets_it_any_more() {
        let mut locks = RemoveLocks::default();
        assert_eq!(locks.acquire(LOCK, 1), Err(RemoveLockError::NotInitialized));
        assert!(!locks.initialize(LOCK, false));
        assert_eq!(locks.acquire(LOCK, 1), Ok(true));
        assert_eq!(locks.acquire(LOCK, 2), Ok(true));
        assert_eq!(locks.remove(LOCK, 2), Ok(()));
        assert!(locks.wait(LOCK, THREAD));
        assert_eq!(locks.acquire(LOCK, 3), Ok(false));
        assert_eq!(locks.state(LOCK), Some((1, true)));
        assert_eq!(locks.take_woken(LOCK), []);
        assert_eq!(locks.release(LOCK, 9), Ok(()), "without checks a tag means nothing");
        assert_eq!(locks.take_woken(LOCK), [THREAD]);
        assert_eq!(locks.release(LOCK, 1), Err(RemoveLockError::NotHeld));
    }

    #[test]
    fn the_last_of_several_removals_wakes_the_others() {
        let mut locks = RemoveLocks::default();
        locks.initialize(LOCK, true);
        for tag in [1, 2, 3] {
            locks.acquire(LOCK, tag).unwrap();
        }
        let other = ThreadId(8);
        for (tag, thread) in [(1, THREAD), (2, other)] {
            locks.remove(LOCK, tag).unwrap();
            assert!(locks.wait(LOCK, thread));
        }
        assert_eq!(locks.remove(LOCK, 9), Err(RemoveLockError::WrongTag));
        assert!(!locks.wait(LOCK, ThreadId(9)), "the wrong tag was a release too");
        assert_eq!(locks.take_woken(LOCK), [THREAD, other]);
        assert_eq!(locks.take_woken(LOCK), []);
    }

    #[test]
    fn with_checks_a_release_names_a_tag_that_was_acquired() {
        let mut locks = RemoveLocks::default();
        locks.initialize(LOCK, true);
        for tag in [1, 1, 5] {
            locks.acquire(LOCK, tag).unwrap();
        }
        assert_eq!(locks.release(LOCK, 1), Ok(()));
        assert_eq!(locks.release(LOCK, 2), Err(RemoveLockError::WrongTag));
        assert_eq!(locks.tags(LOCK), [1, 5]);
        assert_eq!(locks.release(LOCK, 1), Ok(()));
        assert_eq!(locks.state(LOCK), Some((0, false)), "the wrong tag was a release too");
    }

    #[test]
    fn a_removal_that_nothing_holds_up_is_over_at_once() {
        let mut locks = RemoveLocks::default();
        locks.initialize(LOCK, true);
        assert_eq!(locks.remove(LOCK, 1), Err(RemoveLockError::NotHeld));
        locks.initialize(LOCK, true);
        locks.acquire(LOCK, 1).unwrap();
        assert!(locks.initialize(LOCK, true), "somebody held the former one");
        locks.acquire(LOCK, 1).unwrap();
        assert_eq!(locks.remove(LOCK, 1), Ok(()));
        assert!(!locks.wait(LOCK, THREAD));
        locks.initialize(LOCK, false);
        locks.acquire(LOCK, 1).unwrap();
        assert_eq!(locks.forget_range(LOCK, Bytes(0x20)), [LOCK]);
        assert_eq!(locks.state(LOCK), None);
    }
}
