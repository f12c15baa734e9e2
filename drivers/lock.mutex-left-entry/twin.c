/* Releases its mutex before DriverEntry returns. */
#include "join.h"

static KMUTEX Mutex;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeMutex(&Mutex, 0);
    WaitFor(&Mutex);
    KeReleaseMutex(&Mutex, FALSE);
    return STATUS_SUCCESS;
}
