//! The locks that threads wait for: how a thread waits for one and gets it, what is left of them, and what lay in memory
//! that was freed.
//!
//! Who has which lock is the machine's knowledge; the driver's memory shows it. A lock is handed on: whoever lets it go
//! decides who has it next and wakes that thread, which need not ask again.

use crate::call::Call;
use crate::findings::Draft;
use crate::memory;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_finding::{Role, Stack};
use ntpool_machine::dispatcher::{ThreadId, WaitReason};
use ntpool_machine::{
    Callbacks, FastMutexes, LockOrder, PushLocks, ReaderWriterLocks, RemoveLocks, Resources, Rundowns,
};
use ntpool_pool::Block;
use ntpool_types::{Bytes, Rule, VirtualAddress};
use ntpool_verifier::StackId;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Every lock but the ordinary spin locks.
#[derive(Default)]
pub(crate) struct Locks {
    pub(crate) order: RefCell<LockOrder<StackId>>,
    pub(crate) reader_writer: RefCell<ReaderWriterLocks>,
    pub(crate) mutexes: RefCell<FastMutexes>,
    pub(crate) push_locks: RefCell<PushLocks>,
    pub(crate) resources: RefCell<Resources>,
    /// Where each resource was initialized.
    pub(crate) resources_made: RefCell<BTreeMap<VirtualAddress, StackId>>,
    pub(crate) rundowns: RefCell<Rundowns>,
    pub(crate) remove_locks: RefCell<RemoveLocks>,
    pub(crate) callbacks: RefCell<Callbacks>,
}

impl Session {
    /// Lets the running thread wait until it is handed the lock with this key, for which it stands in line.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended meanwhile; a crime when the thread may not wait now.
    pub(crate) fn wait_for_lock(
        &self,
        key: VirtualAddress,
        reason: WaitReason,
        owner: Option<ThreadId>,
    ) -> Result<(), Stop> {
        let started = self.dispatcher().block_on(key, reason, owner, None);
        started.map_err(|crime| self.stop_for(&crime))?;
        self.block()?;
        let _ = self.dispatcher().take_wait_result();
        Ok(())
    }

    /// Wakes the threads that were handed a lock, and notes for reports who has it now.
    pub(crate) fn hand_on(&self, key: VirtualAddress, next: &[ThreadId], owner: Option<ThreadId>) {
        let mut dispatcher = self.dispatcher();
        for &thread in next {
            let woken = dispatcher.wake_thread(key, thread);
            debug_assert!(woken, "whoever stands in line waits");
        }
        dispatcher.set_lock_owner(key, owner);
    }

    /// The object of a thread, as half a sentence about who has a lock.
    pub(crate) fn shown_owner(&self, owner: Option<ThreadId>) -> String {
        match owner {
            Some(owner) => format!("the thread {} has it", self.dispatcher().thread(owner).object()),
            None => "nobody has it".to_owned(),
        }
    }

    /// Tells of a lock that is taken or let go while normal kernel procedure calls can be delivered: one of them could
    /// suspend the thread that has the lock (MACH-175, MACH-184).
    pub(crate) fn check_apcs_disabled(&self, call: &Call<'_>, deed: &str) {
        let disabled = {
            let dispatcher = self.dispatcher();
            dispatcher.apcs_disabled() || dispatcher.all_apcs_disabled()
        };
        if !disabled {
            let message = format!(
                "{deed} with asynchronous procedure calls enabled; enter a critical region first and leave it last"
            );
            self.report_rule(call, Rule::LockApcsEnabled, &message);
        }
    }

    /// Tells of a resource that the thread still has when it leaves the region in which no normal kernel procedure call was
    /// delivered to it (MACH-175).
    pub(crate) fn check_region_outlasts_resources(&self, call: &Call<'_>) {
        let (thread, disabled) = {
            let dispatcher = self.dispatcher();
            (dispatcher.running().1, dispatcher.apcs_disabled() || dispatcher.all_apcs_disabled())
        };
        if disabled {
            return;
        }
        let resources = self.locks.resources.borrow().held_by(thread);
        for resource in resources {
            let message = format!(
                "the last region was left by a thread that has the resource at {resource}; leave it after the release"
            );
            self.report_rule(call, Rule::LockApcsEnabled, &message);
        }
    }

    /// A lock that its owner asks for again.
    pub(crate) fn recursive(&self, what: &str, lock: VirtualAddress) -> Stop {
        Stop::Misuse {
            rule: Rule::LockRecursive,
            message: format!("{what} at {lock} was acquired by the thread that has it"),
        }
    }

    /// An address that no lock of this kind was initialized at.
    pub(crate) fn no_lock(&self, what: &str, address: VirtualAddress) -> Stop {
        Stop::Misuse {
            rule: Rule::ObjectNotInitialized,
            message: format!("no {what} is at {address}, which is {}", self.describe(address)),
        }
    }

    // ── What is left ─────────────────────────────────────────────────────────────────────────────────────────────

