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
    held: RefCell<BTreeMap<VirtualAddress, ProcessorNumber>>,
}

impl SpinLocks {
    /// Takes the lock for the processor that the witness holds.
    ///
    /// # Errors
    /// [`Rule::SpinLockRecursive`] with bug check 0xF, which has no parameters, when the processor holds it already
    /// (MACH-171).
    pub fn acquire(&self, lock: VirtualAddress, level: DispatchLevel<'_>) -> Result<(), Violation> {
        let mut held = self.held.borrow_mut();
        if held.contains_key(&lock) {
            return Err(Violation {
                rule: Rule::SpinLockRecursive,
                bug_check: BugCheck::new(BugCheckCode::SPIN_LOCK_ALREADY_OWNED, [0; 4]),
                subject: lock,
            });
        }
        held.insert(lock, level.processor());
        Ok(())
    }

    /// Records the lock as taken by a processor that is not held at DISPATCH_LEVEL, which is its driver's mistake; the
    /// release that follows is then no second one.
    pub fn acquire_unprotected(&self, lock: VirtualAddress, processor: ProcessorNumber) {
        self.held.borrow_mut().insert(lock, processor);
    }

    /// Whether a processor holds the lock.
    #[must_use]
    pub fn is_held(&self, lock: VirtualAddress) -> bool {
        self.held.borrow().contains_key(&lock)
    }

    /// Lets the lock go.
    ///
    /// # Errors
    /// [`Rule::SpinLockNotOwned`] with bug check 0x10 when nobody holds it; our choice, since the reference names no
    /// stop for it.
    pub fn release(&self, lock: VirtualAddress) -> Result<(), Violation> {
        match self.held.borrow_mut().remove(&lock) {
            Some(_) => Ok(()),
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
    fn a_lock_that_nobody_holds_cannot_be_released() {
        let locks = SpinLocks::default();
        assert_eq!(locks.release(VirtualAddress(0x10)).unwrap_err().rule, Rule::SpinLockNotOwned);
    }
}
