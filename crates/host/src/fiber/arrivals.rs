#![expect(unsafe_code, reason = "reads and writes the frames that gates and signal handlers lay out")]
//! Driver code's arrivals at the machine: by calling an import, by a trap, by a signal from outside.
//!
//! The gates lay the driver's registers out and call [`serve_import`] or [`serve_trap`]; what these give back says how driver
//! code goes on.
//!
//! # Invariants
//! - The lock around the machine is taken before anything else is done, and let go when driver code goes on.
//! - A call is given up by what a gate's continuation returns, after its Rust frames have returned: so no Rust frame is ever
//!   skipped.

use super::kernel::Verdict;
use super::record::{Summons, current, slot, with_kernel};
use super::slot::Arrival;
use crate::gate::{FullFrame, ImportFrame};
use crate::{giant, words};
use ntpool_machine::{Exit, FullRegisters, Trap};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the signal that asks driver code to stop, cleared when a call has been given up for it.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The gate's continuation in Rust: 0 returns to the driver, 1 gives the call up, anything else is the frame to go on with.
///
/// # Safety
/// 1. `frame` is one that the gate has just laid out on the host stack, and nobody else knows it.
pub(crate) unsafe extern "sysv64" fn serve_import(index: u32, frame: *mut ImportFrame) -> u64 {
    giant::enter();
    // SAFETY: the caller's promise 1; the gate reads it only after this function has returned.
    let registers = unsafe { (*frame).registers() };
    slot(|slot| {
        slot.stack_pointer.set(registers.stack_pointer() - 8);
        slot.arrival.set(Arrival::Import(frame));
    });
    let verdict = with_kernel(|kernel| kernel.import(index, &registers));
    let interrupted = take_interrupt();
    match verdict {
        Verdict::Return(_) | Verdict::Resume(_) if interrupted => give_up(Exit::InterruptedInCall(registers)),
        Verdict::Return(value) => {
            // SAFETY: as above.
            unsafe { (*frame).set_result(value) };
            slot(|slot| slot.arrival.set(Arrival::Running));
            giant::leave();
            RETURN
        }
        Verdict::Resume(full) => go_on(&full),
        Verdict::Stop | Verdict::Unserved => give_up(Exit::Stopped),
    }
}

/// What the gates do with driver code, beside going on with a frame whose address is told.
const RETURN: u64 = 0;
const GIVE_UP: u64 = 1;

fn give_up(exit: Exit) -> u64 {
    slot(|slot| slot.exit.set(Some(exit)));
    GIVE_UP
}

/// Lets the innermost call go on with these registers.
fn go_on(full: &FullRegisters) -> u64 {
    let frame = slot(|slot| slot.depart(full)) as u64;
    giant::leave();
    frame
}

/// The trap gate's continuation in Rust: 1 gives the call up, anything else is the frame to go on with.
///
/// # Safety
/// 1. `frame` is what a signal handler has just laid out on the host stack, and nobody else knows it.
pub(crate) unsafe extern "sysv64" fn serve_trap(frame: *const FullFrame) -> u64 {
    giant::enter();
    // SAFETY: the caller's promise 1.
    let registers = unsafe { (*frame).registers() };
    slot(|slot| {
        slot.stack_pointer.set(registers.stack_pointer());
        slot.arrival.set(Arrival::Trap(frame));
    });
    let summons = current().summons.take().expect("a signal handler says why it sends driver code here");
    let (verdict, otherwise) = match summons {
        Summons::TimeOver => (Verdict::Unserved, Some(Exit::Interrupted(registers))),
        Summons::Trap(kind) => {
            let trap = Trap { kind, registers };
            (with_kernel(|kernel| kernel.trap(&trap)), Some(Exit::Trapped(trap)))
        }
        Summons::Tick { turns } => (with_kernel(|kernel| kernel.tick(&registers, turns)), None),
    };
    match (verdict, otherwise) {
        (Verdict::Stop, _) => give_up(Exit::Stopped),
        _ if take_interrupt() => give_up(Exit::Interrupted(registers)),
        (Verdict::Resume(full), _) => go_on(&full),
        (_, Some(exit)) => give_up(exit),
        // As it was, to the last bit: the frame that the handler laid out has all of it.
        (_, None) => {
            slot(|slot| slot.arrival.set(Arrival::Running));
            giant::leave();
            frame as u64
        }
    }
}

/// Prepares for driver code to arrive at the trap gate with these registers: the stack pointer to go there with.
///
/// `state` is what the signal's frame holds of the floating-point and vector units, and which parts of it.
pub(crate) fn summon(summons: Summons, full: &FullRegisters, state: Option<(&[u8], u64)>) -> u64 {
    current().summons.set(Some(summons));
    let top = words::host_stack();
    let (area, features) = match state {
        // The processor wants it at a multiple of 64.
        Some((bytes, features)) => ((top - bytes.len() as u64) & !0x3F, features),
        None => (0, 0),
    };
    let frame = (if area == 0 { top } else { area } - size_of::<FullFrame>() as u64) & !0xF;
    // SAFETY: the fiber is in driver code, so nothing of the host's lies below the word on its host stack, which has
    // room for a frame and the state; the handler that calls this runs on another stack.
    unsafe {
        if let Some((bytes, _)) = state {
            ptr::copy_nonoverlapping(bytes.as_ptr(), area as *mut u8, bytes.len());
        }
        ptr::write(frame as *mut FullFrame, FullFrame::new(full).with_extended(area, features));
    }
    frame
}

/// Asks for the fiber to be given up at the end of the import that is being served.
pub(crate) fn interrupt_import() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Whether driver code was asked to stop since this was last asked. Who is told has to stop it.
pub fn take_interrupt() -> bool {
    INTERRUPTED.swap(false, Ordering::Relaxed)
}
