/* Passes a pool type to a routine that takes pool flags. */
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
    Buffer = ExAllocatePool2(NonPagedPoolNx, 200, TAG); HERE(); /* MARK: CRIME */
    if (Buffer != NULL) {
        ExFreePoolWithTag(Buffer, TAG);
    }
    return STATUS_SUCCESS;
}
