/* Asks for cache-aligned pool, which nobody took away. */
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
    Block = ExAllocatePool(NonPagedPoolCacheAligned, 64);
    return STATUS_SUCCESS;
}
