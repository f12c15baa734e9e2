/* Frees a paged block at DISPATCH_LEVEL. */
#include "kernel.h"

#define TAG 'rqFP' /* PFqr */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Block;
    KIRQL OldIrql;

    UNUSED(DriverObject);
    Block = ExAllocatePool2(POOL_FLAG_PAGED, 80, TAG); HERE(); /* MARK: ALLOCATED */
    if (Block == NULL) {
        return;
    }
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    ExFreePoolWithTag(Block, TAG); HERE(); /* MARK: CRIME */
    KeLowerIrql(OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
