/* Frees an address inside an entry to its lookaside list, and an entry that it has freed to the pool. */
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
    PUCHAR Entry;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, 64, TAG, 0);
    Entry = ExAllocateFromLookasideListEx(&List);
    if (Entry == NULL) {
        return STATUS_SUCCESS;
    }
    ExFreeToLookasideListEx(&List, Entry + 8); HERE(); /* MARK: INSIDE */
    ExFreePoolWithTag(Entry, TAG);
    ExFreeToLookasideListEx(&List, Entry); HERE(); /* MARK: FREED */
    return STATUS_SUCCESS;
}
