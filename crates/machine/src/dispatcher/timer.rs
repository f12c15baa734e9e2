//! Timers and the queue of everything that is due at some time.
//!
//! The queue is ordered by due time and, among equals, by the order in which entries came. What is due at a system
//! time is kept apart, so that setting the system time moves it without touching an entry.

use super::crime::NotAnObject;
use super::object::{Body, Reset};
use super::work::{Deferred, Dpc};
use super::{Crime, Dispatcher, ThreadId, Timeout, WaitOutcome};
use crate::{Clock, Instant};
use alloc::collections::BTreeMap;
use ntpool_types::{ProcessorNumber, VirtualAddress};

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The end of a thread's wait.
    Thread(ThreadId),
    /// A timer.
    Timer(VirtualAddress),
}

/// An entry's place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    is_absolute: bool,
    time: u64,
    sequence: u64,
}

#[derive(Debug, Default)]
pub(super) struct TimerQueue {
    /// By moment and sequence.
    relative: BTreeMap<(u64, u64), Due>,
    /// By system time and sequence.
    absolute: BTreeMap<(u64, u64), Due>,
    /// The time of the first entry of each, which is asked for at every boundary.
    first_relative: Option<u64>,
    first_absolute: Option<u64>,
    next_sequence: u64,
}

impl TimerQueue {
    pub(super) fn insert(&mut self, timeout: Timeout, clock: &Clock, due: Due) -> Ticket {
        let (is_absolute, time) = match timeout {
            Timeout::Relative(units) => (false, clock.now().0.saturating_add(units)),
            Timeout::Absolute(time) => (true, time),
        };
        self.insert_at(is_absolute, time, due)
    }

    fn insert_at(&mut self, is_absolute: bool, time: u64, due: Due) -> Ticket {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let queue = if is_absolute { &mut self.absolute } else { &mut self.relative };
        queue.insert((time, sequence), due);
        self.note_first(is_absolute);
        Ticket { is_absolute, time, sequence }
    }

    pub(super) fn remove(&mut self, ticket: Ticket) {
        let queue = if ticket.is_absolute { &mut self.absolute } else { &mut self.relative };
        queue.remove(&(ticket.time, ticket.sequence));
        self.note_first(ticket.is_absolute);
    }

    fn note_first(&mut self, is_absolute: bool) {
        let (queue, first) = match is_absolute {
            false => (&self.relative, &mut self.first_relative),
            true => (&self.absolute, &mut self.first_absolute),
        };
        *first = queue.first_key_value().map(|(&(time, _), _)| time);
    }

    pub(super) fn contains(&self, ticket: Ticket, due: Due) -> bool {
        let queue = if ticket.is_absolute { &self.absolute } else { &self.relative };
        queue.get(&(ticket.time, ticket.sequence)) == Some(&due)
    }

    pub(super) fn len(&self) -> usize {
        self.relative.len() + self.absolute.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first_relative.is_none() && self.first_absolute.is_none()
    }

    /// Whether an entry is due by now.
    #[inline]
    pub(super) fn is_due(&self, clock: &Clock) -> bool {
        // The end of time is never reached, also by a clock that stands there.
        let is_due = |moment: Instant| moment <= clock.now() && moment < Instant(u64::MAX);
        self.first_relative.is_some_and(|time| is_due(Instant(time)))
            || self.first_absolute.is_some_and(|time| is_due(clock.moment_of(time)))
    }

    /// When the entry is due, as the system time stands.
    pub(super) fn moment(&self, ticket: Ticket, clock: &Clock) -> Instant {
        if ticket.is_absolute { clock.moment_of(ticket.time) } else { Instant(ticket.time) }
    }

