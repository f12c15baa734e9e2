/* Returns from DriverEntry and owns a mutex. */
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
    return STATUS_SUCCESS;
}
