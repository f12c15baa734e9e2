/* Waits for the routine of its work item before it is unloaded. */
#include "kernel.h"

static WORK_QUEUE_ITEM Item;

static VOID Wait(ULONG Milliseconds)
{
    LARGE_INTEGER Delay;

    Delay.QuadPart = -10000LL * Milliseconds;
    KeDelayExecutionThread(KernelMode, FALSE, &Delay);
}

static VOID NTAPI Work(PVOID Parameter)
{
    UNUSED(Parameter);
    Wait(10);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExInitializeWorkItem(&Item, Work, NULL);
    ExQueueWorkItem(&Item, DelayedWorkQueue);
    Wait(20);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
