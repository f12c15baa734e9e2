/* Releases a mutex that another thread has. */
#include "join.h"

static KMUTEX Mutex;

static VOID NTAPI Work(PVOID Context)
{
    UNUSED(Context);
    KeReleaseMutex(&Mutex, FALSE); HERE(); /* MARK: CRIME */
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Thread;

    UNUSED(DriverObject);
    WaitFor(&Mutex);
    Thread = StartThread(Work, NULL);
    if (Thread != NULL) {
        JoinThread(Thread);
    }
    KeReleaseMutex(&Mutex, FALSE);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeMutex(&Mutex, 0);
    return STATUS_SUCCESS;
}
