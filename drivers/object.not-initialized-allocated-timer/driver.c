/* Sets an allocated timer as if it were one of the driver's memory. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    LARGE_INTEGER Due;
    PEX_TIMER Timer;

    UNUSED(DriverObject);
    Timer = ExAllocateTimer(NULL, NULL, 0);
    if (Timer != NULL) {
        Due.QuadPart = -10000;
        KeSetTimer((PKTIMER)Timer, Due, NULL); HERE(); /* MARK: CRIME */
        KeWaitForSingleObject(Timer, Executive, KernelMode, FALSE, NULL);
        ExDeleteTimer(Timer, TRUE, TRUE, NULL);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
