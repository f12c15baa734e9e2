//! Threads: making and ending them, their numbers and priorities.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::object::{CURRENT_PROCESS, of_handle};
use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::system_objects::SystemKind;
use crate::threads::SYSTEM_PRIORITY;
use ntpool_abi::{OBJ_KERNEL_HANDLE, ObjectAttributes};
use ntpool_machine::dispatcher::{HIGHEST_PRIORITY, ThreadState};
use ntpool_types::{NtStatus, Rule, VirtualAddress};

fn status(status: NtStatus) -> Answer {
    Ok(u64::from(status.0))
}

pub(super) fn PsCreateSystemThread(session: &Session, call: &Call<'_>) -> Answer {
    let (out, attributes, process) = (call.address(0)?, call.address(2)?, call.argument(3)?);
    let (client_id, routine, context) = (call.address(4)?, call.address(5)?, call.argument(6)?);
    let for_kernel = match attributes {
        VirtualAddress::NULL => false,
        at => memory::read_field(at, ObjectAttributes::ATTRIBUTES)? & OBJ_KERNEL_HANDLE != 0,
    };
    if process != 0 && process != CURRENT_PROCESS {
        session.report_handle_not_open(call, process);
        return status(NtStatus::INVALID_HANDLE);
    }
    // A bad address is met before there is a thread.
    memory::write(out, 0_u64)?;
    let Some((thread, object)) = session.make_thread(call, routine, context)? else {
        return status(NtStatus::INSUFFICIENT_RESOURCES);
    };
    memory::write(out, session.open_handle(call, object, for_kernel))?;
    session.write_client_id(client_id, thread)?;
    status(NtStatus::SUCCESS)
}

/// Only a thread of the driver's own ends so: the system's are needed for what comes after.
pub(super) fn PsTerminateSystemThread(session: &Session, call: &Call<'_>) -> Answer {
    let thread = session.thread();
    let is_interrupted = {
        let dispatcher = session.dispatcher();
        dispatcher.work_on(dispatcher.running().0).next().is_some()
    };
    let is_callout = !session.strands.current().callouts.borrow().is_empty();
    let who = match session.made_thread(thread) {
        Some(_) if !is_interrupted && !is_callout => return Err(Stop::ThreadEnds(NtStatus(call.u32(0)?))),
        Some(_) if is_callout => "a routine that was called with more stack".to_owned(),
        _ if is_interrupted => "a routine that had interrupted it".to_owned(),
        _ => "a routine that the system had called on it".to_owned(),
    };
    Err(Stop::Misuse {
        rule: Rule::ThreadNotOwn,
        message: format!("{} was ended by {who}", session.describe_thread(thread)),
    })
}

/// Ends the thread's alertable wait, or its next one.
pub(super) fn ZwAlertThread(session: &Session, call: &Call<'_>) -> Answer {
    let handle = call.argument(0)?;
    let Some(object) = of_handle(session, handle) else {
        session.report_handle_not_open(call, handle);
        return status(NtStatus::INVALID_HANDLE);
    };
    match session.system_object(object) {
        Some(SystemKind::Thread) => {
            let thread = session.thread_at(object)?;
            session.dispatcher().alert(thread);
            status(NtStatus::SUCCESS)
        }
        _ => status(NtStatus::OBJECT_TYPE_MISMATCH),
    }
}

pub(super) fn KeGetCurrentThread(session: &Session, _: &Call<'_>) -> Answer {
    Ok(session.thread_object().0)
}

pub(super) fn PsGetCurrentThread(session: &Session, call: &Call<'_>) -> Answer {
    KeGetCurrentThread(session, call)
}

pub(super) fn PsGetCurrentThreadId(session: &Session, _: &Call<'_>) -> Answer {
    Ok(session.number_of(session.thread()))
}

pub(super) fn PsGetThreadId(session: &Session, call: &Call<'_>) -> Answer {
    Ok(session.number_of(session.thread_at(call.address(0)?)?))
}

pub(super) fn PsGetThreadProcessId(session: &Session, call: &Call<'_>) -> Answer {
    session.thread_at(call.address(0)?)?;
    Ok(session.processes.current().id())
}

pub(super) fn PsGetThreadProcess(session: &Session, call: &Call<'_>) -> Answer {
    session.thread_at(call.address(0)?)?;
    Ok(session.processes.current().object().0)
}

pub(super) fn PsGetCurrentThreadProcess(session: &Session, _: &Call<'_>) -> Answer {
    Ok(session.processes.current().object().0)
}

pub(super) fn PsGetCurrentThreadProcessId(session: &Session, _: &Call<'_>) -> Answer {
    Ok(session.processes.current().id())
}

pub(super) fn PsIsSystemThread(session: &Session, call: &Call<'_>) -> Answer {
    session.thread_at(call.address(0)?)?;
    Ok(1)
}

pub(super) fn PsIsThreadTerminating(session: &Session, call: &Call<'_>) -> Answer {
    let thread = session.thread_at(call.address(0)?)?;
    Ok(u64::from(session.dispatcher().thread(thread).state() == ThreadState::Terminated))
}

pub(super) fn PsLookupThreadByThreadId(session: &Session, call: &Call<'_>) -> Answer {
    let Some(object) = session.thread_numbered(call.argument(0)?) else {
        return status(NtStatus::INVALID_PARAMETER);
    };
    session.reference(call, object)?;
    memory::write(call.address(1)?, object.0)?;
    status(NtStatus::SUCCESS)
}

// ── Priorities ────────────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn KeQueryPriorityThread(session: &Session, call: &Call<'_>) -> Answer {
    let thread = session.thread_at(call.address(0)?)?;
    Ok(u64::from(session.dispatcher().thread(thread).priority()))
}

pub(super) fn KeSetPriorityThread(session: &Session, call: &Call<'_>) -> Answer {
    let thread = session.thread_at(call.address(0)?)?;
    let priority = call.u32(1)?.cast_signed().clamp(1, i32::from(HIGHEST_PRIORITY));
    Ok(u64::from(session.dispatcher().set_priority(thread, priority as u8)))
}

/// The increment is to the priority of the system's threads, and stays below the real-time ones.
pub(super) fn KeSetBasePriorityThread(session: &Session, call: &Call<'_>) -> Answer {
    const HIGHEST_ORDINARY: i32 = 15;
    let thread = session.thread_at(call.address(0)?)?;
    let increment = call.u32(1)?.cast_signed();
    let priority = i32::from(SYSTEM_PRIORITY).saturating_add(increment).clamp(1, HIGHEST_ORDINARY);
    session.dispatcher().set_priority(thread, priority as u8);
    Ok(u64::from(session.set_increment(thread, increment).cast_unsigned()))
}
