//! Objects that threads wait for, and deferred procedure calls.

use crate::ListEntry;
use crate::layout::{nt_constants, nt_struct};

nt_struct! {
    /// What every object that can be waited for begins with.
    DispatcherHeader = "DISPATCHER_HEADER", 0x18 {
        /// The kind of object.
        object_type: u8 = [0x00] TYPE "Type",
        /// What the object's kind decides.
        signalling: u8 = [0x01] SIGNALLING "Signalling",
        /// The object's size in units of 4 bytes.
        size: u8 = [0x02] SIZE_OF_OBJECT "Size",
        /// What the object's kind decides.
        debug_active: u8 = [0x03] DEBUG_ACTIVE "DebugActive",
        /// Whether, or how often, it is signalled.
        signal_state: i32 = [0x04] SIGNAL_STATE "SignalState",
        /// The threads that wait.
        wait_list_head: ListEntry = [0x08] WAIT_LIST_HEAD "WaitListHead",
    }
}

nt_struct! {
    /// An event.
    KEvent = "KEVENT", 0x18 {
        /// The object's header.
        header: DispatcherHeader = [0x00] HEADER "Header",
    }
}

nt_struct! {
    /// A semaphore.
    KSemaphore = "KSEMAPHORE", 0x20 {
        /// The object's header; the signal state is the count.
        header: DispatcherHeader = [0x00] HEADER "Header",
        /// The highest count.
        limit: i32 = [0x18] LIMIT "Limit",
        /// Padding.
        padding: [u8; 4],
    }
}

nt_struct! {
    /// A mutex.
    KMutex = "KMUTEX", 0x38 {
        /// The object's header.
        header: DispatcherHeader = [0x00] HEADER "Header",
        /// A link in the list of the owner's mutexes.
        mutant_list_entry: ListEntry = [0x18] MUTANT_LIST_ENTRY "MutantListEntry",
        /// The thread that owns it.
        owner_thread: u64 = [0x28] OWNER_THREAD "OwnerThread",
        /// Whether its owner ended without releasing it.
        abandoned: u8 = [0x30] ABANDONED "Abandoned",
        /// Whether owning it holds asynchronous procedure calls back.
        apc_disable: u8 = [0x31] APC_DISABLE "ApcDisable",
        /// Padding.
        padding: [u8; 6],
    }
}

nt_struct! {
    /// A timer.
    KTimer = "KTIMER", 0x40 {
        /// The object's header.
        header: DispatcherHeader = [0x00] HEADER "Header",
        /// When it expires.
        due_time: u64 = [0x18] DUE_TIME "DueTime",
        /// A link in the list of timers.
        timer_list_entry: ListEntry = [0x20] TIMER_LIST_ENTRY "TimerListEntry",
        /// The deferred procedure call to queue when it expires, or 0.
        dpc: u64 = [0x30] DPC "Dpc",
        /// The processor it is kept on.
        processor: u32 = [0x38] PROCESSOR "Processor",
        /// The period in milliseconds, 0 for a timer that expires once.
        period: u32 = [0x3C] PERIOD "Period",
    }
}

nt_struct! {
    /// A deferred procedure call.
    KDpc = "KDPC", 0x40 {
        /// The kind of object.
        object_type: u8 = [0x00] TYPE "Type",
        /// How urgent it is.
        importance: u8 = [0x01] IMPORTANCE "Importance",
        /// The processor it is for.
        number: u16 = [0x02] NUMBER "Number",
        /// Padding.
        padding: [u8; 4],
        /// A link in the processor's queue.
        dpc_list_entry: ListEntry = [0x08] DPC_LIST_ENTRY "DpcListEntry",
        /// The routine's address.
        deferred_routine: u64 = [0x18] DEFERRED_ROUTINE "DeferredRoutine",
        /// The routine's context.
        deferred_context: u64 = [0x20] DEFERRED_CONTEXT "DeferredContext",
        /// The first argument given when it was queued.
        system_argument1: u64 = [0x28] SYSTEM_ARGUMENT1 "SystemArgument1",
        /// The second argument given when it was queued.
        system_argument2: u64 = [0x30] SYSTEM_ARGUMENT2 "SystemArgument2",
        /// The queue it is in, or 0.
        dpc_data: u64 = [0x38] DPC_DATA "DpcData",
    }
}

nt_struct! {
    /// A thread's wait for one object.
    KWaitBlock = "KWAIT_BLOCK", 0x30 {
        /// A link in the object's list.
        wait_list_entry: ListEntry = [0x00] WAIT_LIST_ENTRY "WaitListEntry",
        /// The thread.
        thread: u64 = [0x10] THREAD "Thread",
        /// The object.
        object: u64 = [0x18] OBJECT "Object",
        /// The thread's next wait block.
        next_wait_block: u64 = [0x20] NEXT_WAIT_BLOCK "NextWaitBlock",
        /// What the wait returns for this object.
        wait_key: u16 = [0x28] WAIT_KEY "WaitKey",
        /// Whether the thread waits for all objects or for any.
        wait_type: u8 = [0x2A] WAIT_TYPE "WaitType",
        /// How far the wait has come.
        block_state: u8 = [0x2B] BLOCK_STATE "BlockState",
        /// Unused.
        spare_long: i32 = [0x2C] SPARE_LONG "SpareLong",
    }
}

nt_constants! {
    /// An event that stays signalled until it is reset.
    NOTIFICATION_EVENT: u32 = 0, "NotificationEvent";
    /// An event that one waiting thread resets.
    SYNCHRONIZATION_EVENT: u32 = 1, "SynchronizationEvent";
    /// A timer that stays signalled until it is set again.
    NOTIFICATION_TIMER: u32 = 0, "NotificationTimer";
    /// A timer that one waiting thread resets.
    SYNCHRONIZATION_TIMER: u32 = 1, "SynchronizationTimer";
    /// A wait for all objects at once.
    WAIT_ALL: u32 = 0, "WaitAll";
    /// A wait for whichever object comes first.
    WAIT_ANY: u32 = 1, "WaitAny";
    /// The most objects that a thread waits for with the wait blocks of its own.
    THREAD_WAIT_OBJECTS: u32 = 3;
    /// The most objects that a thread waits for.
    MAXIMUM_WAIT_OBJECTS: u32 = 64;
    /// A deferred procedure call that others go before.
    LOW_IMPORTANCE: u32 = 0, "LowImportance";
    /// An ordinary deferred procedure call.
    MEDIUM_IMPORTANCE: u32 = 1, "MediumImportance";
    /// A deferred procedure call that goes before others.
    HIGH_IMPORTANCE: u32 = 2, "HighImportance";
    /// An ordinary deferred procedure call that another processor is told of at once.
    MEDIUM_HIGH_IMPORTANCE: u32 = 3, "MediumHighImportance";
    /// The priority of a thread that runs when nothing else does.
    LOW_PRIORITY: u32 = 0;
    /// The lowest of the real-time priorities.
    LOW_REALTIME_PRIORITY: u32 = 16;
    /// The highest priority.
    HIGH_PRIORITY: u32 = 31;
    /// The number of priorities.
    MAXIMUM_PRIORITY: u32 = 32;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mach_173_dispatcher_objects_have_their_x64_sizes() {
        assert_eq!(
            [KEvent::SIZE, KSemaphore::SIZE, KMutex::SIZE, KTimer::SIZE, KDpc::SIZE, KWaitBlock::SIZE],
            [0x18, 0x20, 0x38, 0x40, 0x40, 0x30]
        );
    }
}
