/* Processors: how many, which one, and all at once. */
#include "rows.h"

static volatile LONG Inside, Most, Runs;
static volatile LONG64 RanOn;
static KIRQL LowestLevel = HIGH_LEVEL;
static volatile LONG Arrived, Met;
static KDPC Calls[2];

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static ULONG_PTR NTAPI Everywhere(ULONG_PTR Context)
{
    if (KeGetCurrentIrql() < LowestLevel) {
        LowestLevel = KeGetCurrentIrql();
    }
    __sync_fetch_and_or(&RanOn, 1LL << KeGetCurrentProcessorNumber());
    __sync_add_and_fetch(&Runs, 1);
    return Context + 1;
}

static VOID Observe(VOID)
{
    KAFFINITY Mask;
    PROCESSOR_NUMBER Number = {9, 9, 9};
    PROCESSOR_NUMBER Here;
    GROUP_AFFINITY Group, Previous;
    ULONG Count = KeQueryActiveProcessorCount(&Mask);
    NTSTATUS Found, Missing;
    ULONG_PTR Value;
    KIRQL Before, After;
    KAFFINITY Former;

    DbgPrint("count: %u mask=%I64x max=%u all=%u none=%u\n", Count, (ULONG64)Mask, KeQueryMaximumProcessorCount(),
             KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS), KeQueryActiveProcessorCountEx(1));
    DbgPrint("groups: %u %u affinity=%I64x\n", KeQueryActiveGroupCount(), KeQueryMaximumGroupCount(),
             (ULONG64)KeQueryGroupAffinity(0));
    Found = KeGetProcessorNumberFromIndex(1, &Number);
    DbgPrint("number: %x %u.%u index=%u\n", Found, Number.Group, Number.Number,
             KeGetProcessorIndexFromNumber(&Number));
    Number.Number = 63;
    Missing = KeGetProcessorNumberFromIndex(63, &Here);
    DbgPrint("no-number: %x index=%x\n", Missing, KeGetProcessorIndexFromNumber(&Number));
    KeSetSystemAffinityThread(4);
    DbgPrint("moved: %u %u\n", KeGetCurrentProcessorNumber(), KeGetCurrentProcessorNumberEx(&Here));
    Former = KeSetSystemAffinityThreadEx(2);
    DbgPrint("moved-ex: %u former=%I64x\n", KeGetCurrentProcessorNumber(), (ULONG64)Former);
    KeRevertToUserAffinityThreadEx(0);
    RtlZeroMemory(&Group, sizeof(Group));
    Group.Mask = 8;
    KeSetSystemGroupAffinityThread(&Group, &Previous);
    DbgPrint("moved-group: %u previous=%I64x\n", KeGetCurrentProcessorNumber(), (ULONG64)Previous.Mask);
    KeRevertToUserGroupAffinityThread(&Previous);
    Before = KeGetCurrentIrql();
    Value = KeIpiGenericCall(Everywhere, 41);
    After = KeGetCurrentIrql();
    DbgPrint("everywhere: value=%u runs=%d on=%I64x level=%u before=%u after=%u\n", (ULONG)Value, Runs, RanOn,
             LowestLevel, Before, After);
}

/* Counts the processor in and goes on when all have come. */
static VOID Meet(LONG All)
{
    __sync_add_and_fetch(&Arrived, 1);
    while (Arrived < All) {
    }
    __sync_add_and_fetch(&Met, 1);
}

static ULONG_PTR NTAPI Barrier(ULONG_PTR All)
{
    __sync_add_and_fetch(&Inside, 1);
    Meet((LONG)All);
    Most = Inside;
    Meet(2 * (LONG)All);
    __sync_sub_and_fetch(&Inside, 1);
    return 0;
}

/* The second time nobody is on the way any more: all have begun. */
static VOID MeetTwice(LONG All)
{
    Meet(All);
    Meet(2 * All);
}

static VOID NTAPI MeetInCall(PKDPC Dpc, PVOID All, PVOID One, PVOID Two)
{
    UNUSED(Dpc);
    UNUSED(One);
    UNUSED(Two);
    MeetTwice((LONG)(ULONG_PTR)All);
}

/* All processors wait for each other in a routine that runs on all at once, which is what such a routine is for. */
static VOID MeetEverywhere(VOID)
{
    LONG All = (LONG)KeQueryActiveProcessorCount(NULL);

    KeIpiGenericCall(Barrier, All);
    DbgPrint("barrier: met=%d most=%d of %d\n", Met, Most, All);
}

/* A deferred call waits for another processor's, and both, if it joins them, for a thread on a third one. */
static VOID MeetInCalls(BOOLEAN Joins)
{
    LONG All = Joins ? 3 : 2;
    LONG Index;

    KeSetSystemAffinityThread(1);
    for (Index = 0; Index < 2; Index++) {
        KeInitializeDpc(&Calls[Index], MeetInCall, (PVOID)(ULONG_PTR)All);
        KeSetTargetProcessorDpc(&Calls[Index], (CCHAR)(Index + 1));
        KeInsertQueueDpc(&Calls[Index], NULL, NULL);
    }
    if (Joins) {
        MeetTwice(All);
    }
    KeFlushQueuedDpcs();
    DbgPrint("calls: met=%d\n", Met);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"barrier")) {
        MeetEverywhere();
    } else if (IsNamed(RegistryPath, L"calls")) {
        MeetInCalls(FALSE);
    } else if (IsNamed(RegistryPath, L"joined")) {
        MeetInCalls(TRUE);
    } else {
        Observe();
    }
    return STATUS_SUCCESS;
}
