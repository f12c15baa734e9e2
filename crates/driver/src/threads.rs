//! The threads that drivers make: started, run to their end, and missed when they are left.

use crate::call::Call;
use crate::findings::Draft;
use crate::session::Session;
use crate::stop::Stop;
use crate::strands::Job;
use crate::system_objects::{SystemKind, SystemObject};
use crate::{memory, objects};
use ntpool_finding::{Phase, Role, Stack};
use ntpool_host::{HostError, arena};
use ntpool_machine::dispatcher::{Crime, ObjectKind, ThreadId, ThreadState};
use ntpool_machine::{Exit, Fiber, Registers};
use ntpool_memory::Protection;
use ntpool_types::{BugCheck, BugCheckCode, NtStatus, PAGE_SIZE, Rule, VirtualAddress};
use ntpool_verifier::StackId;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The priority of system threads.
pub(crate) const SYSTEM_PRIORITY: u8 = 8;

/// The number of the system's first thread.
const FIRST_NUMBER: u64 = 8;

/// A thread that a driver made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MadeThread {
    /// Its start routine.
    pub(crate) routine: VirtualAddress,
    /// Where it was made.
    pub(crate) created: StackId,
}

/// What is known of threads.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    made: RefCell<BTreeMap<ThreadId, MadeThread>>,
    /// What was added to the priority of threads.
    increments: RefCell<BTreeMap<ThreadId, i32>>,
    /// Where the thread that is about to end was when it did so by itself.
    ended_at: RefCell<Option<Stack>>,
}

impl Session {
    /// The number of a thread, by which drivers know it; an idle thread has 0.
    pub(crate) fn number_of(&self, thread: ThreadId) -> u64 {
        let idle = self.dispatcher.borrow().processor_count();
        thread.0.checked_sub(idle).map_or(0, |place| FIRST_NUMBER + 4 * u64::from(place))
    }

    /// The object of the thread that has this number and has not gone.
    pub(crate) fn thread_numbered(&self, number: u64) -> Option<VirtualAddress> {
        let dispatcher = self.dispatcher.borrow();
        let place = u32::try_from(number.checked_sub(FIRST_NUMBER)? / 4).ok()?;
        let thread = ThreadId(dispatcher.processor_count().checked_add(place)?);
        let is_known = number.is_multiple_of(4) && thread.0 < dispatcher.threads().count() as u32;
        is_known.then(|| dispatcher.thread(thread).object()).filter(|&object| {
            self.system_objects.borrow().get(object).is_some_and(|object| object.kind == SystemKind::Thread)
        })
    }

    /// The thread whose object a routine was given.
    ///
    /// # Errors
    /// The fault, when the memory can't be read; a misuse, when no thread's object is there.
    pub(crate) fn thread_at(&self, object: VirtualAddress) -> Result<ThreadId, Stop> {
        match self.object_at(object, |kind| matches!(kind, ObjectKind::Thread(_)))?.kind {
            ObjectKind::Thread(thread) => Ok(thread),
            _ => unreachable!("only a thread was taken"),
        }
    }

    /// What is known of a thread, if the driver made it.
    pub(crate) fn made_thread(&self, thread: ThreadId) -> Option<MadeThread> {
        self.threads.made.borrow().get(&thread).copied()
    }

    /// Sets what is added to a thread's priority; what was before.
    pub(crate) fn set_increment(&self, thread: ThreadId, increment: i32) -> i32 {
        self.threads.increments.borrow_mut().insert(thread, increment).unwrap_or_default()
    }

    /// Makes an object of the system's that has no handle yet; `None` when there is no room for another.
    ///
    /// # Errors
    /// When Linux has no memory for it.
    pub(crate) fn make_system_object(
        &self,
        object: SystemObject,
    ) -> Result<Option<VirtualAddress>, HostError> {
        let page = self.system_objects.borrow_mut().take_page();
        let Some(page) = page else { return Ok(None) };
        arena::map_anonymous(page, PAGE_SIZE, Protection::ReadWrite)?;
        self.system_objects.borrow_mut().add(page, object);
        Ok(Some(page))
    }

    /// Makes a thread that runs a routine of the driver's; its number and its object, or `None` when there is no room for
    /// another.
    ///
    /// # Errors
    /// When the machine has no memory for it.
    pub(crate) fn make_thread(
        &self,
        call: &Call<'_>,
        routine: VirtualAddress,
        context: u64,
    ) -> Result<Option<(ThreadId, VirtualAddress)>, Stop> {
        let made = self.make_system_object(SystemObject::needed(SystemKind::Thread))?;
        let Some(object) = made else { return Ok(None) };
        let job: Job = Box::new(move |session| session.run_thread(routine, context));
        let thread = self.start_thread(object, SYSTEM_PRIORITY, Phase::SystemThread, job)?;
        objects::write_header(object, ObjectKind::Thread(thread), 0, 0)?;
        let created = self.intern(&self.trace(call.registers()));
        self.threads.made.borrow_mut().insert(thread, MadeThread { routine, created });
        Ok(Some((thread, object)))
    }

