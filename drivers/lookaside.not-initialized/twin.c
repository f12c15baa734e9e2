/* Deletes a lookaside list once. */
#include "kernel.h"

#define TAG 'yrtE' /* Etry */

static NPAGED_LOOKASIDE_LIST List;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExDeleteNPagedLookasideList(&List);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    ExInitializeNPagedLookasideList(&List, NULL, NULL, 512, 48, TAG, 0);
    return STATUS_SUCCESS;
}
