//! Who runs: how one thread of the machine gives way to another, and what interrupts it.
//!
//! The dispatcher decides and knows nothing of fibers; this carries its decisions out. Every routine of the machine that a
//! driver calls passes a *boundary* first, at which another thread may go on, and takes the work that its processor has
//! last. A routine that waits calls [`block`](Session::block) and returns when its thread runs again.
//!
//! # Invariants
//! - The strand that runs is the one of the dispatcher's running thread, GS points to its processor's area, and paged
//!   pool is closed if that processor's level says so.
//! - The dispatcher is not borrowed while driver code runs or another strand does.

use crate::findings::Draft;
use crate::session::Session;
use crate::stop::Stop;
use crate::strands::{Job, Strand};
use ntpool_finding::{Limit, LimitKind, Message, Phase};
use ntpool_host::{HostError, fiber, processor_area, processors};
use ntpool_machine::dispatcher::{
    Dispatcher, Stuck, Thread, ThreadId, ThreadState, Timeout, WaitOutcome, WaitStart, Work,
};
use ntpool_machine::{Instant, Registers};
use ntpool_types::{Irql, NtStatus, ProcessorNumber, Violation, VirtualAddress};
use std::cell::RefMut;

/// How long DriverEntry or the unload routine may wait for something, in units of 100 ns: ten minutes of the machine's time,
/// in which timers that go on for ever have brought nothing.
const LONGEST_STEP: u64 = 600 * 1000 * Instant::PER_MILLISECOND;

