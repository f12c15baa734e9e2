//! Locks.

use crate::layout::{nt_constants, nt_struct};
use crate::{KEvent, ListEntry};

/// The bytes of a spin lock, which is one pointer-sized number.
///
/// NT name: `KSPIN_LOCK`.
pub type KSpinLock = u64;

/// The bytes of a spin lock that is shared or exclusive.
///
/// NT name: `EX_SPIN_LOCK`, a `LONG`. Source: Microsoft's reference pages of the routines that take one; the headers
/// of mingw-w64 lack it.
pub type ReaderWriterSpinLock = i32;

/// The bytes of a push lock, which is one pointer-sized number.
///
/// NT name: `EX_PUSH_LOCK`.
pub type PushLock = u64;

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
    /// A mutex that holds all asynchronous procedure calls back.
    ///
    /// The headers of mingw-w64 have its older form, with a gate in place of the event; size and offsets are the same.
    GuardedMutex = "KGUARDED_MUTEX", 0x38 {
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
        gate: KEvent = [0x18] GATE "Gate",
        /// What was held back before.
        combined_apc_disable: u32 = [0x30] COMBINED_APC_DISABLE "CombinedApcDisable",
        /// Padding.
        padding_3: [u8; 4],
    }
}

nt_struct! {
    /// One owner of a lock that is shared or exclusive.
    OwnerEntry = "OWNER_ENTRY", 0x10 {
        /// The thread, or a pointer that stands for it.
        owner_thread: u64 = [0x0] OWNER_THREAD "OwnerThread",
        /// How often it owns the lock, above two bits of flags; in a table's first entry, the table's size.
        count_and_flags: u32 = [0x8] COUNT_AND_FLAGS "TableSize",
        /// Padding.
        padding: [u8; 4],
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
        owner_entry: OwnerEntry = [0x30] OWNER_ENTRY "OwnerEntry",
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

nt_struct! {
    /// What follows in the same lock of a driver that was built with checks; the routines are told the lock's size.
    IoRemoveLockChecks = "IO_REMOVE_LOCK_DBG_BLOCK", 0x58 {
        /// Says that it is there.
        signature: i32 = [0x00] SIGNATURE "Signature",
        /// The most requests that may be under way at once, 0 for any number.
        high_watermark: i32 = [0x04] HIGH_WATERMARK "HighWatermark",
        /// How long a request may hold the lock, 0 for ever.
        max_locked_ticks: i64 = [0x08] MAX_LOCKED_TICKS "MaxLockedTicks",
        /// The tag of the blocks that keep track.
        allocate_tag: i32 = [0x10] ALLOCATE_TAG "AllocateTag",
        /// Padding.
        padding: [u8; 4],
        /// A link in a list of such locks.
        lock_list: ListEntry = [0x18] LOCK_LIST "LockList",
        /// Guards the rest.
        spin: u64 = [0x28] SPIN "Spin",
        /// Requests that could not be kept track of.
        low_memory_count: i32 = [0x30] LOW_MEMORY_COUNT "LowMemoryCount",
        /// Reserved.
        reserved1: [u32; 4] = [0x34] RESERVED1 "Reserved1",
        /// Padding.
        padding_2: [u8; 4],
        /// Reserved.
        reserved2: u64 = [0x48] RESERVED2 "Reserved2",
        /// The blocks that keep track.
        blocks: u64 = [0x50] BLOCKS "Blocks",
    }
}

impl IoRemoveLock {
    /// The size in bytes of the lock in a driver that was built with checks.
    pub const CHECKED_SIZE: u64 = Self::SIZE + IoRemoveLockChecks::SIZE;
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
    /// In [`EResource::FLAG`]: the lock is never owned exclusively.
    RESOURCE_NEVER_EXCLUSIVE: u16 = 0x10, "ResourceNeverExclusive";
    /// In [`EResource::FLAG`]: another thread than the owner may release the lock.
    RESOURCE_RELEASE_BY_OTHER_THREAD: u16 = 0x20, "ResourceReleaseByOtherThread";
    /// In [`EResource::FLAG`]: the lock is owned exclusively.
    RESOURCE_OWNED_EXCLUSIVE: u16 = 0x80, "ResourceOwnedExclusive";
    /// In place of more flags for an owner's pointer: it is the address of a thread.
    FLAG_OWNER_POINTER_IS_THREAD: u32 = 0x1;
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

    #[test]
    fn locks_of_one_number_and_the_checked_remove_lock_have_their_x64_sizes() {
        assert_eq!(size_of::<ReaderWriterSpinLock>(), 4);
        assert_eq!(size_of::<PushLock>(), 8);
        assert_eq!(IoRemoveLock::CHECKED_SIZE, 0x78);
    }
}
