/* Initializes a resource in paged pool. */
#include "kernel.h"

static PERESOURCE Resource;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExDeleteResourceLite(Resource);
    ExFreePoolWithTag(Resource, 'kcoL');
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Resource = ExAllocatePool2(POOL_FLAG_PAGED, sizeof(*Resource), 'kcoL');
    if (Resource == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ExInitializeResourceLite(Resource); HERE(); /* MARK: CRIME */
    return STATUS_SUCCESS;
}
