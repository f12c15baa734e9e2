/* Raises an exception and handles it. */
#include "seh.h"

static VOID NOINLINE Fail(VOID)
{
    ExRaiseStatus(STATUS_DEVICE_NOT_READY);
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    TRY_ALWAYS(Blanket, Fail(), DbgPrint("handled\n"));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
