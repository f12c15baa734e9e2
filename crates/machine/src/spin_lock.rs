//! Spin locks: who holds which, and how each is used.
//!
//! An ordinary lock goes to whoever asks first when it is free. A queued one goes to the processors in the order in which
//! they came, and is held by way of a handle. One lock is used in one of the two ways, never in both (MACH-172).
//!
//! A lock is its processor's, which nothing but work that interrupts can take over while the lock is held. One that was taken
//! below DISPATCH_LEVEL, which is its driver's mistake, is its thread's.

use crate::DispatchLevel;
use crate::dispatcher::{SpinHolder, ThreadId};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::cell::RefCell;
use ntpool_types::{BugCheck, BugCheckCode, Bytes, ProcessorNumber, Rule, Violation, VirtualAddress};

/// How a spin lock is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpinUse {
    /// By its address alone.
    Ordinary,
    /// By way of a handle, in turn.
    Queued,
}

/// The spin locks that are held, by the address of the driver's lock.
#[derive(Debug, Default)]
pub struct SpinLocks {
    held: RefCell<BTreeMap<VirtualAddress, Holder>>,
    uses: RefCell<BTreeMap<VirtualAddress, SpinUse>>,
    /// Who waits in line, for the locks that have a queue.
    queues: RefCell<BTreeMap<VirtualAddress, VecDeque<SpinHolder>>>,
    /// The locks whose mixed use was told of.
    mixed: RefCell<BTreeSet<VirtualAddress>>,
}

#[derive(Clone, Copy, Debug)]
struct Holder {
    by: SpinHolder,
    /// How many locks were held when it was taken.
    depth: usize,
}

impl SpinLocks {
    /// Takes the lock for the processor that the witness holds.
    ///
    /// # Errors
    /// [`Rule::SpinLockRecursive`] with bug check 0xF, which has no parameters, when it is held already (MACH-171).
    pub fn acquire(&self, lock: VirtualAddress, level: DispatchLevel<'_>) -> Result<(), Violation> {
        self.take(lock, level.processor().into())
    }

    /// Takes the lock for a thread whose processor is not held at DISPATCH_LEVEL, which is its driver's mistake; the release
    /// that follows is then no second one.
    ///
    /// # Errors
    /// As for [`acquire`](SpinLocks::acquire).
    pub fn acquire_unprotected(&self, lock: VirtualAddress, thread: ThreadId) -> Result<(), Violation> {
        self.take(lock, SpinHolder::Thread(thread))
    }

    fn take(&self, lock: VirtualAddress, by: SpinHolder) -> Result<(), Violation> {
        let mut held = self.held.borrow_mut();
        if held.contains_key(&lock) {
            return Err(Violation {
                rule: Rule::SpinLockRecursive,
                bug_check: BugCheck::new(BugCheckCode::SPIN_LOCK_ALREADY_OWNED, [0; 4]),
                subject: lock,
            });
        }
        let depth = held.values().map(|holder| holder.depth + 1).max().unwrap_or(0);
        held.insert(lock, Holder { by, depth });
        if let Some(queue) = self.queues.borrow_mut().get_mut(&lock) {
            queue.retain(|&waiter| waiter != by);
        }
        Ok(())
    }

    /// Who holds the lock.
    #[must_use]
    pub fn holder(&self, lock: VirtualAddress) -> Option<SpinHolder> {
        self.held.borrow().get(&lock).map(|holder| holder.by)
    }

    /// The locks that a processor or a thread holds, the first taken first.
    #[must_use]
    pub fn held_by(&self, by: SpinHolder) -> Vec<VirtualAddress> {
        let held = self.held.borrow();
        let mut locks: Vec<(usize, VirtualAddress)> = held
            .iter()
            .filter(|(_, holder)| holder.by == by)
            .map(|(&lock, holder)| (holder.depth, lock))
            .collect();
        locks.sort_unstable();
        locks.into_iter().map(|(_, lock)| lock).collect()
    }

