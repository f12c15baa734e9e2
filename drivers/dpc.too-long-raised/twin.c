/* Stays at DISPATCH_LEVEL for a moment at a time. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    ULONG Turn;

    UNUSED(DriverObject);
    for (Turn = 0; Turn < 130; Turn++) {
        KeStallExecutionProcessor(1000000);
        KeLowerIrql(Old);
        Old = KeRaiseIrqlToDpcLevel();
    }
    KeLowerIrql(Old);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
