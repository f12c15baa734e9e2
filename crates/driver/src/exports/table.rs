//! The table of exports.

use super::{
    callback, cancel_queue, data, dbg, dpc, event, ex, fast_mutex, fsrtl, interlocked, interrupt, io, ke,
    lookaside, mm, mutex, object, processor, ps, push_lock, reader_writer, region, registry, remove_lock,
    resource, rtl, rundown, secure_pool, seh, semaphore, slist, spin_lock, stack, thread, time, timer, wait,
    work_item,
};
use crate::call::Call;
use crate::session::Session;
use crate::stop::{Answer, Stop};
use ntpool_finding::LimitKind;
use ntpool_types::{Irql, WindowsVersion};
use std::fmt::Write as _;

/// How well a routine is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// As documented.
    Faithful,
    /// With the deviation that is stated.
    Simplified(&'static str),
    /// Not carried out, for the reason that is stated; reaching it ends the run.
    Refused(&'static str),
}

impl Grade {
    /// The grade in a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Grade::Faithful => "faithful",
            Grade::Simplified(_) => "simplified",
            Grade::Refused(_) => "refused",
        }
    }

    /// The deviation or the reason, where there is one.
    #[must_use]
    pub const fn remark(self) -> Option<&'static str> {
        match self {
            Grade::Faithful => None,
            Grade::Simplified(remark) | Grade::Refused(remark) => Some(remark),
        }
    }
}

/// Who looks at the IRQL of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IrqlCheck {
    /// Every call above the ceiling is a finding.
    Ceiling,
    /// The routine itself, because what is allowed depends on its arguments.
    Own,
}

/// A routine that a driver can import.
#[derive(Clone, Copy)]
pub struct Export {
    /// Its name.
    pub name: &'static str,
    /// The image that exports it on Windows.
    pub dll: &'static str,
    /// The highest IRQL at which it may be called.
    pub ceiling: Irql,
    pub(crate) check: IrqlCheck,
    /// How well it is carried out.
    pub grade: Grade,
    /// Whether its documentation allows it to fail for want of memory or the like.
    pub failable: bool,
    /// The first build of Windows that has it; 0 where that is older than any version a machine can be.
    pub since: u32,
    pub(crate) routine: fn(&Session, &Call<'_>) -> Answer,
}

impl Export {
    /// Whether this version of Windows has it.
    #[must_use]
    pub const fn is_in(&self, version: WindowsVersion) -> bool {
        version.build >= self.since
    }

    /// Whether a call at this IRQL breaks the table's rule.
    pub(crate) fn is_too_high(&self, irql: Irql) -> bool {
        self.check == IrqlCheck::Ceiling && irql > self.ceiling
    }

