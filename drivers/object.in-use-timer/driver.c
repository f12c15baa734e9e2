/* Initializes a timer that is set. */
#include "kernel.h"

static KTIMER Timer;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    LARGE_INTEGER Due;

    UNUSED(DriverObject);
    KeInitializeTimer(&Timer);
    Due.QuadPart = -10000000;
    KeSetTimer(&Timer, Due, NULL);
    KeInitializeTimer(&Timer); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
