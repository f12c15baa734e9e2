/* Sets a timer that it did not initialize. */
#include "kernel.h"

static KTIMER Timer;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    LARGE_INTEGER Due;

    UNUSED(DriverObject);
    Due.QuadPart = -10000;
    KeSetTimer(&Timer, Due, NULL); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
