/* Waits at DISPATCH_LEVEL for a millisecond. */
#include "join.h"

static KEVENT Event;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    LARGE_INTEGER Timeout;
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    Timeout.QuadPart = MILLISECONDS(1);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout); HERE(); /* MARK: CRIME */
    KeLowerIrql(OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    return STATUS_SUCCESS;
}
