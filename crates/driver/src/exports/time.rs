//! Clocks and stalls. Reading a clock takes a microsecond of the machine's time.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::time::READING;
use ntpool_abi::KUserSharedData;
use ntpool_host::layout::SHARED_USER_DATA_SHADOW;
use ntpool_machine::dispatcher::UNITS_PER_TICK;
use ntpool_types::VirtualAddress;

/// Units of 100 ns, in which the performance counter counts too, in a second.
const UNITS_PER_SECOND: u64 = 10_000_000;
const UNITS_PER_MICROSECOND: u64 = 10;

/// The finest resolution of timers, in units of 100 ns.
const FINEST_RESOLUTION: u64 = 5_000;

/// The interrupt time, after the time that reading it takes.
fn interrupt_time(session: &Session) -> Result<u64, Stop> {
    session.pass(READING)?;
    Ok(session.now().0)
}

fn system_time(session: &Session, call: &Call<'_>) -> Answer {
    session.pass(READING)?;
    let time = session.dispatcher().clock().system_time();
    memory::write(call.address(0)?, time)?;
    Ok(0)
}

/// The interrupt time, and what the performance counter shows at the same time.
fn precise(session: &Session, call: &Call<'_>) -> Answer {
    let time = interrupt_time(session)?;
    memory::write(call.address(0)?, time)?;
    Ok(time)
}

pub(super) fn KeQuerySystemTime(session: &Session, call: &Call<'_>) -> Answer {
    system_time(session, call)
}

pub(super) fn KeQuerySystemTimePrecise(session: &Session, call: &Call<'_>) -> Answer {
    system_time(session, call)
}

pub(super) fn KeQueryInterruptTime(session: &Session, _: &Call<'_>) -> Answer {
    interrupt_time(session)
}

pub(super) fn KeQueryInterruptTimePrecise(session: &Session, call: &Call<'_>) -> Answer {
    precise(session, call)
}

pub(super) fn KeQueryUnbiasedInterruptTime(session: &Session, _: &Call<'_>) -> Answer {
    interrupt_time(session)
}

pub(super) fn KeQueryUnbiasedInterruptTimePrecise(session: &Session, call: &Call<'_>) -> Answer {
    precise(session, call)
}

pub(super) fn KeQueryTickCount(session: &Session, call: &Call<'_>) -> Answer {
    let ticks = interrupt_time(session)? / UNITS_PER_TICK;
    memory::write(call.address(0)?, ticks)?;
    Ok(0)
}

pub(super) fn KeQueryTimeIncrement(_: &Session, _: &Call<'_>) -> Answer {
    Ok(UNITS_PER_TICK)
}

pub(super) fn KeQueryPerformanceCounter(session: &Session, call: &Call<'_>) -> Answer {
    let frequency = call.address(0)?;
    if frequency != VirtualAddress::NULL {
        memory::write(frequency, UNITS_PER_SECOND)?;
    }
    interrupt_time(session)
}

pub(super) fn KeStallExecutionProcessor(session: &Session, call: &Call<'_>) -> Answer {
    session.pass(u64::from(call.u32(0)?) * UNITS_PER_MICROSECOND)?;
    Ok(0)
}

/// What local time is behind universal time.
fn zone_bias() -> Result<i64, Stop> {
    let at = VirtualAddress(KUserSharedData::TIME_ZONE_BIAS.address_in(SHARED_USER_DATA_SHADOW.0));
    Ok(memory::read(at)?)
}

fn shift(call: &Call<'_>, by: i64) -> Answer {
    let time: i64 = memory::read(call.address(0)?)?;
    memory::write(call.address(1)?, time.wrapping_add(by))?;
    Ok(0)
}

pub(super) fn ExSystemTimeToLocalTime(_: &Session, call: &Call<'_>) -> Answer {
    shift(call, zone_bias()?.wrapping_neg())
}

pub(super) fn ExLocalTimeToSystemTime(_: &Session, call: &Call<'_>) -> Answer {
    shift(call, zone_bias()?)
}

pub(super) fn ExSetTimerResolution(_: &Session, call: &Call<'_>) -> Answer {
    let (wanted, set) = (u64::from(call.u32(0)?), call.u8(1)? != 0);
    Ok(if set { wanted.clamp(FINEST_RESOLUTION, UNITS_PER_TICK) } else { UNITS_PER_TICK })
}
