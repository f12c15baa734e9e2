#![expect(unsafe_code, reason = "enters driver code on a kernel stack")]
//! Calls of driver code.
//!
//! # Invariants
//! - A call's slot is its fiber's innermost one from before driver code is entered until it has been left, and then the one
//!   around it is again.
//! - A call begins below everything that driver code uses of its stack, and writes its whole frame before it enters: a stack
//!   without room is noticed here.

use super::kernel::Kernel;
use super::record::Record;
use super::slot::{Arrival, KernelSlot};
use super::stack::stack_used;
use super::switch::KernelFiber;
use crate::layout::{ARENA, Window};
use crate::{gate, giant, guarded, words};
use ntpool_machine::{Access, Exit, Fault, Fiber, MOST_ARGUMENTS, Registers, Trap, TrapKind, register};
use ntpool_types::VirtualAddress;
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr;

impl KernelFiber {
    /// The fiber, with the machine that serves it.
    #[must_use]
    pub fn served_by<'a>(&'a self, kernel: &'a dyn Kernel) -> ServedFiber<'a> {
        ServedFiber { fiber: self, kernel }
    }

    /// Calls a routine of the driver's on this fiber, which must be the running one, or one of the calling thread's own.
    ///
    /// On its own kernel stack, or on another one that nothing uses but nested calls: each call goes below what is in
    /// use.
    pub fn call_on(
        &self,
        kernel: &dyn Kernel,
        stack: Window,
        routine: VirtualAddress,
        arguments: &[u64],
    ) -> Exit {
        let before = words::fiber();
        let own = ptr::from_ref::<Record>(&self.record) as u64;
        if before != own {
            assert!(self.record.host_stack.is_none(), "driver code is called on the running fiber");
            words::set_fiber(own);
        }
        let exit = self.call(kernel, stack, routine, arguments);
        if before != own {
            words::set_fiber(before);
        }
        exit
    }

    fn call(&self, kernel: &dyn Kernel, stack: Window, routine: VirtualAddress, arguments: &[u64]) -> Exit {
        if !ARENA.contains(routine) {
            return no_code_at(routine);
        }
        let kernel: *const dyn Kernel = kernel;
        // SAFETY: only the lifetime changes; the pointer is dropped before this call returns.
        let kernel =
            unsafe { std::mem::transmute::<*const dyn Kernel, *const (dyn Kernel + 'static)>(kernel) };
        if !self.record.has_room() {
            // The machine's own stack counts as the driver's: nested calls like these have no end.
            let below = VirtualAddress(stack.base.0 - 8);
            return overflowed(
                routine,
                Fault { address: below, access: Access::Write, non_canonical: false },
            );
        }
        let (in_registers, top) = match push_arguments(self.free_top(stack), arguments) {
            Ok(pushed) => pushed,
            Err(fault) => return overflowed(routine, fault),
        };
        let slot = KernelSlot {
            kernel,
            exit: Cell::new(None),
            stack,
            top,
            stack_pointer: Cell::new(top),
            arrival: Cell::new(Arrival::Running),
            departure: UnsafeCell::new(MaybeUninit::uninit()),
            outer: self.record.slot.get(),
        };
        self.record.slot.set(&raw const slot);
        giant::leave();
        // SAFETY: the stack is for this fiber's calls, and the frame that was just written on it says that it is mapped and
        // writable from the return address up; `enter` comes back once, whatever the routine does, because a trap in
        // driver code that nobody serves ends at the label behind the call.
        let left = unsafe { gate::enter(routine.0, &raw const in_registers, top) };
        if left.abandoned == 0 {
            // A call that is given up has come back by a gate, which holds the lock.
            giant::enter();
        }
        self.record.slot.set(slot.outer);
        match left.abandoned {
            0 => Exit::Returned(left.value),
            _ => slot.exit.take().expect("a fiber is given up for a reason"),
        }
    }

    /// Where a call's stack begins: at the top, or below what the driver uses of it already.
    fn free_top(&self, stack: Window) -> u64 {
        let mut slot = self.record.slot.get();
        // SAFETY: slots live while their calls do, and an outer call outlives an inner one.
        while let Some(call) = unsafe { slot.as_ref() } {
            let inner = call.stack_pointer.get();
            if call.stack == stack {
                if stack.contains(VirtualAddress(inner)) {
                    return inner & !0xF;
                }
                break;
            }
            slot = call.outer;
        }
        stack.end().0
    }
}

/// The arguments that are passed in registers, and the bytes that a caller leaves free for the routine to keep them in.
const REGISTER_ARGUMENTS: usize = 4;
const HOME_SPACE: usize = 8 * REGISTER_ARGUMENTS;

/// Lays the arguments of a call out below `top`, which is aligned to 16 bytes: gives those that go in registers, and the
/// address from which the others lie, 16-byte aligned as well.
///
/// The whole frame is written, down to where the return address will be, so that a stack without room for it is noticed
/// here and not by an instruction of the host's.
fn push_arguments(top: u64, arguments: &[u64]) -> Result<([u64; REGISTER_ARGUMENTS], u64), Fault> {
    assert!(arguments.len() <= MOST_ARGUMENTS, "a call of {} arguments", arguments.len());
    let in_registers = std::array::from_fn(|place| arguments.get(place).copied().unwrap_or_default());
    let on_stack = arguments.get(REGISTER_ARGUMENTS..).unwrap_or_default();
    const RETURN_ADDRESS: usize = 8;
    const BEFORE: usize = RETURN_ADDRESS + HOME_SPACE;
    let mut frame = [0; BEFORE + 8 * (MOST_ARGUMENTS - REGISTER_ARGUMENTS)];
    let places = frame[BEFORE..].as_chunks_mut().0;
    for (place, argument) in places.iter_mut().zip(on_stack) {
        *place = argument.to_le_bytes();
    }
    let size = (8 * on_stack.len() as u64).next_multiple_of(16);
    let arguments_at = top - size;
    let bottom = arguments_at - BEFORE as u64;
    guarded::write(VirtualAddress(bottom), &frame[..BEFORE + 8 * on_stack.len()])?;
    Ok((in_registers, arguments_at))
}

/// The end of a call to where no driver's code can be: what the processor would say if it were tried.
fn no_code_at(routine: VirtualAddress) -> Exit {
    let fault = Fault { address: routine, access: Access::Execute, non_canonical: !routine.is_canonical() };
    let registers = Registers { instruction: routine.0, ..Registers::default() };
    Exit::Trapped(Trap { kind: TrapKind::Page(fault), registers })
}

/// The end of a call for which the stack has no room.
fn overflowed(routine: VirtualAddress, fault: Fault) -> Exit {
    let mut registers = Registers { instruction: routine.0, ..Registers::default() };
    registers.general[register::RSP] = fault.address.0;
    Exit::Trapped(Trap { kind: TrapKind::Page(fault), registers })
}

/// A fiber together with the machine that serves it.
pub struct ServedFiber<'a> {
    fiber: &'a KernelFiber,
    kernel: &'a dyn Kernel,
}

impl Fiber for ServedFiber<'_> {
    fn call(&self, routine: VirtualAddress, arguments: &[u64]) -> Exit {
        self.fiber.call_on(self.kernel, self.fiber.stack(), routine, arguments)
    }

    fn stack_used(&self) -> u64 {
        stack_used(self.fiber.stack())
    }
}
