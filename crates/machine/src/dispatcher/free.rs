//! Processors that really run at the same time: each has a thread of its caller's own, and there is no schedule.
//!
//! The caller has a lock around the dispatcher, and whoever takes it says first which processor it is
//! ([`run_as`](Dispatcher::run_as)). A processor looks after itself only: it takes the threads that are due to it when it
//! comes by, and leaves alone what runs on the others.

use super::choose::{PATIENCE, YIELD_STEPS};
use super::stuck::Stuck;
use super::{Dispatcher, ThreadId, ThreadState};
use ntpool_types::ProcessorNumber;

impl Dispatcher {
    /// The caller is this processor from now on.
    ///
    /// # Panics
    /// When there is no such processor.
    pub fn run_as(&mut self, number: ProcessorNumber) {
        assert!(usize::from(number.0) < self.processors.len(), "a processor of the machine");
        self.running = usize::from(number.0);
        self.unsettle();
    }

    /// The running thread has reached a boundary: who goes on on its processor, now that others may be due to it?
    pub fn boundary_here(&mut self) -> ThreadId {
        self.steps += 1;
        self.stayed += 1;
        if self.stayed >= PATIENCE {
            self.stayed = 0;
            let (_, id) = self.running();
            self.give_way(id, self.steps + YIELD_STEPS);
        }
        self.take_time();
        self.expire_due();
        self.place_here();
        self.running().1
    }

    /// Who goes on on the running processor, whose thread cannot; `None` when nobody can now, and the caller waits until
    /// another processor has done something.
    pub fn next_here(&mut self) -> Option<ThreadId> {
        self.expire_due();
        self.place_here();
        self.can_go_on(self.running).then(|| {
            let (_, id) = self.running();
            self.thread_mut(id).spin = None;
            id
        })
    }

    /// Moves the clock to the next moment at which something happens, when no processor can go on; whether it did. `false`
    /// as well when another processor can go on, or a thread is due to one that has not come by yet.
    ///
    /// # Errors
    /// [`Stuck`] when nobody can ever go on.
    pub fn advance_when_quiet(&mut self) -> Result<bool, Stuck> {
        // A ready thread that no processor takes waits like any other.
        let is_due = |&id: &ThreadId| self.processor_for(id, self.effective_priority(id)).is_some();
        let is_quiet = !self.ready.iter().any(is_due)
            && (0..self.processors.len()).all(|number| !self.can_go_on(number));
        if !is_quiet {
            return Ok(false);
        }
        if self.advance() { Ok(true) } else { Err(self.stuck()) }
    }

    /// Gives the running processor to the thread that is due to it, if another one is.
    fn place_here(&mut self) {
        let here = self.running;
        let current = self.processors[here].current;
        let thread = self.thread(current);
        if !self.is_preemptible(here) {
            return;
        }
        if !thread.is_idle && thread.affinity() >> here & 1 == 0 {
            self.switch_out(here, ThreadState::Ready);
            self.ready.push_front(current);
            self.switch_in(here, ThreadId(here as u32));
        }
        let current = self.processors[here].current;
        let lowest = self.effective_priority(current);
        let due = self.ready.iter().copied().enumerate().filter(|&(_, id)| {
            self.thread(id).affinity() >> here & 1 == 1 && self.effective_priority(id) > lowest
        });
        let Some((place, id)) =
            due.max_by_key(|&(place, id)| (self.effective_priority(id), core::cmp::Reverse(place)))
        else {
            return;
        };
        self.ready.remove(place);
        self.switch_out(here, ThreadState::Ready);
        if !self.thread(current).is_idle {
            self.ready.push_front(current);
        }
        self.switch_in(here, id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Schedule, WaitRequest, WaitStart};
    use super::*;
    use crate::dispatcher::Reset;
    use ntpool_types::VirtualAddress;

    const EVENT: VirtualAddress = VirtualAddress(0x1000);

    fn machine() -> (Dispatcher, [ThreadId; 2]) {
        let mut dispatcher = Dispatcher::new(2, Schedule::round_robin(1));
        let threads =
            [0x100, 0x200].map(|object| dispatcher.create_thread(VirtualAddress(object), 8, u64::MAX));
        (dispatcher, threads)
    }

    #[test]
    fn each_processor_takes_a_thread_when_it_comes_by_and_leaves_the_others_alone() {
        let (mut dispatcher, [first, second]) = machine();
        dispatcher.run_as(ProcessorNumber(1));
        assert_eq!(dispatcher.next_here(), Some(first));
        assert_eq!(dispatcher.thread(second).state(), ThreadState::Ready, "nobody came by for it");
        dispatcher.run_as(ProcessorNumber(0));
        assert_eq!(dispatcher.next_here(), Some(second));
        assert_eq!(dispatcher.boundary_here(), second);
        dispatcher.run_as(ProcessorNumber(1));
        assert_eq!(dispatcher.boundary_here(), first);
        dispatcher.assert_consistent();
    }

    #[test]
    fn a_processor_whose_thread_waits_has_nothing_until_another_one_wakes_it() {
        let (mut dispatcher, [first, second]) = machine();
        dispatcher.initialize_event(EVENT, Reset::ByWait, false).unwrap();
        assert_eq!(dispatcher.next_here(), Some(first));
        assert_eq!(dispatcher.wait(WaitRequest::single(&EVENT, None)), Ok(WaitStart::Blocked));
        assert_eq!(dispatcher.next_here(), Some(second), "the other thread was ready");
        dispatcher.run_as(ProcessorNumber(1));
        assert_eq!(dispatcher.next_here(), None);
        assert_eq!(dispatcher.advance_when_quiet(), Ok(false), "processor 0 still runs");
        dispatcher.run_as(ProcessorNumber(0));
        dispatcher.set_event(EVENT).unwrap();
        dispatcher.run_as(ProcessorNumber(1));
        assert_eq!(dispatcher.next_here(), Some(first));
        dispatcher.assert_consistent();
    }

    #[test]
    fn time_moves_only_when_no_processor_can_go_on() {
        let (mut dispatcher, [first, second]) = machine();
        assert_eq!(dispatcher.next_here(), Some(first));
        dispatcher.delay(crate::dispatcher::Timeout::Relative(500), false).unwrap();
        assert_eq!(dispatcher.next_here(), Some(second));
        assert_eq!(dispatcher.advance_when_quiet(), Ok(false));
        dispatcher.initialize_event(EVENT, Reset::ByWait, false).unwrap();
        dispatcher.wait(WaitRequest::single(&EVENT, None)).unwrap();
        assert_eq!(dispatcher.next_here(), None);
        assert_eq!(dispatcher.advance_when_quiet(), Ok(true));
        assert_eq!(dispatcher.clock().now().0, 500);
        assert_eq!(dispatcher.next_here(), Some(first));
        assert_eq!(dispatcher.wait(WaitRequest::single(&EVENT, None)), Ok(WaitStart::Blocked));
        assert_eq!(dispatcher.next_here(), None);
        assert_eq!(dispatcher.advance_when_quiet().unwrap_err().threads.len(), 2);
    }
}
