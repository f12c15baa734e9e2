//! The object manager's routines: references and handles.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::Answer;
use ntpool_machine::dispatcher::NotAnObject;
use ntpool_types::{NtStatus, VirtualAddress};

/// What stands for the process and the thread that run, without being opened.
pub(super) const CURRENT_PROCESS: u64 = -1_i64 as u64;
const CURRENT_THREAD: u64 = -2_i64 as u64;

fn status(status: NtStatus) -> Answer {
    Ok(u64::from(status.0))
}

/// The object that a handle stands for.
pub(super) fn of_handle(session: &Session, handle: u64) -> Option<VirtualAddress> {
    match handle {
        CURRENT_PROCESS => Some(session.processes.current().object()),
        CURRENT_THREAD => Some(session.thread_object()),
        handle => session.system_objects.borrow().handle(handle).map(|handle| handle.object),
    }
}

fn is_of_type(session: &Session, object: VirtualAddress, wanted: VirtualAddress) -> bool {
    let kind = session.system_object(object);
    wanted == VirtualAddress::NULL || kind.is_some_and(|kind| kind.type_object() == wanted)
}

fn by_handle(session: &Session, call: &Call<'_>, out: VirtualAddress, information: VirtualAddress) -> Answer {
    let (handle, access, wanted) = (call.argument(0)?, call.u32(1)?, call.address(2)?);
    memory::write(out, 0_u64)?;
    let Some(object) = of_handle(session, handle) else {
        session.report_handle_not_open(call, handle);
        return status(NtStatus::INVALID_HANDLE);
    };
    if !is_of_type(session, object, wanted) {
        return status(NtStatus::OBJECT_TYPE_MISMATCH);
    }
    session.reference(call, object)?;
    memory::write(out, object.0)?;
    if information != VirtualAddress::NULL {
        // The attributes, of which there are none, and the access that was granted.
        memory::write(information, u64::from(access) << 32)?;
    }
    status(NtStatus::SUCCESS)
}

pub(super) fn ObReferenceObjectByHandle(session: &Session, call: &Call<'_>) -> Answer {
    by_handle(session, call, call.address(4)?, call.address(5)?)
}

pub(super) fn ObReferenceObjectByHandleWithTag(session: &Session, call: &Call<'_>) -> Answer {
    by_handle(session, call, call.address(5)?, call.address(6)?)
}

pub(super) fn ObReferenceObjectByPointer(session: &Session, call: &Call<'_>) -> Answer {
    let (object, wanted) = (call.address(0)?, call.address(2)?);
    if session.system_object(object).is_none() {
        return Err(session.stop_for_missing(&NotAnObject(object)));
    }
    if !is_of_type(session, object, wanted) {
        return status(NtStatus::OBJECT_TYPE_MISMATCH);
    }
    session.reference(call, object)?;
    status(NtStatus::SUCCESS)
}

pub(super) fn ObReferenceObjectByPointerWithTag(session: &Session, call: &Call<'_>) -> Answer {
    ObReferenceObjectByPointer(session, call)
}

pub(super) fn ObfReferenceObject(session: &Session, call: &Call<'_>) -> Answer {
    session.reference(call, call.address(0)?)
}

pub(super) fn ObReferenceObject(session: &Session, call: &Call<'_>) -> Answer {
    ObfReferenceObject(session, call)
}

pub(super) fn ObfReferenceObjectWithTag(session: &Session, call: &Call<'_>) -> Answer {
    ObfReferenceObject(session, call)
}

pub(super) fn ObfDereferenceObject(session: &Session, call: &Call<'_>) -> Answer {
    session.dereference(call.address(0)?)
}

pub(super) fn ObDereferenceObject(session: &Session, call: &Call<'_>) -> Answer {
    ObfDereferenceObject(session, call)
}

pub(super) fn ObfDereferenceObjectWithTag(session: &Session, call: &Call<'_>) -> Answer {
    ObfDereferenceObject(session, call)
}

pub(super) fn ObDereferenceObjectDeferDelete(session: &Session, call: &Call<'_>) -> Answer {
    session.dereference(call.address(0)?)?;
    Ok(0)
}

pub(super) fn ObDereferenceObjectDeferDeleteWithTag(session: &Session, call: &Call<'_>) -> Answer {
    ObDereferenceObjectDeferDelete(session, call)
}

pub(super) fn ZwClose(session: &Session, call: &Call<'_>) -> Answer {
    let handle = call.argument(0)?;
    if session.close_handle(handle) {
        return status(NtStatus::SUCCESS);
    }
    session.report_handle_not_open(call, handle);
    status(NtStatus::INVALID_HANDLE)
}
