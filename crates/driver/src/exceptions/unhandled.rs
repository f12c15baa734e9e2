//! Exceptions that nobody handles, and the stops that Windows makes of them.

use super::FullContext;
use ntpool_abi::ExceptionRecord;
use ntpool_types::{BugCheck, BugCheckCode, NtStatus, VirtualAddress};
use ntpool_verifier::unhandled_exception;

/// An exception that nobody handles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhandled {
    /// What happened.
    pub record: ExceptionRecord,
    /// Where its record lies in the driver's memory.
    pub record_at: VirtualAddress,
    /// Where the record of the registers lies.
    pub context_at: VirtualAddress,
    /// The registers where it happened; for an unwind that went astray those of the frame it had come to.
    pub context: FullContext,
    /// Why nobody handles it.
    pub reason: Reason,
}

/// Why nobody handles an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Everybody was asked, and nobody wanted it.
    Nobody,
    /// It happened at DISPATCH_LEVEL or above, where nobody is asked (MACH-013).
    Level,
    /// The search met a frame that is not on the stack (MACH-034: stop 0x1AA).
    InvalidStack {
        /// The stack pointer in that frame.
        stack_pointer: u64,
    },
    /// An unwind met a frame that is not on the stack, or did not meet its target (MACH-034: stop 0x1AB).
    InvalidUnwind {
        /// The stack pointer where it ended.
        stack_pointer: u64,
    },
}

/// What kind of code an exception happened in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    /// A system thread: DriverEntry, unload, work items, threads that drivers make (MACH-030).
    SystemThread,
    /// A dispatch routine, called for a request of a program's (MACH-030).
    Request,
    /// A deferred procedure call or an interrupt.
    Interrupt,
}

impl Unhandled {
    /// The stop for it when it happened in this kind of code.
    pub(crate) fn stop(&self, place: Where) -> BugCheck {
        unhandled_stop(place, &self.record, self.record_at, self.context_at)
    }
}

/// The stop for an exception that nobody handled; with NULL for where its record and the registers lie when nobody was to
/// be shown them.
///
/// MACH-026 MACH-027 MACH-028 (which one, and its parameters), MACH-029 (the code is widened as a signed number, except
/// in 0x3B).
pub(crate) fn unhandled_stop(
    place: Where,
    record: &ExceptionRecord,
    record_at: VirtualAddress,
    context_at: VirtualAddress,
) -> BugCheck {
    let (code, address) = (NtStatus(record.code), VirtualAddress(record.address));
    let mut stop = unhandled_exception(code, address);
    match place {
        Where::SystemThread => stop.parameters[2..].copy_from_slice(&[record_at.0, context_at.0]),
        Where::Interrupt => {
            stop.code = BugCheckCode::KMODE_EXCEPTION_NOT_HANDLED;
            stop.parameters[2..].copy_from_slice(&record.parameters[..2]);
        }
        Where::Request => {
            stop.code = BugCheckCode::SYSTEM_SERVICE_EXCEPTION;
            stop.parameters = [u64::from(code.0), address.0, context_at.0, 0];
        }
    }
    stop
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntpool_abi::zerocopy::FromZeros;

    const CODE: u32 = 0xC000_0005;

    fn unhandled() -> Unhandled {
        let mut record = ExceptionRecord::new_zeroed();
        (record.code, record.address, record.parameter_count) = (CODE, 0x1111, 2);
        record.parameters[..2].copy_from_slice(&[1, 0x18]);
        Unhandled {
            record,
            record_at: VirtualAddress(0x2222),
            context_at: VirtualAddress(0x3333),
            context: FullContext::new(ntpool_image::Context::default()),
            reason: Reason::Nobody,
        }
    }

    fn stop(place: Where) -> (u32, [u64; 4]) {
        let stop = unhandled().stop(place);
        (stop.code.0, stop.parameters)
    }

    // MACH-027 MACH-029
    #[test]
    fn mach_026_in_a_system_thread_the_stop_names_record_and_context() {
        assert_eq!(stop(Where::SystemThread), (0x7E, [0xFFFF_FFFF_C000_0005, 0x1111, 0x2222, 0x3333]));
    }

    // MACH-027 MACH-029
    #[test]
    fn mach_026_in_a_request_the_stop_names_the_context_and_the_code_as_it_is() {
        assert_eq!(stop(Where::Request), (0x3B, [0xC000_0005, 0x1111, 0x3333, 0]));
    }

    // MACH-026 MACH-029
    #[test]
    fn mach_028_in_a_deferred_call_the_stop_names_the_exceptions_first_two_parameters() {
        assert_eq!(stop(Where::Interrupt), (0x1E, [0xFFFF_FFFF_C000_0005, 0x1111, 1, 0x18]));
    }
}
