//! Loops that call nobody: noticed by the ticks of the host's clock, interrupted so that others can go on.
//!
//! A loop in which no register changes only waits: it is interrupted at once, and where every run would interrupt it, so a
//! run with such loops repeats itself. Other code may be on its way to an end, and is left alone for a second of processor
//! time; then it is interrupted where the tick falls, which depends on how fast the computer is. A note says so, and since
//! the run can't be repeated from there on, such code is interrupted much earlier after that.

use crate::findings::Draft;
use crate::session::Session;
use crate::stop::Stop;
use ntpool_host::processors;
use ntpool_machine::Registers;
use ntpool_machine::dispatcher::Stuck;
use ntpool_types::{ProcessorNumber, Rule, VirtualAddress};
use std::cell::Cell;

/// How much time passes with a tick where processors run free.
const TICK_UNITS: u64 = 100_000;

/// The ticks without anybody's call after which code that works is interrupted: a second, and once the run can't be
/// repeated any more two ticks.
const TICKS_REPEATABLE: u32 = 100;
const TICKS_AFTERWARDS: u32 = 2;

/// What is known of loops between two ticks.
#[derive(Debug, Default)]
pub(crate) struct Loops {
    steps_at_tick: Cell<u64>,
    /// The ticks since the last call of anybody's.
    ticks: Cell<u32>,
    /// Whether code that worked was interrupted in this run.
    is_unrepeatable: Cell<bool>,
    /// Whether somebody was interrupted who did more than wait, since the last call of anybody's.
    somebody_works: Cell<bool>,
}

impl Session {
    /// Lets others go on if driver code has called nobody since the last tick.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended meanwhile, be it because all that can go on turn in loops.
    pub(crate) fn interrupt_loop(&self, registers: &Registers, turns: bool) -> Result<(), Stop> {
        if self.is_free() {
            // One processor's ticks move the time for all.
            if processors::own() == ProcessorNumber(0) || self.order.processors == 1 {
                self.dispatcher().pass(TICK_UNITS);
                self.show_time();
            }
            self.dispatcher().yield_running();
            processors::changed();
            return self.boundary();
        }
        let steps = self.dispatcher.borrow().steps();
        if self.loops.steps_at_tick.replace(steps) != steps {
            self.loops.somebody_works.set(false);
            self.loops.ticks.set(0);
        }
        let ticks = self.loops.ticks.get() + 1;
        self.loops.ticks.set(ticks);
        let patience = if self.loops.is_unrepeatable.get() { TICKS_AFTERWARDS } else { TICKS_REPEATABLE };
        if !self.has_others() || (!turns && ticks < patience) {
            return Ok(());
        }
        if !turns {
            self.loops.somebody_works.set(true);
            self.loops.is_unrepeatable.set(true);
        }
        let what = match turns {
            true => "a loop that only waits was interrupted, so that other threads could go on",
            false => {
                "code that calls nobody for long was interrupted so that other threads could go on, at a moment that depends \
                 on the computer; the run may not repeat itself"
            }
        };
        self.note_once_at(self.loop_place(registers, turns), what);
        let stuck = self.preempt()?;
        self.loops.steps_at_tick.set(self.dispatcher.borrow().steps());
        self.loops.ticks.set(0);
        match stuck {
            // Where nobody is left who could change anything, loops that only wait do so for ever. One that works may still
            // come to an end; the time limit decides that.
            Some(stuck) if !self.loops.somebody_works.get() => Err(self.report_livelock(&stuck, registers)),
            _ => Ok(()),
        }
    }

    /// Where a loop is, the same wherever in it a tick falls: where it was interrupted, if that is so, else the first
    /// instruction of its function.
    fn loop_place(&self, registers: &Registers, turns: bool) -> VirtualAddress {
        let at = VirtualAddress(registers.instruction);
        let start = self.image.offset_of(at).filter(|_| !turns);
        let start = start.and_then(|offset| self.image.image.unwind_table().function_start(offset));
        start.map_or(at, |start| VirtualAddress(self.image.base.0 + u64::from(start)))
    }

    /// Reports threads that turn in loops until something changes, which none of them changes, and ends the run.
    fn report_livelock(&self, stuck: &Stuck, registers: &Registers) -> Stop {
        let message = format!("all threads that can go on turn in loops: {stuck}");
        let stack = self.trapped_stack(registers);
        self.tell(Draft::new(Rule::WaitLivelock, None, message).explained_by(vec![stack]));
        self.end()
    }
}
