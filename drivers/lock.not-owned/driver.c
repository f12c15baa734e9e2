/* Releases a fast mutex twice. */
#include "kernel.h"

static FAST_MUTEX Mutex;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExAcquireFastMutex(&Mutex);
    ExReleaseFastMutex(&Mutex);
    KeEnterCriticalRegion();
    ExReleaseFastMutexUnsafe(&Mutex); HERE(); /* MARK: CRIME */
    KeLeaveCriticalRegion();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeFastMutex(&Mutex);
    return STATUS_SUCCESS;
}
