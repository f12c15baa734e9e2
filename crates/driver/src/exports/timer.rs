//! Timers: in the driver's memory, allocated, and of devices.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::objects::write_header;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::work::Deletion;
use ntpool_abi::{
    DeviceObject, EX_TIMER_HIGH_RESOLUTION, EX_TIMER_NO_WAKE, EX_TIMER_NOTIFICATION, ExtDeleteParameters,
    KTimer, SYNCHRONIZATION_TIMER,
};
use ntpool_machine::Instant;
use ntpool_machine::dispatcher::{ObjectKind, ObjectView, Reset, Timeout, TimerAction};
use ntpool_types::{Irql, NtStatus, Rule, VirtualAddress};

fn initialize(session: &Session, call: &Call<'_>, reset: Reset) -> Answer {
    let timer = call.address(0)?;
    let write = || {
        write_header(timer, ObjectKind::Timer(reset), KTimer::SIZE, 0)?;
        memory::write_field(timer, KTimer::DUE_TIME, 0)?;
        memory::write_field(timer, KTimer::DPC, 0)?;
        memory::write_field(timer, KTimer::PROCESSOR, 0)?;
        memory::write_field(timer, KTimer::PERIOD, 0)
    };
    session.initialize_object(call, timer, write, |dispatcher| dispatcher.initialize_timer(timer, reset))?;
    Ok(0)
}

fn is_timer(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Timer(_))
}

pub(super) fn KeInitializeTimer(session: &Session, call: &Call<'_>) -> Answer {
    initialize(session, call, Reset::ByHand)
}

pub(super) fn KeInitializeTimerEx(session: &Session, call: &Call<'_>) -> Answer {
    let reset = if call.u32(1)? == SYNCHRONIZATION_TIMER { Reset::ByWait } else { Reset::ByHand };
    initialize(session, call, reset)
}

/// The timer of the driver's memory that a routine is given. One that was allocated is none: its layout is the system's,
/// and routines of its own set and cancel it.
fn timer_at(session: &Session, timer: VirtualAddress) -> Result<ObjectView, Stop> {
    let view = session.object_at(timer, is_timer)?;
    if session.keeps_timer(timer) {
        let message = format!(
            "the timer at {timer} was allocated; the routines for allocated timers take it, and those that wait for objects"
        );
        return Err(Stop::Misuse { rule: Rule::ObjectNotInitialized, message });
    }
    Ok(view)
}

fn set(session: &Session, call: &Call<'_>, period: u32, dpc: VirtualAddress) -> Answer {
    let timer = call.address(0)?;
    timer_at(session, timer)?;
    let due = Timeout::from_raw(call.argument(1)? as i64);
    let action = match dpc {
        VirtualAddress::NULL => TimerAction::Signal,
        dpc => TimerAction::Dpc(session.dpc_at(dpc)?),
    };
    let was_set = session.set_timer(timer, due, u64::from(period) * Instant::PER_MILLISECOND, action)?;
    let due = session.dispatcher().object(timer).and_then(|view| view.due);
    memory::write_field(timer, KTimer::DUE_TIME, due.map_or(0, |due| due.0))?;
    memory::write_field(timer, KTimer::DPC, dpc.0)?;
    memory::write_field(timer, KTimer::PERIOD, period)?;
    Ok(u64::from(was_set))
}

pub(super) fn KeSetTimer(session: &Session, call: &Call<'_>) -> Answer {
    set(session, call, 0, call.address(2)?)
}

/// A period that is not positive is none.
fn period(call: &Call<'_>) -> Result<u32, Stop> {
    Ok((call.u32(2)? as i32).max(0) as u32)
}

pub(super) fn KeSetTimerEx(session: &Session, call: &Call<'_>) -> Answer {
    set(session, call, period(call)?, call.address(3)?)
}

