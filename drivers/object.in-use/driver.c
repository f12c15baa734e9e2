/* Initializes an event that a thread waits for. */
#include "join.h"

static KEVENT Event;
static PVOID Thread;

static VOID NTAPI Run(PVOID Context)
{
    LARGE_INTEGER Timeout;

    UNUSED(Context);
    Timeout.QuadPart = MILLISECONDS(10000);
    KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &Timeout);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeInitializeEvent(&Event, NotificationEvent, FALSE); HERE(); /* MARK: CRIME */
    JoinThread(Thread);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Thread = StartThread(Run, NULL);
    Sleep(MILLISECONDS(1));
    return STATUS_SUCCESS;
}
