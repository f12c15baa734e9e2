//! The dispatcher: which thread runs where, what it waits for, and what happens when.
//!
//! It knows threads, processors, the objects that threads wait for, timers, work that interrupts threads, and virtual
//! time, and it only decides: it has no fiber, no driver memory and no operating system. One flow of control of its
//! caller runs everything. Exactly one processor *runs* at a time, with its current thread; the others stand still
//! where they are. At every boundary, which is a call of a routine of the machine's, the caller asks who goes on and
//! switches to the fiber of that thread.
//!
//! # How it is used
//! 1. [`Dispatcher::new`], [`create_thread`](Dispatcher::create_thread), and [`boundary`](Dispatcher::boundary),
//!    which names the thread to begin with. Before that the idle thread of processor 0 runs.
//! 2. A thread calls [`boundary`](Dispatcher::boundary) where others may go on. What can make it wait is a call that
//!    may take it off its processor ([`wait`](Dispatcher::wait), [`block_on`](Dispatcher::block_on),
//!    [`terminate_running`](Dispatcher::terminate_running)) or leave it there and unable to go on
//!    ([`spin_on`](Dispatcher::spin_on)); [`block`](Dispatcher::block) follows at once. Both name the thread whose
//!    fiber goes on; the caller remembers by itself whose fiber it is on.
//! 3. Whoever goes on first takes its processor's [work](Dispatcher::take_work). An idle thread does only that, and
//!    then calls [`block`](Dispatcher::block).
//! 4. After each call, the driver's memory shows what [`take_changed`](Dispatcher::take_changed) tells.
//!
//! Time stands still while anybody can go on, but for what the caller lets [`pass`](Dispatcher::pass), and for a microsecond at
//! each boundary once [`PATIENCE`] of them came without a wait: somebody polls, or works long enough for a clock to notice.
//!
//! # Invariants
//! - A thread is in exactly one place: current on one processor, ready, in the queues of what it waits for, or ended.
//! - No thread waits whose wait could be satisfied.
//! - An owned mutex is in its owner's list, and nowhere else.
//! - Every queued timer and time-out has its entry in the timer queue, and every entry is one of these.
//!
//! [`assert_consistent`](Dispatcher::assert_consistent) checks them.
//!
//! # Deviations
//! Priorities do not change by themselves: the increments that a caller gives with a signal have no effect, and there
//! is no boost but that of fairness ([`PATIENCE`]). Alerts do not tell modes apart.

mod choose;
mod crime;
mod forget;
mod free;
mod invariants;
mod kept;
mod object;
mod schedule;
mod spin;
mod stuck;
#[cfg(test)]
mod tests;
mod thread;
mod timer;
mod wait;
mod work;

pub use choose::{PATIENCE, YIELD_STEPS};
pub use crime::{Crime, MutexError, NotAnObject, SemaphoreError};
pub use forget::Forgotten;
pub use object::{ObjectKind, ObjectView, Reset};
pub use schedule::{Schedule, Switch};
pub use spin::{SpinHolder, SpinReason};
pub use stuck::{Link, Reason, Stuck, StuckThread};
pub use thread::{HIGHEST_PRIORITY, Thread, ThreadId, ThreadState};
pub use timer::{TimerAction, TimerError};
pub use wait::{
    MAXIMUM_WAIT_OBJECTS, THREAD_WAIT_OBJECTS, Timeout, WaitError, WaitKind, WaitOutcome, WaitReason,
    WaitRequest, WaitStart,
};
pub use work::{
    Dpc, IPI_LEVEL, Importance, LONGEST_RAISED_TICKS, LONGEST_WORK_TICKS, LOW_IMPORTANCE_STEPS,
    UNITS_PER_TICK, Work,
};

use crate::{Clock, Processor};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use kept::Kept;
use ntpool_types::{Irql, ProcessorNumber, VirtualAddress};
use object::Object;
use schedule::Candidate;
use timer::TimerQueue;
use work::{Deferred, Frame};

/// The most processors that a machine has: one group's.
pub const MOST_PROCESSORS: u32 = 64;

/// A processor as the dispatcher sees it.
#[derive(Debug)]
struct ProcessorState {
    processor: Processor,
    current: ThreadId,
    deferred: VecDeque<Deferred>,
    /// Calls from other processors.
    calls: VecDeque<VirtualAddress>,
    /// Highest level first.
    interrupts: Vec<(VirtualAddress, Irql)>,
    /// Work that has begun, the innermost last.
    frames: Vec<Frame>,
    /// Time at DISPATCH_LEVEL or above since it was last seen below.
    raised_units: u64,
}

