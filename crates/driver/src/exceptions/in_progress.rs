//! What the searches and unwinds of a fiber are about, while driver code runs for them.
//!
//! # Invariants
//! Calls are entered and left in order, since each is left when the machine's frame that entered it returns; no two are
//! of the same level.

use super::FullContext;
use ntpool_types::VirtualAddress;
use std::cell::RefCell;

/// A call of the machine's to a handler.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The level of the handler's segment.
    pub(super) level: usize,
    pub(super) purpose: Purpose,
}

/// Why a handler was called.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// To ask whether it wants an exception.
    Search {
        /// The frame it was asked for.
        establisher: u64,
    },
    /// To tell it that its frame goes away.
    Unwind {
        /// The registers of that frame.
        context: Box<FullContext>,
        /// The level of that frame's segment.
        level: usize,
        /// What the handler was shown, where it notes how far it has come.
        dispatcher: VirtualAddress,
    },
}

/// The calls to handlers on one fiber that have not returned yet.
#[derive(Debug, Default)]
pub(crate) struct InProgress {
    calls: RefCell<Vec<Call>>,
}

impl InProgress {
    /// Notes a call until the guard is dropped.
    pub(super) fn enter(&self, call: Call) -> Entered<'_> {
        self.calls.borrow_mut().push(call);
        Entered { calls: &self.calls }
    }

    /// Why the segment of this level was called, if a handler's call made it.
    pub(super) fn purpose_of(&self, level: usize) -> Option<Purpose> {
        self.calls.borrow().iter().rfind(|call| call.level == level).map(|call| call.purpose.clone())
    }
}

/// A call that has not returned yet.
pub(super) struct Entered<'a> {
    calls: &'a RefCell<Vec<Call>>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.calls.borrow_mut().pop();
    }
}
