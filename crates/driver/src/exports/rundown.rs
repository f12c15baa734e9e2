//! Run-down protection, in its plain form and in the one that Windows keeps for each processor apart.
//!
//! A driver cannot look into the second form, so here it is the first one in memory of its own.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::allocations::{Requested, Wanted};
use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::RundownRef;
use ntpool_machine::RundownError;
use ntpool_machine::dispatcher::WaitReason;
use ntpool_pool::Contents;
use ntpool_types::{Bytes, PoolType, Rule, VirtualAddress};

/// In the count: the run-down has begun. Protection counts in twos.
const BEGUN: u64 = 1;

fn show(session: &Session, reference: VirtualAddress) -> Result<(), Stop> {
    let count = {
        let rundowns = session.locks.rundowns.borrow();
        let rundown = rundowns.get(reference);
        rundown.map_or(0, |rundown| 2 * rundown.count + if rundown.has_begun { BEGUN } else { 0 })
    };
    Ok(memory::write_field(reference, RundownRef::COUNT, count)?)
}

fn stop_for(session: &Session, reference: VirtualAddress, error: RundownError) -> Stop {
    match error {
        RundownError::NotInitialized => session.no_lock("rundown protection", reference),
        RundownError::NotHeld { count } => Stop::Misuse {
            rule: Rule::LockNotOwned,
            message: format!(
                "the rundown protection at {reference} was released more often than it was acquired; it is held {count} times"
            ),
        },
        RundownError::InUse { .. } => unreachable!("what is in use is told of softly"),
    }
}

/// What is done to a reference that is still in use is done all the same.
fn unless_in_use(
    session: &Session,
    call: &Call<'_>,
    reference: VirtualAddress,
    done: Result<(), RundownError>,
    deed: &str,
) -> Result<(), Stop> {
    match done {
        Ok(()) => Ok(()),
        Err(RundownError::InUse { count }) => {
            let message = format!(
                "the rundown protection at {reference} was {deed} before its run-down was over; it is held {count} times"
            );
            session.report_rule(call, Rule::RundownInUse, &message);
            Ok(())
        }
        Err(error) => Err(stop_for(session, reference, error)),
    }
}

fn initialize(session: &Session, call: &Call<'_>, reference: VirtualAddress) -> Result<(), Stop> {
    // Writing first, so that memory that is none of the driver's is no reference.
    memory::write_field(reference, RundownRef::COUNT, 0)?;
    let former = session.locks.rundowns.borrow_mut().initialize(reference);
    let done = former.map_or(Ok(()), |former| Err(RundownError::InUse { count: former.count }));
    unless_in_use(session, call, reference, done, "initialized")
}

fn acquire(session: &Session, reference: VirtualAddress, count: u32) -> Answer {
    let acquired = session.locks.rundowns.borrow_mut().acquire(reference, count);
    let acquired = acquired.map_err(|error| stop_for(session, reference, error))?;
    show(session, reference)?;
    Ok(u64::from(acquired))
}

fn release(session: &Session, reference: VirtualAddress, count: u32) -> Answer {
    let released = session.locks.rundowns.borrow_mut().release(reference, count);
    let waiters = released.map_err(|error| stop_for(session, reference, error))?;
    show(session, reference)?;
    session.hand_on(reference, &waiters, None);
    Ok(0)
}

fn wait(session: &Session, reference: VirtualAddress) -> Answer {
    let thread = session.thread();
    let begun = session.locks.rundowns.borrow_mut().begin(reference, thread);
    let waits = begun.map_err(|error| stop_for(session, reference, error))?;
    show(session, reference)?;
    if waits {
        session.wait_for_lock(reference, WaitReason::Rundown, None)?;
    }
    Ok(0)
}

fn complete(session: &Session, call: &Call<'_>, reference: VirtualAddress) -> Answer {
    let done = session.locks.rundowns.borrow_mut().complete(reference);
    unless_in_use(session, call, reference, done, "marked as run down")?;
    show(session, reference)?;
    Ok(0)
}

