/* Raises the IRQL to a level below the current one. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;
    KIRQL InnerIrql;

    UNUSED(DriverObject);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    KeRaiseIrql(APC_LEVEL, &InnerIrql); HERE(); /* MARK: CRIME */
    KeLowerIrql(InnerIrql);
    KeLowerIrql(OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
