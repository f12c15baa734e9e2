//! The I/O manager's routines: device objects, symbolic links, memory descriptor lists.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::strings::Counted;
use crate::allocations::{Requested, Wanted};
use crate::call::Call;
use crate::devices::NewDevice;
use crate::memory;
use crate::session::Session;
use crate::stop::Answer;
use ntpool_machine::ObjectName;
use ntpool_memory::mdl;
use ntpool_pool::Contents;
use ntpool_types::{Bytes, NtStatus, PoolKind, Tag, VirtualAddress};

fn status(status: NtStatus) -> Answer {
    Ok(u64::from(status.0))
}

/// The name in a counted string, or the status that says why it is none.
pub(super) fn name_at(
    address: VirtualAddress,
) -> Result<Result<ObjectName, NtStatus>, ntpool_machine::Fault> {
    let units = Counted::read(address)?.units()?;
    let text = String::from_utf16_lossy(&units);
    Ok(ObjectName::new(&text).ok_or(NtStatus::OBJECT_NAME_INVALID))
}

pub(super) fn IoCreateDevice(session: &Session, call: &Call<'_>) -> Answer {
    let name = match call.address(2)? {
        VirtualAddress::NULL => None,
        address => match name_at(address)? {
            Ok(name) => Some(name),
            Err(why) => return status(why),
        },
    };
    let wanted = NewDevice {
        driver_object: call.address(0)?,
        extension_size: call.u32(1)?,
        name,
        device_type: call.u32(3)?,
        characteristics: call.u32(4)?,
        exclusive: call.u8(5)? != 0,
    };
    match session.create_device(call, wanted)? {
        Ok(device) => {
            memory::write(call.address(6)?, device.0)?;
            status(NtStatus::SUCCESS)
        }
        Err(why) => {
            memory::write(call.address(6)?, 0_u64)?;
            status(why)
        }
    }
}

pub(super) fn IoDeleteDevice(session: &Session, call: &Call<'_>) -> Answer {
    session.delete_device(call, call.address(0)?)?;
    Ok(0)
}

pub(super) fn IoCreateSymbolicLink(session: &Session, call: &Call<'_>) -> Answer {
    match (name_at(call.address(0)?)?, name_at(call.address(1)?)?) {
        (Ok(link), Ok(target)) => status(session.create_link(call, link, target)),
        (Err(why), _) | (_, Err(why)) => status(why),
    }
}

pub(super) fn IoCreateUnprotectedSymbolicLink(session: &Session, call: &Call<'_>) -> Answer {
    IoCreateSymbolicLink(session, call)
}

pub(super) fn IoDeleteSymbolicLink(session: &Session, call: &Call<'_>) -> Answer {
    match name_at(call.address(0)?)? {
        Ok(link) => status(session.delete_link(&link)),
        Err(why) => status(why),
    }
}

/// The tag under which memory descriptor lists are tracked (VRF-036).
const MDL_TAG: Tag = Tag::from_text(*b"VMdl");

pub(super) fn IoAllocateMdl(session: &Session, call: &Call<'_>) -> Answer {
    let (buffer, length) = (call.address(0)?, Bytes(u64::from(call.u32(1)?)));
    let Ok(header) = mdl::initialize(buffer, length) else { return Ok(0) };
    let wanted = Wanted {
        size: mdl::list_size(buffer, length),
        kind: PoolKind::NonPaged,
        tag: MDL_TAG,
        contents: Contents::Zeroed,
        quota: false,
    };
    let Some(list) = session.allocate(call, &wanted) else { return Ok(0) };
    memory::write(list, header)?;
    Ok(list.0)
}

pub(super) fn IoFreeMdl(session: &Session, call: &Call<'_>) -> Answer {
    // Only a list can be freed as a list: another block has another tag.
    session.free(call, Requested { address: call.address(0)?, tag: Some(MDL_TAG) });
    Ok(0)
}

pub(super) fn IoGetCurrentProcess(session: &Session, _: &Call<'_>) -> Answer {
    Ok(session.processes.current().object().0)
}
