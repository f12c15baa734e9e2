/* Initializes lookaside lists whose heads lie where they may not. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */

/* One head is in memory that may be out on disk, the other begins at an odd multiple of 8. */
static NPAGED_LOOKASIDE_LIST First __attribute__((section("PAGEDATA"))) = {{{{{{0}}}}}};
static DECLSPEC_ALIGN(16) struct DEVICE_STATE {
    ULONG Flags[2];
    UCHAR Head[sizeof(LOOKASIDE_LIST_EX)];
} State;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExDeleteNPagedLookasideList(&First);
    ExDeleteLookasideListEx((PLOOKASIDE_LIST_EX)State.Head);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PLOOKASIDE_LIST_EX Second = (PLOOKASIDE_LIST_EX)State.Head;
    PVOID Entry;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    HIDE(Second);
    ExInitializeNPagedLookasideList(&First, NULL, NULL, 512, 100, TAG, 0); HERE(); /* MARK: FIRST */
    ExInitializeLookasideListEx(Second, NULL, NULL, NonPagedPoolNx, 0, 100, TAG, 0); HERE(); /* MARK: SECOND */
    Entry = ExAllocateFromLookasideListEx(Second);
    if (Entry != NULL) {
        ExFreeToLookasideListEx(Second, Entry);
    }
    return STATUS_SUCCESS;
}
