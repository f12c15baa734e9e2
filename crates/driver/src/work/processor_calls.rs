//! Calls of one routine on all processors at once.
//!
//! All processors come together before the routine runs, and none goes on before it has run on all of them. One call is
//! under way at a time; whoever wants another one spins meanwhile, below the level of such calls so that it can join.

use crate::session::Session;
use crate::stop::Stop;
use ntpool_machine::dispatcher::{IPI_LEVEL, SpinReason, Work};
use ntpool_types::{ProcessorNumber, VirtualAddress};
use std::cell::{Cell, RefCell};

#[derive(Clone, Copy, Debug)]
struct Active {
    key: VirtualAddress,
    caller: ProcessorNumber,
    routine: VirtualAddress,
    context: u64,
    arrived: u32,
    done: u32,
}

/// The call that is under way.
#[derive(Debug, Default)]
pub(crate) struct ProcessorCalls {
    active: RefCell<Option<Active>>,
    /// How many calls there were: the key of each is its number.
    count: Cell<u64>,
}

/// What those spin on who want another call.
const TURN: VirtualAddress = VirtualAddress::NULL;

impl Session {
    /// Runs a routine on all processors; what it returned on the running one.
    ///
    /// # Errors
    /// When the routine did not return, or the level is above that of such calls.
    pub(crate) fn call_all_processors(&self, routine: VirtualAddress, context: u64) -> Result<u64, Stop> {
        let calls = &self.processor_calls;
        let other = || calls.active.borrow().map(|active| active.caller);
        while let Some(caller) = other() {
            self.dispatcher().spin_on(TURN, SpinReason::ProcessorCall, Some(caller.into()));
            self.block()?;
        }
        let caller = self.processor_number();
        let key = VirtualAddress(calls.count.get() + 1);
        calls.count.set(key.0);
        *calls.active.borrow_mut() = Some(Active { key, caller, routine, context, arrived: 0, done: 0 });
        let former = self.raise_irql(IPI_LEVEL).map_err(|violation| Stop::Crime {
            violation,
            message: format!("all processors were called at {}", self.irql()),
        })?;
        {
            let mut dispatcher = self.dispatcher();
            let others = dispatcher.active_processors() & !(1 << caller.0);
            dispatcher.send_ipi(others, key);
        }
        self.come_together(key, |active| &mut active.arrived)?;
        let value = self.call_back(routine, &[context])?;
        self.come_together(key, |active| &mut active.done)?;
        *calls.active.borrow_mut() = None;
        self.release_spinners(TURN);
        self.lower_irql(former).map_err(|violation| Stop::Crime {
            violation,
            message: format!("a routine that ran on all processors returned at {}", self.irql()),
        })?;
        Ok(value)
    }

    pub(super) fn join_processor_call(&self, work: Work, key: VirtualAddress) -> Result<(), Stop> {
        let active = *self.processor_calls.active.borrow();
        let Some(Active { routine, context, .. }) = active.filter(|active| active.key == key) else {
            unreachable!("a call is under way until all processors have joined it");
        };
        self.as_work(work, routine, || {
            self.come_together(key, |active| &mut active.arrived)?;
            let value = self.call_interrupting(routine, &[context])?;
            self.come_together(key, |active| &mut active.done)?;
            Ok(value)
        })?;
        Ok(())
    }

    /// Counts the running processor in and spins until all are.
    fn come_together(
        &self,
        key: VirtualAddress,
        count: impl Fn(&mut Active) -> &mut u32,
    ) -> Result<(), Stop> {
        let all = self.dispatcher().processor_count();
        let calls = &self.processor_calls;
        // The call is over, and another one may be under way, once the caller has seen all of them.
        let look = |by: u32| {
            let mut active = calls.active.borrow_mut();
            active.as_mut().filter(|active| active.key == key).map_or(all, |active| {
                *count(active) += by;
                *count(active)
            })
        };
        let mut arrived = look(1);
        if arrived == all {
            self.release_spinners(key);
        }
        while arrived < all {
            self.dispatcher().spin_on(key, SpinReason::ProcessorCall, None);
            self.block()?;
            arrived = look(0);
        }
        Ok(())
    }
}
