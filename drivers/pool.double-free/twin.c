/* Forgets its session when it closes it, so that unloading does not free it again. */
#include "kernel.h"

#define TAG 'ciwT' /* Twic */

static PVOID Session;

static VOID NOINLINE Close(VOID)
{
    ExFreePoolWithTag(Session, TAG);
    Session = NULL;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Close();
    if (Session != NULL) {
        ExFreePoolWithTag(Session, TAG);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Session = ExAllocatePool2(POOL_FLAG_NON_PAGED, 96, TAG);
    if (Session == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return STATUS_SUCCESS;
}