impl Session {
    /// The dispatcher, for one decision.
    pub(crate) fn dispatcher(&self) -> RefMut<'_, Dispatcher> {
        self.dispatcher.borrow_mut()
    }

    // ── The processor that runs ──────────────────────────────────────────────────────────────────────────────────

    /// Its number.
    pub(crate) fn processor_number(&self) -> ProcessorNumber {
        self.dispatcher.borrow().running().0
    }

    /// Its level.
    #[inline]
    pub(crate) fn irql(&self) -> Irql {
        self.dispatcher.borrow().running_irql()
    }

    /// Raises its level; the former one.
    ///
    /// # Errors
    /// As [`Processor::raise`](ntpool_machine::Processor::raise).
    pub(crate) fn raise_irql(&self, to: Irql) -> Result<Irql, Violation> {
        let former = {
            let dispatcher = self.dispatcher.borrow();
            dispatcher.processor(dispatcher.running().0).raise(to)?
        };
        self.level_changed();
        Ok(former)
    }

    /// Lowers its level to the one that the last raise saved.
    ///
    /// # Errors
    /// As [`Processor::lower`](ntpool_machine::Processor::lower).
    pub(crate) fn lower_irql(&self, to: Irql) -> Result<(), Violation> {
        {
            let dispatcher = self.dispatcher.borrow();
            dispatcher.processor(dispatcher.running().0).lower(to)?;
        }
        self.level_changed();
        Ok(())
    }

    /// Sets its level without a check, as a write to cr8 does.
    pub(crate) fn set_irql(&self, to: Irql) {
        {
            let dispatcher = self.dispatcher.borrow();
            dispatcher.processor(dispatcher.running().0).set_irql(to);
        }
        self.level_changed();
    }

    /// Takes a spin lock for it, which runs at DISPATCH_LEVEL or above.
    ///
    /// # Errors
    /// As [`SpinLocks::acquire`](ntpool_machine::SpinLocks::acquire).
    pub(crate) fn acquire_protected(&self, lock: VirtualAddress) -> Result<(), Violation> {
        let dispatcher = self.dispatcher.borrow();
        let level = dispatcher.processor(dispatcher.running().0).dispatch_level();
        self.spin_locks.acquire(lock, level.expect("the level was looked at"))
    }

    // ── The thread that runs ─────────────────────────────────────────────────────────────────────────────────────

    /// Its number.
    pub(crate) fn thread(&self) -> ThreadId {
        self.dispatcher.borrow().running().1
    }

    /// Its object.
    pub(crate) fn thread_object(&self) -> VirtualAddress {
        let dispatcher = self.dispatcher.borrow();
        dispatcher.thread(dispatcher.running().1).object()
    }

    /// What the driver is doing on it.
    pub(crate) fn phase(&self) -> Phase {
        self.strands.current().phase.get()
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.strands.current().phase.set(phase);
    }

    /// The session as threads have it, which outlive the routine that made them.
    pub(crate) fn shared(&self) -> &'static Session {
        self.this.get().expect("a session is shared before its driver runs")
    }

    // ── Giving way ───────────────────────────────────────────────────────────────────────────────────────────────

    /// A point at which another thread may go on. Returns when this one does.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended meanwhile.
    #[inline(always)]
    pub(crate) fn boundary(&self) -> Result<(), Stop> {
        self.raise_interrupts();
        match self.ask() {
            None => Ok(()),
            Some(next) => self.follow(next),
        }
    }

    /// Who goes on; `None` where that is the running thread and nothing else is to be done.
    #[inline(always)]
    fn ask(&self) -> Option<ThreadId> {
        let mut dispatcher = self.dispatcher();
        if self.is_free() {
            return Some(dispatcher.boundary_here());
        }
        let is_shown = self.shown_processor.get() == Some(dispatcher.running().0);
        let next = dispatcher.pass_boundary();
        match is_shown && !self.ended.get() {
            true => next,
            false => Some(dispatcher.running().1),
        }
    }

    fn follow(&self, next: ThreadId) -> Result<(), Stop> {
        self.go_on_with(next)?;
        self.deliver()
    }

    /// The thread that runs waits, spins, or is idle: others go on. Returns when this one does.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended meanwhile, be it because nobody can ever go on.
    pub(crate) fn block(&self) -> Result<(), Stop> {
        self.block_since(self.now())
    }

    /// As [`block`](Session::block), for a thread that has waited since then, and may have gone on meanwhile to take work.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended meanwhile, be it because nobody can ever go on.
    pub(crate) fn block_since(&self, since: Instant) -> Result<(), Stop> {
        if self.is_free() {
            return self.block_freely();
        }
        let is_step = std::ptr::eq(self.strands.current(), self.strands.main())
            && matches!(self.phase(), Phase::DriverEntry | Phase::Unload);
        if is_step && !self.step_delays.take() {
            self.step_waits_since.set(Some(since));
        }
        // What somebody spins for can be told only before it goes on.
        let goes_on_spinning = since < self.now();
        if goes_on_spinning {
            self.check_hope()?;
        }
        let next = self.dispatcher().block();
        self.show_time();
        if fiber::take_interrupt() {
            return Err(self.report_time_over());
        }
        if !goes_on_spinning {
            self.check_hope()?;
        }
        match next {
            Ok(next) => self.go_on_with(next)?,
            Err(stuck) => return Err(self.report_stuck(&stuck)),
        }
        if is_step {
            self.step_waits_since.set(None);
        }
        self.deliver()
    }

    /// Ends a run whose step has waited for too long.
    fn check_hope(&self) -> Result<(), Stop> {
        match self.step_waits_since.get() {
            Some(Instant(since)) if self.now().0.saturating_sub(since) > LONGEST_STEP => {
                Err(self.report_hopeless_wait())
            }
            _ => Ok(()),
        }
    }

    /// Lets others go on while driver code of this thread turns in a loop without a boundary. Where nobody else could ever go
    /// on, says how everybody is stuck.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended meanwhile.
    pub(crate) fn preempt(&self) -> Result<Option<Stuck>, Stop> {
        let next = self.dispatcher().preempt();
        self.show_time();
        let stuck = match next {
            Ok(next) => {
                self.go_on_with(next)?;
                None
            }
            Err(stuck) => Some(stuck),
        };
        self.deliver()?;
        Ok(stuck)
    }

    /// Lets all that spin with this key go on.
    pub(crate) fn release_spinners(&self, key: VirtualAddress) {
        self.dispatcher().spin_released(key);
        processors::changed();
    }

    pub(crate) fn go_on_with(&self, next: ThreadId) -> Result<(), Stop> {
        self.show_objects();
        let here = self.strands.current();
        if next != here.thread.get() {
            let strand = self.strand_of(next);
            self.become_thread();
            // The thread that gives way here may be due to another processor.
            processors::changed();
            self.strands.switch_to(strand);
        } else if !self.is_free() && self.shown_processor.get() != Some(self.processor_number()) {
            self.become_thread();
        }
        match self.ended.get() {
            true => Err(self.end()),
            false => Ok(()),
        }
    }

    /// Makes the thread of Linux look like the processor and the thread that are to run.
    pub(crate) fn become_thread(&self) {
        let (number, object) = (self.processor_number(), self.thread_object());
        self.shown_processor.set(Some(number));
        if let Err(error) = processor_area::become_processor(number, object) {
            self.reporter.give_up(&error);
        }
        self.level_changed();
    }

    pub(crate) fn strand_of(&self, thread: ThreadId) -> &'static Strand {
        if let Some(strand) = self.strands.of(thread) {
            return strand;
        }
        assert!(self.dispatcher().thread(thread).is_idle(), "every thread but an idle one has a strand");
        let idle: Job = Box::new(|session| {
            if session.is_free() {
                session.idle_freely();
            }
            // An idle thread takes its processor's work, which `block` does when the thread goes on.
            while session.deliver().and_then(|()| session.block()).is_ok() {}
            session.leave_for_good()
        });
        match self.strands.put(self.shared(), thread, Phase::Interrupt, idle) {
            Ok(()) => self.strands.of(thread).expect("it was put there just now"),
            // The processor's interrupts can't be served without a stack: an end like any other want of the host's.
            Err(error) => self.reporter.give_up(&error),
        }
    }

    /// The thread that runs has ended; its strand runs again as another one.
    pub(crate) fn end_thread(&self, status: NtStatus) {
        let strand = self.strands.current();
        let crimes = self.dispatcher().terminate_running(status);
        self.thread_ended(strand.thread.get(), &crimes);
        if self.ended.get() {
            self.leave_for_good();
        }
        self.strands.retire(strand);
        if self.is_free() {
            return self.leave_freely();
        }
        let next = self.dispatcher().block();
        self.show_time();
        match next {
            Ok(next) if next == strand.thread.get() => unreachable!("a thread that has ended does not go on"),
            Ok(next) => {
                let next = self.strand_of(next);
                self.become_thread();
                self.strands.switch_to(next);
            }
            Err(stuck) => {
                let _ = self.report_stuck(&stuck);
                self.leave_for_good();
            }
        }
    }

    /// Ends the run: nothing of the driver's is executed any more, and the strand that loads and unloads drivers goes on to
    /// finish the report. On that strand itself, what it was doing stops with the reason that is returned.
    pub(crate) fn end(&self) -> Stop {
        self.ended.set(true);
        if !std::ptr::eq(self.strands.current(), self.strands.main()) {
            self.leave_for_good();
        }
        Stop::Ended
    }

    /// Leaves a strand that nobody goes on with, since the run has ended.
    fn leave_for_good(&self) -> ! {
        if self.is_free() {
            self.stand_still();
        }
        loop {
            self.strands.switch_to(self.strands.main());
        }
    }

    // ── What interrupts ──────────────────────────────────────────────────────────────────────────────────────────

    /// Carries out the work that the processor has and can do at its level.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended by it.
    #[inline(always)]
    pub(crate) fn deliver(&self) -> Result<(), Stop> {
        let first = self.dispatcher().take_work();
        match first {
            Some(work) => self.deliver_from(work),
            None => Ok(()),
        }
    }

    fn deliver_from(&self, first: Work) -> Result<(), Stop> {
        let mut next = Some(first);
        while let Some(work) = next {
            match self.carry_out(work) {
                // What it did, others may have waited for, and no call of a routine of the machine says so.
                Ok(()) => processors::changed(),
                Err(Stop::Ended) => return Err(Stop::Ended),
                Err(stop) => {
                    self.report_on_arrival(stop);
                    return Err(self.end());
                }
            }
            next = self.dispatcher().take_work();
        }
        Ok(())
    }

    /// Calls a routine of the driver's that interrupts the running thread, at the level that the work has and on the
    /// processor's own stack for it; what it returned.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the routine did not return.
    pub(crate) fn interrupt_with(
        &self,
        work: Work,
        routine: VirtualAddress,
        arguments: &[u64],
    ) -> Result<u64, Stop> {
        self.as_work(work, routine, || self.call_interrupting(routine, arguments))
    }

    /// Does something that interrupts the running thread, at the level that the work has: `body` calls the driver's
    /// `routine` by [`call_interrupting`](Session::call_interrupting).
    ///
    /// # Errors
    /// [`Stop::Ended`] when the routine did not return; any other reason of the body's has been told then.
    pub(crate) fn as_work(
        &self,
        work: Work,
        routine: VirtualAddress,
        body: impl FnOnce() -> Result<u64, Stop>,
    ) -> Result<u64, Stop> {
        let strand = self.strands.current();
        let phase = if work.irql() > Irql::DISPATCH { Phase::Interrupt } else { Phase::Dpc };
        let before = strand.phase.replace(phase);
        let held = self.spin_locks_here();
        self.dispatcher().begin_work(work, routine);
        self.level_changed();
        let value = body().map_err(|stop| self.report_on_arrival(stop));
        if value.is_ok() {
            self.settle_spin_locks("a routine that had interrupted a thread", &held);
        }
        let crimes = self.dispatcher().end_work();
        if value.is_ok() {
            self.work_ended(&crimes);
        }
        strand.phase.set(before);
        self.level_changed();
        match value {
            Ok(value) if !self.ended.get() => Ok(value),
            _ => Err(self.end()),
        }
    }

    /// Calls a routine of the driver's on the processor's stack for work that interrupts threads, between the beginning
    /// and the end of such work; what it returned.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the routine did not return; why has been told.
    pub(crate) fn call_interrupting(&self, routine: VirtualAddress, arguments: &[u64]) -> Result<u64, Stop> {
        let strand = self.strands.current();
        let number = self.processor_number();
        let stack = self.strands.work_stack(self, number.0).map_err(Stop::from)?;
        let exit = strand.fiber.call_on(self, stack, routine, arguments);
        self.outcome_of(exit).ok_or(Stop::Ended)
    }

    /// Tells of the reason why the machine's own work for driver code can't go on, where that code had arrived at it.
    pub(crate) fn report_on_arrival(&self, stop: Stop) -> Stop {
        match (fiber::arrival(), stop) {
            (None, Stop::Crime { violation, message }) => {
                self.tell(Draft::new(violation.rule, Some(violation.bug_check), message));
            }
            (None, Stop::Misuse { rule, message }) => self.tell(Draft::new(rule, None, message)),
            (arrival, stop) => {
                let registers = arrival.map_or(Registers::default(), |full| full.registers);
                self.report_stop(stop, &registers);
            }
        }
        Stop::Ended
    }

    // ── Threads ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// Makes a thread that is ready to run.
    ///
    /// # Errors
    /// When the machine has no memory for its stacks.
    pub(crate) fn start_thread(
        &self,
        object: VirtualAddress,
        priority: u8,
        phase: Phase,
        job: Job,
    ) -> Result<ThreadId, HostError> {
        self.strands.make_one_ready(self.shared())?;
        let thread = self.dispatcher().create_thread(object, priority, u64::MAX);
        self.strands.put(self.shared(), thread, phase, job)?;
        Ok(thread)
    }

    /// Lets the running thread wait for a time.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended meanwhile; a crime when it may not wait now.
    pub(crate) fn delay(&self, timeout: Timeout, alertable: bool) -> Result<WaitOutcome, Stop> {
        let start = self.dispatcher().delay(timeout, alertable);
        let start = start.map_err(|crime| self.stop_for(&crime))?;
        if std::ptr::eq(self.strands.current(), self.strands.main()) {
            self.step_delays.set(matches!(start, WaitStart::Blocked));
        }
        self.finish_wait(start)
    }

    /// Waits as the dispatcher has begun to.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended meanwhile.
    pub(crate) fn finish_wait(&self, start: WaitStart) -> Result<WaitOutcome, Stop> {
        match start {
            WaitStart::Done(outcome) => Ok(outcome),
            WaitStart::Blocked => {
                self.block()?;
                let outcome = self.dispatcher().take_wait_result();
                Ok(outcome.expect("a thread goes on when its wait has ended"))
            }
        }
    }

    /// Whether anybody but the running thread may still do something: another thread, or a processor whose idle thread was
    /// interrupted.
    pub(crate) fn has_others(&self) -> bool {
        let dispatcher = self.dispatcher.borrow();
        let idle_workers = self.work_items.idle_workers();
        let (_, running) = dispatcher.running();
        let is_alive = |(id, thread): (ThreadId, &Thread)| {
            id != running
                && !thread.is_idle()
                && thread.state() != ThreadState::Terminated
                && !idle_workers.contains(&id)
        };
        dispatcher.queued_timer_count() + dispatcher.queued_dpc_count() > 0
            || dispatcher.has_work_elsewhere()
            || dispatcher.threads().any(is_alive)
    }

    /// Says that the host can't go on, and ends the run.
    pub(crate) fn end_for_limit(&self, message: String) -> Stop {
        self.reporter.send(&Message::Limit(Limit { kind: LimitKind::Host, message, stacks: Vec::new() }));
        self.end()
    }
}

impl From<HostError> for Stop {
    fn from(error: HostError) -> Stop {
        Stop::Limit { kind: LimitKind::Host, message: error.to_string() }
    }
}