    /// Takes out the first entry that is due by now, with the moment it was due at.
    fn take_due(&mut self, clock: &Clock) -> Option<(Instant, Due)> {
        if !self.is_due(clock) {
            return None;
        }
        let relative =
            self.relative.first_key_value().map(|(&(time, sequence), _)| (Instant(time), sequence));
        let absolute =
            self.absolute.first_key_value().map(|(&(time, sequence), _)| (clock.moment_of(time), sequence));
        let is_absolute = match (relative, absolute) {
            (Some(relative), Some(absolute)) => absolute < relative,
            (relative, _) => relative.is_none(),
        };
        let (moment, _) = if is_absolute { absolute? } else { relative? };
        let queue = if is_absolute { &mut self.absolute } else { &mut self.relative };
        let (_, due) = queue.pop_first()?;
        self.note_first(is_absolute);
        Some((moment, due))
    }

    /// The moment of the first entry that `matters`.
    fn first_that(&self, clock: &Clock, matters: impl Fn(Due) -> bool) -> Option<Instant> {
        let first = |queue: &BTreeMap<(u64, u64), Due>| {
            queue.iter().find(|&(_, &due)| matters(due)).map(|(&(time, _), _)| time)
        };
        let relative = first(&self.relative).map(Instant);
        let absolute = first(&self.absolute).map(|time| clock.moment_of(time));
        relative.into_iter().chain(absolute).min().filter(|&moment| moment < Instant(u64::MAX))
    }
}

/// What a timer does when it expires, besides being signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerAction {
    /// Nothing.
    Signal,
    /// It queues a deferred procedure call.
    Dpc(Dpc),
    /// It queues a call of its own, delivered as [`Work::TimerCallback`](super::Work::TimerCallback).
    Callback,
}

#[derive(Debug)]
pub(super) struct TimerBody {
    pub reset: Reset,
    pub ticket: Option<Ticket>,
    /// In units of 100 ns, 0 for none.
    pub period: u64,
    pub action: TimerAction,
    /// The processor that set it, and that expires it.
    processor: ProcessorNumber,
}

impl TimerBody {
    pub(super) fn new(reset: Reset) -> TimerBody {
        TimerBody {
            reset,
            ticket: None,
            period: 0,
            action: TimerAction::Signal,
            processor: ProcessorNumber(0),
        }
    }
}

/// Why a timer was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerError {
    /// No timer is there.
    NotAnObject(NotAnObject),
    /// Its deferred procedure call can't be queued.
    Refused(Crime),
}

impl Dispatcher {
    /// Queues a timer and returns whether it was queued already; then only the new time counts (MACH-158, MACH-160).
    ///
    /// The timer is not signalled until it expires. `period`, in units of 100 ns, is 0 for a timer that expires once.
    /// A timer that may be late expires at its exact time here, which every tolerance allows.
    ///
    /// # Errors
    /// [`TimerError`]; nothing was changed.
    pub fn set_timer(
        &mut self,
        address: VirtualAddress,
        due: Timeout,
        period: u64,
        action: TimerAction,
    ) -> Result<bool, TimerError> {
        let (processor, _) = self.running();
        if let TimerAction::Dpc(dpc) = action {
            self.check_target(&dpc).map_err(TimerError::Refused)?;
        }
        let was_queued = self.cancel_timer(address).map_err(TimerError::NotAnObject)?;
        let ticket = self.timers.insert(due, &self.clock, Due::Timer(address));
        let object = self.objects.get_mut(&address).expect("it was cancelled");
        object.signal_state = 0;
        if let Body::Timer(timer) = &mut object.body {
            *timer = TimerBody { reset: timer.reset, ticket: Some(ticket), period, action, processor };
        }
        if let TimerAction::Dpc(dpc) = action {
            self.timer_dpcs.insert((dpc.object, address));
        }
        self.changed.insert(address);
        Ok(was_queued)
    }

    /// Takes a timer out of the queue; whether it was in it. What it has queued already stays queued (MACH-161).
    ///
    /// # Errors
    /// [`NotAnObject`].
    pub fn cancel_timer(&mut self, address: VirtualAddress) -> Result<bool, NotAnObject> {
        match self.objects.get_mut(&address).map(|object| &mut object.body) {
            Some(Body::Timer(timer)) => {
                let former = core::mem::replace(timer, TimerBody::new(timer.reset));
                self.changed.insert(address);
                Ok(self.unqueue(address, &former))
            }
            _ => Err(NotAnObject(address)),
        }
    }

