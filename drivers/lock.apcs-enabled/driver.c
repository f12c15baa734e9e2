/* Uses a resource with normal procedure calls enabled. */
#include "kernel.h"

static ERESOURCE Resource;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExAcquireResourceExclusiveLite(&Resource, TRUE); HERE(); /* MARK: ACQUIRE */
    ExReleaseResourceLite(&Resource); HERE(); /* MARK: RELEASE */
    ExDeleteResourceLite(&Resource);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeResourceLite(&Resource);
    return STATUS_SUCCESS;
}
