/* Uses a lookaside list of paged entries at DISPATCH_LEVEL. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */

static PAGED_LOOKASIDE_LIST List;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExDeletePagedLookasideList(&List);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID Entry;
    KIRQL OldIrql;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializePagedLookasideList(&List, NULL, NULL, 0, 64, TAG, 0);
    Entry = ExAllocateFromPagedLookasideList(&List);
    if (Entry == NULL) {
        return STATUS_SUCCESS;
    }
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    ExFreeToPagedLookasideList(&List, Entry); HERE(); /* MARK: FREE */
    KeLowerIrql(OldIrql);
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    Entry = InterlockedPopEntrySList(&List.L.ListHead); HERE(); /* MARK: POP */
    KeLowerIrql(OldIrql);
    OldIrql = KfRaiseIrql(DISPATCH_LEVEL);
    InterlockedPushEntrySList(&List.L.ListHead, (PSLIST_ENTRY)Entry); HERE(); /* MARK: PUSH */
    KeLowerIrql(OldIrql);
    return STATUS_SUCCESS;
}
