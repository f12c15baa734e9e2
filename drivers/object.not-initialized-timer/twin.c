/* Initializes a timer and sets it. */
#include "kernel.h"

static KTIMER Timer;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    LARGE_INTEGER Due;

    UNUSED(DriverObject);
    KeInitializeTimer(&Timer);
    Due.QuadPart = -10000;
    KeSetTimer(&Timer, Due, NULL);
    KeCancelTimer(&Timer);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
