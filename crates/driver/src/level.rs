//! What follows from a change of the IRQL: at DISPATCH_LEVEL and above driver code must not touch paged pool (POOL-047).
//!
//! When the level is raised paged pool is closed, so that a touch faults. Below DISPATCH_LEVEL that only opens the place
//! again. At or above it the touch is told and then goes on: the memory is there, and so Windows goes on as long as the
//! page is in. A touch of a block that was given at too high a level is not told: that it was given has been.

use crate::call::Call;
use crate::session::Session;
use ntpool_finding::Role;
use ntpool_host::HostError;
use ntpool_host::layout::PAGED_POOL;
use ntpool_machine::{Access, Fault, Registers};
use ntpool_pool::Place;
use ntpool_types::{Irql, VirtualAddress};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

/// What is known of paged pool at raised levels.
#[derive(Debug, Default)]
pub(crate) struct PagedTouches {
    /// A touch by a routine of the machine, to be told when the routine is done.
    pending: Cell<Option<Fault>>,
    /// Whether the machine is at work on paged pool by itself.
    machine_at_work: Cell<bool>,
    /// The live paged blocks that were given at too high a level.
    given_too_high: RefCell<BTreeSet<VirtualAddress>>,
}

/// The machine works on paged pool by itself, until this is dropped.
pub(crate) struct MachineAtWork<'a> {
    session: &'a Session,
    before: bool,
}

impl Session {
    /// Closes paged pool when the level is raised. Called after every change of the level.
    pub(crate) fn level_changed(&self) {
        // Where processors run at the same time, one's level says nothing of what the others may touch.
        if self.is_free() {
            return;
        }
        if self.irql() >= Irql::DISPATCH {
            self.insist(self.physical.close_paged_pool());
        }
    }

    /// Opens all of paged pool, since no driver code runs.
    pub(crate) fn open_paged_pool(&self) {
        self.insist(self.physical.open_paged_pool());
    }

    /// What was done, or the end: which page may be touched is not known when Linux would not change it.
    fn insist<T>(&self, done: Result<T, HostError>) -> T {
        done.unwrap_or_else(|error| self.reporter.give_up(&error))
    }

    /// Lets the machine reach paged pool whatever the level: it is told of too high a level before it serves the call.
    pub(crate) fn reach_paged_pool(&self) -> MachineAtWork<'_> {
        MachineAtWork { session: self, before: self.paged_touches.machine_at_work.replace(true) }
    }

    /// Takes note of a paged block that was given or freed.
    pub(crate) fn note_given(&self, block: VirtualAddress, given: bool) {
        let mut too_high = self.paged_touches.given_too_high.borrow_mut();
        if given && self.irql() >= Irql::DISPATCH {
            too_high.insert(block);
        } else {
            too_high.remove(&block);
        }
    }

    /// Opens paged pool for a touch that may go on, and tells of one that must not be; whether the fault was that.
    pub(crate) fn serve_paged_touch(&self, fault: &Fault, registers: Option<&Registers>) -> bool {
        if !PAGED_POOL.contains(fault.address) || fault.access == Access::Execute {
            return false;
        }
        let is_raised = self.irql() >= Irql::DISPATCH && !self.paged_touches.machine_at_work.get();
        if is_raised && !matches!(self.pool.find(fault.address), Place::Live(_)) {
            return false;
        }
        if !self.insist(self.physical.open_paged_pool_at(fault.address)) {
            return false;
        }
        match registers {
            _ if !is_raised => {}
            Some(registers) => self.tell_paged_touch(fault, true, registers),
            None => self.paged_touches.pending.set(Some(*fault)),
        }
        true
    }

    /// Tells of a touch by a routine of the machine that is done now, unless the call's level was told.
    pub(crate) fn finish_paged_touch(&self, call: &Call<'_>, level_was_told: bool) {
        if let Some(fault) = self.paged_touches.pending.take()
            && !level_was_told
        {
            self.tell_paged_touch(&fault, false, call.registers());
        }
    }

    fn tell_paged_touch(&self, fault: &Fault, in_driver: bool, registers: &Registers) {
        let Place::Live(block) = self.pool.find(fault.address) else { return };
        if self.paged_touches.given_too_high.borrow().contains(&block.address) {
            return;
        }
        let draft = self.explain_fault(fault, in_driver, registers);
        let draft = draft.about(Some(&block)).explained_by(self.allocated_at(block.address));
        let call = Call::new(registers);
        if in_driver {
            self.tell_trapped_once(&call, draft);
        } else {
            self.tell_once(&call, draft, Role::At);
        }
    }
}

impl Drop for MachineAtWork<'_> {
    fn drop(&mut self) {
        self.session.paged_touches.machine_at_work.set(self.before);
        // What the machine opened for itself is not open to the driver.
        self.session.level_changed();
    }
}
