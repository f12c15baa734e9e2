/* Leaves the critical region that its threaded deferred procedure call enters. */
#include "kernel.h"

static KDPC Dpc;

static VOID NTAPI Deferred(PKDPC Dpc, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Dpc);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeInitializeThreadedDpc(&Dpc, Deferred, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
