//! What callers of the dispatcher do wrong, with the stop that Windows would make.

use super::ThreadId;
use core::fmt;
use ntpool_types::{BugCheck, BugCheckCode, Irql, VirtualAddress};

/// A deed that the dispatcher refuses, or that it carries out and tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crime {
    /// A thread waits for more objects than it has wait blocks for; refused (MACH-148).
    TooManyObjects {
        /// How many.
        count: usize,
        /// The most that it may wait for.
        most: usize,
    },
    /// A deferred procedure call waits, and not just for no time; refused (MACH-048).
    WaitInDpc {
        /// The object of the thread that it interrupted.
        thread: VirtualAddress,
        /// The object of the thread that would go on.
        next: VirtualAddress,
    },
    /// A wait at too high a level; refused (MACH-144).
    WaitTooHigh {
        /// The level.
        irql: Irql,
    },
    /// A thread ended and owned a mutex, which is abandoned now (MACH-045).
    EndedOwningMutex {
        /// The thread's object.
        thread: VirtualAddress,
        /// The mutex.
        mutex: VirtualAddress,
    },
    /// A thread ended in a critical or guarded region (MACH-043).
    EndedInRegion {
        /// The thread's object.
        thread: VirtualAddress,
        /// Its combined counts of disabled procedure calls.
        counts: u32,
        /// The level.
        irql: Irql,
    },
    /// A region is left that was not entered; nothing was changed (MACH-185).
    RegionNotEntered {
        /// The thread's object.
        thread: VirtualAddress,
        /// Whether it is a guarded region.
        guarded: bool,
    },
    /// An object was initialized that threads wait for, or that is owned; they are lost.
    ObjectInUse {
        /// The object.
        object: VirtualAddress,
        /// How many threads wait for it.
        waiter_count: usize,
    },
    /// A timer was initialized that is queued; it is no longer.
    TimerInUse {
        /// The timer.
        timer: VirtualAddress,
    },
    /// A deferred procedure call is for a processor that does not exist; refused (MACH-047).
    NoSuchProcessor {
        /// The object.
        dpc: VirtualAddress,
        /// The processor's number.
        number: u16,
        /// How many processors there are.
        processor_count: u32,
    },
    /// A deferred procedure call left other counts of disabled procedure calls than it found (MACH-047).
    DpcChangedCounts {
        /// Its routine.
        routine: VirtualAddress,
        /// Whether a timer queued it.
        is_of_timer: bool,
        /// The combined counts before.
        before: u32,
        /// The combined counts after.
        after: u32,
    },
    /// A routine that interrupted a thread left another level than it was called at; the thread has its own again.
    LevelNotRestored {
        /// The routine.
        routine: VirtualAddress,
        /// The level it was called at.
        before: Irql,
        /// The level it returned at.
        after: Irql,
    },
    /// One deferred procedure call or interrupt ran too long (MACH-049).
    RanTooLong {
        /// How long, in clock ticks.
        ticks: u64,
        /// How long it may, in clock ticks.
        allowed: u64,
    },
    /// A processor was at DISPATCH_LEVEL or above for too long in total (MACH-049).
    RaisedTooLong {
        /// The longest time, in clock ticks.
        period: u64,
    },
}

