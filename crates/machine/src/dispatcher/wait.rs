//! Waiting: for objects, for a time, or for a lock that is built from waiting and waking.
//!
//! A wait either is over at once or takes the thread off its processor. In the second case the caller asks
//! [`block`](Dispatcher::block) who goes on, and when the thread runs again it finds the end of its wait with
//! [`take_wait_result`](Dispatcher::take_wait_result).
//!
//! # Invariants
//! - A thread is in the queues of exactly the objects that it waits for, unless an object was lost under it.
//! - No thread waits whose wait could be satisfied: every signal satisfies all waits that it can before it returns.

use super::timer::{Due, Ticket};
use super::{Crime, Dispatcher, NotAnObject, ThreadId, ThreadState};
use crate::Levels;
use alloc::vec::Vec;
use ntpool_types::{Irql, VirtualAddress};

/// The most objects a thread waits for with the wait blocks that it has of its own (MACH-148).
pub const THREAD_WAIT_OBJECTS: usize = 3;
/// The most objects a thread waits for with wait blocks that its caller gives (MACH-148).
pub const MAXIMUM_WAIT_OBJECTS: usize = 64;

/// When a wait is given up, or a timer expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// After so many units of 100 ns.
    Relative(u64),
    /// At this system time, in units of 100 ns since 1601; follows changes of the system time.
    Absolute(u64),
}

impl Timeout {
    /// As NT writes it: negative counts from now, anything else is a system time (MACH-145).
    #[must_use]
    pub const fn from_raw(time: i64) -> Timeout {
        if time < 0 { Timeout::Relative(time.unsigned_abs()) } else { Timeout::Absolute(time.unsigned_abs()) }
    }
}

/// Which of several objects satisfy a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitKind {
    /// Any one, and that one is taken.
    Any,
    /// All at the same time; until then none is taken.
    All,
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug)]
pub struct WaitRequest<'a> {
    /// The objects. One that is named twice counts once.
    pub objects: &'a [VirtualAddress],
    /// Any or all of them.
    pub kind: WaitKind,
    /// When to give up; `None` for never.
    pub timeout: Option<Timeout>,
    /// Whether an alert ends the wait.
    pub alertable: bool,
    /// Whether the caller gave wait blocks, which more than [`THREAD_WAIT_OBJECTS`] objects need.
    pub has_wait_blocks: bool,
}

impl<'a> WaitRequest<'a> {
    /// A wait for one object.
    #[must_use]
    pub const fn single(object: &'a VirtualAddress, timeout: Option<Timeout>) -> WaitRequest<'a> {
        WaitRequest {
            objects: core::slice::from_ref(object),
            kind: WaitKind::Any,
            timeout,
            alertable: false,
            has_wait_blocks: false,
        }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitOutcome {
    /// The objects were signalled.
    Satisfied {
        /// Which one it was in a wait for any; 0 in a wait for all.
        index: usize,
        /// Whether a mutex was among those taken that its former owner had abandoned.
        abandoned: bool,
    },
    /// The time was up.
    TimedOut,
    /// The thread was alerted.
    Alerted,
    /// The thread was woken from a wait for a lock.
    Woken,
    /// The caller of the dispatcher ended the wait.
    Cancelled,
}

/// What became of the start of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitStart {
    /// The wait is over.
    Done(WaitOutcome),
    /// The thread waits and is on no processor.
    Blocked,
}

/// Why a wait did not start; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// An address that no object was initialized at.
    NotAnObject(NotAnObject),
    /// The thread may not wait now, or not like this.
    Refused(Crime),
}

/// What a thread waits for with [`block_on`](Dispatcher::block_on).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the labels say it")]
pub enum WaitReason {
    FastMutex,
    GuardedMutex,
    ResourceExclusive,
    ResourceShared,
    PushLockExclusive,
    PushLockShared,
    Rundown,
    RemoveLock,
    Queue,
    WorkItem,
    Request,
    Other(&'static str),
}

impl WaitReason {
    /// What is waited for in words, with an article.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            WaitReason::FastMutex => "a fast mutex",
            WaitReason::GuardedMutex => "a guarded mutex",
            WaitReason::ResourceExclusive => "exclusive use of a resource",
            WaitReason::ResourceShared => "shared use of a resource",
            WaitReason::PushLockExclusive => "exclusive use of a push lock",
            WaitReason::PushLockShared => "shared use of a push lock",
            WaitReason::Rundown => "the end of rundown protection",
            WaitReason::RemoveLock => "the release of a remove lock",
            WaitReason::Queue => "an entry of a queue",
            WaitReason::WorkItem => "a work item",
            WaitReason::Request => "the completion of a request",
            WaitReason::Other(label) => label,
        }
    }
}

