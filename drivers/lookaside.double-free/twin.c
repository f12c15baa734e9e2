/* Frees an entry to its lookaside list each time that it took it. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */

static LOOKASIDE_LIST_EX List;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExDeleteLookasideListEx(&List);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Entry;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, 64, TAG, 0);
    Entry = ExAllocateFromLookasideListEx(&List);
    if (Entry == NULL) {
        return STATUS_SUCCESS;
    }
    ExFreeToLookasideListEx(&List, Entry);
    Entry = ExAllocateFromLookasideListEx(&List);
    ExFreeToLookasideListEx(&List, Entry);
    Entry = InlineAllocateFromLookasideListEx(&List);
    InlineFreeToLookasideListEx(&List, Entry);
    Entry = ExAllocateFromLookasideListEx(&List);
    ExFreePoolWithTag(Entry, TAG);
    return STATUS_SUCCESS;
}
