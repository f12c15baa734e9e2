/* Frees the block that holds a resource which was not deleted. */
#include "kernel.h"

struct CONTEXT_BLOCK {
    ULONG Uses;
    ERESOURCE Lock;
};

static struct CONTEXT_BLOCK *Block;

static VOID NTAPI DriverUnload(PDRIVER_OBJECT DriverObject)
{
    UNUSED(DriverObject);
    ExFreePoolWithTag(Block, 'kcoL'); HERE(); /* MARK: CRIME */
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    UNUSED(RegistryPath);
    DriverObject->DriverUnload = DriverUnload;
    Block = ExAllocatePool2(POOL_FLAG_NON_PAGED, sizeof(*Block), 'kcoL');
    if (Block == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    ExInitializeResourceLite(&Block->Lock); HERE(); /* MARK: RESOURCE */
    return STATUS_SUCCESS;
}
