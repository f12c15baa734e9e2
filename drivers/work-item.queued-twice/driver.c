/* Queues a work item again before its routine has been called. */
#include "kernel.h"

static WORK_QUEUE_ITEM Item;

static VOID NTAPI Work(PVOID Parameter)
{
    UNUSED(Parameter);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    ULONG Turn;

    UNUSED(DriverObject);
    ExInitializeWorkItem(&Item, Work, NULL);
    for (Turn = 0; Turn < 64; Turn++) {
        ExQueueWorkItem(&Item, DelayedWorkQueue); HERE(); /* MARK: CRIME */
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
