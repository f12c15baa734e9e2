/* A thread ends in a critical region. */
#include "join.h"

static PVOID Thread;

static VOID NTAPI Run(PVOID Context)
{
    UNUSED(Context);
    KeEnterCriticalRegion();
    PsTerminateSystemThread(STATUS_SUCCESS); HERE(); /* MARK: CRIME */
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    JoinThread(Thread);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Thread = StartThread(Run, NULL);
    return STATUS_SUCCESS;
}
