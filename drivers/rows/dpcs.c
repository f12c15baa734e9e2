/* Deferred procedure calls. */
#include "rows.h"

static KDPC First, Second, Third;
static volatile LONG Calls;
static ULONG Order;
static KIRQL Level;
static ULONG RanOn;
static BOOLEAN Seen;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

/* Notes in which order calls come: each is a digit. */
static VOID NTAPI Note(PKDPC Dpc, PVOID Context, PVOID One, PVOID Two)
{
    UNUSED(Dpc);
    Level = KeGetCurrentIrql();
    RanOn = KeGetCurrentProcessorNumber();
    Seen = One == (PVOID)11 && Two == (PVOID)22;
    Order = 10 * Order + (ULONG)(ULONG_PTR)Context;
    Calls++;
}

/* Queues itself again: it is not queued while it runs. */
static VOID NTAPI Again(PKDPC Dpc, PVOID Context, PVOID One, PVOID Two)
{
    UNUSED(Context);
    UNUSED(One);
    UNUSED(Two);
    if (Calls++ == 0) {
        Seen = KeInsertQueueDpc(Dpc, NULL, NULL);
    }
}

static VOID Observe(VOID)
{
    KIRQL Old;
    BOOLEAN Queued, Twice, Removed, RemovedTwice;

    KeInitializeDpc(&First, Note, (PVOID)1);
    KeInitializeDpc(&Second, Note, (PVOID)2);
    KeInitializeDpc(&Third, Note, (PVOID)3);
    DbgPrint("object: type=%u size=%u\n", First.Type, (ULONG)sizeof(KDPC));
    Old = KeRaiseIrqlToDpcLevel();
    Queued = KeInsertQueueDpc(&First, (PVOID)11, (PVOID)22);
    Twice = KeInsertQueueDpc(&First, (PVOID)33, (PVOID)44);
    DbgPrint("queued: first=%u twice=%u calls=%d\n", Queued, Twice, Calls);
    KeLowerIrql(Old);
    DbgPrint("ran: calls=%d level=%u arguments=%u\n", Calls, Level, Seen);
    Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&First, NULL, NULL);
    Removed = KeRemoveQueueDpc(&First);
    RemovedTwice = KeRemoveQueueDpc(&First);
    KeLowerIrql(Old);
    DbgPrint("removed: %u twice=%u calls=%d\n", Removed, RemovedTwice, Calls);
    Order = 0;
    KeSetImportanceDpc(&Third, HighImportance);
    Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&First, NULL, NULL);
    KeInsertQueueDpc(&Second, NULL, NULL);
    KeInsertQueueDpc(&Third, NULL, NULL);
    KeLowerIrql(Old);
    DbgPrint("importance: %u\n", Order);
    KeSetImportanceDpc(&First, LowImportance);
    KeInsertQueueDpc(&First, NULL, NULL);
    KeFlushQueuedDpcs();
    DbgPrint("flushed: %d\n", Calls);
    Calls = 0;
    KeInitializeDpc(&First, Again, NULL);
    KeInsertQueueDpc(&First, NULL, NULL);
    KeFlushQueuedDpcs();
    KeFlushQueuedDpcs();
    DbgPrint("itself: queued=%u calls=%d\n", Seen, Calls);
    KeInitializeThreadedDpc(&Second, Note, (PVOID)2);
    KeInsertQueueDpc(&Second, NULL, NULL);
    KeFlushQueuedDpcs();
    DbgPrint("threaded: type=%u level=%u\n", Second.Type, Level);
}

static VOID OnOthers(VOID)
{
    PROCESSOR_NUMBER Number = {0, 2, 0};
    NTSTATUS Status, Missing;

    KeInitializeDpc(&First, Note, (PVOID)1);
    KeSetTargetProcessorDpc(&First, 3);
    KeInsertQueueDpc(&First, NULL, NULL);
    KeFlushQueuedDpcs();
    DbgPrint("target: %u\n", RanOn);
    Status = KeSetTargetProcessorDpcEx(&First, &Number);
    KeInsertQueueDpc(&First, NULL, NULL);
    KeFlushQueuedDpcs();
    Number.Number = 4;
    Missing = KeSetTargetProcessorDpcEx(&First, &Number);
    DbgPrint("target-ex: %u status=%x missing=%x\n", RanOn, Status, Missing);
}

/* What only a thread may do. */
static VOID NTAPI Switch(PKDPC Dpc, PVOID Context, PVOID One, PVOID Two)
{
    PUNICODE_STRING Name = Context;
    LARGE_INTEGER Delay;
    KAPC_STATE State;

    UNUSED(Dpc);
    UNUSED(One);
    UNUSED(Two);
    Delay.QuadPart = -10000;
    if (IsNamed(Name, L"waits")) {
        KeDelayExecutionThread(KernelMode, FALSE, &Delay);
    } else if (IsNamed(Name, L"attaches")) {
        KeStackAttachProcess(PsGetCurrentProcess(), &State);
    } else {
        ZwYieldExecution();
    }
    DbgPrint("survived: 1\n");
}

/* The level is raised, so that the call comes on this thread. */
static VOID SwitchInCall(PUNICODE_STRING Name)
{
    KIRQL Old;

    DbgPrint("thread: %I64u\n", (ULONG64)(ULONG_PTR)KeGetCurrentThread());
    DbgPrint("stack: %I64u\n", (ULONG64)(ULONG_PTR)&Old);
    KeInitializeDpc(&First, Switch, Name);
    Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&First, NULL, NULL);
    KeLowerIrql(Old);
}

/* The same where it is allowed. */
static VOID SwitchInThread(VOID)
{
    PEPROCESS Process = PsGetCurrentProcess();
    KAPC_STATE State;

    KeStackAttachProcess(Process, &State);
    DbgPrint("attached: same=%u\n", PsGetCurrentProcess() == Process);
    KeUnstackDetachProcess(&State);
    DbgPrint("yielded: %x\n", ZwYieldExecution());
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"others")) {
        OnOthers();
    } else if (IsNamed(RegistryPath, L"switches")) {
        SwitchInThread();
    } else if (IsNamed(RegistryPath, L"waits") || IsNamed(RegistryPath, L"attaches") ||
               IsNamed(RegistryPath, L"yields")) {
        SwitchInCall(RegistryPath);
    } else {
        Observe();
    }
    return STATUS_SUCCESS;
}
