//! The routines of singly linked lists that are changed without a lock.
//!
//! The headers of x64 turn the documented names into these.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::session::Session;
use crate::slist;
use crate::stop::{Answer, Stop};
use ntpool_abi::SLIST_ALIGNMENT;
use ntpool_types::NtStatus;

pub(super) fn InitializeSListHead(_: &Session, call: &Call<'_>) -> Answer {
    let head = call.address(0)?;
    if !head.0.is_multiple_of(SLIST_ALIGNMENT) {
        // As the inline form of the headers does.
        return Err(Stop::Raise(NtStatus::DATATYPE_MISALIGNMENT));
    }
    slist::initialize(head)?;
    Ok(0)
}

pub(super) fn ExQueryDepthSList(_: &Session, call: &Call<'_>) -> Answer {
    Ok(u64::from(slist::depth(call.address(0)?)?))
}

pub(super) fn FirstEntrySList(_: &Session, call: &Call<'_>) -> Answer {
    Ok(slist::first(call.address(0)?)?.0)
}

pub(super) fn ExpInterlockedPopEntrySList(session: &Session, call: &Call<'_>) -> Answer {
    let head = call.address(0)?;
    let entry = session.pop_entry(call, head)?;
    session.renew_locks(head, entry)?;
    Ok(entry.0)
}

pub(super) fn ExpInterlockedPushEntrySList(session: &Session, call: &Call<'_>) -> Answer {
    Ok(session.push_entry(call, call.address(0)?, call.address(1)?)?.0)
}

pub(super) fn ExpInterlockedFlushSList(session: &Session, call: &Call<'_>) -> Answer {
    Ok(session.flush_entries(call, call.address(0)?)?.0)
}

pub(super) fn InterlockedPushListSList(session: &Session, call: &Call<'_>) -> Answer {
    let (head, chain, end) = (call.address(0)?, call.address(1)?, call.address(2)?);
    Ok(session.push_chain(call, head, chain, end, call.u32(3)? as u16)?.0)
}
