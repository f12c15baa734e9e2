/* Returns from a work item's routine owning a mutex. */
#include "kernel.h"

static WORK_QUEUE_ITEM Item;
static KMUTEX Mutex;

static VOID NTAPI Work(PVOID Parameter)
{
    UNUSED(Parameter);
    KeWaitForSingleObject(&Mutex, Executive, KernelMode, FALSE, NULL);
}

static VOID Wait(ULONG Milliseconds)
{
    LARGE_INTEGER Delay;

    Delay.QuadPart = -10000LL * Milliseconds;
    KeDelayExecutionThread(KernelMode, FALSE, &Delay);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeInitializeMutex(&Mutex, 0);
    ExInitializeWorkItem(&Item, Work, NULL);
    ExQueueWorkItem(&Item, DelayedWorkQueue);
    Wait(1);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
