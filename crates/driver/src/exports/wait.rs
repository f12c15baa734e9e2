//! Waiting: for objects, for several of them, and for a time.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::{lookaside, object};
use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::{USER_MODE, WAIT_ALL};
use ntpool_machine::dispatcher::{
    Crime, MAXIMUM_WAIT_OBJECTS, ObjectKind, THREAD_WAIT_OBJECTS, Timeout, WaitKind, WaitOutcome, WaitRequest,
};
use ntpool_types::{Irql, NtStatus, Rule, VirtualAddress};

/// The time-out at an address, if any; a time of 0 has passed.
fn timeout_at(address: VirtualAddress) -> Result<Option<Timeout>, Stop> {
    match address {
        VirtualAddress::NULL => Ok(None),
        address => Ok(Some(Timeout::from_raw(memory::read(address)?))),
    }
}

/// Looks at an object that is about to be waited for in this mode (MACH-147).
fn look_at(session: &Session, call: &Call<'_>, object: VirtualAddress, mode: u8) -> Result<(), Stop> {
    let kind = session.object_at(object, |_| true)?.kind;
    if mode != USER_MODE {
        return Ok(());
    }
    let why = match kind {
        ObjectKind::Mutex => "a mutex",
        _ if session.strands.stack_holding(object).is_some() => "an object on a kernel stack",
        _ => return Ok(()),
    };
    let message =
        format!("a thread waited in user mode for {why}, at {object}; the wait mode must be the kernel's");
    session.report_rule(call, Rule::ObjectPageable, &message);
    Ok(())
}

fn wait(session: &Session, call: &Call<'_>, request: WaitRequest<'_>) -> Answer {
    let kind = request.kind;
    let start = session.dispatcher().wait(request);
    // A wait that follows on an announcement takes the level back.
    session.level_changed();
    let start = start.map_err(|error| session.stop_for_wait(&error))?;
    let outcome = session.finish_wait(start)?;
    session.show_objects();
    lookaside::adjust_as_time_passed(session, call)?;
    Ok(u64::from(status_of(outcome, kind).0))
}

/// The status of a wait that has ended; for one of several objects it says which (MACH-149).
fn status_of(outcome: WaitOutcome, kind: WaitKind) -> NtStatus {
    match outcome {
        WaitOutcome::Satisfied { index, abandoned } => {
            let first = if abandoned { NtStatus::ABANDONED_WAIT_0 } else { NtStatus::SUCCESS };
            let index = if kind == WaitKind::Any { index as u32 } else { 0 };
            NtStatus(first.0 + index)
        }
        WaitOutcome::Alerted => NtStatus::ALERTED,
        WaitOutcome::TimedOut | WaitOutcome::Woken | WaitOutcome::Cancelled => NtStatus::TIMEOUT,
    }
}

pub(super) fn KeWaitForSingleObject(session: &Session, call: &Call<'_>) -> Answer {
    let object = call.address(0)?;
    let (mode, alertable) = (call.u8(2)?, call.u8(3)? != 0);
    let timeout = timeout_at(call.address(4)?)?;
    look_at(session, call, object, mode)?;
    wait(session, call, WaitRequest { alertable, ..WaitRequest::single(&object, timeout) })
}

/// The header has this name for the wait for one object; the kernel has it as an export of its own.
pub(super) fn KeWaitForMutexObject(session: &Session, call: &Call<'_>) -> Answer {
    KeWaitForSingleObject(session, call)
}

pub(super) fn KeWaitForMultipleObjects(session: &Session, call: &Call<'_>) -> Answer {
    let (count, array) = (call.u32(0)? as usize, call.address(1)?);
    let kind = if call.u32(2)? == WAIT_ALL { WaitKind::All } else { WaitKind::Any };
    let (mode, alertable) = (call.u8(4)?, call.u8(5)? != 0);
    let timeout = timeout_at(call.address(6)?)?;
    let has_wait_blocks = call.address(7)? != VirtualAddress::NULL;
    let most = if has_wait_blocks { MAXIMUM_WAIT_OBJECTS } else { THREAD_WAIT_OBJECTS };
    if count > most {
        return Err(session.stop_for(&Crime::TooManyObjects { count, most }));
    }
    let mut objects = Vec::with_capacity(count);
    for place in 0..count as u64 {
        let object = VirtualAddress(memory::read(VirtualAddress(array.0.wrapping_add(8 * place)))?);
        look_at(session, call, object, mode)?;
        objects.push(object);
    }
    wait(session, call, WaitRequest { objects: &objects, kind, timeout, alertable, has_wait_blocks })
}

pub(super) fn ZwWaitForSingleObject(session: &Session, call: &Call<'_>) -> Answer {
    let (handle, alertable) = (call.argument(0)?, call.u8(1)? != 0);
    let timeout = timeout_at(call.address(2)?)?;
    let Some(object) = object::of_handle(session, handle) else {
        session.report_handle_not_open(call, handle);
        return Ok(u64::from(NtStatus::INVALID_HANDLE.0));
    };
    wait(session, call, WaitRequest { alertable, ..WaitRequest::single(&object, timeout) })
}

pub(super) fn KeDelayExecutionThread(session: &Session, call: &Call<'_>) -> Answer {
    let interval: i64 = memory::read(call.address(2)?)?;
    let alertable = call.u8(1)? != 0;
    let outcome = session.delay(Timeout::from_raw(interval), alertable)?;
    lookaside::adjust_as_time_passed(session, call)?;
    let status = if outcome == WaitOutcome::Alerted { NtStatus::ALERTED } else { NtStatus::SUCCESS };
    Ok(u64::from(status.0))
}

/// How long a yield takes, in units of 100 ns.
const YIELD: u64 = 10;

/// Lets the other threads of this processor go on that are ready; a microsecond passes, as for who looks at a clock.
pub(super) fn ZwYieldExecution(session: &Session, call: &Call<'_>) -> Answer {
    if session.dispatcher().in_dpc() {
        return Err(session.stop_for_switch_from_dpc("yielded"));
    }
    let irql = session.irql();
    if irql > Irql::PASSIVE {
        let message = format!("a thread yielded at {irql}; it may at {}", Irql::PASSIVE);
        session.report_rule(call, Rule::IrqlTooHigh, &message);
    }
    if irql <= Irql::APC {
        session.delay(Timeout::Relative(YIELD), false)?;
        lookaside::adjust_as_time_passed(session, call)?;
    }
    Ok(u64::from(NtStatus::SUCCESS.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    // MACH-146
    #[test]
    fn mach_149_the_status_of_a_wait_says_which_object_it_took_and_whether_that_was_abandoned() {
        let status = |kind, index, abandoned| status_of(WaitOutcome::Satisfied { index, abandoned }, kind).0;
        assert_eq!([0, 1, 63].map(|index| status(WaitKind::Any, index, false)), [0, 1, 63]);
        assert_eq!([0, 1, 63].map(|index| status(WaitKind::Any, index, true)), [0x80, 0x81, 0xBF]);
        assert_eq!([false, true].map(|abandoned| status(WaitKind::All, 2, abandoned)), [0, 0x80]);
        assert_eq!(status_of(WaitOutcome::Alerted, WaitKind::Any).0, 0x101);
        assert_eq!(status_of(WaitOutcome::TimedOut, WaitKind::Any).0, 0x102);
    }
}
