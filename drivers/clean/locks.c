/* The locks, each used by one thread as it should be. */
#include "clean.h"

static VOID CheckSpinLocks(VOID)
{
    KLOCK_QUEUE_HANDLE Handle;
    KLOCK_QUEUE_HANDLE Inner;
    EX_SPIN_LOCK Shared = 0;
    KSPIN_LOCK Plain;
    KSPIN_LOCK First;
    KSPIN_LOCK Second;
    KIRQL Old;
    KIRQL Saved;

    KeInitializeSpinLock(&Plain);
    KeInitializeSpinLock(&First);
    KeInitializeSpinLock(&Second);
    KeAcquireInStackQueuedSpinLock(&First, &Handle);
    Check(KeGetCurrentIrql() == DISPATCH_LEVEL && !KeTestSpinLock(&First), "KeAcquireInStackQueuedSpinLock");
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&Second, &Inner);
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&Inner);
    KeReleaseInStackQueuedSpinLock(&Handle);
    Check(KeGetCurrentIrql() == PASSIVE_LEVEL && KeTestSpinLock(&First), "KeReleaseInStackQueuedSpinLock");

    Old = KeRaiseIrqlToDpcLevel();
    KeAcquireInStackQueuedSpinLockForDpc(&First, &Handle);
    KeReleaseInStackQueuedSpinLockForDpc(&Handle);
    Saved = KeAcquireSpinLockForDpc(&Plain);
    Check(Saved == DISPATCH_LEVEL && !KeTryToAcquireSpinLockAtDpcLevel(&Plain), "KeAcquireSpinLockForDpc");
    KeReleaseSpinLockForDpc(&Plain, Saved);
    ExAcquireSpinLockSharedAtDpcLevel(&Shared);
    Check(!ExTryAcquireSpinLockExclusiveAtDpcLevel(&Shared), "ExTryAcquireSpinLockExclusiveAtDpcLevel");
    Check(ExTryConvertSharedSpinLockExclusive(&Shared), "ExTryConvertSharedSpinLockExclusive");
    Check(!ExTryAcquireSpinLockSharedAtDpcLevel(&Shared), "ExTryAcquireSpinLockSharedAtDpcLevel");
    ExReleaseSpinLockExclusiveFromDpcLevel(&Shared);
    ExAcquireSpinLockExclusiveAtDpcLevel(&Shared);
    ExReleaseSpinLockExclusiveFromDpcLevel(&Shared);
    KeLowerIrql(Old);
    Old = ExAcquireSpinLockExclusive(&Shared);
    ExReleaseSpinLockExclusive(&Shared, Old);
    Old = ExAcquireSpinLockShared(&Shared);
    Check(Old == PASSIVE_LEVEL && KeGetCurrentIrql() == DISPATCH_LEVEL, "ExAcquireSpinLockShared");
    ExReleaseSpinLockShared(&Shared, Old);
    Check(Shared == 0, "ExReleaseSpinLockShared");
}

static VOID CheckInterlocked(VOID)
{
    SINGLE_LIST_ENTRY Stack = {NULL};
    SINGLE_LIST_ENTRY Pushed;
    LIST_ENTRY Head;
    LIST_ENTRY First;
    LIST_ENTRY Last;
    LARGE_INTEGER Large;
    LARGE_INTEGER Increment;
    KSPIN_LOCK Lock;
    ULONG Small = 1;

    KeInitializeSpinLock(&Lock);
    InitializeListHead(&Head);
    Check(ExInterlockedInsertHeadList(&Head, &First, &Lock) == NULL, "ExInterlockedInsertHeadList");
    Check(ExInterlockedInsertTailList(&Head, &Last, &Lock) == &First, "ExInterlockedInsertTailList");
    Check(ExInterlockedRemoveHeadList(&Head, &Lock) == &First, "ExInterlockedRemoveHeadList");
    Check(ExInterlockedPushEntryList(&Stack, &Pushed, &Lock) == NULL, "ExInterlockedPushEntryList");
    Check(ExInterlockedPopEntryList(&Stack, &Lock) == &Pushed, "ExInterlockedPopEntryList");
    Large.QuadPart = -1;
    Increment.QuadPart = 2;
    Check(ExInterlockedAddLargeInteger(&Large, Increment, &Lock).QuadPart == -1, "ExInterlockedAddLargeInteger");
    Check(Large.QuadPart == 1, "the sum of large integers");
    Check(ExInterlockedAddUlong(&Small, 2, &Lock) == 1 && Small == 3, "ExInterlockedAddUlong");
}