/// The wait of a thread.
#[derive(Debug)]
pub(super) struct Wait {
    pub target: Target,
    pub ticket: Option<Ticket>,
    pub alertable: bool,
    /// An object was forgotten, or initialized again, under the wait.
    pub is_lost: bool,
}

#[derive(Debug)]
pub(super) enum Target {
    Objects { objects: Vec<VirtualAddress>, kind: WaitKind },
    Lock { key: VirtualAddress, reason: WaitReason, owner: Option<ThreadId> },
}

impl Dispatcher {
    /// The running thread waits for objects.
    ///
    /// A wait with a time-out of 0 only looks, takes what it can have, and is allowed up to DISPATCH_LEVEL; any other
    /// is allowed up to APC_LEVEL and not in a deferred procedure call (MACH-144, MACH-145, MACH-148).
    ///
    /// # Errors
    /// [`WaitError`].
    pub fn wait(&mut self, request: WaitRequest<'_>) -> Result<WaitStart, WaitError> {
        let most = if request.has_wait_blocks { MAXIMUM_WAIT_OBJECTS } else { THREAD_WAIT_OBJECTS };
        let count = request.objects.len();
        if count > most {
            return Err(WaitError::Refused(Crime::TooManyObjects { count, most }));
        }
        if let Some(&missing) = request.objects.iter().find(|object| !self.objects.contains_key(object)) {
            return Err(WaitError::NotAnObject(NotAnObject(missing)));
        }
        self.let_go_for_wait();
        let is_a_look = request.timeout.is_some_and(|timeout| self.is_over(timeout));
        self.check_level(if is_a_look { Irql::DISPATCH } else { Irql::APC }).map_err(WaitError::Refused)?;
        let (_, id) = self.running();
        if let Some(outcome) = self.take_objects(id, request.objects, request.kind) {
            return Ok(WaitStart::Done(outcome));
        }
        if request.alertable && core::mem::take(&mut self.thread_mut(id).alerted) {
            return Ok(WaitStart::Done(WaitOutcome::Alerted));
        }
        if is_a_look {
            return Ok(WaitStart::Done(WaitOutcome::TimedOut));
        }
        for object in request.objects {
            let waiters = &mut self.objects.get_mut(object).expect("it is there").waiters;
            if !waiters.contains(&id) {
                waiters.push_back(id);
            }
        }
        let target = Target::Objects { objects: request.objects.to_vec(), kind: request.kind };
        self.start_wait(target, request.timeout, request.alertable);
        Ok(WaitStart::Blocked)
    }

    /// The running thread lets time pass (MACH-157). A delay of no time lets others go on at the next boundary.
    ///
    /// # Errors
    /// [`Crime::WaitTooHigh`] above APC_LEVEL, [`Crime::WaitInDpc`].
    pub fn delay(&mut self, timeout: Timeout, alertable: bool) -> Result<WaitStart, Crime> {
        self.check_level(Irql::APC)?;
        let (_, id) = self.running();
        if alertable && core::mem::take(&mut self.thread_mut(id).alerted) {
            return Ok(WaitStart::Done(WaitOutcome::Alerted));
        }
        if self.is_over(timeout) {
            self.yield_running();
            return Ok(WaitStart::Done(WaitOutcome::TimedOut));
        }
        let target = Target::Objects { objects: Vec::new(), kind: WaitKind::Any };
        self.start_wait(target, Some(timeout), alertable);
        Ok(WaitStart::Blocked)
    }

