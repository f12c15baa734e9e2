//! Why a routine of the machine does not return to the driver.

use crate::exceptions::{Unhandled, Unwinding};
use ntpool_finding::LimitKind;
use ntpool_machine::{Exit, Fault};
use ntpool_types::{BugCheck, NtStatus, Rule, Violation};

/// Why a routine of the machine does not return to the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The driver committed a crime that cannot be outlived.
    Crime {
        /// The crime.
        violation: Violation,
        /// What happened, in a sentence that names the values.
        message: String,
    },
    /// The driver broke a rule for which Windows has no stop of its own, and cannot go on.
    Misuse {
        /// The rule.
        rule: Rule,
        /// What happened, in a sentence that names the values.
        message: String,
    },
    /// The routine met a bad address on the driver's behalf.
    Fault(Fault),
    /// The driver asked for a bug check.
    BugCheck(BugCheck),
    /// The routine raised an exception.
    Raise(NtStatus),
    /// Driver code goes on elsewhere than after the call: every routine of the machine on the way returns this, and the
    /// gate of the segment goes on.
    Unwind(Box<Unwinding>),
    /// An exception was dispatched and nobody handled it.
    Unhandled(Box<Unhandled>),
    /// A routine of the driver's that was called back did not return, for this reason.
    CallBack(Box<Exit>),
    /// The thread that called ends, with this status.
    ThreadEnds(NtStatus),
    /// The run has ended, and why has been told.
    Ended,
    /// The machine cannot go on, which is not the driver's fault.
    Limit {
        /// What kind of limit.
        kind: LimitKind,
        /// The reason and the way out.
        message: String,
    },
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

/// What a routine gives the driver back in its result register, or why it does not return.
pub type Answer = Result<u64, Stop>;
