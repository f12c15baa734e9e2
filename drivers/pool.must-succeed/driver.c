/* Asks for the must-succeed pool. */
#include "kernel.h"

static PVOID Block;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    if (Block != NULL) {
        ExFreePool(Block);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Block = ExAllocatePool(NonPagedPoolMustSucceed, 64); HERE(); /* MARK: CRIME */
    return STATUS_SUCCESS;
}
