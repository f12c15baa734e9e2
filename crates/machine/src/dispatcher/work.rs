//! Work that interrupts a thread: deferred procedure calls, interrupts, calls between processors.
//!
//! Work runs nested, on the fiber of the thread that is current on its processor. After each boundary, and when a new
//! thread starts, the caller takes what there is with [`take_work`](Dispatcher::take_work), and runs each between
//! [`begin_work`](Dispatcher::begin_work) and [`end_work`](Dispatcher::end_work).
//!
//! # Choices
//! - A call of low importance waits until its processor is idle or spins, until another call is taken there, or for
//!   [`LOW_IMPORTANCE_STEPS`] steps. All other importances are delivered at the next occasion.
//! - A threaded deferred procedure call runs at PASSIVE_LEVEL, as Windows does by default; it lends itself the fiber
//!   of the current thread, which can't go on meanwhile, and ordinary calls interrupt it. It may not wait, because
//!   Windows may run it at DISPATCH_LEVEL instead.

use super::{Crime, Dispatcher, ProcessorState};
use crate::Levels;
use alloc::vec::Vec;
use ntpool_types::{Irql, ProcessorNumber, VirtualAddress};

/// How long a deferred procedure call of low importance waits at most, in steps.
pub const LOW_IMPORTANCE_STEPS: u64 = 16;

/// The level of calls between processors on x64.
pub const IPI_LEVEL: Irql = match Irql::new(14) {
    Some(level) => level,
    None => panic!("14 is a level"),
};

/// Units of 100 ns in a clock tick: 64 in a second.
pub const UNITS_PER_TICK: u64 = 156_250;

/// The longest time that one deferred procedure call or interrupt may take, in ticks: 20 seconds, as Windows stops
/// show.
pub const LONGEST_WORK_TICKS: u64 = 1280;

/// The longest time at DISPATCH_LEVEL or above without a pause, in ticks: 120 seconds, as Windows stops show.
pub const LONGEST_RAISED_TICKS: u64 = 7680;

/// How urgent a deferred procedure call is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Importance {
    /// At the end of the queue, and not at once.
    Low,
    /// At the end of the queue.
    #[default]
    Medium,
    /// At the end of the queue.
    MediumHigh,
    /// At the front of the queue.
    High,
}

/// A deferred procedure call as its object describes it when it is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dpc {
    /// The address of the object.
    pub object: VirtualAddress,
    /// The processor to run on; `None` for the one that queues it.
    pub target: Option<ProcessorNumber>,
    /// How urgent it is.
    pub importance: Importance,
    /// Whether it is a threaded one.
    pub threaded: bool,
}

impl Dpc {
    /// An ordinary call of medium importance for the processor that queues it.
    #[must_use]
    pub const fn new(object: VirtualAddress) -> Dpc {
        Dpc { object, target: None, importance: Importance::Medium, threaded: false }
    }
}

/// Work for a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A deferred procedure call; it is queued no longer, so that it can be queued again.
    Dpc {
        /// Its object.
        object: VirtualAddress,
        /// The timer that queued it.
        timer: Option<VirtualAddress>,
        /// Whether it is a threaded one, which runs at PASSIVE_LEVEL.
        threaded: bool,
    },
    /// The call of an expired timer's own.
    TimerCallback {
        /// The timer.
        timer: VirtualAddress,
    },
    /// An interrupt.
    Interrupt {
        /// What it was requested with.
        key: VirtualAddress,
        /// Its level.
        irql: Irql,
    },
    /// A call from another processor.
    Ipi {
        /// What it was sent with.
        key: VirtualAddress,
    },
}

impl Work {
    /// The level that it runs at.
    #[must_use]
    pub const fn irql(self) -> Irql {
        match self {
            Work::Dpc { threaded: true, .. } => Irql::PASSIVE,
            Work::Dpc { .. } | Work::TimerCallback { .. } => Irql::DISPATCH,
            Work::Interrupt { irql, .. } => irql,
            Work::Ipi { .. } => IPI_LEVEL,
        }
    }

    const fn is_deferred(self) -> bool {
        matches!(self, Work::Dpc { .. } | Work::TimerCallback { .. })
    }
}

/// A call in a processor's queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deferred {
    /// The object, or the timer of a callback.
    pub key: VirtualAddress,
    timer: Option<VirtualAddress>,
    is_callback: bool,
    threaded: bool,
    importance: Importance,
    queued_at: u64,
}

