//! The system's worker threads. One is made when there is work and none of its priority is free; when there is nothing to
//! do it waits. After every routine it is looked at what that left behind.

use super::items::Queued;
use crate::findings::Draft;
use crate::objects::write_header;
use crate::session::Session;
use crate::stop::Stop;
use crate::strands::Job;
use crate::system_objects::{SystemKind, SystemObject};
use ntpool_finding::{LimitKind, Phase};
use ntpool_machine::Fiber;
use ntpool_machine::dispatcher::{ObjectKind, Stuck, ThreadId, WaitReason};
use ntpool_types::{BugCheck, BugCheckCode, Irql, NtStatus, Rule, VirtualAddress};
use std::collections::BTreeSet;

/// The most worker threads of one priority: further work waits for one of them.
const MOST_WORKERS: u32 = 16;

/// A worker thread that has nothing to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdleWorker {
    priority: u8,
    thread: ThreadId,
    object: VirtualAddress,
}

impl Session {
    /// Lets a worker thread of this priority take what has been queued. When all that there may be are busy, the first that
    /// is done takes it.
    ///
    /// # Errors
    /// [`Stop::Limit`] when there is no room for another thread.
    pub(super) fn employ_worker(&self, priority: u8) -> Result<(), Stop> {
        let idle = {
            let mut idle = self.work_items.idle.borrow_mut();
            let place = idle.iter().position(|worker| worker.priority == priority);
            place.map(|place| idle.remove(place))
        };
        let count = self.work_items.workers.borrow().get(&priority).copied().unwrap_or_default();
        match idle {
            Some(worker) => {
                self.dispatcher().wake(worker.object, 1);
            }
            None if count < MOST_WORKERS => {
                self.hire_worker(priority)?;
                self.work_items.workers.borrow_mut().insert(priority, count + 1);
            }
            None => {}
        }
        Ok(())
    }

    fn hire_worker(&self, priority: u8) -> Result<(), Stop> {
        let made = self.make_system_object(SystemObject::needed(SystemKind::Thread))?;
        let object = made.ok_or_else(|| Stop::Limit {
            kind: LimitKind::Host,
            message: "there is no room for another worker thread's object; let go of some objects".to_owned(),
        })?;
        let job: Job = Box::new(move |session| session.work(priority, object));
        let thread = self.start_thread(object, priority, Phase::WorkItem, job)?;
        Ok(write_header(object, ObjectKind::Thread(thread), 0, 0)?)
    }

    /// What a worker thread does all its life.
    fn work(&self, priority: u8, object: VirtualAddress) -> NtStatus {
        loop {
            let done = match self.work_items.take(priority) {
                Some(queued) => self.run_item(&queued),
                None => self.await_work(IdleWorker { priority, thread: self.thread(), object }),
            };
            match done {
                Ok(()) => {}
                Err(Stop::Ended) => {
                    self.end();
                }
                Err(stop) => {
                    self.report_on_arrival(stop);
                    self.end();
                }
            }
        }
    }

    fn await_work(&self, worker: IdleWorker) -> Result<(), Stop> {
        self.work_items.idle.borrow_mut().push(worker);
        let blocked = self.dispatcher().block_on(worker.object, WaitReason::Queue, None, None);
        blocked.map_err(|crime| self.stop_for(&crime))?;
        self.block()?;
        let _ = self.dispatcher().take_wait_result();
        Ok(())
    }

    /// Calls a routine of the driver's from the machine, not from a call of the driver's; what it returned.
    ///
    /// # Errors
    /// [`Stop::Ended`] when the routine did not return; why has been told.
    pub(super) fn call_routine(&self, routine: VirtualAddress, arguments: &[u64]) -> Result<u64, Stop> {
        let exit = self.strands.current().fiber.served_by(self).call(routine, arguments);
        match self.outcome_of(exit) {
            Some(value) if !self.ended.get() => Ok(value),
            _ => Err(Stop::Ended),
        }
    }

    fn run_item(&self, queued: &Queued) -> Result<(), Stop> {
        let Some(started) = self.start_item(queued)? else { return Ok(()) };
        if self.image.has_left(started.routine) {
            let what = format!("the work item at {}", queued.item);
            return Err(self.stop_for_gone_code(Rule::WorkItemLeft, started.routine, &what));
        }
        self.call_routine(started.routine, &started.arguments)?;
        self.check_worker(queued.item, started.routine, started.parameter)?;
        self.finish_item(queued)
    }

    /// Looks at what a work item's routine left behind (MACH-043 to MACH-045). A mutex counts as a disabled procedure call
    /// too, so it is looked at first.
    fn check_worker(
        &self,
        item: VirtualAddress,
        routine: VirtualAddress,
        parameter: u64,
    ) -> Result<(), Stop> {
        let irql = self.irql();
        let (mutex, counts) = {
            let dispatcher = self.dispatcher();
            let thread = dispatcher.thread(dispatcher.running().1);
            (thread.owned_mutexes().first().copied(), thread.combined_apc_disable())
        };
        let level = u64::from(irql.level());
        let place = self.shown_place(routine);
        let (rule, code, parameters, message) = if irql >= Irql::DISPATCH {
            (
                Rule::WorkItemBadIrql,
                BugCheckCode::WORKER_THREAD_RETURNED_AT_BAD_IRQL,
                [routine.0, level, parameter, item.0],
                format!("the work item's routine {place} returned at {irql}"),
            )
        } else if let Some(mutex) = mutex {
            (
                Rule::MutexLeft,
                BugCheckCode::SYSTEM_EXIT_OWNED_MUTEX,
                [routine.0, parameter, item.0, 0],
                format!("the work item's routine {place} returned and owned the mutex at {mutex}"),
            )
        } else if counts != 0 {
            (
                Rule::ApcLeftDisabled,
                BugCheckCode::APC_INDEX_MISMATCH,
                [routine.0, 0, u64::from(counts), 1],
                format!(
                    "the work item's routine {place} returned with asynchronous procedure calls disabled ({counts:#x})"
                ),
            )
        } else {
            if irql != Irql::PASSIVE {
                let message = format!(
                    "the work item's routine {place} was called at {} and returned at {irql}",
                    Irql::PASSIVE
                );
                self.report_afterwards(Rule::IrqlNotRestored, &message, Vec::new());
                self.set_irql(Irql::PASSIVE);
            }
            return Ok(());
        };
        self.tell(Draft::new(rule, Some(BugCheck::new(code, parameters)), message));
        Err(Stop::Ended)
    }

    /// What nobody can bring to an end, without the worker threads that have nothing to do.
    pub(crate) fn without_idle_workers(&self, stuck: &Stuck) -> Stuck {
        let idle = self.work_items.idle_workers();
        let mut stuck = stuck.clone();
        stuck.threads.retain(|thread| !idle.contains(&thread.thread));
        stuck
    }
}

impl super::items::WorkItems {
    /// The worker threads that have nothing to do.
    pub(crate) fn idle_workers(&self) -> BTreeSet<ThreadId> {
        self.idle.borrow().iter().map(|worker| worker.thread).collect()
    }
}
