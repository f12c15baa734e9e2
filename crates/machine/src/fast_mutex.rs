//! Fast mutexes and guarded mutexes, which differ in how they hold procedure calls back and not in who has them.
//!
//! A mutex goes to the threads in the order in which they asked, and each owns it once (MACH-182, MACH-183).

use crate::dispatcher::ThreadId;
use crate::{Grant, NotHeld, Recursive};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use ntpool_types::{Bytes, VirtualAddress};

/// The mutexes that are owned, by the address of the driver's mutex.
#[derive(Debug, Default)]
pub struct FastMutexes {
    owned: BTreeMap<VirtualAddress, Owned>,
}

#[derive(Debug)]
struct Owned {
    owner: ThreadId,
    /// First come, first served.
    waiters: VecDeque<ThreadId>,
}

impl FastMutexes {
    /// A thread asks for a mutex.
    ///
    /// # Errors
    /// [`Recursive`]; nothing was changed.
    pub fn acquire(&mut self, mutex: VirtualAddress, thread: ThreadId) -> Result<Grant, Recursive> {
        match self.owned.get_mut(&mutex) {
            None => {
                self.owned.insert(mutex, Owned { owner: thread, waiters: VecDeque::new() });
                Ok(Grant::Now)
            }
            Some(owned) if owned.owner == thread => Err(Recursive),
            Some(owned) => {
                owned.waiters.push_back(thread);
                Ok(Grant::Later { owner: Some(owned.owner) })
            }
        }
    }

    /// A thread lets a mutex go; the one that has it next.
    ///
    /// # Errors
    /// [`NotHeld`]; nothing was changed.
    pub fn release(&mut self, mutex: VirtualAddress, thread: ThreadId) -> Result<Option<ThreadId>, NotHeld> {
        match self.owned.get_mut(&mutex) {
            Some(owned) if owned.owner == thread => {
                let next = owned.waiters.pop_front();
                match next {
                    Some(next) => owned.owner = next,
                    None => drop(self.owned.remove(&mutex)),
                }
                Ok(next)
            }
            other => Err(NotHeld { owner: other.map(|owned| owned.owner) }),
        }
    }

    /// The thread that owns a mutex.
    #[must_use]
    pub fn owner(&self, mutex: VirtualAddress) -> Option<ThreadId> {
        self.owned.get(&mutex).map(|owned| owned.owner)
    }

    /// How many threads wait for it.
    #[must_use]
    pub fn waiter_count(&self, mutex: VirtualAddress) -> usize {
        self.owned.get(&mutex).map_or(0, |owned| owned.waiters.len())
    }

    /// Forgets a mutex: its memory is a new one.
    pub fn forget(&mut self, mutex: VirtualAddress) {
        self.owned.remove(&mutex);
    }

    /// The mutexes that a thread owns.
    #[must_use]
    pub fn held_by(&self, thread: ThreadId) -> Vec<VirtualAddress> {
        self.owned.iter().filter(|(_, owned)| owned.owner == thread).map(|(&mutex, _)| mutex).collect()
    }

    /// Memory was freed: forgets the mutexes in it and returns those that were owned.
    pub fn forget_range(&mut self, base: VirtualAddress, size: Bytes) -> Vec<VirtualAddress> {
        let end = VirtualAddress(base.0.saturating_add(size.0));
        self.owned.extract_if(base..end, |_, _| true).map(|(mutex, _)| mutex).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUTEX: VirtualAddress = VirtualAddress(0x1000);
    const FIRST: ThreadId = ThreadId(1);
    const SECOND: ThreadId = ThreadId(2);
    const THIRD: ThreadId = ThreadId(3);

    #[test]
    fn a_mutex_goes_to_the_threads_in_the_order_in_which_they_asked() {
        let mut mutexes = FastMutexes::default();
        assert_eq!(mutexes.acquire(MUTEX, FIRST), Ok(Grant::Now));
        assert_eq!(mutexes.acquire(MUTEX, THIRD), Ok(Grant::Later { owner: Some(FIRST) }));
        assert_eq!(mutexes.acquire(MUTEX, SECOND), Ok(Grant::Later { owner: Some(FIRST) }));
        assert_eq!(mutexes.waiter_count(MUTEX), 2);
        assert_eq!(mutexes.release(MUTEX, FIRST), Ok(Some(THIRD)));
        assert_eq!(mutexes.owner(MUTEX), Some(THIRD));
        assert_eq!(mutexes.release(MUTEX, THIRD), Ok(Some(SECOND)));
        assert_eq!(mutexes.held_by(SECOND), [MUTEX]);
        assert_eq!(mutexes.release(MUTEX, SECOND), Ok(None));
        assert_eq!((mutexes.owner(MUTEX), mutexes.waiter_count(MUTEX)), (None, 0));
    }

    #[test]
    fn mach_183_the_owner_of_a_mutex_cannot_have_it_again() {
        let mut mutexes = FastMutexes::default();
        mutexes.acquire(MUTEX, FIRST).unwrap();
        assert_eq!(mutexes.acquire(MUTEX, FIRST), Err(Recursive));
        assert_eq!(mutexes.release(MUTEX, FIRST), Ok(None), "the refused request left no trace");
    }

    #[test]
    fn only_its_owner_releases_a_mutex() {
        let mut mutexes = FastMutexes::default();
        assert_eq!(mutexes.release(MUTEX, FIRST), Err(NotHeld { owner: None }));
        mutexes.acquire(MUTEX, FIRST).unwrap();
        assert_eq!(mutexes.release(MUTEX, SECOND), Err(NotHeld { owner: Some(FIRST) }));
        assert_eq!(mutexes.owner(MUTEX), Some(FIRST));
    }

    #[test]
    fn an_owned_mutex_in_freed_memory_is_forgotten_and_told() {
        let mut mutexes = FastMutexes::default();
        mutexes.acquire(MUTEX, FIRST).unwrap();
        assert_eq!(mutexes.forget_range(VirtualAddress(MUTEX.0 + 1), Bytes(8)), []);
        assert_eq!(mutexes.forget_range(MUTEX, Bytes(8)), [MUTEX]);
        assert_eq!(mutexes.acquire(MUTEX, SECOND), Ok(Grant::Now));
        mutexes.forget(MUTEX);
        assert_eq!(mutexes.owner(MUTEX), None);
    }
}
