//! Fast mutexes and guarded mutexes, whose memory looks alike: a count that is 1 when nobody owns it, and the owner.
//!
//! A fast mutex holds its owner at APC_LEVEL, a guarded mutex in a guarded region; that from Windows 8 on the second is
//! made like the first is not to be seen by a driver, since all procedure calls are held back either way.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::ke::lower;
use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_abi::{DispatcherHeader, FastMutex, KEvent, ListEntry, SYNCHRONIZATION_EVENT};
use ntpool_machine::Grant;
use ntpool_machine::dispatcher::{ThreadId, WaitReason};
use ntpool_types::{Irql, Rule, VirtualAddress};

/// In the count: nobody owns the mutex.
const FREE: i32 = 1;
/// In the count: one thread waits.
const WAITER: i32 = 4;

/// What a mutex is.
#[derive(Clone, Copy)]
enum Kind {
    Fast,
    Guarded,
}

impl Kind {
    fn what(self) -> &'static str {
        match self {
            Kind::Fast => "the fast mutex",
            Kind::Guarded => "the guarded mutex",
        }
    }

    fn reason(self) -> WaitReason {
        match self {
            Kind::Fast => WaitReason::FastMutex,
            Kind::Guarded => WaitReason::GuardedMutex,
        }
    }
}

impl Session {
    /// Shows in a mutex who owns it and how many wait.
    fn show_mutex(&self, mutex: VirtualAddress) -> Result<(), Stop> {
        let (owner, waiters) = {
            let mutexes = self.locks.mutexes.borrow();
            (mutexes.owner(mutex), mutexes.waiter_count(mutex) as i32)
        };
        let count = if owner.is_some() { WAITER * waiters } else { FREE };
        let object = owner.map_or(0, |owner| self.dispatcher().thread(owner).object().0);
        memory::write_field(mutex, FastMutex::COUNT, count)?;
        Ok(memory::write_field(mutex, FastMutex::OWNER, object)?)
    }

    /// Lets a mutex go for its owner; whether it was that.
    pub(crate) fn give_back_mutex(&self, mutex: VirtualAddress, owner: ThreadId) -> Result<(), Stop> {
        let released = self.locks.mutexes.borrow_mut().release(mutex, owner);
        match released {
            Ok(next) => {
                self.show_mutex(mutex)?;
                self.hand_on(mutex, next.as_slice(), next);
                Ok(())
            }
            Err(other) => Err(Stop::Misuse {
                rule: Rule::LockNotOwned,
                message: format!(
                    "the fast or guarded mutex at {mutex} was released by a thread that does not have it; {}",
                    self.shown_owner(other.owner)
                ),
            }),
        }
    }
}

/// A mutex is initialized by code that the header puts into the driver, so its memory says whether it is one.
fn check(session: &Session, mutex: VirtualAddress, kind: Kind) -> Result<(), Stop> {
    let count: i32 = memory::read_field(mutex, FastMutex::COUNT)?;
    let is_owned = session.locks.mutexes.borrow().owner(mutex).is_some();
    if is_owned && count == FREE {
        // It was initialized again.
        session.locks.mutexes.borrow_mut().forget(mutex);
    } else if !is_owned && count != FREE {
        return Err(session.no_lock(&kind.what()["the ".len()..], mutex));
    }
    Ok(())
}

fn acquire(session: &Session, mutex: VirtualAddress, kind: Kind) -> Result<(), Stop> {
    check(session, mutex, kind)?;
    let thread = session.thread();
    let granted = session.locks.mutexes.borrow_mut().acquire(mutex, thread);
    match granted {
        Ok(Grant::Now) => session.show_mutex(mutex),
        Ok(Grant::Later { owner }) => {
            let contention: u32 = memory::read_field(mutex, FastMutex::CONTENTION)?;
            memory::write_field(mutex, FastMutex::CONTENTION, contention.wrapping_add(1))?;
            session.show_mutex(mutex)?;
            session.wait_for_lock(mutex, kind.reason(), owner)
        }
        Err(_) => Err(session.recursive(kind.what(), mutex)),
    }
}

/// Takes a mutex that is free; whether it was.
fn attempt(session: &Session, mutex: VirtualAddress, kind: Kind) -> Result<bool, Stop> {
    check(session, mutex, kind)?;
    let is_free = session.locks.mutexes.borrow().owner(mutex).is_none();
    if is_free {
        acquire(session, mutex, kind)?;
    }
    Ok(is_free)
}

fn release(session: &Session, mutex: VirtualAddress) -> Result<(), Stop> {
    session.give_back_mutex(mutex, session.thread())
}

// ── Fast mutexes ──────────────────────────────────────────────────────────────────────────────────────────────────

/// Raises to APC_LEVEL from below; the former level.
fn raise(session: &Session) -> Irql {
    let former = session.irql();
    if former <= Irql::APC {
        session.raise_irql(Irql::APC).expect("the level is not above the new one");
    }
    former
}

/// Goes back to a level that was saved; above APC_LEVEL there was nothing to raise.
fn lower_to(session: &Session, saved: Irql) -> Result<(), Stop> {
    if saved <= Irql::APC {
        lower(session, saved)?;
    }
    Ok(())
}

