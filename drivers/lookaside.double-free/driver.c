/* Frees an entry to its lookaside list three times: by a routine, by inline code, and to the pool. */
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
    Entry = ExAllocateFromLookasideListEx(&List); HERE(); /* MARK: TAKEN */
    if (Entry == NULL) {
        return STATUS_SUCCESS;
    }
    ExFreeToLookasideListEx(&List, Entry); HERE(); /* MARK: FREED */
    ExFreeToLookasideListEx(&List, Entry); HERE(); /* MARK: ROUTINE */
    InlineFreeToLookasideListEx(&List, Entry);
    ExFreePoolWithTag(Entry, TAG); HERE(); /* MARK: POOL */
    return STATUS_SUCCESS;
}
