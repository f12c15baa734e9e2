/* Frees a nonpaged block above DISPATCH_LEVEL. */
#include "kernel.h"

#define TAG 'rqFN' /* NFqr */
#define DEVICE_LEVEL 5

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Block;
    KIRQL OldIrql;

    UNUSED(DriverObject);
    Block = ExAllocatePoolWithTag(NonPagedPoolNx, 80, TAG); HERE(); /* MARK: ALLOCATED */
    if (Block == NULL) {
        return;
    }
    KeRaiseIrql(DEVICE_LEVEL, &OldIrql);
    ExFreePool(Block); HERE(); /* MARK: CRIME */
    KeLowerIrql(OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
