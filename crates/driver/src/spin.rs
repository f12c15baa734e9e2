//! Spin locks: how a processor takes one, in which order it takes several, and how it lets them go.
//!
//! A lock on a stack is another one each time that its function is called, and code that a header puts into the driver
//! may initialize it; so of such locks it is not remembered how, and in which order, they were used.
//!
//! The lock's word is 0 when it is free, 1 when it is held, and the address of the holder's handle when it is held by way
//! of one.

use crate::call::Call;
use crate::findings::Draft;
use crate::memory;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_finding::Role;
use ntpool_machine::dispatcher::{SpinHolder, SpinReason};
use ntpool_machine::{Inversion, SpinUse};
use ntpool_types::{Irql, Rule, VirtualAddress};
use ntpool_verifier::StackId;

impl Session {
    /// Makes the memory a new lock.
    ///
    /// # Errors
    /// The fault, when it can't be written.
    pub(crate) fn initialize_spin_lock(&self, lock: VirtualAddress) -> Result<(), Stop> {
        self.spin_locks.initialize(lock);
        self.locks.order.borrow_mut().forget(lock);
        Ok(memory::write(lock, 0_u64)?)
    }

    /// Takes a spin lock for the running processor, by way of a handle if there is one, and spins as long as another
    /// processor has it.
    ///
    /// # Errors
    /// A crime when the processor has it already, misuse when its memory is no lock, [`Stop::Ended`].
    pub(crate) fn acquire_spin_lock(
        &self,
        call: &Call<'_>,
        lock: VirtualAddress,
        handle: Option<VirtualAddress>,
    ) -> Result<(), Stop> {
        self.check_spin_lock(call, lock, handle)?;
        self.check_spin_level(call, lock);
        self.note_lock_order(call, lock);
        let began = self.now();
        loop {
            let holder = self.spin_locks.holder(lock);
            if holder.is_some_and(|holder| self.is_here(holder)) {
                break;
            }
            let (is_next, reason) = match handle {
                None => (holder.is_none(), SpinReason::SpinLock),
                Some(_) => {
                    (self.spin_locks.stand_in_line(lock, self.spinning_as()), SpinReason::QueuedSpinLock)
                }
            };
            if is_next {
                break;
            }
            self.dispatcher().spin_on(lock, reason, holder);
            self.block_since(began)?;
        }
        self.take_spin_lock(lock, handle)
    }

    /// Whether the running processor, or the thread that it runs, has what this one has.
    pub(crate) fn is_here(&self, holder: SpinHolder) -> bool {
        match holder {
            SpinHolder::Processor(processor) => processor == self.processor_number(),
            SpinHolder::Thread(thread) => thread == self.thread(),
        }
    }

    /// Who takes a spin lock now.
    fn spinning_as(&self) -> SpinHolder {
        match self.irql() >= Irql::DISPATCH {
            true => self.processor_number().into(),
            false => SpinHolder::Thread(self.thread()),
        }
    }

    /// The spin locks that the running processor and the thread that it runs have, the first taken first of each.
    pub(crate) fn spin_locks_here(&self) -> Vec<VirtualAddress> {
        let mut held = self.spin_locks.held_by(SpinHolder::Thread(self.thread()));
        held.extend(self.spin_locks.held_by(self.processor_number().into()));
        held
    }

    /// Takes a spin lock if it is free; whether it was.
    ///
    /// # Errors
    /// As for [`acquire_spin_lock`](Session::acquire_spin_lock), but that a processor that has it just does not get it.
    pub(crate) fn try_spin_lock(&self, call: &Call<'_>, lock: VirtualAddress) -> Result<bool, Stop> {
        self.check_spin_lock(call, lock, None)?;
        let is_free = self.spin_locks.holder(lock).is_none();
        if is_free {
            self.check_spin_level(call, lock);
            self.take_spin_lock(lock, None)?;
        }
        Ok(is_free)
    }

