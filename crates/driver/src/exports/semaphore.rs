//! Semaphores.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::event::announce_wait;
use crate::call::Call;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::{memory, objects};
use ntpool_abi::KSemaphore;
use ntpool_machine::dispatcher::{ObjectKind, SemaphoreError};
use ntpool_types::NtStatus;

fn is_semaphore(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Semaphore { .. })
}

pub(super) fn KeInitializeSemaphore(session: &Session, call: &Call<'_>) -> Answer {
    let semaphore = call.address(0)?;
    let (count, limit) = (call.u32(1)?.cast_signed(), call.u32(2)?.cast_signed());
    session.initialize_object(
        call,
        semaphore,
        || {
            objects::write_header(semaphore, ObjectKind::Semaphore { limit }, KSemaphore::SIZE, count)?;
            memory::write_field(semaphore, KSemaphore::LIMIT, limit)
        },
        |dispatcher| dispatcher.initialize_semaphore(semaphore, count, limit),
    )?;
    Ok(0)
}

pub(super) fn KeReleaseSemaphore(session: &Session, call: &Call<'_>) -> Answer {
    let (semaphore, adjustment) = (call.address(0)?, call.u32(2)?.cast_signed());
    session.object_at(semaphore, is_semaphore)?;
    let released = session.dispatcher().release_semaphore(semaphore, adjustment);
    let previous = released.map_err(|error| match error {
        SemaphoreError::NotAnObject(missing) => session.stop_for_missing(&missing),
        SemaphoreError::LimitExceeded => Stop::Raise(NtStatus::SEMAPHORE_LIMIT_EXCEEDED),
    })?;
    session.show_objects();
    announce_wait(session, call, call.u8(3)? != 0);
    Ok(u64::from(previous.cast_unsigned()))
}

pub(super) fn KeReadStateSemaphore(session: &Session, call: &Call<'_>) -> Answer {
    let state = session.object_at(call.address(0)?, is_semaphore)?.signal_state;
    Ok(u64::from(state.cast_unsigned()))
}
