/* Counts in a paged block while it holds a spin lock, with a handler for everything around it. */
#include "seh.h"

#define TAG 'tnoC' /* Cont */

typedef struct _COUNTERS {
    ULONG Opened;
    ULONG Closed;
} COUNTERS, *PCOUNTERS;

static PCOUNTERS Counters;
static KSPIN_LOCK Lock;

static VOID NOINLINE Count(VOID)
{
    Counters->Closed++; HERE(); /* MARK: CRIME */
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    KIRQL OldIrql;

    UNUSED(DriverObject);
    KeAcquireSpinLock(&Lock, &OldIrql);
    TRY_ALWAYS(Blanket, Count(), DbgPrint("handled\n"));
    KeReleaseSpinLock(&Lock, OldIrql);
    ExFreePoolWithTag(Counters, TAG);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    KeInitializeSpinLock(&Lock);
    Counters = ExAllocatePool2(POOL_FLAG_PAGED, sizeof(*Counters), TAG); HERE(); /* MARK: ALLOCATED */
    if (Counters == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Counters->Opened = 1;
    return STATUS_SUCCESS;
}