    /// Runs a thread's routine to its end; the status it ends with. One that returns ends with success, as if it had ended
    /// itself so (UNCONFIRMED MACH-168: our choice).
    fn run_thread(&self, routine: VirtualAddress, context: u64) -> NtStatus {
        let exit = self.strands.current().fiber.served_by(self).call(routine, &[context]);
        let ends = |stop: &mut Stop| matches!(stop, Stop::ThreadEnds(_));
        let ended = match exit {
            Exit::Stopped => self.stop.borrow_mut().take_if(ends),
            _ => None,
        };
        let status = match (ended, exit) {
            (Some(Stop::ThreadEnds(status)), _) => status,
            (_, exit) => match self.outcome_of(exit) {
                Some(_) => NtStatus::SUCCESS,
                None => {
                    self.end();
                    unreachable!("a thread of the driver's is not on the strand that reports")
                }
            },
        };
        self.settle(&format!("the routine of the thread at {}", self.thread_object()));
        status
    }

    /// Takes note of where the running thread calls for its own end.
    pub(crate) fn note_end_of_thread(&self, registers: &Registers) {
        self.threads.ended_at.replace(Some(self.calling_stack(registers)));
    }

    /// A thread has ended: tells of what it left behind and lets its object go. A crime that Windows stops for ends the run.
    pub(crate) fn thread_ended(&self, thread: ThreadId, crimes: &[Crime]) {
        let at = self.threads.ended_at.take();
        self.tell_crimes(crimes, at);
        let object = self.dispatcher.borrow().thread(thread).object();
        self.show_objects();
        self.let_go_of(object);
    }

    /// Looks at what a routine left that the system had called on a thread of its own, with these further parameters of
    /// the stops: whether the system can go on (MACH-043, MACH-045).
    pub(crate) fn is_left_in_order(&self, what: &str, routine: VirtualAddress, parameters: [u64; 2]) -> bool {
        /// The number of a worker thread's routine, as opposed to a system call.
        const WORKER_ROUTINE: u64 = 1;
        let (mutex, counts) = {
            let dispatcher = self.dispatcher.borrow();
            let thread = dispatcher.thread(dispatcher.running().1);
            (thread.owned_mutexes().first().copied(), thread.combined_apc_disable())
        };
        let draft = if let Some(mutex) = mutex {
            let [parameter, item] = parameters;
            let stop = BugCheck::new(BugCheckCode::SYSTEM_EXIT_OWNED_MUTEX, [routine.0, parameter, item, 0]);
            let message = format!("{what} returned and owned the mutex at {mutex}; release it first");
            Draft::new(Rule::MutexLeft, Some(stop), message)
        } else if counts != 0 {
            let stop = BugCheck::new(
                BugCheckCode::APC_INDEX_MISMATCH,
                [routine.0, 0, u64::from(counts), WORKER_ROUTINE],
            );
            let message = format!(
                "{what} returned with asynchronous procedure calls disabled ({counts:#x}); leave every region first"
            );
            Draft::new(Rule::ApcLeftDisabled, Some(stop), message)
        } else {
            return true;
        };
        self.tell(draft);
        self.ended.set(true);
        false
    }

    /// Where a thread was made that the driver made.
    pub(crate) fn created_stack(&self, thread: ThreadId) -> Option<Stack> {
        self.made_thread(thread).map(|made| self.stack(Role::Created, made.created))
    }

    /// Where a thread that does not run arrived at the machine.
    pub(crate) fn waiting_stack(&self, thread: ThreadId) -> Option<Stack> {
        let arrived = self.strands.of(thread)?.fiber.arrival()?;
        Some(self.calling_stack(&arrived.registers))
    }

    /// Reports the driver's threads that have not ended, when nothing of the driver's may run any more.
    pub(crate) fn report_threads_left(&self) {
        let made: Vec<ThreadId> = self.threads.made.borrow().keys().copied().collect();
        let stuck = self.dispatcher().stuck();
        for thread in made {
            if self.dispatcher.borrow().thread(thread).state() == ThreadState::Terminated {
                continue;
            }
            let doing = match stuck.threads.iter().find(|stuck| stuck.thread == thread) {
                Some(stuck) => self.describe_need(&stuck.reason),
                None => "could still run".to_owned(),
            };
            let message = format!("{} was left behind: it {doing}", self.describe_thread(thread));
            let stacks = [self.waiting_stack(thread), self.created_stack(thread)];
            self.report_afterwards(Rule::ThreadLeft, &message, stacks.into_iter().flatten().collect());
        }
    }

    /// Writes the thread's number and its process's where the caller wants them.
    pub(crate) fn write_client_id(&self, at: VirtualAddress, thread: ThreadId) -> Result<(), Stop> {
        use ntpool_abi::ClientId;
        if at != VirtualAddress::NULL {
            let number = self.number_of(thread);
            memory::write_field(at, ClientId::UNIQUE_PROCESS, self.processes.current().id())?;
            memory::write_field(at, ClientId::UNIQUE_THREAD, number)?;
        }
        Ok(())
    }
}
