/* Frees a block when it closes its session, and again when it unloads. */
#include "kernel.h"

#define TAG 'ciwT' /* Twic */

static PVOID Session;

static VOID NOINLINE Close(VOID)
{
    ExFreePoolWithTag(Session, TAG); HERE(); /* MARK: FREED */
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Close();
    ExFreePoolWithTag(Session, TAG); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Session = ExAllocatePool2(POOL_FLAG_NON_PAGED, 96, TAG); HERE(); /* MARK: ALLOCATED */
    if (Session == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
