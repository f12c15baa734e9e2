/* A thread leaves its critical region before it ends. */
#include "join.h"

static PVOID Thread;

static VOID NTAPI Run(PVOID Context)
{
    UNUSED(Context);
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    PsTerminateSystemThread(STATUS_SUCCESS); HERE();
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
