//! Exceptions on the machine's fibers: what the engine needs of them, and what becomes of its decisions.

use crate::binding::Binding;
use crate::call::Call;
use crate::exceptions::{Engine, FullContext, Segment, Surroundings};
use crate::memory;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_host::fiber::{self, THUNK_SIZE, Verdict};
use ntpool_host::guarded::GuardedMemory;
use ntpool_image::{Context, UnwindTable};
use ntpool_machine::{Access, DriverMemory, Exit, Fault, FullRegisters, Registers, Trap, TrapKind};
use ntpool_types::{Bytes, Irql, VirtualAddress};
use std::ops::Range;

fn context_of(full: &FullRegisters) -> FullContext {
    let FullRegisters { registers, vectors, mxcsr } = *full;
    FullContext {
        registers: Context { rip: registers.instruction, registers: registers.general, xmm: vectors },
        flags: registers.flags as u32,
        mx_csr: mxcsr,
    }
}

fn registers_of(context: &FullContext) -> FullRegisters {
    let Context { rip, registers, xmm } = context.registers;
    FullRegisters {
        registers: Registers { instruction: rip, general: registers, flags: u64::from(context.flags) },
        vectors: xmm,
        mxcsr: context.mx_csr,
    }
}

/// The word through which a routine at this address jumps that is nothing but a jump, as compilers make them for imports.
fn word_of_jump(routine: VirtualAddress, code: [u8; 8]) -> Option<VirtualAddress> {
    let (length, distance) = match code {
        [0xFF, 0x25, a, b, c, d, ..] => (6, [a, b, c, d]),
        [0x48, 0xFF, 0x25, a, b, c, d, _] => (7, [a, b, c, d]),
        _ => return None,
    };
    let after = routine.0.wrapping_add(length);
    Some(VirtualAddress(after.wrapping_add_signed(i64::from(i32::from_le_bytes(distance)))))
}

impl DriverMemory for Session {
    fn read(&self, address: VirtualAddress, into: &mut [u8]) -> Result<(), Fault> {
        GuardedMemory.read(address, into)
    }

    fn write(&self, address: VirtualAddress, from: &[u8]) -> Result<(), Fault> {
        GuardedMemory.write(address, from)
    }
}

impl Surroundings for Session {
    fn image_at(&self, address: VirtualAddress) -> Option<(VirtualAddress, UnwindTable<'_>)> {
        let offset = self.image.offset_of(address)?;
        (!self.image.is_gone(offset)).then(|| (self.image.base, self.image.image.unwind_table()))
    }

    fn stack_at(&self, address: VirtualAddress) -> Option<Range<u64>> {
        self.strands.stack_holding(address).map(|stack| stack.base.0..stack.end().0)
    }

    fn irql(&self) -> Irql {
        Session::irql(self)
    }

    fn call(&self, routine: VirtualAddress, arguments: &[u64]) -> Result<u64, Stop> {
        self.call_back(routine, arguments)
    }

    fn reserve(&self, size: u64) -> Result<VirtualAddress, Stop> {
        fiber::reserve(Bytes(size))
            .map_err(|address| Stop::Fault(Fault { address, access: Access::Write, non_canonical: false }))
    }

    fn segment(&self, depth: usize) -> Option<Segment> {
        let fiber::Segment { top, stack } = fiber::segment(depth)?;
        Some(Segment { top: top.0, stack: stack.base.0..stack.end().0 })
    }

    fn caller(&self, depth: usize) -> Option<FullContext> {
        // Exceptions of a call with more stack are its own to handle.
        let level = fiber::segment_count().checked_sub(depth + 1)?;
        let is_callout = self.strands.current().callouts.borrow().contains(&level);
        fiber::caller(depth).as_ref().filter(|_| !is_callout).map(context_of)
    }

    fn segment_count(&self) -> usize {
        fiber::segment_count()
    }

    fn is_c_handler(&self, routine: VirtualAddress) -> bool {
        let Ok(code) = memory::read(routine) else { return false };
        let Some(slot) = word_of_jump(routine, code) else { return false };
        let Ok(target) = memory::read::<u64>(slot) else { return false };
        let place = target.wrapping_sub(self.thunks.0) / THUNK_SIZE as u64;
        let binding = usize::try_from(place).ok().and_then(|place| self.bindings.get(place));
        binding.is_some_and(Binding::is_c_handler) && target == self.routine_address(place as usize).0
    }
}

