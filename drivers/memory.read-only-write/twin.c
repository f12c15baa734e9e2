/* Writes to a variable. */
#include "kernel.h"

static ULONG Limits[4] = {10, 20, 30, 40};

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG *Limit = (volatile ULONG *)&Limits[1];

    UNUSED(DriverObject);
    HIDE(Limit);
    *Limit = 5;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
