/* Releases a remove lock that nobody holds. */
#include "kernel.h"

static IO_REMOVE_LOCK Lock;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    IoReleaseRemoveLock(&Lock, &Lock); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    IoInitializeRemoveLock(&Lock, 'kcoL', 0, 0);
    return STATUS_SUCCESS;
}
