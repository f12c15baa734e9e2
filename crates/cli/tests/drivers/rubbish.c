/* Prints what a block holds that nobody initialized, and what one holds that the pool has zeroed. */
#include "kernel.h"

#define TAG 'bbuR' /* Rubb */

static VOID NOINLINE Show(const CHAR *Name, POOL_FLAGS Flags)
{
    UCHAR *Block = ExAllocatePool2(POOL_FLAG_NON_PAGED | Flags, 64, TAG);

    if (Block == NULL) {
        return;
    }
    DbgPrint("%s %02x %02x %02x\n", Name, Block[0], Block[31], Block[63]);
    ExFreePoolWithTag(Block, TAG);
}

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Show("uninitialized", POOL_FLAG_UNINITIALIZED);
    Show("zeroed", 0);
    return STATUS_SUCCESS;
}
