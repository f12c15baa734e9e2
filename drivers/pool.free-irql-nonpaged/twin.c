/* Frees a nonpaged block at DISPATCH_LEVEL. */
#include "kernel.h"

#define TAG 'rqFN' /* NFqr */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Block;
    KIRQL OldIrql;

    UNUSED(DriverObject);
    Block = ExAllocatePoolWithTag(NonPagedPoolNx, 80, TAG);
    if (Block == NULL) {
        return;
    }
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    ExFreePool(Block);
    KeLowerIrql(OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
