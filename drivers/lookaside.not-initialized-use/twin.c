/* Deletes a lookaside list after its last use. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */

struct ENTRY {
    LIST_ENTRY Link;
    ULONG Number;
};

static LOOKASIDE_LIST_EX List;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    PVOID Entry;

    UNUSED(DriverObject);
    Entry = ExAllocateFromLookasideListEx(&List);
    if (Entry != NULL) {
        ExFreePoolWithTag(Entry, TAG);
    }
    ExDeleteLookasideListEx(&List);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, sizeof(struct ENTRY), TAG, 0);
    return STATUS_SUCCESS;
}
