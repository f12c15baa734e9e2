/* Asks for more than there can be, and to be told so without an exception. */
#include "kernel.h"

#define TAG 'atuQ' /* Quta */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    const POOL_TYPE PoolType = (POOL_TYPE)(NonPagedPool | POOL_QUOTA_FAIL_INSTEAD_OF_RAISE);
    PVOID Block;

    UNUSED(DriverObject);
    Block = ExAllocatePoolWithQuotaTag(PoolType, (SIZE_T)1 << 46, TAG);
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
