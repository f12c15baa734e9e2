/* Acquires a fast mutex that it has. */
#include "kernel.h"

static FAST_MUTEX Mutex;
static FAST_MUTEX Inner;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExAcquireFastMutex(&Mutex);
    ExAcquireFastMutex(&Mutex); HERE(); /* MARK: CRIME */
    ExReleaseFastMutex(&Mutex);
    ExReleaseFastMutex(&Mutex);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeFastMutex(&Mutex);
    ExInitializeFastMutex(&Inner);
    return STATUS_SUCCESS;
}
