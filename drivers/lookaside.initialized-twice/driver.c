/* Initializes a lookaside list again while an entry is idle in it. */
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
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, sizeof(struct ENTRY), TAG, 0); HERE(); /* MARK: BEFORE */
    Entry = ExAllocateFromLookasideListEx(&List);
    if (Entry != NULL) {
        ExFreeToLookasideListEx(&List, Entry);
    }
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, sizeof(struct ENTRY), TAG, 0); HERE(); /* MARK: CRIME */
    return STATUS_SUCCESS;
}
