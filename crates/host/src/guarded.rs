#![expect(unsafe_code, reason = "copies through addresses that a driver gave")]
//! Reading and writing at addresses that a driver gave.
//!
//! A driver's pointer may point anywhere. Each function here tries the access and returns a [`Fault`] when the
//! processor refuses it; the trap handler knows the two copying instructions below and continues behind them.
//!
//! # What this module promises
//! - An access outside the driver's world ([`ARENA`]) is refused before it is tried, except the page of shared user
//!   data, which is redirected to its shadow. So a driver can't use an export to read or write the host's memory.
//! - No reference into driver memory is ever made: the bytes may change at any moment.

use crate::layout::{ARENA, POOL_METADATA, SHARED_USER_DATA, SHARED_USER_DATA_SHADOW, Window};
use ntpool_machine::{Access, Fault};
use ntpool_types::{Bytes, VirtualAddress};
use std::arch::naked_asm;

/// What the copying instructions return: whether they came through, and where they stopped if not.
#[repr(C)]
struct Outcome {
    status: u64,
    address: u64,
}

/// Statuses of [`Outcome`].
pub(crate) const DONE: u64 = 0;
pub(crate) const FAULTED_READING: u64 = 1;
pub(crate) const FAULTED_WRITING: u64 = 2;

/// Copies `length` bytes up from `source` to `destination`; a fault ends it early.
#[unsafe(naked)]
unsafe extern "sysv64" fn copy_bytes(destination: u64, source: u64, length: u64) -> Outcome {
    naked_asm!(
        "mov rcx, rdx",
        ".globl ntpool_guarded_copy_start",
        ".globl ntpool_guarded_copy_end",
        "ntpool_guarded_copy_start:",
        "rep movsb",
        "ntpool_guarded_copy_end:",
        "xor eax, eax",
        "ret",
    )
}

/// Fills `length` bytes from `destination` with `value`; a fault ends it early.
#[unsafe(naked)]
unsafe extern "sysv64" fn fill_bytes(destination: u64, value: u64, length: u64) -> Outcome {
    naked_asm!(
        "mov rcx, rdx",
        "mov rax, rsi",
        ".globl ntpool_guarded_fill_start",
        ".globl ntpool_guarded_fill_end",
        "ntpool_guarded_fill_start:",
        "rep stosb",
        "ntpool_guarded_fill_end:",
        "xor eax, eax",
        "ret",
    )
}

/// Where the trap handler continues after a fault in one of the copying instructions: a bare return.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn give_up() {
    naked_asm!("ret")
}

unsafe extern "C" {
    safe static ntpool_guarded_copy_start: u8;
    safe static ntpool_guarded_copy_end: u8;
    safe static ntpool_guarded_fill_start: u8;
    safe static ntpool_guarded_fill_end: u8;
}

/// Whether the instruction is one of the copying instructions.
pub(crate) fn owns(instruction: u64) -> bool {
    let within = |start: &u8, end: &u8| {
        (std::ptr::from_ref(start) as u64..std::ptr::from_ref(end) as u64).contains(&instruction)
    };
    within(&ntpool_guarded_copy_start, &ntpool_guarded_copy_end)
        || within(&ntpool_guarded_fill_start, &ntpool_guarded_fill_end)
}

/// The address at which to access what the driver calls `address`, or a fault when no byte of the range is the
/// driver's.
fn reachable(address: VirtualAddress, length: usize, access: Access) -> Result<u64, Fault> {
    let refuse = |at: VirtualAddress| Fault { address: at, access, non_canonical: !at.is_canonical() };
    let end = address.checked_add(Bytes(length as u64)).ok_or_else(|| refuse(address))?;
    let inside = |window: Window| window.contains(address) && end <= window.end();
    if inside(SHARED_USER_DATA) && access == Access::Read {
        return Ok(SHARED_USER_DATA_SHADOW.0 + (address.0 - SHARED_USER_DATA.base.0));
    }
    if !ARENA.contains(address) || POOL_METADATA.contains(address) {
        return Err(refuse(address));
    }
    if end > POOL_METADATA.base {
        return Err(refuse(POOL_METADATA.base));
    }
    Ok(address.0)
}

fn result(outcome: &Outcome) -> Result<(), Fault> {
    let access = match outcome.status {
        DONE => return Ok(()),
        FAULTED_READING => Access::Read,
        _ => Access::Write,
    };
    Err(Fault { address: VirtualAddress(outcome.address), access, non_canonical: false })
}

/// Reads driver memory into `into`.
///
/// # Errors
/// The fault, when a byte can't be read; `into` is then filled in part.
pub fn read(address: VirtualAddress, into: &mut [u8]) -> Result<(), Fault> {
    if into.is_empty() {
        return Ok(());
    }
    let source = reachable(address, into.len(), Access::Read)?;
    // SAFETY: the destination is a slice of the right length; the source lies in the driver's world, where a fault is
    // caught by the trap handler and ends the copy.
    result(&unsafe { copy_bytes(into.as_mut_ptr() as u64, source, into.len() as u64) })
}

/// Writes `from` to driver memory.
///
/// # Errors
/// The fault, when a byte can't be written; those before it are.
pub fn write(address: VirtualAddress, from: &[u8]) -> Result<(), Fault> {
    if from.is_empty() {
        return Ok(());
    }
    let destination = reachable(address, from.len(), Access::Write)?;
    // SAFETY: the source is a slice of the right length; the destination lies in the driver's world, which holds
    // nothing of Rust's, and a fault there is caught by the trap handler and ends the copy.
    result(&unsafe { copy_bytes(destination, from.as_ptr() as u64, from.len() as u64) })
}

/// Fills driver memory with a value.
///
/// # Errors
/// The fault, when a byte can't be written; those before it are.
pub fn fill(address: VirtualAddress, length: Bytes, value: u8) -> Result<(), Fault> {
    if length == Bytes::ZERO {
        return Ok(());
    }
    let destination = reachable(address, length.as_usize(), Access::Write)?;
    // SAFETY: as for `write`; the value comes in a register.
    result(&unsafe { fill_bytes(destination, u64::from(value), length.0) })
}
