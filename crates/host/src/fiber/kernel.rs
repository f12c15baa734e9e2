//! What the host asks of the machine while driver code runs, and what the machine answers.

use ntpool_machine::{Fault, FullRegisters, Registers, Trap};
use ntpool_types::ProcessorNumber;

/// How driver code goes on that arrived at the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Behind the call of an import, with this value.
    Return(u64),
    /// With these registers.
    Resume(Box<FullRegisters>),
    /// Not at all: the call is given up, and the machine knows why.
    Stop,
    /// Not at all: the trap that it met ends the call.
    Unserved,
}

/// What the host asks of the machine while driver code runs.
///
/// Every method is called on the fiber that called [`Fiber::call`](ntpool_machine::Fiber::call), while that call waits.
pub trait Kernel {
    /// Carries out the import bound under `index`, called with these registers.
    fn import(&self, index: u32, registers: &Registers) -> Verdict;

    /// Decides what becomes of driver code that trapped. It is called on the host stack, and may call driver code.
    fn trap(&self, trap: &Trap) -> Verdict {
        let _ = trap;
        Verdict::Unserved
    }

    /// Takes note that driver code was interrupted by the clock ([`ticks`](crate::ticks)); it goes on with the registers it
    /// had, or not at all.
    ///
    /// `turns` says that it turns in a loop in which no register changes, and that it was interrupted where every run would
    /// interrupt it.
    fn tick(&self, registers: &Registers, turns: bool) -> Verdict {
        let _ = (registers, turns);
        Verdict::Unserved
    }

    /// The thread that holds the machine now is this processor. Called where processors are threads only.
    fn run_as(&self, processor: ProcessorNumber) {
        let _ = processor;
    }

    /// The processor's level, which driver code may read from cr8.
    fn irql(&self) -> u8;

    /// Sets the processor's level, as a write to cr8 does.
    fn set_irql(&self, level: u8);

    /// The time stamp counter.
    fn time_stamp(&self) -> u64;

    /// Takes note that driver code reads a clock that lies in memory.
    fn clock_is_read(&self) {}

    /// The processor that runs.
    fn processor(&self) -> ProcessorNumber {
        ProcessorNumber(0)
    }

    /// Serves a page fault, if it can: whether the instruction may be tried again.
    ///
    /// With registers it is driver code's. Without, it is one on paged pool in the midst of the machine's own work, in a
    /// guarded copy for example: nothing that a routine of the machine may be using must be touched then.
    fn page_fault(&self, fault: &Fault, registers: Option<&Registers>) -> bool {
        let _ = (fault, registers);
        false
    }
}
