/* Queues a deferred procedure call that it did not initialize. */
#include "kernel.h"

static KDPC Dpc;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeInsertQueueDpc(&Dpc, NULL, NULL); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
