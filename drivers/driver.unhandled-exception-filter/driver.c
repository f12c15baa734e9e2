/* Raises an exception that the one filter there is does not want. */
#include "seh.h"

static VOID NOINLINE Fail(VOID)
{
    ExRaiseStatus(STATUS_DEVICE_NOT_READY); HERE(); /* MARK: CRIME */
}

FILTER(Choosing)
{
    UNUSED(Frame);
    return Pointers->ExceptionRecord->ExceptionCode == (NTSTATUS)STATUS_ACCESS_VIOLATION ? EXCEPTION_EXECUTE_HANDLER
                                                          : EXCEPTION_CONTINUE_SEARCH;
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    TRY_EXCEPT(Choosing, Fail(), Choosing, DbgPrint("handled\n"));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
