/* Looks at DISPATCH_LEVEL whether an event is signalled. */
#include "join.h"

static KEVENT Event;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    LARGE_INTEGER Timeout;
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeRaiseIrql(DISPATCH_LEVEL, &OldIrql);
    Timeout.QuadPart = 0;
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout); HERE();
    KeLowerIrql(OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    return STATUS_SUCCESS;
}
