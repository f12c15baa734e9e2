/* Asks for more pool than there is, of a type that must succeed. */
#include "kernel.h"

#define TAG 'egaP' /* Page */

/* More than the machine has memory. */
#define LENGTH ((SIZE_T)1 << 40)

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Buffer;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Buffer = ExAllocatePoolWithTag(NonPagedPoolMustSucceed, LENGTH, TAG); HERE(); /* MARK: CRIME */
    ExFreePoolWithTag(Buffer, TAG);
    return STATUS_SUCCESS;
}
