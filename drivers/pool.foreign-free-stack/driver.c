/* Frees a buffer that lies on the stack. */
#include "kernel.h"

#define TAG 'kcts' /* stck */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    __attribute__((aligned(16))) UCHAR Local[64];
    PVOID Buffer = Local;

    UNUSED(DriverObject);
    HIDE(Buffer);
    ExFreePoolWithTag(Buffer, TAG); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
