/* Releases a semaphore up to its limit in a deferred procedure call. */
#include "kernel.h"

static KSEMAPHORE Semaphore;
static KDPC Dpc;

static VOID NTAPI Call(PKDPC Object, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Object);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    KeReleaseSemaphore(&Semaphore, IO_NO_INCREMENT, 1, FALSE);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeInitializeSemaphore(&Semaphore, 1, 2);
    KeInitializeDpc(&Dpc, Call, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