fn reinitialize(session: &Session, call: &Call<'_>, reference: VirtualAddress) -> Answer {
    let done = session.locks.rundowns.borrow_mut().reinitialize(reference);
    unless_in_use(session, call, reference, done, "initialized again")?;
    show(session, reference)?;
    Ok(0)
}

pub(super) fn ExInitializeRundownProtection(session: &Session, call: &Call<'_>) -> Answer {
    initialize(session, call, call.address(0)?)?;
    Ok(0)
}

pub(super) fn ExReInitializeRundownProtection(session: &Session, call: &Call<'_>) -> Answer {
    reinitialize(session, call, call.address(0)?)
}

pub(super) fn ExAcquireRundownProtection(session: &Session, call: &Call<'_>) -> Answer {
    acquire(session, call.address(0)?, 1)
}

pub(super) fn ExAcquireRundownProtectionEx(session: &Session, call: &Call<'_>) -> Answer {
    acquire(session, call.address(0)?, call.u32(1)?)
}

pub(super) fn ExReleaseRundownProtection(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call.address(0)?, 1)
}

pub(super) fn ExReleaseRundownProtectionEx(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call.address(0)?, call.u32(1)?)
}

pub(super) fn ExWaitForRundownProtectionRelease(session: &Session, call: &Call<'_>) -> Answer {
    wait(session, call.address(0)?)
}

pub(super) fn ExRundownCompleted(session: &Session, call: &Call<'_>) -> Answer {
    complete(session, call, call.address(0)?)
}

// ── For each processor apart ──────────────────────────────────────────────────────────────────────────────────────

/// The bytes of a reference: a cache line for the whole and one for each processor.
fn cache_aware_size(session: &Session) -> Bytes {
    const CACHE_LINE: u64 = 64;
    Bytes(CACHE_LINE * (1 + u64::from(session.order.processors)))
}

pub(super) fn ExSizeOfRundownProtectionCacheAware(session: &Session, _: &Call<'_>) -> Answer {
    Ok(cache_aware_size(session).0)
}

pub(super) fn ExAllocateCacheAwareRundownProtection(session: &Session, call: &Call<'_>) -> Answer {
    let (pool_type, tag) = (PoolType(call.u32(0)?), call.tag(1)?);
    let Some(kind) = session.kind_of(pool_type) else {
        session.report_bad_pool_type(call, pool_type);
        return Ok(0);
    };
    let size = cache_aware_size(session);
    let wanted = Wanted { size, kind, tag, contents: Contents::Zeroed, quota: false };
    let Some(reference) = session.allocate(call, &wanted) else { return Ok(0) };
    initialize(session, call, reference)?;
    Ok(reference.0)
}

pub(super) fn ExFreeCacheAwareRundownProtection(session: &Session, call: &Call<'_>) -> Answer {
    session.free(call, Requested { address: call.address(0)?, tag: None });
    Ok(0)
}

pub(super) fn ExInitializeRundownProtectionCacheAware(session: &Session, call: &Call<'_>) -> Answer {
    initialize(session, call, call.address(0)?)?;
    Ok(0)
}

pub(super) fn ExReInitializeRundownProtectionCacheAware(session: &Session, call: &Call<'_>) -> Answer {
    reinitialize(session, call, call.address(0)?)
}

pub(super) fn ExAcquireRundownProtectionCacheAware(session: &Session, call: &Call<'_>) -> Answer {
    acquire(session, call.address(0)?, 1)
}

pub(super) fn ExAcquireRundownProtectionCacheAwareEx(session: &Session, call: &Call<'_>) -> Answer {
    acquire(session, call.address(0)?, call.u32(1)?)
}

pub(super) fn ExReleaseRundownProtectionCacheAware(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call.address(0)?, 1)
}

pub(super) fn ExReleaseRundownProtectionCacheAwareEx(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call.address(0)?, call.u32(1)?)
}

pub(super) fn ExWaitForRundownProtectionReleaseCacheAware(session: &Session, call: &Call<'_>) -> Answer {
    wait(session, call.address(0)?)
}

pub(super) fn ExRundownCompletedCacheAware(session: &Session, call: &Call<'_>) -> Answer {
    complete(session, call, call.address(0)?)
}
