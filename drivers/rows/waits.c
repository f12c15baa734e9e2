/* Waiting, semaphores, mutexes and regions. */
#include "join.h"
#include "rows.h"
#include "seh.h"

/* The time since the system started, by its documented offset. */
#define INTERRUPT_TIME (*(volatile ULONG64 *)0xFFFFF78000000008ULL)
#define SYSTEM_TIME (*(volatile ULONG64 *)0xFFFFF78000000014ULL)

static KEVENT Events[65];
static PVOID Objects[65];
static KWAIT_BLOCK Blocks[65];
static KMUTEX Mutex;
static KSEMAPHORE Semaphore;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static VOID PrepareEvents(ULONG Count, BOOLEAN Signalled)
{
    ULONG Index;

    for (Index = 0; Index < Count; Index++) {
        KeInitializeEvent(&Events[Index], SynchronizationEvent, Signalled);
        Objects[Index] = &Events[Index];
    }
}

static NTSTATUS WaitUntil(PVOID Object, LONG64 Time)
{
    LARGE_INTEGER Timeout;

    Timeout.QuadPart = Time;
    return KeWaitForSingleObject(Object, Executive, KernelMode, FALSE, &Timeout);
}

static VOID CheckTimeout(const char *Name, LONG64 Time)
{
    ULONG64 Start = INTERRUPT_TIME;
    NTSTATUS Status = WaitUntil(&Events[0], Time);

    DbgPrint("%s: status=%x success=%d time=%I64u\n", Name, Status, NT_SUCCESS(Status), INTERRUPT_TIME - Start);
}

static VOID CheckSingle(VOID)
{
    NTSTATUS Status;
    LONG State;
    KIRQL Old;

    PrepareEvents(1, TRUE);
    Status = WaitFor(&Events[0]);
    DbgPrint("forever: status=%x state=%d\n", Status, KeReadStateEvent(&Events[0]));
    CheckTimeout("test-busy", 0);
    KeSetEvent(&Events[0], IO_NO_INCREMENT, FALSE);
    CheckTimeout("test-free", 0);
    CheckTimeout("relative", MILLISECONDS(25));
    CheckTimeout("absolute", (LONG64)SYSTEM_TIME + 30000000);
    CheckTimeout("absolute-past", (LONG64)SYSTEM_TIME - 30000000);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    Status = WaitUntil(&Events[0], 0);
    State = KeReadStateEvent(&Events[0]);
    KeLowerIrql(Old);
    DbgPrint("at-dispatch: status=%x state=%d\n", Status, State);
    Old = KfRaiseIrql(APC_LEVEL);
    Status = WaitUntil(&Events[0], MILLISECONDS(1));
    KeLowerIrql(Old);
    DbgPrint("at-apc: status=%x\n", Status);
}

static NTSTATUS WaitForMany(ULONG Count, WAIT_TYPE Type, LONG64 Time, PKWAIT_BLOCK WaitBlocks)
{
    LARGE_INTEGER Timeout;

    Timeout.QuadPart = Time;
    return KeWaitForMultipleObjects(Count, Objects, Type, Executive, KernelMode, FALSE, &Timeout, WaitBlocks);
}

static VOID CheckMany(VOID)
{
    NTSTATUS Status;

    PrepareEvents(64, TRUE);
    Status = WaitForMany(3, WaitAll, MILLISECONDS(1), NULL);
    DbgPrint("all-of-three: status=%x states=%d,%d,%d\n", Status, KeReadStateEvent(&Events[0]),
             KeReadStateEvent(&Events[1]), KeReadStateEvent(&Events[2]));
    KeSetEvent(&Events[1], IO_NO_INCREMENT, FALSE);
    Status = WaitForMany(3, WaitAll, MILLISECONDS(1), NULL);
    DbgPrint("not-all-of-three: status=%x states=%d,%d,%d\n", Status, KeReadStateEvent(&Events[0]),
             KeReadStateEvent(&Events[1]), KeReadStateEvent(&Events[2]));
    KeSetEvent(&Events[2], IO_NO_INCREMENT, FALSE);
    Status = WaitForMany(3, WaitAny, MILLISECONDS(1), NULL);
    DbgPrint("any-of-three: status=%x states=%d,%d,%d\n", Status, KeReadStateEvent(&Events[0]),
             KeReadStateEvent(&Events[1]), KeReadStateEvent(&Events[2]));
    PrepareEvents(64, FALSE);
    KeSetEvent(&Events[63], IO_NO_INCREMENT, FALSE);
    Status = WaitForMany(64, WaitAny, MILLISECONDS(1), Blocks);
    DbgPrint("any-of-64: status=%x\n", Status);
}

