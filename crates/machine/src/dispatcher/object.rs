//! The objects that threads wait for: events, semaphores, mutexes, timers and the threads themselves.
//!
//! An object is known by its address. What the driver's memory shows of it is the caller's to write: every change is
//! noted, and [`take_changed`](Dispatcher::take_changed) hands the changes out.

use super::crime::{MutexError, NotAnObject, SemaphoreError};
use super::timer::TimerBody;
use super::{Crime, Dispatcher, ThreadId};
use crate::Instant;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use ntpool_types::VirtualAddress;

/// Whether an object stays signalled, or lets one thread go and is reset by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// It stays signalled until it is reset: a notification object.
    ByHand,
    /// One satisfied wait resets it: a synchronization object.
    ByWait,
}

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// An event.
    Event(Reset),
    /// A semaphore.
    Semaphore {
        /// The highest count.
        limit: i32,
    },
    /// A mutex.
    Mutex,
    /// A timer.
    Timer(Reset),
    /// A thread.
    Thread(ThreadId),
}

impl ObjectKind {
    /// The kind in words, with an article.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            ObjectKind::Event(Reset::ByHand) => "a notification event",
            ObjectKind::Event(Reset::ByWait) => "a synchronization event",
            ObjectKind::Semaphore { .. } => "a semaphore",
            ObjectKind::Mutex => "a mutex",
            ObjectKind::Timer(_) => "a timer",
            ObjectKind::Thread(_) => "the end of a thread",
        }
    }
}

/// What can be seen of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectView {
    /// Its kind.
    pub kind: ObjectKind,
    /// As NT keeps it: 0 or 1 for events, timers and threads, a semaphore's count, and for a mutex 1 less the number
    /// of times that it is owned.
    pub signal_state: i32,
    /// How many threads wait for it.
    pub waiter_count: usize,
    /// The thread that owns the mutex.
    pub owner: Option<ThreadId>,
    /// Whether the mutex was abandoned and nobody has taken it since.
    pub abandoned: bool,
    /// When the timer expires, while it is queued.
    pub due: Option<Instant>,
    /// The timer's period in units of 100 ns, or 0.
    pub period: u64,
}

#[derive(Debug)]
pub(super) struct Object {
    pub body: Body,
    pub signal_state: i32,
    /// First come, first served; each thread once.
    pub waiters: VecDeque<ThreadId>,
}

#[derive(Debug)]
pub(super) enum Body {
    Event(Reset),
    Semaphore { limit: i32 },
    Mutex { owner: Option<ThreadId>, abandoned: bool },
    Timer(TimerBody),
    Thread(ThreadId),
}

impl Object {
    pub(super) fn new(body: Body, signal_state: i32) -> Object {
        Object { body, signal_state, waiters: VecDeque::new() }
    }

    pub(super) fn kind(&self) -> ObjectKind {
        match &self.body {
            Body::Event(reset) => ObjectKind::Event(*reset),
            Body::Semaphore { limit } => ObjectKind::Semaphore { limit: *limit },
            Body::Mutex { .. } => ObjectKind::Mutex,
            Body::Timer(timer) => ObjectKind::Timer(timer.reset),
            Body::Thread(id) => ObjectKind::Thread(*id),
        }
    }

    pub(super) fn owner(&self) -> Option<ThreadId> {
        match self.body {
            Body::Mutex { owner, .. } => owner,
            Body::Thread(id) => Some(id),
            _ => None,
        }
    }

    /// Whether a wait of this thread's is satisfied by the object.
    pub(super) fn is_signalled_for(&self, thread: ThreadId) -> bool {
        self.signal_state > 0 || matches!(self.body, Body::Mutex { owner, .. } if owner == Some(thread))
    }
}

impl Dispatcher {
    /// Makes the memory at `address` an event.
    ///
    /// # Errors
    /// The event is initialized all the same, and this tells of what was there: [`Crime::ObjectInUse`] or
    /// [`Crime::TimerInUse`]. Threads that waited for the former object wait for ever.
    pub fn initialize_event(
        &mut self,
        address: VirtualAddress,
        reset: Reset,
        signalled: bool,
    ) -> Result<(), Crime> {
        self.initialize(address, Object::new(Body::Event(reset), i32::from(signalled)))
    }

    /// Makes the memory at `address` a semaphore.
    ///
    /// # Errors
    /// As for [`initialize_event`](Dispatcher::initialize_event).
    pub fn initialize_semaphore(
        &mut self,
        address: VirtualAddress,
        count: i32,
        limit: i32,
    ) -> Result<(), Crime> {
        self.initialize(address, Object::new(Body::Semaphore { limit }, count))
    }

