//! What threads do, and the work that interrupts them: each deed is done to the machine and to the model.

use crate::model::{SEMAPHORE_LIMIT, Target, Thing, Waiting};
use crate::world::{KEYS, MUTEXES, Numbers, OBJECTS, TICKING, TIMERS, Then, World};
use ntpool_machine::Levels;
use ntpool_machine::dispatcher::{
    Crime, Dpc, HIGHEST_PRIORITY, Importance, MutexError, PATIENCE, SemaphoreError, SpinReason, ThreadId,
    Timeout, TimerAction, WaitError, WaitKind, WaitOutcome, WaitReason, WaitRequest, WaitStart,
};
use ntpool_types::{Irql, NtStatus, ProcessorNumber, VirtualAddress};

/// What was done, with what it takes to tell two histories apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    OfThread(u64),
    OfWork(u64),
}

const ROUTINE: VirtualAddress = VirtualAddress(0x77);

impl<N: Numbers> World<N> {
    /// Who runs does something.
    pub fn act(&mut self, thread: ThreadId) -> Then {
        let (steps, (processor, _)) = (self.machine.steps(), self.machine.running());
        if self.is_in_work() {
            let deed = self.numbers.below(100);
            self.trace.push((steps, processor, thread, Deed::OfWork(deed)));
            return self.act_in_work(thread, deed);
        }
        if self.machine.thread(thread).is_idle() {
            return Then::Block;
        }
        let deed = self.numbers.below(100);
        self.trace.push((steps, processor, thread, Deed::OfThread(deed)));
        match deed {
            0..25 => return self.wait(thread, false),
            25..27 => return self.wait(thread, true),
            27..30 => return self.delay(thread),
            30..34 => return self.block_on(thread),
            34..38 => self.wake(),
            38..60 => {
                let object = self.pick(&OBJECTS);
                self.signal(object, thread);
            }
            60..63 => self.alert(),
            63..66 => self.set_timer(),
            66..71 => self.change_level(thread),
            71..76 => self.change_place(),
            76..82 => self.request_work(),
            82..85 => return self.spin(thread),
            85..87 => {
                self.machine.spin_released(KEYS[0]);
                self.spinning.retain(|_, key| *key != KEYS[0]);
            }
            87..90 => self.pass(),
            90 => self.poll(thread),
            91 => self.machine.yield_running(),
            92..94 => return Then::Preempt,
            94 => self.create_thread(),
            95 if self.numbers.below(2) == 0 => {
                self.end(thread);
                return Then::Block;
            }
            _ => {}
        }
        Then::Boundary
    }

    fn act_in_work(&mut self, thread: ThreadId, deed: u64) -> Then {
        match deed {
            0..30 => {
                // A routine that interrupts a thread releases no mutex of its.
                let object = self.pick(&OBJECTS[..3]);
                self.signal(object, thread);
            }
            30..36 => self.wake(),
            36..40 => self.alert(),
            40..44 => self.set_timer(),
            44..52 => self.request_work(),
            52..56 => self.pass(),
            56..58 => return self.spin(thread),
            58..62 => self.change_place(),
            _ => assert_eq!(self.machine.end_work(), []),
        }
        Then::Boundary
    }

    /// Begins what the processor has to do, and ends it unless it takes longer.
    pub fn take_work(&mut self) {
        while let Some(work) = self.machine.take_work() {
            self.machine.begin_work(work, ROUTINE);
            if self.numbers.below(3) == 0 {
                return;
            }
            let object = self.pick(&OBJECTS[..3]);
            let (_, thread) = self.machine.running();
            self.signal(object, thread);
            assert_eq!(self.machine.end_work(), []);
        }
    }

    // ── Waiting ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// Whether the thread may wait at its level, and that level.
    fn level(&self, highest: Irql) -> Result<(), Crime> {
        let irql = self.machine.processor(self.machine.running().0).irql();
        if irql > highest { Err(Crime::WaitTooHigh { irql }) } else { Ok(()) }
    }

    fn timeout(&mut self) -> Timeout {
        let units = 1 + self.numbers.below(50);
        match self.numbers.below(3) {
            0 => Timeout::Absolute(self.machine.clock().system_time() + units),
            _ => Timeout::Relative(units),
        }
    }

    fn start_waiting(
        &mut self,
        thread: ThreadId,
        target: Target,
        timeout: Option<Timeout>,
        alertable: bool,
    ) -> Then {
        let deadline = timeout.map(|timeout| self.model.due(timeout, self.now));
        self.model.waiting.push(Waiting { thread, target, deadline, alertable });
        Then::Block
    }

