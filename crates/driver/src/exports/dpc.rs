//! Deferred procedure calls.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::work::{DPC_OBJECT, TARGET_BASE, THREADED_DPC_OBJECT};
use ntpool_abi::{KDpc, MEDIUM_IMPORTANCE};
use ntpool_machine::dispatcher::LOW_IMPORTANCE_STEPS;
use ntpool_types::{NtStatus, ProcessorNumber, Rule, VirtualAddress};

fn initialize(session: &Session, call: &Call<'_>, kind: u8) -> Answer {
    let dpc = call.address(0)?;
    if session.dispatcher().remove_dpc(dpc) {
        let message = format!("the deferred procedure call at {dpc} was initialized while it was queued");
        session.report_rule(call, Rule::ObjectInUse, &message);
    }
    memory::write_field(dpc, KDpc::TYPE, kind)?;
    memory::write_field(dpc, KDpc::IMPORTANCE, MEDIUM_IMPORTANCE as u8)?;
    memory::write_field(dpc, KDpc::NUMBER, 0)?;
    memory::write_field(dpc, KDpc::DEFERRED_ROUTINE, call.argument(1)?)?;
    memory::write_field(dpc, KDpc::DEFERRED_CONTEXT, call.argument(2)?)?;
    memory::write_field(dpc, KDpc::DPC_DATA, 0)?;
    Ok(0)
}

pub(super) fn KeInitializeDpc(session: &Session, call: &Call<'_>) -> Answer {
    initialize(session, call, DPC_OBJECT)
}

pub(super) fn KeInitializeThreadedDpc(session: &Session, call: &Call<'_>) -> Answer {
    initialize(session, call, THREADED_DPC_OBJECT)
}

pub(super) fn KeInsertQueueDpc(session: &Session, call: &Call<'_>) -> Answer {
    let object = call.address(0)?;
    let dpc = session.dpc_at(object)?;
    if session.dispatcher().is_queued(object) {
        return Ok(0);
    }
    memory::write_field(object, KDpc::SYSTEM_ARGUMENT1, call.argument(1)?)?;
    memory::write_field(object, KDpc::SYSTEM_ARGUMENT2, call.argument(2)?)?;
    let queued = session.dispatcher().queue_dpc(dpc);
    let queued = queued.map_err(|crime| session.stop_for(&crime))?;
    // Which queue it is in is the system's knowledge; that it is in one can be seen.
    memory::write_field(object, KDpc::DPC_DATA, object.0)?;
    Ok(u64::from(queued))
}

pub(super) fn KeRemoveQueueDpc(session: &Session, call: &Call<'_>) -> Answer {
    let object = call.address(0)?;
    session.dpc_at(object)?;
    let removed = session.dispatcher().remove_dpc(object);
    memory::write_field(object, KDpc::DPC_DATA, 0)?;
    Ok(u64::from(removed))
}

pub(super) fn KeSetImportanceDpc(session: &Session, call: &Call<'_>) -> Answer {
    let object = call.address(0)?;
    session.dpc_at(object)?;
    memory::write_field(object, KDpc::IMPORTANCE, call.u8(1)?)?;
    Ok(0)
}

fn set_target(session: &Session, object: VirtualAddress, number: u8) -> Result<(), Stop> {
    session.dpc_at(object)?;
    memory::write_field(object, KDpc::NUMBER, TARGET_BASE + u16::from(number))?;
    Ok(())
}

pub(super) fn KeSetTargetProcessorDpc(session: &Session, call: &Call<'_>) -> Answer {
    set_target(session, call.address(0)?, call.u8(1)?)?;
    Ok(0)
}

pub(super) fn KeSetTargetProcessorDpcEx(session: &Session, call: &Call<'_>) -> Answer {
    let [group_low, group_high, number, reserved]: [u8; 4] = memory::read(call.address(1)?)?;
    let is_there = u32::from(number) < session.dispatcher().processor_count();
    if group_low != 0 || group_high != 0 || reserved != 0 || !is_there {
        return Ok(u64::from(NtStatus::INVALID_PARAMETER.0));
    }
    set_target(session, call.address(0)?, number)?;
    Ok(u64::from(NtStatus::SUCCESS.0))
}

pub(super) fn KeFlushQueuedDpcs(session: &Session, _: &Call<'_>) -> Answer {
    // As a thread that visits one processor after the other: where it runs, calls have been taken and none is under way.
    let (count, former) = {
        let mut dispatcher = session.dispatcher();
        let former = dispatcher.set_system_affinity(None);
        (dispatcher.processor_count(), former)
    };
    let queued: Vec<VirtualAddress> = session.dispatcher().queued_dpcs().collect();
    let begin = session.dispatcher().steps();
    for number in 0..count {
        session.dispatcher().set_system_affinity(Some(1 << number));
        session.boundary()?;
        while session.processor_number() != ProcessorNumber(number as u16) {
            session.boundary()?;
        }
    }
    session.dispatcher().set_system_affinity(former);
    session.boundary()?;
    // Those of low importance come when they have waited long enough.
    let is_left = || {
        let dispatcher = session.dispatcher();
        let in_time = dispatcher.steps() <= begin + 2 * LOW_IMPORTANCE_STEPS + 64 * u64::from(count);
        in_time && queued.iter().any(|&dpc| dispatcher.is_queued(dpc))
    };
    while is_left() {
        session.let_others_work()?;
    }
    Ok(0)
}
