#![expect(unsafe_code, reason = "copies through addresses that a driver gave")]
//! Reading and writing at addresses that a driver gave.
//!
//! A driver's pointer may point anywhere. Each function here tries the access and returns a [`Fault`] when the
//! processor refuses it; the trap handler knows the instructions below that try it and continues behind them.
//!
//! # What this module promises
//! - No byte outside the driver's world ([`ARENA`]) is touched, except the page of shared user
//!   data, which is redirected to its shadow. So a driver can't use an export to read or write the host's memory.
//! - No reference into driver memory is ever made: the bytes may change at any moment.

use crate::layout::{ARENA, POOL_METADATA, SHARED_USER_DATA, SHARED_USER_DATA_SHADOW, Window};
use ntpool_machine::{Access, DriverMemory, Fault};
use ntpool_types::{Bytes, VirtualAddress};
use std::arch::naked_asm;

/// What the guarded instructions return: whether they came through, and where they stopped if not; for a load that came
/// through, the value.
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

/// Reads eight bytes; a fault ends it. The copying instructions take several times as long for so few, and what they have
/// stored byte by byte can't be read back at once.
#[unsafe(naked)]
unsafe extern "sysv64" fn load_word(source: u64) -> Outcome {
    naked_asm!(
        ".globl ntpool_guarded_load_start",
        ".globl ntpool_guarded_load_end",
        "ntpool_guarded_load_start:",
        "mov rdx, [rdi]",
        "ntpool_guarded_load_end:",
        "xor eax, eax",
        "ret",
    )
}

/// The same for four bytes.
#[unsafe(naked)]
unsafe extern "sysv64" fn load_half(source: u64) -> Outcome {
    naked_asm!(
        ".globl ntpool_guarded_load_half_start",
        ".globl ntpool_guarded_load_half_end",
        "ntpool_guarded_load_half_start:",
        "mov edx, [rdi]",
        "ntpool_guarded_load_half_end:",
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
    safe static ntpool_guarded_load_start: u8;
    safe static ntpool_guarded_load_end: u8;
    safe static ntpool_guarded_load_half_start: u8;
    safe static ntpool_guarded_load_half_end: u8;
}

/// Whether the instruction is one of those that try an access.
pub(crate) fn owns(instruction: u64) -> bool {
    let within = |start: &u8, end: &u8| {
        (std::ptr::from_ref(start) as u64..std::ptr::from_ref(end) as u64).contains(&instruction)
    };
    within(&ntpool_guarded_copy_start, &ntpool_guarded_copy_end)
        || within(&ntpool_guarded_fill_start, &ntpool_guarded_fill_end)
        || within(&ntpool_guarded_load_start, &ntpool_guarded_load_end)
        || within(&ntpool_guarded_load_half_start, &ntpool_guarded_load_half_end)
}

/// Where to access what the driver calls `address`, and how many of the bytes may be tried; the next one is out of bounds.
struct Reachable {
    at: u64,
    length: u64,
    beyond: Option<Fault>,
}

/// What of a range is the driver's: all of it, or what lies before the first byte that is not.
fn reachable(address: VirtualAddress, length: u64, access: Access) -> Reachable {
    let refuse = |at: VirtualAddress| Some(Fault { address: at, access, non_canonical: !at.is_canonical() });
    let clamped = |window: Window, at: u64| {
        let room = window.end().0 - address.0;
        if length <= room {
            Reachable { at, length, beyond: None }
        } else {
            Reachable { at, length: room, beyond: refuse(window.end()) }
        }
    };
    if access == Access::Read && SHARED_USER_DATA.contains(address) {
        return clamped(SHARED_USER_DATA, SHARED_USER_DATA_SHADOW.0 + (address.0 - SHARED_USER_DATA.base.0));
    }
    let below_metadata = Window { base: ARENA.base, size: Bytes(POOL_METADATA.base.0 - ARENA.base.0) };
    if below_metadata.contains(address) {
        clamped(below_metadata, address.0)
    } else {
        Reachable { at: address.0, length: 0, beyond: refuse(address) }
    }
}

const _: () =
    assert!(POOL_METADATA.end().0 == ARENA.end().0, "nothing of the driver's lies above the pool's metadata");

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
    let Reachable { at, length, beyond } = reachable(address, into.len() as u64, Access::Read);
    if beyond.is_none() && read_words(at, into) {
        return Ok(());
    }
    // SAFETY: the destination is a slice of at least that length; the source lies in the driver's world, where a fault is
    // caught by the trap handler and ends the copy.
    result(&unsafe { copy_bytes(into.as_mut_ptr() as u64, at, length) })?;
    beyond.map_or(Ok(()), Err)
}

/// Reads a value of a few bytes, if it has a size for which there are words; `at` and so many bytes are the driver's.
/// Whoever is told of a fault wants to know its first byte, so after one the bytes are read again one by one.
#[inline(always)]
fn read_words(at: u64, into: &mut [u8]) -> bool {
    match into.len() {
        4 => {
            // SAFETY: the source lies in the driver's world, where a fault is caught by the trap handler and ends the load.
            let Outcome { status, address: value } = unsafe { load_half(at) };
            if status == DONE {
                into.copy_from_slice(&(value as u32).to_le_bytes());
            }
            status == DONE
        }
        8 | 16 => (at..).step_by(8).zip(into.as_chunks_mut().0).all(|(at, word)| {
            // SAFETY: as above.
            let Outcome { status, address: value } = unsafe { load_word(at) };
            if status == DONE {
                *word = value.to_le_bytes();
            }
            status == DONE
        }),
        _ => false,
    }
}

/// Writes `from` to driver memory.
///
/// # Errors
/// The fault, when a byte can't be written; those before it are.
pub fn write(address: VirtualAddress, from: &[u8]) -> Result<(), Fault> {
    if from.is_empty() {
        return Ok(());
    }
    let Reachable { at, length, beyond } = reachable(address, from.len() as u64, Access::Write);
    // SAFETY: the source is a slice of at least that length; the destination lies in the driver's world, which holds
    // nothing of Rust's, and a fault there is caught by the trap handler and ends the copy.
    result(&unsafe { copy_bytes(at, from.as_ptr() as u64, length) })?;
    beyond.map_or(Ok(()), Err)
}

/// Fills driver memory with a value.
///
/// # Errors
/// The fault, when a byte can't be written; those before it are.
pub fn fill(address: VirtualAddress, length: Bytes, value: u8) -> Result<(), Fault> {
    if length == Bytes::ZERO {
        return Ok(());
    }
    let Reachable { at, length, beyond } = reachable(address, length.0, Access::Write);
    // SAFETY: as for `write`; the value comes in a register.
    result(&unsafe { fill_bytes(at, u64::from(value), length) })?;
    beyond.map_or(Ok(()), Err)
}

/// The driver's memory, through guarded copies.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuardedMemory;

impl DriverMemory for GuardedMemory {
    fn read(&self, address: VirtualAddress, into: &mut [u8]) -> Result<(), Fault> {
        read(address, into)
    }

    fn write(&self, address: VirtualAddress, from: &[u8]) -> Result<(), Fault> {
        write(address, from)
    }
}