    /// Whether it is the handler for exceptions in C.
    pub(crate) fn is_c_handler(&self) -> bool {
        self.name == "__C_specific_handler"
    }
}

/// An image that exports routines, from some build of Windows on.
struct Exporter {
    dll: &'static str,
    since: u32,
}

const NTOSKRNL: Exporter = Exporter { dll: "ntoskrnl.exe", since: 0 };
/// What the kernel exports from Windows 10 version 2004 on (POOL-029).
const NTOSKRNL_2004: Exporter = Exporter { since: WindowsVersion::BUILD_OF_2004, ..NTOSKRNL };

/// What drivers import from the hardware abstraction layer; newer kernels have it too.
const HAL: Exporter = Exporter { dll: "hal.dll", since: 0 };

macro_rules! exports {
    (@check own) => { IrqlCheck::Own };
    (@check ceiling) => { IrqlCheck::Ceiling };
    (@failable fails) => { true };
    (@failable sure) => { false };
    (@grade) => { Grade::Faithful };
    (@grade $remark:literal) => { Grade::Simplified($remark) };
    (@grade refused $why:literal) => { Grade::Refused($why) };
    (@routine [$($remark:literal)?] $family:ident $name:ident) => { $family::$name };
    (@routine [refused $why:literal] $family:ident $name:ident) => { refused };
    ($($family:ident in $exporter:ident {
        $($name:ident: $ceiling:ident $check:ident $failable:ident $($grade:ident)? $($remark:literal)?;)*
    })*) => {
        static TABLE: &[Export] = &[$($(Export {
            name: stringify!($name),
            dll: $exporter.dll,
            ceiling: Irql::$ceiling,
            check: exports!(@check $check),
            grade: exports!(@grade $($grade)? $($remark)?),
            failable: exports!(@failable $failable),
            since: $exporter.since,
            routine: exports!(@routine [$($grade)? $($remark)?] $family $name),
        },)*)*];
    };
}

exports! {
    ex in NTOSKRNL {
        ExAllocatePool: DISPATCH own fails;
        ExAllocatePoolWithTag: DISPATCH own fails;
        ExAllocatePoolWithQuota: DISPATCH own fails;
        ExAllocatePoolWithQuotaTag: DISPATCH own fails;
        ExAllocatePoolWithTagPriority: DISPATCH own fails "the special pool variants get ordinary pool";
        ExFreePool: DISPATCH own sure;
        ExFreePoolWithTag: DISPATCH own sure;
        ExQueryPoolBlockSize: DISPATCH ceiling sure refused "it is obsolete, its parameters are reserved and drivers must not call it; keep the size of a block beside its address";
    }
    ex in NTOSKRNL_2004 {
        ExAllocatePool2: DISPATCH own fails "special pool, which is best effort, is not given";
        ExAllocatePool3: DISPATCH own fails "special pool, which is best effort, is not given";
        ExFreePool2: DISPATCH own sure;
    }
    secure_pool in NTOSKRNL_2004 {
        ExCreatePool: PASSIVE ceiling fails "secure pools alone can be made, without names";
        ExDestroyPool: PASSIVE ceiling sure;
        ExSecurePoolUpdate: APC ceiling fails;
        ExSecurePoolValidate: APC ceiling sure;
    }
    fsrtl in NTOSKRNL {
        FsRtlAllocatePoolWithTag: DISPATCH own sure;
        FsRtlAllocatePoolWithQuotaTag: DISPATCH own sure;
    }
    lookaside in NTOSKRNL {
        ExInitializeLookasideListEx: DISPATCH ceiling fails "a depth is 4 at first; depths are adjusted once in a second of the machine's clock, by a policy of our own";
        ExAllocateFromLookasideListEx: DISPATCH ceiling fails "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExFreeToLookasideListEx: DISPATCH ceiling sure "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExFlushLookasideListEx: DISPATCH ceiling sure;
        ExDeleteLookasideListEx: DISPATCH ceiling sure;
        ExInitializeNPagedLookasideList: DISPATCH ceiling sure "a depth is 4 at first; depths are adjusted once in a second of the machine's clock, by a policy of our own";
        ExAllocateFromNPagedLookasideList: DISPATCH ceiling fails "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExFreeToNPagedLookasideList: DISPATCH ceiling sure "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExDeleteNPagedLookasideList: DISPATCH ceiling sure;
        ExInitializePagedLookasideList: APC ceiling sure "a depth is 4 at first; depths are adjusted once in a second of the machine's clock, by a policy of our own";
        ExAllocateFromPagedLookasideList: APC ceiling fails "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExFreeToPagedLookasideList: APC ceiling sure "it is there whatever the version; on Windows from 11 version 22H2 on, and inline code before";
        ExDeletePagedLookasideList: APC ceiling sure;
        ExAdjustLookasideDepth: DISPATCH ceiling sure "reserved for the system; a call adjusts every list once";
    }
    slist in NTOSKRNL {
        InitializeSListHead: HIGH ceiling sure;
        ExQueryDepthSList: HIGH ceiling sure;
        FirstEntrySList: HIGH ceiling sure;
        ExpInterlockedPopEntrySList: HIGH ceiling sure;
        ExpInterlockedPushEntrySList: HIGH ceiling sure;
        ExpInterlockedFlushSList: HIGH ceiling sure;
        InterlockedPushListSList: HIGH ceiling sure;
    }
    dbg in NTOSKRNL {
        DbgPrint: HIGH own sure;
        DbgPrintEx: HIGH own sure "nothing is filtered out by component or level";
    }
    ke in NTOSKRNL {
        KeGetCurrentIrql: HIGH ceiling sure;
        KeRaiseIrql: HIGH ceiling sure;
        KfRaiseIrql: HIGH ceiling sure;
        KeLowerIrql: HIGH ceiling sure;
        KfLowerIrql: HIGH ceiling sure;
        KeRaiseIrqlToDpcLevel: DISPATCH ceiling sure;
        KeBugCheck: HIGH ceiling sure;
        KeBugCheckEx: HIGH ceiling sure;
    }
    spin_lock in NTOSKRNL {
        KeInitializeSpinLock: HIGH ceiling sure;
        KeAcquireSpinLock: DISPATCH ceiling sure;
        KeAcquireSpinLockRaiseToDpc: DISPATCH ceiling sure;
        KeReleaseSpinLock: DISPATCH ceiling sure;
        KeAcquireSpinLockAtDpcLevel: HIGH ceiling sure;
        KeReleaseSpinLockFromDpcLevel: HIGH ceiling sure;
        KeAcquireSpinLockForDpc: DISPATCH ceiling sure;
        KeReleaseSpinLockForDpc: DISPATCH ceiling sure;
        KeTryToAcquireSpinLockAtDpcLevel: HIGH ceiling sure;
        KeTestSpinLock: HIGH ceiling sure;
        KeAcquireInStackQueuedSpinLock: DISPATCH ceiling sure;
        KeReleaseInStackQueuedSpinLock: DISPATCH ceiling sure;
        KeAcquireInStackQueuedSpinLockAtDpcLevel: HIGH ceiling sure;
        KeReleaseInStackQueuedSpinLockFromDpcLevel: HIGH ceiling sure;
        KeAcquireInStackQueuedSpinLockForDpc: DISPATCH ceiling sure;
        KeReleaseInStackQueuedSpinLockForDpc: DISPATCH ceiling sure;
        KeAcquireQueuedSpinLock: DISPATCH ceiling sure refused "the locks that have numbers are those of the cache manager, the memory manager and the file systems, which this machine does not have; queue on a lock of the driver's own with KeAcquireInStackQueuedSpinLock";
        KeTryToAcquireQueuedSpinLock: DISPATCH ceiling sure refused "the locks that have numbers are those of the cache manager, the memory manager and the file systems, which this machine does not have; queue on a lock of the driver's own with KeAcquireInStackQueuedSpinLock";
        KeReleaseQueuedSpinLock: DISPATCH ceiling sure refused "the locks that have numbers are those of the cache manager, the memory manager and the file systems, which this machine does not have; queue on a lock of the driver's own with KeAcquireInStackQueuedSpinLock";
    }
    reader_writer in NTOSKRNL {
        ExAcquireSpinLockExclusive: DISPATCH ceiling sure;
        ExAcquireSpinLockShared: DISPATCH ceiling sure;
        ExAcquireSpinLockExclusiveAtDpcLevel: HIGH ceiling sure;
        ExAcquireSpinLockSharedAtDpcLevel: HIGH ceiling sure;
        ExReleaseSpinLockExclusive: DISPATCH ceiling sure;
        ExReleaseSpinLockShared: DISPATCH ceiling sure;
        ExReleaseSpinLockExclusiveFromDpcLevel: HIGH ceiling sure;
        ExReleaseSpinLockSharedFromDpcLevel: HIGH ceiling sure;
        ExTryAcquireSpinLockExclusiveAtDpcLevel: HIGH ceiling sure;
        ExTryAcquireSpinLockSharedAtDpcLevel: HIGH ceiling sure;
        ExTryConvertSharedSpinLockExclusive: HIGH ceiling sure;
    }
    interlocked in NTOSKRNL {
        ExInterlockedInsertHeadList: HIGH ceiling sure;
        ExInterlockedInsertTailList: HIGH ceiling sure;
        ExInterlockedRemoveHeadList: HIGH ceiling sure;
        ExInterlockedPushEntryList: HIGH ceiling sure;
        ExInterlockedPopEntryList: HIGH ceiling sure;
        ExInterlockedAddLargeInteger: HIGH ceiling sure;
        ExInterlockedAddUlong: HIGH ceiling sure;
    }
    fast_mutex in NTOSKRNL {
        ExAcquireFastMutex: APC ceiling sure;
        ExTryToAcquireFastMutex: APC ceiling sure;
        ExReleaseFastMutex: APC ceiling sure;
        ExAcquireFastMutexUnsafe: APC ceiling sure;
        ExReleaseFastMutexUnsafe: APC ceiling sure;
        ExEnterCriticalRegionAndAcquireFastMutexUnsafe: APC ceiling sure;
        ExReleaseFastMutexUnsafeAndLeaveCriticalRegion: APC ceiling sure;
        KeInitializeGuardedMutex: APC ceiling sure;
        KeAcquireGuardedMutex: APC ceiling sure;
        KeTryToAcquireGuardedMutex: APC ceiling sure;
        KeReleaseGuardedMutex: APC ceiling sure;
        KeAcquireGuardedMutexUnsafe: APC ceiling sure;
        KeReleaseGuardedMutexUnsafe: APC ceiling sure;
    }
    resource in NTOSKRNL {
        ExInitializeResourceLite: DISPATCH ceiling sure "the system's list of resources is not to be seen in the driver's memory, nor is the table of shared owners";
        ExReinitializeResourceLite: DISPATCH ceiling sure;
        ExDeleteResourceLite: DISPATCH ceiling sure;
        ExDisableResourceBoostLite: DISPATCH ceiling sure;
        ExAcquireResourceExclusiveLite: APC ceiling sure;
        ExAcquireResourceSharedLite: APC ceiling sure;
        ExAcquireSharedStarveExclusive: APC ceiling sure;
        ExAcquireSharedWaitForExclusive: APC ceiling sure;
        ExTryToAcquireResourceExclusiveLite: APC ceiling sure;
        ExEnterCriticalRegionAndAcquireResourceExclusive: APC ceiling sure;
        ExEnterCriticalRegionAndAcquireResourceShared: APC ceiling sure;
        ExEnterCriticalRegionAndAcquireSharedWaitForExclusive: APC ceiling sure;
        ExReleaseResourceLite: DISPATCH ceiling sure;
        ExReleaseResourceForThreadLite: DISPATCH ceiling sure;
        ExReleaseResourceAndLeaveCriticalRegion: DISPATCH ceiling sure;
        ExConvertExclusiveToSharedLite: DISPATCH ceiling sure;
        ExSetResourceOwnerPointer: DISPATCH ceiling sure;
        ExSetResourceOwnerPointerEx: DISPATCH ceiling sure;
        ExIsResourceAcquiredExclusiveLite: DISPATCH ceiling sure;
        ExIsResourceAcquiredSharedLite: DISPATCH ceiling sure;
        ExGetExclusiveWaiterCount: DISPATCH ceiling sure;
        ExGetSharedWaiterCount: DISPATCH ceiling sure;
    }
    push_lock in NTOSKRNL {
        ExInitializePushLock: APC ceiling sure;
        ExAcquirePushLockExclusiveEx: APC ceiling sure "flags are not looked at";
        ExAcquirePushLockSharedEx: APC ceiling sure "flags are not looked at";
        ExReleasePushLockExclusiveEx: APC ceiling sure "flags are not looked at";
        ExReleasePushLockSharedEx: APC ceiling sure "flags are not looked at";
    }
    rundown in NTOSKRNL {
        ExInitializeRundownProtection: DISPATCH ceiling sure;
        ExReInitializeRundownProtection: DISPATCH ceiling sure;
        ExAcquireRundownProtection: DISPATCH ceiling sure;
        ExAcquireRundownProtectionEx: DISPATCH ceiling sure;
        ExReleaseRundownProtection: DISPATCH ceiling sure;
        ExReleaseRundownProtectionEx: DISPATCH ceiling sure;
        ExWaitForRundownProtectionRelease: APC ceiling sure;
        ExRundownCompleted: APC ceiling sure;
        ExInitializeRundownProtectionCacheAware: DISPATCH ceiling sure "it is kept once, not for each processor apart";
        ExReInitializeRundownProtectionCacheAware: DISPATCH ceiling sure "it is kept once, not for each processor apart";
        ExAcquireRundownProtectionCacheAware: DISPATCH ceiling sure "it is kept once, not for each processor apart";
        ExAcquireRundownProtectionCacheAwareEx: DISPATCH ceiling sure "it is kept once, not for each processor apart";
        ExReleaseRundownProtectionCacheAware: DISPATCH ceiling sure "it is kept once, not for each processor apart";
        ExReleaseRundownProtectionCacheAwareEx: DISPATCH ceiling sure "it is kept once, not for each processor apart";
        ExWaitForRundownProtectionReleaseCacheAware: APC ceiling sure "it is kept once, not for each processor apart";
        ExRundownCompletedCacheAware: APC ceiling sure "it is kept once, not for each processor apart";
        ExSizeOfRundownProtectionCacheAware: DISPATCH ceiling sure "it is kept once, not for each processor apart";
        ExAllocateCacheAwareRundownProtection: DISPATCH ceiling fails "it is kept once, not for each processor apart";
        ExFreeCacheAwareRundownProtection: DISPATCH ceiling sure "it is kept once, not for each processor apart";
    }
    remove_lock in NTOSKRNL {
        IoInitializeRemoveLockEx: PASSIVE ceiling sure "with checks the tags are looked at, neither the time nor the number of holders";
        IoAcquireRemoveLockEx: DISPATCH ceiling sure;
        IoReleaseRemoveLockEx: DISPATCH ceiling sure;
        IoReleaseRemoveLockAndWaitEx: PASSIVE ceiling sure;
    }
    cancel_queue in NTOSKRNL {
        IoCsqInitialize: HIGH ceiling sure;
        IoCsqInitializeEx: HIGH ceiling sure;
        IoCsqInsertIrp: DISPATCH ceiling sure "no request is cancelled while it is in the queue, since requests are not made yet";
        IoCsqInsertIrpEx: DISPATCH ceiling sure "no request is cancelled while it is in the queue, since requests are not made yet";
        IoCsqRemoveIrp: DISPATCH ceiling sure "no request is cancelled while it is in the queue, since requests are not made yet";
        IoCsqRemoveNextIrp: DISPATCH ceiling sure "no request is cancelled while it is in the queue, since requests are not made yet";
    }
    callback in NTOSKRNL {
        ExCreateCallback: PASSIVE ceiling fails "the system notifies none of its own; attributes but the name are not looked at";
        ExRegisterCallback: APC ceiling fails;
        ExUnregisterCallback: APC ceiling sure;
        ExNotifyCallback: DISPATCH ceiling sure;
    }
    event in NTOSKRNL {
        KeInitializeEvent: HIGH ceiling sure;
        KeSetEvent: DISPATCH ceiling sure "the increment has no effect on the priority of those who waited";
        KeResetEvent: DISPATCH ceiling sure;
        KeClearEvent: DISPATCH ceiling sure;
        KePulseEvent: DISPATCH ceiling sure "the increment has no effect on the priority of those who waited";
        KeReadStateEvent: DISPATCH ceiling sure;
        IoCreateNotificationEvent: PASSIVE ceiling fails "no event of another driver's or program's is there";
        IoCreateSynchronizationEvent: PASSIVE ceiling fails "no event of another driver's or program's is there";
    }
    semaphore in NTOSKRNL {
        KeInitializeSemaphore: HIGH ceiling sure;
        KeReleaseSemaphore: DISPATCH ceiling sure "the increment has no effect on the priority of those who waited";
        KeReadStateSemaphore: HIGH ceiling sure;
    }
    mutex in NTOSKRNL {
        KeInitializeMutex: HIGH ceiling sure;
        KeReleaseMutex: DISPATCH ceiling sure;
        KeReadStateMutex: DISPATCH ceiling sure;
    }
    wait in NTOSKRNL {
        KeWaitForSingleObject: DISPATCH own sure "events, semaphores, mutexes, timers and threads can be waited for; procedure calls for user mode do not occur";
        KeWaitForMutexObject: DISPATCH own sure "events, semaphores, mutexes, timers and threads can be waited for; procedure calls for user mode do not occur";
        KeWaitForMultipleObjects: DISPATCH own sure "events, semaphores, mutexes, timers and threads can be waited for; procedure calls for user mode do not occur";
        KeDelayExecutionThread: APC own sure;
        ZwYieldExecution: PASSIVE own sure "it always says that another thread went on, and 100 ns pass when none is ready";
        ZwWaitForSingleObject: PASSIVE ceiling fails "threads and events can be waited for; access is not checked";
    }
    region in NTOSKRNL {
        KeEnterCriticalRegion: APC ceiling sure;
        KeLeaveCriticalRegion: APC ceiling sure;
        KeEnterGuardedRegion: APC ceiling sure;
        KeLeaveGuardedRegion: APC ceiling sure;
        KeAreApcsDisabled: DISPATCH ceiling sure;
        KeAreAllApcsDisabled: DISPATCH ceiling sure;
    }
    object in NTOSKRNL {
        ObReferenceObjectByHandle: PASSIVE ceiling fails "access is not checked";
        ObReferenceObjectByHandleWithTag: PASSIVE ceiling fails "access is not checked, and the tag is not kept";
        ObReferenceObjectByPointer: DISPATCH ceiling fails "access is not checked";
        ObReferenceObjectByPointerWithTag: DISPATCH ceiling fails "access is not checked, and the tag is not kept";
        ObReferenceObject: DISPATCH ceiling sure "a device object that is referenced is deleted all the same";
        ObfReferenceObject: DISPATCH ceiling sure "a device object that is referenced is deleted all the same";
        ObfReferenceObjectWithTag: DISPATCH ceiling sure "a device object that is referenced is deleted all the same; the tag is not kept";
        ObDereferenceObject: DISPATCH ceiling sure;
        ObfDereferenceObject: DISPATCH ceiling sure;
        ObfDereferenceObjectWithTag: DISPATCH ceiling sure "the tag is not kept";
        ObDereferenceObjectDeferDelete: DISPATCH ceiling sure "the object goes at once";
        ObDereferenceObjectDeferDeleteWithTag: DISPATCH ceiling sure "the object goes at once; the tag is not kept";
        ZwClose: PASSIVE ceiling fails;
    }
    thread in NTOSKRNL {
        PsCreateSystemThread: PASSIVE ceiling fails "every thread is the system process's; no security is looked at";
        PsTerminateSystemThread: PASSIVE ceiling sure "ending a thread of the system's own is a finding";
        ZwAlertThread: PASSIVE ceiling fails "access is not checked";
        KeGetCurrentThread: HIGH ceiling sure;
        PsGetCurrentThread: HIGH ceiling sure;
        PsGetCurrentThreadId: HIGH ceiling sure;
        PsGetThreadId: HIGH ceiling sure;
        PsGetThreadProcess: HIGH ceiling sure;
        PsGetThreadProcessId: HIGH ceiling sure;
        PsGetCurrentThreadProcess: HIGH ceiling sure;
        PsGetCurrentThreadProcessId: HIGH ceiling sure;
        PsIsSystemThread: HIGH ceiling sure;
        PsIsThreadTerminating: HIGH ceiling sure;
        PsLookupThreadByThreadId: APC ceiling fails;
        KeQueryPriorityThread: PASSIVE ceiling sure;
        KeSetPriorityThread: PASSIVE ceiling sure;
        KeSetBasePriorityThread: PASSIVE ceiling sure "the increment is to priority 8, and the sum stays from 1 to 15";
    }
    rtl in NTOSKRNL {
        RtlCopyMemory: HIGH ceiling sure;
        RtlMoveMemory: HIGH ceiling sure;
        RtlZeroMemory: HIGH ceiling sure;
        RtlFillMemory: HIGH ceiling sure;
        RtlCompareMemory: HIGH ceiling sure;
        memcpy: HIGH ceiling sure;
        memmove: HIGH ceiling sure;
        memset: HIGH ceiling sure;
        memcmp: HIGH ceiling sure;
        RtlInitUnicodeString: HIGH ceiling sure;
        RtlInitAnsiString: HIGH ceiling sure;
        RtlInitString: HIGH ceiling sure;
        RtlCopyUnicodeString: PASSIVE own sure;
        RtlCopyString: PASSIVE own sure;
        RtlAppendUnicodeStringToString: PASSIVE own fails;
        RtlAppendUnicodeToString: PASSIVE own fails;
        RtlCompareUnicodeString: PASSIVE ceiling sure "upper case is the simple mapping of Unicode, not the system's table";
        RtlEqualUnicodeString: PASSIVE ceiling sure "upper case is the simple mapping of Unicode, not the system's table";
        RtlPrefixUnicodeString: PASSIVE ceiling sure "upper case is the simple mapping of Unicode, not the system's table";
        RtlCompareString: PASSIVE ceiling sure;
        RtlEqualString: PASSIVE ceiling sure;
        RtlUpcaseUnicodeChar: PASSIVE ceiling sure "upper case is the simple mapping of Unicode, not the system's table";
        RtlUpcaseUnicodeString: PASSIVE ceiling fails "upper case is the simple mapping of Unicode, not the system's table";
        RtlUnicodeStringToAnsiString: PASSIVE ceiling fails "the ANSI code page is Windows-1252";
        RtlAnsiStringToUnicodeString: PASSIVE ceiling fails "the ANSI code page is Windows-1252";
        RtlFreeUnicodeString: APC ceiling sure;
        RtlFreeAnsiString: APC ceiling sure;
        RtlUnicodeStringToInteger: PASSIVE ceiling fails;
        RtlIntegerToUnicodeString: PASSIVE ceiling fails;
        RtlGetVersion: PASSIVE ceiling sure "the version is the one that the machine is told to be, Windows 10 build 19045 if none";
    }
    registry in NTOSKRNL {
        RtlQueryRegistryValues: PASSIVE ceiling fails "of environment variables %SystemRoot% alone is expanded, whatever environment is given; no key has a handle; the registry holds the driver's service key as an installation makes it, and otherwise empty keys";
    }
    seh in NTOSKRNL {
        __C_specific_handler: HIGH ceiling sure;
        _local_unwind: HIGH ceiling sure;
        RtlUnwind: HIGH ceiling sure;
        RtlUnwindEx: HIGH ceiling sure "the context that the caller gives to work on is left as it is; a record that asks for consolidation is not looked at";
        RtlVirtualUnwind: HIGH ceiling sure "the function is the one that holds the address, whatever entry is given";
        RtlLookupFunctionEntry: HIGH ceiling sure "the history table is left as it is";
        RtlPcToFileHeader: HIGH ceiling sure;
        RtlCaptureContext: HIGH ceiling sure "vector registers that a call need not preserve read as zero";
        RtlRestoreContext: HIGH ceiling sure "all of the context is restored; the record is not looked at";
        RtlCaptureStackBackTrace: HIGH ceiling sure "the machine's own frames are not among the addresses";
        RtlRaiseException: APC ceiling sure;
        RtlRaiseStatus: APC ceiling sure;
        ExRaiseStatus: APC ceiling sure;
        ExRaiseAccessViolation: PASSIVE ceiling sure;
        ExRaiseDatatypeMisalignment: PASSIVE ceiling sure;
        ProbeForRead: APC ceiling sure;
        ProbeForWrite: APC ceiling sure;
    }
    io in NTOSKRNL {
        IoCreateDevice: APC ceiling fails "a security descriptor is not made";
        IoDeleteDevice: APC ceiling sure "nothing refers to a device object yet, so deletion is never pending";
        IoCreateSymbolicLink: PASSIVE ceiling fails;
        IoCreateUnprotectedSymbolicLink: PASSIVE ceiling fails;
        IoDeleteSymbolicLink: PASSIVE ceiling fails;
        IoAllocateMdl: DISPATCH ceiling fails "a request packet to tie it to is not taken";
        IoFreeMdl: DISPATCH ceiling sure;
        IoGetCurrentProcess: DISPATCH ceiling sure;
    }
    mm in NTOSKRNL {
        MmGetSystemRoutineAddress: PASSIVE ceiling sure;
        MmGetPhysicalAddress: HIGH ceiling sure;
        MmAllocateContiguousMemory: DISPATCH ceiling fails;
        MmFreeContiguousMemory: DISPATCH ceiling sure;
        MmBuildMdlForNonPagedPool: DISPATCH ceiling sure;
    }
    ps in NTOSKRNL {
        PsGetCurrentProcess: DISPATCH ceiling sure;
        PsGetCurrentProcessId: DISPATCH ceiling sure;
        KeStackAttachProcess: APC own sure "there is one process, so that nothing changes";
        KeUnstackDetachProcess: APC own sure "there is one process, so that nothing changes";
        PsChargePoolQuota: APC ceiling sure;
        PsReturnPoolQuota: APC ceiling sure;
        PsChargeProcessPoolQuota: APC ceiling fails;
        PsChargeProcessNonPagedPoolQuota: APC ceiling fails;
        PsChargeProcessPagedPoolQuota: APC ceiling fails;
        PsReturnProcessNonPagedPoolQuota: APC ceiling sure;
        PsReturnProcessPagedPoolQuota: APC ceiling sure;
    }
    dpc in NTOSKRNL {
        KeInitializeDpc: HIGH ceiling sure;
        KeInitializeThreadedDpc: HIGH ceiling sure "a threaded call runs on the stack of the thread that is current, which can't go on meanwhile";
        KeInsertQueueDpc: HIGH ceiling sure;
        KeRemoveQueueDpc: HIGH ceiling sure;
        KeSetImportanceDpc: HIGH ceiling sure "it matters from the next time that the call is queued, or its timer set";
        KeSetTargetProcessorDpc: HIGH ceiling sure "it matters from the next time that the call is queued, or its timer set";
        KeSetTargetProcessorDpcEx: HIGH ceiling sure "it matters from the next time that the call is queued, or its timer set";
        KeFlushQueuedDpcs: PASSIVE ceiling sure;
    }
    timer in NTOSKRNL {
        KeInitializeTimer: DISPATCH ceiling sure;
        KeInitializeTimerEx: DISPATCH ceiling sure;
        KeSetTimer: DISPATCH ceiling sure;
        KeSetTimerEx: DISPATCH ceiling sure;
        KeSetCoalescableTimer: DISPATCH ceiling sure "the timer expires at its exact time, which every tolerance allows";
        KeCancelTimer: DISPATCH ceiling sure;
        KeReadStateTimer: DISPATCH ceiling sure;
        ExAllocateTimer: DISPATCH ceiling fails "resolution and wake-ups are not modelled: every timer expires at its exact time";
        ExSetTimer: DISPATCH ceiling sure "the timer expires at its exact time, which every tolerance allows";
        ExCancelTimer: DISPATCH ceiling sure;
        ExDeleteTimer: DISPATCH own sure;
        IoInitializeTimer: PASSIVE ceiling fails;
        IoStartTimer: DISPATCH ceiling sure "each device's seconds count from its own start";
        IoStopTimer: DISPATCH ceiling sure;
    }
    work_item in NTOSKRNL {
        ExQueueWorkItem: DISPATCH ceiling sure "there are at most 16 worker threads";
        IoAllocateWorkItem: DISPATCH ceiling fails;
        IoInitializeWorkItem: DISPATCH ceiling sure;
        IoQueueWorkItem: DISPATCH ceiling sure "there are at most 16 worker threads";
        IoQueueWorkItemEx: DISPATCH ceiling sure "there are at most 16 worker threads";
        IoFreeWorkItem: DISPATCH ceiling sure;
        IoUninitializeWorkItem: DISPATCH ceiling sure;
        IoSizeofWorkItem: HIGH ceiling sure;
    }
    processor in NTOSKRNL {
        KeGetCurrentProcessorNumber: HIGH ceiling sure;
        KeGetCurrentProcessorNumberEx: HIGH ceiling sure;
        KeQueryActiveProcessors: HIGH ceiling sure;
        KeQueryActiveProcessorCount: HIGH ceiling sure;
        KeQueryActiveProcessorCountEx: HIGH ceiling sure;
        KeQueryMaximumProcessorCount: HIGH ceiling sure "no processor is added while the machine runs";
        KeQueryMaximumProcessorCountEx: HIGH ceiling sure "no processor is added while the machine runs";
        KeQueryActiveGroupCount: HIGH ceiling sure;
        KeQueryMaximumGroupCount: HIGH ceiling sure;
        KeQueryGroupAffinity: HIGH ceiling sure;
        KeGetProcessorNumberFromIndex: HIGH ceiling fails;
        KeGetProcessorIndexFromNumber: HIGH ceiling sure;
        KeSetSystemAffinityThread: DISPATCH ceiling sure;
        KeSetSystemAffinityThreadEx: DISPATCH ceiling sure;
        KeRevertToUserAffinityThread: DISPATCH ceiling sure;
        KeRevertToUserAffinityThreadEx: DISPATCH ceiling sure;
        KeSetSystemGroupAffinityThread: DISPATCH ceiling sure;
        KeRevertToUserGroupAffinityThread: DISPATCH ceiling sure;
        KeIpiGenericCall: CLOCK ceiling sure;
        ExGetPreviousMode: HIGH ceiling sure "it is always kernel mode, since no request comes from user mode yet";
    }
    interrupt in NTOSKRNL {
        IoConnectInterrupt: PASSIVE ceiling fails "there are no devices: the machine raises the interrupt by itself, soon after it is connected and up to 31 times later, at moments that the seed decides";
        IoConnectInterruptEx: PASSIVE ceiling fails "there are no devices: the machine raises the interrupt by itself, soon after it is connected and up to 31 times later, at moments that the seed decides; a line's level is 5 unless a higher one is asked for, and messages are not found";
        IoDisconnectInterrupt: PASSIVE ceiling sure;
        IoDisconnectInterruptEx: PASSIVE ceiling sure;
        KeSynchronizeExecution: HIGH own sure;
        KeAcquireInterruptSpinLock: HIGH own sure;
        KeReleaseInterruptSpinLock: HIGH own sure;
    }
    time in NTOSKRNL {
        KeQuerySystemTime: HIGH ceiling sure "it has the accuracy of the precise one; reading it takes a microsecond";
        KeQuerySystemTimePrecise: HIGH ceiling sure "reading it takes a microsecond";
        KeQueryInterruptTime: HIGH ceiling sure "it has the accuracy of the precise one; reading it takes a microsecond";
        KeQueryInterruptTimePrecise: HIGH ceiling sure "reading it takes a microsecond";
        KeQueryUnbiasedInterruptTime: HIGH ceiling sure "it has the accuracy of the precise one; reading it takes a microsecond; the machine never sleeps";
        KeQueryUnbiasedInterruptTimePrecise: HIGH ceiling sure "reading it takes a microsecond; the machine never sleeps";
        KeQueryTickCount: HIGH ceiling sure "reading it takes a microsecond";
        KeQueryTimeIncrement: HIGH ceiling sure;
        KeQueryPerformanceCounter: HIGH ceiling sure "it counts the machine's time, 10,000,000 in a second; reading it takes a microsecond";
        KeStallExecutionProcessor: HIGH ceiling sure "the machine's time passes, and no other";
        ExSystemTimeToLocalTime: HIGH ceiling sure "the time zone is that of universal time";
        ExLocalTimeToSystemTime: HIGH ceiling sure "the time zone is that of universal time";
        ExSetTimerResolution: APC ceiling sure "timers expire at their exact times whatever the resolution";
    }
    stack in NTOSKRNL {
        KeExpandKernelStackAndCallout: APC ceiling fails "a thread has at most 16 stacks besides its own";
        KeExpandKernelStackAndCalloutEx: DISPATCH own fails "a thread has at most 16 stacks besides its own";
    }
    time in HAL {
        KeQueryPerformanceCounter: HIGH ceiling sure "it counts the machine's time, 10,000,000 in a second; reading it takes a microsecond";
        KeStallExecutionProcessor: HIGH ceiling sure "the machine's time passes, and no other";
    }
}

/// Every routine that a driver can import.
#[must_use]
pub fn table() -> &'static [Export] {
    TABLE
}

