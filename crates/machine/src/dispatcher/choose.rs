//! Who goes on: which thread has which processor, and which processor runs.
//!
//! The first is NT's and leaves no choice: a ready thread takes an idle processor, or one whose thread has a lower
//! priority, as soon as that one is below DISPATCH_LEVEL and no work has interrupted it. The second is where schedules
//! differ: of all processors that can go on one does, with its current thread or, as at the end of a quantum, with the
//! next ready thread of the same priority.
//!
//! # Fairness
//! A thread that polls could keep everybody else from going on for ever, which no real machine does. So a thread that
//! has passed [`PATIENCE`] boundaries in a row, or spins without any ([`preempt`](Dispatcher::preempt)), gives way
//! for [`YIELD_STEPS`] steps: others are preferred, and it has the lowest priority. That is what Windows does for
//! threads that starve, only sooner.

use super::kept::Kept;
use super::schedule::{Candidate, ChoicePoint};
use super::stuck::Stuck;
use super::{Dispatcher, ThreadId, ThreadState};
use crate::Levels;
use alloc::vec::Vec;
use core::cmp::Reverse;
use ntpool_types::Irql;

/// After so many boundaries in a row a thread gives way for [`YIELD_STEPS`] steps: others are preferred, whatever the
/// schedule says, and it has the lowest priority. A thread that polls can't keep everybody else from going on for
/// ever.
pub const PATIENCE: u32 = 1000;

/// How long a step takes after [`PATIENCE`] of them without a wait, in units of 100 ns.
const UNITS_PER_LATE_STEP: u64 = 10;

/// How many turns each of those that loop without boundaries has before they count as stuck.
const PATIENT_ROUNDS: usize = 40;

/// For so many steps a thread that gave way does.
pub const YIELD_STEPS: u64 = 64;

impl Dispatcher {
    /// The running thread has reached a point at which others may go on: who does?
    ///
    /// The caller switches to that thread's fiber if it is another one, and takes the work that its processor has.
    pub fn boundary(&mut self) -> ThreadId {
        self.pass_boundary();
        self.running().1
    }

    /// As [`boundary`](Dispatcher::boundary), but `None` where the caller has nothing to do: the running thread goes on, its
    /// processor has no work, and no object has changed.
    ///
    /// Most boundaries of most runs are like this. The question is asked at every call of a driver's, and so where nothing
    /// has changed since the last one there is no search: only the schedule is asked, and that only if there is a choice.
    #[inline]
    pub fn pass_boundary(&mut self) -> Option<ThreadId> {
        // Who keeps calling lets time pass, where anybody may wait for that.
        let time_stands = self.streak < PATIENCE || (self.kept == Kept::AtAnyLevel && self.timers.is_empty());
        if let &[only] = &self.candidates[..]
            && self.has_kept()
            && self.stayed < PATIENCE
            && time_stands
            && self.changed.is_empty()
            && !self.timers.is_due(&self.clock)
        {
            self.streak = self.streak.saturating_add(1);
            self.begin_step();
            debug_assert!(self.kept_is_true() && (only.processor, only.thread) == self.running());
            self.stayed += 1;
            return None;
        }
        self.pass_choice()
    }

    /// Passes a boundary at which there may be a choice, or anything else to do.
    fn pass_choice(&mut self) -> Option<ThreadId> {
        let before = self.running();
        self.begin_step();
        if self.stayed >= PATIENCE {
            self.stayed = 0;
            self.give_way(before.1, self.steps + YIELD_STEPS);
        }
        self.take_time();
        self.expire_due();
        if self.has_kept() {
            debug_assert!(self.kept_is_true(), "what is kept is what a search would bring");
            self.pick();
        } else if !self.choose() {
            // An idle thread that has nothing to do may ask too, and stays. So may a thread that has to leave its processor
            // when nobody can go on: whoever has the processor then looks for itself, be it that it spins.
            let (_, here) = self.running();
            self.thread_mut(here).spin = None;
        }
        let after = self.running();
        let is_quiet = after == before && self.changed.is_empty();
        (!is_quiet || self.processors[self.running].has_queue()).then_some(after.1)
    }

    /// The level of the processor that runs.
    #[inline]
    #[must_use]
    pub fn running_irql(&self) -> Irql {
        self.processors[self.running].processor.irql()
    }

