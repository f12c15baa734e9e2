//! Work for the system's worker threads.

use crate::ListEntry;
use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// A routine to be run once by a worker thread.
    ///
    /// Its other form, `IO_WORKITEM`, has no public layout; drivers ask for its size.
    WorkQueueItem = "WORK_QUEUE_ITEM", 0x20 {
        /// A link in a queue of work; its first half is 0 while the item is in none.
        list: ListEntry = [0x00] LIST "List",
        /// The routine's address.
        worker_routine: u64 = [0x10] WORKER_ROUTINE "WorkerRoutine",
        /// The routine's argument.
        parameter: u64 = [0x18] PARAMETER "Parameter",
    }
}

nt_constants! {
    /// Work that matters to the system's answering in time.
    CRITICAL_WORK_QUEUE: u32 = 0, "CriticalWorkQueue";
    /// Ordinary work.
    DELAYED_WORK_QUEUE: u32 = 1, "DelayedWorkQueue";
    /// Work that no other work may delay.
    HYPER_CRITICAL_WORK_QUEUE: u32 = 2, "HyperCriticalWorkQueue";
    /// Work at the priority of ordinary threads.
    NORMAL_WORK_QUEUE: u32 = 3, "NormalWorkQueue";
    /// Work for idle times.
    BACKGROUND_WORK_QUEUE: u32 = 4, "BackgroundWorkQueue";
    /// Work at a real-time priority.
    REAL_TIME_WORK_QUEUE: u32 = 5, "RealTimeWorkQueue";
    /// Work above the critical one.
    SUPER_CRITICAL_WORK_QUEUE: u32 = 6, "SuperCriticalWorkQueue";
    /// The number of kinds.
    MAXIMUM_WORK_QUEUE: u32 = 7, "MaximumWorkQueue";
    /// What a priority of one's own is added to.
    CUSTOM_PRIORITY_WORK_QUEUE: u32 = 32, "CustomPriorityWorkQueue";
}