    pub(super) fn unqueue(&mut self, address: VirtualAddress, timer: &TimerBody) -> bool {
        if let TimerAction::Dpc(dpc) = timer.action {
            self.timer_dpcs.remove(&(dpc.object, address));
        }
        timer.ticket.is_some_and(|ticket| {
            self.timers.remove(ticket);
            true
        })
    }

    /// How many timers and time-outs are queued.
    #[must_use]
    pub fn queued_timer_count(&self) -> usize {
        self.timers.len()
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sets the system time; what is due at a system time is due earlier or later by that, nothing else is (MACH-145,
    /// MACH-169).
    pub fn set_system_time(&mut self, to: u64) {
        self.clock.set_system_time(to);
        self.expire_due();
    }

    /// Lets time pass while the running processor works or stalls; what is due by then expires.
    pub fn pass(&mut self, units: u64) {
        self.clock.wait(units);
        self.count_raised_time(units);
        self.expire_due();
    }

    /// Expires everything that is due by now.
    pub(super) fn expire_due(&mut self) {
        while let Some((moment, due)) = self.timers.take_due(&self.clock) {
            match due {
                Due::Thread(id) => {
                    self.thread_mut(id).wait.as_mut().expect("a time-out is of a wait").ticket = None;
                    self.finish_wait(id, WaitOutcome::TimedOut);
                }
                Due::Timer(address) => self.expire_timer(address, moment),
            }
        }
    }

    fn expire_timer(&mut self, address: VirtualAddress, moment: Instant) {
        let object = self.objects.get_mut(&address).expect("a queued timer is an object");
        object.signal_state = 1;
        let Body::Timer(timer) = &mut object.body else { unreachable!("only timers are queued") };
        let (action, processor) = (timer.action, timer.processor);
        // Periods that passed all at once are one expiry: a clock that comes late does not come several times.
        match (self.clock.now().0 - moment.0).checked_div(timer.period) {
            Some(missed) => {
                let next = moment.0.saturating_add(timer.period.saturating_mul(missed.saturating_add(1)));
                timer.ticket = Some(self.timers.insert_at(false, next, Due::Timer(address)));
            }
            // Without a period it has expired for good.
            None => {
                timer.ticket = None;
                if let TimerAction::Dpc(dpc) = action {
                    self.timer_dpcs.remove(&(dpc.object, address));
                }
            }
        }
        self.changed.insert(address);
        self.satisfy_waiters(address);
        match action {
            TimerAction::Signal => {}
            TimerAction::Dpc(dpc) => {
                let target = dpc.target.unwrap_or(processor);
                self.defer(Deferred::of_timer(dpc, address), target);
            }
            TimerAction::Callback => {
                self.defer(Deferred::callback(address), processor);
            }
        }
    }

    /// The next moment at which something happens that can let anybody go on; timers that would only be signalled
    /// again, or whose call is queued already, are passed over.
    pub(super) fn next_event(&self) -> Option<Instant> {
        self.timers.first_that(&self.clock, |due| match due {
            Due::Thread(_) => true,
            Due::Timer(address) => {
                let object = &self.objects[&address];
                let Body::Timer(timer) = &object.body else { return false };
                let queues = match timer.action {
                    TimerAction::Signal => false,
                    TimerAction::Dpc(dpc) => !self.is_queued(dpc.object),
                    TimerAction::Callback => !self.is_queued(address),
                };
                queues || (object.signal_state == 0 && !object.waiters.is_empty())
            }
        })
    }

    /// Moves the clock to the next moment at which something happens; whether there is one.
    pub(super) fn advance(&mut self) -> bool {
        let Some(moment) = self.next_event() else { return false };
        self.clock.wait(moment.0.saturating_sub(self.clock.now().0));
        true
    }
}
