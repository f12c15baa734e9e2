/* Acquires two spin locks always in the same order. */
#include "kernel.h"

static KSPIN_LOCK Requests;
static KSPIN_LOCK Devices;

static NOINLINE VOID Submit(VOID)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&Requests, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&Devices);
    KeReleaseSpinLockFromDpcLevel(&Devices);
    KeReleaseSpinLock(&Requests, OldIrql);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;

    UNUSED(DriverObject);
    Submit();
    KeAcquireSpinLock(&Requests, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&Devices);
    KeReleaseSpinLockFromDpcLevel(&Devices);
    KeReleaseSpinLock(&Requests, OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Requests);
    KeInitializeSpinLock(&Devices);
    return STATUS_SUCCESS;
}
