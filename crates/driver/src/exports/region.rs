//! Critical and guarded regions.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::dispatch_crimes;
use crate::session::Session;
use crate::stop::Answer;
use ntpool_finding::Role;
use ntpool_machine::dispatcher::Crime;

/// Tells of a region that was left and had not been entered, and of resources that needed it and are still held.
fn told(session: &Session, call: &Call<'_>, left: Result<(), Crime>) -> Answer {
    if let Err(crime) = left {
        session.tell_once(call, dispatch_crimes::draft_of(&crime), Role::At);
    } else {
        session.check_region_outlasts_resources(call);
    }
    Ok(0)
}

pub(super) fn KeEnterCriticalRegion(session: &Session, _: &Call<'_>) -> Answer {
    session.dispatcher().enter_critical_region();
    Ok(0)
}

pub(super) fn KeLeaveCriticalRegion(session: &Session, call: &Call<'_>) -> Answer {
    let left = session.dispatcher().leave_critical_region();
    told(session, call, left)
}

pub(super) fn KeEnterGuardedRegion(session: &Session, _: &Call<'_>) -> Answer {
    session.dispatcher().enter_guarded_region();
    Ok(0)
}

pub(super) fn KeLeaveGuardedRegion(session: &Session, call: &Call<'_>) -> Answer {
    let left = session.dispatcher().leave_guarded_region();
    told(session, call, left)
}

pub(super) fn KeAreApcsDisabled(session: &Session, _: &Call<'_>) -> Answer {
    Ok(u64::from(session.dispatcher().apcs_disabled()))
}

pub(super) fn KeAreAllApcsDisabled(session: &Session, _: &Call<'_>) -> Answer {
    Ok(u64::from(session.dispatcher().all_apcs_disabled()))
}
