/* Writes to a system address that nothing maps. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG64 *Slot = (volatile ULONG64 *)0xFFFFA00012345678;

    UNUSED(DriverObject);
    HIDE(Slot);
    *Slot = 0x1234; HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
