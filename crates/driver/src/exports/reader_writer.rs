//! The executive's spin locks that readers share and a writer has alone.
//!
//! The lock's word is 0 when it is free, the number of readers, or its highest bit for a writer.

#![expect(non_snake_case, reason = "routines have their NT names")]

use super::ke::{level, lower, raise};
use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_machine::dispatcher::{SpinHolder, SpinReason};
use ntpool_types::{Irql, Rule, VirtualAddress};

/// The word of a lock that a writer has.
const WRITER: u32 = 0x8000_0000;

fn show(session: &Session, lock: VirtualAddress) -> Result<(), Stop> {
    let readers = session.locks.reader_writer.borrow().reader_count(lock);
    Ok(memory::write(lock, readers.map_or(WRITER, |count| count as u32))?)
}

/// Tries once; whether the processor has the lock.
fn attempt(session: &Session, lock: VirtualAddress, exclusive: bool, spins: bool) -> Result<bool, Stop> {
    let word: u32 = memory::read(lock)?;
    let processor = session.processor_number();
    let granted = {
        let mut locks = session.locks.reader_writer.borrow_mut();
        if word != 0 && locks.reader_count(lock) == Some(0) {
            return Err(Stop::Misuse {
                rule: Rule::SpinLockBadWord,
                message: format!(
                    "the reader-writer spin lock at {lock} holds {word:#x} and nobody has acquired it"
                ),
            });
        }
        locks.try_acquire(lock, processor, exclusive, spins)
    };
    match granted {
        Ok(true) => {
            show(session, lock)?;
            Ok(true)
        }
        Ok(false) => Ok(false),
        Err(_) if !spins => Ok(false),
        Err(_) => Err(Stop::Misuse {
            rule: Rule::LockRecursive,
            message: format!(
                "the reader-writer spin lock at {lock} was acquired by the processor that holds it"
            ),
        }),
    }
}

fn check_level(session: &Session, call: &Call<'_>, lock: VirtualAddress, deed: &str) {
    let irql = session.irql();
    if irql < Irql::DISPATCH {
        let message =
            format!("the reader-writer spin lock at {lock} was {deed} at {irql}, below DISPATCH_LEVEL");
        session.report_rule(call, Rule::IrqlTooLow, &message);
    }
}

fn acquire(session: &Session, call: &Call<'_>, exclusive: bool) -> Result<(), Stop> {
    let lock = call.address(0)?;
    check_level(session, call, lock, "acquired");
    let began = session.now();
    while !attempt(session, lock, exclusive, true)? {
        let holder = session.locks.reader_writer.borrow().holder(lock);
        session.dispatcher().spin_on(lock, SpinReason::ReaderWriterSpinLock, holder.map(SpinHolder::from));
        session.block_since(began)?;
    }
    Ok(())
}

fn release(session: &Session, call: &Call<'_>, exclusive: bool) -> Result<(), Stop> {
    let lock = call.address(0)?;
    check_level(session, call, lock, "released");
    let processor = session.processor_number();
    let had = session.locks.reader_writer.borrow_mut().release(lock, processor, exclusive);
    if !had {
        let way = if exclusive { "exclusively" } else { "shared" };
        return Err(Stop::Misuse {
            rule: Rule::LockNotOwned,
            message: format!(
                "the reader-writer spin lock at {lock} was released by processor {}, which does not hold it {way}",
                processor.0
            ),
        });
    }
    show(session, lock)?;
    session.dispatcher().spin_released(lock);
    Ok(())
}

pub(super) fn ExAcquireSpinLockExclusive(session: &Session, call: &Call<'_>) -> Answer {
    let former = raise(session, Irql::DISPATCH)?;
    acquire(session, call, true)?;
    Ok(former)
}

pub(super) fn ExAcquireSpinLockShared(session: &Session, call: &Call<'_>) -> Answer {
    let former = raise(session, Irql::DISPATCH)?;
    acquire(session, call, false)?;
    Ok(former)
}

pub(super) fn ExAcquireSpinLockExclusiveAtDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    acquire(session, call, true)?;
    Ok(0)
}

pub(super) fn ExAcquireSpinLockSharedAtDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    acquire(session, call, false)?;
    Ok(0)
}

pub(super) fn ExReleaseSpinLockExclusive(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call, true)?;
    lower(session, level(call, 1)?)
}

pub(super) fn ExReleaseSpinLockShared(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call, false)?;
    lower(session, level(call, 1)?)
}

pub(super) fn ExReleaseSpinLockExclusiveFromDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call, true)?;
    Ok(0)
}

pub(super) fn ExReleaseSpinLockSharedFromDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    release(session, call, false)?;
    Ok(0)
}

pub(super) fn ExTryAcquireSpinLockExclusiveAtDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    let lock = call.address(0)?;
    check_level(session, call, lock, "acquired");
    Ok(u64::from(attempt(session, lock, true, false)?))
}

pub(super) fn ExTryAcquireSpinLockSharedAtDpcLevel(session: &Session, call: &Call<'_>) -> Answer {
    let lock = call.address(0)?;
    check_level(session, call, lock, "acquired");
    Ok(u64::from(attempt(session, lock, false, false)?))
}

pub(super) fn ExTryConvertSharedSpinLockExclusive(session: &Session, call: &Call<'_>) -> Answer {
    let lock = call.address(0)?;
    let processor = session.processor_number();
    let converted = session.locks.reader_writer.borrow_mut().try_convert(lock, processor);
    match converted {
        Some(converted) => {
            show(session, lock)?;
            Ok(u64::from(converted))
        }
        None => Err(Stop::Misuse {
            rule: Rule::LockNotOwned,
            message: format!(
                "the reader-writer spin lock at {lock} was to be converted by processor {}, which does not share it",
                processor.0
            ),
        }),
    }
}
