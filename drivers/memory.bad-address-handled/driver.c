/* Reads a system address of this machine that nothing maps, with a handler for everything around it. */
#include "seh.h"

static VOID NOINLINE Look(ULONG_PTR Address)
{
    volatile ULONG *Register = (volatile ULONG *)Address;

    HIDE(Register);
    (void)*Register; HERE(); /* MARK: CRIME */
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    TRY_ALWAYS(Blanket, Look(0x20FF00000000), DbgPrint("handled\n"));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
