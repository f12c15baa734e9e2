/* Returns with a push lock held. */
#include "kernel.h"

static EX_PUSH_LOCK Lock;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeEnterCriticalRegion();
    ExAcquirePushLockExclusive(&Lock);
    KeLeaveCriticalRegion();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializePushLock(&Lock);
    return STATUS_SUCCESS;
}