    fn wait(&mut self, thread: ThreadId, announced: bool) -> Then {
        let count = 1 + self.numbers.below(4) as usize;
        let objects: Vec<_> = (0..count).map(|_| self.pick(&OBJECTS)).collect();
        let kind = self.pick(&[WaitKind::Any, WaitKind::All]);
        let timeout = match self.numbers.below(3) {
            0 => None,
            1 => Some(Timeout::Relative(0)),
            _ => Some(self.timeout()),
        };
        let is_look = timeout == Some(Timeout::Relative(0));
        let alertable = self.numbers.below(3) == 0;
        let allowed = self.level(if is_look { Irql::DISPATCH } else { Irql::APC });
        if announced {
            self.machine.hold_for_wait();
        }
        let has_wait_blocks = count > 3;
        let request = WaitRequest { objects: &objects, kind, timeout, alertable, has_wait_blocks };
        let started = self.machine.wait(request);
        if let Err(crime) = allowed {
            assert_eq!(started, Err(WaitError::Refused(crime)));
            return Then::Boundary;
        }
        let done = |outcome| Ok(WaitStart::Done(outcome));
        if let Some(outcome) = self.model.try_take(thread, &objects, kind) {
            assert_eq!(started, done(outcome));
        } else if alertable && self.model.alerted.remove(&thread) {
            assert_eq!(started, done(WaitOutcome::Alerted));
        } else if is_look {
            assert_eq!(started, done(WaitOutcome::TimedOut));
        } else {
            assert_eq!(started, Ok(WaitStart::Blocked));
            return self.start_waiting(thread, Target::Objects(objects, kind), timeout, alertable);
        }
        Then::Boundary
    }

    fn delay(&mut self, thread: ThreadId) -> Then {
        let timeout = if self.numbers.below(3) == 0 { Timeout::Relative(0) } else { self.timeout() };
        let alertable = self.numbers.below(2) == 0;
        let allowed = self.level(Irql::APC);
        let started = self.machine.delay(timeout, alertable);
        if let Err(crime) = allowed {
            assert_eq!(started, Err(crime));
        } else if alertable && self.model.alerted.remove(&thread) {
            assert_eq!(started, Ok(WaitStart::Done(WaitOutcome::Alerted)));
        } else if timeout == Timeout::Relative(0) {
            assert_eq!(started, Ok(WaitStart::Done(WaitOutcome::TimedOut)));
        } else {
            assert_eq!(started, Ok(WaitStart::Blocked));
            let target = Target::Objects(Vec::new(), WaitKind::Any);
            return self.start_waiting(thread, target, Some(timeout), alertable);
        }
        Then::Boundary
    }

    fn block_on(&mut self, thread: ThreadId) -> Then {
        let key = self.pick(&KEYS);
        let timeout = if self.numbers.below(2) == 0 { None } else { Some(self.timeout()) };
        let allowed = self.level(Irql::APC);
        assert_eq!(self.machine.block_on(key, WaitReason::PushLockShared, None, timeout), allowed);
        match allowed {
            Ok(()) => self.start_waiting(thread, Target::Lock(key), timeout, false),
            Err(_) => Then::Boundary,
        }
    }

    fn wake(&mut self) {
        let key = self.pick(&KEYS);
        let count = self.numbers.below(3) as usize;
        let is_for = |waiting: &Waiting| matches!(waiting.target, Target::Lock(other) if other == key);
        let expected = self.model.end_waits(count, WaitOutcome::Woken, is_for);
        assert_eq!(self.machine.wake(key, count), expected);
    }

    fn alert(&mut self) {
        let other = self.thread();
        if self.numbers.below(4) == 0 {
            let ended = self.model.end_waits(1, WaitOutcome::Cancelled, |it| it.thread == other);
            assert_eq!(self.machine.cancel_wait(other), !ended.is_empty());
            return;
        }
        let is_alertable = |waiting: &Waiting| waiting.thread == other && waiting.alertable;
        let ended = self.model.end_waits(1, WaitOutcome::Alerted, is_alertable);
        let was_alerted = ended.is_empty() && !self.model.alerted.insert(other);
        assert_eq!(self.machine.alert(other), was_alerted);
    }

    // ── Signals ──────────────────────────────────────────────────────────────────────────────────────────────────

