//! What the host asks of the machine while driver code runs: imports carried out, traps decided, registers of the
//! processor's given.

use crate::binding::Binding;
use crate::call::Call;
use crate::session::Session;
use ntpool_host::fiber::{Kernel, Verdict};
use ntpool_host::processors;
use ntpool_machine::{Fault, Registers, Trap};
use ntpool_types::{Irql, ProcessorNumber};

impl Kernel for Session {
    fn import(&self, index: u32, registers: &Registers) -> Verdict {
        let call = Call::new(registers);
        if let Err(stop) = self.boundary() {
            return self.verdict_on(stop, registers);
        }
        let irql = self.irql();
        let binding = self.bindings.get(index as usize);
        let answer = match binding {
            Some(binding) => binding.serve(self, &call),
            None => Err(Binding::unknown(index)),
        };
        processors::changed();
        self.finish_paged_touch(&call, binding.is_some_and(|binding| binding.is_too_high(irql)));
        let value = match answer {
            Ok(value) => value,
            Err(stop) => return self.verdict_on(stop, registers),
        };
        // What the routine queued or uncovered comes before the driver goes on.
        match self.deliver() {
            Ok(()) => Verdict::Return(value),
            Err(stop) => self.verdict_on(stop, registers),
        }
    }

    fn trap(&self, trap: &Trap) -> Verdict {
        self.verdict_on_trap(trap)
    }

    fn tick(&self, registers: &Registers, turns: bool) -> Verdict {
        match self.interrupt_loop(registers, turns) {
            Ok(()) => Verdict::Unserved,
            Err(stop) => self.verdict_on(stop, registers),
        }
    }

    fn run_as(&self, processor: ProcessorNumber) {
        self.dispatcher().run_as(processor);
    }

    fn irql(&self) -> u8 {
        Session::irql(self).level()
    }

    fn set_irql(&self, level: u8) {
        if let Some(irql) = Irql::new(level) {
            Session::set_irql(self, irql);
        }
    }

    fn clock_is_read(&self) {
        self.dispatcher().look_at_clock();
        self.show_time();
    }

    fn processor(&self) -> ProcessorNumber {
        self.processor_number()
    }

    fn time_stamp(&self) -> u64 {
        self.dispatcher().look_at_clock();
        self.dispatcher.borrow().clock().read_time_stamp()
    }

    fn page_fault(&self, fault: &Fault, registers: Option<&Registers>) -> bool {
        self.serve_paged_touch(fault, registers)
    }
}