pub(super) fn ExAcquireFastMutex(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    let former = raise(session);
    acquire(session, mutex, Kind::Fast)?;
    memory::write_field(mutex, FastMutex::OLD_IRQL, u32::from(former.level()))?;
    Ok(0)
}

pub(super) fn ExTryToAcquireFastMutex(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    let former = raise(session);
    let acquired = attempt(session, mutex, Kind::Fast)?;
    if acquired {
        memory::write_field(mutex, FastMutex::OLD_IRQL, u32::from(former.level()))?;
    } else {
        lower_to(session, former)?;
    }
    Ok(u64::from(acquired))
}

pub(super) fn ExReleaseFastMutex(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    let irql = session.irql();
    if irql < Irql::APC {
        let message =
            format!("the fast mutex at {mutex} was released at {irql}, below the level it is held at");
        session.report_rule(call, Rule::IrqlTooLow, &message);
    }
    let saved: u32 = memory::read_field(mutex, FastMutex::OLD_IRQL)?;
    release(session, mutex)?;
    if irql >= Irql::APC {
        lower_to(session, Irql::new(saved as u8).unwrap_or(Irql::HIGH))?;
    }
    Ok(0)
}

pub(super) fn ExAcquireFastMutexUnsafe(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    session.check_apcs_disabled(call, &format!("the fast mutex at {mutex} was acquired"));
    acquire(session, mutex, Kind::Fast)?;
    Ok(0)
}

pub(super) fn ExReleaseFastMutexUnsafe(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    session.check_apcs_disabled(call, &format!("the fast mutex at {mutex} was released"));
    release(session, mutex)?;
    Ok(0)
}

pub(super) fn ExEnterCriticalRegionAndAcquireFastMutexUnsafe(session: &Session, call: &Call<'_>) -> Answer {
    session.dispatcher().enter_critical_region();
    acquire(session, call.address(0)?, Kind::Fast)?;
    Ok(0)
}

pub(super) fn ExReleaseFastMutexUnsafeAndLeaveCriticalRegion(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call.address(0)?)?;
    leave_critical_region(session, call);
    Ok(0)
}

/// Leaves a critical region; one that was not entered is told of.
pub(super) fn leave_critical_region(session: &Session, call: &Call<'_>) {
    let left = session.dispatcher().leave_critical_region();
    if let Err(crime) = left {
        session.report_rule(call, Rule::ApcRegionNotEntered, &crime.to_string());
    } else {
        session.check_region_outlasts_resources(call);
    }
}

// ── Guarded mutexes ───────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn KeInitializeGuardedMutex(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    session.locks.mutexes.borrow_mut().forget(mutex);
    let list = mutex.0 + FastMutex::EVENT.offset() + DispatcherHeader::WAIT_LIST_HEAD.offset();
    let mut fresh: FastMutex = ntpool_abi::zerocopy::FromZeros::new_zeroed();
    fresh.count = FREE;
    fresh.event.header.object_type = SYNCHRONIZATION_EVENT as u8;
    fresh.event.header.size = (KEvent::SIZE / 4) as u8;
    fresh.event.header.wait_list_head = ListEntry { flink: list, blink: list };
    memory::write(mutex, fresh)?;
    Ok(0)
}

pub(super) fn KeAcquireGuardedMutex(session: &Session, call: &Call<'_>) -> Answer {
    session.dispatcher().enter_guarded_region();
    acquire(session, call.address(0)?, Kind::Guarded)?;
    Ok(0)
}

pub(super) fn KeTryToAcquireGuardedMutex(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    session.dispatcher().enter_guarded_region();
    let acquired = attempt(session, mutex, Kind::Guarded)?;
    if !acquired {
        let left = session.dispatcher().leave_guarded_region();
        debug_assert!(left.is_ok(), "it was entered just now");
    }
    Ok(u64::from(acquired))
}

pub(super) fn KeReleaseGuardedMutex(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call.address(0)?)?;
    let left = session.dispatcher().leave_guarded_region();
    if let Err(crime) = left {
        session.report_rule(call, Rule::ApcRegionNotEntered, &crime.to_string());
    }
    Ok(0)
}

fn check_all_apcs_disabled(session: &Session, call: &Call<'_>, deed: &str) {
    if !session.dispatcher().all_apcs_disabled() {
        let message = format!(
            "{deed} with asynchronous procedure calls enabled; enter a guarded region first and leave it last"
        );
        session.report_rule(call, Rule::LockApcsEnabled, &message);
    }
}

pub(super) fn KeAcquireGuardedMutexUnsafe(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    check_all_apcs_disabled(session, call, &format!("the guarded mutex at {mutex} was acquired"));
    acquire(session, mutex, Kind::Guarded)?;
    Ok(0)
}

pub(super) fn KeReleaseGuardedMutexUnsafe(session: &Session, call: &Call<'_>) -> Answer {
    let mutex = call.address(0)?;
    check_all_apcs_disabled(session, call, &format!("the guarded mutex at {mutex} was released"));
    release(session, mutex)?;
    Ok(0)
}
