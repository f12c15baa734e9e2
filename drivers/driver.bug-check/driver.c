/* Stops the machine when its own check fails. */
#include "kernel.h"

static volatile ULONG Version = 2;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    if (Version != 3) {
        KeBugCheckEx(0xDEAD, 1, 2, 3, 4); /* MARK: CRIME */
    }
    return STATUS_SUCCESS;
}