    /// The running thread cannot go on, because it waits, spins, has ended or is idle: who does?
    ///
    /// When nobody can, time moves to the next moment at which something happens. The answer may be the thread
    /// itself, when its wait has ended meanwhile.
    ///
    /// # Errors
    /// [`Stuck`] when nobody can ever go on by itself.
    pub fn block(&mut self) -> Result<ThreadId, Stuck> {
        self.steps += 1;
        self.streak = 0;
        self.spinning_rounds = 0;
        loop {
            self.expire_due();
            if self.choose() {
                return Ok(self.running().1);
            }
            if !self.advance() {
                return Err(self.stuck());
            }
        }
    }

    /// The running thread has been interrupted in a loop without boundaries: who goes on?
    ///
    /// Others are preferred until the thread is the only one; where only such threads can go on they take turns,
    /// after time has moved to the next moment at which something happens.
    ///
    /// # Errors
    /// [`Stuck`] when all that can go on spin like this, each has had its turns, and nothing is due. Nothing was switched,
    /// and the caller decides whether the thread may go on: it may just compute.
    pub fn preempt(&mut self) -> Result<ThreadId, Stuck> {
        self.steps += 1;
        let (_, spinner) = self.running();
        self.give_way(spinner, self.steps + YIELD_STEPS);
        loop {
            self.expire_due();
            self.place();
            self.collect();
            if self.candidates.iter().any(|candidate| self.is_fresh(*candidate)) {
                self.pick();
                return Ok(self.running().1);
            }
            if !self.advance() {
                self.spinning_rounds += 1;
                let oldest =
                    self.candidates.iter().min_by_key(|candidate| self.yields_until(candidate.thread));
                // One may wait for what the other does, and the other way round: only many turns for each tell.
                let is_hopeless = self.spinning_rounds > PATIENT_ROUNDS * self.candidates.len();
                return match oldest.copied() {
                    Some(next) if next.thread != spinner && !is_hopeless => {
                        self.go_on(next);
                        Ok(next.thread)
                    }
                    _ => Err(self.stuck()),
                };
            }
        }
    }

    /// The running processor looks at a clock without a call.
    pub fn look_at_clock(&mut self) {
        self.take_time();
        self.expire_due();
    }

    /// Lets a microsecond pass for who has not waited for long.
    pub(super) fn take_time(&mut self) {
        self.streak = self.streak.saturating_add(1);
        if self.streak > PATIENCE {
            self.pass(UNITS_PER_LATE_STEP);
        }
    }

    /// The running thread gives up the rest of its turn: at the next boundary others are preferred.
    pub fn yield_running(&mut self) {
        let (_, id) = self.running();
        self.give_way(id, self.steps + 2);
    }

    /// What every boundary does first.
    #[inline]
    fn begin_step(&mut self) {
        self.steps += 1;
        self.spinning_rounds = 0;
        let state = &mut self.processors[self.running];
        if state.frames.is_empty() && state.processor.irql() < Irql::DISPATCH {
            state.raised_units = 0;
        }
    }

    // ── Which thread has which processor ─────────────────────────────────────────────────────────────────────────

    /// Takes the running thread off its processor, whose idle thread is current then.
    pub(super) fn detach(&mut self, state: ThreadState) {
        self.switch_out(self.running, state);
        let idle = ThreadId(self.running as u32);
        self.switch_in(self.running, idle);
    }

    pub(super) fn switch_out(&mut self, processor: usize, state: ThreadState) {
        self.unsettle();
        let on = &self.processors[processor];
        debug_assert!(on.frames.is_empty(), "interrupted threads stay");
        let levels = on.processor.exchange_levels(Levels::default());
        let thread = &mut self.threads[on.current.0 as usize];
        thread.levels = levels;
        thread.last_processor = Some(processor);
        thread.state = if thread.is_idle { ThreadState::Idle } else { state };
    }

    pub(super) fn switch_in(&mut self, processor: usize, id: ThreadId) {
        self.unsettle();
        let on = &mut self.processors[processor];
        on.current = id;
        let thread = &mut self.threads[id.0 as usize];
        thread.state = ThreadState::Running(on.processor.number());
        on.processor.exchange_levels(core::mem::take(&mut thread.levels));
    }

