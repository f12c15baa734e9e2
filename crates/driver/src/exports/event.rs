//! Events.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::io::name_at;
use crate::call::Call;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::system_objects::{SystemKind, SystemObject};
use crate::{memory, objects};
use ntpool_abi::{KEvent, SYNCHRONIZATION_EVENT};
use ntpool_machine::dispatcher::{Dispatcher, NotAnObject, ObjectKind, Reset};
use ntpool_types::{Irql, Rule, VirtualAddress};

fn is_event(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Event(_))
}

/// The event that a routine is given, after a look at its memory.
fn event(session: &Session, call: &Call<'_>) -> Result<VirtualAddress, Stop> {
    let address = call.address(0)?;
    session.object_at(address, is_event)?;
    Ok(address)
}

type Change = fn(&mut Dispatcher, VirtualAddress) -> Result<i32, NotAnObject>;

/// Changes the event that a routine is given; its previous state.
fn change(session: &Session, call: &Call<'_>, change: Change) -> Answer {
    let event = event(session, call)?;
    let previous = change(&mut session.dispatcher(), event);
    let previous = previous.map_err(|missing| session.stop_for_missing(&missing))?;
    session.show_objects();
    Ok(u64::from(previous.cast_unsigned()))
}

/// After a signal that announces a wait: the level is held at DISPATCH_LEVEL until the wait (MACH-152).
pub(super) fn announce_wait(session: &Session, call: &Call<'_>, is_announced: bool) {
    if !is_announced {
        return;
    }
    let irql = session.irql();
    if irql > Irql::APC {
        let message = format!("a wait was announced at {irql}, where it cannot follow");
        session.report_rule(call, Rule::IrqlTooHigh, &message);
    }
    session.dispatcher().hold_for_wait();
    session.level_changed();
}

pub(super) fn KeInitializeEvent(session: &Session, call: &Call<'_>) -> Answer {
    let (event, kind, signalled) = (call.address(0)?, call.u32(1)?, call.u8(2)? != 0);
    let reset = if kind == SYNCHRONIZATION_EVENT { Reset::ByWait } else { Reset::ByHand };
    session.initialize_object(
        call,
        event,
        || objects::write_header(event, ObjectKind::Event(reset), KEvent::SIZE, i32::from(signalled)),
        |dispatcher| dispatcher.initialize_event(event, reset, signalled),
    )?;
    Ok(0)
}

pub(super) fn KeSetEvent(session: &Session, call: &Call<'_>) -> Answer {
    let previous = change(session, call, Dispatcher::set_event)?;
    announce_wait(session, call, call.u8(2)? != 0);
    Ok(previous)
}

pub(super) fn KeResetEvent(session: &Session, call: &Call<'_>) -> Answer {
    change(session, call, Dispatcher::reset_event)
}

pub(super) fn KeClearEvent(session: &Session, call: &Call<'_>) -> Answer {
    change(session, call, Dispatcher::reset_event)?;
    Ok(0)
}

pub(super) fn KePulseEvent(session: &Session, call: &Call<'_>) -> Answer {
    let previous = change(session, call, Dispatcher::pulse_event)?;
    announce_wait(session, call, call.u8(2)? != 0);
    Ok(previous)
}

pub(super) fn KeReadStateEvent(session: &Session, call: &Call<'_>) -> Answer {
    let state = session.object_at(call.address(0)?, is_event)?.signal_state;
    Ok(u64::from(state.cast_unsigned()))
}

// ── Named events ──────────────────────────────────────────────────────────────────────────────────────────────────

/// Opens the event of this name, or makes it, signalled; its address, or NULL.
fn create_named(session: &Session, call: &Call<'_>, reset: Reset) -> Answer {
    let Ok(name) = name_at(call.address(0)?)? else { return Ok(0) };
    let known = session.system_objects.borrow().find(&name);
    let event = match known {
        Some(event) => event,
        None => {
            // The handle that follows is what keeps it.
            let object = SystemObject {
                is_needed: false,
                name: Some(name),
                ..SystemObject::needed(SystemKind::Event)
            };
            let Some(event) = session.make_system_object(object)? else { return Ok(0) };
            session.initialize_object(
                call,
                event,
                || objects::write_header(event, ObjectKind::Event(reset), KEvent::SIZE, 1),
                |dispatcher| dispatcher.initialize_event(event, reset, true),
            )?;
            event
        }
    };
    let handle = session.open_handle(call, event, true);
    memory::write(call.address(1)?, handle)?;
    Ok(event.0)
}

pub(super) fn IoCreateNotificationEvent(session: &Session, call: &Call<'_>) -> Answer {
    create_named(session, call, Reset::ByHand)
}

pub(super) fn IoCreateSynchronizationEvent(session: &Session, call: &Call<'_>) -> Answer {
    create_named(session, call, Reset::ByWait)
}
