/* Has a routine for a lookaside list that changes kind, size and tag of its entries. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */
#define OTHER_TAG 'rhtO' /* Othr */

static LOOKASIDE_LIST_EX List;
static ULONG Count;

static PVOID NTAPI Allocate(POOL_TYPE PoolType, SIZE_T Size, ULONG Tag, PLOOKASIDE_LIST_EX Lookaside)
{
    UNUSED(Lookaside);
    switch (Count++) {
    case 0:
        return ExAllocatePoolWithTag(PagedPool, Size, Tag);
    case 1:
        return ExAllocatePoolWithTag(PoolType, Size / 2, Tag);
    default:
        return ExAllocatePoolWithTag(PoolType, Size, OTHER_TAG);
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
    Entries[0] = ExAllocateFromLookasideListEx(&List); HERE(); /* MARK: KIND */
    Entries[1] = ExAllocateFromLookasideListEx(&List); HERE(); /* MARK: SIZE */
    Entries[2] = ExAllocateFromLookasideListEx(&List); HERE(); /* MARK: TAG */
    for (Index = 0; Index < 3; Index++) {
        if (Entries[Index] != NULL) {
            Free(Entries[Index], &List);
        }
    }
    return STATUS_SUCCESS;
}
