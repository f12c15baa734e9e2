//! Traps as exceptions: what handlers are shown of them, and which ones they are asked about at all.
//!
//! Page faults are judged by the verifier's model, which lets user-range addresses through below DISPATCH_LEVEL and
//! non-canonical ones always (MACH-004 MACH-005 MACH-007 MACH-012 MACH-013 MACH-015). Fast fails call no handler
//! (MACH-039). A trap at DISPATCH_LEVEL is the same exception as below, for the stop to tell, but no handler is asked.

use ntpool_abi::ExceptionRecord;
use ntpool_abi::zerocopy::FromZeros;
use ntpool_machine::{Access, Fault, Trap, TrapKind};
use ntpool_types::{Irql, NtStatus, VirtualAddress};
use ntpool_verifier::exception_of;

/// Several faults of the vector unit, for which the processor has one trap.
const FLOAT_MULTIPLE_FAULTS: NtStatus = NtStatus(0xC000_02B4);

/// Vectors of software interrupts that are exceptions.
const ASSERTION: u8 = 0x2C;
const DEBUG_SERVICE: u8 = 0x2D;

/// Processor traps that have no kind of their own.
const DEBUG: u64 = 1;
const FLOATING_POINT: u64 = 0x10;
const VECTOR_FLOATING_POINT: u64 = 0x13;

/// The exception that a trap in driver code becomes, or `None` for one that is a stop of its own.
pub(crate) fn exception_of_trap(trap: &Trap, irql: Irql) -> Option<ExceptionRecord> {
    let instruction = VirtualAddress(trap.registers.instruction);
    let (code, parameters): (NtStatus, &[u64]) = match trap.kind {
        TrapKind::Page(fault) => return page_fault(&fault, irql, instruction, true),
        TrapKind::Divide => (NtStatus::INTEGER_DIVIDE_BY_ZERO, &[]),
        TrapKind::DivideOverflow => (NtStatus::INTEGER_OVERFLOW, &[]),
        TrapKind::IllegalInstruction => (NtStatus::ILLEGAL_INSTRUCTION, &[]),
        TrapKind::PrivilegedInstruction => (NtStatus::PRIVILEGED_INSTRUCTION, &[]),
        // The processor raises the same trap for it as for an address that is none.
        TrapKind::Misaligned(_) => (NtStatus::ACCESS_VIOLATION, &[0, u64::MAX]),
        // The first parameter says that it is a breakpoint, not a request to a debugger.
        TrapKind::Breakpoint | TrapKind::SoftwareInterrupt(DEBUG_SERVICE) => (NtStatus::BREAKPOINT, &[0]),
        TrapKind::SoftwareInterrupt(ASSERTION) => (NtStatus::ASSERTION_FAILURE, &[]),
        TrapKind::Other(DEBUG) => (NtStatus::SINGLE_STEP, &[]),
        TrapKind::Other(FLOATING_POINT | VECTOR_FLOATING_POINT) => (FLOAT_MULTIPLE_FAULTS, &[0]),
        TrapKind::SoftwareInterrupt(_) | TrapKind::SystemCall(_) | TrapKind::Other(_) => return None,
    };
    Some(record(code, instruction, parameters))
}

/// The exception that a bad address becomes which a routine of the machine met on the driver's behalf, when that
/// routine was called from this instruction; `None` for one that is a stop of its own.
pub(crate) fn exception_of_fault(
    fault: &Fault,
    irql: Irql,
    instruction: VirtualAddress,
) -> Option<ExceptionRecord> {
    page_fault(fault, irql, instruction, false)
}

fn page_fault(
    fault: &Fault,
    irql: Irql,
    instruction: VirtualAddress,
    in_driver: bool,
) -> Option<ExceptionRecord> {
    let Fault { address, access, non_canonical } = *fault;
    let judged =
        ntpool_verifier::Fault { address, access, irql, instruction, in_driver, non_canonical, entry: None };
    let exception = exception_of(&judged)?;
    Some(record(exception.code, instruction, &exception.parameters))
}

/// A record of an exception after which execution may go on.
pub(crate) fn record(code: NtStatus, address: VirtualAddress, parameters: &[u64]) -> ExceptionRecord {
    let mut record = ExceptionRecord::new_zeroed();
    (record.code, record.address) = (code.0, address.0);
    record.parameter_count = parameters.len() as u32;
    record.parameters[..parameters.len()].copy_from_slice(parameters);
    record
}

