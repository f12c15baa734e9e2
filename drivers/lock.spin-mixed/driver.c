/* Uses one spin lock as an ordinary and as a queued one. */
#include "kernel.h"

static KSPIN_LOCK Lock;
static KSPIN_LOCK Queued;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KLOCK_QUEUE_HANDLE Handle;
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeAcquireSpinLock(&Lock, &OldIrql);
    KeReleaseSpinLock(&Lock, OldIrql);
    KeAcquireInStackQueuedSpinLock(&Lock, &Handle); HERE(); /* MARK: CRIME */
    KeReleaseInStackQueuedSpinLock(&Handle);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Lock);
    KeInitializeSpinLock(&Queued);
    return STATUS_SUCCESS;
}
