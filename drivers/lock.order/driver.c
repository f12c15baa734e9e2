/* Acquires two spin locks in both orders. */
#include "kernel.h"

static KSPIN_LOCK Requests;
static KSPIN_LOCK Devices;

static NOINLINE VOID Submit(VOID)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(&Requests, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&Devices); HERE(); /* MARK: FIRST */
    KeReleaseSpinLockFromDpcLevel(&Devices);
    KeReleaseSpinLock(&Requests, OldIrql);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;

    UNUSED(DriverObject);
    Submit();
    KeAcquireSpinLock(&Devices, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&Requests); HERE(); /* MARK: CRIME */
    KeReleaseSpinLockFromDpcLevel(&Requests);
    KeReleaseSpinLock(&Devices, OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Requests);
    KeInitializeSpinLock(&Devices);
    return STATUS_SUCCESS;
}
