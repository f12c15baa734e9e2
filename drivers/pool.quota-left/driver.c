/* Charges pool quota to a process and returns only a part of it. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    PsReturnPoolQuota(PsGetCurrentProcess(), PagedPool, 600);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    PsChargePoolQuota(PsGetCurrentProcess(), PagedPool, 1000);
    return STATUS_SUCCESS;
}
