//! The kernel's spin locks: ordinary ones, and those that are queued in the order of arrival.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::ke::{level, lower, raise};
use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::KLockQueueHandle;
use ntpool_types::{BugCheck, BugCheckCode, Irql, Rule, Violation, VirtualAddress};

pub(super) fn KeInitializeSpinLock(session: &Session, call: &Call<'_>) -> Answer {
    session.initialize_spin_lock(call.address(0)?)?;
    Ok(0)
}

pub(super) fn KeAcquireSpinLockRaiseToDpc(session: &Session, call: &Call<'_>) -> Answer {
    let former = raise(session, Irql::DISPATCH)?;
    session.acquire_spin_lock(call, call.address(0)?, None)?;
    Ok(former)
}

pub(super) fn KeAcquireSpinLock(session: &Session, call: &Call<'_>) -> Answer {
    let former = KeAcquireSpinLockRaiseToDpc(session, call)?;
    memory::write(call.address(1)?, former as u8)?;
    Ok(0)
}

pub(super) fn KeReleaseSpinLock(session: &Session, call: &Call<'_>) -> Answer {
    session.release_spin_lock(call, call.address(0)?)?;
    lower(session, level(call, 1)?)
}

pub(super) fn KeAcquireSpinLockAtDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    session.acquire_spin_lock(call, call.address(0)?, None)?;
    Ok(0)
}

pub(super) fn KeReleaseSpinLockFromDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    session.release_spin_lock(call, call.address(0)?)?;
    Ok(0)
}

/// In a threaded deferred call, which runs at PASSIVE_LEVEL, it raises the level; in an ordinary one there is nothing to
/// raise.
pub(super) fn KeAcquireSpinLockForDpc(session: &Session, call: &Call<'_>) -> Answer {
    KeAcquireSpinLockRaiseToDpc(session, call)
}

pub(super) fn KeReleaseSpinLockForDpc(session: &Session, call: &Call<'_>) -> Answer {
    KeReleaseSpinLock(session, call)
}

pub(super) fn KeTestSpinLock(_: &Session, call: &Call<'_>) -> Answer {
    let word: u64 = memory::read(call.address(0)?)?;
    Ok(u64::from(word == 0))
}

pub(super) fn KeTryToAcquireSpinLockAtDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    Ok(u64::from(session.try_spin_lock(call, call.address(0)?)?))
}

// ── Queued in the order of arrival. The handle lies on its owner's stack. ─────────────────────────────────────────

fn acquire_queued(session: &Session, call: &Call<'_>, former: Irql) -> Result<(), Stop> {
    let (lock, handle) = (call.address(0)?, call.address(1)?);
    memory::write_field(handle, KLockQueueHandle::NEXT, 0)?;
    memory::write_field(handle, KLockQueueHandle::LOCK, lock.0)?;
    memory::write_field(handle, KLockQueueHandle::OLD_IRQL, former.level())?;
    session.acquire_spin_lock(call, lock, Some(handle))
}

fn release_queued(session: &Session, call: &Call<'_>) -> Result<VirtualAddress, Stop> {
    let handle = call.address(0)?;
    let lock = VirtualAddress(memory::read_field(handle, KLockQueueHandle::LOCK)?);
    let holder: u64 = if lock == VirtualAddress::NULL { 0 } else { memory::read(lock)? };
    if holder != handle.0 {
        return Err(Stop::Crime {
            violation: Violation {
                rule: Rule::SpinLockNotOwned,
                bug_check: BugCheck::new(BugCheckCode::SPIN_LOCK_NOT_OWNED, [lock.0, 0, 0, 0]),
                subject: lock,
            },
            message: format!("the handle at {handle} was released, by way of which no spin lock is held"),
        });
    }
    session.release_spin_lock(call, lock)?;
    memory::write_field(handle, KLockQueueHandle::LOCK, 0)?;
    Ok(handle)
}

pub(super) fn KeAcquireInStackQueuedSpinLock(session: &Session, call: &Call<'_>) -> Answer {
    let former = session.irql();
    raise(session, Irql::DISPATCH)?;
    acquire_queued(session, call, former)?;
    Ok(0)
}

pub(super) fn KeReleaseInStackQueuedSpinLock(session: &Session, call: &Call<'_>) -> Answer {
    let handle = release_queued(session, call)?;
    let former = memory::read_field(handle, KLockQueueHandle::OLD_IRQL)?;
    lower(session, Irql::new(former).unwrap_or(Irql::HIGH))
}

pub(super) fn KeAcquireInStackQueuedSpinLockAtDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    acquire_queued(session, call, session.irql())?;
    Ok(0)
}

pub(super) fn KeReleaseInStackQueuedSpinLockFromDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    release_queued(session, call)?;
    Ok(0)
}

pub(super) fn KeAcquireInStackQueuedSpinLockForDpc(session: &Session, call: &Call<'_>) -> Answer {
    KeAcquireInStackQueuedSpinLock(session, call)
}

pub(super) fn KeReleaseInStackQueuedSpinLockForDpc(session: &Session, call: &Call<'_>) -> Answer {
    KeReleaseInStackQueuedSpinLock(session, call)
}
