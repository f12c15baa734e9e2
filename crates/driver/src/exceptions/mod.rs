//! Structured exceptions: who is asked when something goes wrong in driver code, and how the stack is cleared afterwards.
//!
//! An exception is handled in two passes over the driver's frames, the innermost first. The *search* asks each
//! function's handler whether it wants the exception. Where one does, it starts the *unwind*, which walks the same
//! frames again up to the handler's own, tells each function's handler that its frame goes away, and goes on at an
//! address in the function that handles the exception. Handlers are driver code, so that both passes call the driver.
//!
//! # Segments
//! Driver frames need not lie in one piece: driver code calls a routine of the machine, which calls the driver back.
//! Between the two lie the machine's own frames, in Rust, on another stack. A *segment* is a run of driver frames
//! between two such passages; the walk leaves one at its outermost frame and goes on in the next, where driver code had
//! entered the machine.
//!
//! ```text
//!   segment 0   DriverEntry ── calls an import ─┐
//!                                               machine: the import calls back
//!   segment 1   callback ── a trap ─────────────┘──┐
//!                                                  machine: the search asks a handler
//!   segment 2   handler ── calls an import ────────┘ ...
//! ```
//!
//! No frame in Rust is ever skipped. What an unwind comes to is a value ([`Unwinding`]: the registers to go on with, and
//! the *level* of their segment, counted from the outermost one): each routine of the machine on the way returns it as
//! the [`Stop`] that it is, and the gate of that segment goes on with the registers.
//!
//! # Handlers in which exceptions happen
//! What a fiber's searches and unwinds are about is kept in [`InProgress`]. A walk that leaves a segment finds out there
//! whether a search or an unwind had called it. If it was a search, the exception is a *nested* one, and the walk goes
//! on where the first exception had happened. If it was an unwind, the two *collide*: the walk takes the frame over that
//! the unwind was at, with the scopes that it has still to leave, so that no termination handler runs twice.
//!
//! Most handlers are a jump to the machine's handler for C. It is asked without going through driver code: then nothing is
//! shown to anybody until a filter or a termination handler of the driver's is called.
//!
//! # Invariants
//! - A walk only goes up: a stack pointer that does not rise, or is not on its segment's stack, ends it.
//! - Nothing is dispatched at DISPATCH_LEVEL or above (MACH-013).
//! - Records for handlers lie on the driver's stack below everything that lives there, until the routine of the machine
//!   that reserved them has returned.
//!
//! # Source
//! Microsoft, "x64 exception handling" and the reference pages of the routines; the public headers `winnt.h` and
//! `excpt.h`; LLVM, "Exception Handling in LLVM", on the tables of the C-specific handler.

mod ask;
mod c_handler;
mod full_context;
mod in_progress;
mod inspect;
mod probe;
mod raise;
mod search;
mod trap;
mod unhandled;
mod unwind;
mod walk;

pub use full_context::FullContext;
pub use unhandled::{Reason, Unhandled};
pub(crate) use unhandled::{Where, unhandled_stop};
pub(crate) use unwind::Target;
pub use unwind::Unwinding;
pub(crate) use {
    c_handler::HandlerCall,
    in_progress::InProgress,
    inspect::{BackTrace, VirtualUnwind},
    probe::Probe,
    search::Dispatched,
    trap::{exception_of_fault, exception_of_trap, record},
};

use crate::stop::Stop;
use ntpool_abi::zerocopy::{FromBytes, Immutable, IntoBytes};
use ntpool_abi::{Field, ProcessorContext};
use ntpool_image::{StackMemory, UnwindTable};
use ntpool_machine::{DriverMemory, Fault};
use ntpool_types::{Irql, VirtualAddress};
use std::ops::Range;

