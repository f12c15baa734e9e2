/* Acquires a spin lock in memory that was never initialized. */
#include "kernel.h"

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PKSPIN_LOCK Lock;
    KIRQL OldIrql;

    UNUSED(DriverObject);
    Lock = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Lock), 'kcoL');
    if (Lock == NULL) {
        return;
    }
    KeAcquireSpinLock(Lock, &OldIrql); HERE(); /* MARK: CRIME */
    KeReleaseSpinLock(Lock, OldIrql);
    ExFreePoolWithTag(Lock, 'kcoL');
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
