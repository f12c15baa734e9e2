/* Waits in a deferred procedure call. */
#include "kernel.h"

static KDPC Dpc;

static VOID NTAPI Deferred(PKDPC Dpc, PVOID Context, PVOID First, PVOID Second)
{
    LARGE_INTEGER Delay;

    UNUSED(Dpc);
    UNUSED(Context);
    UNUSED(First);
    UNUSED(Second);
    Delay.QuadPart = -10000;
    KeDelayExecutionThread(KernelMode, FALSE, &Delay); HERE(); /* MARK: CRIME */
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeInitializeDpc(&Dpc, Deferred, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
