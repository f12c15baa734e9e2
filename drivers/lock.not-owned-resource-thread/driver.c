/* Releases a resource for a thread that is none. */
#include "kernel.h"

static ERESOURCE Resource;
static ULONG Owner;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    ExReleaseResourceForThreadLite(&Resource, (ERESOURCE_THREAD)&Owner); HERE(); /* MARK: CRIME */
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
