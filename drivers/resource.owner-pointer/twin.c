/* Gives a resource to a pointer with its marks. */
#include "kernel.h"

static ERESOURCE Resource;
static ULONG Owner;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExEnterCriticalRegionAndAcquireResourceExclusive(&Resource);
    ExSetResourceOwnerPointer(&Resource, (PVOID)((ULONG_PTR)&Owner | 3));
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)&Owner | 3);
    KeLeaveCriticalRegion();
    ExDeleteResourceLite(&Resource);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeResourceLite(&Resource);
    return STATUS_SUCCESS;
}
