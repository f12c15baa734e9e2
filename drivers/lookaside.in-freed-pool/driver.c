/* Frees the block that holds the head of a lookaside list. */
#include "kernel.h"

#define TAG 'txeD' /* Dext */

struct EXTENSION {
    ULONG Flags;
    LOOKASIDE_LIST_EX Entries;
};

static struct EXTENSION *Extension;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    if (Extension != NULL) {
        ExFreePoolWithTag(Extension, TAG); HERE(); /* MARK: CRIME */
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Entry;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Extension = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Extension), TAG);
    if (Extension == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ExInitializeLookasideListEx(&Extension->Entries, NULL, NULL, PagedPool, 0, 100, TAG, 0); HERE(); /* MARK: LIST */
    Entry = ExAllocateFromLookasideListEx(&Extension->Entries);
    if (Entry != NULL) {
        ExFreeToLookasideListEx(&Extension->Entries, Entry);
    }
    return STATUS_SUCCESS;
}
