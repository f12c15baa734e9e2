/* Allocates nonpaged pool at DISPATCH_LEVEL. */
#include "kernel.h"

#define TAG 'rqAN' /* NAqr */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Block;
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 128, TAG);
    KeLowerIrql(OldIrql);
    if (Block != NULL) {
        ExFreePoolWithTag(Block, TAG);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
