/* Writes to its own variable. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG64 *Thread;
    volatile ULONG64 *Stack = (volatile ULONG64 *)&Thread;

    UNUSED(DriverObject);
    Thread = Stack;
    *Thread = 0x5A5A5A5A5A5A5A5A;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
