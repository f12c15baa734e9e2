/* Releases a reader-writer spin lock as it acquired it. */
#include "kernel.h"

static EX_SPIN_LOCK Lock;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;

    UNUSED(DriverObject);
    OldIrql = ExAcquireSpinLockShared(&Lock);
    ExReleaseSpinLockShared(&Lock, OldIrql);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    return STATUS_SUCCESS;
}
