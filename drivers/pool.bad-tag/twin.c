/* Uses a legacy routine with a tag of four letters. */
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
    Block = ExAllocatePoolWithTag(PagedPool, 40, 'goog');
    return STATUS_SUCCESS;
}
