/* What keeps objects from going away: rundown protection and remove locks. */
#include "join.h"
#include "rows.h"

static EX_RUNDOWN_REF Protection;
static PEX_RUNDOWN_REF_CACHE_AWARE Spread;
static IO_REMOVE_LOCK RemoveLock;
static volatile BOOLEAN Done;

static VOID NTAPI RunDown(PVOID Context)
{
    UNUSED(Context);
    ExWaitForRundownProtectionRelease(&Protection);
    Done = TRUE;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI RunDownToo(PVOID Context)
{
    ExWaitForRundownProtectionRelease(&Protection);
    __sync_add_and_fetch((volatile LONG *)Context, 1);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI RemoveToo(PVOID Context)
{
    IoReleaseRemoveLockAndWait(&RemoveLock, Context);
    __sync_add_and_fetch((volatile LONG *)Context, 1);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI RunDownSpread(PVOID Context)
{
    UNUSED(Context);
    ExWaitForRundownProtectionReleaseCacheAware(Spread);
    Done = TRUE;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI Remove(PVOID Context)
{
    IoReleaseRemoveLockAndWait(&RemoveLock, Context);
    Done = TRUE;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static PVOID Start(PKSTART_ROUTINE Routine, PVOID Context)
{
    PVOID Thread;

    Done = FALSE;
    Thread = StartThread(Routine, Context);
    Sleep(MILLISECONDS(1));
    return Thread;
}

static VOID CheckProtection(VOID)
{
    PVOID Thread;
    KIRQL Old;
    BOOLEAN First;
    BOOLEAN Raised;
    BOOLEAN During;
    BOOLEAN Waited;

    ExInitializeRundownProtection(&Protection);
    First = ExAcquireRundownProtection(&Protection);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    Raised = ExAcquireRundownProtectionEx(&Protection, 2);
    ExReleaseRundownProtectionEx(&Protection, 2);
    KeLowerIrql(Old);
    DbgPrint("acquired: first=%u raised=%u\n", First, Raised);
    Thread = Start(RunDown, NULL);
    During = ExAcquireRundownProtection(&Protection);
    Waited = !Done;
    ExReleaseRundownProtection(&Protection);
    JoinThread(Thread);
    DbgPrint("run-down: acquired=%u waited=%u done=%u after=%u\n", During, Waited, Done,
             ExAcquireRundownProtection(&Protection));
    ExRundownCompleted(&Protection);
    ExReInitializeRundownProtection(&Protection);
    First = ExAcquireRundownProtection(&Protection);
    ExReleaseRundownProtection(&Protection);
    DbgPrint("again: acquired=%u\n", First);
    ExWaitForRundownProtectionRelease(&Protection);
}

static VOID CheckSpread(VOID)
{
    PVOID Thread;
    BOOLEAN First;
    BOOLEAN During;

    Spread = ExAllocateCacheAwareRundownProtection(NonPagedPoolNx, TAG);
    if (Spread == NULL) {
        return;
    }
    First = ExAcquireRundownProtectionCacheAware(Spread) && ExAcquireRundownProtectionCacheAwareEx(Spread, 3);
    ExReleaseRundownProtectionCacheAwareEx(Spread, 3);
    Thread = Start(RunDownSpread, NULL);
    During = ExAcquireRundownProtectionCacheAware(Spread);
    ExReleaseRundownProtectionCacheAware(Spread);
    JoinThread(Thread);
    ExRundownCompletedCacheAware(Spread);
    ExReInitializeRundownProtectionCacheAware(Spread);
    DbgPrint("spread: first=%u during=%u done=%u again=%u\n", First, During, Done,
             ExAcquireRundownProtectionCacheAware(Spread));
    ExReleaseRundownProtectionCacheAware(Spread);
    ExFreeCacheAwareRundownProtection(Spread);
    Spread = ExAllocatePool2(POOL_FLAG_NON_PAGED, ExSizeOfRundownProtectionCacheAware(), TAG);
    if (Spread != NULL) {
        ExInitializeRundownProtectionCacheAware(Spread, ExSizeOfRundownProtectionCacheAware());
        DbgPrint("spread-own: acquired=%u\n", ExAcquireRundownProtectionCacheAware(Spread));
        ExReleaseRundownProtectionCacheAware(Spread);
        ExFreePoolWithTag(Spread, TAG);
    }
}

static VOID CheckRemoveLock(VOID)
{
    PVOID Thread;
    NTSTATUS First;
    NTSTATUS During;
    LONG Held;
    BOOLEAN Waited;

    IoInitializeRemoveLock(&RemoveLock, TAG, 0, 0);
    First = IoAcquireRemoveLock(&RemoveLock, &First);
    IoAcquireRemoveLock(&RemoveLock, &During);
    Held = RemoveLock.Common.IoCount;
    Thread = Start(Remove, &During);
    During = IoAcquireRemoveLock(&RemoveLock, &Thread);
    Waited = !Done;
    IoReleaseRemoveLock(&RemoveLock, &First);
    JoinThread(Thread);
    DbgPrint("remove-lock: first=%x held=%d during=%x waited=%u done=%u removed=%u left=%d\n", First, Held, During,
             Waited, Done, RemoveLock.Common.Removed, RemoveLock.Common.IoCount);
}

/* Two threads wait for the same end. */
static VOID CheckTwoWaiters(VOID)
{
    static volatile LONG Woken;
    PVOID Threads[2];
    LONG Early;

    ExInitializeRundownProtection(&Protection);
    ExAcquireRundownProtection(&Protection);
    Threads[0] = Start(RunDownToo, (PVOID)&Woken);
    Threads[1] = Start(RunDownToo, (PVOID)&Woken);
    Early = Woken;
    ExReleaseRundownProtection(&Protection);
    JoinThread(Threads[0]);
    JoinThread(Threads[1]);
    DbgPrint("two-run-down: early=%d woken=%d\n", Early, Woken);
    Woken = 0;
    IoInitializeRemoveLock(&RemoveLock, TAG, 0, 0);
    IoAcquireRemoveLock(&RemoveLock, (PVOID)&Woken);
    IoAcquireRemoveLock(&RemoveLock, (PVOID)&Woken);
    Threads[0] = Start(RemoveToo, (PVOID)&Woken);
    Early = Woken;
    Threads[1] = Start(RemoveToo, (PVOID)&Woken);
    JoinThread(Threads[0]);
    JoinThread(Threads[1]);
    DbgPrint("two-removed: early=%d woken=%d\n", Early, Woken);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    CheckProtection();
    CheckSpread();
    CheckRemoveLock();
    CheckTwoWaiters();
    return STATUS_SUCCESS;
}
