/* Releases a mutex that it has acquired. */
#include "join.h"

static KMUTEX Mutex;

static VOID NTAPI Work(PVOID Context)
{
    UNUSED(Context);
    WaitFor(&Mutex);
    KeReleaseMutex(&Mutex, FALSE);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Thread;

    UNUSED(DriverObject);
    WaitFor(&Mutex);
    KeReleaseMutex(&Mutex, FALSE);
    Thread = StartThread(Work, NULL);
    if (Thread != NULL) {
        JoinThread(Thread);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeMutex(&Mutex, 0);
    return STATUS_SUCCESS;
}
