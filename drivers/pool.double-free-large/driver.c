/* Frees a paged block of several pages twice. */
#include "kernel.h"

#define TAG 'grLT' /* TLrg */
#define LENGTH (5 * PAGE_SIZE + 100)

static PUCHAR Table;

static VOID NOINLINE Discard(VOID)
{
    ExFreePool(Table); HERE(); /* MARK: FREED */
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Discard();
    ExFreePool(Table); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Table = ExAllocatePoolWithTag(PagedPool, LENGTH, TAG); HERE(); /* MARK: ALLOCATED */
    if (Table == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Table[0] = 1;
    Table[LENGTH - 1] = 1;
    return STATUS_SUCCESS;
}
