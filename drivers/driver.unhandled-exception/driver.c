/* Asks a routine that raises on failure for more than there can be. */
#include "kernel.h"

#define TAG 'atuQ' /* Quta */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Block;

    UNUSED(DriverObject);
    Block = ExAllocatePoolWithQuotaTag(NonPagedPool, (SIZE_T)1 << 46, TAG); HERE(); /* MARK: CRIME */
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