    pub(super) fn is_preemptible(&self, processor: usize) -> bool {
        let state = &self.processors[processor];
        state.frames.is_empty() && state.processor.irql() < Irql::DISPATCH
    }

    /// The priority that counts now: below all for an idle thread, the lowest for one that cannot go on or gives way.
    pub(super) fn effective_priority(&self, id: ThreadId) -> i16 {
        let thread = self.thread(id);
        if thread.is_idle {
            -1
        } else if thread.spin.is_some() || thread.yields_until > self.steps {
            0
        } else {
            i16::from(thread.priority)
        }
    }

    /// Gives processors to the threads that are due one, until nothing changes.
    pub(super) fn place(&mut self) {
        for processor in 0..self.processors.len() {
            let id = self.processors[processor].current;
            if !self.is_where_it_may_be(processor) && self.is_preemptible(processor) {
                self.switch_out(processor, ThreadState::Ready);
                self.ready.push_front(id);
                self.switch_in(processor, ThreadId(processor as u32));
            }
        }
        while let Some((place, id, processor)) = self.next_placement() {
            self.ready.remove(place);
            let former = self.processors[processor].current;
            self.switch_out(processor, ThreadState::Ready);
            if !self.thread(former).is_idle {
                // It keeps its turn among its equals.
                self.ready.push_front(former);
            }
            self.switch_in(processor, id);
        }
    }

    /// Whether the thread that is current on a processor may run there.
    pub(super) fn is_where_it_may_be(&self, processor: usize) -> bool {
        let thread = self.thread(self.processors[processor].current);
        thread.is_idle || thread.affinity() >> processor & 1 == 1
    }

    /// The ready thread of the highest priority that is due a processor, with its place in the queue and the
    /// processor.
    pub(super) fn next_placement(&self) -> Option<(usize, ThreadId, usize)> {
        if self.ready.is_empty() {
            return None;
        }
        let preemptible = (0..self.processors.len()).filter(|&processor| self.is_preemptible(processor));
        let lowest =
            preemptible.map(|processor| self.effective_priority(self.processors[processor].current)).min()?;
        let due = self.ready.iter().enumerate().filter_map(|(place, &id)| {
            let priority = self.effective_priority(id);
            let processor = (priority > lowest).then(|| self.processor_for(id, priority))??;
            Some((priority, Reverse(place), id, processor))
        });
        let (_, Reverse(place), id, processor) =
            due.max_by_key(|&(priority, place, ..)| (priority, place))?;
        Some((place, id, processor))
    }

    /// The processor that a ready thread takes: the one whose thread has the lowest priority, among equals the one
    /// that it ran on last.
    pub(super) fn processor_for(&self, id: ThreadId, priority: i16) -> Option<usize> {
        let thread = self.thread(id);
        let affinity = thread.affinity();
        (0..self.processors.len())
            .filter(|&processor| affinity >> processor & 1 == 1 && self.is_preemptible(processor))
            .map(|processor| {
                let other = self.effective_priority(self.processors[processor].current);
                (other, self.has_work(processor), thread.last_processor != Some(processor), processor)
            })
            .filter(|&(other, ..)| other < priority)
            .min()
            .map(|(.., processor)| processor)
    }

    // ── Which processor runs ─────────────────────────────────────────────────────────────────────────────────────

    pub(super) fn can_go_on(&self, processor: usize) -> bool {
        let state = &self.processors[processor];
        let thread = self.thread(state.current);
        let has_nothing = thread.spin.is_some() || (thread.is_idle && state.frames.is_empty());
        !has_nothing || self.has_work(processor)
    }

    /// Lists all that could run next.
    fn collect(&mut self) {
        let mut candidates = core::mem::take(&mut self.candidates);
        candidates.clear();
        self.collect_into(&mut candidates);
        self.candidates = candidates;
        self.unsettle();
    }

