//! Work items.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::work::{DeviceWork, IO_ITEM_SIZE};
use ntpool_types::VirtualAddress;

pub(super) fn ExQueueWorkItem(session: &Session, call: &Call<'_>) -> Answer {
    session.queue_work_item(call.address(0)?, call.u32(1)?)?;
    Ok(0)
}

pub(super) fn IoSizeofWorkItem(_: &Session, _: &Call<'_>) -> Answer {
    Ok(IO_ITEM_SIZE.0)
}

pub(super) fn IoAllocateWorkItem(session: &Session, call: &Call<'_>) -> Answer {
    let item = session.allocate_io_item(call, call.address(0)?)?;
    Ok(item.unwrap_or(VirtualAddress::NULL).0)
}

pub(super) fn IoInitializeWorkItem(session: &Session, call: &Call<'_>) -> Answer {
    session.initialize_io_item(call, call.address(0)?, call.address(1)?, false)?;
    Ok(0)
}

fn queue(session: &Session, call: &Call<'_>, extended: bool) -> Result<(), Stop> {
    let work = DeviceWork { routine: call.address(1)?, context: call.argument(3)?, extended };
    session.queue_io_item(call.address(0)?, call.u32(2)?, work)
}

pub(super) fn IoQueueWorkItem(session: &Session, call: &Call<'_>) -> Answer {
    queue(session, call, false)?;
    Ok(0)
}

pub(super) fn IoQueueWorkItemEx(session: &Session, call: &Call<'_>) -> Answer {
    queue(session, call, true)?;
    Ok(0)
}

pub(super) fn IoFreeWorkItem(session: &Session, call: &Call<'_>) -> Answer {
    session.end_io_item(call, call.address(0)?)?;
    Ok(0)
}

pub(super) fn IoUninitializeWorkItem(session: &Session, call: &Call<'_>) -> Answer {
    session.end_io_item(call, call.address(0)?)?;
    Ok(0)
}
