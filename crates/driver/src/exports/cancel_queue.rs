//! Cancel-safe queues: the driver keeps the requests, and these call its routines in the right order under its lock.
//!
//! A request finds its place in the queue by way of the last of the four pointers that its owner may use: the claim on it,
//! or the queue itself.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::{
    Field, IO_TYPE_CSQ, IO_TYPE_CSQ_EX, IO_TYPE_CSQ_IRP_CONTEXT, IoCsq, IoCsqIrpContext, IoStackLocation,
    Irp, SL_PENDING_RETURNED,
};
use ntpool_types::{NtStatus, VirtualAddress};

/// A queue, for the time of one call.
struct Queue<'a> {
    session: &'a Session,
    at: VirtualAddress,
    /// Where the driver's lock routine stores the level: the place that the caller leaves for the first argument.
    level: VirtualAddress,
}

impl<'a> Queue<'a> {
    fn of(session: &'a Session, call: &Call<'_>) -> Result<Queue<'a>, Stop> {
        Ok(Queue { session, at: call.address(0)?, level: VirtualAddress(call.registers().stack_pointer()) })
    }

    /// Calls one of the driver's routines.
    fn call(&self, routine: Field<u64>, arguments: &[u64]) -> Result<u64, Stop> {
        let routine = memory::read_field(self.at, routine)?;
        let all: Vec<u64> = std::iter::once(self.at.0).chain(arguments.iter().copied()).collect();
        self.session.call_back(VirtualAddress(routine), &all)
    }

    fn lock(&self) -> Result<(), Stop> {
        memory::write(self.level, 0_u8)?;
        self.call(IoCsq::ACQUIRE_LOCK, &[self.level.0])?;
        Ok(())
    }

    fn unlock(&self) -> Result<(), Stop> {
        let level: u8 = memory::read(self.level)?;
        self.call(IoCsq::RELEASE_LOCK, &[u64::from(level)])?;
        Ok(())
    }

    /// Takes a request out and breaks the tie between it and its claim.
    fn take_out(&self, request: u64) -> Result<(), Stop> {
        self.call(IoCsq::REMOVE_IRP, &[request])?;
        let mut pointers = memory::read_field(VirtualAddress(request), Irp::DRIVER_CONTEXT)?;
        let tie = std::mem::take(&mut pointers[3]);
        memory::write_field(VirtualAddress(request), Irp::DRIVER_CONTEXT, pointers)?;
        if tie != 0 && tie != self.at.0 {
            memory::write_field(VirtualAddress(tie), IoCsqIrpContext::IRP, 0)?;
        }
        Ok(())
    }
}

fn initialize(call: &Call<'_>, queue_type: u32) -> Answer {
    let queue = IoCsq {
        queue_type,
        padding: [0; 4],
        insert_irp: call.argument(1)?,
        remove_irp: call.argument(2)?,
        peek_next_irp: call.argument(3)?,
        acquire_lock: call.argument(4)?,
        release_lock: call.argument(5)?,
        complete_canceled_irp: call.argument(6)?,
        reserve_pointer: 0,
    };
    memory::write(call.address(0)?, queue)?;
    Ok(u64::from(NtStatus::SUCCESS.0))
}

pub(super) fn IoCsqInitialize(_: &Session, call: &Call<'_>) -> Answer {
    initialize(call, IO_TYPE_CSQ)
}

pub(super) fn IoCsqInitializeEx(_: &Session, call: &Call<'_>) -> Answer {
    initialize(call, IO_TYPE_CSQ_EX)
}

/// Inserts a request; the status that the driver's routine returned, if it returns one.
fn insert(session: &Session, call: &Call<'_>, insert_context: u64) -> Result<NtStatus, Stop> {
    let queue = Queue::of(session, call)?;
    let (request, claim) = (call.address(1)?, call.address(2)?);
    let tie = if claim == VirtualAddress::NULL {
        queue.at
    } else {
        let fresh = IoCsqIrpContext {
            context_type: IO_TYPE_CSQ_IRP_CONTEXT,
            padding: [0; 4],
            irp: request.0,
            csq: queue.at.0,
        };
        memory::write(claim, fresh)?;
        claim
    };
    let mut pointers = memory::read_field(request, Irp::DRIVER_CONTEXT)?;
    pointers[3] = tie.0;
    memory::write_field(request, Irp::DRIVER_CONTEXT, pointers)?;
    queue.lock()?;
    let status = match memory::read_field(queue.at, IoCsq::TYPE)? {
        IO_TYPE_CSQ_EX => NtStatus(queue.call(IoCsq::INSERT_IRP, &[request.0, insert_context])? as u32),
        _ => {
            queue.call(IoCsq::INSERT_IRP, &[request.0])?;
            NtStatus::SUCCESS
        }
    };
    if !status.is_success() {
        queue.unlock()?;
        return Ok(status);
    }
    mark_pending(request)?;
    let is_cancelled = memory::read_field(request, Irp::CANCEL)? != 0;
    if is_cancelled {
        queue.take_out(request.0)?;
    }
    queue.unlock()?;
    if is_cancelled {
        queue.call(IoCsq::COMPLETE_CANCELED_IRP, &[request.0])?;
    }
    Ok(status)
}

fn mark_pending(request: VirtualAddress) -> Result<(), Stop> {
    let location = VirtualAddress(memory::read_field(request, Irp::CURRENT_STACK_LOCATION)?);
    if location != VirtualAddress::NULL {
        let control: u8 = memory::read_field(location, IoStackLocation::CONTROL)?;
        memory::write_field(location, IoStackLocation::CONTROL, control | SL_PENDING_RETURNED)?;
    }
    Ok(())
}

pub(super) fn IoCsqInsertIrp(session: &Session, call: &Call<'_>) -> Answer {
    insert(session, call, 0)?;
    Ok(0)
}

pub(super) fn IoCsqInsertIrpEx(session: &Session, call: &Call<'_>) -> Answer {
    let status = insert(session, call, call.argument(3)?)?;
    Ok(u64::from(status.0))
}

pub(super) fn IoCsqRemoveIrp(session: &Session, call: &Call<'_>) -> Answer {
    let queue = Queue::of(session, call)?;
    let claim = call.address(1)?;
    queue.lock()?;
    let request: u64 = memory::read_field(claim, IoCsqIrpContext::IRP)?;
    if request != 0 {
        queue.take_out(request)?;
    }
    queue.unlock()?;
    Ok(request)
}

pub(super) fn IoCsqRemoveNextIrp(session: &Session, call: &Call<'_>) -> Answer {
    let queue = Queue::of(session, call)?;
    let peek_context = call.argument(1)?;
    queue.lock()?;
    let request = queue.call(IoCsq::PEEK_NEXT_IRP, &[0, peek_context])?;
    if request != 0 {
        queue.take_out(request)?;
    }
    queue.unlock()?;
    Ok(request)
}
