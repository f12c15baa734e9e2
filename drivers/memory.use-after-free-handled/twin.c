/* Reads a block of many pages before it is freed, with a handler for everything around it. */
#include "seh.h"

#define TAG 'lbaT' /* Tabl */
#define LENGTH (300 * PAGE_SIZE + 100)

static volatile UCHAR *Table;

static VOID NOINLINE Discard(VOID)
{
    ExFreePoolWithTag((PVOID)Table, TAG);
}

static VOID NOINLINE Look(VOID)
{
    (void)Table[LENGTH / 2];
}

static VOID SCOPED NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    TRY_ALWAYS(Blanket, Look(), DbgPrint("handled\n"));
    Discard();
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Table = ExAllocatePool2(POOL_FLAG_NON_PAGED, LENGTH, TAG);
    return Table == NULL ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
}
