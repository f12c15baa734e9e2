/* Waits for its deferred procedure call of low importance. */
#include "kernel.h"

#define TAG ' cpD'

static VOID NTAPI Deferred(PKDPC Dpc, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Dpc);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PKDPC Dpc = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Dpc), TAG);

    UNUSED(DriverObject);
    KeInitializeDpc(Dpc, Deferred, NULL);
    KeSetImportanceDpc(Dpc, LowImportance);
    KeInsertQueueDpc(Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
    ExFreePoolWithTag(Dpc, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
