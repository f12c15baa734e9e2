//! Deferred procedure calls. Everything about one is in its object, which the driver owns; it is read when the call is
//! queued and again when it runs.

use crate::memory;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_abi::{HIGH_IMPORTANCE, KDpc, LOW_IMPORTANCE, MEDIUM_HIGH_IMPORTANCE};
use ntpool_machine::Fault;
use ntpool_machine::dispatcher::{Dpc, Importance, NotAnObject, Work};
use ntpool_types::{ProcessorNumber, Rule, VirtualAddress};

/// The kinds of object in the header of a deferred procedure call, and of a threaded one.
pub(crate) const DPC_OBJECT: u8 = 19;
pub(crate) const THREADED_DPC_OBJECT: u8 = 24;

/// What is added to the number of the processor that a call is for; below it the call is for the one that queues it.
pub(crate) const TARGET_BASE: u16 = 64;

/// A deferred procedure call as its object describes it when it runs.
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
    /// The deferred procedure call whose object lies at this address, as it is to be queued.
    ///
    /// # Errors
    /// [`Rule::ObjectNotInitialized`] when none was initialized there.
    pub(crate) fn dpc_at(&self, object: VirtualAddress) -> Result<Dpc, Stop> {
        let kind: u8 = memory::read_field(object, KDpc::TYPE)?;
        if kind != DPC_OBJECT && kind != THREADED_DPC_OBJECT {
            return Err(self.stop_for_missing(&NotAnObject(object)));
        }
        let number: u16 = memory::read_field(object, KDpc::NUMBER)?;
        let importance: u8 = memory::read_field(object, KDpc::IMPORTANCE)?;
        let importance = match u32::from(importance) {
            LOW_IMPORTANCE => Importance::Low,
            HIGH_IMPORTANCE => Importance::High,
            MEDIUM_HIGH_IMPORTANCE => Importance::MediumHigh,
            _ => Importance::Medium,
        };
        Ok(Dpc {
            object,
            target: number.checked_sub(TARGET_BASE).map(ProcessorNumber),
            importance,
            threaded: kind == THREADED_DPC_OBJECT,
        })
    }

    pub(super) fn run_dpc(
        &self,
        work: Work,
        object: VirtualAddress,
        timer: Option<VirtualAddress>,
    ) -> Result<(), Stop> {
        let (rule, what) = match timer {
            // Cancelling the timer does not take back a call that it has queued: that one is the driver's to wait for.
            Some(timer) if self.queued_at_unload.borrow().contains(&object) => (
                Rule::DpcLeft,
                format!("the deferred procedure call at {object}, which the timer at {timer} had queued,"),
            ),
            Some(timer) => (Rule::TimerLeft, format!("the timer at {timer}")),
            None => (Rule::DpcLeft, format!("the deferred procedure call at {object}")),
        };
        if self.image.has_left(object) {
            return Err(self.stop_for_gone_object(rule, object, &what));
        }
        let Deferred { routine, context, arguments } = Deferred::of(object)?;
        if self.image.has_left(routine) {
            return Err(self.stop_for_gone_code(rule, routine, &what));
        }
        memory::write_field(object, KDpc::DPC_DATA, 0)?;
        let [first, second] = arguments;
        self.interrupt_with(work, routine, &[object.0, context, first, second])?;
        Ok(())
    }

    /// The routine that a deferred procedure call's object names, if the object can be read.
    pub(super) fn dpc_routine(object: VirtualAddress) -> Option<VirtualAddress> {
        memory::read_field(object, KDpc::DEFERRED_ROUTINE).ok().map(VirtualAddress)
    }
}
