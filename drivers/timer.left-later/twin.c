/* Cancels a timer that would expire in an hour. */
#include "kernel.h"

static KTIMER Timer;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    LARGE_INTEGER Due;

    UNUSED(DriverObject);
    KeInitializeTimer(&Timer);
    Due.QuadPart = -36000000000LL;
    KeSetTimer(&Timer, Due, NULL);
    KeCancelTimer(&Timer);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
