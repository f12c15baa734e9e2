/* Has a routine for a lookaside list that keeps to what it is given. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */

static LOOKASIDE_LIST_EX List;
static ULONG Count;

static PVOID NTAPI Allocate(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag, PLOOKASIDE_LIST_EX Lookaside)
{
    UNUSED(Lookaside);
    switch (Count++) {
    case 0:
        return ExAllocatePoolWithTag(PoolType, Size, Tag);
    case 1:
        return ExAllocatePoolWithTag(PoolType, Size * 2, Tag);
    default:
        return ExAllocatePoolWithTag(PoolType, Size, Tag);
    }
}

static VOID NTAPI Free(PVOID Entry, PLOOKASIDE_LIST_EX Lookaside)
{
    UNUSED(Lookaside);
    ExFreePool(Entry);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExDeleteLookasideListEx(&List);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Entries[3];
    ULONG Index;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeLookasideListEx(&List, Allocate, Free, NonPagedPoolNx, 0, 64, TAG, 0);
    Entries[0] = ExAllocateFromLookasideListEx(&List);
    Entries[1] = ExAllocateFromLookasideListEx(&List);
    Entries[2] = ExAllocateFromLookasideListEx(&List);
    for (Index = 0; Index < 3; Index++) {
        if (Entries[Index] != NULL) {
            Free(Entries[Index], &List);
        }
    }
    return STATUS_SUCCESS;
}
