//! How driver code ended when it did not return: from a trap or a stop to a finding.

use crate::exceptions::{
    Reason, Unhandled, Where, exception_of_fault, exception_of_trap, record, unhandled_stop,
};
use crate::findings::Draft;
use crate::session::Session;
use crate::stop::Stop;
use crate::trap_words::{fast_fail_meaning, trap_meaning};
use ntpool_abi::{ExceptionRecord, KERNEL_STACK_SIZE};
use ntpool_finding::{Limit, Message, Phase, Stack};
use ntpool_host::layout;
use ntpool_machine::{Access, Exit, Fault, Registers, Trap, TrapKind, register};
use ntpool_pool::Place;
use ntpool_types::{BugCheck, BugCheckCode, Bytes, Irql, NtStatus, Rule, VirtualAddress};
use ntpool_verifier::{
    AddressMap, Allocation, Block, Explanation, FreedAllocation, Occupant, explain, unhandled_exception,
};

impl Session {
    /// What the routine returned, or `None` after reporting why it did not.
    pub(crate) fn outcome_of(&self, exit: Exit) -> Option<u64> {
        match exit {
            Exit::Returned(value) => return Some(value),
            Exit::Stopped => match self.take_stop() {
                Stop::Ended => {}
                stop => unreachable!("{stop:?} ends no routine that the system called"),
            },
            // Another processor has told why already.
            _ if self.ended.get() => {}
            Exit::Trapped(trap) => self.report_trap(&trap, None),
            Exit::Interrupted(registers) => self.report_endless_loop(self.trapped_stack(&registers)),
            Exit::InterruptedInCall(registers) => self.report_endless_loop(self.calling_stack(&registers)),
        }
        None
    }

    pub(crate) fn report_stop(&self, stop: Stop, registers: &Registers) {
        let stack = || vec![self.calling_stack(registers)];
        let draft = match stop {
            Stop::Crime { violation, message } => {
                Draft::new(violation.rule, Some(violation.bug_check), message)
            }
            Stop::Misuse { rule, message } => Draft::new(rule, None, message),
            Stop::Fault(fault) => {
                let draft = self.explain_fault(&fault, false, registers);
                let at = VirtualAddress(registers.instruction);
                self.placed(draft, exception_of_fault(&fault, self.irql(), at))
            }
            Stop::CallBack(exit) => {
                let _ = self.outcome_of(*exit);
                return;
            }
            Stop::Ended => return,
            Stop::ThreadEnds(_) => unreachable!("a thread that ends is no crime"),
            Stop::Unwind(unwinding) => unreachable!("{unwinding:?} ends in the gate of its segment"),
            Stop::Unhandled(unhandled) => self.draft_unhandled(&unhandled),
            Stop::BugCheck(bug_check) => draft_bug_check(bug_check),
            Stop::Raise(status) => {
                let raised = record(status, VirtualAddress(registers.instruction), &[]);
                let message = format!("{status} was raised and nobody handled it");
                self.placed(Draft::new(Rule::DriverRaise, None, message), Some(raised))
            }
            Stop::Limit { kind, message } => {
                self.reporter.send(&Message::Limit(Limit { kind, message, stacks: stack() }));
                return;
            }
        };
        self.tell(draft.explained_by(stack()));
    }

