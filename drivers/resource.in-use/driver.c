/* Deletes a resource that it has. */
#include "kernel.h"

static ERESOURCE Resource;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExEnterCriticalRegionAndAcquireResourceShared(&Resource);
    ExDeleteResourceLite(&Resource); HERE(); /* MARK: CRIME */
    KeLeaveCriticalRegion();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeResourceLite(&Resource);
    return STATUS_SUCCESS;
}
