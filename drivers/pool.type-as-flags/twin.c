/* Passes pool flags to a routine that takes them. */
#include "kernel.h"

#define TAG 'ffuB' /* Buff */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Buffer;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Buffer = ExAllocatePool2(POOL_FLAG_NON_PAGED, 200, TAG);
    if (Buffer != NULL) {
        ExFreePoolWithTag(Buffer, TAG);
    }
    return STATUS_SUCCESS;
}
