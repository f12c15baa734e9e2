/* Reads through a null pointer, and the one filter there is does not want that. */
#include "seh.h"

static VOID NOINLINE Look(ULONG_PTR Address)
{
    volatile ULONG *Register = (volatile ULONG *)Address;

    HIDE(Register);
    (void)*Register; HERE(); /* MARK: CRIME */
}

FILTER(Choosing)
{
    UNUSED(Frame);
    return Pointers->ExceptionRecord->ExceptionCode == (NTSTATUS)STATUS_IN_PAGE_ERROR ? EXCEPTION_EXECUTE_HANDLER
                                                          : EXCEPTION_CONTINUE_SEARCH;
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    TRY_EXCEPT(Choosing, Look(0x18), Choosing, DbgPrint("handled\n"));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