    /// Makes the memory at `address` a mutex that nobody owns (MACH-153).
    ///
    /// # Errors
    /// As for [`initialize_event`](Dispatcher::initialize_event).
    pub fn initialize_mutex(&mut self, address: VirtualAddress) -> Result<(), Crime> {
        self.initialize(address, Object::new(Body::Mutex { owner: None, abandoned: false }, 1))
    }

    /// Makes the memory at `address` a timer that is not queued.
    ///
    /// # Errors
    /// As for [`initialize_event`](Dispatcher::initialize_event).
    pub fn initialize_timer(&mut self, address: VirtualAddress, reset: Reset) -> Result<(), Crime> {
        self.initialize(address, Object::new(Body::Timer(TimerBody::new(reset)), 0))
    }

    fn initialize(&mut self, address: VirtualAddress, object: Object) -> Result<(), Crime> {
        let crime = self.drop_object(address);
        self.objects.insert(address, object);
        self.changed.insert(address);
        crime.map_or(Ok(()), Err)
    }

    /// Gives a thread an object that can be waited for.
    pub fn set_thread_object(&mut self, id: ThreadId, address: VirtualAddress) {
        self.thread_mut(id).object = address;
        if address != VirtualAddress::NULL {
            // The memory of an object that is gone may have become a thread's.
            self.drop_object(address);
            self.objects.insert(address, Object::new(Body::Thread(id), 0));
            self.changed.insert(address);
        }
    }

    /// The thread whose object lies at this address.
    #[must_use]
    pub fn find_by_object(&self, address: VirtualAddress) -> Option<ThreadId> {
        match self.objects.get(&address)?.body {
            Body::Thread(id) => Some(id),
            _ => None,
        }
    }

    /// Forgets an object and says what it was still needed for.
    pub(super) fn drop_object(&mut self, address: VirtualAddress) -> Option<Crime> {
        let object = self.objects.remove(&address)?;
        self.changed.remove(&address);
        for &waiter in &object.waiters {
            self.thread_mut(waiter).wait.as_mut().expect("waiters wait").is_lost = true;
        }
        let waiter_count = object.waiters.len();
        let mut is_in_use = waiter_count > 0;
        match object.body {
            Body::Timer(timer) if self.unqueue(address, &timer) && !is_in_use => {
                return Some(Crime::TimerInUse { timer: address });
            }
            Body::Mutex { owner: Some(owner), .. } => {
                self.disown(address, owner);
                is_in_use = true;
            }
            _ => {}
        }
        is_in_use.then_some(Crime::ObjectInUse { object: address, waiter_count })
    }

    /// The object at this address.
    #[must_use]
    pub fn object(&self, address: VirtualAddress) -> Option<ObjectView> {
        let object = self.objects.get(&address)?;
        let mut view = ObjectView {
            kind: object.kind(),
            signal_state: object.signal_state,
            waiter_count: object.waiters.len(),
            owner: None,
            abandoned: false,
            due: None,
            period: 0,
        };
        match &object.body {
            Body::Mutex { owner, abandoned } => (view.owner, view.abandoned) = (*owner, *abandoned),
            Body::Timer(timer) => {
                view.due = timer.ticket.map(|ticket| self.timers.moment(ticket, &self.clock));
                view.period = timer.period;
            }
            _ => {}
        }
        Some(view)
    }

    /// The threads that wait for the object at this address, the next one first.
    pub fn waiters(&self, address: VirtualAddress) -> impl Iterator<Item = ThreadId> {
        self.objects.get(&address).into_iter().flat_map(|object| object.waiters.iter().copied())
    }

