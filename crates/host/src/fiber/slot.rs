#![expect(unsafe_code, reason = "follows pointers to calls and to the frames that gates lay out")]
//! A call into driver code, as long as it lasts.
//!
//! # Invariants
//! - A slot lies on the frame of the call that it is about, and is reachable from its fiber's record for as long as that
//!   call lasts. An outer call outlives an inner one.
//! - `arrival` points to a frame on the host stack exactly while driver code waits for the machine.

use super::kernel::Kernel;
use crate::gate::{FullFrame, ImportFrame};
use crate::layout::Window;
use ntpool_machine::{Exit, FullRegisters};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;

/// What belongs to a call into driver code, on that call's own frame.
pub(super) struct KernelSlot {
    /// The machine that serves it.
    pub(super) kernel: *const (dyn Kernel + 'static),
    /// Why it is given up.
    pub(super) exit: Cell<Option<Exit>>,
    /// The kernel stack that it runs on.
    pub(super) stack: Window,
    /// Where that stack begins for it: what lies above is not its.
    pub(super) top: u64,
    /// The driver's stack pointer while it waits for the machine: what lies above belongs to the driver.
    pub(super) stack_pointer: Cell<u64>,
    /// How driver code arrived at the machine that it waits for.
    pub(super) arrival: Cell<Arrival>,
    /// How it shall go on, while it does.
    pub(super) departure: UnsafeCell<MaybeUninit<FullFrame>>,
    /// The call around it.
    pub(super) outer: *const KernelSlot,
}

/// How driver code arrived at the machine.
#[derive(Clone, Copy)]
pub(super) enum Arrival {
    /// It has not: it runs.
    Running,
    /// By calling an import.
    Import(*const ImportFrame),
    /// By a trap, or by a signal from outside.
    Trap(*const FullFrame),
}

impl KernelSlot {
    /// Lets driver code go on with these registers: the frame for the gate.
    pub(super) fn depart(&self, full: &FullRegisters) -> *const FullFrame {
        self.arrival.set(Arrival::Running);
        // SAFETY: nobody has a reference to it, and the gate that reads it does so before the slot is used again.
        unsafe { (*self.departure.get()).write(FullFrame::new(full)) }
    }

    /// The driver's registers, where it waits for the machine.
    #[inline]
    pub(super) fn arrived(&self) -> Option<FullRegisters> {
        match self.arrival.get() {
            Arrival::Running => None,
            // SAFETY: frames lie on the host stack until driver code goes on, which clears this.
            Arrival::Import(frame) => Some(unsafe { (*frame).full() }),
            // SAFETY: as above.
            Arrival::Trap(frame) => Some(unsafe { (*frame).full() }),
        }
    }
}
