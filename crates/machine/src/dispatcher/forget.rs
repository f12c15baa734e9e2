//! Memory that was freed, and what of the dispatcher's lay in it.

use super::object::Body;
use super::timer::TimerAction;
use super::{Dispatcher, ThreadId};
use alloc::vec::Vec;
use ntpool_types::{BugCheck, BugCheckCode, Bytes, VirtualAddress};

/// Something that was still needed when its memory was freed; the dispatcher has forgotten it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// A timer that was queued.
    QueuedTimer {
        /// The timer.
        timer: VirtualAddress,
    },
    /// The deferred procedure call of a timer that is queued; the timer is cancelled.
    DpcOfTimer {
        /// The object of the call.
        dpc: VirtualAddress,
        /// The timer, wherever it lies.
        timer: VirtualAddress,
    },
    /// A deferred procedure call that was queued.
    QueuedDpc {
        /// Its object.
        dpc: VirtualAddress,
    },
    /// An object, or a lock, that threads wait for, who wait for ever now.
    Awaited {
        /// The object.
        object: VirtualAddress,
        /// How many threads.
        waiter_count: usize,
    },
    /// A mutex that a thread owned.
    OwnedMutex {
        /// The mutex.
        mutex: VirtualAddress,
        /// The thread.
        owner: ThreadId,
    },
}

impl Forgotten {
    /// The stop that Windows would make where the driver verifier looks for this, with the memory from `base` on
    /// (MACH-047); `None` for what it does not look for.
    #[must_use]
    pub fn bug_check(&self, base: VirtualAddress, size: Bytes) -> Option<BugCheck> {
        let end = base.0.wrapping_add(size.0);
        let (kind, object) = match *self {
            Forgotten::QueuedTimer { timer } => (0, timer),
            Forgotten::DpcOfTimer { dpc, .. } | Forgotten::QueuedDpc { dpc } => (1, dpc),
            Forgotten::Awaited { .. } | Forgotten::OwnedMutex { .. } => return None,
        };
        Some(BugCheck::new(BugCheckCode::TIMER_OR_DPC_INVALID, [kind, object.0, base.0, end]))
    }
}

impl Dispatcher {
    /// Memory was freed: forgets every object in it and returns what was still needed, in the order of the addresses.
    pub fn forget_range(&mut self, base: VirtualAddress, size: Bytes) -> Vec<Forgotten> {
        let range = base..VirtualAddress(base.0.saturating_add(size.0));
        let mut forgotten = Vec::new();
        if range.is_empty() {
            return forgotten;
        }
        let objects: Vec<VirtualAddress> = self.objects.range(range.clone()).map(|(&it, _)| it).collect();
        for address in objects {
            let object = &self.objects[&address];
            let waiter_count = object.waiters.len();
            match object.body {
                Body::Timer(ref timer) if timer.ticket.is_some() => {
                    forgotten.push(Forgotten::QueuedTimer { timer: address });
                }
                Body::Mutex { owner: Some(owner), .. } => {
                    forgotten.push(Forgotten::OwnedMutex { mutex: address, owner });
                }
                _ => {}
            }
            if waiter_count > 0 {
                forgotten.push(Forgotten::Awaited { object: address, waiter_count });
            }
            self.drop_object(address);
        }
        let locks: Vec<VirtualAddress> = self.locks.range(range.clone()).map(|(&key, _)| key).collect();
        for object in locks {
            let waiters = self.locks.remove(&object).expect("it was found");
            forgotten.push(Forgotten::Awaited { object, waiter_count: waiters.len() });
            for waiter in waiters {
                self.thread_mut(waiter).wait.as_mut().expect("waiters wait").is_lost = true;
            }
        }
        let timers = (range.start, VirtualAddress::NULL)..(range.end, VirtualAddress::NULL);
        let timers: Vec<(VirtualAddress, VirtualAddress)> = self.timer_dpcs.range(timers).copied().collect();
        for (dpc, timer) in timers {
            forgotten.push(Forgotten::DpcOfTimer { dpc, timer });
            let cancelled = self.cancel_timer(timer);
            debug_assert_eq!(cancelled, Ok(true), "only queued timers are listed");
        }
        let queued: Vec<VirtualAddress> = self.deferred_on.range(range).map(|(&it, _)| it).collect();
        for dpc in queued {
            // The call of an expired timer's own goes with the timer.
            forgotten.push(Forgotten::QueuedDpc { dpc });
            self.remove_dpc(dpc);
        }
        forgotten
    }

    /// The queued timers, each with the deferred procedure call that it queues: what a driver that is unloaded has
    /// left.
    pub fn queued_timers(&self) -> impl Iterator<Item = (VirtualAddress, Option<VirtualAddress>)> {
        self.objects.iter().filter_map(|(&address, object)| match &object.body {
            Body::Timer(timer) if timer.ticket.is_some() => Some(match timer.action {
                TimerAction::Dpc(dpc) => (address, Some(dpc.object)),
                TimerAction::Signal | TimerAction::Callback => (address, None),
            }),
            _ => None,
        })
    }

    /// The objects of the deferred procedure calls that are queued, in the order of their addresses.
    pub fn queued_dpcs(&self) -> impl Iterator<Item = VirtualAddress> {
        self.deferred_on.keys().copied()
    }
}