    /// The running thread waits until it is woken with the same key: what locks that are no dispatcher objects are
    /// made of. `owner` is the thread that has the lock, for reports. The thread is off its processor afterwards.
    ///
    /// # Errors
    /// [`Crime::WaitTooHigh`] above APC_LEVEL, [`Crime::WaitInDpc`].
    pub fn block_on(
        &mut self,
        key: VirtualAddress,
        reason: WaitReason,
        owner: Option<ThreadId>,
        timeout: Option<Timeout>,
    ) -> Result<(), Crime> {
        self.check_level(Irql::APC)?;
        let (_, id) = self.running();
        self.locks.entry(key).or_default().push_back(id);
        self.start_wait(Target::Lock { key, reason, owner }, timeout, false);
        Ok(())
    }

    /// Wakes up to `count` threads that wait with this key, the first come first, and returns them.
    pub fn wake(&mut self, key: VirtualAddress, count: usize) -> Vec<ThreadId> {
        let woken: Vec<ThreadId> = self.blocked_on(key).take(count).collect();
        for &id in &woken {
            self.finish_wait(id, WaitOutcome::Woken);
        }
        woken
    }

    /// Wakes a thread that waits with this key; whether it did.
    pub fn wake_thread(&mut self, key: VirtualAddress, id: ThreadId) -> bool {
        let waits = self.blocked_on(key).any(|waiter| waiter == id);
        if waits {
            self.finish_wait(id, WaitOutcome::Woken);
        }
        waits
    }

    /// The threads that wait with this key, the next one first.
    pub fn blocked_on(&self, key: VirtualAddress) -> impl Iterator<Item = ThreadId> {
        self.locks.get(&key).into_iter().flatten().copied()
    }

    /// Notes for reports that the lock has another owner now.
    pub fn set_lock_owner(&mut self, key: VirtualAddress, owner: Option<ThreadId>) {
        let waiters: Vec<ThreadId> = self.blocked_on(key).collect();
        for waiter in waiters {
            let wait = self.thread_mut(waiter).wait.as_mut().expect("waiters wait");
            if let Target::Lock { owner: known, .. } = &mut wait.target {
                *known = owner;
            }
        }
    }

    /// Alerts a thread: its alertable wait ends, or the next one will. Returns whether it had been alerted already.
    pub fn alert(&mut self, id: ThreadId) -> bool {
        if self.thread(id).wait.as_ref().is_some_and(|wait| wait.alertable) {
            self.finish_wait(id, WaitOutcome::Alerted);
            return false;
        }
        core::mem::replace(&mut self.thread_mut(id).alerted, true)
    }

    /// Ends a thread's wait, whatever it is for; whether it waited. For a caller that has found out that nobody can
    /// go on and still has work to do on this thread.
    pub fn cancel_wait(&mut self, id: ThreadId) -> bool {
        let waits = self.thread(id).wait.is_some();
        if waits {
            self.finish_wait(id, WaitOutcome::Cancelled);
        }
        waits
    }

    /// How the last wait of the running thread that blocked has ended; once.
    pub fn take_wait_result(&mut self) -> Option<WaitOutcome> {
        let (_, id) = self.running();
        self.thread_mut(id).outcome.take()
    }

    /// After a release that announced a wait: holds the processor at DISPATCH_LEVEL until the wait starts (MACH-152).
    pub fn hold_for_wait(&mut self) {
        let (number, id) = self.running();
        let processor = self.processor(number);
        if processor.irql() < Irql::DISPATCH {
            let levels = processor.exchange_levels(Levels::at(Irql::DISPATCH));
            self.thread_mut(id).held_for_wait = Some(levels);
        }
    }

    fn let_go_for_wait(&mut self) {
        let (number, id) = self.running();
        if let Some(levels) = self.thread_mut(id).held_for_wait.take() {
            self.processor(number).exchange_levels(levels);
        }
    }

    fn is_over(&self, timeout: Timeout) -> bool {
        match timeout {
            Timeout::Relative(units) => units == 0,
            Timeout::Absolute(time) => time <= self.clock.system_time(),
        }
    }