impl Deferred {
    fn of(dpc: Dpc) -> Deferred {
        Deferred {
            key: dpc.object,
            timer: None,
            is_callback: false,
            threaded: dpc.threaded,
            importance: dpc.importance,
            queued_at: 0,
        }
    }

    pub(super) fn of_timer(dpc: Dpc, timer: VirtualAddress) -> Deferred {
        Deferred { timer: Some(timer), ..Deferred::of(dpc) }
    }

    pub(super) fn callback(timer: VirtualAddress) -> Deferred {
        Deferred { is_callback: true, ..Deferred::of(Dpc::new(timer)) }
    }

    fn work(self) -> Work {
        if self.is_callback {
            Work::TimerCallback { timer: self.key }
        } else {
            Work::Dpc { object: self.key, timer: self.timer, threaded: self.threaded }
        }
    }
}

/// Work that has begun on a processor and not ended.
#[derive(Debug)]
pub(super) struct Frame {
    work: Work,
    routine: VirtualAddress,
    /// The levels of what was interrupted.
    levels: Levels,
    counts: u32,
    began: u64,
}

impl ProcessorState {
    /// Whether any work waits for the processor, be it that it can do it now or not.
    #[inline]
    pub(super) fn has_queue(&self) -> bool {
        !(self.deferred.is_empty() && self.calls.is_empty() && self.interrupts.is_empty())
    }
}

impl Dispatcher {
    /// Queues a deferred procedure call; `false`, and nothing is changed, when it is queued already (MACH-162).
    ///
    /// # Errors
    /// [`Crime::NoSuchProcessor`] (MACH-047).
    pub fn queue_dpc(&mut self, dpc: Dpc) -> Result<bool, Crime> {
        self.check_target(&dpc)?;
        let target = dpc.target.unwrap_or(self.running().0);
        Ok(self.defer(Deferred::of(dpc), target))
    }