    /// Whether it is somebody's turn to take a queued lock that is free; if not, they stand in line from now on.
    pub fn stand_in_line(&self, lock: VirtualAddress, by: SpinHolder) -> bool {
        let mut queues = self.queues.borrow_mut();
        let queue = queues.entry(lock).or_default();
        if !queue.contains(&by) {
            queue.push_back(by);
        }
        queue.front() == Some(&by) && self.holder(lock).is_none()
    }

    /// Takes note of how a lock is used; whether it has been used in the other way as well, the first time that it is.
    pub fn note_use(&self, lock: VirtualAddress, used: SpinUse) -> bool {
        let first = *self.uses.borrow_mut().entry(lock).or_insert(used);
        first != used && self.mixed.borrow_mut().insert(lock)
    }

    /// Forgets the lock: its memory is a new lock now.
    pub fn initialize(&self, lock: VirtualAddress) {
        self.held.borrow_mut().remove(&lock);
        self.uses.borrow_mut().remove(&lock);
        self.queues.borrow_mut().remove(&lock);
        self.mixed.borrow_mut().remove(&lock);
    }

    /// Lets the lock go for a processor and the thread that runs there; whether it had been taken at DISPATCH_LEVEL, as it
    /// should.
    ///
    /// # Errors
    /// [`Rule::SpinLockNotOwned`] with bug check 0x10 when neither holds it; our choice, since the reference names no stop
    /// for it.
    pub fn release(
        &self,
        lock: VirtualAddress,
        processor: ProcessorNumber,
        thread: ThreadId,
    ) -> Result<bool, Violation> {
        let mut held = self.held.borrow_mut();
        match held.get(&lock) {
            Some(&Holder { by: SpinHolder::Processor(by), .. }) if by == processor => {
                held.remove(&lock);
                Ok(true)
            }
            Some(&Holder { by: SpinHolder::Thread(by), .. }) if by == thread => {
                held.remove(&lock);
                Ok(false)
            }
            _ => Err(Violation {
                rule: Rule::SpinLockNotOwned,
                bug_check: BugCheck::new(BugCheckCode::SPIN_LOCK_NOT_OWNED, [lock.0, 0, 0, 0]),
                subject: lock,
            }),
        }
    }

