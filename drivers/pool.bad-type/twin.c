/* Asks for a pool type that the headers define. */
#include "kernel.h"

#define TAG 'epyT' /* Type */

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
    Block = ExAllocatePoolWithTag(NonPagedPoolNx, 64, TAG);
    return STATUS_SUCCESS;
}