impl Crime {
    /// The stop that Windows would make; `None` for what it does not stop for, or not at once.
    ///
    /// Parameters that nobody can know here are 0: the stack of a wait in a deferred procedure call, and the pending
    /// procedure call of a thread that ends.
    #[must_use]
    pub fn bug_check(&self) -> Option<BugCheck> {
        let stop = |code, parameters| Some(BugCheck::new(BugCheckCode(code), parameters));
        match *self {
            Crime::TooManyObjects { .. } => stop(0xC, [0; 4]),
            Crime::WaitInDpc { thread, next } => stop(0xB8, [thread.0, next.0, 0, 0]),
            Crime::EndedOwningMutex { thread, mutex } => stop(0x4000_008A, [thread.0, mutex.0, 0, 0]),
            Crime::EndedInRegion { counts, irql, .. } => {
                stop(0x20, [0, u64::from(counts), u64::from(irql.level()), 0])
            }
            Crime::NoSuchProcessor { dpc, number, processor_count } => {
                stop(0xC7, [3, dpc.0, u64::from(number), u64::from(processor_count)])
            }
            Crime::DpcChangedCounts { routine, is_of_timer, before, after } => {
                stop(0xC7, [4 + u64::from(is_of_timer), routine.0, u64::from(before), u64::from(after)])
            }
            Crime::RanTooLong { ticks, allowed } => stop(0x133, [0, ticks, allowed, 0]),
            Crime::RaisedTooLong { period } => stop(0x133, [1, period, 0, 0]),
            Crime::WaitTooHigh { .. }
            | Crime::RegionNotEntered { .. }
            | Crime::ObjectInUse { .. }
            | Crime::TimerInUse { .. }
            | Crime::LevelNotRestored { .. } => None,
        }
    }
}

impl fmt::Display for Crime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Crime::TooManyObjects { count, most } => {
                write!(f, "a thread waited for {count} objects at once, and {most} are the most")
            }
            Crime::WaitInDpc { thread, .. } => {
                write!(f, "a deferred procedure call waited; it had interrupted the thread {thread}")
            }
            Crime::WaitTooHigh { irql } => {
                write!(f, "a thread waited at {irql}, and {} is the highest level for it", Irql::APC)
            }
            Crime::EndedOwningMutex { thread, mutex } => {
                write!(f, "the thread {thread} ended and owned the mutex {mutex}; release it first")
            }
            Crime::EndedInRegion { thread, counts, irql } => write!(
                f,
                "the thread {thread} ended at {irql} with asynchronous procedure calls disabled ({counts:#x}); \
                 leave every region first"
            ),
            Crime::RegionNotEntered { thread, guarded } => {
                let region = if guarded { "guarded" } else { "critical" };
                write!(f, "the thread {thread} left a {region} region that it had not entered")
            }
            Crime::ObjectInUse { object, waiter_count: 0 } => {
                write!(f, "the mutex {object} was initialized while a thread owned it")
            }
            Crime::ObjectInUse { object, waiter_count } => {
                write!(f, "the object {object} was initialized while {waiter_count} threads waited for it")
            }
            Crime::TimerInUse { timer } => {
                write!(f, "the timer {timer} was initialized while it was queued; cancel it first")
            }
            Crime::NoSuchProcessor { dpc, number, processor_count } => write!(
                f,
                "the deferred procedure call {dpc} is for processor {number}, and there are {processor_count}"
            ),
            Crime::DpcChangedCounts { routine, before, after, .. } => write!(
                f,
                "the deferred procedure call at {routine} changed the counts of disabled asynchronous procedure \
                 calls from {before:#x} to {after:#x}"
            ),
            Crime::LevelNotRestored { routine, before, after } => {
                write!(f, "the routine {routine} was called at {before} and returned at {after}")
            }
            Crime::RanTooLong { ticks, allowed } => {
                write!(
                    f,
                    "one deferred procedure call or interrupt ran for {ticks} clock ticks, not {allowed}"
                )
            }
            Crime::RaisedTooLong { period } => {
                write!(f, "a processor was at DISPATCH_LEVEL or above for more than {period} clock ticks")
            }
        }
    }
}

/// An address at which no object of the kind asked for was initialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnObject(pub VirtualAddress);

impl fmt::Display for NotAnObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no object of this kind is at {}; initialize it first", self.0)
    }
}

/// Why a semaphore was not released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SemaphoreError {
    /// No semaphore is there.
    NotAnObject(NotAnObject),
    /// The count would pass the limit, or go back; it is as before (MACH-156).
    LimitExceeded,
}

/// Why a mutex was not released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MutexError {
    /// No mutex is there.
    NotAnObject(NotAnObject),
    /// The thread does not own it (MACH-155).
    NotOwner {
        /// The thread that does.
        owner: Option<ThreadId>,
        /// Whether the last owner ended without releasing it.
        abandoned: bool,
    },
}
