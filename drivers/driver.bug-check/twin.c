/* Would stop the machine if its own check failed. */
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
    if (Version != 2) {
        KeBugCheckEx(0xDEAD, 1, 2, 3, 4);
    }
    return STATUS_SUCCESS;
}