    /// Memory was freed: forgets the locks in it and returns those that were held.
    pub fn forget_range(&self, base: VirtualAddress, size: Bytes) -> Vec<VirtualAddress> {
        let range = base..VirtualAddress(base.0.saturating_add(size.0));
        if range.is_empty() {
            return Vec::new();
        }
        self.uses.borrow_mut().retain(|lock, _| !range.contains(lock));
        self.queues.borrow_mut().retain(|lock, _| !range.contains(lock));
        self.mixed.borrow_mut().retain(|lock| !range.contains(lock));
        self.held.borrow_mut().extract_if(range, |_, _| true).map(|(lock, _)| lock).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Processor;
    use ntpool_types::Irql;

    const LOCK: VirtualAddress = VirtualAddress(0x2000_0000_1000);
    const FIRST: ProcessorNumber = ProcessorNumber(0);
    const SECOND: ProcessorNumber = ProcessorNumber(1);
    const A: ThreadId = ThreadId(7);
    const B: ThreadId = ThreadId(8);
    const C: ThreadId = ThreadId(9);

    fn thread(thread: ThreadId) -> SpinHolder {
        SpinHolder::Thread(thread)
    }

    #[test]
    fn mach_171_taking_a_lock_twice_is_bug_check_0xf_without_parameters() {
        let (processor, locks) = (Processor::default(), SpinLocks::default());
        processor.set_irql(Irql::DISPATCH);
        let level = processor.dispatch_level().unwrap();
        locks.acquire(LOCK, level).unwrap();
        let violation = locks.acquire(LOCK, level).unwrap_err();
        assert_eq!(violation.bug_check, BugCheck::new(BugCheckCode(0xF), [0; 4]));
        locks.release(LOCK, FIRST, A).unwrap();
        locks.acquire(LOCK, level).unwrap();
    }

    #[test]
    fn a_lock_that_was_taken_too_low_is_released_once_and_told_apart() {
        let locks = SpinLocks::default();
        locks.acquire_unprotected(LOCK, A).unwrap();
        assert_eq!(locks.holder(LOCK), Some(thread(A)));
        assert_eq!(locks.acquire_unprotected(LOCK, A).unwrap_err().rule, Rule::SpinLockRecursive);
        assert_eq!(locks.release(LOCK, FIRST, B).unwrap_err().rule, Rule::SpinLockNotOwned);
        assert_eq!(locks.release(LOCK, SECOND, A), Ok(false), "its thread may have moved");
        locks.acquire_unprotected(LOCK, A).unwrap();
        locks.initialize(LOCK);
        assert_eq!(locks.holder(LOCK), None, "its memory is a new lock");
    }

    #[test]
    fn only_the_processor_that_holds_a_lock_releases_it() {
        let (processor, locks) = (Processor::new(SECOND), SpinLocks::default());
        assert_eq!(locks.release(LOCK, FIRST, A).unwrap_err().rule, Rule::SpinLockNotOwned);
        processor.set_irql(Irql::DISPATCH);
        locks.acquire(LOCK, processor.dispatch_level().unwrap()).unwrap();
        let violation = locks.release(LOCK, FIRST, A).unwrap_err();
        assert_eq!(violation.bug_check.parameters[0], LOCK.0);
        assert_eq!(locks.release(LOCK, SECOND, B), Ok(true));
    }

    #[test]
    fn the_locks_that_somebody_holds_are_in_the_order_in_which_they_were_taken() {
        let (processor, locks) = (Processor::new(SECOND), SpinLocks::default());
        processor.set_irql(Irql::DISPATCH);
        let [low, high] = [VirtualAddress(0x10), VirtualAddress(0x20)];
        locks.acquire_unprotected(high, A).unwrap();
        locks.acquire(LOCK, processor.dispatch_level().unwrap()).unwrap();
        locks.acquire_unprotected(low, A).unwrap();
        assert_eq!(locks.held_by(thread(A)), [high, low]);
        assert_eq!(locks.held_by(SECOND.into()), [LOCK]);
        assert_eq!(locks.held_by(FIRST.into()), []);
    }

    #[test]
    fn a_queued_lock_is_handed_on_in_the_order_in_which_they_came() {
        let locks = SpinLocks::default();
        assert!(locks.stand_in_line(LOCK, thread(A)));
        locks.acquire_unprotected(LOCK, A).unwrap();
        assert!(!locks.stand_in_line(LOCK, thread(C)));
        assert!(!locks.stand_in_line(LOCK, thread(B)));
        locks.release(LOCK, FIRST, A).unwrap();
        assert!(!locks.stand_in_line(LOCK, thread(B)), "the other one was here before");
        assert!(locks.stand_in_line(LOCK, thread(C)));
        locks.acquire_unprotected(LOCK, C).unwrap();
        locks.release(LOCK, FIRST, C).unwrap();
        assert!(locks.stand_in_line(LOCK, thread(B)));
    }

    #[test]
    fn mach_172_a_lock_that_is_used_in_both_ways_is_noticed_once() {
        let locks = SpinLocks::default();
        assert!(!locks.note_use(LOCK, SpinUse::Queued));
        assert!(!locks.note_use(LOCK, SpinUse::Queued));
        assert!(locks.note_use(LOCK, SpinUse::Ordinary));
        assert!(!locks.note_use(LOCK, SpinUse::Ordinary), "once is enough");
        locks.initialize(LOCK);
        assert!(!locks.note_use(LOCK, SpinUse::Ordinary), "a new lock may be used in another way");
    }

    #[test]
    fn a_held_lock_in_freed_memory_is_forgotten_and_told() {
        let locks = SpinLocks::default();
        locks.acquire_unprotected(LOCK, A).unwrap();
        locks.note_use(LOCK, SpinUse::Queued);
        assert_eq!(locks.forget_range(VirtualAddress(LOCK.0 + 1), Bytes(0x10)), []);
        assert_eq!(locks.forget_range(LOCK, Bytes::ZERO), []);
        assert_eq!(locks.forget_range(VirtualAddress(LOCK.0 - 8), Bytes(0x10)), [LOCK]);
        assert!(!locks.note_use(LOCK, SpinUse::Ordinary), "it is another lock now");
    }
}
