//! A model of what threads wait for, too simple to be wrong: everybody who waits is in one list, in the order in which they
//! came, and after each change everybody is looked at.

use ntpool_machine::Clock;
use ntpool_machine::dispatcher::{ThreadId, Timeout, WaitKind, WaitOutcome};
use ntpool_types::VirtualAddress;
use std::collections::{BTreeMap, BTreeSet};

pub const SEMAPHORE_LIMIT: i32 = 4;

/// When something happens.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// Relative to the machine's start, or absolute.
    pub at: Timeout,
    /// Of those at the same moment the one that came first happens first.
    sequence: u64,
}

impl Due {
    fn moment(self, clock: &Clock) -> u64 {
        match self.at {
            Timeout::Relative(moment) => moment,
            Timeout::Absolute(time) => clock.moment_of(time).0,
        }
    }
}

/// What can be waited for.
#[derive(Clone, Copy, Debug)]
pub enum Thing {
    Notification(bool),
    Synchronization(bool),
    Semaphore(i32),
    Mutex { owner: Option<ThreadId>, count: i32, abandoned: bool },
    Timer { stays: bool, signalled: bool, due: Option<Due> },
    Ended(bool),
}

impl Thing {
    fn is_free_for(self, thread: ThreadId) -> bool {
        match self {
            Thing::Mutex { owner, .. } => owner.is_none_or(|owner| owner == thread),
            other => other.state() > 0,
        }
    }

    /// Takes it; whether it was abandoned.
    fn take(&mut self, thread: ThreadId) -> bool {
        match self {
            Thing::Notification(_) | Thing::Timer { stays: true, .. } | Thing::Ended(_) => {}
            Thing::Synchronization(signalled) | Thing::Timer { signalled, .. } => *signalled = false,
            Thing::Semaphore(count) => *count -= 1,
            Thing::Mutex { owner, count, abandoned } => {
                *owner = Some(thread);
                *count += 1;
                return std::mem::take(abandoned);
            }
        }
        false
    }

    pub fn state(self) -> i32 {
        match self {
            Thing::Notification(signalled)
            | Thing::Synchronization(signalled)
            | Thing::Timer { signalled, .. }
            | Thing::Ended(signalled) => i32::from(signalled),
            Thing::Semaphore(count) => count,
            Thing::Mutex { count, .. } => 1 - count,
        }
    }
}

/// What a thread waits for.
#[derive(Clone, Debug)]
pub enum Target {
    Objects(Vec<VirtualAddress>, WaitKind),
    Lock(VirtualAddress),
}

#[derive(Debug)]
pub struct Waiting {
    pub thread: ThreadId,
    pub target: Target,
    pub deadline: Option<Due>,
    pub alertable: bool,
}

/// Everything that is waited for, and those who wait, in the order in which they came.
#[derive(Default)]
pub struct Model {
    pub things: BTreeMap<VirtualAddress, Thing>,
    pub waiting: Vec<Waiting>,
    pub outcomes: BTreeMap<ThreadId, WaitOutcome>,
    /// Threads that were alerted while they did not wait for it.
    pub alerted: BTreeSet<ThreadId>,
    next_sequence: u64,
}

impl Model {
    pub fn due(&mut self, timeout: Timeout, now: u64) -> Due {
        self.next_sequence += 1;
        let at = match timeout {
            Timeout::Relative(units) => Timeout::Relative(now + units),
            absolute => absolute,
        };
        Due { at, sequence: self.next_sequence }
    }

    pub fn try_take(
        &mut self,
        thread: ThreadId,
        objects: &[VirtualAddress],
        kind: WaitKind,
    ) -> Option<WaitOutcome> {
        let free: Vec<bool> = objects.iter().map(|object| self.things[object].is_free_for(thread)).collect();
        match kind {
            WaitKind::Any => {
                let index = free.iter().position(|&free| free)?;
                let abandoned = self.things.get_mut(&objects[index]).unwrap().take(thread);
                Some(WaitOutcome::Satisfied { index, abandoned })
            }
            WaitKind::All if !objects.is_empty() && free.iter().all(|&free| free) => {
                let distinct: BTreeSet<_> = objects.iter().collect();
                let abandoned = distinct
                    .into_iter()
                    .filter(|object| self.things.get_mut(object).unwrap().take(thread))
                    .count();
                Some(WaitOutcome::Satisfied { index: 0, abandoned: abandoned > 0 })
            }
            WaitKind::All => None,
        }
    }

    /// Lets everybody who can have what they wait for have it, the first come first.
    pub fn settle(&mut self) {
        let mut place = 0;
        while place < self.waiting.len() {
            let Waiting { thread, target, .. } = &self.waiting[place];
            let (thread, target) = (*thread, target.clone());
            let outcome = match target {
                Target::Objects(objects, kind) => self.try_take(thread, &objects, kind),
                Target::Lock(_) => None,
            };
            match outcome {
                Some(outcome) => {
                    self.waiting.remove(place);
                    self.outcomes.insert(thread, outcome);
                }
                None => place += 1,
            }
        }
    }

    /// Ends the waits, at most so many, that `ends`; whose they were.
    pub fn end_waits(
        &mut self,
        most: usize,
        outcome: WaitOutcome,
        ends: impl Fn(&Waiting) -> bool,
    ) -> Vec<ThreadId> {
        let ended: Vec<ThreadId> =
            self.waiting.iter().filter(|it| ends(it)).map(|it| it.thread).take(most).collect();
        self.waiting.retain(|waiting| !ended.contains(&waiting.thread));
        self.outcomes.extend(ended.iter().map(|&thread| (thread, outcome)));
        ended
    }

    /// Carries out what is due by now, one after the other.
    pub fn expire(&mut self, clock: &Clock) {
        loop {
            let key = |due: Option<Due>| due.map(|due| (due.moment(clock), due.sequence));
            let timers = self.things.iter().filter_map(|(&address, thing)| match thing {
                Thing::Timer { due, .. } => Some((key(*due)?, Err(address))),
                _ => None,
            });
            let threads =
                self.waiting.iter().filter_map(|waiting| Some((key(waiting.deadline)?, Ok(waiting.thread))));
            let next = timers.chain(threads).min().filter(|((moment, _), _)| *moment <= clock.now().0);
            match next {
                None => return,
                Some((_, Ok(thread))) => {
                    self.end_waits(1, WaitOutcome::TimedOut, |waiting| waiting.thread == thread);
                }
                Some((_, Err(timer))) => {
                    let Some(Thing::Timer { signalled, due, .. }) = self.things.get_mut(&timer) else {
                        unreachable!("it is a timer");
                    };
                    (*signalled, *due) = (true, None);
                    self.settle();
                }
            }
        }
    }
}
