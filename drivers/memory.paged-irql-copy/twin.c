/* Has a nonpaged block copied while it holds a spin lock. */
#include "kernel.h"

#define TAG 'tnoC' /* Cont */

typedef struct _COUNTERS {
    ULONG Opened;
    ULONG Closed;
} COUNTERS, *PCOUNTERS;

static PCOUNTERS Counters;
static KSPIN_LOCK Lock;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    COUNTERS Copy;
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeAcquireSpinLock(&Lock, &OldIrql);
    RtlCopyMemory(&Copy, Counters, sizeof(Copy));
    KeReleaseSpinLock(&Lock, OldIrql);
    DbgPrint("%u\n", Copy.Opened);
    ExFreePoolWithTag(Counters, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Lock);
    Counters = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Counters), TAG);
    if (Counters == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Counters->Opened = 1;
    return STATUS_SUCCESS;
}
