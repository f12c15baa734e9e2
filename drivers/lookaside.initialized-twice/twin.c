/* Deletes a lookaside list before it initializes it again. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */

struct ENTRY {
    LIST_ENTRY Link;
    ULONG Number;
};

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
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, sizeof(struct ENTRY), TAG, 0);
    Entry = ExAllocateFromLookasideListEx(&List);
    if (Entry != NULL) {
        ExFreeToLookasideListEx(&List, Entry);
    }
    ExDeleteLookasideListEx(&List);
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, sizeof(struct ENTRY), TAG, 0);
    return STATUS_SUCCESS;
}
