/* Reads a user-range address that nothing maps, with a handler for everything around it, which is what handlers are for. */
#include "seh.h"

static VOID NOINLINE Look(ULONG_PTR Address)
{
    volatile ULONG *Register = (volatile ULONG *)Address;

    HIDE(Register);
    (void)*Register;
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    TRY_ALWAYS(Blanket, Look(0x10000), DbgPrint("handled\n"));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
