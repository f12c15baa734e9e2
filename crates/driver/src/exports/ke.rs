//! The kernel's routines: IRQL, spin locks, bug checks.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_machine::dispatcher::SpinReason;
use ntpool_types::{BugCheck, BugCheckCode, Irql, Rule, VirtualAddress};

/// The level that an argument names; its upper bits are rubbish, and levels above 15 do not exist.
fn level(call: &Call<'_>, place: usize) -> Result<Irql, Stop> {
    let number = call.u8(place)?;
    Ok(Irql::new(number).unwrap_or(Irql::HIGH))
}

pub(super) fn KeGetCurrentIrql(session: &Session, _: &Call<'_>) -> Answer {
    Ok(u64::from(session.irql().level()))
}

fn raise(session: &Session, to: Irql) -> Answer {
    let from = session.irql();
    let former = session.raise_irql(to).map_err(|violation| Stop::Crime {
        violation,
        message: format!("the IRQL was raised to {to} at {from}"),
    })?;
    Ok(u64::from(former.level()))
}

fn lower(session: &Session, to: Irql) -> Answer {
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

// ── Spin locks. The lock's word is 0 when free and 1 when held. ──────────────────────────────────────────────────

pub(super) fn KeInitializeSpinLock(session: &Session, call: &Call<'_>) -> Answer {
    let lock = call.address(0)?;
    session.spin_locks.initialize(lock);
    memory::write(lock, 0_u64)?;
    Ok(0)
}

fn acquire(session: &Session, call: &Call<'_>, lock: VirtualAddress) -> Result<(), Stop> {
    let word: u64 = memory::read(lock)?;
    if word != 0 && session.spin_locks.holder(lock).is_none() {
        return Err(Stop::Misuse {
            rule: Rule::SpinLockBadWord,
            message: format!("the spin lock at {lock} holds {word:#x} and nobody has acquired it"),
        });
    }
    // Another processor lets it go before anything else is decided.
    let me = session.processor_number();
    while let Some(holder) = session.spin_locks.holder(lock).filter(|&holder| holder != me) {
        session.dispatcher().spin_on(lock, SpinReason::SpinLock, Some(holder));
        session.block()?;
    }
    let acquired = match session.irql() >= Irql::DISPATCH {
        true => session.acquire_protected(lock),
        false => {
            let message = format!(
                "the spin lock at {lock} was acquired at {} by a routine that must be called at DISPATCH_LEVEL",
                session.irql()
            );
            session.report_rule(call, Rule::IrqlTooLow, &message);
            session.spin_locks.acquire_unprotected(lock, session.processor_number())
        }
    };
    acquired.map_err(|violation| Stop::Crime {
        violation,
        message: format!("the spin lock at {lock} was acquired by the processor that holds it"),
    })?;
    memory::write(lock, 1_u64)?;
    Ok(())
}

fn release(session: &Session, call: &Call<'_>, lock: VirtualAddress) -> Result<(), Stop> {
    let irql = session.irql();
    let protected = session.spin_locks.release(lock).map_err(|violation| Stop::Crime {
        violation,
        message: format!("the spin lock at {lock} was released and nobody held it"),
    })?;
    // A lock that was acquired too low has been told of already.
    if irql < Irql::DISPATCH && protected {
        let message =
            format!("the spin lock at {lock} was released at {irql}, below the level it is held at");
        session.report_rule(call, Rule::IrqlTooLow, &message);
    }
    memory::write(lock, 0_u64)?;
    session.dispatcher().spin_released(lock);
    Ok(())
}

pub(super) fn KeAcquireSpinLockRaiseToDpc(session: &Session, call: &Call<'_>) -> Answer {
    let former = raise(session, Irql::DISPATCH)?;
    acquire(session, call, call.address(0)?)?;
    Ok(former)
}

pub(super) fn KeAcquireSpinLock(session: &Session, call: &Call<'_>) -> Answer {
    let former = KeAcquireSpinLockRaiseToDpc(session, call)?;
    memory::write(call.address(1)?, former as u8)?;
    Ok(0)
}

pub(super) fn KeReleaseSpinLock(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call, call.address(0)?)?;
    lower(session, level(call, 1)?)
}

pub(super) fn KeAcquireSpinLockAtDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    acquire(session, call, call.address(0)?)?;
    Ok(0)
}

pub(super) fn KeReleaseSpinLockFromDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call, call.address(0)?)?;
    Ok(0)
}

pub(super) fn KeTestSpinLock(_: &Session, call: &Call<'_>) -> Answer {
    let word: u64 = memory::read(call.address(0)?)?;
    Ok(u64::from(word == 0))
}

pub(super) fn KeTryToAcquireSpinLockAtDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    let lock = call.address(0)?;
    let word: u64 = memory::read(lock)?;
    if word != 0 {
        return Ok(0);
    }
    acquire(session, call, lock)?;
    Ok(1)
}

// ── Bug checks ────────────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn KeBugCheckEx(_: &Session, call: &Call<'_>) -> Answer {
    let parameters = [call.argument(1)?, call.argument(2)?, call.argument(3)?, call.argument(4)?];
    Err(Stop::BugCheck(BugCheck::new(BugCheckCode(call.u32(0)?), parameters)))
}

pub(super) fn KeBugCheck(_: &Session, call: &Call<'_>) -> Answer {
    Err(Stop::BugCheck(BugCheck::new(BugCheckCode(call.u32(0)?), [0; 4])))
}
