/* Acquires a spin lock that it holds. */
#include "kernel.h"

static KSPIN_LOCK Lock;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeAcquireSpinLock(&Lock, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(&Lock); HERE(); /* MARK: CRIME */
    KeReleaseSpinLockFromDpcLevel(&Lock);
    KeReleaseSpinLock(&Lock, OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Lock);
    return STATUS_SUCCESS;
}
