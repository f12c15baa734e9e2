//! What the host asks of the machine while driver code runs: imports carried out, traps decided, registers of the
//! processor's given.

use crate::binding::Binding;
use crate::call::Call;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_host::fiber::{Kernel, Verdict};
use ntpool_machine::{Exit, Fault, Registers};
use ntpool_types::Irql;

impl Kernel for Session {
    fn import(&self, index: u32, registers: &Registers) -> Verdict {
        let call = Call::new(registers);
        let irql = self.irql();
        let binding = self.bindings.get(index as usize);
        let answer = match binding {
            Some(binding) => binding.serve(self, &call),
            None => Err(Binding::unknown(index)),
        };
        self.finish_paged_touch(&call, binding.is_some_and(|binding| binding.is_too_high(irql)));
        match answer {
            Ok(value) => Verdict::Return(value),
            // The innermost reason is the one that counts; it has been kept already.
            Err(Stop::CallBack(exit)) if *exit == Exit::Stopped => Verdict::Stop,
            Err(stop) => {
                self.stop.replace(Some((stop, *registers)));
                Verdict::Stop
            }
        }
    }

    fn irql(&self) -> u8 {
        self.irql().level()
    }

    fn set_irql(&self, level: u8) {
        if let Some(irql) = Irql::new(level) {
            self.processor.set_irql(irql);
            self.level_changed();
        }
    }

    fn time_stamp(&self) -> u64 {
        self.clock.read_time_stamp()
    }

    fn page_fault(&self, fault: &Fault, registers: Option<&Registers>) -> bool {
        self.serve_paged_touch(fault, registers)
    }
}
