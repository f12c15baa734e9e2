//! Spin locks: who holds which.

use crate::DispatchLevel;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::RefCell;
use ntpool_types::{BugCheck, BugCheckCode, ProcessorNumber, Rule, Violation, VirtualAddress};

/// The spin locks that are held, by the address of the driver's lock.
///
/// With one processor a lock is free or held by its only possible waiter.
#[derive(Debug, Default)]
pub struct SpinLocks {
    held: RefCell<BTreeMap<VirtualAddress, Holder>>,
}

#[derive(Clone, Copy, Debug)]
struct Holder {
    processor: ProcessorNumber,
    protected: bool,
}

impl SpinLocks {
    /// Takes the lock for the processor that the witness holds.
    ///
    /// # Errors
    /// [`Rule::SpinLockRecursive`] with bug check 0xF, which has no parameters, when the processor holds it already
    /// (MACH-171).
    pub fn acquire(&self, lock: VirtualAddress, level: DispatchLevel<'_>) -> Result<(), Violation> {
        self.take(lock, Holder { processor: level.processor(), protected: true })
    }

    /// Takes the lock for a processor that is not held at DISPATCH_LEVEL, which is its driver's mistake; the release that
    /// follows is then no second one.
    ///
    /// # Errors
    /// As for [`acquire`](SpinLocks::acquire).
    pub fn acquire_unprotected(
        &self,
        lock: VirtualAddress,
        processor: ProcessorNumber,
    ) -> Result<(), Violation> {
        self.take(lock, Holder { processor, protected: false })
    }

    fn take(&self, lock: VirtualAddress, holder: Holder) -> Result<(), Violation> {
        let mut held = self.held.borrow_mut();
        if held.contains_key(&lock) {
            return Err(Violation {
                rule: Rule::SpinLockRecursive,
                bug_check: BugCheck::new(BugCheckCode::SPIN_LOCK_ALREADY_OWNED, [0; 4]),
                subject: lock,
            });
        }
        held.insert(lock, holder);
        Ok(())
    }

    /// The processor that holds the lock.
    #[must_use]
    pub fn holder(&self, lock: VirtualAddress) -> Option<ProcessorNumber> {
        self.held.borrow().get(&lock).map(|holder| holder.processor)
    }

    /// Forgets the lock: its memory is a new lock now.
    pub fn initialize(&self, lock: VirtualAddress) {
        self.held.borrow_mut().remove(&lock);
    }

    /// Lets the lock go; whether it had been taken at DISPATCH_LEVEL, as it should.
    ///
    /// # Errors
    /// [`Rule::SpinLockNotOwned`] with bug check 0x10 when nobody holds it; our choice, since the reference names no
    /// stop for it.
    pub fn release(&self, lock: VirtualAddress) -> Result<bool, Violation> {
        match self.held.borrow_mut().remove(&lock) {
            Some(holder) => Ok(holder.protected),
            None => Err(Violation {
                rule: Rule::SpinLockNotOwned,
                bug_check: BugCheck::new(BugCheckCode::SPIN_LOCK_NOT_OWNED, [lock.0, 0, 0, 0]),
                subject: lock,
            }),
        }
    }

    /// Lets every lock go and returns those that were held, in the order of their addresses.
    pub fn release_all(&self) -> Vec<VirtualAddress> {
        core::mem::take(&mut *self.held.borrow_mut()).into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Processor;
    use ntpool_types::Irql;

    #[test]
    fn mach_171_taking_a_lock_twice_is_bug_check_0xf_without_parameters() {
        let (processor, locks) = (Processor::default(), SpinLocks::default());
        processor.set_irql(Irql::DISPATCH);
        let level = processor.dispatch_level().unwrap();
        let lock = VirtualAddress(0x2000_0000_1000);
        locks.acquire(lock, level).unwrap();
        let violation = locks.acquire(lock, level).unwrap_err();
        assert_eq!(violation.bug_check, BugCheck::new(BugCheckCode(0xF), [0; 4]));
        locks.release(lock).unwrap();
        locks.acquire(lock, level).unwrap();
    }

    #[test]
    fn a_lock_that_was_taken_too_low_is_released_once_and_told_apart() {
        let locks = SpinLocks::default();
        let (lock, processor) = (VirtualAddress(0x10), ProcessorNumber(0));
        locks.acquire_unprotected(lock, processor).unwrap();
        assert_eq!(locks.holder(lock), Some(processor));
        assert_eq!(locks.acquire_unprotected(lock, processor).unwrap_err().rule, Rule::SpinLockRecursive);
        assert_eq!(locks.release(lock), Ok(false));
        locks.acquire_unprotected(lock, processor).unwrap();
        locks.initialize(lock);
        assert_eq!(locks.holder(lock), None, "its memory is a new lock");
    }

    #[test]
    fn a_lock_that_nobody_holds_cannot_be_released() {
        let locks = SpinLocks::default();
        assert_eq!(locks.release(VirtualAddress(0x10)).unwrap_err().rule, Rule::SpinLockNotOwned);
    }
}
