/* Initializes lookaside lists whose heads lie where they may. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */

static NPAGED_LOOKASIDE_LIST First;
static DECLSPEC_ALIGN(16) struct DEVICE_STATE {
    ULONG Flags[2];
    UCHAR Head[sizeof(LOOKASIDE_LIST_EX) + 8];
} State;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExDeleteNPagedLookasideList(&First);
    ExDeleteLookasideListEx((PLOOKASIDE_LIST_EX)(State.Head + 8));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PLOOKASIDE_LIST_EX Second = (PLOOKASIDE_LIST_EX)(State.Head + 8);
    PVOID Entry;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    HIDE(Second);
    ExInitializeNPagedLookasideList(&First, NULL, NULL, 512, 100, TAG, 0);
    ExInitializeLookasideListEx(Second, NULL, NULL, NonPagedPoolNx, 0, 100, TAG, 0);
    Entry = ExAllocateFromLookasideListEx(Second);
    if (Entry != NULL) {
        ExFreeToLookasideListEx(Second, Entry);
    }
    return STATUS_SUCCESS;
}