/// The dispatcher.
#[derive(Debug)]
pub struct Dispatcher {
    processors: Vec<ProcessorState>,
    running: usize,
    threads: Vec<Thread>,
    /// First come, first served among those of one priority.
    ready: VecDeque<ThreadId>,
    objects: BTreeMap<VirtualAddress, Object>,
    changed: BTreeSet<VirtualAddress>,
    /// The threads that wait for locks that are no objects, by the locks' keys.
    locks: BTreeMap<VirtualAddress, VecDeque<ThreadId>>,
    timers: TimerQueue,
    /// The deferred procedure call and the timer, for every queued timer that has one.
    timer_dpcs: BTreeSet<(VirtualAddress, VirtualAddress)>,
    /// The processor on which a deferred call is queued.
    deferred_on: BTreeMap<VirtualAddress, usize>,
    clock: Clock,
    steps: u64,
    /// Boundaries in a row after which the same thread went on.
    stayed: u32,
    /// Loops without boundaries that were interrupted in a row without anything to wait for.
    spinning_rounds: usize,
    /// Boundaries and looks at the clock since anybody last waited.
    streak: u32,
    schedule: Schedule,
    /// Who could go on when that was last looked for.
    candidates: Vec<Candidate>,
    /// Whether that is still so.
    kept: Kept,
    /// The step at which the last thread that gave way has done so.
    yields_end: u64,
}

impl Dispatcher {
    /// A machine of so many processors, whose idle threads are the threads 0 up to that number.
    ///
    /// # Panics
    /// Without processors, or with more than [`MOST_PROCESSORS`].
    #[must_use]
    pub fn new(processors: u32, schedule: Schedule) -> Dispatcher {
        assert!((1..=MOST_PROCESSORS).contains(&processors), "a machine has 1 to 64 processors");
        let state = |number: u32| ProcessorState {
            processor: Processor::new(ProcessorNumber(number as u16)),
            current: ThreadId(number),
            deferred: VecDeque::new(),
            calls: VecDeque::new(),
            interrupts: Vec::new(),
            frames: Vec::new(),
            raised_units: 0,
        };
        let idle = |number: u32| {
            let mut thread = Thread::new(VirtualAddress::NULL, 0, 1 << number);
            thread.is_idle = true;
            thread.state = ThreadState::Running(ProcessorNumber(number as u16));
            thread
        };
        Dispatcher {
            processors: (0..processors).map(state).collect(),
            running: 0,
            threads: (0..processors).map(idle).collect(),
            ready: VecDeque::new(),
            objects: BTreeMap::new(),
            changed: BTreeSet::new(),
            locks: BTreeMap::new(),
            timers: TimerQueue::default(),
            timer_dpcs: BTreeSet::new(),
            deferred_on: BTreeMap::new(),
            clock: Clock::default(),
            steps: 0,
            stayed: 0,
            spinning_rounds: 0,
            streak: 0,
            schedule,
            candidates: Vec::new(),
            kept: Kept::Nothing,
            yields_end: 0,
        }
    }

    /// The processor that runs, and its current thread. Between the start of a wait and the question who goes on,
    /// that is the idle thread.
    #[must_use]
    pub fn running(&self) -> (ProcessorNumber, ThreadId) {
        let state = &self.processors[self.running];
        (state.processor.number(), state.current)
    }

    /// A processor, whose level its code raises and lowers.
    ///
    /// # Panics
    /// When there is no such processor.
    #[must_use]
    pub fn processor(&self, number: ProcessorNumber) -> &Processor {
        &self.processors[usize::from(number.0)].processor
    }

    /// The thread that is current on a processor.
    ///
    /// # Panics
    /// When there is no such processor.
    #[must_use]
    pub fn current_thread(&self, number: ProcessorNumber) -> ThreadId {
        self.processors[usize::from(number.0)].current
    }

    /// A processor's idle thread.
    #[must_use]
    pub fn idle_thread(&self, number: ProcessorNumber) -> ThreadId {
        ThreadId(u32::from(number.0))
    }

    /// How many processors there are.
    #[must_use]
    pub fn processor_count(&self) -> u32 {
        self.processors.len() as u32
    }

    /// A mask of all processors.
    #[must_use]
    pub fn active_processors(&self) -> u64 {
        u64::MAX >> (MOST_PROCESSORS - self.processor_count())
    }

    /// How often it was asked who goes on.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The schedule, with the switches that it made.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}
