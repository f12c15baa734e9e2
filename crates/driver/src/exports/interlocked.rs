//! The executive's lists and numbers that a spin lock guards.
//!
//! The routines hold the lock, at any level, for the time of one operation. Nothing of the driver's runs in between, so
//! the lock is looked at and not taken: whoever has it lets it go first.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use crate::trap_words::fast_fail_meaning;
use ntpool_abi::{Field, ListEntry, SingleListEntry};
use ntpool_machine::dispatcher::SpinReason;
use ntpool_types::{BugCheck, BugCheckCode, Rule, Violation, VirtualAddress};

/// The fast fail code for a list whose links disagree.
const FAST_FAIL_CORRUPT_LIST_ENTRY: u64 = 3;

/// Waits until nobody has the lock that is the argument at this place.
fn wait_for(session: &Session, call: &Call<'_>, place: usize) -> Result<(), Stop> {
    let lock = call.address(place)?;
    let word: u64 = memory::read(lock)?;
    if word != 0 && session.spin_locks.holder(lock).is_none() {
        return Err(Stop::Misuse {
            rule: Rule::SpinLockBadWord,
            message: format!("the spin lock at {lock} holds {word:#x} and nobody has acquired it"),
        });
    }
    let began = session.now();
    while let Some(holder) = session.spin_locks.holder(lock) {
        if session.is_here(holder) {
            return Err(Stop::Crime {
                violation: Violation {
                    rule: Rule::SpinLockRecursive,
                    bug_check: BugCheck::new(BugCheckCode::SPIN_LOCK_ALREADY_OWNED, [0; 4]),
                    subject: lock,
                },
                message: format!(
                    "an interlocked routine was called with the spin lock at {lock}, which its caller holds"
                ),
            });
        }
        session.dispatcher().spin_on(lock, SpinReason::SpinLock, Some(holder));
        session.block_since(began)?;
    }
    Ok(())
}

/// The address of an entry, or 0 in place of the list's head: an empty list has no entry.
fn unless_head(entry: u64, head: VirtualAddress) -> u64 {
    if entry == head.0 { 0 } else { entry }
}

/// Stops when an entry's neighbour does not lead back to it by this link, as after removing the entry twice (MACH-040).
fn check_neighbour(entry: VirtualAddress, neighbour: u64, back: Field<u64>) -> Result<(), Stop> {
    let found: u64 = memory::read_field(VirtualAddress(neighbour), back)?;
    if found == entry.0 {
        return Ok(());
    }
    Err(Stop::Crime {
        violation: Violation {
            rule: Rule::CpuFastFail,
            bug_check: BugCheck::new(
                BugCheckCode::KERNEL_SECURITY_CHECK_FAILURE,
                [FAST_FAIL_CORRUPT_LIST_ENTRY, 0, 0, 0],
            ),
            subject: entry,
        },
        message: format!(
            "the list entry at {entry} leads to {neighbour:#x}, which leads back to {found:#x}: {}",
            fast_fail_meaning(FAST_FAIL_CORRUPT_LIST_ENTRY)
        ),
    })
}

pub(super) fn ExInterlockedInsertHeadList(session: &Session, call: &Call<'_>) -> Answer {
    wait_for(session, call, 2)?;
    let (head, entry) = (call.address(0)?, call.address(1)?);
    let first: u64 = memory::read_field(head, ListEntry::FLINK)?;
    check_neighbour(head, first, ListEntry::BLINK)?;
    memory::write(entry, ListEntry { flink: first, blink: head.0 })?;
    memory::write_field(VirtualAddress(first), ListEntry::BLINK, entry.0)?;
    memory::write_field(head, ListEntry::FLINK, entry.0)?;
    Ok(unless_head(first, head))
}

pub(super) fn ExInterlockedInsertTailList(session: &Session, call: &Call<'_>) -> Answer {
    wait_for(session, call, 2)?;
    let (head, entry) = (call.address(0)?, call.address(1)?);
    let last: u64 = memory::read_field(head, ListEntry::BLINK)?;
    check_neighbour(head, last, ListEntry::FLINK)?;
    memory::write(entry, ListEntry { flink: head.0, blink: last })?;
    memory::write_field(VirtualAddress(last), ListEntry::FLINK, entry.0)?;
    memory::write_field(head, ListEntry::BLINK, entry.0)?;
    Ok(unless_head(last, head))
}

pub(super) fn ExInterlockedRemoveHeadList(session: &Session, call: &Call<'_>) -> Answer {
    wait_for(session, call, 1)?;
    let head = call.address(0)?;
    let first: u64 = memory::read_field(head, ListEntry::FLINK)?;
    if first == head.0 {
        return Ok(0);
    }
    check_neighbour(head, first, ListEntry::BLINK)?;
    let next: u64 = memory::read_field(VirtualAddress(first), ListEntry::FLINK)?;
    check_neighbour(VirtualAddress(first), next, ListEntry::BLINK)?;
    memory::write_field(head, ListEntry::FLINK, next)?;
    memory::write_field(VirtualAddress(next), ListEntry::BLINK, head.0)?;
    Ok(first)
}

pub(super) fn ExInterlockedPushEntryList(session: &Session, call: &Call<'_>) -> Answer {
    wait_for(session, call, 2)?;
    let (head, entry) = (call.address(0)?, call.address(1)?);
    let first: u64 = memory::read_field(head, SingleListEntry::NEXT)?;
    memory::write_field(entry, SingleListEntry::NEXT, first)?;
    memory::write_field(head, SingleListEntry::NEXT, entry.0)?;
    Ok(first)
}

pub(super) fn ExInterlockedPopEntryList(session: &Session, call: &Call<'_>) -> Answer {
    wait_for(session, call, 1)?;
    let head = call.address(0)?;
    let first: u64 = memory::read_field(head, SingleListEntry::NEXT)?;
    if first != 0 {
        let next: u64 = memory::read_field(VirtualAddress(first), SingleListEntry::NEXT)?;
        memory::write_field(head, SingleListEntry::NEXT, next)?;
    }
    Ok(first)
}

pub(super) fn ExInterlockedAddLargeInteger(session: &Session, call: &Call<'_>) -> Answer {
    wait_for(session, call, 2)?;
    let addend = call.address(0)?;
    let before: u64 = memory::read(addend)?;
    memory::write(addend, before.wrapping_add(call.argument(1)?))?;
    Ok(before)
}

pub(super) fn ExInterlockedAddUlong(session: &Session, call: &Call<'_>) -> Answer {
    wait_for(session, call, 2)?;
    let addend = call.address(0)?;
    let before: u32 = memory::read(addend)?;
    memory::write(addend, before.wrapping_add(call.u32(1)?))?;
    Ok(u64::from(before))
}
