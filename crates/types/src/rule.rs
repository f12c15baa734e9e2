//! The rules a driver can break; each id is stable and listed in `docs/rules.md`, which is made from this table.

use core::fmt;

/// Whether a run can go on after a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The machine refused the deed or outlived it; the run goes on.
    Soft,
    /// The machine's state, or the driver's, can't be continued; the run ends.
    Hard,
}

macro_rules! rules {
    ($($variant:ident, $id:literal, $severity:ident, $title:literal, $explanation:literal;)*) => {
        /// A rule, by which every finding is filed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {
            $(#[doc = $title] $variant,)*
        }

        impl Rule {
            /// Every rule, in the order of the documentation.
            pub const ALL: &[Rule] = &[$(Rule::$variant,)*];

            /// The stable id, such as `pool.double-free`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Rule::$variant => $id,)* }
            }

            /// What happened, as half a sentence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Rule::$variant => $title,)* }
            }

            /// Whether the run goes on.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Rule::$variant => Severity::$severity,)* }
            }

            /// What a driver's author should know about it.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Rule::$variant => $explanation,)* }
            }
        }
    };
}

rules! {
    PoolDoubleFree, "pool.double-free", Soft,
        "a pool block was freed twice",
        "The address was a block once and has been freed since. On Windows the second free corrupts whoever owns the memory by then. The free is refused and the run goes on.";
    PoolWrongTag, "pool.wrong-tag", Soft,
        "a pool block was freed with another tag",
        "The tag given to the free routine is not the one the block was allocated with. The block is freed all the same and the run goes on.";
    PoolInteriorFree, "pool.interior-free", Soft,
        "an address inside a pool block was freed",
        "Only the address that the allocation returned may be freed. The block stays allocated and the run goes on; it is not reported as a leak again.";
    PoolForeignFree, "pool.foreign-free", Soft,
        "an address that is no pool block was freed",
        "The address was never returned by a pool allocation: a stack or static address, a user address, or memory of another allocator. The free is refused and the run goes on.";
    PoolLeak, "pool.leak", Soft,
        "pool blocks were left behind",
        "The driver was unloaded, or its DriverEntry failed, and these blocks were still allocated. Nobody can free them any more.";
    PoolAllocateIrql, "pool.allocate-irql", Soft,
        "pool was allocated at too high an IRQL",
        "Paged pool may be allocated up to APC_LEVEL, nonpaged pool up to DISPATCH_LEVEL. The block is given all the same and the run goes on.";
    PoolFreeIrql, "pool.free-irql", Soft,
        "pool was freed at too high an IRQL",
        "Paged pool may be freed up to APC_LEVEL, nonpaged pool up to DISPATCH_LEVEL. The block is freed all the same and the run goes on.";
    PoolZeroLength, "pool.zero-length", Soft,
        "a pool block of no bytes was requested",
        "A request for zero bytes is nearly always a size computed wrongly, and the block it returns must not be touched.";
    PoolBadTag, "pool.bad-tag", Soft,
        "a pool tag cannot tell whose the block is",
        "Legacy routines stop on Windows for a tag of zero, the tag BIG, and a tag without a letter or a digit. The request is served and the run goes on.";
    PoolMustSucceed, "pool.must-succeed", Soft,
        "a must-succeed pool type was requested",
        "The must-succeed types ended with Windows 2000. The request is served as ordinary nonpaged pool and the run goes on.";
    PoolBadType, "pool.bad-type", Soft,
        "a pool type that no header defines was requested",
        "The POOL_TYPE value is reserved or unknown. The request fails and the run goes on.";
    LookasideInitializedTwice, "lookaside.initialized-twice", Soft,
        "a lookaside list was initialized while it was live",
        "The list's idle entries are lost and the system's collection of lists is corrupt. The list is initialized anew and the run goes on; the entries it held are not reported as a leak again.";
    LookasideNotInitialized, "lookaside.not-initialized", Soft,
        "a lookaside list was used that is not live",
        "The list was never initialized, or has been deleted. Deleting it is refused and the run goes on; any other call works on whatever the memory holds, as on Windows.";
    LookasideInFreedPool, "lookaside.in-freed-pool", Soft,
        "pool was freed that holds a live lookaside list",
        "Delete a list before the memory of its head is freed. The block is freed all the same and the run goes on; neither the list nor its idle entries are reported again.";
    LookasideEntryTooSmall, "lookaside.entry-too-small", Soft,
        "a lookaside list was initialized for entries that are too small",
        "An idle entry holds the link to the next one, which takes 8 bytes. The list makes its entries as large as the link and the run goes on.";
    LookasideLeft, "lookaside.left", Soft,
        "a lookaside list was left behind",
        "The driver was unloaded, or its DriverEntry failed, and the list was not deleted: the system would go on adjusting a list whose memory is gone. Its idle entries are not reported as a leak again.";
    LookasideBadArgument, "lookaside.bad-argument", Soft,
        "a lookaside list was initialized with an argument that is not valid",
        "The head must lie in nonpaged memory and be aligned to 16 bytes, the depth is reserved and must be 0, and only the documented flags may be set. The list is initialized all the same and the run goes on.";
    LookasideBadEntry, "lookaside.bad-entry", Soft,
        "something became an entry of a lookaside list that does not fit it",
        "Every entry has the list's size, tag and kind of pool, is aligned to 16 bytes, and is a live block if it is in pool. What can't be an entry at all is refused, and the run goes on.";
    LookasideDoubleFree, "lookaside.double-free", Soft,
        "an idle entry of a lookaside list was freed",
        "The entry had been freed to its list already and is idle there. On Windows the list becomes a circle and hands one entry out to two owners. The free is refused and the run goes on.";
    PoolMustSucceedEmpty, "pool.must-succeed-empty", Hard,
        "a request that must succeed could not be met",
        "The must-succeed types do not return when memory is used up: the system stops.";
    PoolTypeAsFlags, "pool.type-as-flags", Soft,
        "a pool type was passed where pool flags belong",
        "The newer routines take POOL_FLAGS, whose numbers are others than those of POOL_TYPE. The request fails, or raises if the value says so, and the run goes on.";
    PoolOverrun, "pool.overrun", Soft,
        "memory behind a pool block was written",
        "Bytes behind the block's last one, which belong to nobody, had changed when the block was freed or the driver was gone. On Windows such a write hits a header or another block.";
    PoolWriteAfterFree, "pool.write-after-free", Soft,
        "a pool block was written after it had been freed",
        "Bytes of the freed block had changed when its memory was handed out again or given back, or when the driver was gone. Who wrote them is not known, only whose block it was. On Windows such a write hits whoever owns the memory by then.";
    PoolQuotaLeft, "pool.quota-left", Soft,
        "a charge of pool quota was left behind",
        "Quota that a driver charges to a process by itself is returned to that process by the driver.";
    PoolSecureWrite, "pool.secure-write", Hard,
        "a block of secure pool was written",
        "The contents of secure pool are read-only for drivers; they change only through the routine that updates them.";
    PoolSecureMisuse, "pool.secure-misuse", Soft,
        "secure pool was freed or destroyed in a way that its parameters forbid",
        "A secure block is freed by its pool's handle, tag and cookie and only if it was made freeable; a pool is destroyed once, when its blocks are gone. The call is refused and the run goes on; the block is not reported as a leak again.";
    PoolSecureLeft, "pool.secure-left", Soft,
        "a secure pool was left behind",
        "The driver was unloaded, or its DriverEntry failed, and its secure pool was not destroyed. Nobody has its handle any more.";
    MemoryContiguousFree, "memory.contiguous-free", Soft,
        "an address that is no contiguous memory was freed as such",
        "Only the address that the allocation of contiguous memory returned may be given back, once. The free is refused and the run goes on.";
    MdlMisuse, "mdl.misuse", Hard,
        "a memory descriptor list was used in a way that its state forbids",
        "A list describes one buffer: it is built once, for memory that is there, and not while it is locked, mapped or part of another.";
    MdlPagedBuffer, "mdl.paged-buffer", Hard,
        "a memory descriptor list for nonpaged memory was built over paged pool",
        "Paged pool may be out on disk, so its frames have to be locked, not just described.";
    MemoryAccessViolation, "memory.access-violation", Hard,
        "an address that no process owns was accessed",
        "The driver touched a user-range address, often NULL plus a member's offset, and no handler was there to catch the exception.";
    MemoryBadAddress, "memory.bad-address", Hard,
        "a system address that maps nothing was accessed",
        "No handler can catch a fault on a bad system address: Windows stops.";
    MemoryNonCanonical, "memory.non-canonical", Hard,
        "a non-canonical address was accessed",
        "The upper bits of the address are neither all zero nor all one: what was used as a pointer is most likely data.";
    MemoryMisaligned, "memory.misaligned", Hard,
        "an operand that must be aligned was not",
        "Vector instructions of the aligned kind fault on an address that is no multiple of their operand's size. Pool blocks are aligned to 16 bytes only.";
    MemoryReadOnlyWrite, "memory.read-only-write", Hard,
        "read-only memory was written",
        "The driver wrote to its own code, to a constant, or to another page that may only be read.";
    MemoryNoExecute, "memory.no-execute", Hard,
        "memory that is not code was executed",
        "A call or jump went to memory that is not executable, such as nonpaged NX pool, the stack or a data section.";
    MemoryIrql, "memory.irql", Hard,
        "an address that is not resident was accessed at raised IRQL",
        "At DISPATCH_LEVEL and above a page fault can't be served, and Windows stops.";
    MemoryPagedIrql, "memory.paged-irql", Soft,
        "paged pool was touched at raised IRQL",
        "At DISPATCH_LEVEL and above a page fault can't be served, and paged pool may be out on disk at any time: Windows stops when it is. Here it is in memory, and the run goes on.";
    MemoryFreedPool, "memory.use-after-free", Hard,
        "freed pool was accessed",
        "The block that held this address has been freed; its memory is gone or belongs to somebody else.";
    StackOverflow, "stack.overflow", Hard,
        "the kernel stack overflowed",
        "A kernel stack on x64 has 24 KiB. Large local arrays and recursion belong into pool.";
    StackCookie, "stack.cookie", Hard,
        "a stack buffer was overrun",
        "The security cookie between a function's buffers and its return address has changed by the time it returns.";
    CpuDivideByZero, "cpu.divide-by-zero", Hard,
        "a division by zero, or one whose result does not fit",
        "The exception was not handled.";
    CpuIllegalInstruction, "cpu.illegal-instruction", Hard,
        "bytes that are no instruction were executed",
        "The exception was not handled. A compiler puts such bytes where it believes that control never comes.";
    CpuPrivilegedInstruction, "cpu.privileged-instruction", Hard,
        "an instruction was executed that this machine does not offer",
        "The instruction is privileged: port input and output, model-specific registers, interrupt flags. The machine has no such hardware; reading and writing cr8 is the exception.";
    CpuBreakpoint, "cpu.breakpoint", Hard,
        "a breakpoint was executed with no debugger attached",
        "Windows without a debugger stops for an int 3 that nobody handles.";
    CpuFastFail, "cpu.fast-fail", Hard,
        "the driver detected corruption and stopped",
        "The driver executed int 29h (__fastfail): its own check failed, or one that the compiler or a header put there, such as of a list whose links do not agree. The first parameter says which.";
    CpuTrap, "cpu.trap", Hard,
        "an unexpected processor trap",
        "The processor raised a trap that no other rule names.";
    IrqlInvalidChange, "irql.invalid-change", Hard,
        "the IRQL was raised down, or lowered to another level than was saved",
        "Raising to a level below the current one, and lowering to another than the last raise saved, stop Windows.";
    IrqlTooHigh, "irql.too-high", Soft,
        "a routine was called at too high an IRQL",
        "The routine's documentation gives the highest IRQL at which it may be called. The call is carried out and the run goes on.";
    IrqlTooLow, "irql.too-low", Soft,
        "a routine was called at too low an IRQL",
        "The routine's documentation gives the lowest IRQL at which it may be called. The run goes on.";
    IrqlNotRestored, "irql.not-restored", Soft,
        "a routine returned at another IRQL than it was called at",
        "Whoever raises the IRQL lowers it again before returning. The level is restored and the run goes on.";
    SpinLockRecursive, "lock.spin-recursive", Hard,
        "a spin lock was acquired by its owner",
        "The processor that holds the lock would wait for itself for ever.";
    SpinLockBadWord, "lock.spin-bad-word", Hard,
        "a spin lock was acquired whose memory is no free lock",
        "The lock was never initialized, or its memory was overwritten. The processor would wait for it for ever.";
    SpinLockNotOwned, "lock.spin-not-owned", Hard,
        "a spin lock was released that nobody held",
        "Either it was released twice or its memory was overwritten.";
    SpinLockLeft, "lock.spin-left", Soft,
        "a spin lock was still held on return",
        "DriverEntry or the unload routine returned with a spin lock held; the lock is dropped and the run goes on.";
    SpinLockMixed, "lock.spin-mixed", Soft,
        "a spin lock was used as an ordinary and as a queued one",
        "A spin lock is acquired either by its address alone or by way of queue handles. The two ways do not know of each other, and both acquire it at once.";
    LockOrder, "lock.order", Soft,
        "spin locks were acquired in both orders",
        "Each of two pieces of code holds a lock that the other one waits for as soon as they run at the same time. Give locks one order and acquire them in it everywhere. The run goes on.";
    LockRecursive, "lock.recursive", Hard,
        "a lock was acquired by who has it already",
        "The lock is not recursive: the thread, or the processor, would wait for itself for ever.";
    LockNotOwned, "lock.not-owned", Hard,
        "a lock was released by somebody who does not have it",
        "It was released twice, by another thread, in another way than it was acquired, or never acquired at all.";
    LockApcsEnabled, "lock.apcs-enabled", Soft,
        "a lock was used with asynchronous procedure calls enabled",
        "One of them can suspend the thread while it has the lock, and everybody else waits. Enter a critical region before the lock is acquired and leave it when it is released; the run goes on.";
    LockInFreedPool, "lock.in-freed-pool", Soft,
        "pool was freed that holds a lock that is held",
        "Whoever has the lock releases memory of somebody else's. The block is freed all the same and the lock is forgotten.";
    LockLeft, "lock.left", Soft,
        "a thread ended or a routine returned with a lock held",
        "Whoever waits for the lock waits for ever. The lock is released and the run goes on.";
    ResourceInUse, "resource.in-use", Soft,
        "a resource was deleted or initialized while it was in use",
        "Release a resource before it is deleted, and delete it before its memory is initialized again: the system keeps a list of all resources. The call is carried out and the run goes on.";
    ResourceInFreedPool, "resource.in-freed-pool", Soft,
        "pool was freed that holds a live resource",
        "The system keeps a list of all resources, which leads through the freed memory now. Delete a resource before its memory is freed; the run goes on.";
    ResourceLeft, "resource.left", Soft,
        "a resource was left behind",
        "The driver was unloaded, or its DriverEntry failed, and the resource was not deleted: the system's list of resources leads through memory that is gone.";
    ResourcePagedStorage, "resource.paged-storage", Soft,
        "a resource was initialized in paged pool",
        "The system looks at resources at DISPATCH_LEVEL, where paged memory may be out. The run goes on.";
    ResourceOwnerPointer, "resource.owner-pointer", Soft,
        "the owner of a resource was set to a pointer without its marks",
        "The two lowest bits of an owner's pointer are set, so that it is not taken for a thread. The call is carried out as if they were.";
    RundownInUse, "rundown.in-use", Soft,
        "rundown protection was made anew before its run-down was over",
        "Initialize it once, run it down and wait for that before it is used again. The call is carried out and the run goes on.";
    RemoveLockTag, "lock.remove-tag", Soft,
        "a remove lock was released under a tag that nobody holds it under",
        "With checks each release names the tag of its acquisition. The lock is released all the same and the run goes on.";
    CallbackLeft, "callback.left", Soft,
        "a callback routine was left registered",
        "The driver is gone and its routine is still registered: the next notification would run unmapped code.";
    WaitIrql, "wait.irql", Hard,
        "a wait where no thread can be suspended",
        "A routine waited above APC_LEVEL or in a deferred procedure call, with another time limit than none at all. Windows would switch threads where it must not.";
    WaitTooManyObjects, "wait.too-many-objects", Hard,
        "a wait for more objects than there are wait blocks for",
        "Without wait blocks of its own a call waits for 3 objects at most, with them for 64.";
    WaitDeadlock, "wait.deadlock", Hard,
        "threads wait for each other in a circle",
        "Each holds what the next one waits for, so none of them goes on again. The message names who waits for what.";
    WaitEndless, "wait.endless", Hard,
        "a step that has to come to an end waits for what nobody can bring",
        "DriverEntry, the unload routine or another step that the system waits for is blocked, and no thread, timer or call is left that could release it. The message names who waits for what.";
    WaitLivelock, "wait.livelock", Hard,
        "threads turn in loops, each until another one changes something",
        "All threads that can go on keep going round, and none of them does what another one waits for. The message names the threads.";
    ObjectNotInitialized, "object.not-initialized", Hard,
        "an object was used that nobody initialized",
        "The address given to a routine is no event, semaphore, mutex, timer or thread of the kind that it takes: it was never initialized, or its memory was freed or used for something else.";
    ObjectInUse, "object.in-use", Soft,
        "an object was initialized again while it was in use",
        "Threads that wait for the former object wait for ever, and a queued timer corrupts the system's list.";
    ObjectPageable, "object.pageable", Soft,
        "an object that threads wait for lies where it may be paged out",
        "Events, semaphores, mutexes and timers lie in nonpaged memory. The kernel stack is nonpaged only while no wait in user mode is under way on it, so a wait for an object there is one in kernel mode, and one for a mutex always is. The call is carried out and the run goes on.";
    ObjectReferenceLeft, "object.reference-left", Soft,
        "a reference to an object was left behind",
        "The driver was unloaded, or its DriverEntry failed, and it had not released an object that it had referenced. The object never goes away.";
    ObjectOverDereferenced, "object.over-dereferenced", Hard,
        "a reference to an object was released that the driver did not have",
        "Every release belongs to one reference by the same driver. One too many takes the object away from somebody who still uses it, and Windows stops when it notices.";
    HandleNotOpen, "handle.not-open", Soft,
        "a handle was used that is not open",
        "The value was never a handle, or the handle has been closed already, and may by now be somebody else's. The call fails and the run goes on.";
    HandleLeft, "handle.left", Soft,
        "a handle was left open",
        "The driver was unloaded, or its DriverEntry failed, and it had not closed a handle. What the handle stands for never goes away.";
    ThreadLeft, "thread.left", Soft,
        "a thread was left behind",
        "The driver was unloaded, or its DriverEntry failed, and a thread that it made had not ended: it goes on in code that is gone. Wait for the end of the thread itself; an event that it sets at its end comes too early.";
    ThreadNotOwn, "thread.not-own", Hard,
        "a thread was ended that the driver did not make",
        "DriverEntry, the unload routine and other routines that the system calls run on a thread of the system's, which must come back.";
    UnloadedCode, "driver.unloaded-code", Hard,
        "code of a driver that was unloaded was executed, or its data used",
        "A thread, a deferred procedure call, a timer or something else that the driver had started went on after it was unloaded. Its unload routine waits for all of that.";
    MutexLeft, "lock.mutex-left", Hard,
        "a thread ended or a routine returned owning a mutex",
        "Whoever waits for the mutex gets it as an abandoned one, if Windows does not stop at once.";
    ApcRegionNotEntered, "apc.region-not-entered", Soft,
        "a critical or guarded region was left that had not been entered",
        "Each leave belongs to one enter by the same thread. The call changes nothing and the run goes on.";
    ApcLeftDisabled, "apc.left-disabled", Hard,
        "a thread ended or a routine returned with asynchronous procedure calls disabled",
        "Every critical and guarded region that is entered is left again, by the same thread.";
    DpcBadProcessor, "dpc.bad-processor", Hard,
        "a deferred procedure call is for a processor that does not exist",
        "The target that was set is not the number of a processor of the machine.";
    DpcApcCounts, "dpc.apc-counts", Hard,
        "a deferred procedure call changed the counts of disabled asynchronous procedure calls",
        "It interrupted a thread that knows nothing of it: the regions that it entered it has to leave.";
    DpcTooLong, "dpc.too-long", Hard,
        "a deferred procedure call, or a processor at a raised level, took too long",
        "The watchdog of Windows stops a processor whose calls take longer, one by one or in all.";
    DpcInFreedMemory, "dpc.in-freed-memory", Soft,
        "memory was freed that holds a deferred procedure call or its routine",
        "The call was queued, or a timer was set to queue it, and would have run from memory that is somebody else's by then. What lay in the memory is not called any more and the run goes on.";
    DpcLeft, "dpc.left", Soft,
        "a deferred procedure call was left queued",
        "The driver was unloaded, or its DriverEntry failed, and the call was still to come. Windows stops when it reaches the code that is gone; so does the run.";
    TimerInFreedMemory, "timer.in-freed-memory", Soft,
        "memory was freed that holds a timer that is set",
        "Cancel a timer before its memory is freed: the system's list of timers would lead through memory that is somebody else's. The timer is cancelled and the run goes on.";
    TimerLeft, "timer.left", Soft,
        "a timer was left behind",
        "The driver was unloaded, or its DriverEntry failed, and the timer was still set, or was allocated and not deleted. Windows stops when it calls the code that is gone, or looks at an object that went with the image; so does the run.";
    TimerBadAttributes, "timer.bad-attributes", Hard,
        "a timer was allocated with attributes that exclude each other",
        "A timer has a high resolution or wakes no processor, not both. Windows stops; with which code no document says.";
    WorkItemQueuedTwice, "work-item.queued-twice", Hard,
        "a work item was queued that is in a queue already",
        "A work item can be queued again once its routine has been called, not before.";
    WorkItemBadLinks, "work-item.bad-links", Hard,
        "a queued work item has NULL links",
        "The item was initialized again, or its memory was cleared, while it was in a queue.";
    WorkItemBadObject, "work-item.bad-object", Hard,
        "a work item was made for something that is no device or driver object",
        "A work item of the I/O manager's keeps the object that it was made for while it is queued, so the object has to be a live one.";
    WorkItemFreedQueued, "work-item.freed-queued", Soft,
        "a work item was freed while it was queued",
        "Free a work item from its own routine, or when the routine has been called. The item is taken out of its queue and the run goes on.";
    WorkItemInFreedMemory, "work-item.in-freed-memory", Soft,
        "memory was freed that holds a queued work item",
        "A worker thread would take its routine from memory that is somebody else's by then. The item is taken out of its queue and the run goes on.";
    WorkItemBadIrql, "work-item.bad-irql", Hard,
        "a work item's routine returned at a raised IRQL",
        "Routines of work items are called at PASSIVE_LEVEL and return at it; the thread serves others next.";
    WorkItemLeft, "work-item.left", Soft,
        "a work item was left behind",
        "The driver was unloaded, or its DriverEntry failed, and the item was still queued, or was allocated and not freed. Windows stops when a worker thread calls the code that is gone; so does the run.";
    InterruptLeft, "interrupt.left", Soft,
        "an interrupt was left connected",
        "The driver was unloaded, or its DriverEntry failed, and the interrupt still leads to its routine. Windows stops when it is raised; so does the run.";
    DeviceLeft, "device.left", Soft,
        "a device object was left behind",
        "The driver is gone and its device object is still there: the next request to it would run unmapped code.";
    LinkLeft, "device.link-left", Soft,
        "a symbolic link was left behind",
        "The driver is gone and the link still leads to its device name; loading it again would fail.";
    DeviceDeletedTwice, "device.deleted-twice", Hard,
        "an object that is no device object was deleted",
        "The pointer is no live device object: most likely it was deleted before.";
    DriverBugCheck, "driver.bug-check", Hard,
        "the driver stopped the machine",
        "The driver itself called for a bug check.";
    DriverRaise, "driver.unhandled-exception", Hard,
        "an exception was raised that nobody handled",
        "A routine that raises on failure did, and no handler was there.";
    ExceptionInvalidStack, "exception.invalid-stack", Hard,
        "an exception was dispatched or unwound on a stack that is not valid",
        "The stack pointer or a frame was damaged: the way from frame to frame left the kernel stack, or an unwind never met the frame it was for.";
    DriverEndlessLoop, "driver.endless-loop", Hard,
        "the driver did not come back in time",
        "The time limit passed while the driver was running. The stack shows where it was then.";
    DriverSystemCall, "driver.system-call", Hard,
        "driver code made a system call",
        "A driver has no business with the syscall, sysenter or int 2Eh instructions; on this machine they would reach Linux. The call was not carried out.";
    HostChildDied, "host.child-died", Hard,
        "the process that ran the driver died",
        "The driver damaged the process it ran in so far that it could not report by itself. What it had reported before is kept.";
}

impl Rule {
    /// The rule with this id.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Rule> {
        Rule::ALL.iter().copied().find(|rule| rule.id() == id)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_spelled_alike() {
        for (place, rule) in Rule::ALL.iter().enumerate() {
            assert_eq!(
                Rule::from_id(rule.id()).map(|found| found as usize),
                Some(place),
                "{rule} is there twice"
            );
            let (family, name) = rule.id().split_once('.').expect("an id is family.name");
            let plain = |part: &str| part.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            assert!(plain(family) && plain(name), "{rule}");
        }
    }
}