/// What exceptions need of the fiber that they happen on. Memory is read and written with every access guarded.
pub(crate) trait Surroundings: DriverMemory {
    /// The unwind table of the image that holds this address, and where that image is loaded; `None` where no driver's
    /// code is.
    fn image_at(&self, address: VirtualAddress) -> Option<(VirtualAddress, UnwindTable<'_>)>;

    /// The kernel stack of this fiber's that holds the address.
    fn stack_at(&self, address: VirtualAddress) -> Option<Range<u64>>;

    /// The processor's level.
    fn irql(&self) -> Irql;

    /// Calls a routine of the driver's, in a new segment, on the driver's stack below everything reserved.
    ///
    /// # Errors
    /// Why it did not return.
    fn call(&self, routine: VirtualAddress, arguments: &[u64]) -> Result<u64, Stop>;

    /// Takes bytes of the driver's stack, aligned to 16, until the routine of the machine that runs now returns.
    ///
    /// # Errors
    /// The overflow, when the stack has no room.
    fn reserve(&self, size: u64) -> Result<VirtualAddress, Stop>;

    /// The machine's calls into driver code on this fiber, the innermost being 0.
    fn segment(&self, depth: usize) -> Option<Segment>;

    /// The registers with which driver code had entered the machine that made this call, as they are after a return from
    /// there; `None` for the fiber's outermost segment.
    fn caller(&self, depth: usize) -> Option<FullContext>;

    /// How many segments there are.
    fn segment_count(&self) -> usize;

    /// Whether a handler is nothing but a jump to the machine's own one for C.
    fn is_c_handler(&self, routine: VirtualAddress) -> bool;
}

/// A run of driver frames: what lies below a call of the machine's into driver code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The stack pointer just above the home space of the routine that was called.
    pub(crate) top: u64,
    /// The kernel stack that it lies on.
    pub(crate) stack: Range<u64>,
}

/// The bytes that a caller leaves above the return address for a routine to keep its arguments in.
const HOME_SPACE: u64 = 32;

impl Segment {
    /// The stack pointer once the routine has returned: frames of the segment lie below.
    fn end(&self) -> u64 {
        self.top.wrapping_sub(HOME_SPACE)
    }

    /// Whether an address can be the base of a frame on its stack.
    fn has_room_for(&self, address: u64) -> bool {
        address.is_multiple_of(8) && self.stack.contains(&address)
    }
}

/// Exceptions on one fiber, for as long as one routine of the machine runs.
#[derive(Clone, Copy)]
pub(crate) struct Engine<'a> {
    surroundings: &'a dyn Surroundings,
    in_progress: &'a InProgress,
}

impl<'a> Engine<'a> {
    /// The engine for this fiber, with what its searches and unwinds are about.
    pub(crate) fn new(surroundings: &'a dyn Surroundings, in_progress: &'a InProgress) -> Engine<'a> {
        Engine { surroundings, in_progress }
    }

    /// The level of a segment: its number from the outermost one, which is 0.
    fn level(&self, depth: usize) -> usize {
        self.surroundings.segment_count().saturating_sub(depth + 1)
    }

    /// The depth of the segment of this level.
    fn depth(&self, level: usize) -> usize {
        self.surroundings.segment_count().saturating_sub(level + 1)
    }

    fn read<T: FromBytes + IntoBytes>(&self, address: VirtualAddress) -> Result<T, Fault> {
        let mut value = T::new_zeroed();
        self.surroundings.read(address, value.as_mut_bytes())?;
        Ok(value)
    }

    fn write<T: IntoBytes + Immutable>(&self, address: VirtualAddress, value: T) -> Result<(), Fault> {
        self.surroundings.write(address, value.as_bytes())
    }

    fn read_field<T: FromBytes + IntoBytes>(
        &self,
        base: VirtualAddress,
        field: Field<T>,
    ) -> Result<T, Fault> {
        self.read(VirtualAddress(field.address_in(base.0)))
    }

    fn write_field<T: IntoBytes + Immutable>(
        &self,
        base: VirtualAddress,
        field: Field<T>,
        value: T,
    ) -> Result<(), Fault> {
        self.write(VirtualAddress(field.address_in(base.0)), value)
    }

    /// Writes a value where the pointer is not NULL.
    fn write_if_asked<T: IntoBytes + Immutable>(&self, at: VirtualAddress, value: T) -> Result<(), Fault> {
        if at == VirtualAddress::NULL { Ok(()) } else { self.write(at, value) }
    }

    /// Puts a value on the driver's stack.
    fn place<T: IntoBytes + Immutable>(&self, value: T) -> Result<VirtualAddress, Stop> {
        let at = self.surroundings.reserve(size_of::<T>() as u64)?;
        self.write(at, value)?;
        Ok(at)
    }

    fn read_context(&self, at: VirtualAddress) -> Result<FullContext, Fault> {
        Ok(FullContext::from_record(&self.read::<ProcessorContext>(at)?))
    }
}

/// The driver's stack as the unwinder reads it.
struct Stack<'a>(&'a Engine<'a>);

impl StackMemory for Stack<'_> {
    fn read_u64(&self, address: u64) -> Option<u64> {
        self.0.read(VirtualAddress(address)).ok()
    }
}

#[cfg(test)]
mod tests;
