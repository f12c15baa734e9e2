//! Loops that call nobody: noticed by the ticks of the host's clock, interrupted so that others can go on.
//!
//! Where a tick falls depends on how fast the computer is. A loop that only waits for somebody else does the same whenever
//! it is interrupted, so a run with such loops still repeats itself; work that takes long without a call may be
//! interrupted in the middle, and a note says that there was a loop.

use crate::call::Call;
use crate::findings::Draft;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_machine::Registers;
use ntpool_machine::dispatcher::Stuck;
use ntpool_types::{Rule, VirtualAddress};
use std::cell::Cell;

/// So many ticks without a call of anybody's, each thread having had its turns, are a livelock: a second of processor time.
const MOST_FRUITLESS_TICKS: u32 = 100;

/// How much time passes with a tick where processors run free.
const TICK_UNITS: u64 = 100_000;

/// What is known of loops between two ticks.
#[derive(Debug, Default)]
pub(crate) struct Loops {
    steps_at_tick: Cell<u64>,
    fruitless_ticks: Cell<u32>,
}

impl Session {
    /// Lets others go on if driver code has called nobody since the last tick.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended meanwhile, be it because all that can go on turn in loops.
    pub(crate) fn interrupt_loop(&self, registers: &Registers) -> Result<(), Stop> {
        if self.is_free() {
            self.dispatcher().pass(TICK_UNITS);
            self.show_time();
            return self.deliver();
        }
        let steps = self.dispatcher.borrow().steps();
        // Whoever calls nobody between two ticks turns in a loop, or works long without help.
        if self.loops.steps_at_tick.replace(steps) != steps {
            self.loops.fruitless_ticks.set(0);
            return Ok(());
        }
        if !self.has_others() {
            return Ok(());
        }
        self.note_once_at(
            self.loop_place(registers),
            "a loop that calls nobody was interrupted, so that other threads could go on",
        );
        let stuck = self.preempt()?;
        self.loops.steps_at_tick.set(self.dispatcher.borrow().steps());
        if let Some(stuck) = stuck {
            let ticks = self.loops.fruitless_ticks.get() + 1;
            self.loops.fruitless_ticks.set(ticks);
            if ticks >= MOST_FRUITLESS_TICKS {
                return Err(self.report_livelock(&stuck, registers));
            }
        }
        Ok(())
    }

    /// Where a loop is, the same wherever in it a tick falls: its function's first instruction.
    fn loop_place(&self, registers: &Registers) -> VirtualAddress {
        let at = VirtualAddress(registers.instruction);
        let start = self
            .image
            .offset_of(at)
            .and_then(|offset| self.image.image.unwind_table().function_start(offset));
        start.map_or(at, |start| VirtualAddress(self.image.base.0 + u64::from(start)))
    }

    /// Reports threads that turn in loops until something changes, which none of them changes, and ends the run.
    fn report_livelock(&self, stuck: &Stuck, registers: &Registers) -> Stop {
        let message = format!("all threads that can go on turn in loops: {stuck}");
        let stack = self.calling_stack(Call::new(registers).registers());
        self.tell(Draft::new(Rule::WaitLivelock, None, message).explained_by(vec![stack]));
        self.end()
    }
}
