/* Sets an event. */
#include "join.h"

static KEVENT Event;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE); HERE();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    return STATUS_SUCCESS;
}
