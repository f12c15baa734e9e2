/* Clocks, and calls with more stack. */
#include "rows.h"

#define SHARED(Offset) (*(volatile ULONG64 *)(0xFFFFF78000000000ULL + (Offset)))

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

static VOID Clocks(VOID)
{
    LARGE_INTEGER Frequency, First, Second, System, Precise, Ticks, Local, Back, Delay;
    ULONGLONG Interrupt, Later;
    ULONG64 Counter;

    First = KeQueryPerformanceCounter(&Frequency);
    Second = KeQueryPerformanceCounter(NULL);
    DbgPrint("counter: grows=%u frequency=%I64u\n", Second.QuadPart > First.QuadPart, Frequency.QuadPart);
    KeQuerySystemTime(&System);
    KeQuerySystemTimePrecise(&Precise);
    DbgPrint("system: %I64u\n", System.QuadPart);
    DbgPrint("shown: %u\n", SHARED(0x14) == (ULONG64)Precise.QuadPart);
    Interrupt = KeQueryInterruptTime();
    Later = KeQueryInterruptTimePrecise(&Counter);
    DbgPrint("interrupt: grows=%u counter=%u since-1601=%u\n", Later > Interrupt, Counter == Later,
             (ULONG64)System.QuadPart > Later);
    Interrupt = KeQueryInterruptTime();
    KeStallExecutionProcessor(50);
    DbgPrint("stall: %I64u\n", KeQueryInterruptTime() - Interrupt);
    KeQueryTickCount(&Ticks);
    First = Ticks;
    Delay.QuadPart = -10LL * KeQueryTimeIncrement();
    KeDelayExecutionThread(KernelMode, FALSE, &Delay);
    KeQueryTickCount(&Ticks);
    DbgPrint("ticks: %I64u increment=%u\n", Ticks.QuadPart - First.QuadPart, KeQueryTimeIncrement());
    ExSystemTimeToLocalTime(&System, &Local);
    ExLocalTimeToSystemTime(&Local, &Back);
    DbgPrint("local: %u\n", Back.QuadPart == System.QuadPart);
    /* A loop that polls a clock ends. */
    Interrupt = KeQueryInterruptTime() + 100000;
    while (KeQueryInterruptTime() < Interrupt) {
    }
    DbgPrint("polled: 1\n");
    DbgPrint("mode: %u resolution=%u\n", ExGetPreviousMode(), ExSetTimerResolution(10000, TRUE));
    ExSetTimerResolution(0, FALSE);
}

static ULONG Used;

/* Uses as much stack as the parameter says. */
static VOID NTAPI UseStack(PVOID Parameter)
{
    volatile UCHAR *Bytes = __builtin_alloca((SIZE_T)(ULONG_PTR)Parameter);
    SIZE_T Index;

    for (Index = 0; Index < (SIZE_T)(ULONG_PTR)Parameter; Index += 512) {
        Bytes[Index] = 1;
    }
    Used++;
}

static VOID NTAPI Nested(PVOID Parameter)
{
    NTSTATUS Status = KeExpandKernelStackAndCallout(UseStack, Parameter, (SIZE_T)(ULONG_PTR)Parameter + 512);

    DbgPrint("nested: status=%x used=%u\n", Status, Used);
}

static VOID Stacks(VOID)
{
    KIRQL Old;
    NTSTATUS Status;

    Status = KeExpandKernelStackAndCallout(UseStack, (PVOID)1024, 4096);
    DbgPrint("small: status=%x used=%u\n", Status, Used);
    Status = KeExpandKernelStackAndCallout(UseStack, (PVOID)0x10000, MAXIMUM_EXPANSION_SIZE);
    DbgPrint("large: status=%x used=%u\n", Status, Used);
    KeExpandKernelStackAndCallout(Nested, (PVOID)0x10000, 4096);
    Status = KeExpandKernelStackAndCalloutEx(UseStack, (PVOID)64, MAXIMUM_EXPANSION_SIZE + 1, FALSE, NULL);
    DbgPrint("too-large: status=%x used=%u\n", Status, Used);
    Old = KeRaiseIrqlToDpcLevel();
    Status = KeExpandKernelStackAndCalloutEx(UseStack, (PVOID)0x8000, 0x9000, FALSE, NULL);
    DbgPrint("dispatch: status=%x used=%u\n", Status, Used);
    Status = KeExpandKernelStackAndCalloutEx(UseStack, (PVOID)64, 4096, TRUE, NULL);
    DbgPrint("dispatch-wait: status=%x used=%u\n", Status, Used);
    KeLowerIrql(Old);
}

static ULONG Depth;

/* Needs another stack each time. */
static VOID NTAPI Deeper(PVOID Parameter)
{
    volatile UCHAR Page[PAGE_SIZE];
    NTSTATUS Status;

    Page[0] = 1;
    Depth++;
    Status = KeExpandKernelStackAndCalloutEx(Deeper, Parameter, MAXIMUM_EXPANSION_SIZE, TRUE, NULL);
    if (!NT_SUCCESS(Status)) {
        DbgPrint("deepest: status=%x depth=%u\n", Status, Depth);
    }
}

/* Leaves the machine without memory for a moment. */
static VOID WithoutMemory(VOID)
{
    PHYSICAL_ADDRESS Highest;
    PVOID *Block, *Last = NULL;
    NTSTATUS Status;

    Highest.QuadPart = -1;
    while ((Block = MmAllocateContiguousMemory(PAGE_SIZE, Highest)) != NULL) {
        *Block = Last;
        Last = Block;
    }
    Status = KeExpandKernelStackAndCalloutEx(UseStack, (PVOID)64, MAXIMUM_EXPANSION_SIZE, FALSE, NULL);
    while ((Block = Last) != NULL) {
        Last = *Block;
        MmFreeContiguousMemory(Block);
    }
    DbgPrint("no-memory: status=%x used=%u\n", Status, Used);
    Status = KeExpandKernelStackAndCalloutEx(UseStack, (PVOID)64, MAXIMUM_EXPANSION_SIZE, FALSE, NULL);
    DbgPrint("memory: status=%x used=%u\n", Status, Used);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL Old;

    DriverObject->DriverUnload = DriverUnload;
    if (IsNamed(RegistryPath, L"callout-dispatch")) {
        Old = KeRaiseIrqlToDpcLevel();
        KeExpandKernelStackAndCallout(UseStack, (PVOID)64, 4096);
        KeLowerIrql(Old);
    } else if (IsNamed(RegistryPath, L"callout-ex-high")) {
        Old = KfRaiseIrql(CLOCK_LEVEL);
        KeExpandKernelStackAndCalloutEx(UseStack, (PVOID)64, 4096, FALSE, NULL);
        KeLowerIrql(Old);
    } else if (IsNamed(RegistryPath, L"deep")) {
        KeExpandKernelStackAndCallout(Deeper, NULL, MAXIMUM_EXPANSION_SIZE);
        /* Every stack is free again. */
        Depth = 0;
        KeExpandKernelStackAndCallout(UseStack, (PVOID)0x10000, MAXIMUM_EXPANSION_SIZE);
        DbgPrint("afterwards: used=%u\n", Used);
    } else if (IsNamed(RegistryPath, L"without-memory")) {
        WithoutMemory();
    } else {
        Clocks();
        Stacks();
    }
    return STATUS_SUCCESS;
}
