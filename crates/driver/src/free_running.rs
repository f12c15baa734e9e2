//! Running free: every processor is a thread of Linux, and driver code really runs at the same time.
//!
//! The machine itself is touched by one thread at a time, under the host's lock, which is let go while driver code runs. A
//! processor that has nothing to do waits for a change on its idle thread's strand, never on the strand of a thread that
//! waits: another processor may go on with that one.
//!
//! Time moves when no processor can go on, as it does otherwise, and with the ticks of the host's clock while one keeps
//! going. Nothing of such a run can be repeated.

use crate::session::Session;
use crate::stop::Stop;
use ntpool_host::processors;
use ntpool_machine::dispatcher::{ThreadId, ThreadState};
use ntpool_types::ProcessorNumber;

impl Session {
    /// Whether processors are threads.
    pub(crate) fn is_free(&self) -> bool {
        self.order.free_running
    }

    /// The life of a processor's thread: its idle thread, from whose strand others are gone on with.
    pub(crate) fn run_processor(&'static self, number: ProcessorNumber) {
        self.dispatcher().run_as(number);
        let idle = self.dispatcher().idle_thread(number);
        if let Err(error) = self.strands.adopt(self, idle) {
            self.end_for_limit(error.to_string());
        }
        self.become_thread();
        self.idle_freely();
    }

    /// What an idle thread does: it takes its processor's work, goes on with threads that are due, and waits.
    pub(crate) fn idle_freely(&self) -> ! {
        loop {
            if self.ended.get() {
                self.stand_still();
            }
            let goes_on = self.deliver().and_then(|()| self.go_on_or_wait());
            if goes_on.is_err() {
                self.stand_still();
            }
        }
    }

    fn go_on_or_wait(&self) -> Result<(), Stop> {
        let here = self.strands.current().thread.get();
        let next = self.dispatcher().next_here();
        match next {
            Some(next) if next != here => self.go_on_with(next),
            // Its own work is taken next.
            Some(_) => Ok(()),
            None => self.wait_for_others(),
        }
    }

    /// Waits until another processor has done something, or lets time pass when none can.
    fn wait_for_others(&self) -> Result<(), Stop> {
        let advanced = self.dispatcher().advance_when_quiet();
        match advanced {
            Ok(true) => {
                self.show_time();
                processors::changed();
            }
            Ok(false) => {
                processors::wait_for_change();
                self.dispatcher().run_as(processors::own());
            }
            Err(stuck) => return Err(self.report_stuck(&stuck)),
        }
        Ok(())
    }

    /// Gives way to whoever works on another processor, for a thread that looks again and again whether that has ended.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the run has ended meanwhile.
    pub(crate) fn let_others_work(&self) -> Result<(), Stop> {
        self.dispatcher().yield_running();
        if self.is_free() {
            processors::changed();
            // A boundary alone keeps the lock, for which the others' work waits.
            processors::let_others_in();
            self.dispatcher().run_as(processors::own());
        }
        self.boundary()
    }

    /// The thread that runs waits or spins: its processor goes on with another one, or waits.
    pub(crate) fn block_freely(&self) -> Result<(), Stop> {
        processors::changed();
        let here = self.strands.current().thread.get();
        loop {
            let next = self.dispatcher().next_here();
            match next {
                Some(next) => {
                    self.go_on_with(next)?;
                    return self.deliver();
                }
                // It spins: it keeps its processor.
                None if self.thread() == here => {
                    self.wait_for_others()?;
                    if self.ended.get() {
                        return Err(self.end());
                    }
                }
                None => {
                    let idle = self.thread();
                    self.go_on_with(idle)?;
                    return self.deliver();
                }
            }
        }
    }

    /// The thread that ran has ended: its processor goes on with its idle thread.
    pub(crate) fn leave_freely(&self) {
        processors::changed();
        let idle = self.thread();
        let strand = self.strand_of(idle);
        self.become_thread();
        self.strands.switch_to(strand);
    }

    /// Leaves a strand that nobody goes on with, since the run has ended. If the one that loads drivers runs nowhere, it goes
    /// on here, to finish the report.
    pub(crate) fn stand_still(&self) -> ! {
        let main = self.strands.main();
        let id: ThreadId = main.thread.get();
        self.dispatcher().cancel_wait(id);
        let is_on_a_processor =
            matches!(self.dispatcher.borrow().thread(id).state(), ThreadState::Running(_));
        processors::changed();
        if !is_on_a_processor && !self.main_goes_on.replace(true) {
            self.strands.switch_to(main);
        }
        loop {
            processors::wait_for_change();
        }
    }
}
