//! Remove locks, in the plain form and in the one with checks; their size tells which.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::{IoRemoveLock, KEvent, ListEntry, SYNCHRONIZATION_EVENT};
use ntpool_machine::RemoveLockError;
use ntpool_machine::dispatcher::WaitReason;
use ntpool_types::{NtStatus, Rule, VirtualAddress};

/// Shows how often a lock is held, and once more until the removal has begun.
fn show(session: &Session, lock: VirtualAddress) -> Result<(), Stop> {
    let state = session.locks.remove_locks.borrow().state(lock);
    let Some((count, is_removed)) = state else { return Ok(()) };
    memory::write_field(lock, IoRemoveLock::REMOVED, u8::from(is_removed))?;
    let shown = count as i32 + i32::from(!is_removed);
    Ok(memory::write_field(lock, IoRemoveLock::IO_COUNT, shown)?)
}

fn stop_for(session: &Session, lock: VirtualAddress, error: RemoveLockError) -> Stop {
    match error {
        RemoveLockError::NotInitialized => session.no_lock("remove lock", lock),
        RemoveLockError::NotHeld | RemoveLockError::WrongTag => Stop::Misuse {
            rule: Rule::LockNotOwned,
            message: format!("the remove lock at {lock} was released and nobody held it"),
        },
    }
}

/// Lets the threads go on that have waited until nobody holds the lock, when nobody does.
fn wake(session: &Session, lock: VirtualAddress) {
    let woken = session.locks.remove_locks.borrow_mut().take_woken(lock);
    session.hand_on(lock, &woken, None);
}

/// A release under a tag that nobody acquired the lock with is told of and carried out.
fn report_wrong_tag(session: &Session, call: &Call<'_>, lock: VirtualAddress, tag: u64) {
    let message =
        format!("the remove lock at {lock} was released under the tag {tag:#x}, which nobody holds it under");
    session.report_rule(call, Rule::RemoveLockTag, &message);
}

pub(super) fn IoInitializeRemoveLockEx(session: &Session, call: &Call<'_>) -> Answer {
    let (lock, size) = (call.address(0)?, call.u32(4)?);
    let mut fresh: IoRemoveLock = ntpool_abi::zerocopy::FromZeros::new_zeroed();
    let list = lock.0 + IoRemoveLock::REMOVE_EVENT.offset() + 8;
    fresh.remove_event.header.object_type = SYNCHRONIZATION_EVENT as u8;
    fresh.remove_event.header.size = (KEvent::SIZE / 4) as u8;
    fresh.remove_event.header.wait_list_head = ListEntry { flink: list, blink: list };
    memory::write(lock, fresh)?;
    let keeps_tags = u64::from(size) >= IoRemoveLock::CHECKED_SIZE;
    let was_held = session.locks.remove_locks.borrow_mut().initialize(lock, keeps_tags);
    if was_held {
        let message = format!("the remove lock at {lock} was initialized while it was held");
        session.report_rule(call, Rule::ObjectInUse, &message);
    }
    show(session, lock)?;
    Ok(0)
}

pub(super) fn IoAcquireRemoveLockEx(session: &Session, call: &Call<'_>) -> Answer {
    let (lock, tag) = (call.address(0)?, call.argument(1)?);
    let acquired = session.locks.remove_locks.borrow_mut().acquire(lock, tag);
    let acquired = acquired.map_err(|error| stop_for(session, lock, error))?;
    show(session, lock)?;
    let status = if acquired { NtStatus::SUCCESS } else { NtStatus::DELETE_PENDING };
    Ok(u64::from(status.0))
}

pub(super) fn IoReleaseRemoveLockEx(session: &Session, call: &Call<'_>) -> Answer {
    let (lock, tag) = (call.address(0)?, call.argument(1)?);
    let released = session.locks.remove_locks.borrow_mut().release(lock, tag);
    match released {
        Ok(()) => {}
        Err(RemoveLockError::WrongTag) => report_wrong_tag(session, call, lock, tag),
        Err(error) => return Err(stop_for(session, lock, error)),
    }
    show(session, lock)?;
    wake(session, lock);
    Ok(0)
}

pub(super) fn IoReleaseRemoveLockAndWaitEx(session: &Session, call: &Call<'_>) -> Answer {
    let (lock, tag) = (call.address(0)?, call.argument(1)?);
    let removed = session.locks.remove_locks.borrow_mut().remove(lock, tag);
    match removed {
        Ok(()) => {}
        Err(RemoveLockError::WrongTag) => report_wrong_tag(session, call, lock, tag),
        Err(error) => return Err(stop_for(session, lock, error)),
    }
    show(session, lock)?;
    wake(session, lock);
    let waits = session.locks.remove_locks.borrow_mut().wait(lock, session.thread());
    if waits {
        let tags = session.locks.remove_locks.borrow().tags(lock);
        if !tags.is_empty() {
            let tags: Vec<String> = tags.iter().map(|tag| format!("{tag:#x}")).collect();
            let what =
                format!("a removal waits for a remove lock that is held under the tags {}", tags.join(", "));
            session.note_once(call, &what);
        }
        session.wait_for_lock(lock, WaitReason::RemoveLock, None)?;
    }
    Ok(0)
}
