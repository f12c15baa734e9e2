//! How a lock that threads wait for answers.

use crate::dispatcher::ThreadId;

/// What became of a request for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The thread has it.
    Now,
    /// The thread stands in line, and has the lock when whoever lets it go says so.
    Later {
        /// A thread that has it, for reports.
        owner: Option<ThreadId>,
    },
}

/// The thread has the lock already, and would wait for itself for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recursive;

/// A lock is let go by somebody who does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHeld {
    /// A thread that has it.
    pub owner: Option<ThreadId>,
}