    /// Reports a trap that nobody served; with the exception that was made of it, if one was.
    pub(crate) fn report_trap(&self, trap: &Trap, unhandled: Option<&Unhandled>) {
        let registers = &trap.registers;
        let at = VirtualAddress(registers.instruction);
        let exception =
            |rule, status, message: String| Draft::new(rule, Some(unhandled_exception(status, at)), message);
        let draft = match trap.kind {
            TrapKind::Page(fault) => self.explain_fault(&fault, true, registers),
            TrapKind::Misaligned(operand) => exception(
                Rule::MemoryMisaligned,
                NtStatus::ACCESS_VIOLATION,
                format!("the operand at {operand} is not aligned as the instruction at {at} demands"),
            ),
            TrapKind::Divide => exception(
                Rule::CpuDivideByZero,
                NtStatus::INTEGER_DIVIDE_BY_ZERO,
                "a division by zero was not handled".into(),
            ),
            TrapKind::DivideOverflow => exception(
                Rule::CpuDivideByZero,
                NtStatus::INTEGER_OVERFLOW,
                "a division whose result does not fit was not handled".into(),
            ),
            TrapKind::IllegalInstruction => exception(
                Rule::CpuIllegalInstruction,
                NtStatus::ILLEGAL_INSTRUCTION,
                format!("the bytes at {at} are no instruction"),
            ),
            TrapKind::PrivilegedInstruction => exception(
                Rule::CpuPrivilegedInstruction,
                NtStatus::PRIVILEGED_INSTRUCTION,
                format!("the instruction at {at} needs hardware that this machine does not have"),
            ),
            TrapKind::Breakpoint | TrapKind::SoftwareInterrupt(DEBUG_SERVICE) => exception(
                Rule::CpuBreakpoint,
                NtStatus::BREAKPOINT,
                format!("a breakpoint at {at} was executed with no debugger attached"),
            ),
            TrapKind::SoftwareInterrupt(ASSERTION) => exception(
                Rule::CpuBreakpoint,
                NtStatus::ASSERTION_FAILURE,
                format!("an assertion at {at} failed with no debugger attached"),
            ),
            TrapKind::SoftwareInterrupt(FAST_FAIL) => draft_fast_fail(registers),
            TrapKind::SoftwareInterrupt(vector) => unexpected_trap(
                GENERAL_PROTECTION,
                format!(
                    "software interrupt {vector:#x} at {at} has no handler: {}",
                    trap_meaning(GENERAL_PROTECTION)
                ),
            ),
            TrapKind::SystemCall(number) => Draft::new(
                Rule::DriverSystemCall,
                None,
                format!("the instruction at {at} made system call {number}; it was not carried out"),
            ),
            TrapKind::Other(number) => {
                let what = trap_meaning(number);
                unexpected_trap(number, format!("the processor raised trap {number:#x} at {at}: {what}"))
            }
        };
        let draft = match unhandled {
            Some(unhandled) if matches!(unhandled.reason, Reason::Nobody | Reason::Level) => {
                draft.with_stop(unhandled.stop(self.place()))
            }
            // The search or the unwind itself came to nothing, from a stack that was right: that is the worse crime.
            Some(unhandled)
                if self.strands.stack_holding(VirtualAddress(registers.stack_pointer())).is_some() =>
            {
                self.draft_unhandled(unhandled)
            }
            _ => self.placed(draft, exception_of_trap(trap, self.irql())),
        };
        self.tell(draft.explained_by(vec![self.trapped_stack(registers)]));
    }

    /// The draft with the stop that this exception is where it happened, when it is one that nobody was shown.
    fn placed(&self, draft: Draft, exception: Option<ExceptionRecord>) -> Draft {
        let nowhere = VirtualAddress::NULL;
        match exception {
            Some(record) => draft.with_stop(unhandled_stop(self.place(), &record, nowhere, nowhere)),
            None => draft,
        }
    }

    /// What kind of code runs, as stops for unhandled exceptions tell it (MACH-030).
    fn place(&self) -> Where {
        match self.phase() {
            Phase::Dpc | Phase::Interrupt => Where::Interrupt,
            // A routine that is called with more stack has to handle all of its exceptions.
            _ if !self.strands.current().callouts.borrow().is_empty() => Where::Interrupt,
            _ => Where::SystemThread,
        }
    }

    fn draft_unhandled(&self, unhandled: &Unhandled) -> Draft {
        let status = NtStatus(unhandled.record.code);
        let invalid = |code, deed, stack_pointer: u64| {
            let stop = BugCheck::new(
                code,
                [unhandled.context.stack_pointer(), 0, unhandled.context_at.0, unhandled.record_at.0],
            );
            let message =
                format!("{deed} of {status} came to {stack_pointer:#x}, which is not on the kernel stack");
            Draft::new(Rule::ExceptionInvalidStack, Some(stop), message)
        };
        match unhandled.reason {
            Reason::InvalidStack { stack_pointer } => {
                invalid(BugCheckCode::EXCEPTION_ON_INVALID_STACK, "the search for a handler", stack_pointer)
            }
            Reason::InvalidUnwind { stack_pointer } => {
                invalid(BugCheckCode::UNWIND_ON_INVALID_STACK, "the unwinding", stack_pointer)
            }
            Reason::Nobody => {
                let message = format!("{status} was raised and nobody handled it");
                Draft::new(Rule::DriverRaise, Some(unhandled.stop(self.place())), message)
            }
            Reason::Level => {
                let irql = self.irql();
                let message = format!("{status} was raised at {irql}, where no handler is asked");
                Draft::new(Rule::DriverRaise, Some(unhandled.stop(self.place())), message)
            }
        }
    }

