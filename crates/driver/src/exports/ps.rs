//! Processes.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_machine::{Access, Fault, Process, QuotaExceeded};
use ntpool_types::{Bytes, Irql, NtStatus, PoolKind, PoolType, Rule, VirtualAddress};

pub(super) fn PsGetCurrentProcess(session: &Session, _: &Call<'_>) -> Answer {
    Ok(session.processes.current().object().0)
}

pub(super) fn PsGetCurrentProcessId(session: &Session, _: &Call<'_>) -> Answer {
    Ok(session.processes.current().id())
}

// ── Another process's addresses. ──────────────────────────────────────────────────────────────────────────────────

/// Where the caller's record of what was attached before, opaque to it, has the process.
const STATE_PROCESS: u64 = 0x20;
/// What stands there when the thread was in that process already.
const SAME_PROCESS: u64 = 1;

/// Attaching and detaching go up to APC_LEVEL; a deferred procedure call that does it is a stop (MACH-048).
fn check_may_attach(session: &Session, call: &Call<'_>, deed: &str) -> Result<(), Stop> {
    if session.dispatcher().in_dpc() {
        return Err(session.stop_for_switch_from_dpc(deed));
    }
    let irql = session.irql();
    if irql > Irql::APC {
        let message = format!("a thread {deed} at {irql}; it may up to {}", Irql::APC);
        session.report_rule(call, Rule::IrqlTooHigh, &message);
    }
    Ok(())
}

/// The machine has one process, so that every thread is in the one that it attaches to.
pub(super) fn KeStackAttachProcess(session: &Session, call: &Call<'_>) -> Answer {
    check_may_attach(session, call, "attached to a process")?;
    process_at(session, call.address(0)?)?;
    memory::write(VirtualAddress(call.address(1)?.0.wrapping_add(STATE_PROCESS)), SAME_PROCESS)?;
    Ok(0)
}

pub(super) fn KeUnstackDetachProcess(session: &Session, call: &Call<'_>) -> Answer {
    check_may_attach(session, call, "detached from a process")?;
    let _: u64 = memory::read(VirtualAddress(call.address(0)?.0.wrapping_add(STATE_PROCESS)))?;
    Ok(0)
}

// ── Quota that a driver charges by itself (POOL-107 to POOL-110). ─────────────────────────────────────────────────

/// The process that an argument names; anything else is taken for an object that can't be read.
fn process_at(session: &Session, address: VirtualAddress) -> Result<&Process, Stop> {
    session.processes.find(address).ok_or(Stop::Fault(Fault {
        address,
        access: Access::Read,
        non_canonical: !address.is_canonical(),
    }))
}

/// The kind of pool whose quota is meant: nonpaged and paged pool, cache-aligned or not. The types that must succeed
/// are obsolete here (POOL-110).
fn kind_of(session: &Session, call: &Call<'_>, pool_type: PoolType) -> Result<PoolKind, NtStatus> {
    let is_obsolete = pool_type.has(PoolType::MUST_SUCCEED_BIT);
    session.kind_of(pool_type).filter(|_| !is_obsolete).ok_or_else(|| {
        session.report_bad_pool_type(call, pool_type);
        NtStatus::INVALID_PARAMETER
    })
}

type Change = fn(&Process, PoolKind, Bytes) -> Result<(), QuotaExceeded>;

fn change(
    session: &Session,
    process: VirtualAddress,
    kind: PoolKind,
    size: Bytes,
    change: Change,
) -> Result<NtStatus, Stop> {
    let status = match change(process_at(session, process)?, kind, size) {
        Ok(()) => NtStatus::SUCCESS,
        Err(QuotaExceeded) => NtStatus::QUOTA_EXCEEDED,
    };
    Ok(status)
}

/// For the routines that take a pool type.
fn change_by_type(session: &Session, call: &Call<'_>, how: Change) -> Result<NtStatus, Stop> {
    let (process, pool_type, size) = (call.address(0)?, PoolType(call.u32(1)?), call.size(2)?);
    match kind_of(session, call, pool_type) {
        Ok(kind) => change(session, process, kind, size, how),
        Err(status) => Ok(status),
    }
}

/// For the routines that are for one kind of pool.
fn change_of(session: &Session, call: &Call<'_>, kind: PoolKind, how: Change) -> Result<NtStatus, Stop> {
    change(session, call.address(0)?, kind, call.size(1)?, how)
}

/// Nothing is returned; what went wrong is raised.
fn raise(status: NtStatus) -> Answer {
    if status.is_success() { Ok(0) } else { Err(Stop::Raise(status)) }
}

fn answer(status: NtStatus) -> Answer {
    Ok(u64::from(status.0))
}

pub(super) fn PsChargePoolQuota(session: &Session, call: &Call<'_>) -> Answer {
    raise(change_by_type(session, call, Process::charge_by_hand)?)
}

pub(super) fn PsReturnPoolQuota(session: &Session, call: &Call<'_>) -> Answer {
    raise(change_by_type(session, call, Process::return_by_hand)?)
}

pub(super) fn PsChargeProcessPoolQuota(session: &Session, call: &Call<'_>) -> Answer {
    answer(change_by_type(session, call, Process::charge_by_hand)?)
}

pub(super) fn PsChargeProcessNonPagedPoolQuota(session: &Session, call: &Call<'_>) -> Answer {
    answer(change_of(session, call, PoolKind::NonPaged, Process::charge_by_hand)?)
}

pub(super) fn PsChargeProcessPagedPoolQuota(session: &Session, call: &Call<'_>) -> Answer {
    answer(change_of(session, call, PoolKind::Paged, Process::charge_by_hand)?)
}

pub(super) fn PsReturnProcessNonPagedPoolQuota(session: &Session, call: &Call<'_>) -> Answer {
    raise(change_of(session, call, PoolKind::NonPaged, Process::return_by_hand)?)
}

pub(super) fn PsReturnProcessPagedPoolQuota(session: &Session, call: &Call<'_>) -> Answer {
    raise(change_of(session, call, PoolKind::Paged, Process::return_by_hand)?)
}