    /// All that could run next, in the order of the processors, the current thread before those that would follow it.
    pub(super) fn collect_into(&self, candidates: &mut Vec<Candidate>) {
        for (processor, state) in self.processors.iter().enumerate() {
            let number = state.processor.number();
            if self.can_go_on(processor) {
                candidates.push(Candidate { processor: number, thread: state.current, follows: false });
            }
            if self.ready.is_empty() || self.thread(state.current).is_idle || !self.is_preemptible(processor)
            {
                continue;
            }
            let priority = self.effective_priority(state.current);
            let next = self.ready.iter().copied().filter(|&id| {
                self.thread(id).affinity() >> processor & 1 == 1 && self.effective_priority(id) == priority
            });
            // Here every equal is offered, for schedules that look for a certain thread; elsewhere the next one will
            // do, since the others are offered once that processor runs.
            let most = if processor == self.running { usize::MAX } else { 1 };
            let follower = |thread| Candidate { processor: number, thread, follows: true };
            candidates.extend(next.take(most).map(follower));
        }
    }

    fn yields_until(&self, id: ThreadId) -> u64 {
        self.thread(id).yields_until
    }

    /// Whether a candidate need not give way: an interrupt is taken also by a thread that spins.
    fn is_fresh(&self, candidate: Candidate) -> bool {
        let processor = usize::from(candidate.processor.0);
        self.yields_until(candidate.thread) <= self.steps
            || (self.processors[processor].current == candidate.thread && self.has_work(processor))
    }

    /// Places threads and chooses among all that can go on; whether there was any.
    fn choose(&mut self) -> bool {
        self.place();
        self.collect();
        self.keep_candidates();
        self.pick()
    }

    /// Chooses among the candidates, those that need not give way if there are any; whether there was one.
    fn pick(&mut self) -> bool {
        if self.kept == Kept::Nothing && self.candidates.len() > 1 {
            let mut candidates = core::mem::take(&mut self.candidates);
            if candidates.iter().any(|&candidate| self.is_fresh(candidate)) {
                candidates.retain(|&candidate| self.is_fresh(candidate));
            }
            self.candidates = candidates;
        }
        let picked = match self.candidates[..] {
            [] => return false,
            [only] => only,
            ref candidates => {
                let (running, current) = self.running();
                let stay = candidates
                    .iter()
                    .position(|candidate| (candidate.processor, candidate.thread) == (running, current));
                let default = stay.unwrap_or_else(|| {
                    // Without the running thread the next processor's is as good as any.
                    candidates.iter().position(|candidate| candidate.processor >= running).unwrap_or(0)
                });
                let stays = stay.is_some();
                let point = ChoicePoint { step: self.steps, candidates, default, stays, running, current };
                candidates[self.schedule.choose(&point)]
            }
        };
        self.go_on(picked);
        true
    }

