//! Routines of structured exceptions: raising, handling, unwinding, probes, and looking at one's own frames.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::exceptions::{BackTrace, HandlerCall, Probe, Target, VirtualUnwind};
use crate::session::Session;
use crate::stop::Answer;
use ntpool_machine::Fault;
use ntpool_types::{NtStatus, VirtualAddress};

pub(super) fn __C_specific_handler(session: &Session, call: &Call<'_>) -> Answer {
    let handler = HandlerCall {
        record: call.address(0)?,
        frame: call.argument(1)?,
        context: call.address(2)?,
        dispatcher: call.address(3)?,
    };
    session.with_exceptions(call, |engine, caller| engine.c_specific_handler(handler, caller))
}

pub(super) fn RtlRaiseException(session: &Session, call: &Call<'_>) -> Answer {
    let record = call.address(0)?;
    session.with_exceptions(call, |engine, caller| Err(engine.raise_record(record, caller)))
}

pub(super) fn RtlRaiseStatus(session: &Session, call: &Call<'_>) -> Answer {
    raise(session, call, NtStatus(call.u32(0)?))
}

pub(super) fn ExRaiseStatus(session: &Session, call: &Call<'_>) -> Answer {
    raise(session, call, NtStatus(call.u32(0)?))
}

pub(super) fn ExRaiseAccessViolation(session: &Session, call: &Call<'_>) -> Answer {
    raise(session, call, NtStatus::ACCESS_VIOLATION)
}

pub(super) fn ExRaiseDatatypeMisalignment(session: &Session, call: &Call<'_>) -> Answer {
    raise(session, call, NtStatus::DATATYPE_MISALIGNMENT)
}

fn raise(session: &Session, call: &Call<'_>, status: NtStatus) -> Answer {
    session.with_exceptions(call, |engine, caller| Err(engine.raise_status(status, caller)))
}

pub(super) fn RtlUnwind(session: &Session, call: &Call<'_>) -> Answer {
    unwind(session, call, None)
}

pub(super) fn RtlUnwindEx(session: &Session, call: &Call<'_>) -> Answer {
    let history = optional(call.address(5)?);
    unwind(session, call, history)
}

fn unwind(session: &Session, call: &Call<'_>, history: Option<VirtualAddress>) -> Answer {
    let frame = call.argument(0)?;
    let target = Target {
        frame: (frame != 0).then_some(frame),
        instruction: call.argument(1)?,
        record: optional(call.address(2)?),
        value: call.argument(3)?,
        history,
    };
    session.with_exceptions(call, |engine, caller| Err(engine.unwind(&target, caller, 0)))
}

pub(super) fn _local_unwind(session: &Session, call: &Call<'_>) -> Answer {
    let target = Target {
        frame: Some(call.argument(0)?),
        instruction: call.argument(1)?,
        record: None,
        value: 0,
        history: None,
    };
    session.with_exceptions(call, |engine, caller| Err(engine.unwind(&target, caller, 0)))
}

pub(super) fn RtlVirtualUnwind(session: &Session, call: &Call<'_>) -> Answer {
    let request = VirtualUnwind {
        handler_type: call.u32(0)?,
        control_pc: call.argument(2)?,
        context: call.address(4)?,
        handler_data: call.address(5)?,
        establisher_frame: call.address(6)?,
        pointers: call.address(7)?,
    };
    session.with_exceptions(call, |engine, _| engine.virtual_unwind(&request))
}

pub(super) fn RtlLookupFunctionEntry(session: &Session, call: &Call<'_>) -> Answer {
    let (at, base) = (call.address(0)?, call.address(1)?);
    session.with_exceptions(call, |engine, _| engine.find_function(at, base))
}

pub(super) fn RtlPcToFileHeader(session: &Session, call: &Call<'_>) -> Answer {
    let (at, base) = (call.address(0)?, call.address(1)?);
    session.with_exceptions(call, |engine, _| engine.find_image(at, base))
}

pub(super) fn RtlCaptureContext(session: &Session, call: &Call<'_>) -> Answer {
    let at = call.address(0)?;
    session.with_exceptions(call, |engine, caller| engine.capture_context(at, caller))
}

pub(super) fn RtlRestoreContext(session: &Session, call: &Call<'_>) -> Answer {
    let at = call.address(0)?;
    session.with_exceptions(call, |engine, caller| Err(engine.restore_context(at, caller)))
}

pub(super) fn RtlCaptureStackBackTrace(session: &Session, call: &Call<'_>) -> Answer {
    let request = BackTrace {
        skip: call.u32(0)?,
        limit: call.u32(1)?,
        addresses: call.address(2)?,
        hash: call.address(3)?,
    };
    session.with_exceptions(call, |engine, caller| engine.back_trace(&request, caller))
}

pub(super) fn ProbeForRead(session: &Session, call: &Call<'_>) -> Answer {
    let probe = probe(call)?;
    session.with_exceptions(call, |engine, caller| engine.probe_for_read(probe, caller))
}

pub(super) fn ProbeForWrite(session: &Session, call: &Call<'_>) -> Answer {
    let probe = probe(call)?;
    session.with_exceptions(call, |engine, caller| engine.probe_for_write(probe, caller))
}

fn probe(call: &Call<'_>) -> Result<Probe, Fault> {
    Ok(Probe { address: call.address(0)?, length: call.size(1)?, alignment: call.u32(2)? })
}

/// An address that may be NULL.
fn optional(address: VirtualAddress) -> Option<VirtualAddress> {
    (address != VirtualAddress::NULL).then_some(address)
}
