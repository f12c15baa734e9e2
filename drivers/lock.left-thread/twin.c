/* Ends a thread that has released its push lock. */
#include "join.h"

static EX_PUSH_LOCK Lock;

static VOID NTAPI Work(PVOID Context)
{
    UNUSED(Context);
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Lock);
    ExReleasePushLockExclusive(&Lock);
    KeLeaveCriticalRegion();
    PsTerminateSystemThread(STATUS_SUCCESS);
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
    ExInitializePushLock(&Lock);
    return STATUS_SUCCESS;
}
