/* Takes as many blocks of 1 MiB as there are, prints their number, and gives them back. */
#include "kernel.h"

#define TAG 'raoH' /* Hoar */

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    PVOID *First = NULL;
    ULONG Count = 0;

    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    for (;;) {
        PVOID *Block = ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_UNINITIALIZED, 1024 * 1024, TAG);

        if (Block == NULL) {
            break;
        }
        *Block = First;
        First = Block;
        Count++;
    }
    while (First != NULL) {
        PVOID *Block = First;

        First = *Block;
        ExFreePoolWithTag(Block, TAG);
    }
    DbgPrint("%u blocks\n", Count);
    return STATUS_SUCCESS;
}
