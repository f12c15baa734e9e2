/* Reads a block of many pages that was freed, with a handler for everything around it. */
#include "seh.h"

#define TAG 'lbaT' /* Tabl */
#define LENGTH (300 * PAGE_SIZE + 100)

static volatile UCHAR *Table;

static VOID NOINLINE Discard(VOID)
{
    ExFreePoolWithTag((PVOID)Table, TAG); HERE(); /* MARK: FREED */
}

static VOID NOINLINE Look(VOID)
{
    (void)Table[LENGTH / 2]; HERE(); /* MARK: CRIME */
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    Discard();
    TRY_ALWAYS(Blanket, Look(), DbgPrint("handled\n"));
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Table = ExAllocatePool2(POOL_FLAG_NON_PAGED, LENGTH, TAG); HERE(); /* MARK: ALLOCATED */
    return Table == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}
