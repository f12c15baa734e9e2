//! Mutexes.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::event::announce_wait;
use crate::call::Call;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::{memory, objects};
use ntpool_abi::{KMutex, ListEntry};
use ntpool_machine::dispatcher::{MutexError, ObjectKind};
use ntpool_types::NtStatus;

fn is_mutex(kind: ObjectKind) -> bool {
    kind == ObjectKind::Mutex
}

pub(super) fn KeInitializeMutex(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    session.initialize_object(
        call,
        mutex,
        || {
            objects::write_header(mutex, ObjectKind::Mutex, KMutex::SIZE, 1)?;
            memory::write_field(mutex, KMutex::MUTANT_LIST_ENTRY, ListEntry { flink: 0, blink: 0 })?;
            memory::write_field(mutex, KMutex::OWNER_THREAD, 0_u64)?;
            memory::write_field(mutex, KMutex::ABANDONED, 0_u8)?;
            memory::write_field(mutex, KMutex::APC_DISABLE, 1_u8)
        },
        |dispatcher| dispatcher.initialize_mutex(mutex),
    )?;
    Ok(0)
}

/// The pages name two statuses for a thread that is not the owner, of which the headers know none; the one that they know
/// is raised (CONFLICT MACH-155).
pub(super) fn KeReleaseMutex(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    session.object_at(mutex, is_mutex)?;
    let released = session.dispatcher().release_mutex(mutex);
    let previous = released.map_err(|error| match error {
        MutexError::NotAnObject(missing) => session.stop_for_missing(&missing),
        MutexError::NotOwner { .. } => Stop::Raise(NtStatus::MUTANT_NOT_OWNED),
    })?;
    session.show_objects();
    announce_wait(session, call, call.u8(1)? != 0);
    Ok(u64::from(previous.cast_unsigned()))
}

pub(super) fn KeReadStateMutex(session: &Session, call: &Call<'_>) -> Answer {
    let state = session.object_at(call.address(0)?, is_mutex)?.signal_state;
    Ok(u64::from(state.cast_unsigned()))
}
