/* Two threads take two spin locks, each in its own order. */
#include "races.h"

static KSPIN_LOCK Left;
static KSPIN_LOCK Right;
static LONG Shared;

static VOID TakeBoth(PKSPIN_LOCK Outer, PKSPIN_LOCK Inner)
{
    KIRQL OldIrql;

    KeAcquireSpinLock(Outer, &OldIrql);
    KeAcquireSpinLockAtDpcLevel(Inner); HERE();
    Shared++;
    KeReleaseSpinLockFromDpcLevel(Inner);
    KeReleaseSpinLock(Outer, OldIrql);
}

static VOID NTAPI First(PVOID Context)
{
    UNUSED(Context);
    TakeBoth(&Left, &Right);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI Second(PVOID Context)
{
    UNUSED(Context);
    TakeBoth(&Right, &Left);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    WaitForBoth();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS Status;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Left);
    KeInitializeSpinLock(&Right);
    Status = Begin(0, First);
    if (NT_SUCCESS(Status)) {
        Status = Begin(1, Second);
    }
    if (!NT_SUCCESS(Status)) {
        WaitForBoth();
    }
    return Status;
}
