/* A thread that looks before it waits, and a wake-up that stays until it is waited for. */
#include "races.h"

static KEVENT Event;
static volatile LONG Done;

static VOID NTAPI First(PVOID Context)
{
    UNUSED(Context);
    if (!Done) {
        KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL); HERE();
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI Second(PVOID Context)
{
    UNUSED(Context);
    Done = TRUE;
    KeSetEvent(&Event, IO_NO_INCREMENT, FALSE);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    WaitForBoth();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeEvent(&Event, NotificationEvent, FALSE);
    Status = Begin(0, First);
    if (NT_SUCCESS(Status)) {
        Status = Begin(1, Second);
    }
    if (!NT_SUCCESS(Status)) {
        WaitForBoth();
    }
    return Status;
}
