/* Forgets its large block when it discards it. */
#include "kernel.h"

#define TAG 'grLT' /* TLrg */
#define LENGTH (5 * PAGE_SIZE + 100)

static PUCHAR Table;

static VOID NOINLINE Discard(VOID)
{
    ExFreePool(Table);
    Table = NULL;
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Discard();
    if (Table != NULL) {
        ExFreePool(Table);
    }
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Table = ExAllocatePoolWithTag(PagedPool, LENGTH, TAG);
    if (Table == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Table[0] = 1;
    Table[LENGTH - 1] = 1;
    return STATUS_SUCCESS;
}
