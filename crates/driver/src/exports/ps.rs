//! Processes.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::session::Session;
use crate::stop::Answer;

pub(super) fn PsGetCurrentProcess(session: &Session, _: &Call<'_>) -> Answer {
    Ok(session.process.object().0)
}

pub(super) fn PsGetCurrentProcessId(session: &Session, _: &Call<'_>) -> Answer {
    Ok(session.process.id())
}
