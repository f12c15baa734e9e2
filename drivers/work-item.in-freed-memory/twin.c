/* Frees the memory of a work item in the item's routine. */
#include "kernel.h"

#define TAG 'kroW'

static VOID NTAPI Work(PVOID Parameter)
{
    ExFreePoolWithTag(Parameter, TAG);
}

static VOID Wait(ULONG Milliseconds)
{
    LARGE_INTEGER Delay;

    Delay.QuadPart = -10000LL * Milliseconds;
    KeDelayExecutionThread(KernelMode, FALSE, &Delay);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PWORK_QUEUE_ITEM Item;
    ULONG Turn;

    UNUSED(DriverObject);
    for (Turn = 0; Turn < 64; Turn++) {
        Item = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Item), TAG);
        ExInitializeWorkItem(Item, Work, Item);
        ExQueueWorkItem(Item, DelayedWorkQueue);
    }
    Wait(1);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