    fn signal(&mut self, object: VirtualAddress, thread: ThreadId) {
        let resets = self.numbers.below(8) == 0;
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
                let set = match resets {
                    true => self.machine.reset_event(object),
                    false => self.machine.set_event(object),
                };
                assert_eq!(set, Ok(i32::from(*signalled)));
                *signalled = !resets;
            }
            Thing::Timer { due, .. } => {
                assert_eq!(self.machine.cancel_timer(object), Ok(due.take().is_some()));
            }
            Thing::Ended(_) => assert!(self.machine.set_event(object).is_err(), "a thread is no event"),
        }
        self.model.settle();
    }

    fn set_timer(&mut self) {
        if self.numbers.below(6) == 0 {
            let target = self.processor();
            let dpc = Dpc { target: Some(target), ..Dpc::new(TICKING) };
            let period = 5 + self.numbers.below(20);
            match self.numbers.below(2) {
                0 => {
                    self.machine
                        .set_timer(TICKING, Timeout::Relative(3), period, TimerAction::Dpc(dpc))
                        .unwrap();
                }
                _ => {
                    self.machine.cancel_timer(TICKING).unwrap();
                }
            }
            return;
        }
        let timer = self.pick(&TIMERS);
        let timeout = self.timeout();
        let action =
            self.pick(&[TimerAction::Signal, TimerAction::Callback, TimerAction::Dpc(Dpc::new(KEYS[1]))]);
        let next = self.model.due(timeout, self.now);
        let Some(Thing::Timer { signalled, due, .. }) = self.model.things.get_mut(&timer) else {
            unreachable!("it is a timer");
        };
        assert_eq!(self.machine.set_timer(timer, timeout, 0, action), Ok(due.is_some()));
        (*signalled, *due) = (false, Some(next));
    }

    fn end(&mut self, thread: ThreadId) {
        // One after the other, in the order in which it took them.
        let owned = self.machine.thread(thread).owned_mutexes().to_vec();
        assert!(owned.iter().all(|mutex| MUTEXES.contains(mutex)));
        let crimes = self.machine.terminate_running(NtStatus::SUCCESS);
        let abandons = crimes.iter().filter(|crime| matches!(crime, Crime::EndedOwningMutex { .. }));
        assert_eq!((abandons.count(), crimes.len()), (owned.len(), owned.len()));
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

    // ── Time, levels and processors ──────────────────────────────────────────────────────────────────────────────

    fn processor(&mut self) -> ProcessorNumber {
        ProcessorNumber(self.numbers.below(u64::from(self.machine.processor_count())) as u16)
    }

    fn pass(&mut self) {
        let units = self.numbers.below(20);
        match self.numbers.below(4) {
            // Only forward: what was due before the machine's start is due at it, in no order of its own.
            0 => self.machine.set_system_time(self.machine.clock().system_time() + units),
            1 => self.machine.look_at_clock(),
            _ => self.machine.pass(units),
        }
    }

    /// Calls and calls until another one goes on, or time has begun to pass.
    fn poll(&mut self, thread: ThreadId) {
        for _ in 0..PATIENCE + 100 {
            if self.machine.boundary() != thread {
                let (_, next) = self.machine.running();
                self.spinning.remove(&next);
                self.model.expire(self.machine.clock());
                if !self.machine.thread(next).is_idle() {
                    assert_eq!(self.machine.take_wait_result(), self.model.outcomes.remove(&next));
                }
                return;
            }
        }
    }

    fn change_level(&mut self, thread: ThreadId) {
        let processor = self.machine.processor(self.machine.running().0);
        let levels = self.raised.entry(thread).or_default();
        match self.numbers.below(2) {
            0 => {
                let to = [Irql::APC, Irql::DISPATCH, Irql::new(5).unwrap()][self.numbers.below(3) as usize];
                match processor.raise(to) {
                    Ok(former) => levels.push(former),
                    Err(_) => assert!(to < processor.irql()),
                }
            }
            _ => {
                if let Some(to) = levels.pop() {
                    assert_eq!(processor.lower(to), Ok(()));
                    return;
                }
                // What nobody raised is as it was before.
                assert_eq!(processor.exchange_levels(Levels::default()), Levels::default());
            }
        }
    }

    fn change_place(&mut self) {
        let other = self.thread();
        let mask = 1 << self.numbers.below(4);
        match self.numbers.below(4) {
            0 | 1 => {
                let priority = self.numbers.below(u64::from(HIGHEST_PRIORITY) + 1) as u8;
                self.machine.set_priority(other, priority);
            }
            2 => {
                let mask = mask | 1 << self.numbers.below(4);
                self.machine.set_affinity(other, mask);
            }
            _ => {
                let mask = if mask == 8 { None } else { Some(mask) };
                self.machine.set_system_affinity(mask);
            }
        }
    }

    fn request_work(&mut self) {
        let (object, target) = (self.pick(&OBJECTS), self.processor());
        match self.numbers.below(6) {
            0 => self.machine.send_ipi(1 + self.numbers.below(7), KEYS[2]),
            1 => {
                let irql = Irql::new(3 + self.numbers.below(9) as u8).unwrap();
                let key = self.pick(&KEYS);
                self.machine.request_interrupt(target, key, irql);
            }
            2 => {
                let was_queued = self.machine.is_queued(object);
                assert_eq!(self.machine.remove_dpc(object), was_queued);
            }
            _ => {
                let importance = self.pick(&[
                    Importance::Low,
                    Importance::Medium,
                    Importance::MediumHigh,
                    Importance::High,
                ]);
                let threaded = self.numbers.below(4) == 0;
                let was_queued = self.machine.is_queued(object);
                let queued =
                    self.machine.queue_dpc(Dpc { object, target: Some(target), importance, threaded });
                assert_eq!(queued, Ok(!was_queued));
            }
        }
    }

    fn spin(&mut self, thread: ThreadId) -> Then {
        let key = self.pick(&KEYS[..2]);
        let holder = self.processor();
        self.machine.spin_on(key, SpinReason::SpinLock, Some(holder.into()));
        self.spinning.insert(thread, key);
        Then::Block
    }
}
