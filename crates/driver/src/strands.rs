//! Strands: what threads run on, one fiber of the host with its kernel stack for each, used again when a thread has ended.
//!
//! A strand lives as long as the process. Threads come and go on it: its main routine takes a job, carries it out, and
//! waits for the next.

use crate::exceptions::InProgress;
use crate::session::Session;
use ntpool_abi::KERNEL_STACK_SIZE;
use ntpool_finding::Phase;
use ntpool_host::HostError;
use ntpool_host::fiber::{self, KernelFiber};
use ntpool_host::layout::{self, Window};
use ntpool_host::physical::PhysicalMemory;
use ntpool_host::processors;
use ntpool_machine::dispatcher::ThreadId;
use ntpool_memory::{FrameUse, Protection};
use ntpool_types::{Bytes, NtStatus, VirtualAddress};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// What a thread does from its beginning to its end; the status it ends with.
pub(crate) type Job = Box<dyn FnOnce(&'static Session) -> NtStatus>;

/// What a thread runs on.
pub(crate) struct Strand {
    pub(crate) fiber: KernelFiber,
    /// The thread that it is.
    pub(crate) thread: Cell<ThreadId>,
    /// What the driver is doing on it.
    pub(crate) phase: Cell<Phase>,
    /// The searches and unwinds that are going on on it.
    pub(crate) in_progress: InProgress,
    /// How many large stacks calls on it use at this moment.
    pub(crate) expansions: Cell<u32>,
    /// The levels of the segments that calls with more stack began.
    pub(crate) callouts: RefCell<Vec<usize>>,
    job: Cell<Option<Job>>,
}

impl Strand {
    /// The job that the thread was made for.
    pub(crate) fn take_job(&self) -> Job {
        self.job.take().expect("a strand runs when a thread has been put on it")
    }
}

/// Every strand.
pub(crate) struct Strands {
    main: &'static Strand,
    /// The one that runs, by the thread of Linux that it runs on.
    current: Vec<Cell<&'static Strand>>,
    of_threads: RefCell<BTreeMap<ThreadId, &'static Strand>>,
    unused: RefCell<Vec<&'static Strand>>,
    stacks_made: Cell<u64>,
    /// The most bytes that a thread which has ended used of its stack.
    deepest: Cell<u64>,
    /// The stacks for work that interrupts threads, by processor.
    work_stacks: RefCell<BTreeMap<u16, Window>>,
    /// Stacks for calls that need more room than a thread's own has, and nobody uses.
    large_stacks: RefCell<Vec<Window>>,
    /// The ends of all of those.
    large_stacks_made: RefCell<BTreeSet<VirtualAddress>>,
}

/// The bytes of a stack for calls that need more room than a thread's own has.
pub(crate) const LARGE_STACK_SIZE: Bytes = Bytes(0x12000);

fn map_stack(physical: &PhysicalMemory, index: u64, size: Bytes) -> Result<Window, HostError> {
    if index >= layout::STACK_COUNT {
        return Err(HostError::plain(format!(
            "give another thread a kernel stack: there is room for {}",
            layout::STACK_COUNT
        )));
    }
    let stack = layout::kernel_stack(index, size);
    physical.map(stack.base, stack.size.pages_rounded_up(), Protection::ReadWrite, FrameUse::Stack)?;
    Ok(stack)
}

impl Strands {
    /// The strand of the thread of Linux that calls this, which is the machine's thread `main`.
    ///
    /// # Errors
    /// When the machine has no memory for its stack.
    pub(crate) fn new(physical: &PhysicalMemory, main: ThreadId) -> Result<Strands, HostError> {
        let fiber = KernelFiber::new(map_stack(physical, 0, Bytes(KERNEL_STACK_SIZE))?)?;
        let strand: &'static Strand = Box::leak(Box::new(Strand {
            fiber,
            thread: Cell::new(main),
            phase: Cell::new(Phase::Load),
            in_progress: InProgress::default(),
            expansions: Cell::new(0),
            callouts: RefCell::default(),
            job: Cell::new(None),
        }));
        strand.fiber.begin();
        Ok(Strands {
            main: strand,
            current: (0..layout::MOST_PROCESSORS).map(|_| Cell::new(strand)).collect(),
            of_threads: RefCell::new(BTreeMap::from([(main, strand)])),
            unused: RefCell::default(),
            stacks_made: Cell::new(1),
            deepest: Cell::new(0),
            work_stacks: RefCell::default(),
            large_stacks: RefCell::default(),
            large_stacks_made: RefCell::default(),
        })
    }

    /// The one that runs.
    pub(crate) fn current(&self) -> &'static Strand {
        self.here().get()
    }

    fn here(&self) -> &Cell<&'static Strand> {
        &self.current[usize::from(processors::own().0)]
    }

    /// The one that loads and unloads drivers.
    pub(crate) fn main(&self) -> &'static Strand {
        self.main
    }

    /// The one of this thread; a processor's idle thread gets one when it runs the first time.
    pub(crate) fn of(&self, thread: ThreadId) -> Option<&'static Strand> {
        self.of_threads.borrow().get(&thread).copied()
    }

    /// Sees to it that the next thread finds a strand.
    ///
    /// # Errors
    /// When the machine has no memory for its stacks.
    pub(crate) fn make_one_ready(&self, session: &'static Session) -> Result<(), HostError> {
        if self.unused.borrow().is_empty() {
            let strand = self.make(session)?;
            self.unused.borrow_mut().push(strand);
        }
        Ok(())
    }

    /// Puts a thread on a strand.
    ///
    /// # Errors
    /// When the machine has no memory for its stacks.
    pub(crate) fn put(
        &self,
        session: &'static Session,
        thread: ThreadId,
        phase: Phase,
        job: Job,
    ) -> Result<(), HostError> {
        let reused = self.unused.borrow_mut().pop();
        let strand = match reused {
            Some(strand) => {
                fiber::paint_stack(strand.fiber.stack())?;
                strand
            }
            None => self.make(session)?,
        };
        strand.thread.set(thread);
        strand.phase.set(phase);
        strand.job.set(Some(job));
        self.of_threads.borrow_mut().insert(thread, strand);
        Ok(())
    }

    fn make(&self, session: &'static Session) -> Result<&'static Strand, HostError> {
        let stack = self.make_stack(session, Bytes(KERNEL_STACK_SIZE))?;
        let main = move || -> Infallible {
            loop {
                let job = session.strands.current().take_job();
                let status = job(session);
                session.end_thread(status);
            }
        };
        let fiber = KernelFiber::with_routine(stack, Box::new(main))?;
        Ok(Box::leak(Box::new(Strand {
            fiber,
            thread: Cell::new(ThreadId(u32::MAX)),
            phase: Cell::new(Phase::SystemThread),
            in_progress: InProgress::default(),
            expansions: Cell::new(0),
            callouts: RefCell::default(),
            job: Cell::new(None),
        })))
    }

    fn make_stack(&self, session: &Session, size: Bytes) -> Result<Window, HostError> {
        let index = self.stacks_made.get();
        let stack = map_stack(&session.physical, index, size)?;
        self.stacks_made.set(index + 1);
        Ok(stack)
    }

    /// The stack for work that interrupts the threads of this processor.
    ///
    /// # Errors
    /// When the machine has no memory for it.
    pub(crate) fn work_stack(&self, session: &Session, processor: u16) -> Result<Window, HostError> {
        if let Some(&stack) = self.work_stacks.borrow().get(&processor) {
            return Ok(stack);
        }
        let stack = self.make_stack(session, Bytes(KERNEL_STACK_SIZE))?;
        fiber::paint_stack(stack)?;
        self.work_stacks.borrow_mut().insert(processor, stack);
        Ok(stack)
    }

    /// A stack of [`LARGE_STACK_SIZE`] that nobody uses, to be given back by
    /// [`give_large_stack_back`](Strands::give_large_stack_back).
    ///
    /// # Errors
    /// When the machine has no memory for it.
    pub(crate) fn take_large_stack(&self, session: &Session) -> Result<Window, HostError> {
        let unused = self.large_stacks.borrow_mut().pop();
        match unused {
            Some(stack) => Ok(stack),
            None => {
                let stack = self.make_stack(session, LARGE_STACK_SIZE)?;
                fiber::paint_stack(stack)?;
                self.large_stacks_made.borrow_mut().insert(stack.end());
                Ok(stack)
            }
        }
    }

    /// Nobody uses this stack any more.
    pub(crate) fn give_large_stack_back(&self, stack: Window) {
        self.large_stacks.borrow_mut().push(stack);
    }

    /// The thread of this strand has ended: another one may have it.
    pub(crate) fn retire(&self, strand: &'static Strand) {
        self.of_threads.borrow_mut().remove(&strand.thread.get());
        self.deepest.set(self.deepest.get().max(fiber::stack_used(strand.fiber.stack())));
        self.unused.borrow_mut().push(strand);
    }

    /// The most bytes that any thread has used of its stack.
    pub(crate) fn deepest_use(&self) -> u64 {
        let strands = self.of_threads.borrow();
        let used = strands.values().map(|strand| fiber::stack_used(strand.fiber.stack()));
        used.fold(self.deepest.get(), u64::max)
    }

    /// Goes on with another strand, until somebody goes on with this one.
    pub(crate) fn switch_to(&self, strand: &'static Strand) {
        self.here().set(strand);
        strand.fiber.switch_to();
    }

    /// Makes a strand of the calling thread of Linux, which is one of the machine's processors, for that one's idle thread.
    ///
    /// # Errors
    /// When the machine has no memory for its stack.
    pub(crate) fn adopt(&self, session: &Session, idle: ThreadId) -> Result<(), HostError> {
        let fiber = KernelFiber::new(self.make_stack(session, Bytes(KERNEL_STACK_SIZE))?)?;
        let strand: &'static Strand = Box::leak(Box::new(Strand {
            fiber,
            thread: Cell::new(idle),
            phase: Cell::new(Phase::Interrupt),
            in_progress: InProgress::default(),
            expansions: Cell::new(0),
            callouts: RefCell::default(),
            job: Cell::new(None),
        }));
        strand.fiber.begin();
        self.of_threads.borrow_mut().insert(idle, strand);
        self.here().set(strand);
        Ok(())
    }

    /// The kernel stack that holds an address.
    pub(crate) fn stack_holding(&self, address: VirtualAddress) -> Option<Window> {
        if !layout::STACKS.contains(address) {
            return None;
        }
        // Below a stack that is smaller than others nothing is mapped either, and its guard is no stack.
        let is_large = |stack: &Window| self.large_stacks_made.borrow().contains(&stack.end());
        (0..self.stacks_made.get()).find_map(|index| {
            let small = layout::kernel_stack(index, Bytes(KERNEL_STACK_SIZE));
            let size = if is_large(&small) { LARGE_STACK_SIZE } else { small.size };
            Some(layout::kernel_stack(index, size)).filter(|stack| stack.contains(address))
        })
    }
}