static VOID CheckMutexes(VOID)
{
    KGUARDED_MUTEX Guarded;
    EX_PUSH_LOCK Push;
    FAST_MUTEX Fast;

    ExInitializeFastMutex(&Fast);
    ExAcquireFastMutex(&Fast);
    Check(KeGetCurrentIrql() == APC_LEVEL, "ExAcquireFastMutex");
    ExReleaseFastMutex(&Fast);
    Check(KeGetCurrentIrql() == PASSIVE_LEVEL, "ExReleaseFastMutex");
    Check(ExTryToAcquireFastMutex(&Fast), "ExTryToAcquireFastMutex");
    ExReleaseFastMutex(&Fast);
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&Fast);
    ExReleaseFastMutexUnsafe(&Fast);
    ExInitializePushLock(&Push);
    ExAcquirePushLockExclusive(&Push);
    ExReleasePushLockExclusive(&Push);
    ExAcquirePushLockShared(&Push);
    ExReleasePushLockShared(&Push);
    KeLeaveCriticalRegion();
    ExEnterCriticalRegionAndAcquireFastMutexUnsafe(&Fast);
    ExReleaseFastMutexUnsafeAndLeaveCriticalRegion(&Fast);

    KeInitializeGuardedMutex(&Guarded);
    KeAcquireGuardedMutex(&Guarded);
    Check(KeAreAllApcsDisabled(), "KeAcquireGuardedMutex");
    KeReleaseGuardedMutex(&Guarded);
    Check(KeTryToAcquireGuardedMutex(&Guarded), "KeTryToAcquireGuardedMutex");
    KeReleaseGuardedMutex(&Guarded);
    KeEnterGuardedRegion();
    KeAcquireGuardedMutexUnsafe(&Guarded);
    KeReleaseGuardedMutexUnsafe(&Guarded);
    KeLeaveGuardedRegion();
}

static VOID CheckResources(VOID)
{
    static ERESOURCE Resource;
    PVOID Owner = (PVOID)((ULONG_PTR)&Resource | 3);

    Check(ExInitializeResourceLite(&Resource) == STATUS_SUCCESS, "ExInitializeResourceLite");
    ExDisableResourceBoostLite(&Resource);
    KeEnterCriticalRegion();
    Check(ExAcquireResourceExclusiveLite(&Resource, TRUE), "ExAcquireResourceExclusiveLite");
    Check(ExIsResourceAcquiredExclusiveLite(&Resource), "ExIsResourceAcquiredExclusiveLite");
    ExConvertExclusiveToSharedLite(&Resource);
    Check(ExAcquireResourceSharedLite(&Resource, FALSE), "ExAcquireResourceSharedLite");
    Check(ExAcquireSharedStarveExclusive(&Resource, FALSE), "ExAcquireSharedStarveExclusive");
    Check(ExAcquireSharedWaitForExclusive(&Resource, FALSE), "ExAcquireSharedWaitForExclusive");
    Check(ExIsResourceAcquiredSharedLite(&Resource) == 4, "ExIsResourceAcquiredSharedLite");
    Check(ExGetExclusiveWaiterCount(&Resource) == 0, "ExGetExclusiveWaiterCount");
    Check(ExGetSharedWaiterCount(&Resource) == 0, "ExGetSharedWaiterCount");
    Check(!ExTryToAcquireResourceExclusiveLite(&Resource), "ExTryToAcquireResourceExclusiveLite");
    ExReleaseResourceLite(&Resource);
    ExReleaseResourceLite(&Resource);
    ExReleaseResourceLite(&Resource);
    ExReleaseResourceLite(&Resource);
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExSetResourceOwnerPointer(&Resource, Owner);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)Owner);
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExSetResourceOwnerPointerEx(&Resource, PsGetCurrentThread(), FLAG_OWNER_POINTER_IS_THREAD);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)PsGetCurrentThread());
    KeLeaveCriticalRegion();
    Check(ExReinitializeResourceLite(&Resource) == STATUS_SUCCESS, "ExReinitializeResourceLite");
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    ExEnterCriticalRegionAndAcquireResourceShared(&Resource);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    ExEnterCriticalRegionAndAcquireSharedWaitForExclusive(&Resource);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    Check(ExDeleteResourceLite(&Resource) == STATUS_SUCCESS, "ExDeleteResourceLite");
}