    /// Tells of the locks that a thread has when a routine returns to the system or the thread ends, and lets them go.
    pub(crate) fn settle_locks(&self, routine: &str, thread: ThreadId) {
        self.settle_spin_locks(routine, &[]);
        let processor = self.processor_number();
        let left = self.locks.reader_writer.borrow_mut().release_all_of(processor);
        for lock in left {
            let message = format!("{routine} returned with the reader-writer spin lock at {lock} held");
            self.report_afterwards(Rule::SpinLockLeft, &message, Vec::new());
            self.clear_lock_word(lock, 0_u32);
            self.dispatcher().spin_released(lock);
        }
        let mutexes = self.locks.mutexes.borrow().held_by(thread);
        for mutex in mutexes {
            self.report_lock_left(routine, "fast or guarded mutex", mutex);
            let _ = self.give_back_mutex(mutex, thread);
        }
        let push_locks = self.locks.push_locks.borrow().held_by(thread);
        for lock in push_locks {
            self.report_lock_left(routine, "push lock", lock);
            while self.give_back_push_lock(lock, thread, true)
                || self.give_back_push_lock(lock, thread, false)
            {}
        }
        let resources = self.locks.resources.borrow().held_by(thread);
        for resource in resources {
            self.report_lock_left(routine, "resource", resource);
            while self.give_back_resource(resource, thread).is_ok_and(|given| given) {}
        }
    }

    /// Tells of the spin locks that the running processor and its thread have beyond those that they had before the routine,
    /// and lets them go.
    pub(crate) fn settle_spin_locks(&self, routine: &str, before: &[VirtualAddress]) {
        let (processor, thread) = (self.processor_number(), self.thread());
        let mut left = self.spin_locks_here();
        left.retain(|lock| !before.contains(lock));
        left.sort_unstable();
        for lock in left {
            let _ = self.spin_locks.release(lock, processor, thread);
            let message = format!("{routine} returned with the spin lock at {lock} held");
            self.report_afterwards(Rule::SpinLockLeft, &message, Vec::new());
            self.clear_lock_word(lock, 0_u64);
            self.dispatcher().spin_released(lock);
        }
    }

    fn report_lock_left(&self, routine: &str, what: &str, lock: VirtualAddress) {
        let message = format!("{routine} returned with the {what} at {lock} held");
        self.report_afterwards(Rule::LockLeft, &message, Vec::new());
    }

    /// The lock is dropped, so the driver may acquire it again; its memory may be gone by now, or be freed pool, which
    /// only the driver would be told to have written.
    fn clear_lock_word<Word>(&self, lock: VirtualAddress, free: Word)
    where
        Word: ntpool_abi::zerocopy::IntoBytes + ntpool_abi::zerocopy::Immutable,
    {
        if self.freed_block_at(lock).is_none() {
            let _ = memory::write(lock, free);
        }
    }

    /// Tells of the resources that a driver has not deleted and of the callback routines that it has not taken back.
    pub(crate) fn report_locks_left(&self) {
        let made = self.locks.resources_made.take();
        self.locks.resources.borrow_mut().forget_range(VirtualAddress::NULL, Bytes(u64::MAX));
        for (resource, stack) in made {
            let message = format!("the resource at {resource} was not deleted");
            self.report_afterwards(Rule::ResourceLeft, &message, vec![self.stack(Role::At, stack)]);
        }
        let left: Vec<_> = self.locks.callbacks.borrow().registrations().copied().collect();
        for registration in left {
            let message = format!("the callback routine at {} is still registered", registration.routine);
            self.report_afterwards(Rule::CallbackLeft, &message, Vec::new());
            self.locks.callbacks.borrow_mut().finish_unregister(registration.handle);
        }
    }

    /// Looks for locks in a block that is freed, tells of those that are still needed and forgets them all.
    pub(crate) fn locks_in_freed(&self, call: &Call<'_>, block: &Block) {
        let (base, size) = (block.address, block.size);
        let locks = &self.locks;
        locks.order.borrow_mut().forget_range(base, size);
        let held = [
            ("spin lock", self.spin_locks.forget_range(base, size)),
            ("reader-writer spin lock", locks.reader_writer.borrow_mut().forget_range(base, size)),
            ("fast or guarded mutex", locks.mutexes.borrow_mut().forget_range(base, size)),
            ("push lock", locks.push_locks.borrow_mut().forget_range(base, size)),
            ("rundown protection", locks.rundowns.borrow_mut().forget_range(base, size)),
            ("remove lock", locks.remove_locks.borrow_mut().forget_range(base, size)),
        ];
        for (what, addresses) in held {
            for address in addresses {
                let message =
                    format!("a block of {size} was freed that holds the {what} at {address}, which is held");
                self.tell_of_freed(call, Rule::LockInFreedPool, message, block, Vec::new());
            }
        }
        let resources = locks.resources.borrow_mut().forget_range(base, size);
        for address in resources {
            let made = locks.resources_made.borrow_mut().remove(&address);
            let stacks = made.map(|stack| self.stack(Role::Allocated, stack)).into_iter().collect();
            let message = format!(
                "a block of {size} was freed that holds the resource at {address}, which was not deleted"
            );
            self.tell_of_freed(call, Rule::ResourceInFreedPool, message, block, stacks);
        }
    }

    fn tell_of_freed(&self, call: &Call<'_>, rule: Rule, message: String, block: &Block, stacks: Vec<Stack>) {
        let draft = Draft::new(rule, None, message).about(Some(block)).explained_by(stacks);
        self.tell_once(call, draft, Role::At);
    }
}
