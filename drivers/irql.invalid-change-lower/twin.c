/* Lowers the IRQL to where it was. */
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
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
