//! Exceptions that driver code raises by calling the machine.

use super::trap::{exception_of_fault, exception_of_trap, record};
use super::{Dispatched, Engine, FullContext};
use crate::stop::Stop;
use ntpool_abi::{EXCEPTION_NONCONTINUABLE, ExceptionRecord};
use ntpool_machine::Trap;
use ntpool_types::{Irql, NtStatus, VirtualAddress};

impl Engine<'_> {
    /// Raises an exception with a status for its code, after which the routine that raised it can't go on; gives what
    /// the routine of the machine has to return with. `caller` are the registers of its call.
    ///
    /// IRQL: up to APC_LEVEL (MACH-024).
    pub(crate) fn raise_status(&self, status: NtStatus, caller: &FullContext) -> Stop {
        self.raise_with(status, &[], caller)
    }

    /// Raises an exception with parameters.
    pub(super) fn raise_with(&self, status: NtStatus, parameters: &[u64], caller: &FullContext) -> Stop {
        let mut record = record(status, VirtualAddress(caller.instruction()), parameters);
        record.flags = EXCEPTION_NONCONTINUABLE;
        self.settle(self.dispatch(&record, caller, 0), 0)
    }

    /// Makes an exception of the reason for which a routine of the machine does not return, where it is one: a raised
    /// status, or a bad address that handlers hear of. Other reasons stay what they are.
    pub(crate) fn deliver(&self, stop: Stop, caller: &FullContext) -> Stop {
        match stop {
            Stop::Raise(status) => self.raise_status(status, caller),
            Stop::Fault(fault) => {
                let instruction = VirtualAddress(caller.instruction());
                let irql = self.surroundings.irql();
                match exception_of_fault(&fault, irql, instruction) {
                    // Where nobody is asked the fault says more than its exception.
                    Some(record) if irql < Irql::DISPATCH => {
                        self.settle(self.dispatch(&record, caller, 0), 0)
                    }
                    _ => stop,
                }
            }
            _ => stop,
        }
    }

    /// Dispatches a trap in driver code; `None` for one that is a stop of its own.
    pub(crate) fn dispatch_trap(&self, trap: &Trap, context: &FullContext) -> Option<Dispatched> {
        let record = exception_of_trap(trap, self.surroundings.irql())?;
        Some(self.dispatch(&record, context, 0))
    }

    /// Raises the exception of a record of the driver's, which learns the address it was raised at.
    pub(crate) fn raise_record(&self, at: VirtualAddress, caller: &FullContext) -> Stop {
        match self.write_field(at, ExceptionRecord::ADDRESS, caller.instruction()) {
            Ok(()) => self.settle(self.dispatch_record(at, caller, 0), 0),
            Err(fault) => Stop::Fault(fault),
        }
    }
}
