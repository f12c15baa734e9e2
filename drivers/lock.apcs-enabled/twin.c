/* Uses a resource in a critical region. */
#include "kernel.h"

static ERESOURCE Resource;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
    ExReleaseResourceAndLeaveCriticalRegion(&Resource);
    ExDeleteResourceLite(&Resource);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeResourceLite(&Resource);
    return STATUS_SUCCESS;
}
