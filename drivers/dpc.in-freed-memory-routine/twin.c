/* Takes a deferred procedure call out of its queue before it frees its routine. */
#include "kernel.h"

#define TAG ' cpD'

static KDPC Dpc;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    static const UCHAR Return[] = {0xC3};
    PUCHAR Code = ExAllocatePoolWithTag(NonPagedPoolExecute, 64, TAG);
    KIRQL Old;

    UNUSED(DriverObject);
    RtlCopyMemory(Code, Return, sizeof(Return));
    KeInitializeDpc(&Dpc, (PKDEFERRED_ROUTINE)(ULONG_PTR)Code, NULL);
    Old = KeRaiseIrqlToDpcLevel();
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeRemoveQueueDpc(&Dpc);
    ExFreePoolWithTag(Code, TAG);
    KeLowerIrql(Old);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
