/* Ends a thread with a status in place of an exception. */
#include "join.h"

static VOID NTAPI Work(PVOID Context)
{
    UNUSED(Context);
    PsTerminateSystemThread(STATUS_DEVICE_NOT_READY);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Thread;

    UNUSED(DriverObject);
    Thread = StartThread(Work, NULL);
    if (Thread != NULL) {
        JoinThread(Thread);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
