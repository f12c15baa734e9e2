/* Makes lookaside lists for entries of 8 bytes. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */

static NPAGED_LOOKASIDE_LIST Plain;
static PAGED_LOOKASIDE_LIST Paged;
static LOOKASIDE_LIST_EX Extended;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExDeleteNPagedLookasideList(&Plain);
    ExDeletePagedLookasideList(&Paged);
    ExDeleteLookasideListEx(&Extended);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Entry;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeNPagedLookasideList(&Plain, NULL, NULL, 512, sizeof(ULONG64), TAG, 0);
    ExInitializePagedLookasideList(&Paged, NULL, NULL, 0, sizeof(ULONG64), TAG, 0);
    ExInitializeLookasideListEx(&Extended, NULL, NULL, NonPagedPoolNx, 0, sizeof(ULONG64), TAG, 0);
    Entry = ExAllocateFromNPagedLookasideList(&Plain);
    if (Entry != NULL) {
        ExFreeToNPagedLookasideList(&Plain, Entry);
    }
    return STATUS_SUCCESS;
}
