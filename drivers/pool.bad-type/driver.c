/* Asks for a pool type that no header defines. */
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
    Block = ExAllocatePoolWithTag(DontUseThisType, 64, TAG); HERE(); /* MARK: CRIME */
    return STATUS_SUCCESS;
}
