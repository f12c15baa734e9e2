//! A machine whose threads do what numbers say, and what must hold after each of their deeds.

use crate::deeds::Deed;
use crate::model::{Model, Target, Thing};
use ntpool_machine::dispatcher::{Dispatcher, Reason, Reset, Schedule, Stuck, Thread, ThreadId, ThreadState};
use ntpool_types::{Irql, ProcessorNumber, VirtualAddress};
use std::collections::{BTreeMap, BTreeSet};

/// Where a history's choices come from.
pub trait Numbers {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u64) -> u64;

    /// Whether there are no more.
    fn is_over(&self) -> bool;
}

/// What everybody may wait for; the last one is the first thread's.
pub const OBJECTS: [VirtualAddress; 8] = [
    VirtualAddress(0x100),
    VirtualAddress(0x200),
    VirtualAddress(0x300),
    VirtualAddress(0x400),
    VirtualAddress(0x500),
    VirtualAddress(0x600),
    VirtualAddress(0x700),
    VirtualAddress(0x800),
];
pub const MUTEXES: [VirtualAddress; 2] = [OBJECTS[3], OBJECTS[4]];
pub const TIMERS: [VirtualAddress; 2] = [OBJECTS[5], OBJECTS[6]];
/// A timer that goes on for ever once it is set, and that nobody waits for.
pub const TICKING: VirtualAddress = VirtualAddress(0x900);
/// What is no object: locks, keys of interrupts and calls.
pub const KEYS: [VirtualAddress; 3] = [VirtualAddress(0xA00), VirtualAddress(0xB00), VirtualAddress(0xC00)];

/// What follows a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The thread could go on.
    Boundary,
    /// It can't.
    Block,
    /// It is interrupted in a loop.
    Preempt,
}

pub struct World<N> {
    pub machine: Dispatcher,
    pub model: Model,
    pub numbers: N,
    pub now: u64,
    /// The levels to which each thread has to lower its own, the innermost last.
    pub raised: BTreeMap<ThreadId, Vec<Irql>>,
    /// The threads that spin, each with the key.
    pub spinning: BTreeMap<ThreadId, VirtualAddress>,
    thread_count: u64,
    /// What happened, to be compared between runs.
    pub trace: Vec<(u64, ProcessorNumber, ThreadId, Deed)>,
}