static VOID CheckRundown(VOID)
{
    PEX_RUNDOWN_REF_CACHE_AWARE Spread;
    EX_RUNDOWN_REF Plain;
    IO_REMOVE_LOCK Remove;

    ExInitializeRundownProtection(&Plain);
    Check(ExAcquireRundownProtection(&Plain), "ExAcquireRundownProtection");
    Check(ExAcquireRundownProtectionEx(&Plain, 2), "ExAcquireRundownProtectionEx");
    ExReleaseRundownProtectionEx(&Plain, 2);
    ExReleaseRundownProtection(&Plain);
    ExWaitForRundownProtectionRelease(&Plain);
    ExRundownCompleted(&Plain);
    Check(!ExAcquireRundownProtection(&Plain), "ExWaitForRundownProtectionRelease");
    ExReInitializeRundownProtection(&Plain);
    ExWaitForRundownProtectionRelease(&Plain);

    Spread = ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, TAG);
    Check(Spread != NULL, "ExAllocateCacheAwareRundownProtection");
    if (Spread != NULL) {
        Check(ExAcquireRundownProtectionCacheAware(Spread), "ExAcquireRundownProtectionCacheAware");
        Check(ExAcquireRundownProtectionCacheAwareEx(Spread, 2), "ExAcquireRundownProtectionCacheAwareEx");
        ExReleaseRundownProtectionCacheAwareEx(Spread, 2);
        ExReleaseRundownProtectionCacheAware(Spread);
        ExWaitForRundownProtectionReleaseCacheAware(Spread);
        ExRundownCompletedCacheAware(Spread);
        ExReInitializeRundownProtectionCacheAware(Spread);
        ExFreeCacheAwareRundownProtection(Spread);
    }
    Spread = ExAllocatePool2(POOL_FLAG_NON_PAGED, ExSizeOfRundownProtectionCacheAware(), TAG);
    if (Spread != NULL) {
        ExInitializeRundownProtectionCacheAware(Spread, ExSizeOfRundownProtectionCacheAware());
        ExFreePoolWithTag(Spread, TAG);
    }

    IoInitializeRemoveLock(&Remove, TAG, 0, 0);
    Check(IoAcquireRemoveLock(&Remove, &Remove) == STATUS_SUCCESS, "IoAcquireRemoveLockEx");
    Check(IoAcquireRemoveLock(&Remove, &Plain) == STATUS_SUCCESS, "IoAcquireRemoveLockEx again");
    IoReleaseRemoveLock(&Remove, &Plain);
    IoReleaseRemoveLockAndWait(&Remove, &Remove);
    Check(IoAcquireRemoveLock(&Remove, &Remove) == STATUS_DELETE_PENDING, "IoReleaseRemoveLockAndWaitEx");
}

VOID CheckLocks(VOID)
{
    CheckSpinLocks();
    CheckInterlocked();
    CheckMutexes();
    CheckResources();
    CheckRundown();
}
