/* Uses data as a pointer. */
#include "kernel.h"

static volatile ULONG LastValue;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG *Next = (volatile ULONG *)0x4141414141414141;

    UNUSED(DriverObject);
    HIDE(Next);
    LastValue = *Next; HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