static VOID CheckMutex(VOID)
{
    LONG Returned[3];
    BOOLEAN Before;
    BOOLEAN Owned;
    LONG State;

    KeInitializeMutex(&Mutex, 0);
    State = KeReadStateMutex(&Mutex);
    Before = KeAreApcsDisabled();
    WaitFor(&Mutex);
    WaitFor(&Mutex);
    WaitFor(&Mutex);
    Owned = KeAreApcsDisabled();
    Returned[0] = KeReleaseMutex(&Mutex, FALSE);
    Returned[1] = KeReleaseMutex(&Mutex, FALSE);
    Returned[2] = KeReleaseMutex(&Mutex, FALSE);
    DbgPrint("mutex: first=%d returned=%d,%d,%d last=%d\n", State, Returned[0] != 0, Returned[1] != 0, Returned[2],
             KeReadStateMutex(&Mutex));
    DbgPrint("mutex-apcs: before=%d owned=%d after=%d\n", Before, Owned, KeAreApcsDisabled());
}

static VOID NTAPI TakeMutex(PVOID Context)
{
    UNUSED(Context);
    DbgPrint("other: status=%x\n", WaitUntil(&Mutex, 0));
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID CheckOwner(VOID)
{
    KeInitializeMutex(&Mutex, 0);
    WaitFor(&Mutex);
    DbgPrint("owner: this=%d all=%d\n", *(PVOID *)((PUCHAR)&Mutex + 0x28) == KeGetCurrentThread(),
             KeAreAllApcsDisabled());
    JoinThread(StartThread(TakeMutex, NULL));
    KeReleaseMutex(&Mutex, FALSE);
    DbgPrint("no-owner: this=%d\n", *(PVOID *)((PUCHAR)&Mutex + 0x28) == KeGetCurrentThread());
}

static VOID CheckSemaphore(VOID)
{
    LONG Returned[2];
    NTSTATUS Statuses[3];

    KeInitializeSemaphore(&Semaphore, 1, 3);
    Returned[0] = KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE);
    Returned[1] = KeReadStateSemaphore(&Semaphore);
    Statuses[0] = WaitUntil(&Semaphore, 0);
    Statuses[1] = WaitUntil(&Semaphore, 0);
    Statuses[2] = WaitUntil(&Semaphore, 0);
    DbgPrint("semaphore: before=%d then=%d waits=%x,%x,%x\n", Returned[0], Returned[1], Statuses[0], Statuses[1],
             Statuses[2]);
}

/* Releases a semaphore by more than there is room for; whether that raised. */
static BOOLEAN SCOPED ReleaseTooMuch(LONG Adjustment)
{
    volatile BOOLEAN Raised = FALSE;

    TRY_ALWAYS(ReleaseTooMuch, KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, Adjustment, FALSE), Raised = TRUE);
    return Raised;
}

static VOID CheckLimit(VOID)
{
    BOOLEAN Raised[2];
    LONG Counts[2];

    KeInitializeSemaphore(&Semaphore, 1, 3);
    Raised[0] = ReleaseTooMuch(3);
    Counts[0] = KeReadStateSemaphore(&Semaphore);
    Raised[1] = ReleaseTooMuch(2);
    Counts[1] = KeReadStateSemaphore(&Semaphore);
    DbgPrint("over-limit: raised=%d count=%d again=%d full=%d\n", Raised[0], Counts[0], Raised[1], Counts[1]);
}

static volatile NTSTATUS Alerted[2];

static VOID NTAPI WaitAlertably(PVOID Context)
{
    UNUSED(Context);
    KeWaitForSingleObject(&Events[1], Executive, KernelMode, FALSE, NULL);
    Alerted[0] = KeWaitForSingleObject(&Events[0], Executive, KernelMode, TRUE, NULL);
    Alerted[1] = KeWaitForSingleObject(&Events[0], Executive, KernelMode, TRUE, NULL);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Alerts a thread that does not wait, one whose wait can't be alerted and one whose wait can, and what is no thread. */
static VOID CheckAlerts(VOID)
{
    LARGE_INTEGER Time;
    HANDLE Handle;
    PVOID Thread;

    PrepareEvents(2, FALSE);
    ZwAlertThread(NtCurrentThread());
    Time.QuadPart = MILLISECONDS(1);
    Alerted[0] = KeDelayExecutionThread(KernelMode, FALSE, &Time);
    Alerted[1] = KeDelayExecutionThread(KernelMode, TRUE, &Time);
    DbgPrint("alert-before: deaf=%x alertable=%x\n", Alerted[0], Alerted[1]);
    Alerted[0] = Alerted[1] = -1;
    PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, WaitAlertably, NULL);
    ObReferenceObjectByHandle(Handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &Thread, NULL);
    Sleep(MILLISECONDS(1));
    ZwAlertThread(Handle);
    DbgPrint("alert-deaf: ended=%x\n", WaitUntil(Thread, MILLISECONDS(1)) == STATUS_SUCCESS);
    KeSetEvent(&Events[1], IO_NO_INCREMENT, FALSE);
    Sleep(MILLISECONDS(1));
    ZwAlertThread(Handle);
    JoinThread(Thread);
    DbgPrint("alert-kept: status=%x\n", Alerted[0]);
    DbgPrint("alert-during: status=%x\n", Alerted[1]);
    DbgPrint("alert-ended: status=%x\n", ZwAlertThread(Handle));
    ZwClose(Handle);
    DbgPrint("alert-process: status=%x\n", ZwAlertThread(NtCurrentProcess()));
}