pub(super) fn KeSetCoalescableTimer(session: &Session, call: &Call<'_>) -> Answer {
    set(session, call, period(call)?, call.address(4)?)
}

pub(super) fn KeCancelTimer(session: &Session, call: &Call<'_>) -> Answer {
    let timer = call.address(0)?;
    timer_at(session, timer)?;
    Ok(u64::from(session.cancel_timer(timer)?))
}

pub(super) fn KeReadStateTimer(session: &Session, call: &Call<'_>) -> Answer {
    let timer = timer_at(session, call.address(0)?)?;
    Ok(u64::from(timer.signal_state != 0))
}

// ── Allocated timers ──────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn ExAllocateTimer(session: &Session, call: &Call<'_>) -> Answer {
    const EXCLUSIVE: u32 = EX_TIMER_HIGH_RESOLUTION | EX_TIMER_NO_WAKE;
    let attributes = call.u32(2)?;
    if attributes & EXCLUSIVE == EXCLUSIVE {
        let message = format!(
            "a timer was allocated with the attributes {attributes:#x}, of a high resolution and waking no processor; \
             give it one of the two"
        );
        return Err(Stop::Misuse { rule: Rule::TimerBadAttributes, message });
    }
    let stays = attributes & EX_TIMER_NOTIFICATION != 0;
    let reset = if stays { Reset::ByHand } else { Reset::ByWait };
    let timer = session.allocate_timer(call, reset, call.address(0)?, call.argument(1)?);
    Ok(timer.unwrap_or(VirtualAddress::NULL).0)
}

pub(super) fn ExSetTimer(session: &Session, call: &Call<'_>) -> Answer {
    let due = Timeout::from_raw(call.argument(1)? as i64);
    let period = (call.argument(2)? as i64).max(0) as u64;
    Ok(u64::from(session.set_allocated_timer(call.address(0)?, due, period)?))
}

pub(super) fn ExCancelTimer(session: &Session, call: &Call<'_>) -> Answer {
    Ok(u64::from(session.cancel_allocated_timer(call.address(0)?)?))
}

pub(super) fn ExDeleteTimer(session: &Session, call: &Call<'_>) -> Answer {
    let (cancel, wait) = (call.u8(1)? != 0, call.u8(2)? != 0);
    let ceiling = if wait { Irql::APC } else { Irql::DISPATCH };
    let irql = session.irql();
    if irql > ceiling {
        let message = format!("a timer was deleted at {irql}; it may be deleted like this up to {ceiling}");
        session.report_rule(call, Rule::IrqlTooHigh, &message);
    }
    let (routine, context) = match call.address(3)? {
        VirtualAddress::NULL => (0, 0),
        parameters => (
            memory::read_field(parameters, ExtDeleteParameters::DELETE_CALLBACK)?,
            memory::read_field(parameters, ExtDeleteParameters::DELETE_CONTEXT)?,
        ),
    };
    let deletion = Deletion { cancel, wait, routine: VirtualAddress(routine), context };
    Ok(u64::from(session.delete_timer(call, call.address(0)?, deletion)?))
}

// ── Devices' timers ───────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn IoInitializeTimer(session: &Session, call: &Call<'_>) -> Answer {
    let device = call.address(0)?;
    match session.initialize_device_timer(call, device, call.address(1)?, call.argument(2)?) {
        Some(timer) => {
            memory::write_field(device, DeviceObject::TIMER, timer.0)?;
            Ok(u64::from(NtStatus::SUCCESS.0))
        }
        None => Ok(u64::from(NtStatus::INSUFFICIENT_RESOURCES.0)),
    }
}

pub(super) fn IoStartTimer(session: &Session, call: &Call<'_>) -> Answer {
    session.run_device_timer(call.address(0)?, true)?;
    Ok(0)
}

pub(super) fn IoStopTimer(session: &Session, call: &Call<'_>) -> Answer {
    session.run_device_timer(call.address(0)?, false)?;
    Ok(0)
}
