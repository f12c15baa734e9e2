/* Uses a legacy routine with a tag that has neither a letter nor a digit. */
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
    Block = ExAllocatePoolWithTag(PagedPool, 40, '+--+'); HERE(); /* MARK: CRIME */
    return STATUS_SUCCESS;
}