    fn go_on(&mut self, candidate: Candidate) {
        let before = self.running();
        let processor = usize::from(candidate.processor.0);
        if self.processors[processor].current != candidate.thread {
            // The end of a quantum: the former thread goes to the end of its equals.
            self.ready.retain(|&id| id != candidate.thread);
            self.ready.push_back(self.processors[processor].current);
            self.switch_out(processor, ThreadState::Ready);
            self.switch_in(processor, candidate.thread);
            // It may be due another processor, to which the one that goes on here may not.
            self.place();
        }
        if self.thread_mut(candidate.thread).spin.take().is_some() {
            self.unsettle();
        }
        self.running = processor;
        self.stayed = if self.running() == before { self.stayed + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatcher::{Dpc, Reset, Schedule, Timeout, TimerAction};
    use alloc::collections::BTreeSet;
    use ntpool_types::{ProcessorNumber, VirtualAddress};

    const OBJECT: VirtualAddress = VirtualAddress(0x1000);
    const TIMER: VirtualAddress = VirtualAddress(0x2000);

    /// A machine of two processors with one thread, which runs on the first, and a timer that is not set.
    fn machine_with_one_thread() -> (Dispatcher, ThreadId) {
        let mut machine = Dispatcher::new(2, Schedule::random(1));
        let thread = machine.create_thread(VirtualAddress(0x10_0000), 8, u64::MAX);
        machine.initialize_timer(TIMER, Reset::ByHand).unwrap();
        assert_eq!(machine.boundary(), thread);
        machine.take_changed();
        (machine, thread)
    }

    #[test]
    fn a_thread_that_is_alone_stays_and_the_step_counts() {
        let (mut machine, thread) = machine_with_one_thread();
        machine.set_timer(TIMER, Timeout::Relative(5), 0, TimerAction::Signal).unwrap();
        machine.take_changed();
        let before = machine.steps();
        assert_eq!(machine.pass_boundary(), None, "what is due later is no concern of now");
        assert_eq!((machine.steps(), machine.running().1), (before + 1, thread));
        assert_eq!(machine.schedule().choices(), 0);
    }

    #[test]
    fn whoever_has_something_to_do_is_told_of_it() {
        type Do = fn(&mut Dispatcher, ThreadId);
        let something: [(&str, Do); 4] = [
            ("an object to be shown", |machine, _| {
                machine.initialize_event(OBJECT, Reset::ByHand, false).unwrap();
            }),
            ("a call", |machine, _| {
                machine.queue_dpc(Dpc::new(OBJECT)).unwrap();
            }),
            ("a timer that is due", |machine, _| {
                machine.set_timer(TIMER, Timeout::Relative(0), 0, TimerAction::Signal).unwrap();
                machine.take_changed();
            }),
            ("another processor for the thread", |machine, thread| {
                machine.set_affinity(thread, 0b10);
            }),
        ];
        for (what, do_it) in something {
            let (mut machine, thread) = machine_with_one_thread();
            assert_eq!(machine.pass_boundary(), None);
            do_it(&mut machine, thread);
            assert_eq!(machine.pass_boundary(), Some(thread), "{what}");
        }
    }

    #[test]
    fn whatever_lets_others_go_on_is_a_choice_at_the_next_boundary() {
        type Do = fn(&mut Dispatcher);
        let something: [(&str, Do); 3] = [
            ("another thread", |machine| {
                machine.create_thread(VirtualAddress(0x20_0000), 8, u64::MAX);
            }),
            ("a call for the other processor", |machine| machine.send_ipi(0b10, OBJECT)),
            ("an interrupt of the other processor", |machine| {
                machine.request_interrupt(ProcessorNumber(1), OBJECT, Irql::HIGH);
            }),
        ];
        for (what, do_it) in something {
            let (mut machine, _) = machine_with_one_thread();
            assert_eq!(machine.pass_boundary(), None);
            do_it(&mut machine);
            machine.pass_boundary();
            assert_eq!(machine.schedule().choices(), 1, "{what}");
        }
    }

    #[test]
    fn threads_that_have_a_processor_each_are_chosen_among_without_a_search() {
        let (mut machine, first) = machine_with_one_thread();
        let second = machine.create_thread(VirtualAddress(0x20_0000), 8, u64::MAX);
        machine.take_changed();
        machine.boundary();
        assert_eq!(machine.kept, Kept::AtAnyLevel);
        let went_on: BTreeSet<_> = (0..PATIENCE / 2).map(|_| machine.boundary()).collect();
        assert_eq!((went_on, machine.kept), (BTreeSet::from([first, second]), Kept::AtAnyLevel));
        assert_eq!(machine.schedule().choices(), u64::from(1 + PATIENCE / 2));
    }

    #[test]
    fn a_level_that_keeps_a_ready_thread_away_is_looked_at_each_time() {
        let (mut machine, first) = machine_with_one_thread();
        let others = [0x20_0000, 0x30_0000].map(|at| machine.create_thread(VirtualAddress(at), 8, u64::MAX));
        for thread in [first, others[1]] {
            machine.set_affinity(thread, 0b01);
        }
        machine.schedule = Schedule::round_robin(1);
        assert_eq!(machine.boundary(), others[0], "the other processor's");
        assert_eq!(machine.boundary(), others[1], "the one that follows the first");
        machine.processor(ProcessorNumber(0)).raise(Irql::DISPATCH).unwrap();
        let went_on: BTreeSet<_> = (0..8).map(|_| machine.boundary()).collect();
        assert_eq!(went_on, BTreeSet::from([others[0], others[1]]), "nobody takes the processor");
        while machine.running().0 != ProcessorNumber(0) {
            machine.boundary();
        }
        machine.processor(ProcessorNumber(0)).lower(Irql::PASSIVE).unwrap();
        let went_on: BTreeSet<_> = (0..8).map(|_| machine.boundary()).collect();
        assert!(went_on.contains(&first), "{went_on:?}");
    }
}
