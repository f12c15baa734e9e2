/* Unwinds to a frame that is none: the address of a variable. */
#include "seh.h"

static volatile BOOLEAN Handled;

static VOID NOINLINE Leave(VOID)
{
    ULONG64 Frame = 0;

    RtlUnwind(&Frame, (PVOID)(ULONG_PTR)Leave, NULL, NULL); HERE(); /* MARK: CRIME */
    Handled = TRUE;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Leave();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