    pub(crate) fn explain_fault(&self, fault: &Fault, in_driver: bool, registers: &Registers) -> Draft {
        let instruction = VirtualAddress(registers.instruction);
        if let Some(draft) =
            self.draft_for_gone_image(fault, instruction).or_else(|| self.explain_gone(fault, registers))
        {
            return draft;
        }
        // The machine's own tables say whether a page is there and forbids the access; Linux may have dropped its copy.
        let entry = self.physical.entry(fault.address).filter(|entry| match fault.access {
            Access::Read => !entry.protection().is_readable(),
            Access::Write => !entry.protection().is_writable(),
            Access::Execute => !entry.protection().is_executable(),
        });
        let fault = ntpool_verifier::Fault {
            address: fault.address,
            access: fault.access,
            irql: self.irql(),
            instruction: VirtualAddress(registers.instruction),
            in_driver,
            non_canonical: fault.non_canonical,
            entry: entry.map(|entry| entry.bits()),
        };
        let Explanation { violation, cause } = explain(&fault, self);
        let deed = match fault.access {
            Access::Read => "read",
            Access::Write => "written",
            Access::Execute => "executed",
        };
        let message = match violation.rule {
            Rule::StackOverflow => {
                format!("the kernel stack of {} was used up", Bytes(KERNEL_STACK_SIZE))
            }
            Rule::MemoryIrql | Rule::MemoryPagedIrql => format!("{cause} was {deed} at {}", fault.irql),
            _ => format!("{cause} was {deed}"),
        };
        let freed = self.freed_block_at(fault.address).filter(|_| violation.rule == Rule::MemoryFreedPool);
        let threads = freed.as_ref().map(|freed| self.threads_of(freed)).unwrap_or_default();
        let draft = Draft::new(violation.rule, Some(violation.bug_check), message + &threads);
        match freed {
            Some(freed) => {
                let Allocation { address, size, kind, tag, .. } = freed.allocation;
                let block = ntpool_pool::Block { address, size, kind, tag };
                draft.about(Some(&block)).explained_by(self.history(&freed))
            }
            None => draft,
        }
    }

    fn report_endless_loop(&self, stack: Stack) {
        let routine = match self.phase() {
            Phase::Unload => "the unload routine",
            Phase::SystemThread => "a thread",
            Phase::WorkItem => "a work item",
            Phase::Dpc => "a deferred procedure call",
            Phase::Interrupt => "an interrupt",
            _ => "DriverEntry",
        };
        let mut message = format!("{routine} did not return before the time limit");
        let irql = self.irql();
        if irql >= Irql::DISPATCH {
            message += &format!("; at {irql} the watchdog of Windows would stop it");
        }
        let draft = Draft::new(Rule::DriverEndlessLoop, None, message);
        self.tell(draft.explained_by(vec![stack]));
    }
}

/// Vectors of software interrupts that mean something.
const FAST_FAIL: u8 = 0x29;
const ASSERTION: u8 = 0x2C;
const DEBUG_SERVICE: u8 = 0x2D;

/// The processor's trap number for a software interrupt without a gate.
const GENERAL_PROTECTION: u64 = 0xD;

fn unexpected_trap(number: u64, message: String) -> Draft {
    let stop = BugCheck::new(BugCheckCode::UNEXPECTED_KERNEL_MODE_TRAP, [number, 0, 0, 0]);
    Draft::new(Rule::CpuTrap, Some(stop), message)
}

