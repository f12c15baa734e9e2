/* Deletes a resource before its block is freed. */
#include "kernel.h"

struct CONTEXT_BLOCK {
    ULONG Uses;
    ERESOURCE Lock;
};

static struct CONTEXT_BLOCK *Block;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExDeleteResourceLite(&Block->Lock);
    ExFreePoolWithTag(Block, 'kcoL');
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Block), 'kcoL');
    if (Block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ExInitializeResourceLite(&Block->Lock);
    return STATUS_SUCCESS;
}