/// The parameters of an access violation at this address.
pub(super) fn violation_parameters(access: Access, address: VirtualAddress) -> [u64; 2] {
    [access.number(), address.0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntpool_machine::Registers;

    fn trap(kind: TrapKind) -> Trap {
        Trap { kind, registers: Registers { instruction: 0x1111, ..Registers::default() } }
    }

    fn fault(address: u64, access: Access, non_canonical: bool) -> TrapKind {
        TrapKind::Page(Fault { address: VirtualAddress(address), access, non_canonical })
    }

    /// The code and the parameters of what a trap becomes.
    fn told(kind: TrapKind, irql: Irql) -> Option<(u32, Vec<u64>)> {
        let record = exception_of_trap(&trap(kind), irql)?;
        assert_eq!((record.address, record.flags), (0x1111, 0));
        Some((record.code, record.parameters[..record.parameter_count as usize].to_vec()))
    }

    /// A part of MACH-002 and MACH-003: the traps that this machine has.
    #[test]
    fn traps_become_exceptions_with_their_codes() {
        let expected = [
            (TrapKind::DivideOverflow, 0xC000_0095),
            (TrapKind::IllegalInstruction, 0xC000_001D),
            (TrapKind::PrivilegedInstruction, 0xC000_0096),
            (TrapKind::Breakpoint, 0x8000_0003),
            (TrapKind::SoftwareInterrupt(0x2C), 0xC000_0420),
            (TrapKind::SoftwareInterrupt(0x2D), 0x8000_0003),
            (TrapKind::Other(1), 0x8000_0004),
            (TrapKind::Other(0x13), 0xC000_02B4),
        ];
        for (kind, code) in expected {
            assert_eq!(told(kind, Irql::APC).map(|told| told.0), Some(code), "{kind:?}");
        }
    }

    #[test]
    fn mach_033_a_division_by_zero_is_an_exception_first() {
        assert_eq!(told(TrapKind::Divide, Irql::PASSIVE), Some((0xC000_0094, vec![])));
    }

    #[test]
    fn mach_004_a_fault_on_a_user_address_is_an_access_violation_with_its_address() {
        let user = fault(0x1_0018, Access::Write, false);
        assert_eq!(told(user, Irql::PASSIVE), Some((0xC000_0005, vec![1, 0x1_0018])));
    }

    #[test]
    fn mach_005_a_null_access_is_an_access_violation() {
        let null = fault(0x18, Access::Read, false);
        assert_eq!(told(null, Irql::APC), Some((0xC000_0005, vec![0, 0x18])));
    }

    #[test]
    fn mach_015_an_address_that_is_none_reads_as_all_ones() {
        let none = fault(0xDEAD_BEEF_0000_0000, Access::Write, true);
        assert_eq!(told(none, Irql::PASSIVE), Some((0xC000_0005, vec![0, u64::MAX])));
    }

    // MACH-007
    #[test]
    fn mach_012_no_handler_hears_of_a_fault_on_a_system_address() {
        let system = fault(0x2000_0000_1000, Access::Write, false);
        assert_eq!(told(system, Irql::PASSIVE), None);
    }

    #[test]
    fn a_trap_at_dispatch_level_is_the_exception_that_it_is_below_but_for_page_faults() {
        for kind in
            [fault(0xDEAD_BEEF_0000_0000, Access::Write, true), TrapKind::Divide, TrapKind::Breakpoint]
        {
            assert_eq!(told(kind, Irql::DISPATCH), told(kind, Irql::PASSIVE), "{kind:?}");
            assert!(told(kind, Irql::DISPATCH).is_some(), "{kind:?}");
        }
        assert_eq!(told(fault(0x18, Access::Read, false), Irql::DISPATCH), None);
    }

    #[test]
    fn fast_fails_and_system_calls_are_no_exceptions() {
        for kind in [TrapKind::SoftwareInterrupt(0x29), TrapKind::SystemCall(1), TrapKind::Other(0xD)] {
            assert_eq!(told(kind, Irql::PASSIVE), None, "{kind:?}");
        }
    }

    #[test]
    fn a_bad_user_address_given_to_a_routine_of_the_machine_is_an_exception_of_the_call() {
        let fault = Fault { address: VirtualAddress(8), access: Access::Read, non_canonical: false };
        let record = exception_of_fault(&fault, Irql::PASSIVE, VirtualAddress(0x2222)).expect("it is one");
        assert_eq!((record.code, record.address, record.parameters[1]), (0xC000_0005, 0x2222, 8));
        assert_eq!(exception_of_fault(&fault, Irql::DISPATCH, VirtualAddress(0x2222)), None);
    }
}