    /// Every object that changed since this was last asked, as it is now, in the order of the addresses.
    pub fn take_changed(&mut self) -> Vec<(VirtualAddress, ObjectView)> {
        if self.changed.is_empty() {
            return Vec::new();
        }
        let changed = core::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|address| Some((address, self.object(address)?))).collect()
    }

    // ── Events ───────────────────────────────────────────────────────────────────────────────────────────────────

    fn event(&mut self, address: VirtualAddress) -> Result<&mut Object, NotAnObject> {
        match self.objects.get_mut(&address) {
            Some(object) if matches!(object.body, Body::Event(_)) => Ok(object),
            _ => Err(NotAnObject(address)),
        }
    }

    /// Signals an event and returns its previous state, 1 for signalled (MACH-150, MACH-151).
    ///
    /// # Errors
    /// [`NotAnObject`].
    pub fn set_event(&mut self, address: VirtualAddress) -> Result<i32, NotAnObject> {
        let event = self.event(address)?;
        let previous = core::mem::replace(&mut event.signal_state, 1);
        self.changed.insert(address);
        self.satisfy_waiters(address);
        Ok(previous)
    }

    /// Resets an event and returns its previous state (MACH-151).
    ///
    /// # Errors
    /// [`NotAnObject`].
    pub fn reset_event(&mut self, address: VirtualAddress) -> Result<i32, NotAnObject> {
        let event = self.event(address)?;
        let previous = core::mem::replace(&mut event.signal_state, 0);
        self.changed.insert(address);
        Ok(previous)
    }

    /// Signals an event for those who wait already, resets it and returns its previous state.
    ///
    /// # Errors
    /// [`NotAnObject`].
    pub fn pulse_event(&mut self, address: VirtualAddress) -> Result<i32, NotAnObject> {
        let previous = self.set_event(address)?;
        self.reset_event(address)?;
        Ok(previous)
    }

    // ── Semaphores ───────────────────────────────────────────────────────────────────────────────────────────────

    /// Adds to a semaphore's count and returns the previous count (MACH-156).
    ///
    /// # Errors
    /// [`SemaphoreError`]; the count is as before.
    pub fn release_semaphore(
        &mut self,
        address: VirtualAddress,
        adjustment: i32,
    ) -> Result<i32, SemaphoreError> {
        let not_there = SemaphoreError::NotAnObject(NotAnObject(address));
        let object = self.objects.get_mut(&address).ok_or(not_there)?;
        let Body::Semaphore { limit } = object.body else { return Err(not_there) };
        let previous = object.signal_state;
        let count = previous.checked_add(adjustment).filter(|&count| count >= previous && count <= limit);
        object.signal_state = count.ok_or(SemaphoreError::LimitExceeded)?;
        self.changed.insert(address);
        self.satisfy_waiters(address);
        Ok(previous)
    }

    // ── Mutexes ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// The running thread releases a mutex once and gets the previous state: 0 when it is free now, negative when it
    /// has to be released again (MACH-153).
    ///
    /// # Errors
    /// [`MutexError`]; nothing was changed.
    pub fn release_mutex(&mut self, address: VirtualAddress) -> Result<i32, MutexError> {
        let (_, thread) = self.running();
        let not_there = MutexError::NotAnObject(NotAnObject(address));
        let object = self.objects.get_mut(&address).ok_or(not_there)?;
        let Body::Mutex { owner, abandoned } = &mut object.body else { return Err(not_there) };
        if *owner != Some(thread) {
            return Err(MutexError::NotOwner { owner: *owner, abandoned: *abandoned });
        }
        let previous = object.signal_state;
        object.signal_state += 1;
        self.changed.insert(address);
        if previous == 0 {
            *owner = None;
            self.disown(address, thread);
            self.satisfy_waiters(address);
        }
        Ok(previous)
    }

    /// A mutex that the thread owned is free because the thread ended.
    pub(super) fn abandon(&mut self, address: VirtualAddress, thread: ThreadId) {
        if let Some(object) = self.objects.get_mut(&address) {
            object.signal_state = 1;
            object.body = Body::Mutex { owner: None, abandoned: true };
            self.changed.insert(address);
            self.disown(address, thread);
            self.satisfy_waiters(address);
        }
    }

    fn disown(&mut self, mutex: VirtualAddress, thread: ThreadId) {
        self.thread_mut(thread).owned_mutexes.retain(|&owned| owned != mutex);
        self.change_kernel_apc_disable(thread, 1);
    }

    /// A thread's object is signalled for good.
    pub(super) fn signal_thread(&mut self, address: VirtualAddress, thread: ThreadId) {
        if self.find_by_object(address) == Some(thread) {
            self.objects.get_mut(&address).expect("it was found").signal_state = 1;
            self.changed.insert(address);
            self.satisfy_waiters(address);
        }
    }

    /// What a satisfied wait does to an object; whether it was an abandoned mutex.
    pub(super) fn consume(&mut self, address: VirtualAddress, thread: ThreadId) -> bool {
        let object = self.objects.get_mut(&address).expect("a satisfied wait is one for objects");
        let mut was_abandoned = false;
        match &mut object.body {
            Body::Event(Reset::ByHand) | Body::Thread(_) => return false,
            Body::Timer(timer) if timer.reset == Reset::ByHand => return false,
            Body::Event(Reset::ByWait) | Body::Timer(_) => object.signal_state = 0,
            Body::Semaphore { .. } => object.signal_state -= 1,
            Body::Mutex { owner, abandoned } => {
                was_abandoned = core::mem::take(abandoned);
                // The state's lower end would need 2,147,483,649 acquisitions.
                object.signal_state = object.signal_state.saturating_sub(1);
                if owner.replace(thread) != Some(thread) {
                    self.thread_mut(thread).owned_mutexes.push(address);
                    self.change_kernel_apc_disable(thread, -1);
                }
            }
        }
        self.changed.insert(address);
        was_abandoned
    }
}
