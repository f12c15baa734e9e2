//! Calls that need more stack than the thread may have left.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::strands::LARGE_STACK_SIZE;
use ntpool_host::fiber;
use ntpool_host::layout::Window;
use ntpool_machine::Exit;
use ntpool_types::{Bytes, Irql, NtStatus, PAGE_SIZE, Rule, VirtualAddress};

/// The most bytes that can be asked for.
const MAXIMUM_EXPANSION_SIZE: Bytes = Bytes(LARGE_STACK_SIZE.0 - PAGE_SIZE.0 / 2);

/// The most stacks besides its own that a thread has at a time. There is such a limit on Windows; its number is not
/// documented, and this one is ours: more than a megabyte of stack.
const MOST_EXPANSIONS: u32 = 16;

/// Calls a routine with so many bytes of stack: on the stack that it was called on if that has them, or on another one.
/// Either way its exceptions are its own to handle.
fn expand(
    session: &Session,
    call: &Call<'_>,
    routine: VirtualAddress,
    parameter: u64,
    size: Bytes,
) -> Result<NtStatus, Stop> {
    let stack_pointer = VirtualAddress(call.registers().stack_pointer());
    let here = session.strands.stack_holding(stack_pointer);
    let left = here.map_or(0, |stack| stack_pointer.0 - stack.base.0);
    // What the call itself takes comes on top.
    const CALL: u64 = 0x100;
    if left >= size.0 + CALL
        && let Some(stack) = here
    {
        return pass_on(session, call_out(session, stack, routine, parameter));
    }
    let strand = session.strands.current();
    if strand.expansions.get() == MOST_EXPANSIONS {
        return Ok(NtStatus::STACK_OVERFLOW);
    }
    let Ok(stack) = session.strands.take_large_stack(session) else { return Ok(NtStatus::NO_MEMORY) };
    strand.expansions.update(|count| count + 1);
    let exit = call_out(session, stack, routine, parameter);
    strand.expansions.update(|count| count - 1);
    session.strands.give_large_stack_back(stack);
    pass_on(session, exit)
}

fn call_out(session: &Session, stack: Window, routine: VirtualAddress, parameter: u64) -> Exit {
    let strand = session.strands.current();
    strand.callouts.borrow_mut().push(fiber::segment_count());
    let exit = strand.fiber.call_on(session, stack, routine, &[parameter]);
    strand.callouts.borrow_mut().pop();
    exit
}

fn pass_on(session: &Session, exit: Exit) -> Result<NtStatus, Stop> {
    match exit {
        Exit::Returned(_) => Ok(NtStatus::SUCCESS),
        Exit::Stopped => Err(session.take_stop()),
        exit => Err(Stop::CallBack(Box::new(exit))),
    }
}

fn status(status: NtStatus) -> Answer {
    Ok(u64::from(status.0))
}

pub(super) fn KeExpandKernelStackAndCallout(session: &Session, call: &Call<'_>) -> Answer {
    let size = call.size(2)?;
    if size > MAXIMUM_EXPANSION_SIZE {
        return status(NtStatus::INVALID_PARAMETER_3);
    }
    status(expand(session, call, call.address(0)?, call.argument(1)?, size)?)
}

pub(super) fn KeExpandKernelStackAndCalloutEx(session: &Session, call: &Call<'_>) -> Answer {
    let (size, wait) = (call.size(2)?, call.u8(3)? != 0);
    let irql = session.irql();
    if size > MAXIMUM_EXPANSION_SIZE {
        return status(NtStatus::INVALID_PARAMETER_3);
    }
    if wait && irql >= Irql::DISPATCH {
        return status(NtStatus::INVALID_PARAMETER_4);
    }
    if irql > Irql::DISPATCH {
        let message =
            format!("a call with more stack was asked for at {irql}; it may be up to {}", Irql::DISPATCH);
        session.report_rule(call, Rule::IrqlTooHigh, &message);
    }
    status(expand(session, call, call.address(0)?, call.argument(1)?, size)?)
}
