/* Acquires a guarded mutex that it has. */
#include "kernel.h"

static KGUARDED_MUTEX Mutex;
static KGUARDED_MUTEX Inner;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    KeAcquireGuardedMutex(&Mutex);
    KeAcquireGuardedMutex(&Mutex); HERE(); /* MARK: CRIME */
    KeReleaseGuardedMutex(&Mutex);
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