    fn check_level(&self, highest: Irql) -> Result<(), Crime> {
        let (number, id) = self.running();
        if highest < Irql::DISPATCH && self.in_dpc() {
            let next = self.idle_thread(number);
            return Err(Crime::WaitInDpc { thread: self.thread(id).object, next: self.thread(next).object });
        }
        // An interrupt that lowers its level is an interrupt all the same.
        let interrupted_by = self.work_on(number).map(|(work, _)| work.irql()).max();
        let irql = self.processor(number).irql().max(interrupted_by.unwrap_or_default());
        if irql > highest {
            return Err(Crime::WaitTooHigh { irql });
        }
        assert!(highest == Irql::DISPATCH || !self.thread(id).is_idle, "idle threads do not wait");
        Ok(())
    }

    fn start_wait(&mut self, target: Target, timeout: Option<Timeout>, alertable: bool) {
        let (_, id) = self.running();
        let ticket = timeout.map(|timeout| self.timers.insert(timeout, &self.clock, Due::Thread(id)));
        let thread = self.thread_mut(id);
        thread.outcome = None;
        thread.wait = Some(Wait { target, ticket, alertable, is_lost: false });
        self.detach(ThreadState::Waiting);
    }

    /// Whether the objects satisfy a wait of the thread; if so they are taken.
    fn take_objects(
        &mut self,
        id: ThreadId,
        objects: &[VirtualAddress],
        kind: WaitKind,
    ) -> Option<WaitOutcome> {
        let is_signalled =
            |object| self.objects.get(object).is_some_and(|object| object.is_signalled_for(id));
        match kind {
            WaitKind::Any => {
                let index = objects.iter().position(is_signalled)?;
                let abandoned = self.consume(objects[index], id);
                Some(WaitOutcome::Satisfied { index, abandoned })
            }
            WaitKind::All => {
                if objects.is_empty() || !objects.iter().all(is_signalled) {
                    return None;
                }
                let mut abandoned = false;
                for (place, object) in objects.iter().enumerate() {
                    if !objects[..place].contains(object) {
                        abandoned |= self.consume(*object, id);
                    }
                }
                Some(WaitOutcome::Satisfied { index: 0, abandoned })
            }
        }
    }

    /// Whether the wait of this thread could be satisfied now.
    pub(super) fn could_be_satisfied(&self, id: ThreadId) -> bool {
        let Some(Wait { target: Target::Objects { objects, kind }, is_lost: false, .. }) =
            &self.thread(id).wait
        else {
            return false;
        };
        let is_signalled = |object| self.objects[object].is_signalled_for(id);
        match kind {
            WaitKind::Any => objects.iter().any(is_signalled),
            WaitKind::All => !objects.is_empty() && objects.iter().all(is_signalled),
        }
    }

    /// An object was signalled: ends every wait that this satisfies, the first come first.
    pub(super) fn satisfy_waiters(&mut self, address: VirtualAddress) {
        let mut place = 0;
        loop {
            let Some(object) = self.objects.get(&address) else { return };
            let Some(&id) = object.waiters.get(place) else { return };
            if !object.is_signalled_for(id) {
                return;
            }
            let wait = self.thread_mut(id).wait.take().expect("waiters wait");
            let outcome = match &wait.target {
                Target::Objects { objects, kind } => self.take_objects(id, objects, *kind),
                Target::Lock { .. } => None,
            };
            self.thread_mut(id).wait = Some(wait);
            match outcome {
                Some(outcome) => self.finish_wait(id, outcome),
                None => place += 1,
            }
        }
    }

    /// Ends a thread's wait: it is in no queue any more and ready.
    pub(super) fn finish_wait(&mut self, id: ThreadId, outcome: WaitOutcome) {
        let wait = self.thread_mut(id).wait.take().expect("only a wait can end");
        if let Some(ticket) = wait.ticket {
            self.timers.remove(ticket);
        }
        match wait.target {
            Target::Objects { objects, .. } => {
                for object in objects {
                    if let Some(object) = self.objects.get_mut(&object) {
                        object.waiters.retain(|&waiter| waiter != id);
                    }
                }
            }
            Target::Lock { key, .. } => {
                if let Some(waiters) = self.locks.get_mut(&key) {
                    waiters.retain(|&waiter| waiter != id);
                    if waiters.is_empty() {
                        self.locks.remove(&key);
                    }
                }
            }
        }
        let thread = self.thread_mut(id);
        thread.outcome = Some(outcome);
        thread.state = ThreadState::Ready;
        self.ready.push_back(id);
        self.unsettle();
    }
}
