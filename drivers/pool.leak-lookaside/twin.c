/* Gives every entry of a lookaside list back. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */

struct ENTRY {
    LIST_ENTRY Link;
    ULONG Number;
};

static LOOKASIDE_LIST_EX List;

static struct ENTRY *First;
static struct ENTRY *Second;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    if (Second != NULL) {
        ExFreeToLookasideListEx(&List, Second);
    }
    ExDeleteLookasideListEx(&List);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeLookasideListEx(&List, NULL, NULL, NonPagedPoolNx, 0, 72, TAG, 0);
    First = ExAllocateFromLookasideListEx(&List);
    if (First != NULL) {
        ExFreeToLookasideListEx(&List, First);
    }
    Second = ExAllocateFromLookasideListEx(&List);
    return STATUS_SUCCESS;
}