impl Session {
    fn engine(&self) -> Engine<'_> {
        Engine::new(self, &self.strands.current().in_progress)
    }

    /// Lets a routine of the machine use the engine, with the registers of its call.
    pub(crate) fn with_exceptions(
        &self,
        _: &Call<'_>,
        use_it: impl FnOnce(&Engine<'_>, &FullContext) -> Answer,
    ) -> Answer {
        let caller = fiber::arrival().expect("a driver called the routine");
        use_it(&self.engine(), &context_of(&caller))
    }

    /// How driver code goes on whose call of the machine does not return for this reason: an exception finds its handler,
    /// another reason is told, and the run ends.
    pub(crate) fn verdict_on(&self, stop: Stop, registers: &Registers) -> Verdict {
        let stop = match (&stop, fiber::arrival()) {
            (Stop::Raise(_) | Stop::Fault(_), Some(caller)) => {
                self.engine().deliver(stop, &context_of(&caller))
            }
            (Stop::ThreadEnds(_), Some(_)) => {
                self.note_end_of_thread(registers);
                stop
            }
            _ => stop,
        };
        self.conclude(stop, |stop| self.report_stop(stop, registers))
    }

    /// How driver code goes on that trapped.
    pub(crate) fn verdict_on_trap(&self, trap: &Trap) -> Verdict {
        let context = context_of(&fiber::arrival().expect("it has just arrived"));
        let engine = self.engine();
        // Where the stack pointer leads nowhere no handler can be asked.
        let dispatched =
            if self.is_on_a_stack(&trap.registers) { engine.dispatch_trap(trap, &context) } else { None };
        let stop = match dispatched {
            Some(dispatched) => engine.settle(dispatched, 0),
            None => {
                self.report_trap(trap, None);
                self.end()
            }
        };
        self.conclude(stop, |stop| match stop {
            Stop::Unhandled(unhandled) => self.report_trap(trap, Some(&unhandled)),
            stop => self.report_stop(stop, &trap.registers),
        })
    }

    fn is_on_a_stack(&self, registers: &Registers) -> bool {
        self.strands.stack_holding(VirtualAddress(registers.stack_pointer())).is_some()
    }

    fn conclude(&self, stop: Stop, report: impl FnOnce(Stop)) -> Verdict {
        let stop = match stop {
            Stop::Unwind(unwinding) if unwinding.level + 1 == self.segment_count() => {
                let registers = registers_of(&unwinding.context);
                let Registers { instruction, .. } = registers.registers;
                if VirtualAddress(instruction).is_canonical() {
                    return Verdict::Resume(Box::new(registers));
                }
                // The processor would trap on the way there, in the machine's code.
                let fault = Fault {
                    address: VirtualAddress(instruction),
                    access: Access::Execute,
                    non_canonical: true,
                };
                self.report_trap(&Trap { kind: TrapKind::Page(fault), registers: registers.registers }, None);
                self.end()
            }
            // Machine frames further out have something to do with these.
            Stop::Unwind(_) | Stop::ThreadEnds(_) | Stop::Ended => stop,
            stop => {
                report(stop);
                self.end()
            }
        };
        self.stop.replace(Some(stop));
        Verdict::Stop
    }

    /// Why the call into driver code that has just been given up was.
    pub(crate) fn take_stop(&self) -> Stop {
        self.stop.take().expect("a call is given up by a routine that says why")
    }

    /// Calls the driver back from one of its own calls, with up to eight arguments, and gives what the routine returned.
    ///
    /// # Errors
    /// The stop to pass on when the routine did not return.
    pub(crate) fn call_back(&self, routine: VirtualAddress, arguments: &[u64]) -> Result<u64, Stop> {
        let fiber = &self.strands.current().fiber;
        // Below the code that called the machine, be it a thread's or one that interrupted it.
        let stack = fiber::segment(0).map_or(fiber.stack(), |segment| segment.stack);
        match fiber.call_on(self, stack, routine, arguments) {
            Exit::Returned(value) => Ok(value),
            Exit::Stopped => Err(self.take_stop()),
            exit => Err(Stop::CallBack(Box::new(exit))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routine_that_only_jumps_names_its_word_relative_to_its_end() {
        let routine = VirtualAddress(0x1000);
        let jump = [0xFF, 0x25, 0x10, 0, 0, 0, 0x90, 0x90];
        assert_eq!(word_of_jump(routine, jump), Some(VirtualAddress(0x1016)));
        let with_prefix = [0x48, 0xFF, 0x25, 0xF9, 0xFF, 0xFF, 0xFF, 0xCC];
        assert_eq!(word_of_jump(routine, with_prefix), Some(routine));
    }

    #[test]
    fn a_routine_that_does_anything_else_is_none() {
        let call = [0xFF, 0x15, 0x10, 0, 0, 0, 0x90, 0x90];
        let near_jump = [0xE9, 0x10, 0, 0, 0, 0x90, 0x90, 0x90];
        for code in [call, near_jump] {
            assert_eq!(word_of_jump(VirtualAddress(0x1000), code), None, "{code:x?}");
        }
    }
}
