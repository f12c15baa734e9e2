/* Processors: how many, which one, and all at once. */
#include "rows.h"

static volatile LONG Inside, Most, Runs;
static volatile LONG64 RanOn;
static KIRQL LowestLevel = HIGH_LEVEL;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static ULONG_PTR NTAPI Everywhere(ULONG_PTR Context)
{
    LONG Now = __sync_add_and_fetch(&Inside, 1);

    if (Now > Most) {
        Most = Now;
    }
    if (KeGetCurrentIrql() < LowestLevel) {
        LowestLevel = KeGetCurrentIrql();
    }
    RanOn |= 1LL << KeGetCurrentProcessorNumber();
    __sync_add_and_fetch(&Runs, 1);
    __sync_sub_and_fetch(&Inside, 1);
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

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Observe();
    return STATUS_SUCCESS;
}