    fn check_spin_lock(
        &self,
        call: &Call<'_>,
        lock: VirtualAddress,
        handle: Option<VirtualAddress>,
    ) -> Result<(), Stop> {
        let word: u64 = memory::read(lock)?;
        if word != 0 && self.spin_locks.holder(lock).is_none() {
            return Err(Stop::Misuse {
                rule: Rule::SpinLockBadWord,
                message: format!("the spin lock at {lock} holds {word:#x} and nobody has acquired it"),
            });
        }
        if self.strands.stack_holding(lock).is_some() {
            return Ok(());
        }
        let used = if handle.is_some() { SpinUse::Queued } else { SpinUse::Ordinary };
        if self.spin_locks.note_use(lock, used) {
            let (now, before) = match used {
                SpinUse::Ordinary => ("an ordinary", "a queued"),
                SpinUse::Queued => ("a queued", "an ordinary"),
            };
            let message =
                format!("the spin lock at {lock} was acquired as {now} one and before as {before} one");
            self.report_rule(call, Rule::SpinLockMixed, &message);
        }
        Ok(())
    }

    fn check_spin_level(&self, call: &Call<'_>, lock: VirtualAddress) {
        let irql = self.irql();
        if irql < Irql::DISPATCH {
            let message = format!(
                "the spin lock at {lock} was acquired at {irql} by a routine that must be called at DISPATCH_LEVEL"
            );
            self.report_rule(call, Rule::IrqlTooLow, &message);
        }
    }

    fn take_spin_lock(&self, lock: VirtualAddress, handle: Option<VirtualAddress>) -> Result<(), Stop> {
        let acquired = match self.irql() >= Irql::DISPATCH {
            true => self.acquire_protected(lock),
            false => self.spin_locks.acquire_unprotected(lock, self.thread()),
        };
        acquired.map_err(|violation| Stop::Crime {
            violation,
            message: format!("the spin lock at {lock} was acquired by the processor that holds it"),
        })?;
        Ok(memory::write(lock, handle.map_or(1, |handle| handle.0))?)
    }

    /// Lets a spin lock go that the running processor has.
    ///
    /// # Errors
    /// A crime when it does not have it.
    pub(crate) fn release_spin_lock(&self, call: &Call<'_>, lock: VirtualAddress) -> Result<(), Stop> {
        let irql = self.irql();
        let me = self.processor_number();
        let released = self.spin_locks.release(lock, me, self.thread());
        let protected = released.map_err(|violation| Stop::Crime {
            violation,
            message: match self.spin_locks.holder(lock) {
                Some(SpinHolder::Processor(holder)) => format!(
                    "the spin lock at {lock} was released by processor {}, and processor {} holds it",
                    me.0, holder.0
                ),
                Some(SpinHolder::Thread(holder)) => format!(
                    "the spin lock at {lock} was released by another thread than has it: {} acquired it below \
                     DISPATCH_LEVEL",
                    self.describe_thread(holder)
                ),
                None => format!("the spin lock at {lock} was released and nobody held it"),
            },
        })?;
        // A lock that was acquired too low has been told of already.
        if irql < Irql::DISPATCH && protected {
            let message =
                format!("the spin lock at {lock} was released at {irql}, below the level it is held at");
            self.report_rule(call, Rule::IrqlTooLow, &message);
        }
        memory::write(lock, 0_u64)?;
        self.dispatcher().spin_released(lock);
        Ok(())
    }

    /// Takes note of the spin locks that are held while another one is taken, and tells of an order that was the other way
    /// round before.
    fn note_lock_order(&self, call: &Call<'_>, taken: VirtualAddress) {
        let mut held = self.spin_locks_here();
        held.retain(|&lock| self.strands.stack_holding(lock).is_none());
        if held.is_empty() || self.strands.stack_holding(taken).is_some() {
            return;
        }
        let place = self.intern(&self.trace(call.registers()));
        for held in held {
            let inversion = self.locks.order.borrow_mut().note(held, taken, place);
            if let Some(inversion) = inversion {
                self.report_inversion(call, &inversion);
            }
        }
    }

    fn report_inversion(&self, call: &Call<'_>, inversion: &Inversion<StackId>) {
        let Inversion { held, taken, before } = inversion;
        let mut message = format!("the spin lock at {taken} was acquired while {held} was held; before,");
        let mut outer = taken;
        for (place, (inner, _)) in before.iter().enumerate() {
            let and = if place == 0 { "" } else { ", and" };
            message += &format!("{and} {inner} was acquired while {outer} was held");
            outer = inner;
        }
        let stacks = before.iter().map(|&(_, place)| self.stack(Role::At, place)).collect();
        let draft = Draft::new(Rule::LockOrder, None, message).explained_by(stacks);
        self.tell_once(call, draft, Role::Again);
    }
}