impl<N: Numbers> World<N> {
    pub fn new(mut numbers: N, schedule: Schedule) -> World<N> {
        let mut machine = Dispatcher::new(1 + numbers.below(3) as u32, schedule);
        // Far enough from the start that no time lies before it.
        machine.pass(100_000);
        let mut model = Model::default();
        machine.initialize_event(OBJECTS[0], Reset::ByHand, false).unwrap();
        machine.initialize_event(OBJECTS[1], Reset::ByWait, true).unwrap();
        machine.initialize_semaphore(OBJECTS[2], 2, crate::model::SEMAPHORE_LIMIT).unwrap();
        model.things.insert(OBJECTS[0], Thing::Notification(false));
        model.things.insert(OBJECTS[1], Thing::Synchronization(true));
        model.things.insert(OBJECTS[2], Thing::Semaphore(2));
        for mutex in MUTEXES {
            machine.initialize_mutex(mutex).unwrap();
            model.things.insert(mutex, Thing::Mutex { owner: None, count: 0, abandoned: false });
        }
        for (timer, reset) in TIMERS.into_iter().zip([Reset::ByHand, Reset::ByWait]) {
            machine.initialize_timer(timer, reset).unwrap();
            let stays = reset == Reset::ByHand;
            model.things.insert(timer, Thing::Timer { stays, signalled: false, due: None });
        }
        machine.initialize_timer(TICKING, Reset::ByHand).unwrap();
        let now = machine.clock().now().0;
        let (raised, spinning, trace) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut world = World { machine, model, numbers, now, raised, spinning, thread_count: 0, trace };
        for _ in 0..6 {
            world.create_thread();
        }
        world.machine.boundary();
        world
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.numbers.below(from.len() as u64) as usize]
    }

    /// Makes a thread, if there are not many already.
    pub fn create_thread(&mut self) {
        if self.thread_count == 12 {
            return;
        }
        let object = match self.thread_count {
            0 => OBJECTS[7],
            number => VirtualAddress(0x10_0000 + number * 0x100),
        };
        self.thread_count += 1;
        let priority = 8 + self.numbers.below(2) as u8;
        self.machine.create_thread(object, priority, u64::MAX);
        self.model.things.insert(object, Thing::Ended(false));
    }

    /// Any thread that is not idle.
    pub fn thread(&mut self) -> ThreadId {
        ThreadId(self.machine.processor_count() + self.numbers.below(self.thread_count) as u32)
    }

    pub fn is_in_work(&self) -> bool {
        self.machine.work_on(self.machine.running().0).next().is_some()
    }

    /// Runs until the end, or until nobody can go on.
    pub fn run(&mut self, deeds: u32) {
        for _ in 0..deeds {
            if self.numbers.is_over() {
                return;
            }
            let (_, thread) = self.machine.running();
            let then = self.act(thread);
            self.check();
            let next = match then {
                Then::Boundary => self.machine.boundary(),
                Then::Preempt => self.machine.preempt().unwrap_or(thread),
                Then::Block => match self.machine.block() {
                    Ok(next) => next,
                    Err(stuck) => {
                        self.check();
                        self.check_stuck(&stuck);
                        return;
                    }
                },
            };
            assert_eq!(self.machine.running().1, next);
            self.spinning.remove(&next);
            self.check();
            self.machine.assert_placed();
            if !self.machine.thread(next).is_idle() {
                assert_eq!(self.machine.take_wait_result(), self.model.outcomes.remove(&next));
            }
            self.take_work();
            self.check();
        }
    }

    /// What must hold at any time.
    fn check(&mut self) {
        self.machine.assert_consistent();
        let now = self.machine.clock().now().0;
        assert!(now >= self.now, "time went back");
        self.now = now;
        self.model.expire(self.machine.clock());
        for (&address, thing) in &self.model.things {
            let view = self.machine.object(address).unwrap();
            assert_eq!(view.signal_state, thing.state(), "{address} is {thing:?}");
            match *thing {
                Thing::Mutex { owner, abandoned, .. } => {
                    assert_eq!((view.owner, view.abandoned), (owner, abandoned));
                }
                Thing::Timer { due, .. } => assert_eq!(view.due.is_some(), due.is_some(), "{address}"),
                _ => {}
            }
        }
        let ticks = self.machine.object(TICKING).unwrap().due;
        assert!(ticks.is_none_or(|due| due.0 > now), "what is due has happened");
        let waits = |&(_, thread): &(ThreadId, &Thread)| thread.state() == ThreadState::Waiting;
        let waiting: BTreeSet<_> = self.machine.threads().filter(waits).map(|(id, _)| id).collect();
        let expected: BTreeSet<_> = self.model.waiting.iter().map(|waiting| waiting.thread).collect();
        assert_eq!(waiting, expected);
    }

    /// Nobody can go on: the report names those that wait and those that spin, and time would not help.
    fn check_stuck(&self, stuck: &Stuck) {
        // Those that spin at a low level may have been taken off their processors.
        let spinning = self.spinning.keys().copied();
        let expected: BTreeSet<ThreadId> =
            self.model.waiting.iter().map(|waiting| waiting.thread).chain(spinning).collect();
        let named: Vec<ThreadId> = stuck.threads.iter().map(|thread| thread.thread).collect();
        assert_eq!(named, expected.into_iter().collect::<Vec<_>>());
        for waiting in &self.model.waiting {
            assert!(waiting.deadline.is_none(), "{waiting:?} would end");
            let told = stuck.threads.iter().find(|thread| thread.thread == waiting.thread);
            match (&waiting.target, &told.expect("it was named").reason) {
                (Target::Objects(objects, _), Reason::Objects { objects: named, .. }) => {
                    assert!(objects.iter().eq(named.iter().map(|(address, ..)| address)));
                }
                (Target::Lock(lock), Reason::Lock { key, .. }) => assert_eq!(lock, key),
                (target, reason) => panic!("{target:?} is told as {reason:?}"),
            }
            let Target::Objects(objects, _) = &waiting.target else { continue };
            for object in objects {
                let comes =
                    matches!(self.model.things[object], Thing::Timer { due: Some(_), signalled: false, .. });
                assert!(!comes, "{object} would be signalled");
            }
        }
    }
}
