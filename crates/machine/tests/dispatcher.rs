//! Histories of random operations, against a model that is too simple to be wrong, and their repetition.

use ntpool_machine::dispatcher::{
    Dispatcher, Dpc, MutexError, Reset, Schedule, SemaphoreError, ThreadId, ThreadState, Timeout, WaitKind,
    WaitOutcome, WaitRequest, WaitStart, Work,
};
use ntpool_types::{NtStatus, ProcessorNumber, VirtualAddress};
use std::collections::{BTreeMap, BTreeSet};

/// A number from the one before.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[derive(Clone, Copy, Debug)]
enum Thing {
    Notification(bool),
    Synchronization(bool),
    Semaphore(i32),
    Mutex { owner: Option<ThreadId>, count: i32, abandoned: bool },
    Ended(bool),
}

const SEMAPHORE_LIMIT: i32 = 4;

impl Thing {
    fn is_free_for(self, thread: ThreadId) -> bool {
        match self {
            Thing::Notification(signalled) | Thing::Synchronization(signalled) | Thing::Ended(signalled) => {
                signalled
            }
            Thing::Semaphore(count) => count > 0,
            Thing::Mutex { owner, .. } => owner.is_none_or(|owner| owner == thread),
        }
    }

    /// Takes it; whether it was abandoned.
    fn take(&mut self, thread: ThreadId) -> bool {
        match self {
            Thing::Notification(_) | Thing::Ended(_) => false,
            Thing::Synchronization(signalled) => {
                *signalled = false;
                false
            }
            Thing::Semaphore(count) => {
                *count -= 1;
                false
            }
            Thing::Mutex { owner, count, abandoned } => {
                *owner = Some(thread);
                *count += 1;
                std::mem::take(abandoned)
            }
        }
    }

