/* Reads its own stack. */
#include "kernel.h"

static volatile ULONG LastValue;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG Local = 0;
    volatile ULONG *Register = &Local;

    UNUSED(DriverObject);
    HIDE(Register);
    LastValue = *Register;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
