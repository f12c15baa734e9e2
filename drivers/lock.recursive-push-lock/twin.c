/* Acquires a push lock twice for shared access, and once exclusively. */
#include "kernel.h"

static EX_PUSH_LOCK Lock;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeEnterCriticalRegion();
    ExAcquirePushLockShared(&Lock);
    ExAcquirePushLockShared(&Lock);
    ExReleasePushLockShared(&Lock);
    ExReleasePushLockShared(&Lock);
    ExAcquirePushLockExclusive(&Lock);
    ExReleasePushLockExclusive(&Lock);
    KeLeaveCriticalRegion();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializePushLock(&Lock);
    return STATUS_SUCCESS;
}