fn draft_bug_check(stop: BugCheck) -> Draft {
    match (stop.code, stop.parameters) {
        (BugCheckCode::DRIVER_OVERRAN_STACK_BUFFER, [found, expected, ..]) => Draft::new(
            Rule::StackCookie,
            Some(stop),
            format!("the stack cookie was {found:#x} where {expected:#x} was expected"),
        ),
        _ => Draft::new(
            Rule::DriverBugCheck,
            Some(stop),
            format!("the driver called for bug check {}{}", stop.code, shown_exception(&stop)),
        ),
    }
}

/// What the parameters of a stop for an unhandled exception say (MACH-027 MACH-028); nothing for other stops.
fn shown_exception(stop: &BugCheck) -> String {
    let [exception, address, third, fourth] = stop.parameters;
    let rest = match stop.code {
        BugCheckCode::KMODE_EXCEPTION_NOT_HANDLED => format!("its parameters {third:#x} and {fourth:#x}"),
        BugCheckCode::SYSTEM_SERVICE_EXCEPTION => format!("the context record at {third:#x}"),
        BugCheckCode::SYSTEM_THREAD_EXCEPTION_NOT_HANDLED => {
            format!("the exception record at {third:#x}, the context record at {fourth:#x}")
        }
        BugCheckCode::KERNEL_MODE_EXCEPTION_NOT_HANDLED => format!("the trap frame at {third:#x}"),
        _ => return String::new(),
    };
    // The upper half of the first parameter is the code's sign, or nothing (MACH-029).
    format!(" for {} at {address:#x}, {rest}", NtStatus(exception as u32))
}

/// A fast fail: its code is in rcx (MACH-036 to MACH-039). This machine keeps no trap frame and no exception record.
fn draft_fast_fail(registers: &Registers) -> Draft {
    let code = registers.general[register::RCX];
    let stop = BugCheck::new(BugCheckCode::KERNEL_SECURITY_CHECK_FAILURE, [code, 0, 0, 0]);
    match code {
        0 | 2 => Draft::new(Rule::StackCookie, Some(stop), fast_fail_meaning(code).to_owned()),
        _ => Draft::new(
            Rule::CpuFastFail,
            Some(stop),
            format!("the driver stopped itself with fast fail code {code:#x}: {}", fast_fail_meaning(code)),
        ),
    }
}

impl AddressMap for Session {
    fn what_is(&self, address: VirtualAddress) -> Occupant<'_> {
        if address.is_user() {
            return Occupant::User;
        }
        if let Some(offset) = self.image.offset_of(address) {
            return self.image.occupant(offset);
        }
        let registry_page = self.registry_path.address.page_base();
        if address.page_base() == registry_page {
            let block = shown(&self.registry_path);
            return if self.registry_path_freed.get() {
                Occupant::FreedPool(block)
            } else {
                Occupant::LivePool(block)
            };
        }
        if self.strands.stack_holding(address).is_some() {
            return Occupant::Stack;
        }
        if layout::STACKS.contains(address) {
            return Occupant::StackGuard;
        }
        if layout::BAD_POINTER.contains(address) {
            return Occupant::BadPointer;
        }
        if layout::DIRECT_MAP.contains(address) {
            return Occupant::DirectMap;
        }
        if let Some(block) = self.secure.borrow().holding(address) {
            return Occupant::SecurePool(shown(&block));
        }
        if let Some(FreedAllocation { allocation, .. }) = self.freed_block_at(address) {
            let Allocation { address, size, kind, tag, .. } = allocation;
            return Occupant::FreedPool(Block { address, size, kind, tag });
        }
        match self.pool.find(address) {
            Place::Live(block) => Occupant::LivePool(shown(&block)),
            Place::Freed(block) => Occupant::FreedPool(shown(&block)),
            Place::Metadata => Occupant::Metadata,
            Place::Unused(_) | Place::Outside => Occupant::Unmapped,
        }
    }

    fn block_below(&self, address: VirtualAddress) -> Option<Block> {
        let tracker = self.tracker.borrow();
        tracker.nearest_below(address).map(|block| Block {
            address: block.address,
            size: block.size,
            kind: block.kind,
            tag: block.tag,
        })
    }
}

fn shown(block: &ntpool_pool::Block) -> Block {
    let ntpool_pool::Block { address, size, kind, tag } = *block;
    Block { address, size, kind, tag }
}
