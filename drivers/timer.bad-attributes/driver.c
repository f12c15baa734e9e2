/* Allocates a timer of a high resolution that wakes no processor. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PEX_TIMER Timer;

    UNUSED(DriverObject);
    Timer = ExAllocateTimer(NULL, NULL, EX_TIMER_NOTIFICATION | EX_TIMER_HIGH_RESOLUTION | EX_TIMER_NO_WAKE); HERE(); /* MARK: CRIME */
    if (Timer != NULL) {
        ExDeleteTimer(Timer, TRUE, TRUE, NULL);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
