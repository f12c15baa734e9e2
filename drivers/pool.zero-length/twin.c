/* Asks for a block of one byte. */
#include "kernel.h"

#define TAG 'oreZ' /* Zero */

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
    Block = ExAllocatePoolWithTag(NonPagedPoolNx, 1, TAG);
    return STATUS_SUCCESS;
}
