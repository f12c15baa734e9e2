/* Spin locks of all kinds, what they guard, fast and guarded mutexes, push locks. */
#include "join.h"
#include "rows.h"

#define THREADS 4
#define ROUNDS 8

static KSPIN_LOCK SpinLock;
static KSPIN_LOCK Pair[2];
static EX_SPIN_LOCK SharedLock;
static FAST_MUTEX FastMutex;
static KGUARDED_MUTEX GuardedMutex;
static PEX_PUSH_LOCK PushLock;
static volatile ULONG Counter;
static volatile LONG Inside;
static volatile LONG MostInside;

/* Counts in two steps, between which other threads could count. */
static VOID Count(VOID)
{
    ULONG Before = Counter;

    KeGetCurrentIrql();
    Counter = Before + 1;
}

static VOID NTAPI CountQueued(PVOID Context)
{
    KLOCK_QUEUE_HANDLE Handle;
    ULONG Round;

    UNUSED(Context);
    for (Round = 0; Round < ROUNDS; Round++) {
        KeAcquireInStackQueuedSpinLock(&SpinLock, &Handle);
        Count();
        KeReleaseInStackQueuedSpinLock(&Handle);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI CountExclusive(PVOID Context)
{
    KIRQL Old;
    ULONG Round;

    UNUSED(Context);
    for (Round = 0; Round < ROUNDS; Round++) {
        Old = ExAcquireSpinLockExclusive(&SharedLock);
        Count();
        ExReleaseSpinLockExclusive(&SharedLock, Old);
        Old = ExAcquireSpinLockShared(&SharedLock);
        KeGetCurrentIrql();
        ExReleaseSpinLockShared(&SharedLock, Old);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI CountFast(PVOID Context)
{
    ULONG Round;

    UNUSED(Context);
    for (Round = 0; Round < ROUNDS; Round++) {
        ExAcquireFastMutex(&FastMutex);
        Count();
        ExReleaseFastMutex(&FastMutex);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI CountGuarded(PVOID Context)
{
    ULONG Round;

    UNUSED(Context);
    for (Round = 0; Round < ROUNDS; Round++) {
        KeAcquireGuardedMutex(&GuardedMutex);
        Count();
        KeReleaseGuardedMutex(&GuardedMutex);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI CountPushed(PVOID Context)
{
    ULONG Round;
    LONG Now;

    UNUSED(Context);
    for (Round = 0; Round < ROUNDS; Round++) {
        KeEnterCriticalRegion();
        ExAcquirePushLockExclusive(PushLock);
        Count();
        ExReleasePushLockExclusive(PushLock);
        ExAcquirePushLockShared(PushLock);
        Now = __sync_add_and_fetch(&Inside, 1);
        if (Now > MostInside) {
            MostInside = Now;
        }
        Sleep(MILLISECONDS(1));
        __sync_sub_and_fetch(&Inside, 1);
        ExReleasePushLockShared(PushLock);
        KeLeaveCriticalRegion();
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID CountTogether(const char *Subject, PKSTART_ROUTINE Routine)
{
    PVOID Threads[THREADS];
    ULONG Index;

    Counter = 0;
    for (Index = 0; Index < THREADS; Index++) {
        Threads[Index] = StartThread(Routine, NULL);
    }
    for (Index = 0; Index < THREADS; Index++) {
        JoinThread(Threads[Index]);
    }
    DbgPrint("%s: counted=%u of %u\n", Subject, Counter, THREADS * ROUNDS);
}

static VOID CheckQueued(VOID)
{
    KLOCK_QUEUE_HANDLE Handle;
    KLOCK_QUEUE_HANDLE Inner;
    KSPIN_LOCK Other;
    KIRQL Old;

    KeInitializeSpinLock(&Other);
    KeAcquireInStackQueuedSpinLock(&SpinLock, &Handle);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&Other, &Inner);
    DbgPrint("queued: irql=%u saved=%u free=%u\n", KeGetCurrentIrql(), Handle.OldIrql, KeTestSpinLock(&SpinLock));
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&Inner);
    KeReleaseInStackQueuedSpinLock(&Handle);
    DbgPrint("queued-after: irql=%u free=%u\n", KeGetCurrentIrql(), KeTestSpinLock(&SpinLock));
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    KeAcquireInStackQueuedSpinLockForDpc(&SpinLock, &Handle);
    KeReleaseInStackQueuedSpinLockForDpc(&Handle);
    KeLowerIrql(Old);
}

static VOID CheckForDpc(VOID)
{
    KSPIN_LOCK Plain;
    KIRQL Old;
    KIRQL Saved;
    BOOLEAN First;
    BOOLEAN Second;

    KeInitializeSpinLock(&Plain);
    KeRaiseIrql(DISPATCH_LEVEL, &Old);
    Saved = KeAcquireSpinLockForDpc(&Plain);
    Second = KeTryToAcquireSpinLockAtDpcLevel(&Plain);
    KeReleaseSpinLockForDpc(&Plain, Saved);
    First = KeTryToAcquireSpinLockAtDpcLevel(&Plain);
    KeReleaseSpinLockFromDpcLevel(&Plain);
    DbgPrint("for-dpc: saved=%u irql=%u held=%u free=%u\n", Saved, KeGetCurrentIrql(), Second, First);
    KeLowerIrql(Old);
}

static VOID CheckShared(VOID)
{
    KIRQL Old = ExAcquireSpinLockShared(&SharedLock);
    KIRQL Irql = KeGetCurrentIrql();
    LOGICAL Converted = ExTryConvertSharedSpinLockExclusive(&SharedLock);
    LOGICAL Again;

    ExReleaseSpinLockExclusiveFromDpcLevel(&SharedLock);
    Again = ExTryAcquireSpinLockSharedAtDpcLevel(&SharedLock);
    ExReleaseSpinLockSharedFromDpcLevel(&SharedLock);
    if (ExTryAcquireSpinLockExclusiveAtDpcLevel(&SharedLock)) {
        Again += ExTryAcquireSpinLockSharedAtDpcLevel(&SharedLock);
        ExReleaseSpinLockExclusiveFromDpcLevel(&SharedLock);
    }
    ExAcquireSpinLockSharedAtDpcLevel(&SharedLock);
    ExReleaseSpinLockSharedFromDpcLevel(&SharedLock);
    ExAcquireSpinLockExclusiveAtDpcLevel(&SharedLock);
    ExReleaseSpinLockExclusive(&SharedLock, Old);
    DbgPrint("shared: irql=%u converted=%u again=%u after=%u word=%x\n", Irql, Converted, Again, KeGetCurrentIrql(),
             SharedLock);
}

static VOID CheckInterlocked(VOID)
{
    LIST_ENTRY Head;
    LIST_ENTRY Entries[2];
    SINGLE_LIST_ENTRY Single;
    SINGLE_LIST_ENTRY Pushed[2];
    LARGE_INTEGER Large;
    LARGE_INTEGER Increment;
    LARGE_INTEGER Before;
    ULONG Small = 40;
    BOOLEAN Holds;

    InitializeListHead(&Head);
    Holds = ExInterlockedRemoveHeadList(&Head, &SpinLock) == NULL;
    Holds = Holds && ExInterlockedInsertTailList(&Head, &Entries[0], &SpinLock) == NULL;
    Holds = Holds && ExInterlockedInsertHeadList(&Head, &Entries[1], &SpinLock) == &Entries[0];
    Holds = Holds && Head.Flink == &Entries[1] && Entries[1].Flink == &Entries[0] && Entries[0].Flink == &Head;
    Holds = Holds && Head.Blink == &Entries[0] && Entries[0].Blink == &Entries[1] && Entries[1].Blink == &Head;
    Holds = Holds && ExInterlockedRemoveHeadList(&Head, &SpinLock) == &Entries[1];
    Holds = Holds && ExInterlockedInsertTailList(&Head, &Entries[1], &SpinLock) == &Entries[0];
    Holds = Holds && ExInterlockedRemoveHeadList(&Head, &SpinLock) == &Entries[0];
    Holds = Holds && ExInterlockedRemoveHeadList(&Head, &SpinLock) == &Entries[1] && IsListEmpty(&Head);
    DbgPrint("interlocked-lists: %u\n", Holds);
    Single.Next = NULL;
    Holds = ExInterlockedPopEntryList(&Single, &SpinLock) == NULL;
    Holds = Holds && ExInterlockedPushEntryList(&Single, &Pushed[0], &SpinLock) == NULL;
    Holds = Holds && ExInterlockedPushEntryList(&Single, &Pushed[1], &SpinLock) == &Pushed[0];
    Holds = Holds && ExInterlockedPopEntryList(&Single, &SpinLock) == &Pushed[1] && Single.Next == &Pushed[0];
    DbgPrint("interlocked-stack: %u\n", Holds);
    Large.QuadPart = 0x1FFFFFFFF;
    Increment.QuadPart = 3;
    Before = ExInterlockedAddLargeInteger(&Large, Increment, &SpinLock);
    Holds = Before.QuadPart == 0x1FFFFFFFF && Large.QuadPart == 0x200000002;
    Holds = Holds && ExInterlockedAddUlong(&Small, 2, &SpinLock) == 40 && Small == 42;
    DbgPrint("interlocked-numbers: %u\n", Holds);
}

static VOID CheckFast(const char *Name, KIRQL From)
{
    KIRQL Old;
    KIRQL Now;
    LONG Count;
    BOOLEAN Owned;

    KeRaiseIrql(From, &Old);
    ExAcquireFastMutex(&FastMutex);
    Now = KeGetCurrentIrql();
    Count = FastMutex.Count;
    Owned = FastMutex.Owner != NULL;
    From = (KIRQL)FastMutex.OldIrql;
    ExReleaseFastMutex(&FastMutex);
    DbgPrint("%s: inside=%u saved=%u after=%u count=%d owned=%u\n", Name, Now, From, KeGetCurrentIrql(), Count, Owned);
    KeLowerIrql(Old);
}

static VOID NTAPI TryFast(PVOID Context)
{
    BOOLEAN Got = ExTryToAcquireFastMutex(&FastMutex);

    *(ULONG *)Context = Got * 16 + KeGetCurrentIrql();
    if (Got) {
        ExReleaseFastMutex(&FastMutex);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID CheckTryFast(VOID)
{
    ULONG Held = 99;
    ULONG Free = 99;

    /* At PASSIVE_LEVEL, so that a thread can be started. */
    ExEnterCriticalRegionAndAcquireFastMutexUnsafe(&FastMutex);
    JoinThread(StartThread(TryFast, &Held));
    ExReleaseFastMutexUnsafeAndLeaveCriticalRegion(&FastMutex);
    JoinThread(StartThread(TryFast, &Free));
    DbgPrint("fast-try: held=%u/%u free=%u/%u\n", Held / 16, Held % 16, Free / 16, Free % 16);
}

static VOID CheckGuarded(VOID)
{
    KIRQL Irql;
    BOOLEAN Before = KeAreAllApcsDisabled();
    BOOLEAN During;
    BOOLEAN Tried;

    KeAcquireGuardedMutex(&GuardedMutex);
    During = KeAreAllApcsDisabled();
    Irql = KeGetCurrentIrql();
    KeReleaseGuardedMutex(&GuardedMutex);
    Tried = KeTryToAcquireGuardedMutex(&GuardedMutex);
    if (Tried) {
        KeReleaseGuardedMutex(&GuardedMutex);
    }
    KeEnterGuardedRegion();
    KeAcquireGuardedMutexUnsafe(&GuardedMutex);
    KeReleaseGuardedMutexUnsafe(&GuardedMutex);
    KeLeaveGuardedRegion();
    DbgPrint("guarded: before=%u during=%u after=%u irql=%u tried=%u\n", Before, During, KeAreAllApcsDisabled(), Irql,
             Tried);
}

static VOID NTAPI TakeBoth(PVOID Context)
{
    /* The two threads take the two locks in opposite orders. */
    ULONG Mine = *(ULONG *)Context;
    KIRQL Old;

    KeAcquireSpinLock(&Pair[Mine], &Old);
    __sync_add_and_fetch(&Inside, 1);
    while (Inside < 2) {
        KeGetCurrentIrql();
    }
    KeAcquireSpinLockAtDpcLevel(&Pair[1 - Mine]); HERE();
    KeReleaseSpinLockFromDpcLevel(&Pair[1 - Mine]);
    KeReleaseSpinLock(&Pair[Mine], Old);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID MeetInDeadlock(VOID)
{
    ULONG First = 0;
    ULONG Second = 1;
    PVOID One = StartThread(TakeBoth, &First);
    PVOID Other = StartThread(TakeBoth, &Second);

    JoinThread(One);
    JoinThread(Other);
}

static VOID Observe(VOID)
{
    CheckQueued();
    CheckForDpc();
    CheckShared();
    CheckInterlocked();
    CheckFast("fast-from-passive", PASSIVE_LEVEL);
    CheckFast("fast-from-apc", APC_LEVEL);
    CheckTryFast();
    CheckGuarded();
    ExEnterCriticalRegionAndAcquireFastMutexUnsafe(&FastMutex);
    DbgPrint("fast-unsafe: irql=%u disabled=%u\n", KeGetCurrentIrql(), KeAreApcsDisabled());
    ExReleaseFastMutexUnsafeAndLeaveCriticalRegion(&FastMutex);
    CountTogether("count-queued", CountQueued);
    CountTogether("count-exclusive", CountExclusive);
    CountTogether("count-fast", CountFast);
    CountTogether("count-guarded", CountGuarded);
    CountTogether("count-pushed", CountPushed);
    DbgPrint("shared-pushed: several=%u\n", MostInside > 1);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePoolWithTag(PushLock, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KLOCK_QUEUE_HANDLE Handle;
    KIRQL Old;

    DriverObject->DriverUnload = DriverUnload;
    PushLock = ExAllocatePool2(POOL_FLAG_PAGED, sizeof(*PushLock), TAG);
    if (PushLock == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeInitializeSpinLock(&SpinLock);
    ExInitializeFastMutex(&FastMutex);
    KeInitializeGuardedMutex(&GuardedMutex);
    ExInitializePushLock(PushLock);
    if (IsNamed(RegistryPath, L"deadlock")) {
        KeInitializeSpinLock(&Pair[0]);
        KeInitializeSpinLock(&Pair[1]);
        MeetInDeadlock();
    } else if (IsNamed(RegistryPath, L"fast-released-low")) {
        ExAcquireFastMutex(&FastMutex);
        KeLowerIrql(PASSIVE_LEVEL);
        ExReleaseFastMutex(&FastMutex); HERE();
    } else if (IsNamed(RegistryPath, L"fast-acquired-high")) {
        KeRaiseIrql(DISPATCH_LEVEL, &Old);
        ExAcquireFastMutex(&FastMutex); HERE();
        ExReleaseFastMutex(&FastMutex);
        KeLowerIrql(Old);
    } else if (IsNamed(RegistryPath, L"queued-handle-twice")) {
        KeAcquireInStackQueuedSpinLock(&SpinLock, &Handle);
        KeReleaseInStackQueuedSpinLock(&Handle);
        KeReleaseInStackQueuedSpinLock(&Handle); HERE();
    } else if (IsNamed(RegistryPath, L"interlocked-held")) {
        KeAcquireSpinLock(&SpinLock, &Old);
        ExInterlockedAddUlong((PULONG)&Counter, 1, &SpinLock); HERE();
    } else {
        Observe();
    }
    return STATUS_SUCCESS;
}
