/* Raises an exception where nobody handles it. */
#include "seh.h"

static VOID NOINLINE Fail(VOID)
{
    ExRaiseStatus(STATUS_DEVICE_NOT_READY); HERE(); /* MARK: CRIME */
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Fail();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
