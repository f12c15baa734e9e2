/* Acquires a queued spin lock that it holds. */
#include "kernel.h"

static KSPIN_LOCK Lock;
static KSPIN_LOCK Inner;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KLOCK_QUEUE_HANDLE First, Second;

    UNUSED(DriverObject);
    KeAcquireInStackQueuedSpinLock(&Lock, &First);
    KeAcquireInStackQueuedSpinLockAtDpcLevel(&Lock, &Second); HERE(); /* MARK: CRIME */
    KeReleaseInStackQueuedSpinLockFromDpcLevel(&Second);
    KeReleaseInStackQueuedSpinLock(&First);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Lock);
    KeInitializeSpinLock(&Inner);
    return STATUS_SUCCESS;
}
