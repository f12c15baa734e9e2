/* Returns from DriverEntry and from its unload routine at a raised IRQL. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeRaiseIrql(APC_LEVEL, &OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    KIRQL OldIrql;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    OldIrql = KeRaiseIrqlToDpcLevel();
    if (OldIrql != PASSIVE_LEVEL) {
        KeLowerIrql(OldIrql);
    }
    return STATUS_SUCCESS;
}
