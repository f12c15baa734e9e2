//! The kernel's routines: IRQL, bug checks.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_types::{BugCheck, BugCheckCode, Irql};

/// The level that an argument names; its upper bits are rubbish, and levels above 15 do not exist.
pub(super) fn level(call: &Call<'_>, place: usize) -> Result<Irql, Stop> {
    let number = call.u8(place)?;
    Ok(Irql::new(number).unwrap_or(Irql::HIGH))
}

pub(super) fn KeGetCurrentIrql(session: &Session, _: &Call<'_>) -> Answer {
    Ok(u64::from(session.irql().level()))
}

pub(super) fn raise(session: &Session, to: Irql) -> Answer {
    let from = session.irql();
    let former = session.raise_irql(to).map_err(|violation| Stop::Crime {
        violation,
        message: format!("the IRQL was raised to {to} at {from}"),
    })?;
    Ok(u64::from(former.level()))
}

pub(super) fn lower(session: &Session, to: Irql) -> Answer {
    let from = session.irql();
    session.lower_irql(to).map_err(|violation| Stop::Crime {
        violation,
        message: format!(
            "the IRQL was lowered to {to} at {from}, which is not the level that the last raise saved"
        ),
    })?;
    Ok(0)
}

pub(super) fn KfRaiseIrql(session: &Session, call: &Call<'_>) -> Answer {
    raise(session, level(call, 0)?)
}

pub(super) fn KeRaiseIrql(session: &Session, call: &Call<'_>) -> Answer {
    let former = raise(session, level(call, 0)?)?;
    memory::write(call.address(1)?, former as u8)?;
    Ok(0)
}

pub(super) fn KeLowerIrql(session: &Session, call: &Call<'_>) -> Answer {
    lower(session, level(call, 0)?)
}

pub(super) fn KfLowerIrql(session: &Session, call: &Call<'_>) -> Answer {
    lower(session, level(call, 0)?)
}

pub(super) fn KeRaiseIrqlToDpcLevel(session: &Session, _: &Call<'_>) -> Answer {
    raise(session, Irql::DISPATCH)
}

// ── Bug checks ────────────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn KeBugCheckEx(_: &Session, call: &Call<'_>) -> Answer {
    let parameters = [call.argument(1)?, call.argument(2)?, call.argument(3)?, call.argument(4)?];
    Err(Stop::BugCheck(BugCheck::new(BugCheckCode(call.u32(0)?), parameters)))
}

pub(super) fn KeBugCheck(_: &Session, call: &Call<'_>) -> Answer {
    Err(Stop::BugCheck(BugCheck::new(BugCheckCode(call.u32(0)?), [0; 4])))
}
