/* Acquires two fast mutexes, one inside the other. */
#include "kernel.h"

static FAST_MUTEX Mutex;
static FAST_MUTEX Inner;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExAcquireFastMutex(&Mutex);
    ExAcquireFastMutex(&Inner);
    ExReleaseFastMutex(&Inner);
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
