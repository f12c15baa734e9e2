/* Calls a function of the INIT section after DriverEntry has returned. */
#include "kernel.h"

static volatile ULONG Scale;

/* On one line, since its first instruction is the one that is not there any more. */
static ULONG NOINLINE INIT_CODE ReadDefault(ULONG Old) { return Old * 10 + 7; } /* MARK: CRIME */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Scale = ReadDefault(Scale); HERE();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Scale = ReadDefault(1);
    return STATUS_SUCCESS;
}
