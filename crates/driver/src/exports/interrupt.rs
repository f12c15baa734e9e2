//! Interrupts.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::work::Connection;
use ntpool_abi::{
    CONNECT_FULLY_SPECIFIED, CONNECT_FULLY_SPECIFIED_GROUP, CONNECT_LINE_BASED, CONNECT_MESSAGE_BASED,
    ConnectFullySpecified, ConnectInterruptParameters, ConnectLineBased, ConnectMessageBased,
    DisconnectInterruptParameters,
};
use ntpool_types::{Irql, NtStatus, VirtualAddress};

/// The level of an interrupt line whose resources nobody gave a level.
const LINE_LEVEL: u8 = 5;

/// The highest level of a device.
const HIGHEST_DEVICE_LEVEL: u8 = 12;

fn status(status: NtStatus) -> Answer {
    Ok(u64::from(status.0))
}

/// The level of a device, or `None` when no device has it.
fn device_level(level: u8) -> Option<Irql> {
    Irql::new(level).filter(|level| *level > Irql::DISPATCH && level.level() <= HIGHEST_DEVICE_LEVEL)
}

/// Connects an interrupt and writes its object's address to `out`.
fn connect(
    session: &Session,
    call: &Call<'_>,
    out: VirtualAddress,
    connection: Option<Connection>,
) -> Result<NtStatus, Stop> {
    let active = session.dispatcher().active_processors();
    let Some(connection) = connection.filter(|it| it.processors & active != 0) else {
        return Ok(NtStatus::INVALID_PARAMETER);
    };
    match session.connect_interrupt(call, connection)? {
        Some(object) => {
            memory::write(out, object.0)?;
            Ok(NtStatus::SUCCESS)
        }
        None => Ok(NtStatus::INSUFFICIENT_RESOURCES),
    }
}

/// The level at which the routine runs, where the device's is `irql`.
fn synchronized(irql: u8, synchronize: u8) -> Option<Irql> {
    let level = device_level(irql)?;
    device_level(synchronize).filter(|synchronize| *synchronize >= level)
}

pub(super) fn IoConnectInterrupt(session: &Session, call: &Call<'_>) -> Answer {
    let level = synchronized(call.u8(5)?, call.u8(6)?);
    let (routine, context, lock) = (call.address(1)?, call.argument(2)?, call.address(3)?);
    let processors = call.argument(9)?;
    let connection = level.map(|level| Connection { routine, context, lock, level, processors });
    status(connect(session, call, call.address(0)?, connection)?)
}

/// The parameters of the three forms follow the version.
fn body(parameters: VirtualAddress) -> VirtualAddress {
    VirtualAddress(ConnectInterruptParameters::FULLY_SPECIFIED.address_in(parameters.0))
}

fn fully_specified(session: &Session, call: &Call<'_>, at: VirtualAddress, by_group: bool) -> Answer {
    let level = synchronized(
        memory::read_field(at, ConnectFullySpecified::IRQL)?,
        memory::read_field(at, ConnectFullySpecified::SYNCHRONIZE_IRQL)?,
    );
    let group: u16 = memory::read_field(at, ConnectFullySpecified::GROUP)?;
    let level = level.filter(|_| !by_group || group == 0);
    let routine = VirtualAddress(memory::read_field(at, ConnectFullySpecified::SERVICE_ROUTINE)?);
    let context = memory::read_field(at, ConnectFullySpecified::SERVICE_CONTEXT)?;
    let lock = VirtualAddress(memory::read_field(at, ConnectFullySpecified::SPIN_LOCK)?);
    let processors = memory::read_field(at, ConnectFullySpecified::PROCESSOR_ENABLE_MASK)?;
    let out = VirtualAddress(memory::read_field(at, ConnectFullySpecified::INTERRUPT_OBJECT)?);
    let connection = level.map(|level| Connection { routine, context, lock, level, processors });
    status(connect(session, call, out, connection)?)
}

/// Of a line's resources nobody knows anything: its level is one of a device, unless a higher one is asked for.
fn line(
    session: &Session,
    call: &Call<'_>,
    out: VirtualAddress,
    synchronize: u8,
    rest: Connection,
) -> Result<NtStatus, Stop> {
    let level = synchronized(LINE_LEVEL, if synchronize == 0 { LINE_LEVEL } else { synchronize });
    connect(session, call, out, level.map(|level| Connection { level, ..rest }))
}

