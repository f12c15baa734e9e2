/* Writes to its own stack. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG64 Local = 0;
    volatile ULONG64 *Slot = &Local;

    UNUSED(DriverObject);
    HIDE(Slot);
    *Slot = 0x1234;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
