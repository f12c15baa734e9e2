/* Acquires two spin locks, one inside the other. */
#include "kernel.h"

static KSPIN_LOCK Lock;
static KSPIN_LOCK Inner;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeAcquireSpinLock(&Lock, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&Inner);
    KeReleaseSpinLockFromDpcLevel(&Inner);
    KeReleaseSpinLock(&Lock, OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Lock);
    KeInitializeSpinLock(&Inner);
    return STATUS_SUCCESS;
}
