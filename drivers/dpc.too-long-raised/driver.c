/* Stays at DISPATCH_LEVEL for two minutes. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL Old = KeRaiseIrqlToDpcLevel();
    ULONG Turn;

    UNUSED(DriverObject);
    for (Turn = 0; Turn < 130; Turn++) {
        KeStallExecutionProcessor(1000000); HERE(); /* MARK: CRIME */
    }
    KeLowerIrql(Old);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
