/* Frees its buffer only when it is not the one on the stack. */
#include "kernel.h"

#define TAG 'kcts' /* stck */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    __attribute__((aligned(16))) UCHAR Local[64];
    PVOID Buffer = Local;
    SIZE_T Needed = 128;

    UNUSED(DriverObject);
    HIDE(Needed);
    if (Needed > sizeof(Local)) {
        Buffer = ExAllocatePoolWithTag(NonPagedPoolNx, Needed, TAG);
    }
    if (Buffer != Local && Buffer != NULL) {
        ExFreePoolWithTag(Buffer, TAG);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
