/* Cancels the timer in its image. */
#include "kernel.h"

static KTIMER Timer;
static KDPC Dpc;

static VOID NTAPI Deferred(PKDPC Dpc, PVOID Context, PVOID First, PVOID Second)
{
    UNUSED(Dpc);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    LARGE_INTEGER Due;

    UNUSED(DriverObject);
    KeInitializeTimer(&Timer);
    KeInitializeDpc(&Dpc, Deferred, NULL);
    Due.QuadPart = -100000;
    KeSetTimer(&Timer, Due, &Dpc);
    KeCancelTimer(&Timer);
    KeFlushQueuedDpcs();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
