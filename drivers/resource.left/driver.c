/* Is unloaded without deleting a resource. */
#include "kernel.h"

static ERESOURCE Resource;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    DbgPrint("the resource stays\n");
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeResourceLite(&Resource); HERE(); /* MARK: RESOURCE */
    return STATUS_SUCCESS;
}
