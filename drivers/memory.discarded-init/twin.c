/* Calls the function of the INIT section from DriverEntry alone. */
#include "kernel.h"

static volatile ULONG Scale;

static ULONG NOINLINE INIT_CODE ReadDefault(ULONG Old) { return Old * 10 + 7; }

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Scale = 0;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Scale = ReadDefault(1);
    return STATUS_SUCCESS;
}
