/* Takes a deferred procedure call out of its queue before it frees its memory. */
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
    KIRQL Old;

    UNUSED(DriverObject);
    KeInitializeDpc(Dpc, Deferred, NULL);
    Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(Dpc, NULL, NULL);
    KeRemoveQueueDpc(Dpc);
    ExFreePoolWithTag(Dpc, TAG);
    KeLowerIrql(Old);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
