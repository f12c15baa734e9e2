/* Acquires two guarded mutexes, one inside the other. */
#include "kernel.h"

static KGUARDED_MUTEX Mutex;
static KGUARDED_MUTEX Inner;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeAcquireGuardedMutex(&Mutex);
    KeAcquireGuardedMutex(&Inner);
    KeReleaseGuardedMutex(&Inner);
    KeReleaseGuardedMutex(&Mutex);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeGuardedMutex(&Mutex);
    KeInitializeGuardedMutex(&Inner);
    return STATUS_SUCCESS;
}