/* Announces a wait with the release of a mutex and of a semaphore; the levels before, until and after the wait. */
static VOID CheckAnnounced(VOID)
{
    ULONG Levels[4];
    KIRQL Old;

    PrepareEvents(1, FALSE);
    KeInitializeMutex(&Mutex, 0);
    KeInitializeSemaphore(&Semaphore, 0, 1);
    WaitFor(&Mutex);
    KeReleaseMutex(&Mutex, TRUE);
    Levels[0] = ReadCr8();
    WaitUntil(&Events[0], MILLISECONDS(1));
    Levels[1] = ReadCr8();
    KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, TRUE);
    Levels[2] = ReadCr8();
    WaitUntil(&Events[0], MILLISECONDS(1));
    Levels[3] = ReadCr8();
    WaitFor(&Mutex);
    WaitFor(&Semaphore);
    Old = KfRaiseIrql(DISPATCH_LEVEL);
    KeReleaseMutex(&Mutex, FALSE);
    KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE);
    KeLowerIrql(Old);
    DbgPrint("announced: mutex=%u,%u semaphore=%u,%u\n", Levels[0], Levels[1], Levels[2], Levels[3]);
}

static VOID CheckRegions(VOID)
{
    BOOLEAN Seen[6];

    KeEnterCriticalRegion();
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    Seen[0] = KeAreApcsDisabled();
    Seen[1] = KeAreAllApcsDisabled();
    KeLeaveCriticalRegion();
    KeEnterGuardedRegion();
    KeEnterGuardedRegion();
    KeLeaveGuardedRegion();
    Seen[2] = KeAreApcsDisabled();
    Seen[3] = KeAreAllApcsDisabled();
    KeLeaveGuardedRegion();
    Seen[4] = KeAreApcsDisabled();
    Seen[5] = KeAreAllApcsDisabled();
    DbgPrint("regions: critical=%d,%d guarded=%d,%d none=%d,%d\n", Seen[0], Seen[1], Seen[2], Seen[3], Seen[4],
             Seen[5]);
}

static VOID WaitInUserMode(PVOID Object)
{
    LARGE_INTEGER Timeout;

    Timeout.QuadPart = 0;
    KeWaitForSingleObject(Object, UserRequest, UserMode, FALSE, &Timeout); HERE();
}

static VOID Observe(VOID)
{
    CheckSingle();
    CheckMany();
    CheckMutex();
    CheckOwner();
    CheckSemaphore();
    CheckLimit();
    CheckAnnounced();
    CheckAlerts();
    CheckRegions();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL Old;

    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"four-objects")) {
        PrepareEvents(4, TRUE);
        WaitForMany(4, WaitAny, 0, NULL); HERE();
    } else if (IsNamed(RegistryPath, L"many-objects")) {
        PrepareEvents(65, TRUE);
        WaitForMany(65, WaitAny, 0, Blocks); HERE();
    } else if (IsNamed(RegistryPath, L"forever-at-dispatch")) {
        PrepareEvents(1, TRUE);
        Old = KfRaiseIrql(DISPATCH_LEVEL);
        WaitFor(&Events[0]); HERE();
        KeLowerIrql(Old);
    } else if (IsNamed(RegistryPath, L"look-above-dispatch")) {
        PrepareEvents(1, TRUE);
        Old = KfRaiseIrql(5);
        WaitUntil(&Events[0], 0); HERE();
        KeLowerIrql(Old);
    } else if (IsNamed(RegistryPath, L"mutex-above-dispatch")) {
        KeInitializeMutex(&Mutex, 0);
        WaitFor(&Mutex);
        Old = KfRaiseIrql(5);
        KeReleaseMutex(&Mutex, FALSE); HERE();
        KeLowerIrql(Old);
    } else if (IsNamed(RegistryPath, L"semaphore-above-dispatch")) {
        KeInitializeSemaphore(&Semaphore, 0, 1);
        Old = KfRaiseIrql(5);
        KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE); HERE();
        KeLowerIrql(Old);
    } else if (IsNamed(RegistryPath, L"not-owner")) {
        KeInitializeMutex(&Mutex, 0);
        KeReleaseMutex(&Mutex, FALSE); HERE();
    } else if (IsNamed(RegistryPath, L"over-limit")) {
        KeInitializeSemaphore(&Semaphore, 1, 3);
        KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 3, FALSE); HERE();
    } else if (IsNamed(RegistryPath, L"mutex-in-user-mode")) {
        KeInitializeMutex(&Mutex, 0);
        WaitInUserMode(&Mutex);
        KeReleaseMutex(&Mutex, FALSE);
    } else if (IsNamed(RegistryPath, L"event-in-user-mode")) {
        PrepareEvents(1, TRUE);
        WaitInUserMode(&Events[0]);
    } else if (IsNamed(RegistryPath, L"critical-not-entered")) {
        KeLeaveCriticalRegion(); HERE();
    } else {
        Observe();
    }
    return STATUS_SUCCESS;
}
