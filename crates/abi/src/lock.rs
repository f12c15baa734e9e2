//! Locks.

use crate::layout::{nt_constants, nt_struct};
use crate::{KEvent, ListEntry};

/// The bytes of a spin lock, which is one pointer-sized number.
///
/// NT name: `KSPIN_LOCK`.
pub type KSpinLock = u64;

nt_struct! {
    /// A place in the queue for a spin lock.
    KLockQueueHandle = "KLOCK_QUEUE_HANDLE", 0x18 {
        /// The next in the queue.
        next: u64 = [0x00] NEXT "LockQueue.Next",
        /// The spin lock.
        lock: u64 = [0x08] LOCK "LockQueue.Lock",
        /// The level to return to.
        old_irql: u8 = [0x10] OLD_IRQL "OldIrql",
        /// Padding.
        padding: [u8; 7],
    }
}

nt_struct! {
    /// A mutex that holds asynchronous procedure calls back.
    FastMutex = "FAST_MUTEX", 0x38 {
        /// 1 when nobody owns it.
        count: i32 = [0x00] COUNT "Count",
        /// Padding.
        padding: [u8; 4],
        /// The thread that owns it.
        owner: u64 = [0x08] OWNER "Owner",
        /// How often a thread had to wait.
        contention: u32 = [0x10] CONTENTION "Contention",
        /// Padding.
        padding_2: [u8; 4],
        /// What waiting threads wait for.
        event: KEvent = [0x18] EVENT "Event",
        /// The level to return to.
        old_irql: u32 = [0x30] OLD_IRQL "OldIrql",
        /// Padding.
        padding_3: [u8; 4],
    }
}

nt_struct! {
    /// A lock that is shared or exclusive.
    EResource = "ERESOURCE", 0x68 {
        /// A link in the system's list of all of them.
        system_resources_list: ListEntry = [0x00] SYSTEM_RESOURCES_LIST "SystemResourcesList",
        /// The table of shared owners.
        owner_table: u64 = [0x10] OWNER_TABLE "OwnerTable",
        /// The number of owners.
        active_count: i16 = [0x18] ACTIVE_COUNT "ActiveCount",
        /// Whether it is owned exclusively, and other flags.
        flag: u16 = [0x1A] FLAG "Flag",
        /// Padding.
        padding: [u8; 4],
        /// The semaphore that shared requests wait for.
        shared_waiters: u64 = [0x20] SHARED_WAITERS "SharedWaiters",
        /// The event that exclusive requests wait for.
        exclusive_waiters: u64 = [0x28] EXCLUSIVE_WAITERS "ExclusiveWaiters",
        /// The exclusive owner, or one of the shared ones.
        owner_entry: [u64; 2] = [0x30] OWNER_ENTRY "OwnerEntry",
        /// The number of entries in use.
        active_entries: u32 = [0x40] ACTIVE_ENTRIES "ActiveEntries",
        /// How often a thread had to wait.
        contention_count: u32 = [0x44] CONTENTION_COUNT "ContentionCount",
        /// Threads that wait for shared ownership.
        shared_waiter_count: u32 = [0x48] SHARED_WAITER_COUNT "NumberOfSharedWaiters",
        /// Threads that wait for exclusive ownership.
        exclusive_waiter_count: u32 = [0x4C] EXCLUSIVE_WAITER_COUNT "NumberOfExclusiveWaiters",
        /// Reserved.
        reserved: u64 = [0x50] RESERVED "Reserved2",
        /// For debuggers.
        address: u64 = [0x58] ADDRESS "Address",
        /// Guards the rest.
        spin_lock: u64 = [0x60] SPIN_LOCK "SpinLock",
    }
}

nt_struct! {
    /// The lock that holds back a device's removal while requests are under way, as drivers without checks have it.
    IoRemoveLock = "IO_REMOVE_LOCK", 0x20 {
        /// Whether the device is about to go.
        removed: u8 = [0x00] REMOVED "Common.Removed",
        /// Unused.
        reserved: [u8; 3],
        /// The requests under way, and one.
        io_count: i32 = [0x04] IO_COUNT "Common.IoCount",
        /// What the removal waits for.
        remove_event: KEvent = [0x08] REMOVE_EVENT "Common.RemoveEvent",
    }
}

nt_constants! {
    /// The lowest level.
    PASSIVE_LEVEL: u8 = 0;
    /// Asynchronous procedure calls are held back.
    APC_LEVEL: u8 = 1;
    /// The dispatcher is held back.
    DISPATCH_LEVEL: u8 = 2;
    /// The clock interrupt.
    CLOCK_LEVEL: u8 = 13;
    /// The highest level.
    HIGH_LEVEL: u8 = 15;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mach_173_locks_have_their_x64_sizes() {
        assert_eq!(size_of::<KSpinLock>(), 8);
        assert_eq!(
            [KLockQueueHandle::SIZE, FastMutex::SIZE, EResource::SIZE, IoRemoveLock::SIZE],
            [0x18, 0x38, 0x68, 0x20]
        );
    }
}
