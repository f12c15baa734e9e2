//! The dispatcher's invariants as a check.

use super::object::Body;
use super::timer::Due;
use super::wait::Target;
use super::{Dispatcher, ThreadId, ThreadState};
use ntpool_types::ProcessorNumber;

impl Dispatcher {
    /// Checks every invariant that the module states. For tests; takes time in proportion to everything there is.
    ///
    /// # Panics
    /// When one does not hold.
    pub fn assert_consistent(&self) {
        for (id, _) in self.threads() {
            self.assert_thread_consistent(id);
        }
        let mut entry_count = 0;
        for (&address, object) in &self.objects {
            for (place, &waiter) in object.waiters.iter().enumerate() {
                let target = &self.thread(waiter).wait.as_ref().expect("a waiter waits").target;
                let Target::Objects { objects, .. } = target else { panic!("{waiter:?} waits for a lock") };
                assert!(objects.contains(&address), "{waiter:?} does not wait for {address}");
                assert!(!object.waiters.iter().skip(place + 1).any(|&other| other == waiter));
            }
            match &object.body {
                Body::Mutex { owner, .. } => {
                    assert_eq!(owner.is_none(), object.signal_state == 1, "{address} is free or owned");
                    let owns = owner.is_none_or(|owner| self.thread(owner).owned_mutexes.contains(&address));
                    assert!(owns, "the owner of {address} knows it");
                }
                Body::Semaphore { limit } => assert!((0..=*limit).contains(&object.signal_state)),
                Body::Timer(timer) => {
                    if let Some(ticket) = timer.ticket {
                        entry_count += 1;
                        assert!(self.timers.contains(ticket, Due::Timer(address)));
                    }
                }
                Body::Event(_) | Body::Thread(_) => assert!((0..=1).contains(&object.signal_state)),
            }
        }
        for (id, thread) in self.threads() {
            if let Some(ticket) = thread.wait.as_ref().and_then(|wait| wait.ticket) {
                entry_count += 1;
                assert!(self.timers.contains(ticket, Due::Thread(id)));
            }
        }
        assert_eq!(entry_count, self.timers.len(), "every entry of the timer queue is somebody's");
        let deferred: usize = self.processors.iter().map(|state| state.deferred.len()).sum();
        assert_eq!(deferred, self.deferred_on.len(), "a deferred call is in one queue");
        for (key, waiters) in &self.locks {
            assert!(!waiters.is_empty(), "{key} is kept for nobody");
        }
    }

    /// Checks, right after it was answered who goes on, that threads have the processors that are due to them: none is
    /// ready whose priority is above that of a thread that it could take the place of, and none is where it may not be
    /// and could leave. For tests.
    ///
    /// # Panics
    /// When one does not hold.
    pub fn assert_placed(&self) {
        for processor in (0..self.processors.len()).filter(|&processor| self.is_preemptible(processor)) {
            let current = self.processors[processor].current;
            assert!(self.is_where_it_may_be(processor), "{current:?} may not be on processor {processor}");
            for &id in &self.ready {
                let is_allowed = self.thread(id).affinity() >> processor & 1 == 1;
                let is_due = is_allowed && self.effective_priority(id) > self.effective_priority(current);
                assert!(!is_due, "{id:?} is due to processor {processor}, which has {current:?}");
            }
        }
    }

    fn assert_thread_consistent(&self, id: ThreadId) {
        let thread = self.thread(id);
        let current_on = (0..self.processors.len()).filter(|&place| self.processors[place].current == id);
        let (current_count, ready_count) =
            (current_on.clone().count(), self.ready.iter().filter(|&&ready| ready == id).count());
        let expected = match thread.state {
            ThreadState::Running(ProcessorNumber(number)) => {
                assert!(current_on.eq([usize::from(number)]), "{id:?} runs where it says");
                (1, 0)
            }
            ThreadState::Ready => (0, 1),
            ThreadState::Waiting | ThreadState::Terminated | ThreadState::Idle => (0, 0),
        };
        assert_eq!((current_count, ready_count), expected, "{id:?} is in one place: {:?}", thread.state);
        assert_eq!(thread.wait.is_some(), thread.state == ThreadState::Waiting, "{id:?}");
        assert!(thread.spin.is_none() || thread.wait.is_none(), "{id:?} spins and waits");
        assert!(thread.state != ThreadState::Idle || thread.is_idle, "{id:?}");
        for mutex in &thread.owned_mutexes {
            assert_eq!(self.objects[mutex].owner(), Some(id), "{mutex} knows its owner");
        }
        let Some(wait) = &thread.wait else { return };
        if wait.is_lost {
            return;
        }
        match &wait.target {
            Target::Objects { objects, .. } => {
                for object in objects {
                    assert!(self.objects[object].waiters.contains(&id), "{id:?} is not known to {object}");
                }
                assert!(!self.could_be_satisfied(id), "{id:?} waits for what it could have");
            }
            Target::Lock { key, .. } => assert!(self.locks[key].contains(&id), "{id:?} is lost"),
        }
    }
}
