/* Reads a system address where Windows keeps its kernel that nothing maps. */
#include "kernel.h"

static volatile ULONG LastValue;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    volatile ULONG *Register = (volatile ULONG *)0xFFFFF80000000000;

    UNUSED(DriverObject);
    HIDE(Register);
    LastValue = *Register; HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
