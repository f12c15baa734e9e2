/* Deletes its lookaside list before DriverEntry fails. */
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
    return STATUS_UNSUCCESSFUL;
}
