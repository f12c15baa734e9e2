/* Cancels a timer before it frees its memory. */
#include "kernel.h"

#define TAG 'emiT'

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PKTIMER Timer = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Timer), TAG);
    LARGE_INTEGER Due;

    UNUSED(DriverObject);
    KeInitializeTimer(Timer);
    Due.QuadPart = -10000000;
    KeSetTimer(Timer, Due, NULL);
    KeCancelTimer(Timer);
    ExFreePoolWithTag(Timer, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
