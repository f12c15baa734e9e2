//! Work that drivers schedule, and that interrupts threads or runs on the system's own: deferred procedure calls,
//! timers, work items, interrupts, calls of all processors.
//!
//! The dispatcher says when and where; the files here know what each kind calls, and what Windows would say when its
//! memory or its code is gone by then.

mod deferred;
mod interrupts;
mod items;
mod left;
mod processor_calls;
mod timers;
mod workers;

pub(crate) use deferred::{DPC_OBJECT, TARGET_BASE, THREADED_DPC_OBJECT};
pub(crate) use interrupts::{Connection, Interrupts};
pub(crate) use items::{DeviceWork, IO_ITEM_SIZE, WorkItems};
pub(crate) use processor_calls::ProcessorCalls;
pub(crate) use timers::{Deletion, OwnTimers};

use crate::session::Session;
use crate::stop::Stop;
use ntpool_machine::dispatcher::Work;

impl Session {
    /// Carries out work that was taken from the running processor.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended by it.
    pub(crate) fn carry_out(&self, work: Work) -> Result<(), Stop> {
        match work {
            Work::Dpc { object, timer, .. } => self.run_dpc(work, object, timer),
            Work::TimerCallback { timer } => self.run_timer_callback(work, timer),
            Work::Interrupt { key, .. } => self.run_interrupt(work, key),
            Work::Ipi { key } => self.join_processor_call(work, key),
        }
    }
}
