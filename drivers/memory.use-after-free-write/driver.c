/* Writes to a block of many pages that was freed. */
#include "kernel.h"

#define TAG 'lbaT' /* Tabl */
#define LENGTH (300 * PAGE_SIZE + 100)

static volatile UCHAR *Table;

static VOID NOINLINE Discard(VOID)
{
    ExFreePoolWithTag((PVOID)Table, TAG); HERE(); /* MARK: FREED */
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Discard();
    Table[LENGTH / 2] = 1; HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Table = ExAllocatePool2(POOL_FLAG_PAGED, LENGTH, TAG); HERE(); /* MARK: ALLOCATED */
    return Table == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}
