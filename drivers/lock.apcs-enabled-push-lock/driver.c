/* Uses a push lock with normal procedure calls enabled. */
#include "kernel.h"

static EX_PUSH_LOCK Lock;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExAcquirePushLockShared(&Lock); HERE(); /* MARK: ACQUIRE */
    ExReleasePushLockShared(&Lock); HERE(); /* MARK: RELEASE */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializePushLock(&Lock);
    return STATUS_SUCCESS;
}
