//! Push locks. The lock's word is 0 when it is free; of a held one the lowest bit is set, and above four bits stands how
//! often it is shared.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_machine::dispatcher::{ThreadId, WaitReason};
use ntpool_machine::{Grant, Hold};
use ntpool_types::{Rule, VirtualAddress};

/// In the word: the lock is held.
const HELD: u64 = 1;
/// In the word: one shared owner.
const SHARE: u64 = 0x10;

impl Session {
    fn show_push_lock(&self, lock: VirtualAddress) -> Result<(), Stop> {
        let hold = self.locks.push_locks.borrow().hold(lock);
        let word = match hold {
            None => 0,
            Some(Hold::Exclusive) => HELD,
            Some(Hold::Shared(count)) => HELD | (SHARE * count as u64),
        };
        Ok(memory::write(lock, word)?)
    }

    /// Lets a push lock go that a thread has in this way; whether it had it.
    pub(crate) fn give_back_push_lock(
        &self,
        lock: VirtualAddress,
        thread: ThreadId,
        exclusive: bool,
    ) -> bool {
        let released = self.locks.push_locks.borrow_mut().release(lock, thread, exclusive);
        let Ok(next) = released else { return false };
        // The lock may lie in memory that is gone; then nobody reads its word.
        let _ = self.show_push_lock(lock);
        let owner = self.locks.push_locks.borrow().owner(lock);
        self.hand_on(lock, &next, owner);
        true
    }
}

pub(super) fn ExInitializePushLock(session: &Session, call: &Call<'_>) -> Answer {
    let lock = call.address(0)?;
    session.locks.push_locks.borrow_mut().forget(lock);
    memory::write(lock, 0_u64)?;
    Ok(0)
}

fn acquire(session: &Session, call: &Call<'_>, exclusive: bool) -> Answer {
    let lock = call.address(0)?;
    let word: u64 = memory::read(lock)?;
    let is_held = session.locks.push_locks.borrow().hold(lock).is_some();
    match (is_held, word) {
        (false, 1..) => return Err(session.no_lock("push lock", lock)),
        // It was initialized again by hand.
        (true, 0) => session.locks.push_locks.borrow_mut().forget(lock),
        _ => {}
    }
    session.check_apcs_disabled(call, &format!("the push lock at {lock} was acquired"));
    let thread = session.thread();
    let granted = session.locks.push_locks.borrow_mut().acquire(lock, thread, exclusive);
    match granted {
        Ok(Grant::Now) => session.show_push_lock(lock)?,
        Ok(Grant::Later { owner }) => {
            let reason = if exclusive { WaitReason::PushLockExclusive } else { WaitReason::PushLockShared };
            session.wait_for_lock(lock, reason, owner)?;
        }
        Err(_) => return Err(session.recursive("the push lock", lock)),
    }
    Ok(0)
}

fn release(session: &Session, call: &Call<'_>, exclusive: bool) -> Answer {
    let lock = call.address(0)?;
    session.check_apcs_disabled(call, &format!("the push lock at {lock} was released"));
    if !session.give_back_push_lock(lock, session.thread(), exclusive) {
        let way = if exclusive { "exclusively" } else { "shared" };
        let owner = session.locks.push_locks.borrow().owner(lock);
        return Err(Stop::Misuse {
            rule: Rule::LockNotOwned,
            message: format!(
                "the push lock at {lock} was released by a thread that does not have it {way}; {}",
                session.shown_owner(owner)
            ),
        });
    }
    Ok(0)
}

pub(super) fn ExAcquirePushLockExclusiveEx(session: &Session, call: &Call<'_>) -> Answer {
    acquire(session, call, true)
}

pub(super) fn ExAcquirePushLockSharedEx(session: &Session, call: &Call<'_>) -> Answer {
    acquire(session, call, false)
}

pub(super) fn ExReleasePushLockExclusiveEx(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call, true)
}

pub(super) fn ExReleasePushLockSharedEx(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call, false)
}
