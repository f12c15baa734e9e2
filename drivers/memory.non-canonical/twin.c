/* Uses a pointer as a pointer. */
#include "kernel.h"

static volatile ULONG LastValue;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG Local = 0;
    volatile ULONG *Next = &Local;

    UNUSED(DriverObject);
    HIDE(Next);
    LastValue = *Next;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