    pub(super) fn check_target(&self, dpc: &Dpc) -> Result<(), Crime> {
        let processor_count = self.processor_count();
        match dpc.target {
            Some(ProcessorNumber(number)) if u32::from(number) >= processor_count => {
                Err(Crime::NoSuchProcessor { dpc: dpc.object, number, processor_count })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn defer(&mut self, deferred: Deferred, target: ProcessorNumber) -> bool {
        if self.deferred_on.contains_key(&deferred.key) {
            return false;
        }
        self.unsettle();
        let target = usize::from(target.0);
        self.deferred_on.insert(deferred.key, target);
        let deferred = Deferred { queued_at: self.steps, ..deferred };
        let queue = &mut self.processors[target].deferred;
        if deferred.importance == Importance::High {
            queue.push_front(deferred);
        } else {
            queue.push_back(deferred);
        }
        true
    }

    /// Takes a deferred procedure call out of its queue; whether it was in one.
    pub fn remove_dpc(&mut self, object: VirtualAddress) -> bool {
        let Some(processor) = self.deferred_on.remove(&object) else { return false };
        self.unsettle();
        self.processors[processor].deferred.retain(|deferred| deferred.key != object);
        true
    }

    /// Whether a deferred procedure call, or the call of a timer's own, is queued.
    #[must_use]
    pub fn is_queued(&self, object: VirtualAddress) -> bool {
        self.deferred_on.contains_key(&object)
    }

    /// How many deferred procedure calls are queued on all processors.
    #[must_use]
    pub fn queued_dpc_count(&self) -> usize {
        self.deferred_on.len()
    }

    /// Sends a call to the processors of a mask; those that the machine has not are left out.
    pub fn send_ipi(&mut self, targets: u64, key: VirtualAddress) {
        self.unsettle();
        for (number, state) in self.processors.iter_mut().enumerate() {
            if targets >> number & 1 == 1 {
                state.calls.push_back(key);
            }
        }
    }

    /// Requests an interrupt on a processor; `false` when the same one is pending there already.
    ///
    /// # Panics
    /// When there is no such processor, or the level is not above DISPATCH_LEVEL.
    pub fn request_interrupt(&mut self, processor: ProcessorNumber, key: VirtualAddress, irql: Irql) -> bool {
        assert!(irql > Irql::DISPATCH, "interrupts are above DISPATCH_LEVEL");
        let pending = &mut self.processors[usize::from(processor.0)].interrupts;
        if pending.iter().any(|&(known, _)| known == key) {
            return false;
        }
        // Highest level first, first come first among equals.
        let place = pending.iter().position(|&(_, other)| other < irql).unwrap_or(pending.len());
        pending.insert(place, (key, irql));
        self.unsettle();
        true
    }

    /// Takes the most urgent work that the running processor can do at its present level. The caller begins it next.
    #[inline]
    pub fn take_work(&mut self) -> Option<Work> {
        match self.processors[self.running].has_queue() {
            true => self.take_queued(),
            false => None,
        }
    }

    fn take_queued(&mut self) -> Option<Work> {
        self.unsettle();
        let steps = self.steps;
        let occasion = self.deferred_occasion(self.running);
        let state = &mut self.processors[self.running];
        let irql = state.processor.irql();
        if irql < IPI_LEVEL
            && let Some(key) = state.calls.pop_front()
        {
            return Some(Work::Ipi { key });
        }
        if let Some(&(key, level)) = state.interrupts.first()
            && level > irql
        {
            state.interrupts.remove(0);
            return Some(Work::Interrupt { key, irql: level });
        }
        let place = occasion.next(&state.deferred, steps)?;
        let deferred = state.deferred.remove(place).expect("it was found");
        self.deferred_on.remove(&deferred.key);
        // Once calls are taken here, those of low importance have waited long enough.
        for other in &mut self.processors[self.running].deferred {
            if other.importance == Importance::Low {
                other.importance = Importance::Medium;
            }
        }
        Some(deferred.work())
    }

    /// Whether a processor has work that it can do at its present level.
    pub(super) fn has_work(&self, processor: usize) -> bool {
        let state = &self.processors[processor];
        let irql = state.processor.irql();
        (irql < IPI_LEVEL && !state.calls.is_empty())
            || state.interrupts.first().is_some_and(|&(_, level)| level > irql)
            || (!state.deferred.is_empty()
                && self.deferred_occasion(processor).next(&state.deferred, self.steps).is_some())
    }

    fn deferred_occasion(&self, processor: usize) -> Occasion {
        let state = &self.processors[processor];
        let thread = self.thread(state.current);
        let below_dispatch = state.processor.irql() < Irql::DISPATCH;
        Occasion {
            ordinary: below_dispatch && state.frames.iter().all(|frame| frame.work.irql() < Irql::DISPATCH),
            threaded: below_dispatch && state.frames.is_empty(),
            low: thread.is_idle || thread.spin.is_some() || thread.yields_until > self.steps,
        }
    }

    /// Begins work that was taken: the processor has its level, and what was interrupted keeps its own. `routine` is
    /// the driver's routine, for what is told of it.
    pub fn begin_work(&mut self, work: Work, routine: VirtualAddress) {
        self.unsettle();
        let began = self.clock.now().0;
        let state = &mut self.processors[self.running];
        let levels = state.processor.exchange_levels(Levels::at(work.irql()));
        let counts = self.threads[state.current.0 as usize].combined_apc_disable();
        state.frames.push(Frame { work, routine, levels, counts, began });
    }

    /// Ends the work that was begun last on the running processor, gives what was interrupted its level back, and
    /// says what the routine did wrong: it left another level, changed the counts of disabled procedure calls
    /// (MACH-047), or ran too long (MACH-049).
    ///
    /// # Panics
    /// When no work has begun.
    pub fn end_work(&mut self) -> Vec<Crime> {
        self.unsettle();
        let now = self.clock.now().0;
        let state = &mut self.processors[self.running];
        let Frame { work, routine, levels, counts, began } = state.frames.pop().expect("work has begun");
        let left = state.processor.exchange_levels(levels).irql();
        let after = self.threads[state.current.0 as usize].combined_apc_disable();
        let mut crimes = Vec::new();
        if left != work.irql() {
            crimes.push(Crime::LevelNotRestored { routine, before: work.irql(), after: left });
        }
        if after != counts && work.is_deferred() {
            let is_of_timer = matches!(work, Work::Dpc { timer: Some(_), .. } | Work::TimerCallback { .. });
            crimes.push(Crime::DpcChangedCounts { routine, is_of_timer, before: counts, after });
        }
        let ticks = (now - began) / UNITS_PER_TICK;
        if ticks > LONGEST_WORK_TICKS {
            crimes.push(Crime::RanTooLong { ticks, allowed: LONGEST_WORK_TICKS });
        }
        crimes
    }

    /// Whether the running processor is in a deferred procedure call, an ordinary or a threaded one.
    #[must_use]
    pub fn in_dpc(&self) -> bool {
        self.processors[self.running].frames.iter().any(|frame| frame.work.is_deferred())
    }

    /// The routines of the work that has begun on a processor, the innermost last.
    pub fn work_on(&self, processor: ProcessorNumber) -> impl Iterator<Item = (Work, VirtualAddress)> {
        let state = &self.processors[usize::from(processor.0)];
        state.frames.iter().map(|frame| (frame.work, frame.routine))
    }

    /// Whether another processor than the running one has work that it can do now, or has begun some and not ended it.
    #[must_use]
    pub fn has_work_elsewhere(&self) -> bool {
        let others = (0..self.processors.len()).filter(|&processor| processor != self.running);
        let mut with_work =
            others.filter(|&other| !self.processors[other].frames.is_empty() || self.has_work(other));
        with_work.next().is_some()
    }

    pub(super) fn is_interrupted(&self, processor: ProcessorNumber) -> bool {
        !self.processors[usize::from(processor.0)].frames.is_empty()
    }

    pub(super) fn count_raised_time(&mut self, units: u64) {
        let state = &mut self.processors[self.running];
        if state.processor.irql() >= Irql::DISPATCH {
            state.raised_units = state.raised_units.saturating_add(units);
        }
    }

    /// Whether the running processor has been at DISPATCH_LEVEL or above for too long since it was last seen below at
    /// a boundary (MACH-049). To be asked when time has passed.
    #[must_use]
    pub fn watchdog(&self) -> Option<Crime> {
        let ticks = self.processors[self.running].raised_units / UNITS_PER_TICK;
        (ticks > LONGEST_RAISED_TICKS).then_some(Crime::RaisedTooLong { period: LONGEST_RAISED_TICKS })
    }
}

/// Which deferred calls a processor can take now.
struct Occasion {
    ordinary: bool,
    threaded: bool,
    /// Those of low importance too, however short they have waited.
    low: bool,
}

impl Occasion {
    /// The place in the queue of the call to take: ordinary ones before threaded ones.
    fn next<'a>(
        &self,
        queue: impl IntoIterator<Item = &'a Deferred, IntoIter: Clone>,
        steps: u64,
    ) -> Option<usize> {
        if !self.ordinary && !self.threaded {
            return None;
        }
        let mut calls = queue.into_iter();
        let is_due = |deferred: &Deferred| {
            self.low
                || deferred.importance != Importance::Low
                || steps >= deferred.queued_at + LOW_IMPORTANCE_STEPS
        };
        let threaded = calls.clone().position(|deferred| deferred.threaded && is_due(deferred));
        let ordinary = calls.position(|deferred| !deferred.threaded && is_due(deferred));
        ordinary.filter(|_| self.ordinary).or(threaded.filter(|_| self.threaded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatcher::Schedule;

    const KEY: VirtualAddress = VirtualAddress(0x1000);

    #[test]
    fn another_processor_has_work_from_the_moment_that_it_can_begin_some_until_it_has_ended() {
        let mut machine = Dispatcher::new(2, Schedule::round_robin(1));
        machine.send_ipi(0b01, KEY);
        assert!(!machine.has_work_elsewhere(), "the running processor's own");
        machine.run_as(ProcessorNumber(1));
        assert!(machine.has_work_elsewhere());
        machine.run_as(ProcessorNumber(0));
        let work = machine.take_work().unwrap();
        machine.begin_work(work, KEY);
        machine.run_as(ProcessorNumber(1));
        assert!(machine.has_work_elsewhere(), "it has begun");
        machine.run_as(ProcessorNumber(0));
        assert_eq!(machine.end_work(), []);
        machine.run_as(ProcessorNumber(1));
        assert!(!machine.has_work_elsewhere());
    }

    #[test]
    fn work_that_a_processors_level_keeps_away_is_none_yet() {
        let mut machine = Dispatcher::new(2, Schedule::round_robin(1));
        machine.processor(ProcessorNumber(1)).raise(Irql::HIGH).unwrap();
        machine.send_ipi(0b10, KEY);
        assert!(!machine.has_work_elsewhere());
    }
}