    fn state(self) -> i32 {
        match self {
            Thing::Notification(signalled) | Thing::Synchronization(signalled) | Thing::Ended(signalled) => {
                i32::from(signalled)
            }
            Thing::Semaphore(count) => count,
            Thing::Mutex { count, .. } => 1 - count,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    thread: ThreadId,
    objects: Vec<VirtualAddress>,
    kind: WaitKind,
    deadline: Option<u64>,
}

/// Everything that is waited for, and those who wait, in the order in which they came.
#[derive(Default)]
struct Model {
    things: BTreeMap<VirtualAddress, Thing>,
    waiting: Vec<Waiting>,
    outcomes: BTreeMap<ThreadId, WaitOutcome>,
}

impl Model {
    fn try_take(
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
            WaitKind::All if free.iter().all(|&free| free) => {
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
    fn settle(&mut self) {
        let mut place = 0;
        while place < self.waiting.len() {
            let Waiting { thread, objects, kind, .. } = &self.waiting[place];
            let (thread, objects, kind) = (*thread, objects.clone(), *kind);
            match self.try_take(thread, &objects, kind) {
                Some(outcome) => {
                    self.waiting.remove(place);
                    self.outcomes.insert(thread, outcome);
                }
                None => place += 1,
            }
        }
    }

    fn time_out(&mut self, now: u64) {
        let outcomes = &mut self.outcomes;
        self.waiting.retain(|waiting| {
            let is_over = waiting.deadline.is_some_and(|deadline| deadline <= now);
            if is_over {
                outcomes.insert(waiting.thread, WaitOutcome::TimedOut);
            }
            !is_over
        });
    }
}

const OBJECTS: [VirtualAddress; 6] = [
    VirtualAddress(0x100),
    VirtualAddress(0x200),
    VirtualAddress(0x300),
    VirtualAddress(0x400),
    VirtualAddress(0x500),
    VirtualAddress(0x600),
];

struct World {
    machine: Dispatcher,
    model: Model,
    numbers: Numbers,
    now: u64,
    /// What happened, to be compared between runs.
    trace: Vec<(u64, ProcessorNumber, ThreadId, u64)>,
}

impl World {
    fn new(seed: u64, schedule: Schedule) -> World {
        let mut numbers = Numbers(seed);
        let mut machine = Dispatcher::new(1 + numbers.below(3) as u32, schedule);
        let mut model = Model::default();
        machine.initialize_event(OBJECTS[0], Reset::ByHand, false).unwrap();
        machine.initialize_event(OBJECTS[1], Reset::ByWait, true).unwrap();
        machine.initialize_semaphore(OBJECTS[2], 2, SEMAPHORE_LIMIT).unwrap();
        for mutex in [OBJECTS[3], OBJECTS[4]] {
            machine.initialize_mutex(mutex).unwrap();
            model.things.insert(mutex, Thing::Mutex { owner: None, count: 0, abandoned: false });
        }
        model.things.insert(OBJECTS[0], Thing::Notification(false));
        model.things.insert(OBJECTS[1], Thing::Synchronization(true));
        model.things.insert(OBJECTS[2], Thing::Semaphore(2));
        for number in 0..6 {
            let object = VirtualAddress(0x10_0000 + number * 0x100);
            // The last object is the first thread's.
            let object = if number == 0 { OBJECTS[5] } else { object };
            machine.create_thread(object, 8 + numbers.below(2) as u8, u64::MAX);
            model.things.insert(object, Thing::Ended(false));
        }
        machine.boundary();
        World { machine, model, numbers, now: 0, trace: Vec::new() }
    }

    fn object(&mut self) -> VirtualAddress {
        OBJECTS[self.numbers.below(6) as usize]
    }

    fn check(&mut self) {
        self.machine.assert_consistent();
        let now = self.machine.clock().now().0;
        assert!(now >= self.now, "time went back");
        self.now = now;
        self.model.time_out(now);
        for (&address, thing) in &self.model.things {
            let view = self.machine.object(address).unwrap();
            assert_eq!(view.signal_state, thing.state(), "{address} is {thing:?}");
            if let Thing::Mutex { owner, abandoned, .. } = *thing {
                assert_eq!((view.owner, view.abandoned), (owner, abandoned));
            }
        }
        let waits = |&(_, thread): &(ThreadId, &ntpool_machine::dispatcher::Thread)| {
            thread.state() == ThreadState::Waiting
        };
        let waiting: BTreeSet<_> = self.machine.threads().filter(waits).map(|(id, _)| id).collect();
        let expected: BTreeSet<_> = self.model.waiting.iter().map(|waiting| waiting.thread).collect();
        assert_eq!(waiting, expected);
    }

    fn wait(&mut self, thread: ThreadId) -> bool {
        let count = 1 + self.numbers.below(3);
        let objects: Vec<_> = (0..count).map(|_| self.object()).collect();
        let kind = if self.numbers.below(2) == 0 { WaitKind::Any } else { WaitKind::All };
        let units = match self.numbers.below(3) {
            0 => None,
            1 => Some(0),
            _ => Some(1 + self.numbers.below(50)),
        };
        let timeout = units.map(Timeout::Relative);
        let request =
            WaitRequest { objects: &objects, kind, timeout, alertable: false, has_wait_blocks: false };
        let started = self.machine.wait(request).unwrap();
        let expected = match (self.model.try_take(thread, &objects, kind), units) {
            (Some(outcome), _) => WaitStart::Done(outcome),
            (None, Some(0)) => WaitStart::Done(WaitOutcome::TimedOut),
            (None, _) => {
                let deadline = units.map(|units| self.now + units);
                self.model.waiting.push(Waiting { thread, objects, kind, deadline });
                WaitStart::Blocked
            }
        };
        assert_eq!(started, expected);
        started == WaitStart::Blocked
    }

    fn release(&mut self, object: VirtualAddress, thread: ThreadId) {
        match self.model.things.get_mut(&object).unwrap() {
            Thing::Mutex { owner, count, abandoned } => {
                let released = self.machine.release_mutex(object);
                if *owner == Some(thread) {
                    assert_eq!(released, Ok(1 - *count));
                    *count -= 1;
                    *owner = owner.filter(|_| *count > 0);
                } else {
                    let error = MutexError::NotOwner { owner: *owner, abandoned: *abandoned };
                    assert_eq!(released, Err(error));
                }
            }
            Thing::Semaphore(count) => {
                let by = 1 + self.numbers.below(3) as i32;
                let released = self.machine.release_semaphore(object, by);
                if *count + by > SEMAPHORE_LIMIT {
                    assert_eq!(released, Err(SemaphoreError::LimitExceeded));
                } else {
                    assert_eq!(released, Ok(*count));
                    *count += by;
                }
            }
            Thing::Notification(signalled) | Thing::Synchronization(signalled) => {
                assert_eq!(self.machine.set_event(object), Ok(i32::from(*signalled)));
                *signalled = true;
            }
            Thing::Ended(_) => assert!(self.machine.set_event(object).is_err(), "a thread is no event"),
        }
        self.model.settle();
    }

    fn end(&mut self, thread: ThreadId) {
        // One after the other, in the order in which it took them.
        let owned = self.machine.thread(thread).owned_mutexes().to_vec();
        self.machine.terminate_running(NtStatus::SUCCESS);
        let object = self.machine.thread(thread).object();
        for mutex in owned {
            let Some(Thing::Mutex { owner, count, abandoned }) = self.model.things.get_mut(&mutex) else {
                panic!("{mutex} is no mutex");
            };
            assert_eq!(*owner, Some(thread));
            (*owner, *count, *abandoned) = (None, 0, true);
            self.model.settle();
        }
        self.model.things.insert(object, Thing::Ended(true));
        self.model.settle();
    }

    /// The running thread does something; whether it can't go on after it.
    fn act(&mut self, thread: ThreadId) -> bool {
        if self.machine.thread(thread).is_idle() {
            return true;
        }
        let object = self.object();
        let deed = self.numbers.below(100);
        self.trace.push((self.machine.steps(), self.machine.running().0, thread, deed));
        match deed {
            0..40 => return self.wait(thread),
            40..75 => self.release(object, thread),
            75..80 => {
                self.machine.reset_event(OBJECTS[0]).unwrap();
                self.model.things.insert(OBJECTS[0], Thing::Notification(false));
            }
            80..85 => {
                let units = self.numbers.below(20);
                self.machine.pass(units);
            }
            85..90 => {
                self.machine.set_priority(thread, 7 + (deed % 3) as u8);
            }
            90..95 => {
                self.machine.set_affinity(thread, 1 << self.numbers.below(3));
            }
            95..99 => {
                let target =
                    ProcessorNumber(self.numbers.below(u64::from(self.machine.processor_count())) as u16);
                self.machine.queue_dpc(Dpc { target: Some(target), ..Dpc::new(object) }).unwrap();
            }
            _ if self.numbers.below(4) == 0 => {
                self.end(thread);
                return true;
            }
            _ => {}
        }
        false
    }

    fn work(&mut self) {
        while let Some(work) = self.machine.take_work() {
            assert!(matches!(work, Work::Dpc { .. }));
            self.machine.begin_work(work, VirtualAddress(0x77));
            let object = OBJECTS[self.numbers.below(3) as usize];
            let thread = self.machine.running().1;
            self.release(object, thread);
            assert_eq!(self.machine.end_work(), []);
        }
    }

    /// Runs until the end, or until nobody can go on.
    fn run(&mut self, deeds: u32) {
        for _ in 0..deeds {
            let (_, thread) = self.machine.running();
            let next = if self.act(thread) {
                self.check();
                match self.machine.block() {
                    Ok(next) => next,
                    Err(stuck) => {
                        self.check();
                        assert!(self.model.waiting.iter().all(|waiting| waiting.deadline.is_none()));
                        assert_eq!(stuck.threads.len(), self.model.waiting.len());
                        return;
                    }
                }
            } else {
                self.check();
                self.machine.boundary()
            };
            self.check();
            if !self.machine.thread(next).is_idle() {
                assert_eq!(self.machine.take_wait_result(), self.model.outcomes.remove(&next));
            }
            self.work();
            self.check();
        }
    }
}

fn run(seed: u64, schedule: Schedule) -> World {
    let mut world = World::new(seed, schedule);
    world.run(300);
    world
}

#[test]
fn histories_of_waits_and_signals_agree_with_the_model_under_every_schedule() {
    let mut deeds = 0;
    for seed in 0..300 {
        for schedule in
            [Schedule::random(seed), Schedule::pct(seed, 3, 100), Schedule::round_robin(1 + seed as u32 % 4)]
        {
            deeds += run(seed, schedule).trace.len();
        }
    }
    assert!(deeds > 30_000, "the histories are long enough to mean something: {deeds}");
}

#[test]
fn recorded_switches_repeat_a_run_whatever_schedule_made_it() {
    let mut switch_count = 0;
    for seed in 0..40 {
        for schedule in [Schedule::random(seed), Schedule::pct(seed, 4, 50), Schedule::round_robin(2)] {
            let first = run(seed, schedule.clone());
            let again = run(seed, schedule);
            assert_eq!(again.trace, first.trace, "a seed decides everything");
            let switches = first.machine.schedule().switches();
            let replayed = run(seed, Schedule::replay(switches.to_vec()));
            assert_eq!(replayed.trace, first.trace);
            assert_eq!(replayed.machine.schedule().switches(), switches);
            switch_count += switches.len();
        }
    }
    assert!(switch_count > 1000, "{switch_count}");
}

/// Two threads that each read a counter and write it back, one more, with a boundary in between. Returns the counter.
fn count_without_a_lock(schedule: Schedule) -> (u32, Dispatcher) {
    let mut machine = Dispatcher::new(2, schedule);
    let threads = [0x1000, 0x2000].map(|object| machine.create_thread(VirtualAddress(object), 8, u64::MAX));
    let (mut counter, mut seen) = (0, BTreeMap::new());
    let mut current = machine.boundary();
    for _ in 0..8 {
        if threads.iter().all(|&thread| machine.thread(thread).state() == ThreadState::Terminated) {
            break;
        }
        current = match seen.get(&current) {
            None => {
                seen.insert(current, counter);
                machine.boundary()
            }
            Some(read) => {
                counter = read + 1;
                machine.terminate_running(NtStatus::SUCCESS);
                machine.block().unwrap_or(current)
            }
        };
    }
    (counter, machine)
}

#[test]
fn a_lost_update_is_found_soon_and_is_one_switch() {
    assert_eq!(count_without_a_lock(Schedule::replay(Vec::new())).0, 2, "the default finds nothing");
    let strategies: [fn(u64) -> Schedule; 2] = [Schedule::random, |seed| Schedule::pct(seed, 2, 4)];
    for strategy in strategies {
        let (seed, found) = (0..100)
            .map(|seed| (seed, count_without_a_lock(strategy(seed))))
            .find(|(_, (counter, _))| *counter == 1)
            .expect("a hundred schedules are plenty");
        let switches = found.1.schedule().switches().to_vec();
        let repeats = |switches: Vec<_>| count_without_a_lock(Schedule::replay(switches)).0 == 1;
        assert!(repeats(switches.clone()), "seed {seed}");
        let alone = switches.iter().filter(|&&switch| repeats(vec![switch])).count();
        assert!(alone > 0, "one of {switches:?} is enough");
    }
}
