/* Frees a block under a tag that it was not allocated with. */
#include "kernel.h"

#define TAG 'enaM' /* Mane */
#define OTHER_TAG 'niaM' /* Main */

static PVOID Record;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePoolWithTag(Record, OTHER_TAG); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Record = ExAllocatePoolWithTag(NonPagedPoolNx, 200, TAG); HERE(); /* MARK: ALLOCATED */
    if (Record == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
