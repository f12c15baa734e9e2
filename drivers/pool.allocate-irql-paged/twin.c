/* Allocates nonpaged pool at DISPATCH_LEVEL. */
#include "kernel.h"

#define TAG 'rqAP' /* PAqr */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Block;
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    Block = ExAllocatePoolWithTag(NonPagedPoolNx, 128, TAG);
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
