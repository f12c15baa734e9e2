/* Frees an address that a pool allocation returned. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Buffer = ExAllocatePool(PagedPool, 64);

    UNUSED(DriverObject);
    HIDE(Buffer);
    if (Buffer != NULL) {
        ExFreePool(Buffer);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
