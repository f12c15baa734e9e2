/* Releases a reference to its thread once. */
#include "join.h"

static PVOID Thread;
static KEVENT Event;

static VOID NTAPI Run(PVOID Context)
{
    UNUSED(Context);
    WaitFor(&Event);
    PsTerminateSystemThread(STATUS_SUCCESS); HERE();
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    JoinThread(Thread);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Thread = StartThread(Run, NULL);
    return STATUS_SUCCESS;
}