/// The routine of this name in this image; image names are compared without regard to case.
#[must_use]
pub fn find(dll: &str, name: &str) -> Option<&'static Export> {
    place(dll, name).map(|place| &TABLE[place])
}

/// The place in the table of the routine of this name in this image.
pub(crate) fn place(dll: &str, name: &str) -> Option<usize> {
    TABLE.iter().position(|export| export.name == name && export.dll.eq_ignore_ascii_case(dll))
}

/// The place of the routine of this name in the table, whichever image exports it.
pub(crate) fn place_of(name: &str) -> Option<usize> {
    TABLE.iter().position(|export| export.name == name)
}

/// What a refused routine does: nothing, since its binding refuses it first.
fn refused(_: &Session, _: &Call<'_>) -> Answer {
    Err(Stop::Limit {
        kind: LimitKind::RefusedExport,
        message: "a routine was called that this machine refuses".to_owned(),
    })
}

/// The table as a page of documentation: `docs/exports.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Exports\n\n\
         <!-- Generated by `cargo run -p ntpool-gates -- write`; do not edit. -->\n\n\
         Every routine that a driver can import, made from the table in `crates/driver/src/exports/table.rs`.\n\n\
         *Faithful* means as documented. *Simplified* means with the deviation that is stated. Anything that is not in\n\
         this table is missing: a driver that imports it is loaded all the same, and the run ends when it is called.\n\
         `ntpool imports DRIVER.sys` compares a driver's imports with this table.\n",
    );
    let mut dlls: Vec<&str> = TABLE.iter().map(|export| export.dll).collect();
    dlls.dedup();
    for dll in dlls {
        let _ = write!(
            page,
            "\n## {dll}\n\n| routine | highest IRQL | grade | can fail | deviation |\n|---|---|---|---|---|\n"
        );
        for export in TABLE.iter().filter(|export| export.dll == dll) {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                export.name,
                export.ceiling,
                export.grade.word(),
                if export.failable { "yes" } else { "no" },
                export.grade.remark().unwrap_or_default(),
            );
        }
    }
    page.push_str(
        "\n## Variables of ntoskrnl.exe\n\n\
         An import of a variable is its address.\n\n\
         | variable | holds |\n|---|---|\n",
    );
    for variable in data::variables() {
        let _ = writeln!(page, "| `{}` | {} |", variable.name, variable.holds);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_routine_is_in_the_table_once() {
        for (at, export) in TABLE.iter().enumerate() {
            assert_eq!(place(export.dll, export.name), Some(at), "{}", export.name);
        }
    }

    #[test]
    fn a_routine_is_found_by_its_exact_name_in_its_own_image() {
        assert!(find("NTOSKRNL.EXE", "ExFreePool").is_some());
        assert!(find("ntoskrnl.exe", "exfreepool").is_none());
        assert!(find("HAL.dll", "ExFreePool").is_none());
    }

    // POOL-029 POOL-052
    #[test]
    fn pool_029_052_the_routines_that_take_flags_are_there_from_version_2004_on() {
        for name in ["ExAllocatePool2", "ExAllocatePool3", "ExFreePool2"] {
            let export = find("ntoskrnl.exe", name).unwrap();
            assert!(export.is_in(WindowsVersion::WINDOWS_10), "{name}");
            assert!(!export.is_in(WindowsVersion::WINDOWS_10_1909), "{name}");
        }
        assert!(find("ntoskrnl.exe", "ExAllocatePoolWithTag").unwrap().is_in(WindowsVersion::WINDOWS_7));
    }
}
