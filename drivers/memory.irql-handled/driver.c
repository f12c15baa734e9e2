/* Reads a user-range address at DISPATCH_LEVEL, with a handler for everything around it. */
#include "seh.h"

static VOID NOINLINE Look(ULONG_PTR Address)
{
    volatile ULONG *Register = (volatile ULONG *)Address;

    HIDE(Register);
    (void)*Register; HERE(); /* MARK: CRIME */
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql = KfRaiseIrql(DISPATCH_LEVEL);

    UNUSED(DriverObject);
    TRY_ALWAYS(Blanket, Look(0x10000), DbgPrint("handled\n"));
    KeLowerIrql(OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
