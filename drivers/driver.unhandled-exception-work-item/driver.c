/* Lets an exception of a quota allocation go unhandled in a work item. */
#include "kernel.h"

#define TAG 'krwQ' /* Qwrk */

static WORK_QUEUE_ITEM Item;
static KEVENT Done;

static VOID NTAPI Work(PVOID Parameter)
{
    PVOID Block;

    UNUSED(Parameter);
    Block = ExAllocatePoolWithQuotaTag(NonPagedPool, (SIZE_T)1 << 46, TAG); HERE(); /* MARK: CRIME */
    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
    }
    KeSetEvent(&Done, IO_NO_INCREMENT, FALSE);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    ExInitializeWorkItem(&Item, Work, NULL);
    ExQueueWorkItem(&Item, DelayedWorkQueue);
    KeWaitForSingleObject(&Done, Executive, KernelMode, FALSE, NULL);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
