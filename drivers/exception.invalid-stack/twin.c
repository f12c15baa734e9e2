/* Handles an exception, which unwinds to the frame that asked for it. */
#include "seh.h"

static volatile BOOLEAN Handled;

FILTER(Always)
{
    UNUSED(Pointers);
    UNUSED(Frame);
    return EXCEPTION_EXECUTE_HANDLER;
}

static VOID NOINLINE Raise(VOID)
{
    ExRaiseStatus(STATUS_UNSUCCESSFUL);
}

static VOID SCOPED Leave(VOID)
{
    TRY_EXCEPT(Leave, Raise(), Always, Handled = TRUE);
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
