/* Lowers the IRQL before it returns. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeRaiseIrql(APC_LEVEL, &OldIrql);
    KeLowerIrql(OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL OldIrql;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    OldIrql = KeRaiseIrqlToDpcLevel();
    KeLowerIrql(OldIrql);
    return STATUS_SUCCESS;
}
