//! Executive callbacks: objects that drivers register routines with, and notify.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::strings::Counted;
use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::system_objects::{SystemKind, SystemObject};
use ntpool_abi::ObjectAttributes;
use ntpool_machine::dispatcher::WaitReason;
use ntpool_machine::{Fault, ObjectName, RegisterError};
use ntpool_pool::{Claim, Contents, Placement, Request};
use ntpool_types::{Bytes, NtStatus, PoolKind, Tag, VirtualAddress};

/// The tag of registrations.
const REGISTRATION_TAG: Tag = Tag::from_text(*b"CbRe");

/// Its bytes, of which a driver knows nothing.
const SIZE: Bytes = Bytes(0x30);

/// The objects that the system has made, whoever asks first.
const OF_THE_SYSTEM: [&str; 3] =
    ["\\Callback\\PowerState", "\\Callback\\SetSystemTime", "\\Callback\\ProcessorAdd"];

fn take(session: &Session) -> Option<VirtualAddress> {
    let request =
        Request { size: SIZE, kind: PoolKind::NonPaged, tag: REGISTRATION_TAG, contents: Contents::Zeroed };
    session.take_block(request, Placement::ANY).ok().map(|block| block.address)
}

/// The name in object attributes; `None` when there is none.
fn name_of(attributes: VirtualAddress) -> Result<Option<Result<ObjectName, NtStatus>>, Fault> {
    if attributes == VirtualAddress::NULL {
        return Ok(None);
    }
    let name = VirtualAddress(memory::read_field(attributes, ObjectAttributes::OBJECT_NAME)?);
    if name == VirtualAddress::NULL {
        return Ok(None);
    }
    let text = String::from_utf16_lossy(&Counted::read(name)?.units()?);
    Ok(Some(ObjectName::new(&text).ok_or(NtStatus::OBJECT_NAME_INVALID)))
}

pub(super) fn ExCreateCallback(session: &Session, call: &Call<'_>) -> Answer {
    let (result, create, takes_several) = (call.address(0)?, call.u8(2)? != 0, call.u8(3)? != 0);
    let status = |status: NtStatus| Ok(u64::from(status.0));
    let name = match name_of(call.address(1)?)? {
        Some(Err(why)) => return status(why),
        Some(Ok(name)) => Some(name),
        None => None,
    };
    let known = name.as_ref().and_then(|name| session.system_objects.borrow().find(name));
    if let Some(object) = known {
        if session.system_object(object) != Some(SystemKind::Callback) {
            return status(NtStatus::OBJECT_TYPE_MISMATCH);
        }
        session.reference(call, object)?;
        memory::write(result, object.0)?;
        return status(NtStatus::SUCCESS);
    }
    let is_of_system = name
        .as_ref()
        .is_some_and(|name| OF_THE_SYSTEM.iter().any(|text| ObjectName::new(text).as_ref() == Some(name)));
    if !create && !is_of_system {
        return status(NtStatus::OBJECT_NAME_NOT_FOUND);
    }
    // The reference that follows is what keeps it.
    let object = SystemObject { is_needed: false, name, ..SystemObject::needed(SystemKind::Callback) };
    let Some(object) = session.make_system_object(object)? else {
        return status(NtStatus::INSUFFICIENT_RESOURCES);
    };
    session.reference(call, object)?;
    session.locks.callbacks.borrow_mut().create(object, takes_several || is_of_system);
    memory::write(result, object.0)?;
    status(NtStatus::SUCCESS)
}

/// An object that nobody refers to is gone.
fn check_object(session: &Session, object: VirtualAddress) -> Result<(), Stop> {
    match session.system_object(object) {
        Some(SystemKind::Callback) => Ok(()),
        _ => Err(session.no_lock("callback object", object)),
    }
}

pub(super) fn ExRegisterCallback(session: &Session, call: &Call<'_>) -> Answer {
    let (object, routine, context) = (call.address(0)?, call.address(1)?, call.argument(2)?);
    check_object(session, object)?;
    let allowed = session.locks.callbacks.borrow().can_register(object);
    match allowed {
        Err(RegisterError::NoObject) => return Err(session.no_lock("callback object", object)),
        Err(RegisterError::Taken) => return Ok(0),
        Ok(()) => {}
    }
    let Some(handle) = take(session) else { return Ok(0) };
    session.locks.callbacks.borrow_mut().register(handle, object, routine, context);
    Ok(handle.0)
}

pub(super) fn ExUnregisterCallback(session: &Session, call: &Call<'_>) -> Answer {
    let handle = call.address(0)?;
    let running = session.locks.callbacks.borrow_mut().begin_unregister(handle);
    let running = running.ok_or_else(|| session.no_lock("registered callback routine", handle))?;
    if running > 0 {
        let reason = WaitReason::Other("the return of a callback routine");
        session.wait_for_lock(handle, reason, None)?;
    }
    session.locks.callbacks.borrow_mut().finish_unregister(handle);
    // It is the machine's own block, so this can't fail unless the driver freed it, which was told then.
    let _ = session.pool.free(Claim { address: handle, tag: None });
    Ok(0)
}

pub(super) fn ExNotifyCallback(session: &Session, call: &Call<'_>) -> Answer {
    let (object, first, second) = (call.address(0)?, call.argument(1)?, call.argument(2)?);
    check_object(session, object)?;
    let handles = session.locks.callbacks.borrow().registered_with(object);
    for handle in handles {
        let registration = session.locks.callbacks.borrow_mut().begin_call(handle);
        let Some(registration) = registration else { continue };
        let called = session.call_back(registration.routine, &[registration.context, first, second]);
        let is_last = session.locks.callbacks.borrow_mut().end_call(handle);
        if is_last {
            let waiting: Vec<_> = session.dispatcher().blocked_on(handle).collect();
            session.hand_on(handle, &waiting, None);
        }
        called?;
    }
    Ok(0)
}