fn line_based(session: &Session, call: &Call<'_>, at: VirtualAddress) -> Answer {
    let rest = Connection {
        routine: VirtualAddress(memory::read_field(at, ConnectLineBased::SERVICE_ROUTINE)?),
        context: memory::read_field(at, ConnectLineBased::SERVICE_CONTEXT)?,
        lock: VirtualAddress(memory::read_field(at, ConnectLineBased::SPIN_LOCK)?),
        level: Irql::DISPATCH,
        processors: u64::MAX,
    };
    let out = VirtualAddress(memory::read_field(at, ConnectLineBased::INTERRUPT_OBJECT)?);
    let synchronize = memory::read_field(at, ConnectLineBased::SYNCHRONIZE_IRQL)?;
    status(line(session, call, out, synchronize, rest)?)
}

/// No device has messages; with a routine to fall back on the line is connected, and the version says so.
fn message_based(session: &Session, call: &Call<'_>, parameters: VirtualAddress) -> Answer {
    let at = body(parameters);
    let routine = VirtualAddress(memory::read_field(at, ConnectMessageBased::FALL_BACK_SERVICE_ROUTINE)?);
    if routine == VirtualAddress::NULL {
        return status(NtStatus::NOT_FOUND);
    }
    let rest = Connection {
        routine,
        context: memory::read_field(at, ConnectMessageBased::SERVICE_CONTEXT)?,
        lock: VirtualAddress(memory::read_field(at, ConnectMessageBased::SPIN_LOCK)?),
        level: Irql::DISPATCH,
        processors: u64::MAX,
    };
    let out = VirtualAddress(memory::read_field(at, ConnectMessageBased::CONNECTION_CONTEXT)?);
    let synchronize = memory::read_field(at, ConnectMessageBased::SYNCHRONIZE_IRQL)?;
    let connected = line(session, call, out, synchronize, rest)?;
    if connected.is_success() {
        memory::write_field(parameters, ConnectInterruptParameters::VERSION, CONNECT_LINE_BASED)?;
    }
    status(connected)
}

pub(super) fn IoConnectInterruptEx(session: &Session, call: &Call<'_>) -> Answer {
    let parameters = call.address(0)?;
    let version: u32 = memory::read_field(parameters, ConnectInterruptParameters::VERSION)?;
    match version {
        CONNECT_FULLY_SPECIFIED => fully_specified(session, call, body(parameters), false),
        CONNECT_FULLY_SPECIFIED_GROUP => fully_specified(session, call, body(parameters), true),
        CONNECT_LINE_BASED => line_based(session, call, body(parameters)),
        CONNECT_MESSAGE_BASED => message_based(session, call, parameters),
        _ => {
            // The highest version that is understood is told.
            memory::write_field(
                parameters,
                ConnectInterruptParameters::VERSION,
                CONNECT_FULLY_SPECIFIED_GROUP,
            )?;
            status(NtStatus::NOT_SUPPORTED)
        }
    }
}

pub(super) fn IoDisconnectInterrupt(session: &Session, call: &Call<'_>) -> Answer {
    session.disconnect_interrupt(call, call.address(0)?)?;
    Ok(0)
}

pub(super) fn IoDisconnectInterruptEx(session: &Session, call: &Call<'_>) -> Answer {
    let object: u64 =
        memory::read_field(call.address(0)?, DisconnectInterruptParameters::CONNECTION_CONTEXT)?;
    session.disconnect_interrupt(call, VirtualAddress(object))?;
    Ok(0)
}

pub(super) fn KeSynchronizeExecution(session: &Session, call: &Call<'_>) -> Answer {
    let object = call.address(0)?;
    let former = session.hold_interrupt(object)?;
    let value = session.call_back(call.address(1)?, &[call.argument(2)?])?;
    session.let_interrupt_go(object, former)?;
    Ok(value & 0xFF)
}

pub(super) fn KeAcquireInterruptSpinLock(session: &Session, call: &Call<'_>) -> Answer {
    Ok(u64::from(session.hold_interrupt(call.address(0)?)?.level()))
}

pub(super) fn KeReleaseInterruptSpinLock(session: &Session, call: &Call<'_>) -> Answer {
    let level = Irql::new(call.u8(1)?).unwrap_or(Irql::HIGH);
    session.let_interrupt_go(call.address(0)?, level)?;
    Ok(0)
}
