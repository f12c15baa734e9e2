//! Processors: which there are, which one runs, where a thread may run, calls of all of them. There is one group.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::{ALL_PROCESSOR_GROUPS, GroupAffinity, GroupedProcessor};
use ntpool_types::{NtStatus, VirtualAddress};

/// The index of a processor that does not exist.
const INVALID_PROCESSOR_INDEX: u32 = u32::MAX;

fn status(status: NtStatus) -> Answer {
    Ok(u64::from(status.0))
}

fn write_number(at: VirtualAddress, number: u8) -> Result<(), Stop> {
    if at != VirtualAddress::NULL {
        memory::write_field(at, GroupedProcessor::GROUP, 0)?;
        memory::write_field(at, GroupedProcessor::NUMBER, number)?;
        memory::write_field(at, GroupedProcessor::RESERVED, 0)?;
    }
    Ok(())
}

pub(super) fn KeGetCurrentProcessorNumber(session: &Session, _: &Call<'_>) -> Answer {
    Ok(u64::from(session.processor_number().0))
}

pub(super) fn KeGetCurrentProcessorNumberEx(session: &Session, call: &Call<'_>) -> Answer {
    let number = session.processor_number().0;
    write_number(call.address(0)?, number as u8)?;
    Ok(u64::from(number))
}

pub(super) fn KeQueryActiveProcessors(session: &Session, _: &Call<'_>) -> Answer {
    Ok(session.dispatcher().active_processors())
}

pub(super) fn KeQueryActiveProcessorCount(session: &Session, call: &Call<'_>) -> Answer {
    let (count, mask) = {
        let dispatcher = session.dispatcher();
        (dispatcher.processor_count(), dispatcher.active_processors())
    };
    let affinity = call.address(0)?;
    if affinity != VirtualAddress::NULL {
        memory::write(affinity, mask)?;
    }
    Ok(u64::from(count))
}

fn count_of_group(session: &Session, call: &Call<'_>) -> Answer {
    let group = call.u32(0)? as u16;
    let count = session.dispatcher().processor_count();
    Ok(if group == 0 || group == ALL_PROCESSOR_GROUPS { u64::from(count) } else { 0 })
}

pub(super) fn KeQueryActiveProcessorCountEx(session: &Session, call: &Call<'_>) -> Answer {
    count_of_group(session, call)
}

pub(super) fn KeQueryMaximumProcessorCount(session: &Session, _: &Call<'_>) -> Answer {
    Ok(u64::from(session.dispatcher().processor_count()))
}

pub(super) fn KeQueryMaximumProcessorCountEx(session: &Session, call: &Call<'_>) -> Answer {
    count_of_group(session, call)
}

pub(super) fn KeQueryActiveGroupCount(_: &Session, _: &Call<'_>) -> Answer {
    Ok(1)
}

pub(super) fn KeQueryMaximumGroupCount(_: &Session, _: &Call<'_>) -> Answer {
    Ok(1)
}

pub(super) fn KeQueryGroupAffinity(session: &Session, call: &Call<'_>) -> Answer {
    let group = call.u32(0)? as u16;
    Ok(if group == 0 { session.dispatcher().active_processors() } else { 0 })
}

pub(super) fn KeGetProcessorNumberFromIndex(session: &Session, call: &Call<'_>) -> Answer {
    let index = call.u32(0)?;
    if index >= session.dispatcher().processor_count() {
        return status(NtStatus::INVALID_PARAMETER);
    }
    write_number(call.address(1)?, index as u8)?;
    status(NtStatus::SUCCESS)
}

pub(super) fn KeGetProcessorIndexFromNumber(session: &Session, call: &Call<'_>) -> Answer {
    let at = call.address(0)?;
    let group: u16 = memory::read_field(at, GroupedProcessor::GROUP)?;
    let number: u8 = memory::read_field(at, GroupedProcessor::NUMBER)?;
    let is_there = group == 0 && u32::from(number) < session.dispatcher().processor_count();
    Ok(u64::from(if is_there { u32::from(number) } else { INVALID_PROCESSOR_INDEX }))
}

// ── Where a thread may run ────────────────────────────────────────────────────────────────────────────────────────

/// Gives the running thread another affinity, on which it goes on; the one that it had been given before, or 0.
fn set_affinity(session: &Session, affinity: Option<u64>) -> Answer {
    let former = session.dispatcher().set_system_affinity(affinity);
    // The thread moves at a boundary, unless its level holds it where it is.
    session.boundary()?;
    Ok(former.unwrap_or(0))
}

pub(super) fn KeSetSystemAffinityThread(session: &Session, call: &Call<'_>) -> Answer {
    set_affinity(session, Some(call.argument(0)?))?;
    Ok(0)
}

pub(super) fn KeSetSystemAffinityThreadEx(session: &Session, call: &Call<'_>) -> Answer {
    set_affinity(session, Some(call.argument(0)?))
}

pub(super) fn KeRevertToUserAffinityThread(session: &Session, _: &Call<'_>) -> Answer {
    set_affinity(session, None)?;
    Ok(0)
}

/// An affinity that was saved: none when it is 0.
fn saved(affinity: u64) -> Option<u64> {
    (affinity != 0).then_some(affinity)
}

pub(super) fn KeRevertToUserAffinityThreadEx(session: &Session, call: &Call<'_>) -> Answer {
    set_affinity(session, saved(call.argument(0)?))?;
    Ok(0)
}

pub(super) fn KeSetSystemGroupAffinityThread(session: &Session, call: &Call<'_>) -> Answer {
    let (wanted, previous) = (call.address(0)?, call.address(1)?);
    let mask: u64 = memory::read_field(wanted, GroupAffinity::MASK)?;
    let group: u16 = memory::read_field(wanted, GroupAffinity::GROUP)?;
    let former = match group {
        0 => set_affinity(session, Some(mask))?,
        // There is no such group, and nothing is changed.
        _ => 0,
    };
    if previous != VirtualAddress::NULL {
        memory::write_field(previous, GroupAffinity::MASK, former)?;
        memory::write_field(previous, GroupAffinity::GROUP, 0)?;
        memory::write_field(previous, GroupAffinity::RESERVED, [0; 3])?;
    }
    Ok(0)
}

pub(super) fn KeRevertToUserGroupAffinityThread(session: &Session, call: &Call<'_>) -> Answer {
    let mask: u64 = memory::read_field(call.address(0)?, GroupAffinity::MASK)?;
    set_affinity(session, saved(mask))?;
    Ok(0)
}

// ── All processors at once ────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn KeIpiGenericCall(session: &Session, call: &Call<'_>) -> Answer {
    session.call_all_processors(call.address(0)?, call.argument(1)?)
}

/// There is no user mode to come from.
pub(super) fn ExGetPreviousMode(_: &Session, _: &Call<'_>) -> Answer {
    const KERNEL_MODE: u64 = 0;
    Ok(KERNEL_MODE)
}
