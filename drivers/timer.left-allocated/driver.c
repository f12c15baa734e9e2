/* Allocates a timer and does not delete it. */
#include "kernel.h"

static PEX_TIMER Timer;

static VOID NTAPI Expired(PEX_TIMER Timer, PVOID Context)
{
    UNUSED(Timer);
    UNUSED(Context);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Timer = ExAllocateTimer(Expired, NULL, 0); HERE(); /* MARK: CRIME */
    return STATUS_SUCCESS;
}
