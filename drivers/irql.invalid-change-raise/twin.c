/* Raises the IRQL in two steps. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;
    KIRQL InnerIrql;

    UNUSED(DriverObject);
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    KeRaiseIrql(DISPATCH_LEVEL, &InnerIrql);
    KeLowerIrql(InnerIrql);
    KeLowerIrql(OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
