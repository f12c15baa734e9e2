//! Push locks: small locks that one thread has exclusively, or several share.
//!
//! A shared owner may share once more; whoever has the lock exclusively, or shares it and wants it exclusively, waits for
//! itself (MACH-184). The line is served in order, shared requests that follow each other together.

use crate::dispatcher::ThreadId;
use crate::{Grant, NotHeld, Recursive};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use ntpool_types::{Bytes, VirtualAddress};

/// The push locks that are held, by the address of the driver's lock.
#[derive(Debug, Default)]
pub struct PushLocks {
    held: BTreeMap<VirtualAddress, Held>,
}

#[derive(Debug, Default)]
struct Held {
    exclusive: Option<ThreadId>,
    /// A thread is in it once for each time that it has the lock.
    shared: Vec<ThreadId>,
    waiters: VecDeque<(ThreadId, bool)>,
}

impl Held {
    fn owner(&self) -> Option<ThreadId> {
        self.exclusive.or_else(|| self.shared.first().copied())
    }

    fn is_free(&self) -> bool {
        self.exclusive.is_none() && self.shared.is_empty()
    }

    fn admit(&mut self) -> Vec<ThreadId> {
        let mut admitted = Vec::new();
        while let Some(&(thread, exclusive)) = self.waiters.front() {
            let granted = if exclusive { self.is_free() } else { self.exclusive.is_none() };
            if !granted {
                break;
            }
            self.waiters.pop_front();
            match exclusive {
                true => self.exclusive = Some(thread),
                false => self.shared.push(thread),
            }
            admitted.push(thread);
        }
        admitted
    }
}

impl PushLocks {
    /// A thread asks for a lock.
    ///
    /// # Errors
    /// [`Recursive`]; nothing was changed.
    pub fn acquire(
        &mut self,
        lock: VirtualAddress,
        thread: ThreadId,
        exclusive: bool,
    ) -> Result<Grant, Recursive> {
        let held = self.held.entry(lock).or_default();
        let shares = held.shared.contains(&thread);
        if held.exclusive == Some(thread) || (exclusive && shares) {
            return Err(Recursive);
        }
        held.waiters.push_back((thread, exclusive));
        if held.admit().contains(&thread) {
            return Ok(Grant::Now);
        }
        Ok(Grant::Later { owner: held.owner() })
    }

    /// A thread lets a lock go that it has in this way; the threads that have it now.
    ///
    /// # Errors
    /// [`NotHeld`]; nothing was changed.
    pub fn release(
        &mut self,
        lock: VirtualAddress,
        thread: ThreadId,
        exclusive: bool,
    ) -> Result<Vec<ThreadId>, NotHeld> {
        let held = self.held.get_mut(&lock).ok_or(NotHeld { owner: None })?;
        match (exclusive, held.shared.iter().position(|&other| other == thread)) {
            (true, _) if held.exclusive == Some(thread) => held.exclusive = None,
            (false, Some(place)) => drop(held.shared.remove(place)),
            _ => return Err(NotHeld { owner: held.owner() }),
        }
        let admitted = held.admit();
        if held.is_free() {
            self.held.remove(&lock);
        }
        Ok(admitted)
    }

    /// How often a lock is had: not at all, exclusively, or so many times shared.
    #[must_use]
    pub fn hold(&self, lock: VirtualAddress) -> Option<Hold> {
        let held = self.held.get(&lock)?;
        match held.exclusive {
            Some(_) => Some(Hold::Exclusive),
            None => Some(Hold::Shared(held.shared.len())),
        }
    }

    /// A thread that has the lock.
    #[must_use]
    pub fn owner(&self, lock: VirtualAddress) -> Option<ThreadId> {
        self.held.get(&lock)?.owner()
    }

    /// Forgets a lock: its memory is a new one.
    pub fn forget(&mut self, lock: VirtualAddress) {
        self.held.remove(&lock);
    }

    /// The locks that a thread has.
    #[must_use]
    pub fn held_by(&self, thread: ThreadId) -> Vec<VirtualAddress> {
        let has = |held: &Held| held.exclusive == Some(thread) || held.shared.contains(&thread);
        self.held.iter().filter(|(_, held)| has(held)).map(|(&lock, _)| lock).collect()
    }

    /// Memory was freed: forgets the locks in it and returns those that were held.
    pub fn forget_range(&mut self, base: VirtualAddress, size: Bytes) -> Vec<VirtualAddress> {
        let end = VirtualAddress(base.0.saturating_add(size.0));
        self.held.extract_if(base..end, |_, _| true).map(|(lock, _)| lock).collect()
    }
}

/// How a push lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// By one thread alone.
    Exclusive,
    /// So many times shared.
    Shared(usize),
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const LOCK: VirtualAddress = VirtualAddress(0x1000);
    const A: ThreadId = ThreadId(1);
    const B: ThreadId = ThreadId(2);
    const C: ThreadId = ThreadId(3);
    const D: ThreadId = ThreadId(4);

    #[test]
    fn shared_requests_wait_behind_an_exclusive_one_and_are_granted_together() {
        let mut locks = PushLocks::default();
        assert_eq!(locks.acquire(LOCK, A, false), Ok(Grant::Now));
        assert_eq!(locks.acquire(LOCK, B, true), Ok(Grant::Later { owner: Some(A) }));
        assert_eq!(locks.acquire(LOCK, C, false), Ok(Grant::Later { owner: Some(A) }));
        assert_eq!(locks.acquire(LOCK, D, false), Ok(Grant::Later { owner: Some(A) }));
        assert_eq!(locks.release(LOCK, A, false), Ok(vec![B]));
        assert_eq!(locks.hold(LOCK), Some(Hold::Exclusive));
        assert_eq!(locks.release(LOCK, B, true), Ok(vec![C, D]));
        assert_eq!(locks.hold(LOCK), Some(Hold::Shared(2)));
        assert_eq!(locks.held_by(D), [LOCK]);
        locks.release(LOCK, C, false).unwrap();
        locks.release(LOCK, D, false).unwrap();
        assert_eq!((locks.hold(LOCK), locks.owner(LOCK)), (None, None));
    }

    #[test]
    fn mach_184_who_has_a_push_lock_exclusively_or_wants_to_waits_for_itself() {
        let mut locks = PushLocks::default();
        locks.acquire(LOCK, A, true).unwrap();
        assert_eq!(locks.acquire(LOCK, A, true), Err(Recursive));
        assert_eq!(locks.acquire(LOCK, A, false), Err(Recursive));
        locks.release(LOCK, A, true).unwrap();
        locks.acquire(LOCK, A, false).unwrap();
        assert_eq!(locks.acquire(LOCK, A, false), Ok(Grant::Now), "sharing once more is allowed");
        assert_eq!(locks.acquire(LOCK, A, true), Err(Recursive));
    }

    #[test]
    fn a_push_lock_is_released_by_who_has_it_and_as_it_was_acquired() {
        let mut locks = PushLocks::default();
        assert_eq!(locks.release(LOCK, A, true), Err(NotHeld { owner: None }));
        locks.acquire(LOCK, A, false).unwrap();
        assert_eq!(locks.release(LOCK, A, true), Err(NotHeld { owner: Some(A) }));
        assert_eq!(locks.release(LOCK, B, false), Err(NotHeld { owner: Some(A) }));
        assert_eq!(locks.forget_range(LOCK, Bytes(8)), [LOCK]);
        locks.acquire(LOCK, B, true).unwrap();
        locks.forget(LOCK);
        assert_eq!(locks.hold(LOCK), None);
    }
}
