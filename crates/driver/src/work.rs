//! Work that interrupts a thread: what each kind of it calls.

use crate::memory;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_abi::KDpc;
use ntpool_machine::Fault;
use ntpool_machine::dispatcher::Work;
use ntpool_types::VirtualAddress;

/// A deferred procedure call as its object describes it.
struct Deferred {
    routine: VirtualAddress,
    context: u64,
    arguments: [u64; 2],
}

impl Deferred {
    fn of(object: VirtualAddress) -> Result<Deferred, Fault> {
        Ok(Deferred {
            routine: VirtualAddress(memory::read_field(object, KDpc::DEFERRED_ROUTINE)?),
            context: memory::read_field(object, KDpc::DEFERRED_CONTEXT)?,
            arguments: [
                memory::read_field(object, KDpc::SYSTEM_ARGUMENT1)?,
                memory::read_field(object, KDpc::SYSTEM_ARGUMENT2)?,
            ],
        })
    }
}

impl Session {
    /// Carries out work that was taken from the running processor.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended by it.
    pub(crate) fn carry_out(&self, work: Work) -> Result<(), Stop> {
        match work {
            Work::Dpc { object, .. } => {
                let Deferred { routine, context, arguments } = Deferred::of(object)?;
                memory::write_field(object, KDpc::DPC_DATA, 0)?;
                let [first, second] = arguments;
                self.interrupt_with(work, routine, &[object.0, context, first, second])?;
                Ok(())
            }
            Work::TimerCallback { timer } => unreachable!("nobody sets the timer {timer} yet"),
            Work::Interrupt { key, .. } | Work::Ipi { key } => unreachable!("nobody sends {key} yet"),
        }
    }
}
